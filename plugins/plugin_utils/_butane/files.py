# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files directory: local files and trees are read only from below it, even through symbolic links.

The reference follows links anywhere. Kindling publishes what it reads to a network, so it does not.
"""

from __future__ import annotations

import functools
import os
import stat
from collections.abc import Iterator
from enum import Enum
from pathlib import Path as FilePath
from typing import NamedTuple

from . import paths
from .limits import MAX_CONTENT_BYTES

NO_FILES_DIR = "local file paths are relative to a files directory that must be specified with files_dir"
OUTSIDE = "local file path traverses outside the files directory"
NOT_A_TREE = "root of tree must be a directory"
_READ_WITHOUT_WAITING = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC
"""A FIFO that nobody writes to must not stop the run."""


class LocalFileError(ValueError):
    """A local file cannot be read."""


class Kind(Enum):
    DIRECTORY = "directory"
    FILE = "file"
    LINK = "link"
    OTHER = "other"


class LocalNode(NamedTuple):
    """An entry of a tree; ``below`` is its path relative to the tree, '.' for the tree itself."""

    kind: Kind
    below: str
    location: FilePath
    executable: bool


class FilesDir:
    """Access to the files below one directory."""

    def __init__(self, root: str | os.PathLike | None) -> None:
        self._root = FilePath(root) if root else None

    @property
    def given(self) -> bool:
        return self._root is not None

    def read(self, local: str) -> bytes:
        """The content of a file. Raises LocalFileError."""
        return self.read_at(self._locate(local))

    def read_at(self, location: FilePath) -> bytes:
        """The content of a file that ``walk`` found. Raises LocalFileError."""
        try:
            descriptor = os.open(self._confined(location), _READ_WITHOUT_WAITING)
            with os.fdopen(descriptor, "rb") as file:
                if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                    raise LocalFileError(f"read {location}: is not a regular file")
                return file.read(MAX_CONTENT_BYTES + 1)
        except IsADirectoryError as failure:
            raise LocalFileError(f"read {location}: is a directory") from failure
        except (OSError, ValueError) as failure:
            raise _unreadable("open", location, failure) from failure

    def walk(self, local: str) -> Iterator[LocalNode]:
        """A tree, depth first, the names in each directory in byte order. Raises LocalFileError."""
        root = self._locate(local)
        try:
            if not stat.S_ISDIR(FilePath(self._confined(root)).stat().st_mode):
                raise LocalFileError(NOT_A_TREE)
            yield from _walk(root)
        except (OSError, ValueError) as failure:
            raise _unreadable("stat", root, failure) from failure

    def _locate(self, local: str) -> FilePath:
        if self._root is None:
            raise LocalFileError(NO_FILES_DIR)
        below = paths.join(".", "./" + local)
        if below == ".." or below.startswith("../"):
            raise LocalFileError(OUTSIDE)
        return self._root / below

    def _confined(self, location: FilePath) -> str:
        """The location with links resolved, which must stay inside the files directory."""
        real = os.path.realpath(location)
        if os.path.commonpath((self._real_root, real)) != self._real_root:
            raise LocalFileError(OUTSIDE)
        return real

    @functools.cached_property
    def _real_root(self) -> str:
        return os.path.realpath(self._root)


def _walk(root: FilePath) -> Iterator[LocalNode]:
    waiting = [(root, ".")]
    while waiting:
        location, below = waiting.pop()
        mode = location.lstat().st_mode
        kind = _kind(mode)
        yield LocalNode(kind, below, location, executable=bool(mode & 0o111))
        if kind is Kind.DIRECTORY:
            names = sorted((entry.name for entry in location.iterdir()), key=os.fsencode, reverse=True)
            waiting += ((location / name, paths.join(below, name)) for name in names)


def _kind(mode: int) -> Kind:
    if stat.S_ISDIR(mode):
        return Kind.DIRECTORY
    if stat.S_ISLNK(mode):
        return Kind.LINK
    return Kind.FILE if stat.S_ISREG(mode) else Kind.OTHER


def _unreadable(operation: str, location: FilePath, failure: Exception) -> LocalFileError:
    if isinstance(failure, LocalFileError):
        return failure
    reason = failure.strerror if isinstance(failure, OSError) and failure.strerror else str(failure)
    return LocalFileError(f"{operation} {location}: {reason.lower()}")


__all__ = ("FilesDir", "Kind", "LocalFileError", "LocalNode")
