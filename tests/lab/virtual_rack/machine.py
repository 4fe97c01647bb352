"""Virtual bare-metal machines: QEMU without hardware support, on the rack's switch."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from . import network, paths, processes
from .nodes import Node
from .system import LabError, make_directory, run

OVMF_CODE = Path("/usr/share/OVMF/OVMF_CODE_4M.fd")
OVMF_VARIABLES = Path("/usr/share/OVMF/OVMF_VARS_4M.fd")

MEMORY_MIB = 768
DISK_BYTES = 16 << 30
"""As large as a disk has to be for Flatcar's own image; only what is written takes place."""

BLOCK = 1 << 20


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
    def tap(self) -> str:
        """The name of its switch port. Interface names have 15 characters at most."""
        return "t" + self.node.mac.replace(":", "")

    @property
    def disk(self) -> Path:
        """Its disk: there as long as the rack is."""
        return self.state / f"{self.process}.disk"

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
        run("ip", "-n", space, "tuntap", "add", "dev", self.tap, "mode", "tap")
        run("ip", "-n", space, "link", "set", self.tap, "master", network.BRIDGE, "up")
        self.furnish()
        self.serial.write_bytes(b"")
        processes.start(self.state, self.process, network.inside(self.rack, *self.command(first or self.node.order)))

    def power_off(self) -> bool:
        """Switch the machine off, as by its plug; True when it was on."""
        was_on = processes.stop(self.state, self.process)
        run("ip", "-n", network.namespace(self.rack), "link", "delete", self.tap, check=False)
        return was_on

    def furnish(self) -> None:
        """Give the machine its disk and its firmware's memory, unless it has them."""
        make_directory(self.state)
        if not self.disk.exists():
            with self.disk.open("wb") as empty:
                empty.truncate(DISK_BYTES)
        if self.node.firmware == "uefi" and not self.variables.exists():
            shutil.copyfile(OVMF_VARIABLES, self.variables)

    def blank(self) -> None:
        """Take the disk out and put an empty one in."""
        if self.running():
            raise LabError(f"{self.node.name} is on: switch it off before its disk is changed")
        self.disk.unlink(missing_ok=True)
        self.furnish()

    def disk_digest(self) -> str:
        """A digest of all that is on the disk; what was never written costs no time."""
        self.furnish()
        total = hashlib.sha256()
        with self.disk.open("rb") as file:
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

    def last_words(self) -> str:
        """What QEMU itself said, when it ended."""
        return (self.state / f"{self.process}.log").read_text(encoding="utf-8", errors="replace").strip()

    def command(self, first: str) -> list[str]:
        """QEMU's command line.

        Everything here is emulated, so the settings are the cheapest ones: an old CPU without wide vectors, one core.
        ``bootindex`` is what the firmware goes by at every start. ``graphics=off`` makes SeaBIOS write to the serial console,
        as OVMF does by itself.
        """
        network_place, disk_place = (1, 2) if first == "network" else (2, 1)
        disk = f"virtio-blk-pci,drive=disk,bootindex={disk_place}"
        if self.node.serial is not None:
            disk += f",serial={self.node.serial}"
        card = f"virtio-net-pci,netdev=lan,mac={self.node.mac},bootindex={network_place}"
        firmware: list[str] = []
        chipset = "q35,graphics=off"
        if self.node.firmware == "uefi":
            # Without an option ROM the firmware's own PXE stack boots; UEFI over IPv6 would only be waited for.
            card += ",romfile="
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
            "-netdev", f"tap,id=lan,ifname={self.tap},script=no,downscript=no", "-device", card,
            "-drive", f"if=none,id=disk,format=raw,cache=unsafe,file={option_value(self.disk)}",
            "-device", disk, "-device", "virtio-rng-pci",
        ]  # fmt: skip


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
