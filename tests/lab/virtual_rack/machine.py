"""Virtual bare-metal machines: QEMU without hardware support, on the rack's switch."""

from __future__ import annotations

import bz2
import hashlib
import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from . import network, paths, processes
from .nodes import Disk, Node
from .system import LabError, copy_sparsely, make_directory, run

OVMF_CODE = Path("/usr/share/OVMF/OVMF_CODE_4M.fd")
OVMF_VARIABLES = Path("/usr/share/OVMF/OVMF_VARS_4M.fd")

MEMORY_MIB = 768
DISK_BYTES = 16 << 30
"""As large as a disk has to be for Flatcar's own image; only what is written takes place."""

BLOCK = 1 << 20

NO_ROM = ",romfile="
"""Of a network card that has no boot program of its own."""


@dataclass(frozen=True)
class Machine:
    """One node's machine and the files that belong to it."""

    rack: str
    node: Node

    @property
    def state(self) -> Path:
        """The rack's state directory: pid file, serial console, disk."""
        return paths.rack_state(self.rack)

    @property
    def process(self) -> str:
        """The name of the machine's process."""
        return f"node-{self.node.name}"

    @property
    def serial(self) -> Path:
        """All that the machine wrote to its serial console."""
        return self.state / f"{self.process}.serial"

    @property
    def disks(self) -> list[Path]:
        """Its disks: there as long as the rack is."""
        more = range(2, len(self.node.all_disks) + 1)
        return [self.state / f"{self.process}.disk{number}" for number in ("", *more)]

    @property
    def variables(self) -> Path:
        """What a UEFI firmware remembers."""
        return self.state / f"{self.process}.vars"

    def running(self) -> bool:
        """Whether the machine has power."""
        return processes.running(self.state, self.process) is not None

    def power_on(self, first: str | None = None) -> None:
        """Start the machine, this time with *first* as its first boot device; one that runs is switched off before."""
        self.power_off()
        space = network.namespace(self.rack)
        for mac in self.node.all_nics:
            run("ip", "-n", space, "tuntap", "add", "dev", tap(mac), "mode", "tap")
            run("ip", "-n", space, "link", "set", tap(mac), "master", network.BRIDGE, "up")
        self.furnish()
        self.serial.write_bytes(b"")
        processes.start(self.state, self.process, network.inside(self.rack, *self.command(first or self.node.order)))

    def power_off(self) -> bool:
        """Switch the machine off, as by its plug; True when it was on."""
        was_on = processes.stop(self.state, self.process)
        for mac in self.node.all_nics:
            run("ip", "-n", network.namespace(self.rack), "link", "delete", tap(mac), check=False)
        return was_on

    def furnish(self) -> None:
        """Give the machine its disks and its firmware's memory, unless it has them."""
        make_directory(self.state)
        for disk in self.disks:
            if not disk.exists():
                with disk.open("wb") as empty:
                    empty.truncate(DISK_BYTES)
        if self.node.firmware == "uefi" and not self.variables.exists():
            shutil.copyfile(OVMF_VARIABLES, self.variables)

    def put_in(self, disk: Path, image: Path | None = None) -> None:
        """Take one of its disks out and put another one in: an empty one, or one with an image, raw or compressed by bzip2."""
        if self.running():
            raise LabError(f"{self.node.name} is on: switch it off before its disk is changed")
        disk.unlink(missing_ok=True)
        self.furnish()
        if image is not None:
            opened = bz2.open if image.suffix == ".bz2" else open
            with opened(image, "rb") as source, disk.open("r+b") as target:
                copy_sparsely(source, target)

    def last_words(self) -> str:
        """What QEMU itself said, when it ended."""
        return (self.state / f"{self.process}.log").read_text(encoding="utf-8", errors="replace").strip()

    def command(self, first: str) -> list[str]:
        """QEMU's command line.

        Everything here is emulated, so the settings are the cheapest ones: an old CPU without wide vectors, one core.
        ``bootindex`` is what the firmware goes by at every start. ``graphics=off`` makes SeaBIOS write to the serial console,
        as OVMF does by itself.
        """
        network_place, disk_place = (1, 2) if first == "network" else (len(self.disks) + 1, 1)
        boots = f",bootindex={network_place}"
        firmware: list[str] = []
        chipset = "q35,graphics=off"
        if self.node.firmware == "uefi":
            # Without an option ROM the firmware's own PXE stack boots; UEFI over IPv6 would only be waited for.
            boots += NO_ROM
            chipset += ",smm=off"
            firmware = [
                "-drive", f"if=pflash,format=raw,unit=0,readonly=on,file={OVMF_CODE}",
                "-drive", f"if=pflash,format=raw,unit=1,file={option_value(self.variables)}",
                "-fw_cfg", "name=opt/org.tianocore/IPv6PXESupport,string=n",
            ]  # fmt: skip
        return [
            "qemu-system-x86_64", "-name", f"{self.rack}-{self.node.name}", "-nodefaults", "-no-user-config",
            "-accel", "tcg,thread=multi", "-cpu", "qemu64", "-smp", "1", "-m", str(MEMORY_MIB),
            "-machine", chipset, "-display", "none", *firmware,
            "-chardev", f"file,id=console,path={option_value(self.serial)}", "-serial", "chardev:console",
            *(word for mac in self.node.all_nics for word in card(mac, boots if mac == self.node.mac else NO_ROM)),
            *(word for place, (disk, file) in enumerate(zip(self.node.all_disks, self.disks, strict=True), disk_place)
              for word in drive(disk, file, place)),
            "-device", "virtio-rng-pci",
        ]  # fmt: skip


