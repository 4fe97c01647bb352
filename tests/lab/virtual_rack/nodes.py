"""The nodes that are to be booted, and what has to be found in them: nodes.json."""

from __future__ import annotations

import ipaddress
import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .system import LabError

FIRMWARES = {"bios": "BIOS", "uefi": "UEFI"}

ROADS = {
    "ram": "boots from the network into RAM",
    "disk": "is sent on to its own disk, and boots from it",
    "install": "boots the installer, restarts, and boots from its own disk",
}
"""What a machine may be expected to do once it has power. Whoever does something else has failed."""

ORDERS = ("network", "disk")

BUSES = ("virtio", "nvme")
"""How a disk is attached, which is what its names come from: ``virtio-SERIAL``, ``nvme-MODEL_SERIAL``."""

NAME = re.compile(r"[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?")
SERIAL = re.compile(r"[A-Za-z0-9_-]{1,20}")
MAC = re.compile(r"[0-9a-f]{2}(:[0-9a-f]{2}){5}")


@dataclass(frozen=True)
class Disk:
    """One of a machine's disks."""

    serial: str | None = None
    bus: str = "virtio"


@dataclass(frozen=True)
class Node:
    """A virtual machine, and what it must say about itself once it has booted."""

    name: str
    mac: str
    firmware: str
    address: str
    version: str
    hostname: str | None = None
    users: tuple[str, ...] = ()
    files: dict[str, str] = field(default_factory=dict)
    road: str = "ram"
    serial: str | None = None
    """The serial number of its disk, where it has the one disk that every machine has."""
    disks: tuple[Disk, ...] = ()
    """What it has instead of that: the first is the one that its firmware tries before the others."""
    nics: tuple[str, ...] = ()
    """The MAC addresses of its network cards in the order of their slots, where *mac*, from which it boots, is not the only one."""
    order: str = "network"
    """What its firmware tries first."""

    @property
    def all_disks(self) -> tuple[Disk, ...]:
        """Its disks, whichever way they were named."""
        return self.disks or (Disk(self.serial),)

    @property
    def all_nics(self) -> tuple[str, ...]:
        """The MAC addresses of its network cards."""
        return self.nics or (self.mac,)


def problems_of(entry: Any) -> list[str]:
    """What is wrong with one entry of ``nodes``."""
    if not isinstance(entry, dict):
        return ["is no object"]
    found = [f"{key}: no such key" for key in entry if key not in Node.__dataclass_fields__]
    for key in ("name", "mac", "firmware", "address", "version"):
        if not isinstance(entry.get(key), str):
            found.append(f"{key}: missing, or no string")
    if found:
        return found
    if not NAME.fullmatch(entry["name"]):
        found.append(f"name: {entry['name']!r} has other characters than a-z, 0-9, - and .")
    if not MAC.fullmatch(entry["mac"].lower()):
        found.append(f"mac: {entry['mac']!r} is not written as 52:54:00:77:00:11")
    if entry["firmware"] not in FIRMWARES:
        found.append(f"firmware: {entry['firmware']!r} is not one of {', '.join(FIRMWARES)}")
    try:
        ipaddress.IPv4Address(entry["address"])
    except ValueError:
        found.append(f"address: {entry['address']!r} is no IPv4 address")
    if entry.get("road", "ram") not in ROADS:
        found.append(f"road: {entry['road']!r} is not one of {', '.join(ROADS)}")
    if entry.get("order", "network") not in ORDERS:
        found.append(f"order: {entry['order']!r} is not one of {', '.join(ORDERS)}")
    found += serial_problems(entry, "serial")
    found += disks_problems(entry)
    found += nics_problems(entry)
    if not isinstance(entry.get("hostname", ""), str | None):
        found.append("hostname: no string")
    users, files = entry.get("users", []), entry.get("files", {})
    if not isinstance(users, list) or not all(isinstance(user, str) for user in users):
        found.append("users: no list of names")
    if not isinstance(files, dict) or not all(isinstance(part, str) for item in files.items() for part in item):
        found.append("files: no object of paths and contents")
    return found


