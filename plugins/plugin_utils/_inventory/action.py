# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What actions that look at the inventory have in common."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, ClassVar

from .._ansible.host_action import HostAction
from .._ansible.refusal import Refused
from .._schema.problem import InventoryError
from .boot_hosts import BOOT_HOSTS, HostFacts
from .hostvars import Variables
from .mistakes import describe
from .reader import InventoryReading, read_inventory


class InventoryAction(HostAction):
    """An action that checks its arguments, and is refused with everything that is wrong with the inventory."""

    #: As in a module's ``argument_spec``.
    arguments: ClassVar[Mapping[str, Any]]

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        super().run(tmp, task_vars)
        _validation, options = self.validate_argument_spec(argument_spec=self.arguments)
        try:
            return self.act(options, task_vars)
        except InventoryError as invalid:
            raise Refused(describe(invalid.problems)) from None

    def act(self, options: Mapping[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        raise NotImplementedError


def read_without_facts(variables: Variables, named: Collection[str] | None = None) -> InventoryReading:
    """The inventory, or the *named* nodes of it, without any facts of its boot hosts."""
    return read_inventory(variables, {host: HostFacts() for host in variables.group(BOOT_HOSTS)}, named)


__all__ = ("InventoryAction", "read_without_facts")
