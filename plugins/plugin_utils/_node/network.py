# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The machine's network: the configuration of its NICs, bonds, VLANs and bridges for systemd-networkd."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from .._schema import fields
from .._schema.fields import Field, Invalid, ListOf, Mistake, Record, ShortOr
from .layer import Layer, file, unit_text

if TYPE_CHECKING:
    from .node import Node

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

KINDS = ("mac", "bond", "vlan", "bridge")

_NAME = fields.word("node's interface")

#: How a fragment adds what the tables have no option for.
_NETDEV = (
    "anything else that systemd-networkd knows goes into a drop-in file by flatcar_butane, "
    "/etc/systemd/network/10-NAME.netdev.d/50-more.conf"
)
_NETWORK = _NETDEV.replace("netdev.d", "network.d")


def _sentence(text: str) -> str:
    return text[0].upper() + text[1:]


def _dhcp(value: Any) -> str | bool:
    if isinstance(value, bool):
        return "ipv4" if value else False
    if value not in _DHCP:
        raise ValueError(f"expected true (which is ipv4), false, {' or '.join(_DHCP)}; {_NETWORK}")
    return str(value)


#: What networkd calls it.
_DHCP = {"ipv4": "ipv4", "ipv6": "ipv6", "both": "yes"}


def _next_hop(value: Any) -> IPAddress:
    address = fields.any_address(value)
    if getattr(address, "scope_id", None):
        raise ValueError("expected an address without %: it is reached by the interface that it is set for")
    if address.is_multicast or address.is_unspecified or address.is_loopback:
        raise ValueError("expected the address of a router, such as 10.0.0.254 or fe80::1")
    return address


def _search_domain(value: Any) -> str:
    name = value.removeprefix("~") if isinstance(value, str) else value
    if value != "~.":
        try:
            fields.domain(name)
        except ValueError as error:
            raise ValueError(
                f"{error}, or one after ~, so that only its names are looked up here; ~. means all names"
            ) from None
    return str(value)


BOND = Record(
    (
        Field("members", fields.one_or_more(_NAME), "the names of the interfaces that it is made of", required=True),
        Field(
            "mode",
            fields.choice("802.3ad", "active-backup", "balance-alb", "balance-tlb", "balance-xor", beyond=_NETDEV),
            "how they share the traffic; `802.3ad` is LACP",
            default="802.3ad",
        ),
        Field("lacp_rate", fields.choice("slow", "fast"), "how often LACP packets are requested; `802.3ad` only"),
        Field("hash", fields.choice("layer2", "layer2+3", "layer3+4"), "what selects the member for a packet"),
    ),
    beyond=_sentence(_NETDEV),
)
VLAN = Record(
    (
        Field("id", fields.integer(1, 4094), "the VLAN's number", required=True),
        Field("link", _NAME, "the name of the interface that carries it", required=True),
    ),
    beyond=_sentence(_NETDEV),
)
BRIDGE = Record(
    (
        Field("members", fields.list_of(_NAME), "the names of the interfaces that it joins", default=()),
        Field("stp", fields.boolean, "run the spanning tree protocol", default=False),
    ),
    beyond=_sentence(_NETDEV),
)
_ON_LINK = Field(
    "on_link",
    fields.boolean,
    "it is reached directly on this interface, though it is on no network of its addresses",
    default=False,
)
GATEWAY = Record(
    (
        Field("address", _next_hop, "the router's address", required=True),
        _ON_LINK,
    ),
    beyond=_sentence(_NETWORK),
)
ROUTE = Record(
    (
        Field("to", fields.any_network, "the network that it leads to; `0.0.0.0/0` and `::/0` are all", required=True),
        Field("via", _next_hop, "the router for it; the network is on this interface's link when not given"),
        _ON_LINK,
        Field("metric", fields.integer(0, 2**32 - 1), "the route with the smallest metric is taken"),
    ),
    beyond=_sentence(_NETWORK),
)


