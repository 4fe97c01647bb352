# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a unit has recorded of the files that it read, compared with their present contents.

A unit writes the ``sha256sum`` of its files into its runtime directory: into ``started`` when it starts, into ``loaded`` when it
starts or reloads, each before it reads them. So a note may be older than what was read, but never newer. Needs only the standard
library; runs on the boot host.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

from .foreign import read_plain

STARTED, LOADED = "started", "loaded"
_UNITS = "/etc/systemd/system/"
_LARGEST = 1 << 20  # bytes


def due(
    notes: Path | None, state: str, outdated: bool, restart_for: Iterable[str], reload_for: Iterable[str]
) -> tuple[str, list[str]]:
    """What has to be done to a unit, ``none``, ``reload`` or ``restart``, and for which files.

    *state* is its ``ActiveState``; it is *outdated* until systemd has reloaded it. A stopped unit reads its files when it
    starts. A unit without *notes* is one that only systemd reads.
    """
    if not runs(state):
        return "none", []
    restart_for = list(restart_for)
    if notes is None:
        return ("restart" if outdated else "none"), (restart_for if outdated else [])
    files = _outdated(notes / STARTED, restart_for)
    # Until systemd reloads its units, it restarts a crashed one in its old form, which notes the new file
    if files or (restart_for and outdated):
        return "restart", files
    files = _outdated(notes / LOADED, reload_for)
    return ("reload" if files else "none"), files


def due_for(written: Iterable[str], restart_for: Iterable[str], reload_for: Iterable[str]) -> tuple[str, list[str]]:
    """The same for files that are known to have been written, or to be about to."""
    written = set(written)
    for action, files in (("restart", restart_for), ("reload", reload_for)):
        if found := [path for path in files if path in written]:
            return action, found
    return "none", []


def runs(state: str) -> bool:
    return state not in ("inactive", "failed")


def units(files: Iterable[str]) -> list[str]:
    """Those of *files* that are systemd units, by name."""
    return [Path(path).name for path in files if path.startswith(_UNITS)]


def _outdated(note: Path, files: Iterable[str]) -> list[str]:
    """Those of *files* that have changed since *note* was written; all of them if there is no such note."""
    noted = _read(note)
    return [path for path in files if noted.get(path, "") != _digest(Path(path))]


def _read(note: Path) -> dict[str, str]:
    text = read_plain(note, _LARGEST) or b""  # in a directory that the unit's user owns
    noted = (line.partition("  ") for line in text.decode(errors="replace").splitlines())
    return {path: digest for digest, _separator, path in noted}


def _digest(path: Path) -> str:
    """The digest as ``sha256sum`` prints it; for a missing file, one that no note has."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except FileNotFoundError:
        return ""


__all__ = ("due", "due_for", "runs", "units")
