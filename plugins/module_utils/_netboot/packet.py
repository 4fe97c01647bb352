# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""DHCP packets (RFC 2131, 2132, 3396; PXE 2.1), to bytes and back.

Nothing from the network is trusted: every length is checked, and anything that is not a packet raises only ``PacketError``.
"""

from __future__ import annotations

import ipaddress
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import IntEnum

REQUEST, REPLY = 1, 2
MESSAGE_TYPE, SERVER_ID, VENDOR_CLASS, USER_CLASS, IPXE = 53, 54, 60, 77, 175
SUBNET_MASK, ROUTER, DNS, REQUESTED_ADDRESS, OVERLOAD = 1, 3, 6, 50, 52
PARAMETERS, MAXIMUM_SIZE, SERVER_NAME, BOOT_FILE = 55, 57, 66, 67
VENDOR, ARCHITECTURE, INTERFACE, MACHINE_ID = 43, 93, 94, 97

#: Sub-options of option 43 as PXE writes them.
DISCOVERY_CONTROL, BOOT_SERVERS, BOOT_MENU, BOOT_ITEM = 6, 8, 9, 71

BROADCAST = 0x8000
_COOKIE = bytes((99, 130, 83, 99))
_HEADER = struct.Struct("!BBBBIHH4s4s4s4s16s64s128s")
_PAD, _END = 0, 255
_LONGEST = 255
_LEAST = 300  # RFC 1542: some relays drop what is shorter
_MOST = 0xFFFF

_NOBODY = ipaddress.IPv4Address(0)


class PacketError(ValueError):
    """The bytes are not a DHCP packet, or the packet cannot be encoded."""


class Message(IntEnum):
    DISCOVER = 1
    OFFER = 2
    REQUEST = 3
    DECLINE = 4
    ACK = 5
    NAK = 6
    RELEASE = 7


@dataclass(frozen=True)
class Packet:
    """One DHCP packet. ``options`` has the bytes of each option, joined if it came in several parts."""

    operation: int
    xid: int
    mac: bytes
    options: Mapping[int, bytes] = field(default_factory=dict)
    flags: int = 0
    hops: int = 0
    seconds: int = 0
    hardware: int = 1
    client: ipaddress.IPv4Address = _NOBODY
    yours: ipaddress.IPv4Address = _NOBODY
    next_server: ipaddress.IPv4Address = _NOBODY
    relay: ipaddress.IPv4Address = _NOBODY
    sname: bytes = b""
    file: bytes = b""

    @property
    def message(self) -> int | None:
        """Its type; None for a BOOTP packet."""
        value = self.options.get(MESSAGE_TYPE, b"")
        return value[0] if len(value) == 1 else None

    @property
    def server_id(self) -> ipaddress.IPv4Address | None:
        return self.address(SERVER_ID)

    @property
    def vendor_class(self) -> str:
        return text(self.options.get(VENDOR_CLASS, b""))

    @property
    def boot_file(self) -> str:
        """The boot program's name or URL. The option takes precedence over the field, as in every firmware."""
        return text(self.options.get(BOOT_FILE) or self.file)

    @property
    def boot_server(self) -> str:
        """Where TFTP finds the boot program: the field, else the option's name, else the server's own field for it."""
        if self.next_server != _NOBODY:
            return str(self.next_server)
        return text(self.options.get(SERVER_NAME) or self.sname)

    def address(self, option: int) -> ipaddress.IPv4Address | None:
        """The first address of an option; None if it has none."""
        value = self.options.get(option, b"")
        return ipaddress.IPv4Address(value[:4]) if len(value) >= 4 else None

    def vendor(self) -> dict[int, bytes]:
        """PXE's sub-options; nothing if they are not encoded as PXE's."""
        try:
            return _joined(_options(self.options.get(VENDOR, b"")))
        except PacketError:
            return {}


def text(value: bytes) -> str:
    """What a server wrote, up to the first zero byte, without control characters."""
    readable = value.partition(b"\0")[0].decode("utf-8", "replace")
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in readable)


