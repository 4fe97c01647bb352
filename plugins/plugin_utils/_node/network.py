# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The machine's network: what systemd-networkd is told of its NICs, bonds, VLANs and bridges."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from .._schema import fields
from .._schema.fields import Field, Invalid, ListOf, Mistake, Record
from .layer import Layer, file, unit_text

if TYPE_CHECKING:
    from .node import Node

KINDS = ("mac", "bond", "vlan", "bridge")

_NAME = fields.word("node's interface")

BOND = Record(
    (
        Field("members", fields.one_or_more(_NAME), "the names of the interfaces that it is made of", required=True),
        Field(
            "mode",
            fields.choice("802.3ad", "active-backup", "balance-alb", "balance-tlb", "balance-xor"),
            "how they share the work; `802.3ad` is LACP",
            default="802.3ad",
        ),
        Field("lacp_rate", fields.choice("slow", "fast"), "how often LACP asks the switch; `802.3ad` alone"),
        Field("hash", fields.choice("layer2", "layer2+3", "layer3+4"), "what picks the member that a packet takes"),
    )
)
VLAN = Record(
    (
        Field("id", fields.integer(1, 4094), "the VLAN's number", required=True),
        Field("link", _NAME, "the name of the interface that carries it", required=True),
    )
)
BRIDGE = Record(
    (
        Field("members", fields.list_of(_NAME), "the names of the interfaces that it joins", default=()),
        Field("stp", fields.boolean, "speak the spanning tree protocol", default=False),
    )
)


def _check_interface(typed: Mapping[str, Any]) -> None:
    kinds = [kind for kind in KINDS if typed[kind] is not None]
    if len(kinds) != 1:
        raise ValueError(
            f"expected one of {', '.join(KINDS)}, which says what it is; got {' and '.join(kinds) or 'none'}"
        )
    if typed["gateway"] and not any(typed["gateway"] in address.network for address in typed["addresses"]):
        raise ValueError("expected a gateway on the network of one of its addresses")
    if typed["bond"] and typed["bond"]["lacp_rate"] and typed["bond"]["mode"] != "802.3ad":
        raise ValueError("expected lacp_rate with the mode 802.3ad alone")


INTERFACE = Record(
    (
        Field("name", _NAME, "its name; a NIC's is for this list alone", required=True),
        Field("mac", fields.mac, "a NIC: its MAC address"),
        Field("bond", BOND, "a bond"),
        Field("vlan", VLAN, "a VLAN"),
        Field("bridge", BRIDGE, "a bridge"),
        Field("dhcp", fields.boolean, "ask DHCP for an IPv4 address, with the MAC address as client id", default=False),
        Field(
            "addresses",
            fields.list_of(fields.interface_address),
            "static addresses, such as `10.0.0.11/24`",
            default=(),
        ),
        Field("gateway", fields.any_address, "the default router"),
        Field("dns", fields.one_or_more(fields.any_address), "name servers", default=()),
        Field("mtu", fields.integer(576, 65535), "the largest packet"),
    ),
    _check_interface,
)


def _check_interfaces(typed: Sequence[Mapping[str, Any]], given: Sequence[Any]) -> None:
    mistakes = [
        Mistake(f"[{number}]{path}", message, given[number])
        for number, path, message in (*_name_mistakes(typed), *_place_mistakes(typed))
    ]
    if mistakes:
        raise Invalid(mistakes)


def _below(interface: Mapping[str, Any]) -> Sequence[tuple[str, str]]:
    """The interfaces that one stands on: the path that says so, and the name."""
    for kind in ("bond", "bridge"):
        if interface[kind]:
            return [(f".{kind}.members[{n}]", name) for n, name in enumerate(interface[kind]["members"])]
    return [(".vlan.link", interface["vlan"]["link"])] if interface["vlan"] else []


