# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``data:`` URLs: choosing one for given bytes, and checking one.

Source: Butane's ``MakeDataURL``; the Go package dataurl, with which Ignition reads them.

Contents may have tens of megabytes: whatever needs many bytes for one (lists of characters, repeated groups of a regular
expression) works in pieces, or not at all.
"""

from __future__ import annotations

import base64
import binascii
import io
import re
import string
import zlib
from collections.abc import Iterator
from gzip import GzipFile, decompress
from urllib.parse import quote_from_bytes, unquote_to_bytes

from .bounded_cache import bounded_cache

_KEPT = "-_.!~*'()"
_KEPT_BYTES = (_KEPT + string.ascii_letters + string.digits).encode("ascii")
_GZIP_MARGIN = 4
"""The reference uses gzip only if it saves this many characters."""
_GZIP_HEADER = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\xff"
_SHORTEST_GZIP = len(_GZIP_HEADER) + 2 + 8
_SHARED = 16 * 1024
"""Contents up to this size are cached: machines share most of them. Larger ones are cached by the file that they come from."""
_PIECE = 3 * 2**18
"""A multiple of three bytes, which are four characters of base64."""


class DataUrlError(ValueError):
    """Not a data URL; the text is the reference's message."""


def data_url(content: bytes, *, may_compress: bool) -> tuple[str, bool]:
    """The shortest URL for the content, and whether it is compressed."""
    return (_shared_url if len(content) <= _SHARED else _shortest_url)(content, may_compress)


def _shortest_url(content: bytes, may_compress: bool) -> tuple[str, bool]:
    escaped_bytes = len(content.translate(None, delete=_KEPT_BYTES))
    percent_length = len(",") + len(content) + 2 * escaped_bytes
    shortest = min(percent_length, _base64_length(len(content)))
    if may_compress and shortest > _base64_length(_SHORTEST_GZIP) + _GZIP_MARGIN:
        compressed = gzip(content)
        if _base64_length(len(compressed)) + _GZIP_MARGIN < shortest:
            return _base64_url(compressed), True
        del compressed
    if shortest == percent_length:
        return "".join(("data:,", *(quote_from_bytes(piece, safe=_KEPT) for piece in _pieces(content)))), False
    return _base64_url(content), False


_shared_url = bounded_cache(_shortest_url)


def _base64_length(size: int) -> int:
    return len(";base64,") + (size + 2) // 3 * 4


def _base64_url(content: bytes) -> str:
    return "".join(("data:;base64,", *(base64.b64encode(piece).decode("ascii") for piece in _pieces(content))))


def _pieces(content: bytes) -> Iterator[bytes]:
    """The content in parts that base64 encodes one by one."""
    return (content[start : start + _PIECE] for start in range(0, len(content), _PIECE))


def gzip(content: bytes) -> bytes:
    """Always the same bytes for the same content: no time and no name, whatever Python's own header says."""
    deflate = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    trailer = zlib.crc32(content).to_bytes(4, "little") + (len(content) & 0xFFFFFFFF).to_bytes(4, "little")
    return b"".join((_GZIP_HEADER, deflate.compress(content), deflate.flush(), trailer))


_TOKEN = r"[!#$%&'*+\-.0-9A-Z^_`a-z{|}~]"  # noqa: S105 - a character class
_MEDIA = re.compile(rf"({_TOKEN}+)(/?)({_TOKEN}*)")
_MEDIA_TYPE = re.compile(r"(?:text|image|audio|video|application|message|multipart|[xX]-)")
_ATTRIBUTE = re.compile(rf"{_TOKEN}+")
_PLAIN_VALUE = re.compile(rf"{_TOKEN}+")
_QUOTED_VALUE = re.compile(
    r"""
    " (?: [\x20\x21\x23-\x5b\x5d-\x7e]++
        | \\ (?: [abfnrtv\\"] | x[0-9a-fA-F]{2} | [0-3][0-7]{2}
               | u (?![dD][89a-fA-F]) [0-9a-fA-F]{4}
               | U 000 (?!0[dD][89a-fA-F]) [0-9a-fA-F]{5} | U 0010 [0-9a-fA-F]{4} )
      )*+ "
    """,
    re.VERBOSE,
)
_DATA = re.compile(r"""[!$%&'()*+,\-./0-9:;=?@A-Z_a-z~]*\Z""")
_BASE64_CHARACTERS = re.compile(r"[A-Za-z0-9+/=]*\Z")
_PADDING = re.compile(r"={0,2}\Z")
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")


