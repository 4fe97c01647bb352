# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""TFTP and HTTP as firmware and iPXE use them: small clients with bounds, whatever is at the other end."""

from __future__ import annotations

import contextlib
import http.client
import socket
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

from .packet import text

#: As what it identifies itself to web servers, and in their logs.
AGENT = "kindling-probe"

_TFTP_PORT = 69
_READ, _DATA, _ACK, _ERROR, _OPTIONS = 1, 3, 4, 5, 6
_BLOCK = 1428
_LARGEST_PROGRAM = 1 << 26
_KEPT = 1 << 20  # anything longer is neither a script nor a config
_TRIES = 5


class TransferError(Exception):
    """It could not be fetched; the message says why."""


@dataclass(frozen=True)
class Fetched:
    """What came: ``size`` as the server reports it or as it was counted, ``content`` up to its first megabyte."""

    size: int | None
    content: bytes = b""


def fetch(url: str, whole: bool, seconds: float, source: str | None = None) -> Fetched:
    """Fetches *url* from the address *source*; only its headers unless it is wanted *whole*. TFTP has no headers."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise TransferError(f"not a URL: {error}") from None
    if parts.scheme == "tftp" and host:
        return tftp(host, parts.path.lstrip("/"), seconds, source, port or _TFTP_PORT)
    if parts.scheme == "http" and host:
        path = parts.path or "/"
        return _http(host, port or 80, f"{path}?{parts.query}" if parts.query else path, whole, seconds, source)
    raise TransferError(f"only http and tftp can be followed, not {parts.scheme or 'a path'}")


def _http(host: str, port: int, path: str, whole: bool, seconds: float, source: str | None) -> Fetched:
    end = time.monotonic() + seconds
    connection = http.client.HTTPConnection(host, port, timeout=seconds, source_address=(source, 0) if source else None)
    with contextlib.closing(connection):
        try:
            connection.request("GET" if whole else "HEAD", path, headers={"User-Agent": AGENT})
            answer = connection.getresponse()
            if answer.status != http.client.OK:
                raise TransferError(f"the server answers {answer.status} {text(answer.reason.encode())}")
            length = answer.getheader("Content-Length", "")
            size = int(length) if length.isascii() and length.isdigit() else None
            content = _read(answer.read, end) if whole else b""
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise TransferError(f"no answer: {text(str(error).encode()) or type(error).__name__}") from None
    if whole and size is not None and len(content) < min(size, _KEPT):
        raise TransferError(f"only {len(content)} of {size} bytes arrived")
    return Fetched(size, content)


def _read(read: Callable[[int], bytes], end: float) -> bytes:
    content = bytearray()
    while len(content) < _KEPT and (part := read(_KEPT - len(content))):
        content += part
        if time.monotonic() > end:
            raise TransferError("the server sends too slowly")
    return bytes(content)


def tftp(host: str, name: str, seconds: float, source: str | None = None, port: int = _TFTP_PORT) -> Fetched:
    """A whole file by TFTP, negotiating block size and file size as firmware does."""
    end = time.monotonic() + seconds
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        try:
            asking.bind((source or "", 0))
            server = socket.gethostbyname(host)
            words = (name.encode(), b"octet", b"blksize", str(_BLOCK).encode(), b"tsize", b"0")
            question = struct.pack("!H", _READ) + b"\0".join(words) + b"\0"
            return _receive(_Exchange(asking, (server, port), question, end))
        except OSError as error:
            raise TransferError(f"no answer: {error}") from None


class _Exchange:
    """One side of a TFTP transfer: the last packet is sent again until something comes from the server."""

    def __init__(self, asking: socket.socket, server: tuple[str, int], first: bytes, end: float) -> None:
        self._socket, self._server, self._end = asking, server, end
        self._answered = False
        self.last = first

    def next(self) -> bytes:
        for _try in range(_TRIES):
            self._socket.sendto(self.last, self._server)
            again = time.monotonic() + 1
            while (left := min(again, self._end) - time.monotonic()) > 0:
                self._socket.settimeout(left)
                with contextlib.suppress(TimeoutError):
                    data, sender = self._socket.recvfrom(_BLOCK + 512)
                    # The server continues from a port of its own; packets from others are ignored
                    if sender == self._server or (not self._answered and sender[0] == self._server[0]):
                        self._server, self._answered = sender, True
                        return data
            if time.monotonic() >= self._end:
                break
        raise TransferError("no answer by TFTP" if not self._answered else "TFTP stalled")

    def finish(self) -> None:
        """The last packet, which nobody answers."""
        self._socket.sendto(self.last, self._server)


def _receive(exchange: _Exchange) -> Fetched:
    block, size, told, length = 1, 0, None, 512
    content = bytearray()
    while True:
        data = exchange.next()
        kind, number = struct.unpack_from("!HH", data) if len(data) >= 4 else (0, 0)
        if kind == _ERROR:
            raise TransferError(f"the TFTP server says: {text(data[4:]) or number}")
        if kind == _OPTIONS and block == 1 and size == 0:
            options = _tftp_options(data[2:])
            told, length = options.get(b"tsize"), options.get(b"blksize", 512)
            exchange.last = struct.pack("!HH", _ACK, 0)
        elif kind == _DATA and number == block & 0xFFFF:
            size += len(data) - 4
            content += data[4 : 4 + max(0, _KEPT - len(content))]
            exchange.last = struct.pack("!HH", _ACK, number)
            block += 1
            if len(data) - 4 < length:
                return _finished(exchange, size, told, bytes(content))
        elif kind != _DATA:
            raise TransferError("the TFTP server's answer is not valid")
        if size > _LARGEST_PROGRAM:
            raise TransferError("the file is too large for a boot program")


def _finished(exchange: _Exchange, size: int, told: int | None, content: bytes) -> Fetched:
    exchange.finish()
    if told is not None and told != size:
        raise TransferError(f"{size} bytes arrived by TFTP, the server announced {told}")
    return Fetched(size, content)


def _tftp_options(data: bytes) -> dict[bytes, int]:
    words = data.split(b"\0")
    pairs = zip(words[::2], words[1::2], strict=False)
    return {name.lower(): int(value) for name, value in pairs if value.isdigit() and len(value) < 10}


__all__ = ("AGENT", "Fetched", "TransferError", "fetch", "tftp")
