# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Chooses the machines to try, tries them from the task's host, and reports how far each firmware would get."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, ClassVar

from ansible_collections.kindling.flatcar.plugins.module_utils._netboot.architectures import codes_of_board
from ansible_collections.kindling.flatcar.plugins.plugin_utils._ansible.refusal import Refused
from ansible_collections.kindling.flatcar.plugins.plugin_utils._inventory.action import (
    InventoryAction,
    read_without_facts,
)
from ansible_collections.kindling.flatcar.plugins.plugin_utils._inventory.hostvars import Variables
from ansible_collections.kindling.flatcar.plugins.plugin_utils._inventory.reader import Fleet
from ansible_collections.kindling.flatcar.plugins.plugin_utils._node import Node
from ansible_collections.kindling.flatcar.plugins.plugin_utils._output.output import OUTPUT_OPTIONS, emit
from ansible_collections.kindling.flatcar.plugins.plugin_utils._output.probe_report import (
    NOT_SEEN,
    as_text,
    masked,
    verdict,
)
from ansible_collections.kindling.flatcar.plugins.plugin_utils._publish.places import network_of


class ActionModule(InventoryAction):
    _requires_connection = True
    arguments: ClassVar = {
        **OUTPUT_OPTIONS,
        "hosts": {"type": "list", "elements": "str"},
        "all_nodes": {"type": "bool", "default": False},
        "interface": {"type": "str"},
        "seconds": {"type": "float", "default": 5},
    }

    def act(self, options: Mapping[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        own = self._task.delegate_to or task_vars["inventory_hostname"]
        fleets = read_without_facts(Variables(task_vars, self._loader)).checked().fleets
        _check_names(options["hosts"] or (), fleets)
        # A boot host does not receive what it sends itself
        others = [(host, fleet) for host, fleet in fleets.items() if host != own]
        networks = [network for host, fleet in others for network in _networks(host, fleet, options, own)]
        if not networks:
            raise Refused(
                f"{own} can probe no network: the only ones with such nodes are its own, and a boot host does not receive what it "
                "sends itself. Name another host on the racks' network with -e acceptance_host=NAME"
            )
        if options["interface"] and len(networks) > 1:
            raise Refused(
                f"interface is {options['interface']}, but there are {len(networks)} networks to probe: choose nodes of "
                "one with --limit"
            )
        arguments = {key: options[key] for key in ("interface", "seconds") if options[key] is not None}
        result = self._execute_module(
            module_name="kindling.flatcar.network_probe",
            module_args={**arguments, "networks": networks},
            task_vars=task_vars,
        )
        if result.get("failed"):
            return result
        return self._told(options, masked(result["networks"]))

    @staticmethod
    def _told(options: Mapping[str, Any], networks: list[dict[str, Any]]) -> dict[str, Any]:
        emit(options, as_text(networks), networks)
        rows = [row for network in networks for row in (*network["rows"], network["stranger"]) if row]
        failed = sorted({row["node"] for row in rows if verdict(row).startswith("FAILED")})
        result = {"changed": False, "networks": networks, "failed": bool(failed) or not rows}
        if failed:
            result["msg"] = f"Not everything would boot: {', '.join(failed)}. The table above says what is wrong."
        elif not rows:
            result["msg"] = NOT_SEEN.format(", ".join(f"{one['subnet']} of {one['boot_host']}" for one in networks))
        return result


def _check_names(hosts: Iterable[str], fleets: Mapping[str, Fleet]) -> None:
    known = {*fleets, *(node.name for fleet in fleets.values() for node in fleet.nodes)}
    unknown = [name for name in hosts if name not in known]
    if unknown:
        raise Refused(f"No boot host serves {', '.join(unknown)}: name nodes of the inventory, or boot hosts.")


def _networks(host: str, fleet: Fleet, options: Mapping[str, Any], own: str) -> Iterator[dict[str, Any]]:
    """Both boot hosts of a pair answer for the same machines: those are tried once."""
    for network in fleet.networks:
        if network.standby and network.peer != own:
            continue
        nodes = [node for node in fleet.nodes if network_of(node, [network])]
        behind = options["hosts"] is None or host in options["hosts"]
        chosen = list(_chosen(nodes, options["hosts"] or (), behind, options["all_nodes"]))
        if chosen:
            yield {"boot_host": host, "subnet": str(network.subnet), "nodes": [_target(node) for node in chosen]}


def _chosen(nodes: Iterable[Node], named: Collection[str], behind: bool, all_nodes: bool) -> Iterator[Node]:
    """Those that are *named*, and behind those in *behind* one machine of each kind (what it boots, its board), or all of them."""
    kinds = set()
    for node in nodes:
        kind = (node.boot_mode, node.board)
        if node.name in named or (behind and (all_nodes or kind not in kinds)):
            yield node
        kinds.add(kind)


def _target(node: Node) -> dict[str, Any]:
    return {
        "name": node.name,
        "mac": node.mac[0],
        "address": str(node.address),
        "codes": list(codes_of_board(node.board)),
    }
