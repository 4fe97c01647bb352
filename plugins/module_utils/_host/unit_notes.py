"""What a unit notes of the files that it has taken up, held against what is in them now.

A unit writes ``sha256sum`` of its files into its runtime directory, as it starts into ``started`` and as it starts or
reloads into ``loaded``, each before it reads them: a note may be older than what was read, and never newer. Needs the
standard library alone; runs on the boot host.
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
    """What has to be done to a unit, ``none``, ``reload`` or ``restart``, and because of which files.

    *state* is its ``ActiveState``; *outdated* is it while systemd has not read it anew. One that does not run reads its
    files when it starts. One without *notes* is a unit that systemd alone reads.
    """
    if not runs(state):
        return "none", []
    restart_for = list(restart_for)
    if notes is None:
        return ("restart" if outdated else "none"), (restart_for if outdated else [])
    files = _outdated(notes / STARTED, restart_for)
    # Until systemd has read the unit anew, one that crashed is started as it was, and notes the file that will be
    if files or (restart_for and outdated):
        return "restart", files
    files = _outdated(notes / LOADED, reload_for)
    return ("reload" if files else "none"), files


def due_for(written: Iterable[str], restart_for: Iterable[str], reload_for: Iterable[str]) -> tuple[str, list[str]]:
    """The same for files of which is known that they were written, or will be."""
    written = set(written)
    for action, files in (("restart", restart_for), ("reload", reload_for)):
        if found := [path for path in files if path in written]:
            return action, found
    return "none", []


def runs(state: str) -> bool:
    return state not in ("inactive", "failed")


def units(files: Iterable[str]) -> list[str]:
    """Those of *files* that are systemd's units, by their names."""
    return [Path(path).name for path in files if path.startswith(_UNITS)]


def _outdated(note: Path, files: Iterable[str]) -> list[str]:
    """Those of *files* that are not now as they were when *note* was written; all where there is no such note."""
    noted = _read(note)
    return [path for path in files if noted.get(path, "") != _digest(Path(path))]


def _read(note: Path) -> dict[str, str]:
    text = read_plain(note, _LARGEST) or b""  # in a directory that is the unit's user's
    noted = (line.partition("  ") for line in text.decode(errors="replace").splitlines())
    return {path: digest for digest, _separator, path in noted}


def _digest(path: Path) -> str:
    """The digest as ``sha256sum`` prints it; that of no file is what a note does not have."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except FileNotFoundError:
        return ""


__all__ = ("due", "due_for", "runs", "units")
