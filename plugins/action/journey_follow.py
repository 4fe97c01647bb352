# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Shows machines live, a line for each hop, until they run."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from ansible.errors import AnsibleConnectionFailure
from ansible_collections.kindling.flatcar.plugins.plugin_utils._ansible.host_action import HostAction
from ansible_collections.kindling.flatcar.plugins.plugin_utils._ansible.refusal import Refused
from ansible_collections.kindling.flatcar.plugins.plugin_utils._journey.following import Following
from ansible_collections.kindling.flatcar.plugins.plugin_utils._journey.journey import Machine
from ansible_collections.kindling.flatcar.plugins.plugin_utils._schema.words import visible

_POLL = 3.0  # seconds


class ActionModule(HostAction):
    _requires_connection = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        super().run(tmp, task_vars)
        _validation, options = self.validate_argument_spec(
            argument_spec={
                "machines": {"type": "list", "elements": "dict", "required": True},
                "timeout": {"type": "int", "default": 3600},
                "reservations": {"type": "path"},
                "log": {"type": "path"},
            }
        )
        machines = [Machine(**{**told, "macs": tuple(told["macs"])}) for told in options["machines"]]
        places = {name: options[name] for name in ("reservations", "log") if options[name]}
        following = Following(machines)
        end = time.monotonic() + options["timeout"]
        while True:
            for line in following.news(self._heard(machines, places, task_vars)):
                # Not to stdout: unless that is a terminal, lines only appear when they have filled a buffer
                self._display.display(visible(line), stderr=True)
            if not following.left or time.monotonic() >= end:
                return {"changed": False, "msg": following.summary(), "left": following.left}
            time.sleep(_POLL)

    def _heard(
        self, machines: list[Machine], places: Mapping[str, Any], task_vars: Mapping[str, Any]
    ) -> Mapping[str, Any] | None:
        """None if the boot host does not answer now: machines go on without us."""
        macs = [mac for machine in machines for mac in machine.macs]
        try:
            return self.ask("journey_info", {**places, "macs": macs}, task_vars)
        except (AnsibleConnectionFailure, Refused) as failure:
            self._display.display(f"{machines[0].boot_host} does not answer, trying again: {failure}", stderr=True)
            return None
