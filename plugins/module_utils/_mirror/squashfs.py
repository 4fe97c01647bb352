# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading a squashfs with unsquashfs(1), which gets little time and memory, and cannot write files."""

from __future__ import annotations

import os
import subprocess
import threading
from pathlib import Path

from .errors import VerificationError

_SECONDS = 60
_OUTPUT = 1 << 16  # bytes
_LIMITS = (f"--cpu={_SECONDS}", f"--as={1 << 30}", "--fsize=0", "--core=0")
_SMALL = ("-processors", "1", "-data-queue", "8", "-frag-queue", "8")


def read_file(image: Path, path: str) -> bytes:
    """The content of a small regular file."""
    return _ask("-cat", *_SMALL, "-no-wildcards", str(image), path)


def list_directory(image: Path, path: str) -> list[str]:
    """The names in a directory, none if there is no such directory."""
    depth = str(len(path.split("/")) + 1)
    lines = _ask("-ls", *_SMALL, "-dest", "", "-max-depth", depth, "-no-wildcards", str(image), path)
    inside = f"/{path}/"
    return [
        line.removeprefix(inside) for line in lines.decode(errors="replace").splitlines() if line.startswith(inside)
    ]


def _ask(*arguments: str) -> bytes:
    process = subprocess.Popen(
        ["prlimit", *_LIMITS, "unsquashfs", *arguments],
        env={**os.environ, "LC_ALL": "C"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    timer = threading.Timer(_SECONDS, process.kill)
    timer.start()
    try:
        output = process.stdout.read(_OUTPUT + 1)
        if len(output) > _OUTPUT:
            raise VerificationError(f"its squashfs has more to read than the expected {_OUTPUT} bytes")
        code = process.wait()
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
        timer.cancel()
    if code != 0:
        raise VerificationError(f"its squashfs cannot be read (unsquashfs {arguments[0]} ended with {code})")
    return output
