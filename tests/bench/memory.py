"""How much memory a program takes."""

from __future__ import annotations

import contextlib
import pathlib
import re
import threading


def family(pid: int) -> list[int]:
    """A process and its descendants."""
    found = [pid]
    for parent in found:
        with contextlib.suppress(OSError):
            for task in pathlib.Path(f"/proc/{parent}/task").iterdir():
                found += [int(child) for child in (task / "children").read_text().split()]
    return found


class MemoryWatch:
    """The peak of what a process and its descendants hold, in bytes; shared pages count once (PSS)."""

    def __init__(self, pid: int, every: float = 0.05) -> None:
        self.peak = 0
        self._pid, self._every = pid, every
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()

    def _watch(self) -> None:
        while not self._done.wait(self._every):
            self.peak = max(self.peak, sum(self._held(pid) for pid in family(self._pid)))

    @staticmethod
    def _held(pid: int) -> int:
        with contextlib.suppress(OSError):
            match = re.search(r"^Pss:\s+(\d+) kB", pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text(), re.MULTILINE)
            return int(match[1]) * 1024 if match else 0
        return 0

    def close(self) -> int:
        self._done.set()
        self._thread.join()
        return self.peak
