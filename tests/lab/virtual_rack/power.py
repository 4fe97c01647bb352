"""The machines that stand in a rack: which they are, their plugs and their disks.

``lab boot`` brings its own list of nodes. Whoever wants to switch machines on without following them, by command or by
their service processors (see ``bmc.py``), puts them into the rack first.
"""

from __future__ import annotations

import contextlib
import json
import re
from dataclasses import asdict
from pathlib import Path

from . import machine, nodes, paths, rack
from .machine import Machine
from .system import LabError, lock, require_programs, require_root, say, write_file


def register(rack_name: str) -> Path:
    """The file that says which machines a rack has."""
    return paths.rack_state(rack_name) / "machines.json"


def put_in(rack_name: str, file: Path) -> None:
    """Put machines into the rack. They are off; a machine that was there before keeps its disk."""
    require_root()
    rack.require_up(rack_name)
    boot_host, listed = nodes.read(file)
    if any(node.firmware == "uefi" for node in listed):
        machine.require_firmware()
    for node in listed:
        with plug(rack_name, node.name):
            here = Machine(rack_name, node)
            here.power_off()
            here.furnish()
    write_file(
        register(rack_name), json.dumps({"boot_host": boot_host, "nodes": [asdict(node) for node in listed]}, indent=2)
    )
    say(f"rack {rack_name}: {', '.join(node.name for node in listed)}")


def machines(rack_name: str) -> dict[str, Machine]:
    """The machines of a rack by name."""
    if not register(rack_name).exists():
        raise LabError(f"rack {rack_name} has no machines: lab.py machines {rack_name} --nodes FILE")
    return {node.name: Machine(rack_name, node) for node in nodes.read(register(rack_name))[1]}


def chosen(rack_name: str, names: list[str]) -> list[Machine]:
    """Machines by name; all when no name is given."""
    there = machines(rack_name)
    if unknown := [name for name in names if name not in there]:
        raise LabError(f"rack {rack_name} has no machine {', '.join(unknown)}; it has {', '.join(there)}")
    return [there[name] for name in names or there]


def plug(rack_name: str, name: str) -> contextlib.AbstractContextManager[None]:
    """Only one command, or service processor, has its hand on a machine's plug."""
    return lock(Path(f"/run/lock/kindling-{rack_name}.{name}.lock"), f"machine {name}")


def switch(rack_name: str, action: str, names: list[str], first: str | None = None) -> None:
    """Switch machines on or off, or both; *first* is what those that are switched on try to boot from first."""
    require_root()
    require_programs("qemu-system-x86_64")
    rack.require_up(rack_name)
    for each in chosen(rack_name, names):
        with plug(rack_name, each.node.name):
            if action in ("off", "cycle"):
                each.power_off()
            if action in ("on", "cycle") and not each.running():
                each.power_on(first)
        print(f"{each.node.name}: {'on' if each.running() else 'off'}", flush=True)


def disks(rack_name: str, action: str, names: list[str], image: Path | None) -> None:
    """Print a digest of what is on the machines' disks; before that, put others in: empty ones, or ones with an image."""
    require_root()
    rack.check_name(rack_name)
    for name, number in map(disk_name, names or machines(rack_name)):
        (each,) = chosen(rack_name, [name])
        if number is not None and number > len(each.disks):
            raise LabError(f"{name} has no disk {number}; it has {len(each.disks)}")
        with plug(rack_name, name):
            each.furnish()
            for place, disk in enumerate(each.disks, 1):
                if number in (None, place):
                    if action != "digest":
                        each.put_in(disk, image if action == "preset" else None)
                    print(f"{name}{f'/{place}' * (place > 1)}: {machine.digest(disk)}", flush=True)


def disk_name(text: str) -> tuple[str, int | None]:
    """A machine and the number of one of its disks: ``NODE`` are all of them, ``NODE/2`` is the second one."""
    name, _, number = text.partition("/")
    if number and not re.fullmatch(r"[1-9]", number):
        raise LabError(f"{text}: a disk is called NODE/1, NODE/2 and so on")
    return name, int(number) if number else None
