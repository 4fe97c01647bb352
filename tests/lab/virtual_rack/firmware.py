"""Powers one machine on, of any kind of firmware, and follows it to its own script: quick, for it boots nothing then."""

from __future__ import annotations

import json
import re
import shutil
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from . import network, paths, processes, rack
from .boot import Journal
from .machine import OVMF_CODE, OVMF_VARIABLES, option_value
from .system import LabError, make_directory, require_programs, require_root, run

AAVMF_CODE = Path("/usr/share/AAVMF/AAVMF_CODE.fd")
AAVMF_VARIABLES = Path("/usr/share/AAVMF/AAVMF_VARS.fd")

MEMORY_MIB = 512


@dataclass(frozen=True)
class Kind:
    """How a machine of one kind is made: its emulator, its board, its firmware's code and variables."""

    emulator: str
    board: tuple[str, ...]
    code: Path | None = None
    variables: Path | None = None
    settings: tuple[str, ...] = ()


#: UEFI over IPv6 would only be waited for.
_NO_IPV6 = "opt/org.tianocore/IPv6PXESupport"
_NO_PXE = "opt/org.tianocore/IPv4PXESupport"
_X86 = ("-accel", "tcg,thread=multi", "-cpu", "qemu64", "-machine")

KINDS = {
    "bios": Kind("qemu-system-x86_64", (*_X86, "q35,graphics=off")),
    "uefi": Kind("qemu-system-x86_64", (*_X86, "q35,graphics=off,smm=off"), OVMF_CODE, OVMF_VARIABLES, (_NO_IPV6,)),
    "uefi-http": Kind(
        "qemu-system-x86_64", (*_X86, "q35,graphics=off,smm=off"), OVMF_CODE, OVMF_VARIABLES, (_NO_IPV6, _NO_PXE)
    ),
    "arm64": Kind(
        "qemu-system-aarch64", ("-machine", "virt", "-cpu", "cortex-a72"), AAVMF_CODE, AAVMF_VARIABLES, (_NO_IPV6,)
    ),
}


def follow(name: str, kind: str, mac: str, address: str, switch: str, seconds: float) -> int:
    """Prints, as JSON, what the boot host said of the machine until it gave it its script; 0 when it did."""
    require_root()
    rack.require_up(name)
    require_programs(KINDS[kind].emulator)
    process, tap = f"node-firmware-{mac.replace(':', '')}", "t" + mac.replace(":", "")
    state = paths.rack_state(name)
    make_directory(state)
    space = network.namespace(name)
    script = f"/ipxe/{mac.replace(':', '-')}.ipxe"
    concerned = re.compile(rf"\b({re.escape(mac)}|{re.escape(address)})\b")
    said: list[str] = []
    found = False
    journal = Journal(name)
    start = time.monotonic()
    try:
        run("ip", "-n", space, "tuntap", "add", "dev", tap, "mode", "tap")
        run("ip", "-n", space, "link", "set", tap, "master", switch, "up")
        processes.start(state, process, network.inside(name, *_command(KINDS[kind], state, process, mac, tap)))
        while not found and time.monotonic() - start < seconds:
            if processes.running(state, process) is None:
                raise LabError(f"the machine went off: {(state / f'{process}.log').read_text(errors='replace')}")
            fresh = [text for text in journal.messages(0.2) if concerned.search(text)]
            said += fresh
            found = any(f'"GET {script} ' in text and '" 200 ' in text for text in fresh)
    finally:
        journal.close()
        processes.stop(state, process)
        run("ip", "-n", space, "link", "delete", tap, check=False)
    serial = (state / f"{process}.serial").read_text(errors="replace")[-2000:]
    json.dump(
        {"found": found, "seconds": round(time.monotonic() - start, 1), "said": said, "serial": serial}, sys.stdout
    )
    return 0 if found else 1


def _command(kind: Kind, state: Path, process: str, mac: str, tap: str) -> list[str]:
    serial = state / f"{process}.serial"
    serial.write_bytes(b"")
    card = f"virtio-net-pci,netdev=lan,mac={mac},bootindex=1"
    firmware: list[str] = []
    if kind.code and kind.variables:
        for file in (kind.code, kind.variables):
            if not file.exists():
                raise LabError(f"{file} is missing: install the packages in tests/lab/packages.txt")
        card += ",romfile="  # the firmware's own network stack, not that of an option ROM
        variables = state / f"{process}.vars"
        shutil.copyfile(kind.variables, variables)
        firmware = [
            "-drive", f"if=pflash,format=raw,unit=0,readonly=on,file={kind.code}",
            "-drive", f"if=pflash,format=raw,unit=1,file={option_value(variables)}",
        ]  # fmt: skip
    for setting in kind.settings:
        firmware += ["-fw_cfg", f"name={setting},string=n"]
    return [
        kind.emulator, "-name", process, "-nodefaults", "-no-user-config", *kind.board, "-smp", "1", "-m", str(MEMORY_MIB),
        "-display", "none", *firmware, "-chardev", f"file,id=console,path={option_value(serial)}", "-serial", "chardev:console",
        "-netdev", f"tap,id=lan,ifname={tap},script=no,downscript=no", "-device", card, "-device", "virtio-rng-pci",
    ]  # fmt: skip
