# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What one task of a run keeps for a later one.

Ansible runs each task in a fork of its own process, and prints what a task returns. An anonymous file in memory, which the main
process opens before a play's tasks, is inherited by all of them. It has no name that others could open it by, is on no disk, and
ends with the run. Where the system has no such files, nothing is kept.
"""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Iterable, Mapping

#: Where the index begins, and how long it is. It is written last: what is written half is not kept.
_HEADER = struct.Struct("!QQ")
_EMPTY = _HEADER.pack(0, 0)

_file: int | None = None


def open_run_memory() -> None:
    """Once per run, by the main process."""
    global _file  # inherited by the forks that run the tasks
    if _file is None and hasattr(os, "memfd_create"):
        _file = os.memfd_create("kindling")
        os.pwrite(_file, _EMPTY, 0)


def keep(items: Iterable[tuple[str, bytes]]) -> None:
    """Replace what is kept by *items*, each by its name."""
    if _file is None:
        return
    os.pwrite(_file, _EMPTY, 0)
    os.ftruncate(_file, len(_EMPTY))
    places, end = {}, len(_EMPTY)
    for name, content in items:
        _write(content, end)
        places[name] = (end, len(content))
        end += len(content)
    index = json.dumps(places).encode()
    _write(index, end)
    os.pwrite(_file, _HEADER.pack(end, len(index)), 0)


def kept(names: Iterable[str]) -> dict[str, bytes]:
    """Those of the *names* that are kept."""
    if _file is None:
        return {}
    places: Mapping[str, tuple[int, int]] = json.loads(_read(*_HEADER.unpack(_read(0, _HEADER.size))) or b"{}")
    return {name: _read(*places[name]) for name in names if name in places}


def _write(content: bytes, at: int) -> None:
    view = memoryview(content)
    while view:
        written = os.pwrite(_file, view, at)
        view, at = view[written:], at + written


def _read(at: int, length: int) -> bytes:
    parts = []
    while length > 0 and (part := os.pread(_file, length, at)):
        parts.append(part)
        at, length = at + len(part), length - len(part)
    return b"".join(parts)


__all__ = ("keep", "kept", "open_run_memory")
