# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Shows each machine's boot as a timeline, where it stopped, and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any, ClassVar

from ansible_collections.kindling.flatcar.plugins.plugin_utils._inventory.action import InventoryAction
from ansible_collections.kindling.flatcar.plugins.plugin_utils._inventory.boot_hosts import BOOT_HOSTS
from ansible_collections.kindling.flatcar.plugins.plugin_utils._inventory.hostvars import Variables
from ansible_collections.kindling.flatcar.plugins.plugin_utils._inventory.mistakes import count
from ansible_collections.kindling.flatcar.plugins.plugin_utils._inventory.reader import NODES, read_nodes
from ansible_collections.kindling.flatcar.plugins.plugin_utils._journey.journey import STATES, Machine
from ansible_collections.kindling.flatcar.plugins.plugin_utils._journey.judge import judged
from ansible_collections.kindling.flatcar.plugins.plugin_utils._journey.machines import machines_in
from ansible_collections.kindling.flatcar.plugins.plugin_utils._journey.text import text_of
from ansible_collections.kindling.flatcar.plugins.plugin_utils._output.output import OUTPUT_OPTIONS, emit
from ansible_collections.kindling.flatcar.plugins.plugin_utils._status.status import status_of
from ansible_collections.kindling.flatcar.plugins.plugin_utils._status.wanted import (
    answer_of,
    names_of,
    names_to_read,
    wanted_in,
)


class ActionModule(InventoryAction):
    _requires_connection = False
    arguments: ClassVar = {
        **OUTPUT_OPTIONS,
        "asked": {"type": "list", "elements": "dict", "required": True},
        "heard": {"type": "list", "elements": "dict", "required": True},
        "hosts": {"type": "list", "elements": "str"},
        "show": {"type": "bool", "default": True},
    }

    def act(self, options: Mapping[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        variables = Variables(task_vars, self._loader)
        nodes = variables.group(NODES)
        found = read_nodes(names_to_read(nodes, variables.group(BOOT_HOSTS), options["hosts"]), variables)
        wanted, machines = wanted_in(found), machines_in(found)
        read = {told["item"]: answer_of(told) for told in options["asked"]}
        heard = {told["item"]: _heard(told) for told in options["heard"]}
        names = names_of(nodes, wanted, options["hosts"])
        journeys = [
            judged(machines[name], heard, read, status_of(name, wanted.get(name), read))
            for name in names
            if name in machines
        ]
        unreadable = [f"{name}: the inventory has mistakes: see validate.yml" for name in names if name not in machines]
        summary = _summary(journeys)
        if options["show"]:
            texts = [*map(text_of, journeys), *unreadable, summary]
            emit(options, "\n\n".join(texts), {"machines": journeys, "unreadable": unreadable, "summary": summary})
        shown = [machines[name] for name in names if name in machines]
        return {"changed": False, "msg": summary, "followed": _followed(shown, options["hosts"])}


def _heard(told: Mapping[str, Any]) -> Mapping[str, Any] | str:
    """What a boot host has heard, or why that is not known."""
    return told if "boots" in told else str(told.get("msg") or "no answer")


def _followed(machines: Iterable[list[Machine]], hosts: list[str] | None) -> dict[str, dict[str, Any]]:
    """The machines of each boot host, under the name of the host whose task follows them: its own, if it is among *hosts*, or that
    of the first node."""
    by_host: dict[str, list[Machine]] = {}
    for served in machines:
        for machine in served[:1]:
            by_host.setdefault(machine.boot_host, []).append(machine)
    return {
        (host if hosts is None or host in hosts else there[0].name): {
            "boot_host": host,
            "machines": [{**asdict(one), "macs": list(one.macs)} for one in there],
        }
        for host, there in by_host.items()
    }


def _summary(journeys: list[Mapping[str, Any]]) -> str:
    states = Counter(journey["state"] for journey in journeys)
    parts = [f"{states[state]} {state}" for state in STATES if states[state]]
    return f"{count(len(journeys), 'machine')}: {', '.join(parts) or 'none'}"
