# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the firmware of each kind of machine asks for its address and its boot program."""

from __future__ import annotations

import ipaddress
import struct
import uuid
from collections.abc import Iterator
from dataclasses import dataclass

from . import packet
from .architectures import ARCHITECTURES
from .packet import Message, Packet

_PARAMETERS = bytes((1, 2, 3, 4, 5, 6, 12, 13, 15, 17, 18, 42, 43, 54, 60, 66, 67, 97, 128, 129, 175))
_OWN = uuid.UUID("6b696e64-6c69-4e67-8000-000000000000")  # a machine's UUID is this one with its MAC address at the end


@dataclass(frozen=True)
class Firmware:
    """One kind of client. ``code`` is its architecture (option 93), None for one that does not boot from the network."""

    name: str
    code: int | None
    http: bool = False
    ipxe: bool = False

    @property
    def vendor_class(self) -> str | None:
        if self.code is None:
            return None
        return f"{'HTTP' if self.http else 'PXE'}Client:Arch:{self.code:05}:UNDI:003016"

    def as_ipxe(self) -> Firmware:
        """iPXE, once this firmware has started it."""
        return Firmware(f"iPXE on {self.name}", self.code, ipxe=True)


PLAIN = Firmware("plain", None)


def _firmwares() -> Iterator[Firmware]:
    for kind in ARCHITECTURES:
        for code in kind.codes:
            yield Firmware(kind.name if code == kind.codes[0] else f"{kind.name} (code {code})", code)
        for code in kind.http_codes:
            yield Firmware(f"{kind.name} HTTP", code, http=True)


#: By the name that an operator uses, in the order of their codes.
FIRMWARES = tuple(sorted(_firmwares(), key=lambda firmware: firmware.code))


def discover(firmware: Firmware, mac: bytes, xid: int) -> Packet:
    """The first packet: any DHCP server may answer."""
    return _ask(firmware, Message.DISCOVER, mac, xid, {})


def request(firmware: Firmware, mac: bytes, offer: Packet) -> Packet:
    """Takes an offer."""
    server = offer.options.get(packet.SERVER_ID, b"")
    chosen = {packet.SERVER_ID: server, packet.REQUESTED_ADDRESS: offer.yours.packed}
    return _ask(firmware, Message.REQUEST, mac, offer.xid, chosen)


def proxy_request(
    firmware: Firmware, mac: bytes, xid: int, address: ipaddress.IPv4Address, item: bytes | None
) -> Packet:
    """Asks the boot server on port 4011 for the boot program; *item* is that of its menu."""
    chosen = {} if item is None else {packet.VENDOR: packet.encode_options({packet.BOOT_ITEM: item}) + b"\xff"}
    return _ask(firmware, Message.REQUEST, mac, xid, chosen, client=address)


def release(mac: bytes, xid: int, address: ipaddress.IPv4Address, server: ipaddress.IPv4Address) -> Packet:
    """Releases an address."""
    options = {packet.MESSAGE_TYPE: bytes((Message.RELEASE,)), packet.SERVER_ID: server.packed}
    return Packet(packet.REQUEST, xid, mac, options, client=address)


def _ask(
    firmware: Firmware,
    message: Message,
    mac: bytes,
    xid: int,
    more: dict[int, bytes],
    client: ipaddress.IPv4Address = Packet.client,
) -> Packet:
    options = {
        packet.MESSAGE_TYPE: bytes((message,)),
        **more,
        packet.PARAMETERS: _PARAMETERS,
        packet.MAXIMUM_SIZE: struct.pack("!H", 1472),
    }
    if firmware.code is not None:
        options |= {
            packet.VENDOR_CLASS: firmware.vendor_class.encode("ascii"),
            packet.ARCHITECTURE: struct.pack("!H", firmware.code),
            packet.INTERFACE: bytes((1, 3, 16)),
            packet.MACHINE_ID: b"\0" + _OWN.bytes[:10] + mac,
        }
    if firmware.ipxe:
        # iPXE's own option has sub-options for its features; one of them, and the end, is enough to be recognised
        options |= {packet.USER_CLASS: b"iPXE", packet.IPXE: bytes((19, 1, 1, 255))}
    # A machine that has an address is answered there
    flags = packet.BROADCAST if client == Packet.client else 0
    return Packet(packet.REQUEST, xid, mac, options, flags=flags, client=client)


__all__ = ("FIRMWARES", "PLAIN", "Firmware", "discover", "proxy_request", "release", "request")
