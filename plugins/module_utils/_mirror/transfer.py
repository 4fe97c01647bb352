# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Getting bytes from a mirror, with curl(1).

curl follows redirects without passing credentials to another host, resumes by Range and reports when a server ignores it,
gives up on stalls, honours proxies and reads ``file://``. It writes to a pipe, so that the receiver hashes and verifies
what arrives, when it arrives. Its options go through stdin: no URL with a password shows in the process list.
"""

from __future__ import annotations

import contextlib
import fcntl
import re
import subprocess
import threading
import time
import urllib.parse
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

from .errors import RangeIgnored, TransferError

PIPE = 1 << 20  # bytes; a pipe of the default size costs a process switch for every 64 KiB
CHUNK = 1 << 18  # bytes per read; a few of these stay in the processor's cache
SMALL = 1 << 20  # bytes; a signature, DIGESTS, version.txt or key file is far below it

_MAX_REDIRECTS = 5
_STALL_SPEED = 1024  # bytes per second below which a transfer counts as stalled
_RETRY_HTTP = {"408", "425", "429", "500", "502", "503", "504"}
_MISSING_HTTP = {"404", "410"}

#: curl(1), "EXIT CODES"
_RANGE_ERRORS = {33, 36}
_TOO_LARGE = 63
_EXPLAINED = {
    5: "the proxy's name cannot be resolved; check the proxy setting",
    6: "the server's name cannot be resolved; check the URL and the host's DNS",
    7: "nothing answers there; check the URL, the route and the firewall, or set a proxy",
    18: "the server closed the connection before the end of the file",
    28: "the transfer stalled or the server did not answer in time",
    35: "the TLS handshake failed",
    37: "there is no such file, or it cannot be read",
    47: f"it redirects more than {_MAX_REDIRECTS} times (a loop?)",
    52: "the server closed the connection without an answer",
    56: "the connection broke",
    60: "the server's certificate is not trusted; put a CA of your own in /usr/local/share/ca-certificates",
}
_UNREACHABLE_EXIT = {5, 6, 7, 28, 35, 97}
_RETRY_EXIT = {5, 6, 7, 16, 18, 28, 35, 52, 55, 56, 92, 95, 96, 97}


@dataclass(frozen=True)
class TransferSettings:
    """How to download. Times are seconds, the bandwidth bytes per second (0: unlimited)."""

    connect_timeout: int = 10
    stall_timeout: int = 30
    retries: int = 4
    backoff: float = 1.0
    proxy: str = ""
    no_proxy: str = ""


class RateLimit:
    """A bandwidth limit of *rate* bytes a second, 0 for none. All parallel transfers share it; one that ends leaves its share to
    the others.
    """

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._free_at = 0.0
        self._lock = threading.Lock()

    @property
    def chunk(self) -> int:
        """How many bytes to take at once: a quarter of a second's worth, so that the flow stays even."""
        return min(CHUNK, max(4096, self._rate // 4)) if self._rate else CHUNK

    def wait(self, size: int) -> None:
        """Block until this many bytes may have passed."""
        if not self._rate:
            return
        with self._lock:
            now = time.monotonic()
            self._free_at = max(self._free_at, now) + size / self._rate
            delay = self._free_at - now
        time.sleep(delay)


class Source:
    """The bytes of one transfer."""

    def __init__(self, output: BinaryIO, limit: RateLimit, stop: threading.Event) -> None:
        self._output = output
        self._limit = limit
        self._stop = stop

    def read_into(self, buffer: bytearray) -> int:
        """Fill a buffer with the bytes on hand, waiting for the first of them; 0 at the end."""
        size = self._output.readinto(memoryview(buffer)[: self._limit.chunk])
        if self._stop.is_set():
            raise TransferError("not finished, because another problem ended the run")
        self._limit.wait(size)
        return size


def without_password(url: str) -> str:
    """The URL in the form that messages may show."""
    parts = urllib.parse.urlsplit(url)
    if "@" not in parts.netloc:
        return url
    return urllib.parse.urlunsplit(parts._replace(netloc="***@" + parts.netloc.rpartition("@")[2]))


def looks_like_html(start: bytes) -> bool:
    """True for a web page: a captive portal, a proxy's login or a friendly error with status 200."""
    text = start[:512].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    return text.startswith((b"<!doctype html", b"<html", b"<head", b"<?xml"))


class Downloader:
    """Every request to a mirror goes through here. Safe to use from several threads."""

    def __init__(self, settings: TransferSettings, limit: RateLimit | None = None) -> None:
        self.settings = settings
        self.limit = limit or RateLimit(0)
        self.stop = threading.Event()

    def read(self, url: str) -> bytes:
        """Fetch a small file whole; raises ``TransferError``."""

        def attempt() -> bytes:
            with self._curl(url, {"max-filesize": SMALL}) as output:
                content = b""
                while piece := output.read(65536):
                    content += piece
                    if len(content) > SMALL:
                        raise TransferError(f"{without_password(url)}: more than {SMALL} bytes; that is not the file")
            if looks_like_html(content):
                raise TransferError(html_message(url))
            return content

        return self.retry(attempt)

    def probe(self, url: str) -> int | None:
        """Ask whether a file exists and how many bytes it has, if the server reports that, without its content.

        Servers that refuse HEAD are asked for the file itself, and the transfer is dropped after the headers.
        """

        def attempt() -> int | None:
            try:
                return self._headers(url, {"head": True})
            except TransferError as error:
                if error.missing or error.retry or url.startswith("file:"):
                    raise
                return self._headers(url, {"range": "0-0", "include": True, "max-filesize": 1})

        return self.retry(attempt)

    def _headers(self, url: str, options: dict[str, Any]) -> int | None:
        headers = b""
        try:
            with self._curl(url, options) as output:
                while piece := output.read(65536):
                    headers = (headers + piece)[-2 * SMALL :]
        except TransferError:
            if b"HTTP/" not in headers or "max-filesize" not in options:
                raise
        return _size_in_headers(headers.decode("latin-1"), url)

    @contextlib.contextmanager
    def stream(self, url: str, offset: int) -> Iterator[Source]:
        """Open a file from an offset on; what is read from it stays within the bandwidth limit.

        Raises ``RangeIgnored`` if the server can only start at the beginning, and ``TransferError`` if the bytes ended too early,
        provided the server reported how many there are.
        """
        with self._curl(url, {"continue-at": offset or None}) as output:
            yield Source(output, self.limit, self.stop)

    def retry(self, attempt: Callable[[], Any]) -> Any:
        """Call until it works, with growing pauses, as long as the failure is a temporary one."""
        for number in range(self.settings.retries + 1):
            try:
                return attempt()
            except TransferError as error:
                if not error.retry or number == self.settings.retries:
                    raise
            self.pause(number)
        raise AssertionError("unreachable")

    def pause(self, number: int) -> None:
        """Wait before the next attempt: 1, 2, 4 … up to 30 s by default, less if the run is ending."""
        self.stop.wait(min(30.0, self.settings.backoff * 2**number))

    @contextlib.contextmanager
    def _curl(self, url: str, options: dict[str, Any]) -> Iterator[BinaryIO]:
        """Run curl and yield its raw output. A failure that curl reports at its end is raised as ``TransferError``."""
        process = subprocess.Popen(
            ["curl", "--disable", "--config", "-"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
        )
        with contextlib.suppress(OSError):  # an unprivileged user may have used up the system's allowance
            fcntl.fcntl(process.stdout, fcntl.F_SETPIPE_SZ, PIPE)
        try:
            process.stdin.write(_config({**self._common(url), **options}).encode())
            process.stdin.close()
            yield process.stdout
            process.stdout.close()
            report = process.stderr.read().decode(errors="replace")
            code = process.wait()
        finally:
            process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout, process.stderr):
                pipe.close()
        if code != 0:
            raise _transfer_error(code, report, url)

    def _common(self, url: str) -> dict[str, Any]:
        scheme = url.partition(":")[0].lower()
        if scheme not in {"http", "https", "file"} or any(ord(char) < 33 for char in url):
            raise TransferError(f"{without_password(url)!r} is not an http, https or file URL")
        return {
            "url": url,
            "silent": True,
            "show-error": True,
            "fail": True,
            "globoff": True,
            "location": True,
            "max-redirs": _MAX_REDIRECTS,
            "proto": f"={scheme}",
            "proto-redir": "=https" if scheme == "https" else "=http,https",
            "connect-timeout": self.settings.connect_timeout,
            "speed-limit": _STALL_SPEED,
            "speed-time": self.settings.stall_timeout,
            "user-agent": "kindling.flatcar",
            "proxy": self.settings.proxy or None,
            "noproxy": self.settings.no_proxy or None,
            "write-out": r"%{stderr}\n%{http_code} %{url_effective}",
        }


def _config(options: dict[str, Any]) -> str:
    r"""curl's config file syntax: ``name = "value"`` with \\ and \" escaped; True is a switch, None is left out."""
    lines = []
    for name, value in options.items():
        if name != "write-out" and not str(value).isprintable():  # a line of its own would be another option
            raise TransferError(f"the value for curl's option {name} has a control character")
        if value is True:
            lines.append(name)
        elif value is not None:
            text = str(value) if name == "write-out" else str(value).replace("\\", "\\\\").replace('"', '\\"')
            lines.append(f'{name} = "{text}"')
    return "\n".join(lines) + "\n"


def _transfer_error(code: int, report: str, url: str) -> TransferError:
    """Turn curl's exit code and its report (error text, then the ``write-out`` line) into a message with a remedy."""
    lines = [line for line in report.splitlines() if line.strip()]
    http, _space, effective = lines.pop().partition(" ") if lines else ("000", "", "")
    place = without_password(url)
    if effective and without_password(effective) != place:
        place += f" (redirected to {without_password(effective)})"
    said = lines[-1].partition(") ")[2] if lines else ""
    if code in _RANGE_ERRORS or http == "416":
        return RangeIgnored(f"{place}: the server cannot resume the file", retry=True)
    if code == 22:
        reason = f"the server answers with HTTP status {http}"
        return TransferError(f"{place}: {reason}", retry=http in _RETRY_HTTP, missing=http in _MISSING_HTTP)
    if code == _TOO_LARGE:
        return TransferError(f"{place}: the file is far larger than expected")
    reason = _EXPLAINED.get(code, f"curl failed with exit code {code}")
    return TransferError(
        f"{place}: {reason} ({said})",
        retry=code in _RETRY_EXIT,
        missing=code == 37,
        unreachable=code in _UNREACHABLE_EXIT,
    )


def _size_in_headers(text: str, url: str) -> int | None:
    """Take the size from the last answer's headers (redirects come before it, a body may follow)."""
    size: int | None = None
    if "HTTP/" in text:
        text = [block for block in re.split(r"\r?\n\r?\n", text) if block.startswith("HTTP/")][-1]
    for line in text.splitlines():
        name, _colon, value = line.partition(":")
        value = value.strip()
        if name.lower() == "content-type" and value.lower().startswith(("text/html", "application/xhtml")):
            raise TransferError(html_message(url))
        if name.lower() == "content-length" and value.isdigit() and size is None:
            size = int(value)
        if name.lower() == "content-range" and value.rpartition("/")[2].isdigit():
            size = int(value.rpartition("/")[2])
    return size


def html_message(url: str) -> str:
    """The message if a web page comes instead of a file."""
    return (
        f"{without_password(url)}: a web page (HTML) came instead of the file: a proxy's or portal's login, or an error"
        " page; open the URL with curl on the boot host to see which"
    )
