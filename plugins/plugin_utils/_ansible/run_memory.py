# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What one task of a run keeps for a later one.

Ansible runs each task in a fork of its own process, and prints what a task returns. An anonymous file in memory, which the main
process opens before a play's tasks, is inherited by all of them. It has no name that others could open it by, is on no disk, and
ends with the run. Where the system has no such files, or no room for one, nothing is kept.

Tasks may run side by side. What is kept is found by an index that has the digest of each content, and whose own digest is in the
header: what another one is replacing meanwhile does not fit its digest, and is not taken.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import struct
from collections.abc import Iterable, Mapping

#: Where the index begins, how long it is, and its digest. It is written last: what is written half is not kept.
_HEADER = struct.Struct("!QQ32s")
_EMPTY = bytes(_HEADER.size)

_file: int | None = None


def open_run_memory() -> None:
    """Once per run, by the main process."""
    global _file  # inherited by the forks that run the tasks
    if _file is None and hasattr(os, "memfd_create"):
        with contextlib.suppress(OSError):
            _file = os.memfd_create("kindling")


def keep(items: Iterable[tuple[str, bytes]]) -> None:
    """Replace what is kept by *items*, each by its name."""
    if _file is None:
        return
    with contextlib.suppress(OSError):  # no room: then all is read again
        _write(_EMPTY, 0)
        os.ftruncate(_file, len(_EMPTY))
        places, end = {}, len(_EMPTY)
        for name, content in items:
            _write(content, end)
            places[name] = (end, len(content), _digest(content).hex())
            end += len(content)
        index = json.dumps(places).encode()
        _write(index, end)
        _write(_HEADER.pack(end, len(index), _digest(index)), 0)


class Kept:
    """What is kept now. Each content is read when it is asked for."""

    def __init__(self) -> None:
        self._places: Mapping[str, tuple[int, int, str]] = {}
        header = _read(0, _HEADER.size)
        if len(header) == _HEADER.size:
            at, length, digest = _HEADER.unpack(header)
            index = _read(at, length)
            if _digest(index) == digest:
                self._places = json.loads(index)

    def get(self, name: str) -> bytes | None:
        if name not in self._places:
            return None
        at, length, digest = self._places[name]
        content = _read(at, length)
        return content if _digest(content).hex() == digest else None


def _digest(content: bytes) -> bytes:
    return hashlib.sha256(content).digest()


def _write(content: bytes, at: int) -> None:
    view = memoryview(content)
    while view:
        written = os.pwrite(_file, view, at)
        view, at = view[written:], at + written


def _read(at: int, length: int) -> bytes:
    parts = []
    while _file is not None and length > 0 and (part := os.pread(_file, length, at)):
        parts.append(part)
        at, length = at + len(part), length - len(part)
    return b"".join(parts)


__all__ = ("Kept", "keep", "open_run_memory")