def check_data_url(text: str) -> None:
    """Raises DataUrlError unless ``data:[type/subtype][;attribute=value]...[;base64],data``."""
    if not text.startswith("data:"):
        raise DataUrlError("missing data prefix")
    position = _after_media_type(text, len("data:"))
    while text[position : position + 1] == ";":
        if text.startswith(";base64,", position):
            _check_base64(text, position + len(";base64,"))
            return
        position = _after_parameter(text, position + 1)
    if position == len(text):
        raise DataUrlError("missing comma before data")
    if text[position] != ",":
        raise DataUrlError("expected semicolon or comma")
    _check_plain(text, position + 1)


def _after_media_type(text: str, position: int) -> int:
    if position == len(text):
        raise DataUrlError("missing comma before data")
    if text[position] in ",;":
        return position
    media = _MEDIA.match(text, position)
    if not media:
        raise DataUrlError("invalid character after data prefix")
    if not media[2]:
        ends = media.end() == len(text)
        raise DataUrlError("missing media type slash" if ends else "invalid character for media type")
    if not _MEDIA_TYPE.match(media[1]):
        raise DataUrlError("invalid media type")
    if media.end() == len(text):
        raise DataUrlError("incomplete media type")
    if text[media.end()] not in ",;":
        raise DataUrlError("invalid character for media subtype")
    return media.end()


def _after_parameter(text: str, position: int) -> int:
    attribute = _ATTRIBUTE.match(text, position)
    if text[position : position + 1] in ("", "=", ",") or (attribute and attribute.end() == len(text)):
        raise DataUrlError("unterminated parameter sequence")
    if not attribute:
        raise DataUrlError("invalid character for parameter attribute")
    start = attribute.end() + 1
    if text[attribute.end()] == ",":
        raise DataUrlError(f"expected base64, got {attribute[0][:40]}")
    if text[attribute.end()] != "=":
        raise DataUrlError("invalid character for parameter attribute")
    quoted = text.startswith('"', start)
    value = (_QUOTED_VALUE if quoted else _PLAIN_VALUE).match(text, start)
    if not value:
        raise DataUrlError("unclosed quoted string" if quoted else "invalid character for parameter value")
    if not quoted:
        _check_escapes(value[0])
    return value.end()


def _check_plain(text: str, position: int) -> None:
    if not _DATA.match(text, position):
        raise DataUrlError("invalid data character")
    _check_escapes(text, position)


def _check_escapes(text: str, position: int = 0) -> None:
    bad = _BAD_ESCAPE.search(text, position)
    if bad and len(text) - bad.start() < 3:
        raise DataUrlError("rfc2396: unexpected end of unescape sequence")
    if bad:
        raise DataUrlError("rfc2396: invalid char 0x25 in unescape sequence")


def _check_base64(text: str, position: int) -> None:
    if not _BASE64_CHARACTERS.match(text, position):
        raise DataUrlError("invalid data character")
    padding = text.find("=", position)
    if (len(text) - position) % 4 or (padding >= 0 and not _PADDING.match(text, padding)):
        raise DataUrlError("illegal base64 data")


def content_of(text: str, compression: str | None) -> bytes:
    """The content of a data URL. Raises ``ValueError`` if it is not one, or if its content is damaged."""
    try:
        content = _as_given(text)
        if compression != "gzip":
            return content
        return decompress(content) if len(content) < _PIECE else b"".join(_decompressed(content))
    except _DAMAGED as error:
        raise DataUrlError(str(error)) from error


def pieces_of(text: str, compression: str | None) -> Iterator[bytes]:
    """``content_of`` in parts, for what does not need all of it at once."""
    try:
        content = _as_given(text)
        yield from _decompressed(content) if compression == "gzip" else (content,)
    except _DAMAGED as error:
        raise DataUrlError(str(error)) from error


_DAMAGED = (binascii.Error, OSError, EOFError, zlib.error)


def _as_given(text: str) -> bytes:
    """The content, still compressed if it is."""
    if not text.startswith("data:"):
        raise DataUrlError("missing data prefix")
    head, _separator, data = text.partition(",")
    if not head.endswith(";base64"):
        return _unquoted(data)
    return binascii.a2b_base64(data if data.isascii() and "%" not in data else _unquoted(data))


def _decompressed(content: bytes) -> Iterator[bytes]:
    with GzipFile(fileobj=io.BytesIO(content)) as opened:
        yield from iter(lambda: opened.read(_PIECE), b"")


def _unquoted(data: str) -> bytes:
    return b"".join(unquote_to_bytes(piece) for piece in _whole_escapes(data))


def _whole_escapes(data: str) -> Iterator[str]:
    """The data in parts, none of which ends within an escape."""
    start = 0
    while start < len(data):
        end = start + _PIECE
        begun = data.find("%", end - 2, end)
        end = end if begun < 0 else begun
        yield data[start:end]
        start = end


__all__ = ("DataUrlError", "check_data_url", "content_of", "data_url", "gzip", "pieces_of")