def encode(packet: Packet) -> bytes:
    """The packet as it goes into a UDP datagram."""
    if len(packet.mac) > 16 or len(packet.sname) > 64 or len(packet.file) > 128:
        raise PacketError("a field is too long for its place in the packet")
    try:
        header = _HEADER.pack(
            *(packet.operation, packet.hardware, len(packet.mac), packet.hops, packet.xid, packet.seconds),
            *(packet.flags, packet.client.packed, packet.yours.packed, packet.next_server.packed),
            *(packet.relay.packed, packet.mac, packet.sname, packet.file),
        )
    except struct.error as error:
        raise PacketError(f"a number does not fit into its field: {error}") from None
    written = header + _COOKIE + encode_options(packet.options) + bytes((_END,))
    if len(written) > _MOST:
        raise PacketError("the packet is longer than a datagram")
    return written.ljust(_LEAST, b"\0")


def encode_options(options: Mapping[int, bytes]) -> bytes:
    """Options in their order, without the end option; a long one in several parts."""
    written = bytearray()
    for code, value in options.items():
        if not _PAD < code < _END:
            raise PacketError(f"there is no option {code}")
        for start in range(0, max(len(value), 1), _LONGEST):
            part = value[start : start + _LONGEST]
            written += bytes((code, len(part))) + part
    return bytes(written)


def decode(data: bytes) -> Packet:
    """The packet in a datagram."""
    if len(data) < _HEADER.size + len(_COOKIE):
        raise PacketError(f"{len(data)} bytes are too few for a DHCP packet")
    head = _HEADER.unpack_from(data)
    operation, hardware, length, hops, xid, seconds, flags = head[:7]
    client, yours, next_server, relay, mac, sname, file = head[7:]
    if operation not in (REQUEST, REPLY):
        raise PacketError(f"operation {operation} is neither a request nor a reply")
    if length > 16:
        raise PacketError(f"a hardware address of {length} bytes")
    if data[_HEADER.size : _HEADER.size + len(_COOKIE)] != _COOKIE:
        raise PacketError("not DHCP's magic cookie")
    parts = list(_options(data[_HEADER.size + len(_COOKIE) :]))
    # Option 52: options continue in the fields for the file and the server's name, which then hold neither
    overload = (_joined(parts).get(OVERLOAD) or b"\0")[0]
    if overload & 1:
        parts += _options(file)
        file = b""
    if overload & 2:
        parts += _options(sname)
        sname = b""
    options = _joined(parts)
    options.pop(OVERLOAD, None)
    return Packet(
        operation=operation,
        xid=xid,
        mac=mac[:length],
        options=options,
        flags=flags,
        hops=hops,
        seconds=seconds,
        hardware=hardware,
        client=ipaddress.IPv4Address(client),
        yours=ipaddress.IPv4Address(yours),
        next_server=ipaddress.IPv4Address(next_server),
        relay=ipaddress.IPv4Address(relay),
        sname=sname.rstrip(b"\0"),
        file=file.rstrip(b"\0"),
    )


def _options(data: bytes) -> Iterator[tuple[int, bytes]]:
    place = 0
    while place < len(data) and data[place] != _END:
        code = data[place]
        if code == _PAD:
            place += 1
            continue
        if place + 2 > len(data) or place + 2 + data[place + 1] > len(data):
            raise PacketError(f"option {code} ends outside of its field")
        yield code, data[place + 2 : place + 2 + data[place + 1]]
        place += 2 + data[place + 1]


def _joined(parts: Iterator[tuple[int, bytes]] | list[tuple[int, bytes]]) -> dict[int, bytes]:
    options: dict[int, bytes] = {}
    for code, value in parts:
        options[code] = options.get(code, b"") + value
    return options


def mac_bytes(mac: str) -> bytes:
    """``52:54:00:12:34:56`` as bytes."""
    try:
        found = bytes.fromhex(mac.replace(":", "").replace("-", ""))
    except ValueError:
        found = b""
    if len(found) != 6:
        raise PacketError(f"{mac!r} is not a MAC address")
    return found


def mac_text(mac: bytes) -> str:
    return mac.hex(":")


__all__ = ("Message", "Packet", "PacketError", "decode", "encode", "encode_options", "mac_bytes", "mac_text", "text")
