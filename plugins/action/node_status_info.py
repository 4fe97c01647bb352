# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Shows for every node what is wanted, what is published and what it reported."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from typing import Any, ClassVar

from ansible_collections.kindling.flatcar.plugins.module_utils._mirror.channels import notes
from ansible_collections.kindling.flatcar.plugins.plugin_utils._inventory.action import InventoryAction
from ansible_collections.kindling.flatcar.plugins.plugin_utils._inventory.boot_hosts import BOOT_HOSTS
from ansible_collections.kindling.flatcar.plugins.plugin_utils._inventory.hostvars import Variables
from ansible_collections.kindling.flatcar.plugins.plugin_utils._inventory.mistakes import count
from ansible_collections.kindling.flatcar.plugins.plugin_utils._inventory.reader import NODES, read_nodes
from ansible_collections.kindling.flatcar.plugins.plugin_utils._output.output import OUTPUT_OPTIONS, emit
from ansible_collections.kindling.flatcar.plugins.plugin_utils._status.installs import table
from ansible_collections.kindling.flatcar.plugins.plugin_utils._status.status import (
    served_by,
    served_lines,
    status_of,
    strangers,
    text,
)
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
        "register": {"type": "str", "required": True},
        "asked": {"type": "list", "elements": "dict", "default": []},
        "hosts": {"type": "list", "elements": "str"},
    }

    def act(self, options: Mapping[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        variables = Variables(task_vars, self._loader)
        hosts = variables.group(BOOT_HOSTS)
        wanted = wanted_in(read_nodes(names_to_read(variables.group(NODES), hosts, options["hosts"]), variables))
        asked = {answer["item"]: answer for answer in options["asked"]}
        read = {
            host: answer_of(asked.get(host) or task_vars["hostvars"][host].get(options["register"])) for host in hosts
        }
        names = names_of(variables.group(NODES), wanted, options["hosts"])
        statuses = [status_of(name, wanted.get(name), read) for name in names]
        if options["hosts"] is None or set(options["hosts"]) & set(hosts):
            known = {*variables.group(NODES), *(word for one in wanted.values() for word in one.known_as)}
            asked_for = {host: answer for host, answer in read.items() if host in (options["hosts"] or hosts)}
            statuses += strangers(asked_for, known)
        summary = _summary(statuses)
        asked_of = {status["boot_host"] for status in statuses} | (set(options["hosts"] or hosts) & set(hosts))
        served = {host: served_by(read[host]) for host in hosts if host in asked_of}
        images = _images(read)
        told = "".join(f"{line}\n" for line in (*served_lines(served), *images))
        emit(
            options,
            f"{told}\n{table(text(statuses))}\n\n{summary}",
            {"nodes": statuses, "boot_hosts": served, "images": images, "summary": summary},
        )
        return {"changed": False, "msg": summary}


def _images(read: Mapping[str, Mapping[str, Any] | str]) -> list[str]:
    """What there is to report about the releases on the boot hosts that answered."""
    answered = {host: answer for host, answer in read.items() if not isinstance(answer, str)}
    now = time.time()
    return [f"{host}: {note}" for host, answer in answered.items() for note in notes(answer.get("channels", ()), now)]


def _summary(statuses: list[Mapping[str, Any]]) -> str:
    drifting = sum(bool(status["drift"]) for status in statuses)
    armed = sum(bool(status["armed_until"]) for status in statuses)
    stages = Counter(status["stage"] for status in statuses if status["stage"])
    parts = [f"{armed} armed", *(f"{number} {stage}" for stage, number in stages.items()), f"{drifting} drifting"]
    return f"{count(len(statuses), 'node')}: {', '.join(parts)}"
