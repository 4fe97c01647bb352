# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documents the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: validate
short_description: Check the whole inventory, and print every problem at its place
description:
  - Reads the variables of all hosts in the groups C(boot_hosts) and C(flatcar_nodes) on the controller, and checks them one by
    one and against each other, as M(kindling.flatcar.publish) does before it publishes. Fails if there are problems.
  - Also reads the inventory's files as they are written, to find what Ansible would silently drop. What may be intended is a
    warning, not a failure.
  - Lists in words which disks of which nodes lose what, and when.
  - Warns of what operators should know, such as a machine that nobody can log in to, and of placeholders of the example, which
    M(kindling.flatcar.publish) does not publish. Warnings do not count as problems.
  - Connects to no host. What only a boot host knows, its interfaces and ports, is not checked.
  - Valid configs are also checked with the programs C(butane) and C(ignition-validate), if they are on the controller's PATH.
version_added: 0.1.0
author:
  - Kindling developers (@kindling-flatcar)
extends_documentation_fragment:
  - kindling.flatcar.attributes.read_only
  - kindling.flatcar.output
options:
  hosts:
    description:
      - The hosts whose problems and losses are shown and decide whether it fails. The whole inventory is checked all the same.
      - All hosts when not given.
    type: list
    elements: str
  cross_check:
    description: Also run the other programs, once for each node.
    type: bool
    default: true
"""

EXAMPLES = r"""
- name: Check all boot hosts and all nodes
  kindling.flatcar.validate:
"""

RETURN = r"""
msg:
  description: The summary, with the numbers of nodes, boot hosts and problems, and the seconds that the check took.
  returned: always
  type: str
"""