def tap(mac: str) -> str:
    """The name of a network card's switch port. Interface names have 15 characters at most."""
    return "t" + mac.replace(":", "")


def card(mac: str, boot: str) -> list[str]:
    """QEMU's words for a network card."""
    name = f"lan-{tap(mac)}"
    return [
        "-netdev", f"tap,id={name},ifname={tap(mac)},script=no,downscript=no",
        "-device", f"virtio-net-pci,netdev={name},mac={mac}{boot}",
    ]  # fmt: skip


def drive(disk: Disk, file: Path, place: int) -> list[str]:
    """QEMU's words for a disk at this place of the boot order."""
    device = {"virtio": "virtio-blk-pci", "nvme": "nvme"}[disk.bus]
    serial = f",serial={disk.serial}" if disk.serial else ""
    return [
        "-drive", f"if=none,id=disk{place},format=raw,cache=unsafe,file={option_value(file)}",
        "-device", f"{device},drive=disk{place},bootindex={place}{serial}",
    ]  # fmt: skip


def digest(disk: Path) -> str:
    """A digest of all that is on a disk; what was never written costs no time."""
    total = hashlib.sha256()
    with disk.open("rb") as file:
        place = 0
        while place < DISK_BYTES:
            try:
                place = os.lseek(file.fileno(), place, os.SEEK_DATA) // BLOCK * BLOCK
            except OSError:  # nothing but a hole up to the end
                break
            file.seek(place)
            block = file.read(BLOCK)
            if block.strip(b"\0"):
                total.update(f"{place}:".encode() + block)
            place += BLOCK
    return total.hexdigest()


def power_off_all(rack: str) -> None:
    """Switch off every machine of a rack and pull its cable."""
    state = paths.rack_state(rack)
    for file in state.glob("node-*.pid"):
        processes.stop(state, file.stem)
    for name in re.findall(r"\bt[0-9a-f]{12}\b", run("ip", "-n", network.namespace(rack), "link", check=False).stdout):
        run("ip", "-n", network.namespace(rack), "link", "delete", name, check=False)


def option_value(path: Path) -> str:
    """A path within one of QEMU's comma-separated options."""
    return str(path).replace(",", ",,")


def require_firmware() -> None:
    """Say which package is missing when the UEFI firmware is not there."""
    for file in (OVMF_CODE, OVMF_VARIABLES):
        if not file.exists():
            raise LabError(f"{file} is missing: apt-get install ovmf")
