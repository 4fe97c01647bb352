# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The provisioning networks of a boot host: the racks on them, and what DHCP tells the machines there."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .._schema import fields
from .._schema.fields import AddressRange, Field, read_fields, unknown_names
from .._schema.problem import InventoryError, Problem

VARIABLE = "kindling_networks"
MODES = ("authoritative", "proxy", "none")

NETWORK = (
    Field(
        "interface",
        fields.word("interface"),
        "the boot host's interface on this network, or the one that its relay reaches; a VLAN's is one too",
        required=True,
    ),
    Field("subnet", fields.subnet, "the network in CIDR form, such as 10.0.0.0/24", required=True),
    Field(
        "racks", fields.one_or_more(fields.word("rack")), "the racks whose nodes stand on this network", required=True
    ),
    Field(
        "mode",
        fields.choice(*MODES),
        "who gives addresses here. `authoritative`: the boot host; `proxy`: another DHCP server, and the boot host adds what "
        "to boot; `none`: another DHCP server, which tells what to boot too (`playbooks/dhcp_options.yml` prints how)",
        default="authoritative",
    ),
    Field(
        "relay",
        fields.address,
        "for racks behind a router: its address on this network, which its DHCP relay puts into requests. The boot host then "
        "needs no address on this network",
    ),
    Field("address", fields.address, "the boot host's address here; as found on the interface when not given"),
    Field("gateway", fields.address, "the router that nodes are given; the relay, or none, when not given"),
    Field(
        "dns", fields.one_or_more(fields.address), "the name servers that nodes are given; the boot host when not given"
    ),
    Field("ntp", fields.one_or_more(fields.address), "the time servers that nodes are given", default=()),
    Field("domain", fields.domain, "the domain of the nodes' names"),
    Field(
        "vrf",
        fields.line,
        "the routing domain that this network is in, by a name of yours. Two networks with the same addresses, behind switches "
        "of their own, say two different ones; all others overlap with no other boot host's but their `peer`'s",
    ),
    Field(
        "reserved",
        fields.list_of(fields.address_range),
        "addresses and ranges that no node may have, such as another server's dynamic range `10.0.0.100-10.0.0.199`",
        default=(),
    ),
    Field(
        "other_dhcp_servers",
        fields.one_or_more(fields.address),
        "the addresses of other DHCP servers that belong on this network; any other one stops a run",
        default=(),
    ),
    Field(
        "peer",
        fields.word("host"),
        "the boot host that serves the same racks beside this one, by its name in the inventory, so that either can fail;"
        " it has to name this one, and both have to say their `address`",
    ),
    Field("standby", fields.boolean, "on one of a pair: it answers DHCP only where its `peer` does not", default=False),
    Field(
        "quarantine",
        fields.address_range,
        "addresses for machines that are not in the inventory: these get a script that tells who they are, and no more. "
        "Without it nobody answers them",
    ),
)


#: Which network, by its place in the list, which of its fields, and what is wrong with it.
_Found = tuple[int, str, str]
#: No gateway: the machine and the boot host are on one network.
_ON_LINK = "0.0.0.0"  # noqa: S104 nothing listens there


