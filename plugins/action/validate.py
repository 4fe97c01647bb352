# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks the whole inventory, and prints every problem at its place."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Collection, Iterable, Mapping
from typing import Any, ClassVar

from ansible_collections.kindling.flatcar.plugins.plugin_utils._ansible.refusal import Refused
from ansible_collections.kindling.flatcar.plugins.plugin_utils._disks.losses import Loss, lines, losses, who
from ansible_collections.kindling.flatcar.plugins.plugin_utils._inventory.action import (
    InventoryAction,
    read_without_facts,
)
from ansible_collections.kindling.flatcar.plugins.plugin_utils._inventory.boot_hosts import BOOT_HOSTS
from ansible_collections.kindling.flatcar.plugins.plugin_utils._inventory.hostvars import Variables
from ansible_collections.kindling.flatcar.plugins.plugin_utils._inventory.mistakes import (
    as_data,
    count,
    listed,
    mistakes,
)
from ansible_collections.kindling.flatcar.plugins.plugin_utils._inventory.reader import NODES, Fleet
from ansible_collections.kindling.flatcar.plugins.plugin_utils._inventory.second_opinion import (
    Opinions,
    second_opinions,
)
from ansible_collections.kindling.flatcar.plugins.plugin_utils._node import warnings
from ansible_collections.kindling.flatcar.plugins.plugin_utils._output.output import OUTPUT_OPTIONS, emit
from ansible_collections.kindling.flatcar.plugins.plugin_utils._schema.problem import INVENTORY, Problem


class ActionModule(InventoryAction):
    _requires_connection = False
    arguments: ClassVar = {
        **OUTPUT_OPTIONS,
        "cross_check": {"type": "bool", "default": True},
        "hosts": {"type": "list", "elements": "str"},
    }

    def act(self, options: Mapping[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        started = time.monotonic()
        groups = task_vars["groups"]
        found = read_without_facts(Variables(task_vars, self._loader))
        asked = frozenset(options["hosts"] or ())
        fleets = [_within(fleet, asked) for fleet in found.fleets.values()]
        opinions = second_opinions(fleets) if options["cross_check"] else Opinions([], [], [])
        everything = [*_missing_groups(groups), *found.problems, *opinions.problems]
        shown = [problem for problem in everything if _is_asked(problem.subject, asked)]
        problems = mistakes(shown)
        remarks = (*found.warnings, *found.placeholders, *(one for node in found.nodes for one in warnings(node)))
        warned = mistakes(remark for remark in remarks if _is_asked(remark.subject, asked))
        lost = _losses(fleets)
        data = {
            "boot_hosts": len(found.fleets),
            "nodes": len(groups.get(NODES, ())),
            "limit": options["hosts"],
            "problems": as_data(problems),
            "warnings": as_data(warned),
            "problems_elsewhere": len(mistakes(everything)) - len(mistakes(shown)),
            "losses": [{"node": name, **loss._asdict()} for name, losses in lost.items() for loss in losses],
            "seconds": round(time.monotonic() - started, 3),
            "cross_checked_with": opinions.asked,
            "notes": opinions.notes,
        }
        summary = _summary(data)
        told = "".join(f"  {line}\n" for line in lines(lost))
        sections = [
            f"{listed(problems)}\n" if problems else "",
            f"Warnings\n{listed(warned)}\n" if warned else "",
            f"Disks that lose data\n{told}" if told else "",
            # Ansible prints it if the task has failed
            summary if options["output"] or not problems else "",
        ]
        emit(options, "\n".join(section for section in sections if section), data)
        if problems:
            raise Refused(summary)
        return {"changed": False, "msg": summary}


def _is_asked(name: str, hosts: Collection[str]) -> bool:
    """A problem in a file may affect any host."""
    return not hosts or name in hosts or name == INVENTORY


def _within(fleet: Fleet, hosts: Collection[str]) -> Fleet:
    return dataclasses.replace(fleet, nodes=tuple(node for node in fleet.nodes if _is_asked(node.name, hosts)))


def _losses(fleets: Iterable[Fleet]) -> dict[str, list[Loss]]:
    """What disks lose, by node, for nodes without problems."""
    return {
        node.name: losses(node, fleet.configs[node.name])
        for fleet in fleets
        for node in fleet.nodes
        if node.name in fleet.configs
    }


def _missing_groups(groups: Mapping[str, Any]) -> list[Problem]:
    return [
        Problem(INVENTORY, f"group {group}", "has no hosts; inventories/example shows how it is filled")
        for group in (BOOT_HOSTS, NODES)
        if not groups.get(group)
    ]


def _summary(data: Mapping[str, Any]) -> str:
    checked = " and ".join(data["cross_checked_with"])
    others = count(data["problems_elsewhere"], "problem")
    details = [
        *([f"of {who(data['limit'])} alone; {others} of other hosts"] if data["limit"] else []),
        *([count(len(data["warnings"]), "warning")] if data["warnings"] else []),
        f"{data['seconds']:.1f} seconds",
        *([f"cross-checked with {checked}"] if checked else []),
        *data["notes"],
    ]
    return (
        f"{count(data['nodes'], 'node')} of {count(data['boot_hosts'], 'boot host')}: "
        f"{count(len(data['problems']), 'problem')} ({'; '.join(details)})"
    )