def serial_problems(entry: dict[str, Any], key: str) -> list[str]:
    """What is wrong with a serial number, which may be absent."""
    serial = entry.get("serial")
    if serial is None or (isinstance(serial, str) and SERIAL.fullmatch(serial)):
        return []
    return [f"{key}: {serial!r} is not made of up to 20 of A-Z, a-z, 0-9, _ and -"]


def disks_problems(entry: dict[str, Any]) -> list[str]:
    """What is wrong with a node's disks."""
    disks = entry.get("disks") or []
    if not isinstance(disks, list) or not all(isinstance(disk, dict) for disk in disks):
        return ['disks: no list of {"serial": "…", "bus": "…"}']
    found = ["disks: serial is for a machine with one disk; say it for each of the disks"] * bool(
        disks and entry.get("serial")
    )
    for place, disk in enumerate(disks):
        found += [f"disks[{place}].{key}: no such key" for key in disk if key not in Disk.__dataclass_fields__]
        found += serial_problems(disk, f"disks[{place}].serial")
        if disk.get("bus", "virtio") not in BUSES:
            found.append(f"disks[{place}].bus: {disk['bus']!r} is not one of {', '.join(BUSES)}")
        if disk.get("bus") == "nvme" and not disk.get("serial"):
            found.append(f"disks[{place}].serial: missing; a disk on nvme needs one")
    serials = [disk.get("serial") for disk in disks if disk.get("serial")]
    if len(set(serials)) < len(serials):
        found.append("disks: two of them have the same serial")
    return found


def nics_problems(entry: dict[str, Any]) -> list[str]:
    """What is wrong with a node's network cards."""
    nics = entry.get("nics") or []
    if not isinstance(nics, list) or not all(isinstance(nic, str) and MAC.fullmatch(nic.lower()) for nic in nics):
        return ["nics: no list of MAC addresses, each as 52:54:00:77:00:11"]
    lower = [nic.lower() for nic in nics]
    if nics and (lower.count(entry["mac"].lower()) != 1 or len(set(lower)) < len(lower)):
        return ["nics: has to have each network card once, and mac among them"]
    return []


def owned(entry: Any, key: str) -> list[str]:
    """What nobody else may have of what an entry has."""
    if not isinstance(entry, dict):
        return []
    nics = entry.get("nics") or []
    more = nics if key == "mac" and isinstance(nics, list) else []
    return list(dict.fromkeys(each.lower() for each in (entry.get(key), *more) if isinstance(each, str)))


def parse(text: str) -> tuple[str, list[Node]]:
    """The boot host's name and the nodes; raises one error that lists every problem."""
    try:
        document = json.loads(text)
    except ValueError as problem:
        raise LabError(f"is no JSON: {problem}") from None
    entries = document.get("nodes") if isinstance(document, dict) else None
    if not isinstance(entries, list) or not entries:
        raise LabError('has no nodes: {"boot_host": "…", "nodes": [{"name": "…", "mac": "…", …}]}')
    problems = [f"nodes[{place}].{each}" for place, entry in enumerate(entries) for each in problems_of(entry)]
    for key in ("name", "mac", "address"):
        seen: dict[str, int] = {}
        for place, entry in enumerate(entries):
            for value in owned(entry, key):
                if seen.setdefault(value, place) != place:
                    problems.append(f"nodes[{place}].{key}: {value} is also that of nodes[{seen[value]}]")
    if problems:
        raise LabError("\n  ".join(["has problems:", *problems]))
    nodes = [
        Node(
            **{
                **entry,
                "mac": entry["mac"].lower(),
                "users": tuple(entry.get("users", ())),
                "files": dict(entry.get("files", {})),
                "disks": tuple(Disk(**disk) for disk in entry.get("disks") or ()),
                "nics": tuple(nic.lower() for nic in entry.get("nics") or ()),
            }
        )
        for entry in entries
    ]
    return str(document.get("boot_host", "")), nodes


def read(file: Path) -> tuple[str, list[Node]]:
    """Read nodes.json."""
    try:
        text = file.read_text(encoding="utf-8")
    except OSError as problem:
        raise LabError(f"{file}: {problem.strerror}") from None
    try:
        return parse(text)
    except LabError as problem:
        raise LabError(f"{file} {problem}") from None
