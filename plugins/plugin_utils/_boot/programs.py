# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Boot programs: what a machine's firmware is given to start, by its architecture and by the node's choice.

They are iPXE, from Debian's package, or a file of the operator's. A node's choice is a tag that dnsmasq's configuration assigns
to its MAC addresses. The tag cannot be part of a reservation: dnsmasq 2.90 crashes when it rereads reservations with tags.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ansible_collections.kindling.flatcar.plugins.module_utils._netboot.architectures import (
    ARCHITECTURES,
    BIOS,
    EFI_ARM64,
    EFI_IA32,
    EFI_X64,
    Architecture,
)

from .._node.boot import CHOICES
from .._schema.problem import Problem

if TYPE_CHECKING:
    from .._node import Node

VARIABLE = "flatcar_boot_program"


#: Flatcar has no 32-bit release. Firmware shows the name of the file that it was told to fetch, and that it failed.
UNSUPPORTED = {EFI_IA32.tag: "ia32-uefi-is-not-supported.efi"}

#: The oldest Debian release whose package has a program, where not all supported ones have it.
SINCE_DEBIAN = {"ipxe-arm64.efi": 13}

_DIGITS = 16
_MACHINES = {0x8664: EFI_X64, 0xAA64: EFI_ARM64, 0x14C: EFI_IA32}


class ProgramError(ValueError):
    """A file of the operator's that cannot be a boot program."""


@dataclass(frozen=True)
class Program:
    """A file of the operator's, verified: its path, the name that it is served under, and what it runs on."""

    path: str
    sha256: str
    architecture: Architecture

    @property
    def name(self) -> str:
        """Safe in a URL, in dnsmasq's configuration and in a packet, whatever the file is called."""
        return f"{self.sha256[:_DIGITS]}.{'kpxe' if self.architecture is BIOS else 'efi'}"

    def printable(self) -> dict[str, str]:
        return {
            "path": self.path,
            "sha256": self.sha256,
            "name": self.name,
            "tag": tag_of({"sha256": self.sha256}),
            "architecture": self.architecture.tag,
        }


def tag_of(choice: Any) -> str | None:
    """The tag for a node's choice; None if it leaves the choice to the boot host."""
    if choice is None:
        return None
    return f"program-{choice if isinstance(choice, str) else choice['sha256'][:_DIGITS].lower()}"


def choices_of(nodes: Iterable[Node]) -> dict[str, list[str]]:
    """The MAC addresses of the nodes that make a choice, by tag."""
    choices: dict[str, list[str]] = {}
    for node in nodes:
        if node.boot_program:
            choices.setdefault(tag_of(node.boot_program), []).extend(node.mac)
    return {tag: sorted(macs) for tag, macs in sorted(choices.items())}


def architecture_of(data: bytes) -> Architecture:
    """What a program runs on: UEFI programs say so in their header; a program without a header is for BIOS."""
    if data[:2] != b"MZ":
        return BIOS
    try:
        (start,) = struct.unpack_from("<I", data, 0x3C)
        signature, machine = struct.unpack_from("<4sH", data, start)
    except struct.error:
        raise ProgramError("its header is truncated") from None
    if signature != b"PE\0\0" or machine not in _MACHINES:
        raise ProgramError("it is a program neither for UEFI on x86-64 or arm64, nor for a BIOS")
    return _MACHINES[machine]


def read_program(choice: Mapping[str, str], files_dir: str | None) -> Program:
    """The operator's file that a node chooses, checked. Raises ``ProgramError``."""
    path = Path(choice["file"])
    if not path.is_absolute():
        if files_dir is None:
            raise ProgramError(
                "a relative path needs fleet_files_dir, which is not set: set it, or give an absolute path"
            )
        path = Path(files_dir, path)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ProgramError(f"{path} cannot be read on the controller: {error.strerror}") from None
    found = hashlib.sha256(data).hexdigest()
    if found != choice["sha256"].lower():
        raise ProgramError(f"{path} has the SHA-256 {found}: it is a different file, or it was changed")
    return Program(str(path), found, architecture_of(data))


def read_programs(
    nodes: Iterable[Node], files_dir: str | None, debian: int | None
) -> tuple[list[Program], list[Problem]]:
    """The operator's files that *nodes* boot from, each once, and what is wrong with the choices.

    *debian* is the boot host's release, or None if it is not known.
    """
    known: dict[tuple, Program | ProgramError] = {}
    programs: dict[str, Program] = {}
    problems = []
    for node in nodes:
        program = None
        if isinstance(node.boot_program, Mapping):
            program = _read_once(known, node.boot_program, files_dir)
        if isinstance(program, Program):
            programs[program.sha256] = program
        problems += [
            Problem(node.name, VARIABLE, message, node.given.get(VARIABLE, node.given["flatcar_mac"]))
            for message in _mistakes(node, program, debian)
        ]
    return sorted(programs.values(), key=lambda program: program.sha256), problems


def _read_once(
    known: dict[tuple, Program | ProgramError], choice: Mapping[str, str], files_dir: str | None
) -> Program | ProgramError:
    key = (choice["file"], choice["sha256"])
    if key not in known:
        try:
            known[key] = read_program(choice, files_dir)
        except ProgramError as error:
            known[key] = error
    return known[key]


def _mistakes(node: Node, program: Program | ProgramError | None, debian: int | None) -> Iterator[str]:
    if isinstance(program, ProgramError):
        yield str(program)
    elif program is not None and program.architecture.board != node.board:
        yield f"{program.path} is for {program.architecture.tag}, but the machine is {node.board}"
    elif program is None and node.board == "arm64-usr" and node.boot_mode != "disk":
        needed = SINCE_DEBIAN["ipxe-arm64.efi"]
        if debian is not None and debian < needed:
            yield (
                f"missing: the boot host runs Debian {debian}, whose iPXE has no program for arm64-usr. Use a boot host "
                f"with Debian {needed}, or give the machine a file of your own, such as "
                "{file: /srv/ipxe-arm64.efi, sha256: …}"
            )


def boot_table(defaults: Mapping[str, str], programs: Iterable[Mapping[str, str]]) -> list[dict[str, Any]]:
    """For each architecture, its codes and its programs with the tags that select them.

    *defaults* are the boot host's own choices by architecture, *programs* the operator's files as ``printable``.
    """
    programs = list(programs)
    table = []
    for architecture in ARCHITECTURES:
        chosen = {tag_of(word): files[architecture.tag] for word, files in CHOICES.items() if architecture.tag in files}
        chosen |= {entry["tag"]: entry["name"] for entry in programs if entry["architecture"] == architecture.tag}
        default = defaults.get(architecture.tag, UNSUPPORTED.get(architecture.tag))
        rows = [{"tags": [tag], "file": file} for tag, file in chosen.items()]
        if default:
            rows.append({"tags": [f"!{tag}" for tag in chosen], "file": default})
        table.append(
            {
                "tag": architecture.tag,
                "codes": list(architecture.codes),
                "http_codes": list(architecture.http_codes),
                "programs": rows,
            }
        )
    return table


__all__ = (
    "SINCE_DEBIAN",
    "UNSUPPORTED",
    "VARIABLE",
    "Program",
    "ProgramError",
    "architecture_of",
    "boot_table",
    "choices_of",
    "read_program",
    "read_programs",
    "tag_of",
)
