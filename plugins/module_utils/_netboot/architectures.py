# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The kinds of firmware by the codes that they send (DHCP option 93): the only table of them.

A new kind is one row here. Codes are IANA's ("Processor Architecture Types"); names of platforms are iPXE's, and boards Flatcar's.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Architecture:
    """A kind of firmware.

    ``codes`` are those of PXE, ``http_codes`` those of HTTP boot. ``platform`` and ``cpu`` are
    what iPXE reports when it runs there; ``board`` is Flatcar's, None if it has no release.
    """

    tag: str
    name: str
    codes: tuple[int, ...]
    http_codes: tuple[int, ...]
    platform: str
    cpu: str
    board: str | None


BIOS = Architecture("bios", "BIOS", (0,), (), "pcbios", "i386", "amd64-usr")
#: 9 is byte code by the registry, and x64 in fact
EFI_X64 = Architecture("efi-x64", "UEFI x64", (7, 9), (16,), "efi", "x86_64", "amd64-usr")
EFI_ARM64 = Architecture("efi-arm64", "UEFI arm64", (11,), (19,), "efi", "arm64", "arm64-usr")
EFI_IA32 = Architecture("efi-ia32", "UEFI IA32", (6,), (15,), "efi", "i386", None)
ARCHITECTURES = (BIOS, EFI_X64, EFI_ARM64, EFI_IA32)

_BY_CODE = {code: kind for kind in ARCHITECTURES for code in (*kind.codes, *kind.http_codes)}


def architecture_of_code(code: int) -> Architecture | None:
    """The kind of firmware that sends *code*; None if no row has it."""
    return _BY_CODE.get(code)


def codes_of_board(board: str) -> tuple[int, ...]:
    """The codes that a *board*'s machines may send."""
    kinds = [kind for kind in ARCHITECTURES if kind.board == board]
    return tuple(sorted(code for kind in kinds for code in (*kind.codes, *kind.http_codes)))


__all__ = (
    "ARCHITECTURES",
    "BIOS",
    "EFI_ARM64",
    "EFI_IA32",
    "EFI_X64",
    "Architecture",
    "architecture_of_code",
    "codes_of_board",
)