def _check_interface(typed: Mapping[str, Any]) -> None:
    kinds = [kind for kind in KINDS if typed[kind] is not None]
    if len(kinds) != 1:
        raise ValueError(
            f"expected one of {', '.join(KINDS)}, which gives its type; got {' and '.join(kinds) or 'none'}"
        )
    if not _has_addresses(typed) and (typed["gateway"] or typed["routes"]):
        raise ValueError(
            "expected dhcp or addresses beside gateway and routes: without an address it cannot reach a router"
        )
    if typed["bond"] and typed["bond"]["lacp_rate"] and typed["bond"]["mode"] != "802.3ad":
        raise ValueError("expected lacp_rate only with the mode 802.3ad")
    mistakes = [Mistake(path, message, None) for path, message in (*_gateway_mistakes(typed), *_route_mistakes(typed))]
    if mistakes:
        raise Invalid(mistakes)


def _has_addresses(interface: Mapping[str, Any]) -> bool:
    return bool(interface["dhcp"] or interface["addresses"])


def _gateway_mistakes(interface: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    families = set()
    for gateway in interface["gateway"]:
        address = gateway["address"]
        if address.version in families:
            yield ".gateway", "expected at most one IPv4 and one IPv6 gateway: make the other one a route with a metric"
        families.add(address.version)
        if not _is_reached(gateway["on_link"], address, interface):
            yield (
                ".gateway",
                f"expected a gateway on the network of one of its addresses, or link-local IPv6; {address} can still be reached "
                f"with {{address: '{address}', on_link: true}}",
            )


def _route_mistakes(interface: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for number, route in enumerate(interface["routes"]):
        here, to, via = f".routes[{number}]", route["to"], route["via"]
        if via is None:
            if route["on_link"]:
                yield here, "expected via beside on_link, which says how the router is reached"
        elif via.version != to.version:
            yield here, f"expected a router of IPv{to.version} for {to}; {_NETWORK}"
        elif not _is_reached(route["on_link"], via, interface) and not _asks(interface, via.version):
            yield (
                here,
                f"expected via on the network of one of its addresses, or on_link: true, to reach {via} anyway",
            )


def _is_reached(on_link: bool, hop: IPAddress, interface: Mapping[str, Any]) -> bool:
    own = any(hop in address.network and hop != address.ip for address in interface["addresses"])
    return on_link or own or (hop.version == 6 and hop.is_link_local)


def _asks(interface: Mapping[str, Any], version: int) -> bool:
    """Whether DHCP assigns it addresses of the *version*, whose network is not known yet."""
    return interface["dhcp"] in (f"ipv{version}", "both")


INTERFACE = Record(
    (
        Field("name", _NAME, "its name; a NIC's is used in this list only", required=True),
        Field("mac", fields.mac, "a NIC: its MAC address"),
        Field("bond", BOND, "a bond"),
        Field("vlan", VLAN, "a VLAN"),
        Field("bridge", BRIDGE, "a bridge"),
        Field(
            "dhcp",
            _dhcp,
            "`ipv4` (or `true`), `ipv6` or `both`: use DHCP, identified by the MAC address for both; DHCPv6 only where a "
            "router advertises it",
            default=False,
        ),
        Field(
            "addresses",
            fields.list_of(fields.interface_address),
            "static addresses, such as `10.0.0.11/24`",
            default=(),
        ),
        Field(
            "gateway",
            fields.one_or_more(ShortOr("address", GATEWAY)),
            "the default router, or a list of an IPv4 and an IPv6 one; an address, such as `10.0.0.254` or `fe80::1`, or a mapping",
            default=(),
        ),
        Field("routes", fields.list_of(ROUTE), "further routes", default=()),
        Field(
            "accept_ra",
            fields.boolean,
            "take addresses and routes from IPv6 router advertisements; systemd-networkd's default when not given",
        ),
        Field("dns", fields.one_or_more(fields.any_address), "name servers", default=()),
        Field(
            "domains",
            fields.one_or_more(_search_domain),
            "domains in which short names are looked up, such as `rack.example.com`; after `~`, domains whose names are looked "
            "up only here",
            default=(),
        ),
        Field("mtu", fields.integer(576, 65535), "the largest packet"),
    ),
    _check_interface,
    beyond=_sentence(_NETWORK),
)


def _check_interfaces(typed: Sequence[Mapping[str, Any]], given: Sequence[Any]) -> None:
    mistakes = [
        Mistake(f"[{number}]{path}", message, given[number])
        for number, path, message in (*_name_mistakes(typed), *_place_mistakes(typed))
    ]
    if mistakes:
        raise Invalid(mistakes)


def _below(interface: Mapping[str, Any]) -> Sequence[tuple[str, str]]:
    """The interfaces that one depends on: the path that says so, and the name."""
    for kind in ("bond", "bridge"):
        if interface[kind]:
            return [(f".{kind}.members[{n}]", name) for n, name in enumerate(interface[kind]["members"])]
    return [(".vlan.link", interface["vlan"]["link"])] if interface["vlan"] else []


def _name_mistakes(interfaces: Sequence[Mapping[str, Any]]) -> Iterator[tuple[int, str, str]]:
    """Names refer to entries above in the list, so that no interface depends on itself."""
    known: set[str] = set()
    macs: set[str] = set()
    for number, interface in enumerate(interfaces):
        for path, name in _below(interface):
            if name not in known:
                above = ", ".join(sorted(known)) or "none"
                yield number, path, f"expected the name of an interface above it in the list; they are {above}"
        if interface["name"] in known:
            yield number, ".name", f"{interface['name']} occurs twice: every interface needs a name of its own"
        if interface["mac"] in macs:
            yield number, ".mac", f"{interface['mac']} occurs twice: a NIC has one entry"
        known.add(interface["name"])
        macs |= {interface["mac"]} - {None}


def _place_mistakes(interfaces: Sequence[Mapping[str, Any]]) -> Iterator[tuple[int, str, str]]:
    """A member of a bond or bridge belongs to that one only, and has no addresses of its own."""
    owners: dict[str, str] = {}
    for number, interface in enumerate(interfaces):
        for path, name in _below(interface):
            if path.startswith(".vlan"):
                continue
            if name in owners:
                yield number, path, f"{name} is already a member of {owners[name]}"
            owners.setdefault(name, interface["name"])
    for number, interface in enumerate(interfaces):
        owner = owners.get(interface["name"])
        misplaced = [name for name in _OF_ADDRESSES if interface[name]]
        if owner and misplaced:
            words = ("dhcp or addresses" if name in ("dhcp", "addresses") else name for name in misplaced)
            what = " and ".join(dict.fromkeys(words))
            yield number, "", f"it is a member of {owner}, which has the addresses: give {owner} {what} instead"


#: What makes sense only with addresses.
_OF_ADDRESSES = ("dhcp", "addresses", "gateway", "routes", "dns", "domains")


FIELDS = (
    Field(
        "flatcar_interfaces",
        ListOf(INTERFACE, check=_check_interfaces),
        "the network: NICs, bonds, VLANs and bridges; DHCP on every NIC when not given",
        default=(),
    ),
)


def layers(node: Node) -> list[Layer]:
    by_name = {interface["name"]: interface for interface in node.interfaces}
    files = []
    for interface in node.interfaces:
        here = f"/etc/systemd/network/10-{interface['name']}"
        if not interface["mac"]:
            files.append(file(f"{here}.netdev", _netdev(interface, _mac(interface, by_name))))
        files.append(file(f"{here}.network", _network(interface, node.interfaces)))
    return [Layer(("flatcar_interfaces",), {"storage": {"files": files}})] if files else []


def _mac(interface: Mapping[str, Any], by_name: Mapping[str, Mapping[str, Any]]) -> str | None:
    """The MAC address of its first NIC, so that DHCP and switches see one machine; networkd would generate one."""
    while not interface["mac"]:
        below = _below(interface)
        if not below:
            return None
        interface = by_name[below[0][1]]
    return interface["mac"]


def _netdev(interface: Mapping[str, Any], mac: str | None) -> str:
    bond, vlan, bridge = interface["bond"], interface["vlan"], interface["bridge"]
    kind = next(kind for kind in KINDS if interface[kind] is not None)
    sections: list[tuple[str, list[tuple[str, Any]]]] = [
        ("NetDev", [("Name", interface["name"]), ("Kind", kind), ("MACAddress", None if vlan else mac)])
    ]
    if bond:
        settings = [
            ("Mode", bond["mode"]),
            ("MIIMonitorSec", "100ms"),  # without it a dead link is never noticed
            ("LACPTransmitRate", bond["lacp_rate"]),
            ("TransmitHashPolicy", bond["hash"]),
        ]
        sections.append(("Bond", settings))
    if vlan:
        sections.append(("VLAN", [("Id", vlan["id"])]))
    if bridge:
        sections.append(("Bridge", [("STP", _yes(bridge["stp"]))]))
    return unit_text(*sections)


def _network(interface: Mapping[str, Any], interfaces: Sequence[Mapping[str, Any]]) -> str:
    if interface["mac"]:
        # Bonds and VLANs have the same address as their NIC: only the NIC has it as its permanent one, and has no kind
        match = [("PermanentMACAddress", interface["mac"]), ("Type", "ether"), ("Kind", "!*")]
    else:
        match = [("Name", interface["name"])]
    settings = [
        *((kind.capitalize(), owner) for kind, owner in _owners(interface["name"], interfaces)),
        *(("VLAN", other["name"]) for other in interfaces if (other["vlan"] or {}).get("link") == interface["name"]),
    ]
    if _has_addresses(interface):
        settings.append(("DHCP", _DHCP[interface["dhcp"]] if interface["dhcp"] else "no"))
    else:
        settings += [("DHCP", "no"), ("LinkLocalAddressing", "no")]
    settings += [("Address", address.with_prefixlen) for address in interface["addresses"]]
    settings += [("Gateway", gateway["address"]) for gateway in interface["gateway"] if not gateway["on_link"]]
    settings += [
        ("IPv6AcceptRA", None if interface["accept_ra"] is None else _yes(interface["accept_ra"])),
        *(("DNS", server) for server in interface["dns"]),
        ("Domains", " ".join(interface["domains"]) or None),
    ]
    return unit_text(
        ("Match", match),
        ("Link", [("MTUBytes", interface["mtu"])]),
        ("Network", settings),
        *(("Route", settings) for settings in _routes(interface)),
        ("DHCPv4", [("ClientIdentifier", "mac")] if _asks(interface, 4) else []),
        # Otherwise a machine in RAM, whose machine-id changes at each start, would have a new address, too
        ("DHCPv6", [("DUIDType", "link-layer")] if _asks(interface, 6) else []),
    )


def _routes(interface: Mapping[str, Any]) -> Iterator[list[tuple[str, Any]]]:
    for gateway in interface["gateway"]:
        if gateway["on_link"]:
            yield [("Gateway", gateway["address"]), ("GatewayOnLink", "yes")]
    for route in interface["routes"]:
        via = route["via"]
        on_link = "yes" if via and (route["on_link"] or not _is_reached(False, via, interface)) else None
        yield [
            *(("Destination", route["to"]), ("Gateway", via)),
            *(("GatewayOnLink", on_link), ("Metric", route["metric"])),
        ]


def _owners(name: str, interfaces: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    for other in interfaces:
        for kind in ("bond", "bridge"):
            if other[kind] and name in other[kind]["members"]:
                yield kind, other["name"]


def _yes(value: bool) -> str:
    return "yes" if value else "no"


__all__ = ("FIELDS", "INTERFACE", "layers")
