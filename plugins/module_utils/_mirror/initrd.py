# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Extracting one file from an initrd: archives in cpio's format ``newc``, each plain or compressed by gzip, as the kernel reads
them. Memory and written bytes are bounded, whatever the archives claim."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from .errors import VerificationError

_CHUNK = 1 << 20
_HEADER = 110  # bytes
_MAGICS = (b"070701", b"070702")
_GZIP = b"\x1f\x8b"
_TRAILER = "TRAILER!!!"
_LONGEST_NAME = 4096
_MOST_ENTRIES = 10_000
_LARGEST = 2 << 30  # bytes of the archives; Flatcar's are below 500 MB


def unpack(image: Path, name: str, target: Path) -> None:
    """Write the one file *name* of an initrd to *target*. Raises ``VerificationError`` if it is not such an initrd, or does not
    have the file exactly once.
    """
    with image.open("rb") as source:
        found = _unpack_archives(_Stream(_pieces_of(source)), name, target)
    if found != 1:
        raise VerificationError(f"{image.name}: holds {found} files {name}, expected one")


class _Stream:
    """Bytes that are read once, from the start to the end."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._buffer = b""
        self.position = 0

    def some(self, size: int) -> bytes:
        """Up to *size* bytes, empty at the end."""
        if not self._buffer:
            self._buffer = next(self._pieces, b"")
        piece, self._buffer = self._buffer[:size], self._buffer[size:]
        self.position += len(piece)
        if self.position > _LARGEST:
            raise VerificationError(f"the archives in the initrd are larger than {_LARGEST} bytes")
        return piece

    def exactly(self, size: int) -> bytes:
        return b"".join(self.parts(size))

    def parts(self, size: int) -> Iterator[bytes]:
        while size:
            piece = self.some(min(size, _CHUNK))
            if not piece:
                raise VerificationError("an archive in the initrd ends in the middle of a file")
            size -= len(piece)
            yield piece

    def skip(self, size: int) -> None:
        for _piece in self.parts(size):
            pass

    def peek(self, size: int) -> bytes:
        while len(self._buffer) < size and (piece := next(self._pieces, b"")):
            self._buffer += piece
        return self._buffer[:size]

    def give_back(self, piece: bytes) -> None:
        self._buffer = piece + self._buffer
        self.position -= len(piece)


def _unpack_archives(stream: _Stream, name: str, target: Path, *, packed: bool = False) -> int:
    """How often the archives have the file, which is written each time. Compressed archives are not nested."""
    found = 0
    while start := _next_archive(stream):
        if start in _MAGICS:
            found += _unpack_archive(stream, name, target)
        elif start.startswith(_GZIP) and not packed:
            found += _unpack_archives(_Stream(_inflated(stream)), name, target, packed=True)
        else:
            raise VerificationError(
                f"the initrd has an archive that is neither cpio nor gzip (it begins with {start.hex()})"
            )
    return found


def _pieces_of(source: BinaryIO) -> Iterator[bytes]:
    while piece := source.read(_CHUNK):
        yield piece


def _next_archive(stream: _Stream) -> bytes:
    """The first bytes of the next archive, which remain to be read; empty at the end. Archives are separated by zeros."""
    while stream.peek(1) == b"\0":
        piece = stream.some(_CHUNK)
        stream.give_back(piece.lstrip(b"\0"))
    return stream.peek(6)


def _inflated(stream: _Stream) -> Iterator[bytes]:
    """What one member of gzip unpacks to."""
    inflate = zlib.decompressobj(wbits=31)
    try:
        while not inflate.eof:
            piece = inflate.unconsumed_tail or stream.some(_CHUNK)
            if not piece:
                raise VerificationError("the initrd's gzip archive ends too early")
            if unpacked := inflate.decompress(piece, _CHUNK):
                yield unpacked
    except zlib.error as error:
        raise VerificationError(f"the initrd's gzip archive is damaged ({error})") from error
    stream.give_back(inflate.unused_data)


def _unpack_archive(archive: _Stream, name: str, target: Path) -> int:
    found = 0
    begin = archive.position
    for _number in range(_MOST_ENTRIES):
        entry, size = _entry(archive)
        _align(archive, begin)
        if entry == _TRAILER:
            return found
        if entry.removeprefix("./") == name:
            found += 1
            with target.open("wb") as file:
                for piece in archive.parts(size):
                    file.write(piece)
        else:
            archive.skip(size)
        _align(archive, begin)
    raise VerificationError(f"an archive in the initrd has more than {_MOST_ENTRIES} files")


def _entry(archive: _Stream) -> tuple[str, int]:
    """An entry's name and size, by its header."""
    header = archive.exactly(_HEADER)
    try:
        fields = [int(header[at : at + 8], 16) for at in range(6, _HEADER, 8)]
    except ValueError:
        fields = []
    if header[:6] not in _MAGICS or not fields or not 0 < fields[11] <= _LONGEST_NAME:
        raise VerificationError("an archive in the initrd is not a cpio archive of the format newc")
    return archive.exactly(fields[11])[:-1].decode(errors="replace"), fields[6]


def _align(archive: _Stream, begin: int) -> None:
    archive.skip(-(archive.position - begin) % 4)
