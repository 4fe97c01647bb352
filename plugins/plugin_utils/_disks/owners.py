# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One thing has one owner: two machines of an inventory cannot both have what exists only once."""

from __future__ import annotations

import contextlib
import functools
import ipaddress
import socket
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from .._network.networks import Network
from .._node import Node
from .._schema.problem import Problem
from .disk_names import serial_identity, world_identities

_DISK = "flatcar_install_disk"
_SERIAL = "flatcar_install_disk_serial"
_BMC = "flatcar_bmc"

#: The default port of a service processor.
_USUAL_PORTS = {"redfish": 443, "ipmi": 623}


class Segment(NamedTuple):
    """A boot host's network, and how the inventory writes it."""

    host: str
    network: Network
    entry: Mapping[str, Any]


class _Taken(NamedTuple):
    """An address or a name that is taken, what in the inventory says so, and its network.

    ``said`` is asked only where something is wrong: what the inventory gave of each node is packed.
    """

    whose: str
    said: Callable[[], Any]
    network: Network | None


def check_owners(
    nodes: Iterable[Node], segments: Iterable[Segment], reached_at: Mapping[str, Any] | None = None
) -> list[Problem]:
    """What two machines both have, wherever they are.

    *segments* are those of all boot hosts; *reached_at* are the names and addresses by which Ansible reaches these.
    """
    nodes, segments = list(nodes), list(segments)
    macs = ((mac, node) for node in nodes for mac in node.macs())
    serials = ((node.install_disk_serial, node) for node in nodes if node.install_disk_serial)
    return [
        *duplicates("flatcar_mac", macs),
        *duplicates(_SERIAL, serials),
        *_shared_disks(nodes),
        *_shared_processors(nodes),
        *_wakers_of_others(nodes),
        *_processors_in_the_way(nodes, segments, reached_at or {}),
    ]


def problem_of(node: Node, variable: str, message: str, other: Any = None) -> Problem:
    """Placed at the variable, or, for a generated host name, at the machine's own MAC address."""
    return Problem(node.name, variable, message, _said(node, variable), other=other)


def _said(node: Node, variable: str) -> Any:
    return node.given.get(variable, node.given["flatcar_mac"])


def duplicates(variable: str, owners: Iterable[tuple[Any, Node]]) -> Iterator[Problem]:
    holders: dict[Any, list[Node]] = defaultdict(list)
    for value, node in owners:
        holders[value].append(node)
    for value, (first, *others) in holders.items():
        shown = value[0] if isinstance(value, tuple) else value
        for node in others:
            yield problem_of(node, variable, f"{shown} already belongs to {first.name}", _said(first, variable))


def _shared_disks(nodes: Iterable[Node]) -> Iterator[Problem]:
    """On a SAN, the second installation would destroy the running system of the first machine.

    Two equal ``flatcar_install_disk_serial`` are not reported here.
    """
    by_name: dict[str, Node] = {}
    by_serial: dict[str, Node] = {}
    for node in nodes:
        names, serials = _identities_of(node)
        first = _first_of(names, by_name) or _first_of(names, by_serial) or _first_of(serials, by_name)
        if first:
            yield _shared_disk(node, first)
        by_name |= {name: by_name.get(name, node) for name in names}
        by_serial |= {serial: by_serial.get(serial, node) for serial in serials}


def installed_disks(nodes: Iterable[Node]) -> dict[str, Node]:
    """Whose disk each installation disk is, by all of its globally unique identifiers."""
    owners: dict[str, Node] = {}
    for node in nodes:
        owners |= {name: owners.get(name, node) for names in _identities_of(node) for name in names}
    return owners


def _identities_of(node: Node) -> tuple[set[str], set[str]]:
    """The globally unique identifiers of the disk that *node* is installed to: by its name, and by its serial number."""
    names = world_identities(node.install_disk) if node.install_disk else set()
    return names, {serial_identity(node.install_disk_serial)} if node.install_disk_serial else set()


def said_of_disk(node: Node) -> Any:
    """Where the inventory says which disk *node* is installed to."""
    return _said(node, _disk_of(node)[0])


def _first_of(identities: Iterable[str], holders: Mapping[str, Node]) -> Node | None:
    return next((holders[one] for one in sorted(identities) if one in holders), None)


def _shared_disk(node: Node, first: Node) -> Problem:
    variable, disk = _disk_of(node)
    its_variable, its_disk = _disk_of(first)
    called = "" if disk == its_disk else f", which calls it {its_disk}"
    message = f"{disk} already belongs to {first.name}{called}: a disk is installed for one machine"
    return problem_of(node, variable, message, _said(first, its_variable))


def _disk_of(node: Node) -> tuple[str, str]:
    return (_DISK, node.install_disk) if node.install_disk else (_SERIAL, node.install_disk_serial)


def _shared_processors(nodes: Iterable[Node]) -> Iterator[Problem]:
    """A service processor without a system id has one system only, so any other node with its address means the same machine."""
    holders: dict[tuple, dict[str | None, Node]] = defaultdict(dict)
    for node in nodes:
        if not _has_processor(node):
            continue
        systems = holders[_reached_by(node)]
        system = node.bmc["system"]
        first = systems.get(system) or systems.get(None) or (next(iter(systems.values()), None) if not system else None)
        if first:
            yield _of_bmc(
                node,
                "address",
                f"{node.bmc['address']} is already {first.name}'s service processor: {node.name} would switch "
                f"{first.name} off and on. Give it its own{', or set system for both' if _is_redfish(node) else ''}",
                _said_of_bmc(first, "address"),
            )
        systems.setdefault(system, node)


