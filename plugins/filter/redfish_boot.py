# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a machine with Redfish is set to boot from the network."""

from __future__ import annotations

DOCUMENTATION = r"""
name: redfish_boot
short_description: Choose how a machine with Redfish boots from the network once
description:
  - Most systems can be set to boot by PXE, some only by UEFI HTTP boot. A service processor with several systems needs to know
    which one is meant.
  - Fails if it is unclear which system is meant, with the names of all, and if that system cannot be set to boot from the network.
version_added: 0.1.0
author:
  - Kindling developers (@kindling-flatcar)
positional: _input, system, network
options:
  _input:
    description: The result of C(community.general.redfish_info) with the command C(GetBootOverride), even if that has failed.
    type: dict
    required: true
  system:
    description: The system's id, as C(flatcar_bmc) has it.
    type: str
  network:
    description: Whether it is to boot from the network at all.
    type: bool
    default: true
"""

EXAMPLES = r"""
- name: Set the next boot to the network, once
  community.general.redfish_command:
    category: Systems
    command: SetOneTimeBoot
    bootdevice: "{{ (told | kindling.flatcar.redfish_boot('1')).device }}"
"""

RETURN = r"""
_value:
  description:
    - Its C(device) is V(Pxe) or V(UefiHttp); C(systems) are the ids of all systems that the service reported.
  type: dict
"""

from collections.abc import Mapping
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.kindling.flatcar.plugins.plugin_utils._node.power import network_boot


def redfish_boot(told: Mapping[str, Any], system: str | None = None, network: bool = True) -> dict[str, Any]:
    try:
        return network_boot(told, system, network)
    except ValueError as error:
        raise AnsibleFilterError(f"kindling.flatcar.redfish_boot: {error}") from None


class FilterModule:
    def filters(self) -> dict:
        return {"redfish_boot": redfish_boot}
