"""Machines that boot into RAM, all at once: UEFI firmware, iPXE, its scripts, Ignition; each has an address of its own.

Reads from a file of JSON which machines there are. Each comes to a halt at the stage that it is told, until the file ``go`` is
there; ``halted`` is written once all have. What became of each goes to ``result``. Run on a host of the room that has all of their
addresses, with the collection on its path.
"""

from __future__ import annotations

import ipaddress
import json
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from ansible_collections.kindling.flatcar.plugins.module_utils._ipxe import ipxe
from ansible_collections.kindling.flatcar.plugins.module_utils._netboot import boot, exchange, packet, script, wire
from ansible_collections.kindling.flatcar.plugins.module_utils._netboot.firmware import FIRMWARES
from ansible_collections.kindling.flatcar.plugins.module_utils._netboot.transfer import TransferError, fetch

UEFI = next(kind for kind in FIRMWARES if kind.code == 7)
STARTS = 3  # of one machine, until it is given up
PATIENCE, STALL = 8.0, 6.0  # seconds, with DHCP, which is asked again every second, and with what is fetched


class LostError(Exception):
    """Nobody answered: the machine is started anew, as by its firmware, which has nothing else to boot."""


class Machine:
    def __init__(self, told, halt):
        self.name, self.address, self._stage = told["name"], told["address"], told["halt"]
        self._mac, self._halt = packet.mac_bytes(told["mac"]), halt
        self.starts, self.lost = 0, []

    def run(self):
        config = None
        while config is None and self.starts < STARTS:
            self.starts += 1
            try:
                config = self._boot()
            except (LostError, TransferError) as error:
                self.lost.append(str(error))
        self._reach(self._stage)  # one that failed before keeps nobody waiting
        return {"config": config, "starts": self.starts, "lost": self.lost}

    def _reach(self, stage):
        if stage is not None and stage == self._stage:
            self._stage = None
            self._halt()

    def _boot(self):
        self._reach("switched on")
        self._get(self._dhcp(UEFI, "offered an address", "has an address"), True)
        self._reach("has iPXE")
        first = self._dhcp(UEFI.as_ipxe(), None, "iPXE has an address")
        variables = {"mac": packet.mac_text(self._mac), "ip": self.address, "platform": "efi", "buildarch": "x86_64"}
        course = script.follow(first, variables, self._fetched)
        if not course.kernel:
            raise LostError(f"iPXE ends at {course.end}: {[step.error for step in course.steps if step.error]}")
        self._reach("has its release")
        config = json.loads(self._get(course.config_url, True).content) | {"from": course.config_url}
        self._reach("has its config")
        return config

    def _dhcp(self, kind, offered, leased):
        """Where its boot program is; it goes by whoever answers first."""
        client = exchange.Client(kind, self._mac)
        with wire.Wire("lan0", wire.own_mac("lan0")) as cable:
            heard = [answer for *_, answer in exchange.offers([cable], [client], PATIENCE, 0.1)]
            choice = boot.choose(kind, heard)
            if choice.program is None:
                raise LostError(f"{kind.name}: no boot program is offered")
            self._reach(offered)
            lease = exchange.take(cable, client, choice.lease, PATIENCE)
        if lease is None or lease.packet.yours != ipaddress.IPv4Address(self.address):
            raise LostError(f"{kind.name}: the offer was not kept")
        self._reach(leased)
        return choice.program.url

    def _fetched(self, url, whole):
        found = self._get(url, whole)
        if "/ipxe/" in url:
            self._reach("has its script")
        if url.endswith(ipxe.KERNEL):
            self._reach("has its kernel")
        return found

    def _get(self, url, whole):
        return fetch(url, whole, STALL, self.address)


def main():
    given = json.loads(Path(sys.argv[1]).read_text())
    halted, go, result = (Path(given[name]) for name in ("halted", "go", "result"))
    machines = given["machines"]
    barrier = threading.Barrier(len(machines), action=halted.touch)

    def halt():
        barrier.wait()
        while not go.exists():
            time.sleep(0.02)

    with ThreadPoolExecutor(len(machines)) as pool:
        outcomes = list(pool.map(lambda told: Machine(told, halt).run(), machines))
    written = result.with_suffix(".new")
    written.write_text(json.dumps({told["name"]: one for told, one in zip(machines, outcomes, strict=True)}))
    written.rename(result)


if __name__ == "__main__":
    main()
