# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How much memory this process may still take: what the machine has left, or its control group (a container, a systemd unit)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

_PROC, _CGROUPS = Path("/proc"), Path("/sys/fs/cgroup")

#: By the version of control groups: the files with the limit and the use, and what of the use is freed when it is needed.
_FILES = (
    ("memory.max", "memory.current", "inactive_file"),
    ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
)


def free_memory(proc: Path = _PROC, cgroups: Path = _CGROUPS) -> int | None:
    """In bytes; None if the system does not say."""
    left = [*_of_machine(proc), *_of_groups(proc, cgroups)]
    return min(left) if left else None


def own_memory(proc: Path = _PROC) -> int:
    """What this process takes, in bytes; 0 if the system does not say."""
    return next(_kilobytes(proc / "self" / "status", "VmRSS"), 0)


def _of_machine(proc: Path) -> Iterator[int]:
    yield from _kilobytes(proc / "meminfo", "MemAvailable")


def _kilobytes(file: Path, name: str) -> Iterator[int]:
    found = re.search(rf"^{name}:\s+(\d+) kB$", _text(file), re.MULTILINE)
    if found:
        yield int(found[1]) * 1024


def _of_groups(proc: Path, cgroups: Path) -> Iterator[int]:
    """Each group that this process is in, with those above it, may have a limit. A container sees its own as the root."""
    for controllers, path in re.findall(r"^\d+:([^:]*):(/.*)$", _text(proc / "self" / "cgroup"), re.MULTILINE):
        if controllers in ("", "memory"):
            root = cgroups / controllers
            for folder in (PurePosixPath(path), *PurePosixPath(path).parents):
                yield from _of_group(root / str(folder).lstrip("/"), *_FILES[bool(controllers)])


def _of_group(folder: Path, limit: str, used: str, reclaimable: str) -> Iterator[int]:
    most, current = _text(folder / limit).strip(), _text(folder / used).strip()
    if most.isdecimal() and current.isdecimal():  # "max" is no limit
        freed = re.search(rf"^{reclaimable} (\d+)$", _text(folder / "memory.stat"), re.MULTILINE)
        yield max(0, int(most) - int(current) + (int(freed[1]) if freed else 0))


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="ascii", errors="replace")
    except OSError:
        return ""


__all__ = ("free_memory", "own_memory")
