# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Prints the configuration that an existing DHCP server needs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from ansible.utils.display import Display
from ansible_collections.kindling.flatcar.plugins.plugin_utils._inventory.action import InventoryAction
from ansible_collections.kindling.flatcar.plugins.plugin_utils._inventory.boot_hosts import HostFacts
from ansible_collections.kindling.flatcar.plugins.plugin_utils._inventory.hostvars import Variables
from ansible_collections.kindling.flatcar.plugins.plugin_utils._inventory.reader import read_inventory
from ansible_collections.kindling.flatcar.plugins.plugin_utils._network.dhcp_options import SERVERS, printed


class ActionModule(InventoryAction):
    _requires_connection = False
    arguments: ClassVar = {
        "networks": {"type": "list", "elements": "dict", "required": True},
        "programs": {"type": "dict", "required": True},
        "server": {"type": "str", "choices": list(SERVERS)},
    }

    def act(self, options: Mapping[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        host = task_vars["inventory_hostname"]
        known = HostFacts(task_vars["ansible_facts"], self._task.args["networks"])
        fleet = read_inventory(Variables(task_vars, self._loader), {host: known}).checked().fleets[host]
        texts = [printed(network, fleet.nodes, options["programs"], options["server"]) for network in fleet.networks]
        for text in texts:
            Display().display(text)
        return {"changed": False, "texts": texts}
