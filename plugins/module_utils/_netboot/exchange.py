# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""DHCP exchanges: offers to many kinds of machines at once; taking and releasing a lease; a boot server's own port."""

from __future__ import annotations

import contextlib
import ipaddress
import socket
import time
from collections.abc import Iterable
from dataclasses import dataclass

from . import firmware as clients
from . import packet
from .firmware import Firmware
from .packet import Message, Packet, PacketError
from .wire import CLIENT_PORT, Answer, Wire, listen, random_xid

BOOT_SERVER_PORT = 4011
_AGAIN = 1.0  # seconds until a client without an answer asks again
_LARGEST = 0x10000


@dataclass(frozen=True)
class Client:
    """A machine that asks: its firmware and its MAC address."""

    firmware: Firmware
    mac: bytes


def offers(
    wires: Iterable[Wire], clients_there: Iterable[Client], seconds: float, settle: float | None = None
) -> list[tuple[Wire, Client, Answer]]:
    """Every server's offers to each client on each wire. None is taken, so no server records a lease.

    Servers have *seconds* to answer. With *settle*, the exchange ends once nothing new has come for that long since the
    last answer.
    """
    wires, waiting = list(wires), {random_xid(): client for client in clients_there}
    asked = {xid: clients.discover(client.firmware, client.mac, xid) for xid, client in waiting.items()}
    found: list[tuple[Wire, Client, Answer]] = []
    seen: set[tuple[Wire, int, bytes, ipaddress.IPv4Address, bool]] = set()
    answered: set[tuple[Wire, int]] = set()
    end, last = time.monotonic() + seconds, None

    def settled() -> bool:
        return settle is not None and last is not None and time.monotonic() - last > settle

    while (now := time.monotonic()) < end and not settled():
        for wire in wires:
            for xid, question in asked.items():
                if (wire, xid) not in answered:
                    wire.send(question)
        # Until the next time to ask; a settled network is noticed in between
        pause = min(_AGAIN, end - now, settle if settle is not None and last is not None else _AGAIN)
        for wire, answer in listen(wires, settled, pause):
            client = waiting.get(answer.packet.xid)
            if client is None or answer.packet.mac != client.mac or answer.packet.message != Message.OFFER:
                continue
            answered.add((wire, answer.packet.xid))
            key = (wire, answer.packet.xid, answer.mac, answer.server, answer.proxy)
            if key not in seen:
                seen.add(key)
                found.append((wire, client, answer))
                last = time.monotonic()
    return found


def take(wire: Wire, client: Client, offer: Answer, seconds: float) -> Answer | None:
    """Takes an offer: returns the server's ACK or NAK, None if it does not answer."""
    question = clients.request(client.firmware, client.mac, offer.packet)
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        wire.send(question)
        for _wire, answer in listen([wire], lambda: False, min(_AGAIN, left)):
            known = answer.packet.xid == question.xid and answer.packet.mac == client.mac
            if known and answer.packet.message in (Message.ACK, Message.NAK):
                return answer
    return None


def give_back(wire: Wire, client: Client, lease: Answer) -> None:
    """Releases a lease, so that the server does not hold it for a machine that does not exist."""
    released = clients.release(client.mac, random_xid(), lease.packet.yours, lease.server)
    wire.send(released, target=lease.server, target_mac=lease.mac)


def ask_boot_server(
    client: Client, address: ipaddress.IPv4Address, server: ipaddress.IPv4Address, item: bytes | None, seconds: float
) -> Packet | None:
    """What the boot server answers on its own port to the machine that has *address*, which is one of this host's."""
    question = clients.proxy_request(client.firmware, client.mac, random_xid(), address, item)
    end = time.monotonic() + seconds
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        asking.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        asking.bind((str(address), CLIENT_PORT))
        while (left := end - time.monotonic()) > 0:
            asking.sendto(packet.encode(question), (str(server), BOOT_SERVER_PORT))
            asking.settimeout(min(_AGAIN, left))
            with contextlib.suppress(TimeoutError, PacketError):
                answer = packet.decode(asking.recv(_LARGEST))
                if answer.operation == packet.REPLY and answer.xid == question.xid:
                    return answer
    return None


__all__ = ("Client", "ask_boot_server", "give_back", "offers", "take")
