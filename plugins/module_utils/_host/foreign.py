# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files in directories that another user may write, read by root. Needs only the standard library; runs on the boot host.

Such a user may put a pipe there, which blocks whoever opens it for ever, or a link to what that user may not read.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path

#: Nothing is there, or a link or a socket, which is no file. What cannot be read for another reason may be one.
NO_FILE = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENXIO)


@contextlib.contextmanager
def plain_file(path: Path) -> Iterator[int | None]:
    """A handle of a regular file; None if there is none."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        if error.errno not in NO_FILE:
            raise
        handle = None
    if handle is None:
        yield None
        return
    try:
        yield handle if stat.S_ISREG(os.fstat(handle).st_mode) else None
    finally:
        os.close(handle)


def read_plain(path: Path, largest: int) -> bytes | None:
    """The content of a regular file, at most its first *largest* bytes; None if there is none."""
    with plain_file(path) as handle:
        if handle is None:
            return None
        with os.fdopen(handle, "rb", closefd=False) as file:
            return file.read(largest)


__all__ = ("NO_FILE", "plain_file", "read_plain")
