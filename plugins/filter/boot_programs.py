# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which boot program each kind of firmware gets, ready for templates."""

from __future__ import annotations

DOCUMENTATION = r"""
name: boot_programs
short_description: Work out which boot program each kind of firmware gets
description:
  - Combines a boot host's own choices with those that nodes can make with C(flatcar_boot_program).
version_added: 0.1.0
author:
  - Kindling developers (@kindling-flatcar)
positional: _input, programs
options:
  _input:
    description: The boot host's choices by architecture (C(bios), C(efi-x64), C(efi-arm64)).
    type: dict
    required: true
  programs:
    description: The operator's files, as M(kindling.flatcar.publish) returns them.
    type: list
    elements: dict
    required: true
"""

EXAMPLES = r"""
- name: Show what UEFI machines get
  ansible.builtin.debug:
    msg: "{{ {'efi-x64': 'snponly.efi'} | kindling.flatcar.boot_programs([]) | selectattr('tag', 'eq', 'efi-x64') }}"
"""

RETURN = r"""
_value:
  description:
    - For each architecture its C(tag), the C(codes) and C(http_codes) of DHCP option 93, and C(programs), each with its C(file)
      and the C(tags) of the machines that get it.
  type: list
  elements: dict
"""

from ansible_collections.kindling.flatcar.plugins.plugin_utils._boot.programs import boot_table


class FilterModule:
    def filters(self) -> dict:
        return {"boot_programs": boot_table}
