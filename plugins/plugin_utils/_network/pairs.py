# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pairs of boot hosts: two that serve the same racks, so that one can fail. Any other rack or network has one boot host."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from .._node import Node
from .._schema.problem import Problem
from .networks import VARIABLE, Network

Networks = Mapping[str, Sequence[Network]]
"""The networks of boot hosts, by host."""

#: What the two of a pair must have in common: machines must not notice which of them answered.
_ALIKE = ("subnet", "racks", "gateway", "domain", "ntp", "reserved", "vrf")


class _Side(NamedTuple):
    """A boot host's network, its place in the host's variable, and how it is written there."""

    host: str
    number: int
    network: Network
    entry: Mapping[str, Any]

    def problem(self, field: str, message: str, other: Any = None) -> Problem:
        place = next((key for key in self.entry if key == field), self.entry)
        return Problem(self.host, f"{VARIABLE}[{self.number}].{field}", message, place, other=other)


def check_pairs(networks: Networks, given: Mapping[str, Any], unreadable: Collection[str] = ()) -> list[Problem]:
    """What is wrong with the pairs that boot hosts declare; the sides of *unreadable* hosts are not reported.

    *given* are the networks as the inventory has them.
    """
    sides = _sides(networks, given)
    return [
        problem for side in sides if side.network.peer for problem in _check_side(side, sides, networks, unreadable)
    ]


def _sides(networks: Networks, given: Mapping[str, Any]) -> list[_Side]:
    return [
        _Side(host, number, network, given[host][number])
        for host, own in networks.items()
        for number, network in enumerate(own)
    ]


def check_overlaps(networks: Networks, given: Mapping[str, Any]) -> list[Problem]:
    """Networks of two boot hosts that share addresses, though the two are no pair and the networks are not separate."""
    sides = _sides(networks, given)
    return [
        side.problem("subnet", _overlap_message(side, other), other.entry.get("subnet"))
        for number, side in enumerate(sides)
        for other in sides[:number]
        if side.host != other.host and side.network.subnet.overlaps(other.network.subnet) and not _belong(side, other)
    ]


def _belong(side: _Side, other: _Side) -> bool:
    """Whether they belong to a pair, which ``check_pairs`` covers, or are behind separate switches."""
    vrfs = {side.network.vrf, other.network.vrf}
    apart = len(vrfs) == 2 and None not in vrfs
    return apart or side.network.peer == other.host or other.network.peer == side.host


def _overlap_message(side: _Side, other: _Side) -> str:
    return (
        f"{side.network.subnet} overlaps {other.network.subnet} of {other.host}: both would answer the same machines. Give it "
        "addresses of its own, make the two a pair by peer, or name the vrf of each if they are behind separate switches"
    )


def _check_side(
    side: _Side, sides: Iterable[_Side], networks: Networks, unreadable: Collection[str]
) -> Iterator[Problem]:
    host, own, peer = side.host, side.network, side.network.peer
    if peer == host:
        yield side.problem("peer", f"{host} is this boot host itself: name the other one of the pair")
    elif peer not in networks:
        yield side.problem("peer", f"{peer} is not in the group boot_hosts; it has {', '.join(sorted(networks))}")
    elif peer not in unreadable:
        other = next((s for s in sides if s.host == peer and set(s.network.racks) & set(own.racks)), None)
        if other is None or other.network.peer != host:
            yield side.problem(
                "peer", f"{peer} does not name {host} as its peer for {_racks(own.racks)}: set it on both"
            )
        else:
            yield from _check_match(side, other)


def _check_match(side: _Side, other: _Side) -> Iterator[Problem]:
    own, its = side.network, other.network
    for name in _ALIKE:
        if _comparable(getattr(own, name)) != _comparable(getattr(its, name)):
            yield side.problem(name, f"its peer {other.host} has another: give both the same")
    if own.address is not None and own.address == its.address:
        yield side.problem("address", f"{own.address} is also {other.host}'s: each of a pair needs its own")
    if own.standby == its.standby:
        message = f"{other.host} and {side.host} are both {'on standby' if own.standby else 'first'}"
        yield side.problem("standby", f"{message}: set it to true on only one of them")


def _comparable(value: Any) -> Any:
    return sorted(map(str, value)) if isinstance(value, tuple) else value


def check_homes(nodes: Iterable[Node], networks: Networks) -> list[Problem]:
    """Nodes in racks of several boot hosts that are no pair: each would answer them in its own way."""
    homes = defaultdict(list)
    for host, own in networks.items():
        for network in own:
            for rack in network.racks:
                homes[rack].append((host, network))
    shared = {rack: [host for host, _network in found] for rack, found in homes.items() if not _paired(found)}
    return [
        Problem(node.name, "flatcar_rack", _homes_message(node.rack, shared[node.rack]), node.given["flatcar_rack"])
        for node in nodes
        if node.rack in shared
    ]


def _paired(homes: Sequence[tuple[str, Network]]) -> bool:
    """Whether one boot host has the rack, or two of which at least one names the other: ``check_pairs`` covers the rest."""
    hosts = {host for host, _network in homes}
    return len(homes) == 1 or (len(homes) == 2 and any(network.peer in hosts for _host, network in homes))


def _homes_message(rack: str, hosts: Iterable[str]) -> str:
    return (
        f"{rack} is a rack of {' and of '.join(hosts)}: take it out of the {VARIABLE} of all but one, or make two of them a "
        "pair by peer on both and standby on one"
    )


def _racks(racks: Iterable[str]) -> str:
    return ", ".join(racks)


def with_peers(host: str, networks: Networks) -> tuple[Network, ...]:
    """The networks of *host* with what is known about the other boot hosts on them."""
    return tuple(replace(own, peer_address=_peer_address(own, networks)) for own in networks[host])


def _peer_address(own: Network, networks: Networks) -> Any:
    others = networks.get(own.peer, ()) if own.peer else ()
    return next((other.address for other in others if set(other.racks) & set(own.racks)), None)


__all__ = ("check_homes", "check_overlaps", "check_pairs", "with_peers")
