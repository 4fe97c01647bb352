# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An interface of this host as a wire: DHCP as a machine without an address speaks it. Needs root."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import ipaddress
import os
import secrets
import selectors
import socket
import struct
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from . import frame, packet
from .frame import Datagram
from .packet import Packet, PacketError

CLIENT_PORT, SERVER_PORT = 68, 67
_EVERYWHERE = ipaddress.IPv4Address("255.255.255.255")
_NOWHERE = ipaddress.IPv4Address(0)
_LARGEST_FRAME = 0x10000
_BUFFER = 1 << 22
_BURST = 1000  # packets before the clock is checked again

_SOL_PACKET, _ADD_MEMBERSHIP, _PROMISCUOUS = 263, 1, 1
_SO_ATTACH_FILTER = 26

#: BPF: UDP over IPv4, not a later fragment, to port 68. The kernel drops everything else, however busy the network is.
_FILTER = (
    *((0x28, 0, 0, 12), (0x15, 0, 8, 0x0800)),
    *((0x30, 0, 0, 23), (0x15, 0, 6, 17)),
    *((0x28, 0, 0, 20), (0x45, 4, 0, 0x1FFF)),
    *((0xB1, 0, 0, 14), (0x48, 0, 0, 16), (0x15, 0, 1, CLIENT_PORT)),
    *((0x06, 0, 0, 0xFFFFFFFF), (0x06, 0, 0, 0)),
)


@dataclass(frozen=True)
class Answer:
    """A server's packet, and where it came from."""

    packet: Packet
    mac: bytes
    source: ipaddress.IPv4Address

    @property
    def proxy(self) -> bool:
        """Whether it only names a boot program and leaves the address to another server."""
        return self.packet.yours == _NOWHERE

    @property
    def server(self) -> ipaddress.IPv4Address:
        """Who answered; a relay's packet names the server behind it."""
        return self.packet.server_id or self.source


class Wire:
    """Sends and receives DHCP on one interface, as machines with any MAC address.

    The interface is promiscuous while this is open; the kernel reverts that when it is closed, even if the process is
    killed. Frames come from *source_mac*, whichever machine the packet in them is for, so that no switch believes that
    the machine has moved here; from the machine's own address when it is not given.
    """

    def __init__(self, interface: str, source_mac: bytes | None = None) -> None:
        self.interface = interface
        self.source_mac = source_mac
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        with contextlib.ExitStack() as undo:
            undo.callback(self._socket.close)
            self._attach_filter()
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
            self._socket.bind((interface, 0x0800))
            membership = struct.pack("iHH8s", socket.if_nametoindex(interface), _PROMISCUOUS, 0, b"")
            self._socket.setsockopt(_SOL_PACKET, _ADD_MEMBERSHIP, membership)
            self._socket.setblocking(False)
            undo.pop_all()

    def _attach_filter(self) -> None:
        code = b"".join(struct.pack("HBBI", *step) for step in _FILTER)
        held = ctypes.create_string_buffer(code)
        program = struct.pack("HP", len(_FILTER), ctypes.addressof(held))
        self._socket.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, program)

    def fileno(self) -> int:
        return self._socket.fileno()

    def close(self) -> None:
        self._socket.close()

    def __enter__(self) -> Wire:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def send(
        self, sent: Packet, target: ipaddress.IPv4Address = _EVERYWHERE, target_mac: bytes = frame.EVERYBODY
    ) -> None:
        datagram = Datagram(
            source_mac=self.source_mac or sent.mac,
            target_mac=target_mac,
            source=sent.client,
            target=target,
            source_port=CLIENT_PORT,
            target_port=SERVER_PORT,
            data=packet.encode(sent),
        )
        self._socket.send(frame.encode(datagram))

    def heard(self) -> Iterator[Answer]:
        """What has arrived by now: whole DHCP replies, and nothing else."""
        for _packet in range(_BURST):
            try:
                data = self._socket.recv(_LARGEST_FRAME)
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno == errno.ENETDOWN:
                    return
                raise
            with contextlib.suppress(PacketError):
                datagram = frame.decode(data)
                found = packet.decode(datagram.data)
                if found.operation == packet.REPLY:
                    yield Answer(found, datagram.source_mac, datagram.source)


def listen(wires: Iterable[Wire], until: Callable[[], bool], seconds: float) -> Iterator[tuple[Wire, Answer]]:
    """What arrives on all *wires* until *until* says that it is enough, or the time is up."""
    end = time.monotonic() + seconds
    with selectors.DefaultSelector() as selector:
        for wire in wires:
            selector.register(wire, selectors.EVENT_READ, wire)
        while not until() and (left := end - time.monotonic()) > 0:
            for key, _events in selector.select(left):
                for answer in key.data.heard():
                    yield key.data, answer


def own_mac(interface: str) -> bytes:
    """The interface's own hardware address."""
    with socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, 0) as asking:
        asking.bind((interface, 0))
        return asking.getsockname()[4]


def random_mac() -> bytes:
    """An unused unicast address: the bit for locally administered ones is set."""
    made = os.urandom(6)
    return bytes(((made[0] & 0xFC) | 2,)) + made[1:]


def random_xid() -> int:
    return secrets.randbits(32)


__all__ = ("Answer", "Wire", "listen", "own_mac", "random_mac", "random_xid")
