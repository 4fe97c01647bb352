# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A run's progress: kept in memory, and written to a small file that the controller reads during the run."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from pathlib import Path
from typing import Any


class Progress:
    """Counts bytes per file. Safe to use from several threads; writes to *path*, in a private directory, at most once a second."""

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._files: dict[str, dict[str, Any]] = {}
        self._step = "starting"
        self._written_at = 0.0
        self.downloaded = 0

    def step(self, text: str) -> None:
        """Say what is being done now."""
        with self._lock:
            self._step = text
            self._write(force=True)

    def expect(self, name: str, size: int | None, done: int = 0) -> None:
        """Announce a file, its size in bytes if known, and how much of it exists already."""
        with self._lock:
            self._files[name] = {"size": size, "done": done}

    def add(self, name: str, count: int, *, transferred: bool = True) -> None:
        """Count bytes of a file that arrived (or, if not transferred, were read again from a partial file)."""
        with self._lock:
            self._files[name]["done"] += count
            if transferred:
                self.downloaded += count
            self._write()

    def restart(self, name: str) -> None:
        """A file is restarted."""
        with self._lock:
            self._files[name]["done"] = 0

    def _write(self, *, force: bool = False) -> None:
        now = time.monotonic()
        if self._path is None or (now - self._written_at < 1 and not force):
            return
        self._written_at = now
        content = {"step": self._step, "files": self._files, "downloaded": self.downloaded, "at": time.time()}
        aside = self._path.with_name(self._path.name + ".new")
        with contextlib.suppress(OSError):  # a full disk is reported by what matters, not by this
            aside.write_text(json.dumps(content), encoding="utf-8")
            aside.replace(self._path)


def describe_progress(now: dict[str, Any], before: dict[str, Any] | None) -> str:
    """One line on a run's progress: by the progress file's content, and its content a while *before*, for the speed."""
    files = now["files"]
    if not files:
        return str(now["step"])
    done = sum(file["done"] for file in files.values())
    sizes = [file["size"] for file in files.values()]
    text = f"{now['step']}: {_human(done)}"
    total = sum(sizes) if all(sizes) else 0
    if total:
        text += f" of {_human(total)} ({100 * done // total} %)"
    seconds = now["at"] - before["at"] if before else 0
    if before and seconds > 0:
        speed = (now["downloaded"] - before["downloaded"]) / seconds
        text += f", {_human(speed)}/s"
        if total and speed > 0:
            text += f", {_duration((total - done) / speed)} left"
    under_way = [
        f"{name} {100 * file['done'] // file['size']} %" if file["size"] else name
        for name, file in sorted(files.items())
        if file["size"] is None or file["done"] < file["size"]
    ]
    return f"{text}; {', '.join(under_way)}" if under_way else text


def describe_mirrors(mirrors: list[dict[str, Any]]) -> list[str]:
    """One line for each mirror that delivered something. Warnings say why others did not."""
    return [f"{mirror['mirror']} gave {', '.join(mirror['gave'])}" for mirror in mirrors if mirror["gave"]]


def _human(size: float) -> str:
    for unit in ("B", "KiB", "MiB"):
        if size < 1024:
            return f"{size:.0f} {unit}"
        size /= 1024
    return f"{size:.2f} GiB"


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"