def _name_mistakes(interfaces: Sequence[Mapping[str, Any]]) -> Iterator[tuple[int, str, str]]:
    """Names come from above in the list, so that no interface stands on itself."""
    known: set[str] = set()
    macs: set[str] = set()
    for number, interface in enumerate(interfaces):
        for path, name in _below(interface):
            if name not in known:
                above = ", ".join(sorted(known)) or "none"
                yield number, path, f"expected the name of an interface above it in the list; they are {above}"
        if interface["name"] in known:
            yield number, ".name", f"{interface['name']} is there twice: every interface has a name of its own"
        if interface["mac"] in macs:
            yield number, ".mac", f"{interface['mac']} is there twice: a NIC has one entry"
        known.add(interface["name"])
        macs |= {interface["mac"]} - {None}


def _place_mistakes(interfaces: Sequence[Mapping[str, Any]]) -> Iterator[tuple[int, str, str]]:
    """A member of a bond or bridge belongs to that one alone, and has no addresses of its own."""
    owners: dict[str, str] = {}
    for number, interface in enumerate(interfaces):
        for path, name in _below(interface):
            if path.startswith(".vlan"):
                continue
            if name in owners:
                yield number, path, f"{name} is a member of {owners[name]} already"
            owners.setdefault(name, interface["name"])
    for number, interface in enumerate(interfaces):
        owner = owners.get(interface["name"])
        if owner and (interface["dhcp"] or interface["addresses"]):
            yield (
                number,
                "",
                f"it is a member of {owner}, which has the addresses: give {owner} dhcp or addresses instead",
            )


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
    """The MAC address of its first NIC, so that DHCP and switches see one machine; networkd would make one up."""
    while not interface["mac"]:
        below = _below(interface)
        if not below:
            return None
        interface = by_name[below[0][1]]
    return interface["mac"]


def _netdev(interface: Mapping[str, Any], mac: str | None) -> str:
    bond, vlan, bridge = interface["bond"], interface["vlan"], interface["bridge"]
    kind = next(kind for kind in KINDS if interface[kind] is not None)
    sections: dict[str, list[tuple[str, Any]]] = {
        "NetDev": [("Name", interface["name"]), ("Kind", kind), ("MACAddress", None if vlan else mac)]
    }
    if bond:
        sections["Bond"] = [
            ("Mode", bond["mode"]),
            ("MIIMonitorSec", "100ms"),  # without it a dead link is never noticed
            ("LACPTransmitRate", bond["lacp_rate"]),
            ("TransmitHashPolicy", bond["hash"]),
        ]
    if vlan:
        sections["VLAN"] = [("Id", vlan["id"])]
    if bridge:
        sections["Bridge"] = [("STP", _yes(bridge["stp"]))]
    return unit_text(sections)


def _network(interface: Mapping[str, Any], interfaces: Sequence[Mapping[str, Any]]) -> str:
    if interface["mac"]:
        # Bonds and VLANs have the same address as their NIC: its permanent one, and no kind, are the NIC's alone
        match = [("PermanentMACAddress", interface["mac"]), ("Type", "ether"), ("Kind", "!*")]
    else:
        match = [("Name", interface["name"])]
    settings = [
        *((kind.capitalize(), owner) for kind, owner in _owners(interface["name"], interfaces)),
        *(("VLAN", other["name"]) for other in interfaces if (other["vlan"] or {}).get("link") == interface["name"]),
    ]
    if interface["dhcp"] or interface["addresses"]:
        settings.append(("DHCP", "ipv4" if interface["dhcp"] else "no"))
    else:
        settings += [("DHCP", "no"), ("LinkLocalAddressing", "no")]
    settings += [("Address", address.with_prefixlen) for address in interface["addresses"]]
    settings += [("Gateway", interface["gateway"]), *(("DNS", server) for server in interface["dns"])]
    return unit_text(
        {
            "Match": match,
            "Link": [("MTUBytes", interface["mtu"])],
            "Network": settings,
            "DHCPv4": [("ClientIdentifier", "mac")] if interface["dhcp"] else [],
        }
    )


def _owners(name: str, interfaces: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    for other in interfaces:
        for kind in ("bond", "bridge"):
            if other[kind] and name in other[kind]["members"]:
                yield kind, other["name"]


def _yes(value: bool) -> str:
    return "yes" if value else "no"


__all__ = ("FIELDS", "INTERFACE", "layers")
