# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a kernel's file says about it, in the two formats in which Flatcar publishes kernels.

amd64: a bzImage, whose header points to its version (Linux' ``Documentation/arch/x86/boot.rst``). arm64: an uncompressed
Image, recognised by its header (``Documentation/arch/arm64/booting.rst``), with the kernel's banner somewhere in it.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from pathlib import Path

from .errors import VerificationError

_HEAD = 1 << 16
_CHUNK = 1 << 20
_LARGEST = 256 << 20  # bytes
_BANNER = re.compile(rb"Linux version (\d[\x21-\x7e]{0,79}) \(")
_OVERLAP = 128  # bytes: longer than what _BANNER matches
_VERSION = re.compile(rb"(\d[\x21-\x7e]{0,79}) ")


@dataclass(frozen=True)
class Kernel:
    """The board that a kernel is built for, and its version as ``uname -r`` prints it."""

    board: str
    version: str


def read_kernel(path: Path) -> Kernel:
    """Read a kernel's board and version; raises ``VerificationError`` if it does not contain them."""
    with path.open("rb") as file:
        head = file.read(_HEAD)
    if head[0x202:0x206] == b"HdrS":
        board, version = "amd64-usr", _version_of_bzimage(head)
    elif head[0x38:0x3C] == b"ARM\x64":
        board, version = "arm64-usr", _version_by_banner(path)
    else:
        raise VerificationError(f"{path.name}: is neither an amd64 kernel (bzImage) nor an arm64 one (Image)")
    if not version:
        raise VerificationError(f"{path.name}: a kernel without a version")
    return Kernel(board, version.decode("ascii"))


def _version_of_bzimage(head: bytes) -> bytes | None:
    (pointer,) = struct.unpack_from("<H", head, 0x20E)
    match = _VERSION.match(head, 0x200 + pointer) if pointer else None
    return match[1] if match else None


def _version_by_banner(path: Path) -> bytes | None:
    before = b""
    with path.open("rb") as file:
        for _number in range(_LARGEST // _CHUNK):
            piece = file.read(_CHUNK)
            if match := _BANNER.search(before + piece):
                return match[1]
            if not piece:
                break
            before = piece[-_OVERLAP:]
    return None
