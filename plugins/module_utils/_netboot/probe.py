# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a rack's machines would get from a live boot host: probed as each of them, as every kind of firmware."""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from . import boot, exchange, machine, packet, script, wire
from .architectures import EFI_X64, architecture_of_code
from .exchange import Client
from .firmware import FIRMWARES, PLAIN, Firmware
from .packet import Message
from .transfer import Fetched, TransferError, fetch
from .wire import Answer, Wire

_NOBODY = ipaddress.IPv4Address(0)
_SETTLE = 0.7  # seconds without a new answer, after which the wait ends
_LEASE = 5.0  # seconds for a server that made an offer to confirm it


@dataclass(frozen=True)
class Target:
    """A machine of the inventory. ``codes`` are the architectures that have to work for it."""

    name: str
    mac: bytes
    address: ipaddress.IPv4Address
    codes: tuple[int, ...]


@dataclass
class Row:
    """One kind of firmware on one machine: what it was offered, where its boot ended, and what is wrong with that."""

    node: str
    mac: str
    code: int | None
    firmware: str
    needed: bool
    address: str = ""
    server: str = ""
    program: str = ""
    size: int | None = None
    end: str = ""
    followed: bool = False
    steps: list[dict[str, Any]] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)

    def as_data(self) -> dict[str, Any]:
        return asdict(self)


class Prober:
    """One network, seen from *interface*. *seconds* bounds each single request."""

    def __init__(self, interface: str, seconds: float) -> None:
        self._interface = interface
        self._seconds = seconds
        self._kept: dict[tuple[str, bool], Fetched | TransferError] = {}

    def rows(self, targets: Iterable[Target]) -> list[Row]:
        """All targets, one after the other. For a machine that is on, only DHCP is asked what it would offer."""
        targets = list(targets)
        holders = machine.who_has(self._interface, [target.address for target in targets], 1.5)
        found: list[Row] = []
        for target in targets:
            holding = holders.get(target.address, set())
            found += self._of_running(target, holding) if holding else self._of_absent(target)
        return found

    def strangers(self, name: str) -> Row:
        """What an unknown machine is offered."""
        client = Client(FIRMWARES[2], wire.random_mac())
        with Wire(self._interface) as speaking:
            heard = [answer for _wire, _client, answer in exchange.offers([speaking], [client], self._seconds, _SETTLE)]
        row = Row(name, packet.mac_text(client.mac), client.firmware.code, client.firmware.name, needed=False)
        choice = boot.choose(client.firmware, heard)
        _tell(row, choice)
        return row

    def _of_running(self, target: Target, holding: set[bytes]) -> list[Row]:
        """The requests come from this host's own MAC address, so that no switch looks for the machine here."""
        with Wire(self._interface, wire.own_mac(self._interface)) as speaking:
            heard = self._ask(speaking, target)
        rows = [_row(target, firmware) for firmware in FIRMWARES]
        others = sorted(packet.mac_text(mac) for mac in holding - {target.mac})
        for row, firmware in zip(rows, FIRMWARES, strict=True):
            _tell(row, boot.choose(firmware, heard[firmware]))
            _check_lease(row, target)
            if others:
                row.problems.append(f"{target.address} is in use by {', '.join(others)}, which is another machine")
            row.remarks.append("the machine is on: its URLs were left alone")
        return rows

    def _of_absent(self, target: Target) -> list[Row]:
        def work() -> list[dict[str, Any]]:
            return [row.as_data() for row in self._as_machine(target)]

        try:
            limit = 60 + 20 * self._seconds
            return [Row(**row) for row in machine.in_place_of(self._interface, target.mac, work, limit)]
        except machine.MachineError as error:
            rows = [_row(target, firmware) for firmware in FIRMWARES]
            for row in rows:
                row.problems.append(f"could not be probed: {error}")
            return rows

    def _ask(self, speaking: Wire, target: Target) -> dict[Firmware, list[Answer]]:
        kinds = [PLAIN, *FIRMWARES, *(firmware.as_ipxe() for firmware in FIRMWARES)]
        asking = [Client(kind, target.mac) for kind in kinds]
        heard: dict[Firmware, list[Answer]] = {kind: [] for kind in kinds}
        for _wire, client, answer in exchange.offers([speaking], asking, self._seconds, _SETTLE):
            heard[client.firmware].append(answer)
        return heard

    # In the machine's own place from here on

    def _as_machine(self, target: Target) -> list[Row]:
        with Wire(machine.INTERFACE) as speaking:
            heard = self._ask(speaking, target)
            rows = [_row(target, firmware) for firmware in FIRMWARES]
            choices = [boot.choose(firmware, heard[firmware]) for firmware in FIRMWARES]
            for row, choice in zip(rows, choices, strict=True):
                _tell(row, choice)
                _check_lease(row, target)
            taker = next((number for number, row in enumerate(rows) if row.needed and choices[number].lease), None)
            if taker is None or rows[taker].address != str(target.address):
                return rows
            client = Client(FIRMWARES[taker], target.mac)
            lease = exchange.take(speaking, client, choices[taker].lease, _LEASE)
            if lease is None or lease.packet.message != Message.ACK:
                for row in rows:
                    row.problems.append("the server made an offer and did not confirm it")
                return rows
            try:
                _settle_in(lease)
                for row, firmware, choice in zip(rows, FIRMWARES, choices, strict=True):
                    if row.needed and row.program and row.address == str(target.address):
                        self._follow(row, firmware, choice, heard[firmware.as_ipxe()], target)
            finally:
                exchange.give_back(speaking, client, lease)
        return rows

    def _follow(self, row: Row, firmware: Firmware, choice: boot.Choice, ipxe: list[Answer], target: Target) -> None:
        """Fetches the boot program, and continues as the iPXE in it would."""
        row.followed = True
        program = self._program(row, firmware, choice, target)
        if program is None:
            return
        row.program = program.url
        try:
            row.size = self._get(program.url, True).size
        except TransferError as error:
            row.problems.append(f"{program.url}: {error}")
            return
        second = firmware.as_ipxe()
        url = self._program(row, second, boot.choose(second, ipxe), target)
        if url is None:
            return
        course = script.follow(url.url, _variables(target, firmware, row), self._get)
        row.end = course.end
        row.steps = [asdict(step) for step in course.steps]
        row.problems += [f"{step.url}: {step.error}" for step in course.steps if step.error]
        row.problems += [
            f"the script uses {word!r}, which this probe does not know" for word in dict.fromkeys(course.unknown)
        ]
        if course.kernel:
            row.problems += [
                f"the kernel's command line names the initrd {name}, which was not loaded"
                for name in course.missing_initrds()
            ]
            self._check_config(row, course.config_url)

    def _program(self, row: Row, firmware: Firmware, choice: boot.Choice, target: Target) -> boot.Program | None:
        """The boot program, requested at the boot server's own port if the offer demands it."""
        program = choice.program
        if choice.menu:
            server = boot.boot_server_of(choice.boot)
            client = Client(firmware, target.mac)
            answer = exchange.ask_boot_server(client, target.address, server, choice.item, self._seconds)
            if answer is None:
                row.problems.append(f"{firmware.name}: the boot server {server} does not answer on port 4011")
                return None
            program = boot.program_of(answer)
        if program is None and row.needed:
            row.problems.append(f"{firmware.name} gets no boot program that it can start")
        return program

    def _check_config(self, row: Row, url: str) -> None:
        if not url:
            row.problems.append("the kernel's command line names no Ignition config")
            return
        try:
            found = self._get(url, True)
        except TransferError as error:
            row.problems.append(f"Ignition config: {error}")
            return
        row.steps.append({"url": url, "size": found.size, "error": ""})
        try:
            version = json.loads(found.content)["ignition"]["version"]
        except (ValueError, KeyError, TypeError, RecursionError):
            row.problems.append("what is served as its Ignition config is not one")
            return
        row.end += f", Ignition {packet.text(str(version).encode())}"

    def _get(self, url: str, whole: bool) -> Fetched:
        """Each URL once for all firmware of a machine; another machine is another client."""
        key = (url, whole)
        if key not in self._kept:
            try:
                self._kept[key] = fetch(url, whole, self._seconds)
            except TransferError as error:
                self._kept[key] = error
        found = self._kept[key]
        if isinstance(found, TransferError):
            raise found
        return found


