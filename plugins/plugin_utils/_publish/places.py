# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where nodes are: which network each belongs to, and what is wrong with their addresses there."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import Any

from .._disks.owners import duplicates, problem_of, variable_of_address
from .._network.networks import VARIABLE, Network
from .._node import Node
from .._schema.problem import Problem


def network_of(node: Node, networks: Iterable[Network]) -> Network | None:
    return next((network for network in networks if node.rack in network.racks), None)


def check_racks(nodes: Iterable[Node], racks: Collection[str]) -> list[Problem]:
    """Nodes in racks that are on no boot host's network: nothing would answer them."""
    message = f"no boot host has this rack in its {VARIABLE}; they have {', '.join(sorted(map(str, racks))) or 'none'}"
    return [problem_of(node, "flatcar_rack", f"{node.rack}: {message}") for node in nodes if node.rack not in racks]


def check_fleet(nodes: Iterable[Node], networks: Iterable[Network]) -> list[Problem]:
    """What is wrong with the places of *nodes* on *networks*, and with their addresses and names taken together."""
    nodes, networks = list(nodes), list(networks)
    problems = [problem for node in nodes for problem in _check_place(node, networks)]
    problems += duplicates("flatcar_address", _places(nodes, networks))
    problems += duplicates("flatcar_hostname", (((node.hostname, node.domain), node) for node in nodes))
    return problems


def _places(nodes: Iterable[Node], networks: Iterable[Network]) -> Iterator[tuple[Any, Node]]:
    """Addresses with the network that they are on: racks may use the same private ones behind separate switches."""
    for node in nodes:
        network = network_of(node, networks)
        yield from (((address, network and network.subnet), node) for address in node.addresses())


def _check_place(node: Node, networks: Iterable[Network]) -> Iterator[Problem]:
    network = network_of(node, networks)
    if network is None:
        return
    for address in (node.address, *node.more_addresses):
        if address not in network.subnet:
            message = f"{address} is outside {node.rack}'s network {network.subnet}"
            yield problem_of(node, variable_of_address(node, address), message)
    for address in node.addresses():
        whose = _whose(address, network)
        if whose:
            variable = variable_of_address(node, address)
            yield problem_of(node, variable, f"{address} is {whose}: choose another")


def _whose(address: Any, network: Network) -> str | None:
    """What else an address on *network* belongs to."""
    taken = {
        network.subnet.network_address: "the network's own address",
        network.subnet.broadcast_address: "the network's broadcast address",
        network.address: "the boot host's address",
        network.relay: "the relay's address",
        network.gateway: "the gateway's address",
        network.peer_address: f"the address of the other boot host, {network.peer}",
    }
    if address in taken:
        return taken[address]
    for held in network.reserved:
        if address.version == held.first.version and held.holds(address):
            return f"reserved ({held}, by {VARIABLE})"
    return None


def name_of(network: Network) -> str:
    """The web server's name for a network, by the client's address."""
    return f"{network.subnet.network_address}-{network.subnet.prefixlen}"


__all__ = ("check_fleet", "check_racks", "name_of", "network_of")
