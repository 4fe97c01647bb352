# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Locks between runs on one host. Needs only the standard library."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

_PAUSE = 0.1  # seconds


@contextlib.contextmanager
def locked(path: Path, patience: float = 0, held: Callable[[], Exception] = BlockingIOError) -> Iterator[None]:
    """Hold the lock at *path*, which is released when the process ends, however that happens.

    Waits for *patience* seconds; raises what *held* makes after that. Only its owner can read the file: whoever may read a lock
    can hold it, and block everybody else.
    """
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        os.fchmod(handle, 0o600)
        _acquire(handle, time.monotonic() + patience, held)
        yield
    finally:
        os.close(handle)


def _acquire(handle: int, give_up: float, held: Callable[[], Exception]) -> None:
    while True:
        try:
            return fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= give_up:
                raise held() from None
            time.sleep(_PAUSE)


__all__ = ("locked",)