def _row(target: Target, firmware: Firmware) -> Row:
    return Row(target.name, packet.mac_text(target.mac), firmware.code, firmware.name, firmware.code in target.codes)


def _tell(row: Row, choice: boot.Choice) -> None:
    if choice.lease:
        row.address, row.server = str(choice.lease.packet.yours), str(choice.lease.server)
    if choice.program and not choice.menu:
        row.program = choice.program.url
    elif choice.menu:
        row.program = f"requested at {boot.boot_server_of(choice.boot)}, port 4011"


def _check_lease(row: Row, target: Target) -> None:
    if not row.address and row.needed:
        row.problems.append("no server offers it an address")
    elif row.address and row.address != str(target.address):
        row.problems.append(f"{row.server} offers it {row.address} instead of its own address {target.address}")
    elif row.needed and not row.program:
        row.problems.append(f"{row.firmware} gets no boot program that it can start")


def _settle_in(lease: Answer) -> None:
    mask = lease.packet.address(packet.SUBNET_MASK) or ipaddress.IPv4Address("255.255.255.0")
    prefix = bin(int(mask)).count("1")
    router = lease.packet.address(packet.ROUTER)
    network = ipaddress.IPv4Network((lease.packet.yours, prefix), strict=False)
    reachable = router if router is not None and router != _NOBODY and router in network else None
    machine.give_address(lease.packet.yours, prefix, reachable)


def _variables(target: Target, firmware: Firmware, row: Row) -> Mapping[str, str]:
    kind = architecture_of_code(firmware.code) or EFI_X64
    return {
        "mac": packet.mac_text(target.mac),
        "ip": row.address,
        "platform": kind.platform,
        "buildarch": kind.cpu,
        "next-server": row.server,
        "dhcp-server": row.server,
        "cwduri": "",
    }


__all__ = ("Prober", "Row", "Target")
