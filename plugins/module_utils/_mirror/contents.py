# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A release is what it claims to be: its version and its board are read from its verified files, not taken from its name.

The PXE image contains /usr, whose os-release names the version and the board. The kernel contains its own version, and belongs
to the /usr that has its modules. The disk image has the same os-release behind more than a gigabyte of compressed bytes: it is
tied to the release only by the day of its signature, and an installed node reports the version that it runs.
"""

from __future__ import annotations

import contextlib
import shlex
import tempfile
from pathlib import Path

from . import squashfs
from .errors import StorageError, VerificationError
from .initrd import unpack
from .kernel_file import read_kernel
from .release import KERNEL, PXE_IMAGE, Target

_USR = "usr.squashfs"
_OS_RELEASE = "lib/os-release"
_MODULES = "lib/modules"


def check_contents(target: Target, kernel: Path, pxe_image: Path, work: Path) -> str:
    """Refuse files that are of another release or another board than *target*; all mistakes are reported at once.

    Only for files whose signatures are verified: they are unpacked here, below *work*. Returns the kernel's version; raises
    ``VerificationError`` if the files are something else, or do not say what they are.
    """
    told, modules = _read_usr(pxe_image, work)
    running = read_kernel(kernel)
    problems = [
        f"{PXE_IMAGE}: its os-release has {key}={told.get(key)!r}, expected {expected!r}"
        for key, expected in (("ID", "flatcar"), ("VERSION_ID", str(target.version)), ("FLATCAR_BOARD", target.board))
        if told.get(key) != expected
    ]
    if running.board != target.board:
        problems.append(f"{KERNEL}: is a kernel for {running.board}, expected one for {target.board}")
    if running.version not in modules:
        problems.append(
            f"{KERNEL}: is Linux {running.version}, but {PXE_IMAGE} has the modules of {', '.join(modules) or 'none'}"
        )
    if problems:
        raise VerificationError(
            f"{'; '.join(problems)}: these files are validly signed, but of another release or board"
        )
    return running.version


def _read_usr(pxe_image: Path, work: Path) -> tuple[dict[str, str], list[str]]:
    """The values of the os-release in the PXE image, and the kernels that it has modules of."""
    with tempfile.TemporaryDirectory(prefix="unpacked-", dir=work) as place:
        usr = Path(place, _USR)
        try:
            unpack(pxe_image, _USR, usr)
            text = squashfs.read_file(usr, _OS_RELEASE).decode(errors="replace")
            return parse_os_release(text), squashfs.list_directory(usr, _MODULES)
        except VerificationError as error:
            raise VerificationError(f"{PXE_IMAGE}: {error}") from error
        except OSError as error:
            raise StorageError(
                f"{work}: {error.strerror} while {pxe_image.name} was unpacked to be checked; make room and run again"
            ) from error


def parse_os_release(text: str) -> dict[str, str]:
    """The values of an os-release file (shell assignments; parsed, never run)."""
    values: dict[str, str] = {}
    for line in text.splitlines():
        key, separator, value = line.strip().partition("=")
        if separator and not key.startswith("#"):
            with contextlib.suppress(ValueError):  # an open quote: no value
                values[key] = "".join(shlex.split(value))
    return values
