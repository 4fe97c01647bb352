# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks the values of a role's variables that become configuration."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from ansible_collections.kindling.flatcar.plugins.plugin_utils._inventory.action import InventoryAction
from ansible_collections.kindling.flatcar.plugins.plugin_utils._schema.problem import InventoryError
from ansible_collections.kindling.flatcar.plugins.plugin_utils._schema.role_words import ROLES, check, of_role


class ActionModule(InventoryAction):
    _requires_connection = False
    arguments: ClassVar = {"role": {"type": "str", "choices": list(ROLES), "required": True}}

    def act(self, options: Mapping[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        given = {
            name: self._templar.template(task_vars[name]) for name in of_role(options["role"]) if name in task_vars
        }
        problems = check(task_vars["inventory_hostname"], given)
        if problems:
            raise InventoryError(problems)
        return {"changed": False}
