# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Receiving one large file: download, hash and signature check in one pass, resumed after an interruption."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import io
import os
import queue
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from .errors import ImageError, RangeIgnored, StorageError, TransferError, VerificationError
from .progress import Progress
from .signature import GpgvStream, Keyring, Signature
from .transfer import CHUNK, Downloader, html_message, looks_like_html, without_password

#: A release's files are below 1 GB; a server that never stops sending must not fill the disk.
_MAX_SIZE = 8 << 30

_BUFFERS = 6
_WRITE_OUT = 32 << 20  # bytes

#: Interrupted transfers are resumed as often as needed, as long as each brings at least this much.
_WORTHWHILE = 1 << 20


@dataclass(frozen=True)
class Wanted:
    """One file to receive: its *urls* on each mirror in the order to try, where its bytes are collected (*partial*, never below
    a directory that is served), its size in bytes or None, its digest by the signed DIGESTS, and the content of its ``.sig``.
    """

    name: str
    urls: tuple[str, ...]
    partial: Path
    size: int | None
    sha512: str
    signature: bytes


@dataclass(frozen=True)
class Received:
    """A file that is complete and verified; it is still where it was collected. Its last bytes came from *url*, and *problems*
    says what went wrong with the URLs that were tried before.
    """

    size: int
    sha512: str
    signature: Signature
    url: str = ""
    problems: tuple[tuple[str, str], ...] = ()


class _Checker:
    """Hashes and verifies bytes as they pass, the hash in a thread of its own (hashlib releases Python's lock).

    A few buffers circulate: filled from a source, used by the caller, free again when hashed. They bound the memory.
    """

    def __init__(self, keyring: Keyring, signature: bytes, scratch: Path) -> None:
        self.size = 0
        self._hash = hashlib.sha512()
        self._gpgv = GpgvStream(keyring, signature, scratch)
        self._free: queue.SimpleQueue[bytearray] = queue.SimpleQueue()
        for _number in range(_BUFFERS):
            self._free.put(bytearray(CHUNK))
        self._pieces: queue.SimpleQueue[tuple[bytearray, int] | None] = queue.SimpleQueue()
        self._hasher = threading.Thread(target=self._run_hash, daemon=True)
        self._hasher.start()

    def _run_hash(self) -> None:
        while (piece := self._pieces.get()) is not None:
            buffer, size = piece
            self._hash.update(memoryview(buffer)[:size])
            self._free.put(buffer)

    def pieces(self, read_into: Callable[[bytearray], int]) -> Iterator[memoryview]:
        """Yield what a source delivers until its end; each piece is checked when the caller asks for the next one."""
        while True:
            buffer = self._free.get()
            size = 0
            try:
                size = read_into(buffer)
            finally:
                if not size:
                    self._free.put(buffer)
            if not size:
                return
            yield memoryview(buffer)[:size]
            self._pieces.put((buffer, size))
            self._gpgv.feed(memoryview(buffer)[:size])
            self.size += size

    def finish(self, sha512: str) -> Received:
        self._pieces.put(None)
        self._hasher.join()
        signature = self._gpgv.finish()
        digest = self._hash.hexdigest()
        if digest != sha512:
            raise VerificationError(f"its SHA-512 is {digest[:16]}…, the signed DIGESTS say {sha512[:16]}…")
        return Received(self.size, digest, signature)

    def abandon(self) -> None:
        self._pieces.put(None)
        self._hasher.join()
        self._gpgv.abandon()


def receive(wanted: Wanted, downloader: Downloader, keyring: Keyring, scratch: Path, progress: Progress) -> Received:
    """Make ``wanted.partial`` the complete, verified and synced file.

    What an earlier run left of it is read once and resumed. Mirrors are tried in order; a file that is complete but
    wrong is dropped and fetched again, once from the same mirror if part of it had come from elsewhere. Raises ``ImageError``
    with what every mirror did wrong; the partial file is kept if it can still be resumed.
    """
    problems: list[tuple[str, str]] = []
    for url in wanted.urls:
        shown = without_password(url)
        anew = downloader.settings.retries
        while True:
            continued = wanted.partial.exists() and wanted.partial.stat().st_size > 0
            try:
                received = _receive_from(url, wanted, downloader, keyring, scratch, progress)
                others = (problem for problem in dict.fromkeys(problems) if problem[0] != url)
                return replace(received, url=url, problems=tuple(others))
            except _StartAnew as error:
                wanted.partial.unlink()
                anew -= 1
                if anew < 0:
                    problems.append((url, f"{error}, again and again, and this server cannot resume a file"))
                    break
            except TransferError as error:
                problems.append((url, str(error)))
                break
            except VerificationError as error:
                wanted.partial.unlink(missing_ok=True)
                problems.append((url, f"{shown}: refused and removed: {error}"))
                if not continued:
                    break
    raise ImageError(f"{wanted.name} is not available. " + "; ".join(text for _url, text in dict.fromkeys(problems)))


