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

NAME = re.compile(r"[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?")
SERIAL = re.compile(r"[A-Za-z0-9_-]{1,20}")
MAC = re.compile(r"[0-9a-f]{2}(:[0-9a-f]{2}){5}")


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
    """The serial number of its disk, which is then ``/dev/disk/by-id/virtio-SERIAL``."""
    order: str = "network"
    """What its firmware tries first."""


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
    if not SERIAL.fullmatch(entry.get("serial") or "-"):
        found.append(f"serial: {entry['serial']!r} is not made of up to 20 of A-Z, a-z, 0-9, _ and -")
    if not isinstance(entry.get("hostname", ""), str | None):
        found.append("hostname: no string")
    users, files = entry.get("users", []), entry.get("files", {})
    if not isinstance(users, list) or not all(isinstance(user, str) for user in users):
        found.append("users: no list of names")
    if not isinstance(files, dict) or not all(isinstance(part, str) for item in files.items() for part in item):
        found.append("files: no object of paths and contents")
    return found


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
            value = entry.get(key) if isinstance(entry, dict) else None
            if isinstance(value, str) and seen.setdefault(value.lower(), place) != place:
                problems.append(f"nodes[{place}].{key}: {value} is also that of nodes[{seen[value.lower()]}]")
    if problems:
        raise LabError("\n  ".join(["has problems:", *problems]))
    nodes = [
        Node(
            **{
                **entry,
                "mac": entry["mac"].lower(),
                "users": tuple(entry.get("users", ())),
                "files": dict(entry.get("files", {})),
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
