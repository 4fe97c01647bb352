#!/usr/bin/env python3
"""What it costs to take the boots of a storm out of the log: a thousand machines at once, beside strangers.

The log is made up: of each machine what dnsmasq and nginx log of a boot into RAM, in the lines that are asked of the journal, all
machines taking turns, and all of them with as many boots on record as are kept. It is read in one round, as after a time in which
nothing was read, and then a second one follows in which nothing is new. Limits: 3 s of the processor and 200 MB for the storm. What
journalctl itself needs comes on top.

    python3 tests/bench/records.py [--nodes N]
"""

from __future__ import annotations

import argparse
import itertools
import json
import pathlib
import resource
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "plugins" / "module_utils" / "_records"))

import records  # found by the line above

SECONDS, MEGABYTES = 3.0, 200
KEPT = 48  # boots of each machine before the storm
PXE = "PXEClient:Arch:00007:UNDI:003016"


def machine(number: int) -> tuple[str, str]:
    return f"52:54:00:00:{number >> 8:02x}:{number & 255:02x}", f"10.8.{number >> 8}.{number & 255}"


def exchange(number: int, mac: str, address: str, vendor: str, user: str, program: str) -> list[str]:
    lines = []
    for asked, answer in ((f"DHCPDISCOVER(lan0) {mac} ", "OFFER"), (f"DHCPREQUEST(lan0) {address} {mac} ", "ACK")):
        lines += ["available DHCP subnet: 10.8.0.0/255.255.0.0"]
        lines += [f"{key} class: {value}" for key, value in (("vendor", vendor), ("user", user)) if value]
        lines += [asked, "tags: net-10.8.0.0, known, efi-x64, lan0", f"DHCP{answer}(lan0) {address} {mac} "]
        lines += [f"sent size: 12 option: 67 bootfile-name  {program}"] if program else []
    return [f"dnsmasq-dhcp[612]: {number} {line}" for line in lines]


def boot(number: int) -> list[list[tuple[str, str]]]:
    """What is logged of a machine's boot, in pieces between which others take their turns."""
    mac, address = machine(number)

    def asks(vendor="", user="", program=""):
        return [("dnsmasq", line) for line in exchange(number, mac, address, vendor, user, program)]

    def gets(path, size=1000, agent="iPXE/1.21.1"):
        return [("web", f'{address} "GET {path} HTTP/1.1" 200 {size} "{agent}"')]

    images = "/images/amd64-usr/4593.2.5/flatcar_production_pxe"
    return [
        asks(PXE, "", "snponly.efi"),
        [("tftp", f"dnsmasq-tftp[613]: sent /srv/kindling/tftp/snponly.efi to {address}")] * 2,
        asks(PXE, "iPXE", "http://10.8.0.1/boot.ipxe"),
        gets("/boot.ipxe"),
        gets(f"/ipxe/{mac.replace(':', '-')}.ipxe"),
        gets(f"{images}.vmlinuz", 60_000_000),
        gets(f"{images}_image.cpio.gz", 400_000_000),
        asks(),
        gets("/ignition/(token).ign", 5000, "Ignition/2.22.0"),
        asks(),
        asks(),
        [("web", f'{address} "PUT /reports/(token)/running HTTP/1.1" 201 0 "curl/8.12.1"')],
    ]


def log_of(nodes: int) -> list[bytes]:
    said = [piece for turn in zip(*map(boot, range(nodes)), strict=True) for pieces in turn for piece in pieces]
    strangers = (f"02:00:00:00:{number >> 8:02x}:{number & 255:02x}" for number in range(nodes * 5))
    said += [("dnsmasq", f"dnsmasq-dhcp[612]: 1 DHCPDISCOVER(lan0) {mac} ignored") for mac in strangers]
    return [
        json.dumps(
            {
                "__CURSOR": f"s=5f0c3a7d0f6b4b0b8e0a3b1c5d7e9f01;i={number:x};b=0a1b2c3d4e5f60718293a4b5c6d7e8f9;m=1;t=2;x=3",
                "__REALTIME_TIMESTAMP": str(1_800_000_000_000_000 + number * 1000),
                "__MONOTONIC_TIMESTAMP": str(number * 1000),
                "_BOOT_ID": "0a1b2c3d4e5f60718293a4b5c6d7e8f9",
                "_SYSTEMD_UNIT": f"kindling-{unit}.service",
                "MESSAGE": message,
            }
        ).encode()
        for number, (unit, message) in enumerate(said)
    ]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nodes", type=int, default=1000)
    nodes = parser.parse_args().nodes
    machines = records.read_machines(
        "".join(f"{mac},id:*,{address},n{number}\n" for number, (mac, address) in enumerate(map(machine, range(nodes))))
    )
    with tempfile.TemporaryDirectory() as directory, tempfile.TemporaryFile() as file:
        place = pathlib.Path(directory)
        file.writelines(line + b"\n" for line in log_of(nodes))
        lines, size = sum(1 for _ in rewound(file)), file.tell()

        def log(cursor):
            return (entry for entry in records.entries_of(rewound(file)) if not cursor or entry.cursor >= cursor)

        def round_of(read):
            before = time.process_time()
            records.take(place, read, machines, 4)
            return time.process_time() - before

        records.take(place, log, machines, 4)
        fill(place)
        print(f"{nodes} nodes: {lines:,} lines, {size / 1e6:.0f} MB as the journal prints them")
        storm = round_of(lambda cursor: itertools.chain([records.Entry(cursor, 0, "", "")], later(log(""))))
        idle = round_of(lambda cursor: iter([records.Entry(cursor, 0, "", "")]))
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
        state = (place / records.STATE).stat().st_size
        found = records.recorded(place, [machine(0)[0]])
    print(f"the storm: {storm:.2f} s of the processor (at most {SECONDS:.0f}); a round without news: {idle:.2f} s")
    print(f"memory, this program's own included: {memory:.0f} MB (at most {MEGABYTES}); state: {state / 1e6:.1f} MB")
    assert len(found["boots"][machine(0)[0]]) > KEPT
    return int(storm > SECONDS or memory > MEGABYTES)


def fill(place: pathlib.Path) -> None:
    """As many boots of each machine as are kept, each different from the others."""
    for mac, boot in records.load(place).boots.items():
        told = [boot.as_data() | {"begun": number, "boots": 1, "again": []} for number in range(KEPT)]
        for number, one in enumerate(told):
            one["events"] = [event | {"at": number, "last": number + 0.123, "size": number} for event in one["events"]]
        file = place / f"{mac.replace(':', '-')}.jsonl"
        file.write_text("".join(f"{json.dumps(one, separators=(',', ':'))}\n" for one in told))


def later(entries):
    """The same a day later."""
    return (entry._replace(cursor=f"later {entry.cursor}", when=entry.when + 86_400) for entry in entries)


def rewound(file):
    file.seek(0)
    return file


if __name__ == "__main__":
    sys.exit(main())
