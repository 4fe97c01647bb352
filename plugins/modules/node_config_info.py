# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documents the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: node_config_info
short_description: Show what nodes' variables become, and where each part comes from
description:
  - Shows each node's merged Butane with the variable, inventory file and line that each key comes from, its iPXE script, and the
    size of its Ignition config. The JSON is a list if there are several nodes.
  - Password hashes and LUKS keys are masked, as is every Butane value that contains a vaulted string.
  - Reads the inventory on the controller, and connects to no host.
version_added: 0.1.0
author:
  - Kindling developers (@kindling-flatcar)
extends_documentation_fragment:
  - kindling.flatcar.attributes.read_only
  - kindling.flatcar.output
options:
  format:
    description:
      - V(text) for people, V(json) for programs; V(butane) or V(ignition) alone, for other tools. The latter have the nodes'
        secrets, and need O(output).
    type: str
    choices: [text, json, butane, ignition]
    default: text
  nodes:
    description: The nodes, hosts of the group C(flatcar_nodes).
    type: list
    elements: str
    required: true
"""

EXAMPLES = r"""
- name: Explain a node
  kindling.flatcar.node_config_info:
    nodes: [a01]
"""

RETURN = r"""
msg:
  description: The sizes of the nodes' Ignition configs.
  returned: success
  type: str
"""
