# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documents the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: node_status_info
short_description: Show for every node what is wanted, what is published and what it reported
description:
  - Compares the inventory with what M(kindling.flatcar.arming_info) read on each boot host, and prints a table.
  - Below the table, reports what each boot host serves, and by whom, when and from which commit that was published.
  - A boot host that did not answer is reported for each of its nodes. So is a mistake in the inventory.
version_added: 0.1.0
author:
  - Kindling developers (@kindling-flatcar)
extends_documentation_fragment:
  - kindling.flatcar.attributes.read_only
  - kindling.flatcar.output
options:
  register:
    description: The variable of each boot host that holds what M(kindling.flatcar.arming_info) returned there.
    type: str
    required: true
  asked:
    description: What M(kindling.flatcar.arming_info) returned in a loop over boot hosts, each with the boot host as C(item).
    type: list
    elements: dict
    default: []
  hosts:
    description: The names of the nodes to show, and of boot hosts whose nodes are shown. All nodes when not given.
    type: list
    elements: str
"""

EXAMPLES = r"""
- name: Show the nodes
  kindling.flatcar.node_status_info:
    register: read_on_boot_hosts
"""

RETURN = r"""
msg:
  description: The summary, with the number of nodes in each state.
  returned: always
  type: str
"""