def _has_processor(node: Node) -> bool:
    return bool(node.bmc) and node.bmc["type"] != "wol"


def _is_redfish(node: Node) -> bool:
    return node.bmc["type"] == "redfish"


def _reached_by(node: Node) -> tuple:
    """A processor that speaks both protocols, each at its usual port, is one; where an unusual port leads is unknown."""
    port = node.bmc["port"]
    usual = port in (None, _USUAL_PORTS[node.bmc["type"]])
    return (_host(node.bmc["address"]), None if usual else (node.bmc["type"], port))


def _host(address: str) -> Any:
    """The address that a string denotes, in whatever spelling, or else the name itself."""
    with contextlib.suppress(ValueError):
        parsed = ipaddress.ip_address(address)
        return getattr(parsed, "ipv4_mapped", None) or parsed
    with contextlib.suppress(OSError):
        return ipaddress.IPv4Address(
            socket.inet_aton(address)
        )  # 10.99.11 and 0x0a63000b are addresses to every program
    return address


def _wakers_of_others(nodes: Sequence[Node]) -> Iterator[Problem]:
    """A packet that would wake a machine other than the one to be installed."""
    owners: dict[str, tuple[Node, Callable[[], Any]]] = {}
    for node in nodes:
        for mac in node.macs():
            owners.setdefault(mac, (node, functools.partial(_said, node, "flatcar_mac")))
    for node in nodes:
        if not node.bmc or not node.bmc["mac"] or node.bmc["mac"] in node.macs():
            continue
        mac = node.bmc["mac"]
        first, said = owners.setdefault(mac, (node, functools.partial(_said_of_bmc, node, "mac")))
        if first is not node:
            yield _of_bmc(
                node,
                "mac",
                f"{mac} already belongs to {first.name}: {first.name} would wake instead of this one",
                said(),
            )


def _processors_in_the_way(
    nodes: Sequence[Node], segments: Sequence[Segment], reached_at: Mapping[str, Any]
) -> Iterator[Problem]:
    networks = {rack: segment.network for segment in segments for rack in segment.network.racks}
    taken = defaultdict(list)
    for key, owner in (*_of_boot_hosts(segments, reached_at), *_of_nodes(nodes, networks)):
        taken[key].append(owner)
    for node in nodes:
        if _has_processor(node):
            own = networks.get(node.rack)
            owner = next((o for o in taken.get(_host(node.bmc["address"]), ()) if _same_world(o.network, own)), None)
            if owner:
                message = f"{node.bmc['address']} is {owner.whose}: a service processor needs an address of its own"
                yield _of_bmc(node, "address", message, owner.said())


def _same_world(network: Network | None, own: Network | None) -> bool:
    """Addresses in a separate routing domain mean something only to machines in it."""
    return network is None or network.vrf is None or (own is not None and network.vrf == own.vrf)


def _of_boot_hosts(segments: Iterable[Segment], reached_at: Mapping[str, Any]) -> Iterator[tuple[Any, _Taken]]:
    for host, at in reached_at.items():
        yield _host(at), _Taken(f"the boot host {host}'s address", lambda at=at: at, None)
    for host, network, entry in segments:
        for name, whose in (
            ("address", f"the boot host {host}'s"),
            ("gateway", "the gateway's"),
            ("relay", "the relay's"),
        ):
            if getattr(network, name):
                yield (
                    getattr(network, name),
                    _Taken(f"{whose} address", functools.partial(entry.get, name, entry), network),
                )
        for address in network.own:
            yield address, _Taken(f"the boot host {host}'s address", lambda entry=entry: entry, network)


def _of_nodes(nodes: Iterable[Node], networks: Mapping[str, Network]) -> Iterator[tuple[Any, _Taken]]:
    for node in nodes:
        network = networks.get(node.rack)
        for address in node.addresses():
            said = functools.partial(_said, node, variable_of_address(node, address))
            yield address, _Taken(f"{node.name}'s own address", said, network)
        domain = node.domain or (network and network.domain)
        for name in (node.hostname, *([f"{node.hostname}.{domain}"] if domain else [])):
            said = functools.partial(_said, node, "flatcar_hostname")
            yield name, _Taken(f"{node.name}'s own name", said, network)


def variable_of_address(node: Node, address: Any) -> str:
    """The variable of *node* that holds this *address*."""
    if address == node.address:
        return "flatcar_address"
    return "flatcar_more_addresses" if address in node.more_addresses else "flatcar_interfaces"


def _of_bmc(node: Node, option: str, message: str, other: Any) -> Problem:
    return Problem(node.name, f"{_BMC}.{option}", message, _said_of_bmc(node, option), other=other)


def _said_of_bmc(node: Node, option: str) -> Any:
    return node.given[_BMC].get(option, node.given[_BMC])


__all__ = (
    "Segment",
    "check_owners",
    "duplicates",
    "installed_disks",
    "problem_of",
    "said_of_disk",
    "variable_of_address",
)
