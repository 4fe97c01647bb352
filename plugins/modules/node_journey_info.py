# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documents the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: node_journey_info
short_description: Show each machine's boot as a timeline, where it stopped, and why
description:
  - Judges what M(kindling.flatcar.journey_info) has heard on each boot host by a table of rules, beside what the inventory wants
    and what M(kindling.flatcar.arming_info) read there. Prints a timeline for each machine, the hop at which it stopped, and the
    likely causes, the likeliest first, each with what speaks for it and what to do.
  - A boot host that did not answer is reported for each of its nodes. So is a mistake in the inventory.
version_added: 0.1.0
author:
  - Kindling developers (@kindling-flatcar)
extends_documentation_fragment:
  - kindling.flatcar.attributes.read_only
  - kindling.flatcar.output
options:
  asked:
    description: What M(kindling.flatcar.arming_info) returned in a loop over the boot hosts, each with the boot host as C(item).
    type: list
    elements: dict
    required: true
  heard:
    description: What M(kindling.flatcar.journey_info) returned in a loop over the boot hosts, each with the boot host as C(item).
    type: list
    elements: dict
    required: true
  hosts:
    description: The names of the nodes to show, and of boot hosts whose nodes are shown. All nodes when not given.
    type: list
    elements: str
  show:
    description: Whether anything is printed.
    type: bool
    default: true
"""

EXAMPLES = r"""
- name: Show how far each machine got
  kindling.flatcar.node_journey_info:
    asked: "{{ read_on_boot_hosts.results }}"
    heard: "{{ heard_on_boot_hosts.results }}"
"""

RETURN = r"""
msg:
  description: The summary, with the number of machines in each state.
  returned: always
  type: str
followed:
  description:
    - For each boot host, under its own name or, if it is not among O(hosts), under that of its first node, its C(boot_host) and the
      C(machines) that it serves, as M(kindling.flatcar.journey_follow) needs them.
  returned: always
  type: dict
"""