@dataclass(frozen=True)
class Network:
    """A provisioning network of one boot host, checked.

    ``address``, and ``dns`` if it is not given, are unknown until the boot host was asked for its interfaces; ``peer_address``,
    until the peer's networks were read. ``own`` are all addresses of the interface: a machine may name the boot host by any of
    them as its DHCP server.
    """

    interface: str
    subnet: ipaddress.IPv4Network
    racks: tuple[str, ...]
    address: ipaddress.IPv4Address | None
    gateway: ipaddress.IPv4Address | None
    dns: tuple[ipaddress.IPv4Address, ...]
    ntp: tuple[ipaddress.IPv4Address, ...]
    domain: str | None
    reserved: tuple[AddressRange, ...] = ()
    other_dhcp_servers: tuple[ipaddress.IPv4Address, ...] = ()
    peer: str | None = None
    standby: bool = False
    peer_address: ipaddress.IPv4Address | None = None
    mode: str = "authoritative"
    relay: ipaddress.IPv4Address | None = None
    quarantine: AddressRange | None = None
    own: tuple[ipaddress.IPv4Address, ...] = ()
    vrf: str | None = None

    def printable(self) -> dict[str, Any]:
        """The network as a template prints it."""
        return {
            "interface": self.interface,
            "cidr": str(self.subnet),
            "subnet": str(self.subnet.network_address),
            "netmask": str(self.subnet.netmask),
            "racks": list(self.racks),
            "address": str(self.address),
            "gateway": str(self.gateway) if self.gateway else None,
            "dns": [str(server) for server in self.dns],
            "ntp": [str(server) for server in self.ntp],
            "domain": self.domain,
            "other_dhcp_servers": [str(server) for server in self.other_dhcp_servers],
            "peer": self.peer,
            "standby": self.standby,
            "mode": self.mode,
            "tag": self._tag(),
            "own": [str(address) for address in self.own],
            "quarantine": self._quarantine(),
            "routes": self._routes(),
            "nearby": self._nearby(),
        }

    def _nearby(self) -> list[str]:
        """Where nodes' NICs may have addresses other than their own: in quarantine, and anywhere if another server assigns
        them."""
        if self.mode != "authoritative":
            return [str(self.subnet)]
        return self._quarantine()["blocks"] if self.quarantine else []

    def _routes(self) -> list[str]:
        """Option 121 (RFC 3442), in dnsmasq's form: destinations, each with its gateway. It lets a machine with several NICs
        reach the boot hosts through a known one, whichever lease came first; it includes the default route, which clients then
        take from nowhere else.
        """
        routes = []
        for host in filter(None, (self.address, self.peer_address)):
            routes += [f"{host}/32", _ON_LINK if host in self.subnet else str(self.gateway or self.relay)]
        return [*routes, *(["0.0.0.0/0", str(self.gateway)] if self.gateway else [])]

    def _tag(self) -> str:
        """dnsmasq gives each request its interface's name as a tag. A proxy has to use that: dnsmasq 2.91 hangs on the second
        packet to a proxy's range that has a tag of its own."""
        return self.interface if self.mode == "proxy" else f"net-{self.subnet.network_address}"

    def _quarantine(self) -> dict[str, Any] | None:
        if self.quarantine is None:
            return None
        first, last = self.quarantine
        blocks = ipaddress.summarize_address_range(first, last)
        return {"first": str(first), "last": str(last), "blocks": [str(block) for block in blocks]}


def read_networks(host: str, value: Any, facts: Mapping[str, Any] | None = None) -> tuple[Network, ...]:
    """The networks of boot host *host* from its variable, completed from Ansible's facts about its interfaces if they
    are given.

    Raises ``InventoryError`` with all problems.
    """
    if not isinstance(value, list | tuple) or not value:
        raise InventoryError(
            [Problem(host, VARIABLE, "expected a list of the networks that this boot host serves", value)]
        )
    networks, problems = [], []
    for number, entry in enumerate(value):
        network, found = _read_network(host, f"{VARIABLE}[{number}]", entry, facts)
        networks.append(network)
        problems += found
    problems = problems or [
        Problem(host, f"{VARIABLE}[{number}].{field}", message, value[number][field])
        for check in (_overlaps, _shared_racks, _half_open, _beside_a_proxy)
        for number, field, message in check(networks)
    ]
    if problems:
        raise InventoryError(problems)
    return tuple(networks)


def _read_network(
    host: str, path: str, entry: Any, facts: Mapping[str, Any] | None
) -> tuple[Network | None, list[Problem]]:
    if not isinstance(entry, Mapping):
        return None, [Problem(host, path, "expected a mapping", entry)]
    typed, problems = read_fields(NETWORK, entry, host, f"{path}.", home=entry)
    problems += unknown_names(entry, [field.name for field in NETWORK], host, f"{path}.")
    if problems:
        return None, problems
    misplaced = [
        Problem(host, f"{path}.{name}", message, entry[name] if entry.get(name) is not None else entry)
        for name, message in _misplaced(typed)
    ]
    if misplaced:
        return None, misplaced
    typed["own"] = ()
    if facts is not None:
        try:
            typed["own"] = _addresses_of(typed["interface"], facts)
            typed["address"] = _own_address(typed)
        except ValueError as error:
            return None, [Problem(host, f"{path}.interface", str(error), entry["interface"])]
    typed["gateway"] = typed["gateway"] or typed["relay"]
    if typed["quarantine"]:
        typed["reserved"] = (*typed["reserved"], typed["quarantine"])
    typed["dns"] = typed["dns"] or ((typed["address"],) if typed["address"] else ())
    return Network(**typed), []


