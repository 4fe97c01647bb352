"""Virtual bare-metal machines: QEMU without hardware support, on the rack's switch."""

from __future__ import annotations

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
DISK_BYTES = 1 << 30


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

    def running(self) -> bool:
        """Whether the machine has power."""
        return processes.running(self.state, self.process) is not None

    def power_on(self) -> None:
        """Start the machine with an empty disk; a machine that runs is switched off first."""
        self.power_off()
        make_directory(self.state)
        space = network.namespace(self.rack)
        run("ip", "-n", space, "tuntap", "add", "dev", self.tap, "mode", "tap")
        run("ip", "-n", space, "link", "set", self.tap, "master", network.BRIDGE, "up")
        disk = self.state / f"{self.process}.disk"
        disk.unlink(missing_ok=True)
        with disk.open("wb") as empty:
            empty.truncate(DISK_BYTES)
        self.serial.write_bytes(b"")
        processes.start(self.state, self.process, network.inside(self.rack, *self.command(disk)))

    def power_off(self) -> bool:
        """Switch the machine off; True when it was on."""
        was_on = processes.stop(self.state, self.process)
        run("ip", "-n", network.namespace(self.rack), "link", "delete", self.tap, check=False)
        for end in ("disk", "vars"):
            (self.state / f"{self.process}.{end}").unlink(missing_ok=True)
        return was_on

    def last_words(self) -> str:
        """What QEMU itself said, when it ended."""
        return (self.state / f"{self.process}.log").read_text(encoding="utf-8", errors="replace").strip()

    def command(self, disk: Path) -> list[str]:
        """QEMU's command line.

        Everything here is emulated, so the settings are the cheapest ones: an old CPU without wide vectors, one core.
        ``graphics=off`` makes SeaBIOS write to the serial console, as OVMF does by itself.
        """
        card = f"virtio-net-pci,netdev=lan,mac={self.node.mac},bootindex=1"
        firmware: list[str] = []
        chipset = "q35,graphics=off"
        if self.node.firmware == "uefi":
            # Without an option ROM the firmware's own PXE stack boots; UEFI over IPv6 would only be waited for.
            card += ",romfile="
            chipset += ",smm=off"
            variables = self.state / f"{self.process}.vars"
            shutil.copyfile(OVMF_VARIABLES, variables)
            firmware = [
                "-drive", f"if=pflash,format=raw,unit=0,readonly=on,file={OVMF_CODE}",
                "-drive", f"if=pflash,format=raw,unit=1,file={option_value(variables)}",
                "-fw_cfg", "name=opt/org.tianocore/IPv6PXESupport,string=n",
            ]  # fmt: skip
        return [
            "qemu-system-x86_64", "-name", f"{self.rack}-{self.node.name}", "-nodefaults", "-no-user-config",
            "-accel", "tcg,thread=multi", "-cpu", "Nehalem", "-smp", "1", "-m", str(MEMORY_MIB),
            "-machine", chipset, "-display", "none", *firmware,
            "-chardev", f"file,id=console,path={option_value(self.serial)}", "-serial", "chardev:console",
            "-netdev", f"tap,id=lan,ifname={self.tap},script=no,downscript=no", "-device", card,
            "-drive", f"if=none,id=disk,format=raw,cache=unsafe,file={option_value(disk)}",
            "-device", "virtio-blk-pci,drive=disk,bootindex=2", "-device", "virtio-rng-pci",
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
