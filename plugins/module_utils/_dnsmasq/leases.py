# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Leases that conflict with reservations. Needs only the standard library; runs on the boot host.

dnsmasq does not answer a machine that was removed, but until the lease ends it keeps the address from the machine that has it
reserved now, for example after a network card was replaced. A lease ends at once when it is released, as the machine itself would
do.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address
from pathlib import Path

from .._host.foreign import read_plain
from .._netboot import firmware, packet

_MAC = re.compile(r"([0-9a-f]{2}:){5}[0-9a-f]{2}", re.IGNORECASE)
_DHCP_SERVER = 67
_LARGEST = 64 << 20  # bytes


def read_file(path: Path) -> str:
    """What dnsmasq's user has written there. In its own directory it may put anything under that name: anything but a regular
    file is ignored, and blocks nobody.
    """
    return (read_plain(path, _LARGEST) or b"").decode(errors="replace")


@dataclass(frozen=True)
class Lease:
    mac: str
    address: IPv4Address


def read_leases(text: str) -> list[Lease]:
    """The IPv4 leases of Ethernet machines in dnsmasq's lease file."""
    lines = (line.split() for line in text.splitlines())
    return [
        Lease(words[1].lower(), ipaddress.IPv4Address(words[2]))
        for words in lines
        if len(words) == 5 and _MAC.fullmatch(words[1]) and _address(words[2])
    ]


def read_reservations(text: str) -> set[Lease]:
    """Every MAC address with its reserved address."""
    return {lease for line in text.splitlines() for lease in _reservation(line.split(","))}


def _reservation(fields: list[str]) -> Iterator[Lease]:
    addresses = [address for field in fields if (address := _address(field))]
    for mac in filter(_MAC.fullmatch, fields):
        yield from (Lease(mac.lower(), address) for address in addresses)


def _address(text: str) -> IPv4Address | None:
    try:
        return ipaddress.IPv4Address(text)
    except ValueError:
        return None


def stale(leases: str, reservations: str) -> list[Lease]:
    """The leases that conflict with a reservation: of its address, or of its machine with another address.

    The others are of addresses that nobody else gets, such as those of strangers in quarantine.
    """
    reserved = read_reservations(reservations)
    macs, addresses = {lease.mac for lease in reserved}, {lease.address for lease in reserved}
    return [
        lease
        for lease in read_leases(leases)
        if lease not in reserved and (lease.mac in macs or lease.address in addresses)
    ]


def give_back(lease: Lease, interface: str, server: IPv4Address) -> None:
    """Release it at the server on this host, as if the machine itself did, arriving on *interface*."""
    message = firmware.release(packet.mac_bytes(lease.mac), 0, lease.address, server)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, interface.encode())
        sender.sendto(packet.encode(message), (str(server), _DHCP_SERVER))


__all__ = ("Lease", "give_back", "read_file", "read_leases", "read_reservations", "stale")
