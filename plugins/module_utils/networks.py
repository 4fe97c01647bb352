"""The provisioning networks of a boot host: which racks stand on them, and what DHCP tells the machines there."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from . import fields
from .fields import AddressRange, Field, read_fields, unknown_names
from .problems import InventoryError, Problem

VARIABLE = "kindling_networks"

NETWORK = (
    Field("interface", fields.text, "the boot host's interface on this network", required=True),
    Field("subnet", fields.subnet, "the network in CIDR form, such as 10.0.0.0/24", required=True),
    Field("racks", fields.one_or_more(fields.text), "the racks whose nodes stand on this network", required=True),
    Field("address", fields.address, "the boot host's address here; as found on the interface when not given"),
    Field("gateway", fields.address, "the router that nodes are told of; none when not given"),
    Field(
        "dns",
        fields.one_or_more(fields.address),
        "the name servers that nodes are told of; the boot host when not given",
    ),
    Field("ntp", fields.one_or_more(fields.address), "the time servers that nodes are told of", default=()),
    Field("domain", fields.domain, "the domain of the nodes' names"),
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
        fields.text,
        "the boot host that serves the same racks beside this one, by its name in the inventory, so that either can fail;"
        " it has to name this one, and both have to say their `address`",
    ),
    Field("standby", fields.boolean, "on one of a pair: it answers DHCP only where its `peer` does not", default=False),
)


@dataclass(frozen=True)
class Network:
    """A provisioning network of one boot host, checked.

    ``address``, and ``dns`` if it is not given, are unknown while nobody has asked the boot host for its interfaces;
    ``peer_address``, while nobody has read the peer's networks.
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
        }


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
    problems = problems or [*_overlaps(host, networks, value), *_shared_racks(host, networks, value)]
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
    outside = [name for name in ("address", "gateway") if typed[name] and typed[name] not in typed["subnet"]]
    if typed["peer"] and not typed["address"]:
        return None, [Problem(host, f"{path}.address", "missing: a network with a peer has to say it", entry)]
    if typed["standby"] and not typed["peer"]:
        return None, [Problem(host, f"{path}.standby", "of nothing: say the peer that answers first", entry["standby"])]
    if outside:
        return None, [Problem(host, f"{path}.{name}", f"outside of {typed['subnet']}", entry[name]) for name in outside]
    if facts is not None:
        try:
            typed["address"] = _own_address(typed, facts)
        except ValueError as error:
            return None, [Problem(host, f"{path}.interface", str(error), entry["interface"])]
    typed["dns"] = typed["dns"] or ((typed["address"],) if typed["address"] else ())
    return Network(**typed), []


def _own_address(network: Mapping[str, Any], facts: Mapping[str, Any]) -> ipaddress.IPv4Address:
    """The boot host's address on the network's interface; ``ValueError`` when the interface cannot serve it."""
    interfaces = {fact["device"]: fact for fact in facts.values() if isinstance(fact, Mapping) and "device" in fact}
    if network["interface"] not in interfaces:
        raise ValueError(
            f"the boot host has no interface {network['interface']}; it has {', '.join(sorted(interfaces)) or 'none'}"
        )
    fact = interfaces[network["interface"]]
    configured = [
        ipaddress.IPv4Address(entry["address"])
        for entry in (fact.get("ipv4", {}), *fact.get("ipv4_secondaries", ()))
        if entry.get("address")
    ]
    usable = [found for found in configured if found in network["subnet"]]
    if network["address"] in configured:
        return network["address"]
    if network["address"] is not None or not usable:
        wanted = network["address"] or f"an address in {network['subnet']}"
        raise ValueError(
            f"interface {network['interface']} does not have {wanted}; it has "
            f"{', '.join(map(str, configured)) or 'no IPv4 address'}: configure it on the boot host first"
        )
    return usable[0]


def _overlaps(host: str, networks: Iterable[Network], entries: Sequence[Mapping]) -> list[Problem]:
    seen: list[Network] = []
    problems = []
    for number, network in enumerate(networks):
        place = f"{VARIABLE}[{number}].subnet"
        problems += [
            Problem(host, place, f"overlaps {other.subnet} of interface {other.interface}", entries[number]["subnet"])
            for other in seen
            if network.subnet.overlaps(other.subnet)
        ]
        seen.append(network)
    return problems


def _shared_racks(host: str, networks: Iterable[Network], entries: Sequence[Mapping]) -> list[Problem]:
    owner: dict[str, Network] = {}
    problems = []
    for number, network in enumerate(networks):
        for rack in network.racks:
            if rack in owner:
                message = f"rack {rack} stands on {owner[rack].subnet} already: a rack has one network"
                problems.append(Problem(host, f"{VARIABLE}[{number}].racks", message, entries[number]["racks"]))
            owner.setdefault(rack, network)
    return problems


__all__ = ("NETWORK", "VARIABLE", "Network", "read_networks")
