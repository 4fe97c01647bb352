# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files directory: local files and trees are read only from below it, even through symbolic links.

The reference follows links anywhere. Kindling publishes what it reads to a network, so it does not.
"""

from __future__ import annotations

import contextlib
import functools
import os
import stat
import time
from collections.abc import Iterator
from enum import Enum
from pathlib import Path as FilePath
from typing import NamedTuple

from . import paths
from .bounded_cache import bounded_cache
from .data_urls import data_url
from .limits import MAX_CONTENT_BYTES

NO_FILES_DIR = "local file paths are relative to a files directory that must be specified with files_dir"
OUTSIDE = "local file path traverses outside the files directory"
NOT_A_TREE = "root of tree must be a directory"
_READ_WITHOUT_WAITING = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC
"""A FIFO that nobody writes to must not stop the run."""
_SETTLED = 2_000_000_000
"""Nanoseconds after which another change of a file shows in its times, on any file system."""


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


class Encoded(NamedTuple):
    """The content of a file as a data URL; of one that exceeds every limit, only the size."""

    size: int
    source: str = ""
    compressed: bool = False


class FilesDir:
    """Access to the files below one directory."""

    def __init__(self, root: str | os.PathLike | None) -> None:
        self._root = FilePath(root) if root else None

    @property
    def given(self) -> bool:
        return self._root is not None

    def read(self, local: str) -> bytes:
        """The content of a file. Raises LocalFileError."""
        location = self._locate(local)
        with _reporting(location):
            return _content(self._confined(location))

    def encoded(self, local: str, *, may_compress: bool) -> Encoded:
        """A file for a config. One that many configs have is read and encoded once. Raises LocalFileError."""
        return self.encoded_at(self._locate(local), may_compress=may_compress)

    def encoded_at(self, location: FilePath, *, may_compress: bool) -> Encoded:
        """A file that ``walk`` found, for a config. Raises LocalFileError."""
        with _reporting(location):
            real = self._confined(location)
            version = _version(os.stat(real))  # noqa: PTH116 - a string as it is: a path object would be made for each file
            return _encoded(real, version, may_compress) if version else _encode(real, may_compress)

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


@contextlib.contextmanager
def _reporting(location: FilePath) -> Iterator[None]:
    """Whatever prevents reading becomes a LocalFileError that names *location*."""
    try:
        yield
    except IsADirectoryError as failure:
        raise LocalFileError(f"read {location}: is a directory") from failure
    except _NotRegularError as failure:
        raise LocalFileError(f"read {location}: is not a regular file") from failure
    except (OSError, ValueError) as failure:
        raise _unreadable("open", location, failure) from failure


class _NotRegularError(OSError):
    pass


def _content(real: str) -> bytes:
    descriptor = os.open(real, _READ_WITHOUT_WAITING)
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise _NotRegularError
        return file.read(MAX_CONTENT_BYTES + 1)


def _version(found: os.stat_result) -> tuple[int, ...] | None:
    """What differs when a file has changed; None as long as it may change without that."""
    if time.time_ns() - max(found.st_mtime_ns, found.st_ctime_ns) < _SETTLED:
        return None
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


@bounded_cache
def _encoded(real: str, _version: tuple[int, ...], may_compress: bool) -> Encoded:
    return _encode(real, may_compress)


def _encode(real: str, may_compress: bool) -> Encoded:
    content = _content(real)
    size = len(content)
    return Encoded(size, *data_url(content, may_compress=may_compress)) if size <= MAX_CONTENT_BYTES else Encoded(size)


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


__all__ = ("Encoded", "FilesDir", "Kind", "LocalFileError", "LocalNode")
