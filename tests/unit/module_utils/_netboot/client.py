"""Machines that ask for their boot: reads what they ask from a file of JSON, asks it all at once, prints who answered what.

Run on a host of the room, with the collection on its path.
"""

from __future__ import annotations

import dataclasses
import ipaddress
import json
import socket
import sys
import time
from pathlib import Path

from ansible_collections.kindling.flatcar.plugins.module_utils._netboot import firmware, packet, wire

NTP, DOMAIN = 42, 15
PATIENCE = 60  # seconds with answers that are expected
KINDS = {kind.name: kind for kind in (*firmware.FIRMWARES, firmware.PLAIN)}


def question(asked):
    """A packet: ``message`` is DISCOVER unless it says another, to ``server``, for ``wanted``, or to renew ``client``; it may have
    come through a ``relay``. A machine says its ``name`` in both ways that there are.
    """
    kind = KINDS[asked["firmware"]]
    mac = bytes.fromhex(asked["mac"].replace(":", ""))
    made = firmware.discover(kind.as_ipxe() if asked.get("ipxe") else kind, mac, wire.random_xid())
    options = dict(made.options)
    if "message" in asked:
        options[packet.MESSAGE_TYPE] = bytes((packet.Message[asked["message"]],))
    for key, option in (("server", packet.SERVER_ID), ("wanted", packet.REQUESTED_ADDRESS)):
        if key in asked:
            options[option] = ipaddress.IPv4Address(asked[key]).packed
    if "name" in asked:
        options |= {12: asked["name"].encode(), 81: bytes((1, 0, 0)) + asked["name"].encode()}
    client = ipaddress.IPv4Address(asked.get("client", 0))
    relay = ipaddress.IPv4Address(asked.get("relay", 0))
    return dataclasses.replace(made, options=options, client=client, relay=relay)


def told(found, source, after):
    return {
        "message": packet.Message(found.message).name,
        "address": str(found.yours),
        "server": str(found.server_id),
        "source": source,
        "next_server": str(found.next_server),
        "file": found.boot_file,
        "vendor_class": found.vendor_class,
        "router": str(found.address(packet.ROUTER)),
        "dns": str(found.address(packet.DNS)),
        "netmask": str(found.address(packet.SUBNET_MASK)),
        "ntp": str(found.address(NTP)),
        "domain": packet.text(found.options.get(DOMAIN, b"")),
        "menu": packet.BOOT_MENU in found.vendor(),
        "after": after,
    }


def ask(interface, questions, expected, seconds):
    """Listens until so many answers as are *expected* have come, and then for *seconds* more."""
    packets = [question(asked) for asked in questions]
    answers = {sent.xid: [] for sent in packets}

    def all_there():
        return sum(map(len, answers.values())) >= expected

    with wire.Wire(interface) as cable:
        start = time.monotonic()
        for sent in packets:
            cable.send(sent)
        for until, limit in ((all_there, PATIENCE), (lambda: False, seconds)):
            for _, heard in wire.listen([cable], until, limit):
                if heard.packet.xid in answers:
                    answers[heard.packet.xid].append(told(heard.packet, str(heard.source), time.monotonic() - start))
    return [answers[sent.xid] for sent in packets]


def ask_boot_server(asked):
    """What port 4011 says; the machine has its address already."""
    kind = KINDS[asked["firmware"]]
    mac = bytes.fromhex(asked["mac"].replace(":", ""))
    item = bytes.fromhex(asked["item"]) if asked.get("item") else None
    sent = firmware.proxy_request(
        kind.as_ipxe() if asked.get("ipxe") else kind,
        mac,
        wire.random_xid(),
        ipaddress.IPv4Address(asked["client"]),
        item,
    )
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as own:
        own.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        own.bind((asked["client"], wire.CLIENT_PORT))
        own.settimeout(1 if asked.get("silent") else PATIENCE)
        own.sendto(packet.encode(sent), (asked["boot_server"], 4011))
        try:
            data, (source, _) = own.recvfrom(4096)
        except TimeoutError:
            return []
        return [told(packet.decode(data), source, 0)]


def main():
    given = json.loads(Path(sys.argv[1]).read_text())
    broadcast = [asked for asked in given["questions"] if "boot_server" not in asked]
    heard = ask(given["interface"], broadcast, given["expected"], given["seconds"]) if broadcast else []
    answers = iter(heard)
    result = [ask_boot_server(asked) if "boot_server" in asked else next(answers) for asked in given["questions"]]
    json.dump(result, sys.stdout)


if __name__ == "__main__":
    main()
