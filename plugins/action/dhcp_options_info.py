# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Prints the configuration that an existing DHCP server needs."""

from __future__ import annotations

from typing import Any

from ansible.plugins.action import ActionBase
from ansible.utils.display import Display
from ansible_collections.kindling.flatcar.plugins.plugin_utils._ansible.refusal import Refused
from ansible_collections.kindling.flatcar.plugins.plugin_utils._inventory.boot_hosts import HostFacts
from ansible_collections.kindling.flatcar.plugins.plugin_utils._inventory.hostvars import Variables
from ansible_collections.kindling.flatcar.plugins.plugin_utils._inventory.mistakes import describe
from ansible_collections.kindling.flatcar.plugins.plugin_utils._inventory.reader import read_inventory
from ansible_collections.kindling.flatcar.plugins.plugin_utils._network.dhcp_options import SERVERS, printed
from ansible_collections.kindling.flatcar.plugins.plugin_utils._schema.problem import InventoryError


class ActionModule(ActionBase):
    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        super().run(tmp, task_vars)
        _validation, options = self.validate_argument_spec(
            argument_spec={
                "networks": {"type": "list", "elements": "dict", "required": True},
                "programs": {"type": "dict", "required": True},
                "server": {"type": "str", "choices": list(SERVERS)},
            }
        )
        host = task_vars["inventory_hostname"]
        known = HostFacts(task_vars["ansible_facts"], self._task.args["networks"])
        try:
            found = read_inventory(Variables(task_vars, self._loader), {host: known}).checked()
        except InventoryError as invalid:
            raise Refused(describe(invalid.problems)) from None
        fleet = found.fleets[host]
        texts = [printed(network, fleet.nodes, options["programs"], options["server"]) for network in fleet.networks]
        for text in texts:
            Display().display(text)
        return {"changed": False, "texts": texts}
