"""Who else answers DHCP on a boot host's networks, and who of them does not belong there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from . import exchange, packet, wire
from .exchange import Client
from .firmware import FIRMWARES, PLAIN

_NO_CABLE = "nothing is connected to {0}, so nobody could be heard there: look again once it is"
_NO_ANSWER = (
    "no DHCP server answers on {0}, which is in mode proxy: machines there boot only if a server gives them addresses. One "
    "that answers known machines alone cannot be seen from here"
)


@dataclass(frozen=True)
class Server:
    """A server that made an offer. ``address`` is the name that it goes by, ``source`` whom the packet came from: its relay,
    if it is behind one. ``offered`` is empty for one that answers for boot programs alone (``proxy``).
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
    """Asks on all *interfaces* at once, as one machine with a MAC address of nobody and each kind of firmware.

    It takes the whole time, because a server may first look whether the address that it has in mind is in use.
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
    """The servers that would fight with the boot host over the machines on *networks*; its *peers* do not.

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


def remarks(servers: Iterable[Server], networks: Iterable[Mapping[str, Any]], connected: Iterable[str]) -> list[str]:
    """What an operator should know though nothing is in the way."""
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
    """Those *interfaces* that have something at the other end of their cable."""
    return [interface for interface in dict.fromkeys(interfaces) if _carrier(interface)]


def _carrier(interface: str) -> bool:
    try:
        return Path("/sys/class/net", interface, "carrier").read_text(encoding="ascii").strip() == "1"
    except OSError:  # as the kernel answers for an interface that is down
        return False


__all__ = ("Server", "connected", "find_servers", "remarks", "unwelcome")
