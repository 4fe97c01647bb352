# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which other servers answer DHCP on a boot host's networks, and which of them do not belong there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from . import exchange, packet, wire
from .exchange import Client
from .firmware import FIRMWARES, PLAIN

_NO_CABLE = "{0} has no link, so no server can be found there: check again once it is connected"
_NO_ANSWER = (
    "no DHCP server answers on {0}, which is in mode proxy: machines there boot only if a server gives them addresses. One "
    "that answers only known machines cannot be seen from here"
)


@dataclass(frozen=True)
class Server:
    """A server that made an offer. ``address`` is its server identifier, ``source`` the packet's source address: its relay's,
    if it is behind one. ``offered`` is empty for one that only offers boot programs (``proxy``).
    """

    interface: str
    address: str
    source: str
    mac: str
    offered: str
    proxy: bool
    boot_file: str

    def as_data(self) -> dict[str, Any]:
        return asdict(self)

    def __str__(self) -> str:
        who = f"{self.address} ({self.mac}{'' if self.source == self.address else f', by way of {self.source}'})"
        does = "answers PXE clients as a proxy" if self.proxy else f"answers DHCP, and offers {self.offered}"
        return f"{self.interface}: {who} {does}{f', boot program {self.boot_file}' if self.boot_file else ''}"


def find_servers(interfaces: Iterable[str], seconds: float) -> list[Server]:
    """Asks on all *interfaces* at once, as one machine with an unused MAC address and each kind of firmware.

    It takes the whole time, because a server may first check whether the address that it wants to offer is in use.
    """
    mac = wire.random_mac()
    clients = [Client(firmware, mac) for firmware in (PLAIN, *FIRMWARES)]
    wires: list[wire.Wire] = []
    try:
        wires.extend(map(wire.Wire, interfaces))
        found = exchange.offers(wires, clients, seconds) if wires else []
        own = {packet.mac_text(wire.own_mac(one.interface)) for one in wires}
    finally:
        for one in wires:
            one.close()
    servers: dict[tuple[str, str, str, bool], Server] = {}
    for heard_on, _client, answer in found:
        server = Server(
            interface=heard_on.interface,
            address=str(answer.server),
            source=str(answer.source),
            mac=packet.mac_text(answer.mac),
            offered="" if answer.proxy else str(answer.packet.yours),
            proxy=answer.proxy,
            boot_file=answer.packet.boot_file,
        )
        key = (server.interface, server.address, server.mac, server.proxy)
        if server.mac not in own and not (key in servers and servers[key].boot_file):
            servers[key] = server
    return sorted(servers.values(), key=str)


def unwelcome(
    servers: Iterable[Server], networks: Iterable[Mapping[str, Any]], peers: Iterable[str] = ()
) -> list[Server]:
    """The servers that would compete with the boot host for the machines on *networks*; its *peers* do not.

    Beside a proxy, a server with addresses belongs there, unless the network names those that do.
    """
    known, peers = list(networks), set(peers)
    strangers = [server for server in servers if not {server.address, server.source} & peers]
    return [server for server in strangers if not any(_belongs(server, network) for network in known)]


def _belongs(server: Server, network: Mapping[str, Any]) -> bool:
    if network["interface"] != server.interface:
        return False
    named = {str(address) for address in network.get("other_dhcp_servers") or ()}
    if {server.address, server.source} & {*named, str(network.get("address"))}:
        return True
    return network.get("mode") == "proxy" and not server.proxy and not named


def stop(strangers: Iterable[Server]) -> str:
    """The message about servers that do not belong there, and the remedies."""
    strangers = list(strangers)
    giving = [server for server in strangers if not server.proxy]
    names = ", ".join(dict.fromkeys(server.address for server in strangers))
    ways = [
        "stop that server on this network: then only this boot host answers",
        *(_BESIDE_ANOTHER if giving else ()),
        f"if it answers none of the machines: set other_dhcp_servers: [{names}]",
    ]
    return (
        f"{'; '.join(map(str, strangers))}. Either might answer machines. Nothing was changed. The remedies, in this "
        "network's entry in kindling_networks:" + "".join(f"\n  - {way}" for way in ways)
    )


#: How a boot host coexists with a server that gives the addresses.
_BESIDE_ANOTHER = (
    "mode: proxy: that server keeps giving addresses, and this boot host adds what to boot. It needs, on that server, a "
    "reservation of each machine's flatcar_address for its MAC address and no boot options; and a network that this boot host is "
    "attached to itself, without a relay",
    "mode: none: that server tells the machines what to boot, too. It needs the same reservations and the boot options that "
    "playbooks/dhcp_options.yml prints, by firmware and for iPXE: one that cannot tell these apart needs mode: proxy",
)


def remarks(servers: Iterable[Server], networks: Iterable[Mapping[str, Any]], connected: Iterable[str]) -> list[str]:
    """What an operator should know although it prevents nothing."""
    giving, connected = {server.interface for server in servers if not server.proxy}, set(connected)
    found = []
    for network in networks:
        interface = network["interface"]
        if interface not in connected:
            found.append(_NO_CABLE.format(interface))
        elif network.get("mode") == "proxy" and interface not in giving:
            found.append(_NO_ANSWER.format(interface))
    return found


def connected(interfaces: Iterable[str]) -> list[str]:
    """Those *interfaces* that have a link."""
    return [interface for interface in dict.fromkeys(interfaces) if _carrier(interface)]


def _carrier(interface: str) -> bool:
    try:
        return Path("/sys/class/net", interface, "carrier").read_text(encoding="ascii").strip() == "1"
    except OSError:  # the kernel's answer for an interface that is down
        return False


__all__ = ("Server", "connected", "find_servers", "remarks", "stop", "unwelcome")
