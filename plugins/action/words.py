# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks the values of a role's variables that become configuration."""

from __future__ import annotations

from typing import Any

from ansible.plugins.action import ActionBase
from ansible_collections.kindling.flatcar.plugins.plugin_utils._ansible.refusal import Refused
from ansible_collections.kindling.flatcar.plugins.plugin_utils._inventory.mistakes import describe
from ansible_collections.kindling.flatcar.plugins.plugin_utils._schema.role_words import ROLES, check, of_role


class ActionModule(ActionBase):
    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        super().run(tmp, task_vars)
        _validation, options = self.validate_argument_spec(
            argument_spec={"role": {"type": "str", "choices": list(ROLES), "required": True}}
        )
        given = {
            name: self._templar.template(task_vars[name]) for name in of_role(options["role"]) if name in task_vars
        }
        problems = check(task_vars["inventory_hostname"], given)
        if problems:
            raise Refused(describe(problems))
        return {"changed": False}