def _receive_from(
    url: str, wanted: Wanted, downloader: Downloader, keyring: Keyring, scratch: Path, progress: Progress
) -> Received:
    checker = _Checker(keyring, wanted.signature, scratch)
    try:
        with _PartialFile(wanted.partial) as file, _storage_errors(wanted):
            _read_again(file, wanted, checker, progress)
            _download_rest(url, wanted, file, checker, downloader, progress)
            file.sync()
    except BaseException:
        checker.abandon()
        raise
    return checker.finish(wanted.sha512)


class _StartAnew(Exception):  # noqa: N818 - not an error: the partial file cannot be resumed
    """What is in the partial file is of no use with this server."""


class _PartialFile:
    """The file that is being received: first read to its end, then appended to."""

    def __init__(self, path: Path) -> None:
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
        self._file = io.FileIO(os.open(path, flags, 0o600), "r+")
        self._handed_over = 0
        self._size = 0

    def __enter__(self) -> _PartialFile:
        return self

    def __exit__(self, *_exception: object) -> None:
        self._file.close()

    def read_into(self, buffer: bytearray) -> int:
        """Fill a buffer; 0 at the end."""
        size = self._file.readinto(buffer)
        self._size += size
        return size

    def write(self, piece: memoryview) -> None:
        """Append; now and then let the kernel start writing out, so that the last sync has little left to do."""
        while piece:
            written = self._file.write(piece)
            self._size += written
            piece = piece[written:]
        if self._size - self._handed_over >= _WRITE_OUT:
            # For dirty pages this advice starts the writing and drops nothing (mm/fadvise.c).
            os.posix_fadvise(
                self._file.fileno(), self._handed_over, self._size - self._handed_over, os.POSIX_FADV_DONTNEED
            )
            self._handed_over = self._size

    def sync(self) -> None:
        """Sync everything to the disk."""
        os.fsync(self._file)


@contextlib.contextmanager
def _storage_errors(wanted: Wanted) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno not in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS}:
            raise
        raise StorageError(
            f"{wanted.partial}: {error.strerror} while {wanted.name} was written; what arrived is kept, and the next"
            " run resumes it. Make room (a smaller flatcar_images_keep, a larger disk) and run again"
        ) from error


def _read_again(file: _PartialFile, wanted: Wanted, checker: _Checker, progress: Progress) -> None:
    """Feed what an earlier run left to the checks, since a killed run's checks died with it."""
    progress.restart(wanted.name)
    for piece in checker.pieces(file.read_into):
        progress.add(wanted.name, len(piece), transferred=False)
    if wanted.size is not None and checker.size > wanted.size:
        raise _StartAnew


def _download_rest(
    url: str, wanted: Wanted, file: _PartialFile, checker: _Checker, downloader: Downloader, progress: Progress
) -> None:
    failures = 0
    broke_off = f"{without_password(url)}: the transfer broke off"
    while wanted.size is None or checker.size < wanted.size or checker.size == 0:
        start = checker.size
        try:
            _download_part(url, wanted, file, checker, downloader, progress)
            break
        except RangeIgnored as error:
            raise _StartAnew(broke_off) from error
        except TransferError as error:
            broke_off = str(error)
            failures = 0 if checker.size - start >= _WORTHWHILE else failures + 1
            if not error.retry or failures > downloader.settings.retries or downloader.stop.is_set():
                raise
            downloader.pause(max(0, failures - 1))


def _download_part(
    url: str, wanted: Wanted, file: _PartialFile, checker: _Checker, downloader: Downloader, progress: Progress
) -> None:
    """One transfer, from where the file ends so far to its end."""
    limit = wanted.size or _MAX_SIZE
    with downloader.stream(url, checker.size) as source:
        for piece in checker.pieces(source.read_into):
            if checker.size == 0 and looks_like_html(bytes(piece[:512])):
                raise TransferError(html_message(url))
            if checker.size + len(piece) > limit:
                raise VerificationError(f"the server sends more than the {limit} bytes that were expected")
            file.write(piece)
            progress.add(wanted.name, len(piece))
    if wanted.size is not None and checker.size < wanted.size:
        raise TransferError(
            f"{without_password(url)}: the server ended the file at {checker.size} of {wanted.size} bytes", retry=True
        )
