# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documents the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: journey_follow
short_description: Show machines live, a line for each hop, until they run
description:
  - Asks a boot host again and again what it has heard of machines, and prints a line for each hop that one of them has reached,
    until all of them run or have been sent to their own disk.
  - One that is already there is not waited for. One that stopped is, because somebody may restart it.
version_added: 0.1.0
author:
  - Kindling developers (@kindling-flatcar)
extends_documentation_fragment:
  - kindling.flatcar.attributes.read_only
options:
  machines:
    description: The machines, as M(kindling.flatcar.node_journey_info) returns them.
    type: list
    elements: dict
    required: true
  timeout:
    description: After how many seconds it ends, whoever is still missing.
    type: int
    default: 3600
  reservations:
    description: See O(kindling.flatcar.journey_info#module:reservations).
    type: path
  log:
    description: See O(kindling.flatcar.journey_info#module:log).
    type: path
"""

EXAMPLES = r"""
- name: Follow the machines of a boot host
  kindling.flatcar.journey_follow:
    machines: "{{ shown.followed['a01'].machines }}"
  delegate_to: "{{ shown.followed['a01'].boot_host }}"
"""

RETURN = r"""
msg:
  description: Which machines are not done.
  returned: always
  type: str
left:
  description: Their names.
  returned: always
  type: list
  elements: str
"""