def _misplaced(network: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What fields cannot say together: the field, and why."""
    subnet = network["subnet"]
    inside = ("gateway", "relay") if network["relay"] else ("address", "gateway")
    for name in inside:
        if network[name] and network[name] not in subnet:
            yield name, f"outside {subnet}"
    if network["peer"] and not network["address"]:
        yield "address", "missing: a network with a peer needs it"
    if network["standby"] and not network["peer"]:
        yield "standby", "has no peer: set peer to the boot host that answers first"
    if network["mode"] == "proxy" and network["relay"]:
        yield (
            "relay",
            "a proxy answers on its own network alone: let the relay's DHCP server tell what to boot (mode none)",
        )
    held = network["quarantine"]
    if held is None:
        return
    if network["mode"] != "authoritative":
        yield "quarantine", f"the boot host gives no addresses here: mode is {network['mode']}"
    elif network["peer"]:
        yield "quarantine", "two boot hosts would give one address to two machines: a network with a peer has none"
    elif held.first not in subnet or held.last not in subnet:
        yield "quarantine", f"outside {subnet}"
    else:
        taken = [subnet.network_address, subnet.broadcast_address]
        taken += [network[name] for name in ("address", "gateway", "relay") if network[name]]
        for address in dict.fromkeys(taken):
            if held.holds(address):
                yield "quarantine", f"holds {address}, which is not free"


def _addresses_of(interface: str, facts: Mapping[str, Any]) -> tuple[ipaddress.IPv4Address, ...]:
    """The boot host's addresses on *interface*; ``ValueError`` when it has no such interface."""
    interfaces = {fact["device"]: fact for fact in facts.values() if isinstance(fact, Mapping) and "device" in fact}
    if interface not in interfaces:
        raise ValueError(
            f"the boot host has no interface {interface}; it has {', '.join(sorted(interfaces)) or 'none'}"
        )
    fact = interfaces[interface]
    return tuple(
        ipaddress.IPv4Address(entry["address"])
        for entry in (fact.get("ipv4", {}), *fact.get("ipv4_secondaries", ()))
        if entry.get("address")
    )


def _own_address(network: Mapping[str, Any]) -> ipaddress.IPv4Address:
    """The boot host's address for the network; ``ValueError`` when the interface cannot serve it.

    A relay brings machines from their own network to any address of the boot host.
    """
    own, wanted = network["own"], network["address"]
    usable = [found for found in own if network["relay"] or found in network["subnet"]]
    if wanted in own:
        return wanted
    if wanted is not None or not usable:
        expected = wanted or ("an IPv4 address" if network["relay"] else f"an address in {network['subnet']}")
        raise ValueError(
            f"interface {network['interface']} does not have {expected}; it has "
            f"{', '.join(map(str, own)) or 'no IPv4 address'}: configure it on the boot host first"
        )
    return usable[0]


def _overlaps(networks: Sequence[Network]) -> Iterator[_Found]:
    for number, network in enumerate(networks):
        for other in networks[:number]:
            if network.subnet.overlaps(other.subnet):
                yield number, "subnet", f"overlaps {other.subnet} of interface {other.interface}"


def _shared_racks(networks: Iterable[Network]) -> Iterator[_Found]:
    owner: dict[str, Network] = {}
    for number, network in enumerate(networks):
        for rack in network.racks:
            if rack in owner:
                yield number, "racks", f"rack {rack} stands on {owner[rack].subnet} already: a rack has one network"
            owner.setdefault(rack, network)


def _half_open(networks: Iterable[Network]) -> Iterator[_Found]:
    """dnsmasq decides by the interface whether it answers unknown machines at all, before it knows the network."""
    opened = {network.interface: network for network in networks if network.quarantine}
    for number, network in enumerate(networks):
        if network.interface in opened and not network.quarantine and network.mode != "none":
            yield (
                number,
                "interface",
                f"{opened[network.interface].subnet} on {network.interface} has a quarantine and this network has none: whether "
                "machines that are not in the inventory are answered is decided for an interface as a whole",
            )


def _beside_a_proxy(networks: Iterable[Network]) -> Iterator[_Found]:
    proxies = {network.interface: network for network in networks if network.mode == "proxy"}
    for number, network in enumerate(networks):
        if network.mode != "none" and proxies.get(network.interface, network) is not network:
            yield (
                number,
                "interface",
                f"mode is proxy for {proxies[network.interface].subnet} on {network.interface}, so no other network may give DHCP "
                "there: make it a VLAN with an interface of its own, or its mode none",
            )


__all__ = ("MODES", "NETWORK", "VARIABLE", "Network", "read_networks")
