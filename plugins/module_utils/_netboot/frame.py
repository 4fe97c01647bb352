# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A UDP datagram in an Ethernet frame, to bytes and back: what a machine sends and receives before it has an address."""

from __future__ import annotations

import ipaddress
import struct
from dataclasses import dataclass

from .packet import PacketError

EVERYBODY = b"\xff" * 6
_ETHERNET = struct.Struct("!6s6sH")
_IP = struct.Struct("!BBHHHBBH4s4s")
_UDP = struct.Struct("!HHHH")
_IPV4, _UDP_PROTOCOL = 0x0800, 17
_FRAGMENT = 0x3FFF  # more fragments, or not the first one


@dataclass(frozen=True)
class Datagram:
    """A UDP datagram with the addresses on both layers."""

    source_mac: bytes
    target_mac: bytes
    source: ipaddress.IPv4Address
    target: ipaddress.IPv4Address
    source_port: int
    target_port: int
    data: bytes


def encode(datagram: Datagram) -> bytes:
    udp = _UDP.pack(datagram.source_port, datagram.target_port, _UDP.size + len(datagram.data), 0)
    ends = datagram.source.packed + datagram.target.packed
    pseudo = ends + struct.pack("!BBH", 0, _UDP_PROTOCOL, _UDP.size + len(datagram.data))
    # 0 means "no checksum", so a sum of 0 is sent as its other form
    checked = _checksum(pseudo + udp + datagram.data) or 0xFFFF
    udp = udp[:6] + struct.pack("!H", checked)
    total = _IP.size + len(udp) + len(datagram.data)
    header = _IP.pack(0x45, 0, total, 0, 0, 64, _UDP_PROTOCOL, 0, ends[:4], ends[4:])
    header = header[:10] + struct.pack("!H", _checksum(header)) + header[12:]
    return _ETHERNET.pack(datagram.target_mac, datagram.source_mac, _IPV4) + header + udp + datagram.data


def decode(frame: bytes) -> Datagram:
    """Raises ``PacketError`` for everything but a whole UDP datagram over IPv4.

    Checksums are not verified: between two ends on one machine the kernel leaves them out.
    """
    if len(frame) < _ETHERNET.size + _IP.size:
        raise PacketError("too short for IPv4 over Ethernet")
    target_mac, source_mac, kind = _ETHERNET.unpack_from(frame)
    packet = frame[_ETHERNET.size :]
    version, _tos, total, _id, fragment, _ttl, protocol, _checksum, source, target = _IP.unpack_from(packet)
    start = (version & 15) * 4
    if kind != _IPV4 or version >> 4 != 4 or protocol != _UDP_PROTOCOL or fragment & _FRAGMENT:
        raise PacketError("not a whole UDP datagram over IPv4")
    if start < _IP.size or not start + _UDP.size <= total <= len(packet):
        raise PacketError("a length in the IPv4 header is wrong")
    source_port, target_port, length, _checksum = _UDP.unpack_from(packet, start)
    if not _UDP.size <= length <= total - start:
        raise PacketError("the length in the UDP header is wrong")
    return Datagram(
        source_mac=source_mac,
        target_mac=target_mac,
        source=ipaddress.IPv4Address(source),
        target=ipaddress.IPv4Address(target),
        source_port=source_port,
        target_port=target_port,
        data=packet[start + _UDP.size : start + length],
    )


def _checksum(data: bytes) -> int:
    data += bytes(len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


__all__ = ("EVERYBODY", "Datagram", "decode", "encode")
