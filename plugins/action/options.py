# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks the options that this run of a playbook was given with -e."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, ClassVar

from ansible_collections.kindling.flatcar.plugins.plugin_utils._ansible.refusal import Refused
from ansible_collections.kindling.flatcar.plugins.plugin_utils._inventory.action import InventoryAction
from ansible_collections.kindling.flatcar.plugins.plugin_utils._inventory.hostvars import Variables
from ansible_collections.kindling.flatcar.plugins.plugin_utils._options import playbook_options


class ActionModule(InventoryAction):
    _requires_connection = False
    arguments: ClassVar = {"playbook": {"type": "str", "choices": list(playbook_options.OPTIONS), "required": True}}

    def act(self, options: Mapping[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        playbook = options["playbook"]
        variables = Variables(task_vars, self._loader)
        given = self._templated(playbook_options.given(self._loader), playbook_options.names(playbook))
        own = variables.mentioned(playbook_options.unknown(playbook, given))
        refused = playbook_options.mistakes(playbook, given, own)
        stated = variables.stated(playbook_options.names(playbook))
        ignored = list(playbook_options.not_obeyed(playbook, given, stated))
        if playbook_options.refuses(playbook):
            refused, ignored = refused + ignored, []
        for sentence in ignored:
            self._display.warning(sentence)
        if refused:
            raise Refused("\n".join(f"{sentence}." for sentence in (*refused, "Nothing was done")))
        return {"changed": False}

    def _templated(self, given: Mapping[str, Any], names: Collection[str]) -> dict[str, Any]:
        """A variable that is not an option may be a template that only means something elsewhere."""
        return {name: self._templar.template(value) if name in names else value for name, value in given.items()}
