# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a machine is powered on."""

from __future__ import annotations

DOCUMENTATION = r"""
name: power
short_description: Work out how a machine is powered on
description:
  - Turns the node variable C(flatcar_bmc) into the arguments that the role C(kindling.flatcar.power) passes to the modules that
    do it, with all defaults filled in.
version_added: 0.1.0
author:
  - Kindling developers (@kindling-flatcar)
positional: _input, macs
options:
  _input:
    description: The value of C(flatcar_bmc); empty or null for a machine that is powered on by hand.
    type: raw
    required: true
  macs:
    description: The machine's MAC addresses. The first one wakes it if C(flatcar_bmc) names no other.
    type: list
    elements: str
    default: []
"""

EXAMPLES = r"""
- name: Show how the machine is powered on
  ansible.builtin.debug:
    msg: "{{ ({'type': 'wol'} | kindling.flatcar.power(['52:54:00:12:a0:01'])).mac }}"
"""

RETURN = r"""
_value:
  description:
    - Its C(type) is V(redfish), V(ipmi), V(wol) or V(hand). The other keys are those of C(flatcar_bmc); with V(redfish) the
      C(address) includes the port.
  type: dict
"""

from collections.abc import Sequence
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.kindling.flatcar.plugins.plugin_utils._node.power import plan


def power(bmc: Any, macs: Sequence[str] = ()) -> dict[str, Any]:
    try:
        return plan(bmc, macs)
    except ValueError as error:
        raise AnsibleFilterError(f"kindling.flatcar.power: flatcar_bmc: {error}") from None


class FilterModule:
    def filters(self) -> dict:
        return {"power": power}
