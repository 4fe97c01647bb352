# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Host vars to Butane."""

from __future__ import annotations

DOCUMENTATION = r"""
name: to_butane
short_description: Turn a node's variables into its Butane config
description:
  - Reads the C(flatcar_*) variables of a node and returns its whole Butane config as a mapping.
  - Every variable named C(flatcar_butane) or C(flatcar_butane_<name>) is a Butane fragment. Fragments are merged over the config
    from the other variables, in the order of their names, entry by entry (files by path, units and users by name), the later one
    winning field by field. An entry with a true C($delete) removes an inherited one.
version_added: 0.1.0
author:
  - Kindling developers (@kindling-flatcar)
positional: _input
options:
  _input:
    description: The node's variables, such as C(hostvars['node-1']).
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Show what a node's variables become
  ansible.builtin.debug:
    msg: "{{ hostvars['node-1'] | kindling.flatcar.to_butane }}"
"""

RETURN = r"""
_value:
  description: The Butane config, of the variant C(flatcar).
  type: dict
"""

from collections.abc import Mapping

from ansible.errors import AnsibleFilterError, AnsibleTypeError
from ansible_collections.kindling.flatcar.plugins.plugin_utils._inventory.mistakes import describe
from ansible_collections.kindling.flatcar.plugins.plugin_utils._node import node_variables, read_node
from ansible_collections.kindling.flatcar.plugins.plugin_utils._node import to_butane as node_to_butane
from ansible_collections.kindling.flatcar.plugins.plugin_utils._schema.problem import InventoryError


def to_butane(variables: Mapping) -> dict:
    if not isinstance(variables, Mapping):
        raise AnsibleTypeError(
            f"kindling.flatcar.to_butane expects a node's variables, got {variables!r}", obj=variables
        )
    name = variables.get("inventory_hostname", "node")
    node, problems = read_node(name, {key: variables[key] for key in node_variables(variables)})
    if node is None:
        raise AnsibleFilterError(describe(problems))
    try:
        return node_to_butane(node)
    except InventoryError as invalid:
        raise AnsibleFilterError(describe(invalid.problems)) from None


class FilterModule:
    def filters(self) -> dict:
        return {"to_butane": to_butane}
