"""What a run must not leave: racks of a part that did not come to its end, and processes that lost their parent."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Collection
from pathlib import Path

from .parts import PROJECT, Part

PR_SET_CHILD_SUBREAPER = 36


def adopt() -> None:
    """Become the parent of every process below us whose own parent ends, so that none of them is lost: see prctl(2)."""
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def remove_racks(part: Part, own: Collection[int] = ()) -> None:
    """Remove the virtual racks of a part, where they are still there. *own* are the processes that somebody else waits for."""
    for rack in part.racks:
        down = subprocess.Popen(
            [sys.executable, PROJECT / "tests" / "lab" / "lab.py", "down", rack], stdout=subprocess.DEVNULL
        )
        while True:
            with contextlib.suppress(subprocess.TimeoutExpired):
                down.wait(0.1)
                break
            bury([down.pid, *own])  # its containers do not end before


def end() -> None:
    """End what still runs below us, such as SSH connections that are kept for a minute."""
    while children := _children():
        for child in children:
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
        for child in children:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(child, 0)


def bury(own: Collection[int]) -> None:
    """Take note of the end of those whom we adopted: who is not waited for stays, and holds up the end of its container."""
    for child in set(_children()) - set(own):
        with contextlib.suppress(ChildProcessError):
            os.waitpid(child, os.WNOHANG)


def _children() -> list[int]:
    """Our children, and those that we became the parent of."""
    listed = Path(f"/proc/self/task/{os.getpid()}/children").read_text(encoding="utf-8")
    return [int(word) for word in listed.split()]
