# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""systemd unit files: whether the reference's parser can lex them, and what options they have.

Source: the lexer of go-systemd, with which Ignition reads units.

The limit on line length depends on what the reference's reader happens to have buffered, so that buffer is imitated: a line that
is too long is refused near the start of the text and may pass further on.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import NamedTuple

from .bounded_cache import bounded_cache

LINE_MAX = 2048
_BUFFER = 4096
_LONGEST_RUNE = 4
_ASCII_SPACE = b"\t\n\v\f\r "
_OTHER_SPACE = frozenset("\u0085\u00a0\u1680\u2028\u2029\u202f\u205f\u3000" + "".join(map(chr, range(0x2000, 0x200B))))
_ALL_SPACE = "\t\n\v\f\r " + "".join(_OTHER_SPACE)
_COMMENT = frozenset(b"#;")
_NEWLINE = re.compile(rb"[\r\n]")
_END_OF_NAME = re.compile(rb"[=\r\n]")
_FIRST_OTHER = 0x80


class UnitError(ValueError):
    """The text is not a unit; the message is the reference's."""


class Option(NamedTuple):
    section: str
    name: str


def options_of(text: str) -> list[Option]:
    """The options of a unit, in order. Raises UnitError."""
    return list(_options_of(text))


@bounded_cache
def _options_of(text: str) -> tuple[Option, ...]:
    """Cached: many machines share a unit, and it is read more than once."""
    return tuple(_Lexer(text.encode("utf-8", "surrogateescape")).options())


def has_install_option(text: str) -> bool:
    """Whether enabling the unit does anything. Raises UnitError."""
    return any(option.section == "Install" for option in _options_of(text))


class _Reader:
    """Reads bytes with the refill behaviour of a 4096 byte buffered reader."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._position = 0
        self._buffered_to = 0

    def buffers_a_too_long_line(self) -> bool:
        start, end = self._position, self._position + LINE_MAX
        return self._buffered_to >= end and not _NEWLINE.search(self._data, start, end)

    def _fill(self) -> None:
        self._buffered_to = min(len(self._data), self._position + _BUFFER)

    def peek_rune(self) -> bytes:
        """The bytes of the next character (one byte if they are not UTF-8); nothing at the end."""
        start, end = self._position, self._position + _LONGEST_RUNE
        if start < self._buffered_to and self._data[start] < _FIRST_OTHER:
            return self._data[start : start + 1]
        if not _holds_a_rune(self._data[start : min(end, self._buffered_to)]):
            self._fill()
        return _first_rune(self._data[start:end])

    def read_rune(self) -> bytes:
        rune = self.peek_rune()
        self._position += len(rune)
        return rune

    def skip_to(self, stop: re.Pattern[bytes]) -> bytes:
        """What precedes the next match, if that is in the buffer; else nothing, and nothing is read."""
        start = self._position
        found = stop.search(self._data, start, self._buffered_to)
        if found:
            self._position = found.start()
        return self._data[start : self._position]

    def read_through(self, delimiter: bytes) -> tuple[bytes, bool]:
        """Up to and including the delimiter, or all the rest; and whether the delimiter was there."""
        start = searched = self._position
        while True:
            found = self._data.find(delimiter, searched, self._buffered_to)
            if found >= 0:
                self._position = found + 1
                return self._data[start : self._position], True
            if self._buffered_to == len(self._data):
                self._position = self._buffered_to
                return self._data[start:], False
            searched = self._buffered_to
            if self._buffered_to - self._position >= _BUFFER:
                self._position = self._buffered_to
            self._fill()


def _holds_a_rune(data: bytes) -> bool:
    if not data:
        return False
    return data[0] < _FIRST_OTHER or len(data) == _LONGEST_RUNE or len(_first_rune(data)) > 1 or not _may_continue(data)


def _may_continue(data: bytes) -> bool:
    """Whether more bytes could complete this character."""
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as failure:
        return failure.reason == "unexpected end of data"
    return False


def _first_rune(data: bytes) -> bytes:
    if not data or data[0] < _FIRST_OTHER:
        return data[:1]
    for length in (2, 3, 4):
        try:
            data[:length].decode("utf-8")
        except UnicodeDecodeError:
            continue
        return data[:length]
    return data[:1]


def _is_space(rune: bytes) -> bool:
    if len(rune) == 1:
        return rune in _ASCII_SPACE
    return rune.decode("utf-8") in _OTHER_SPACE


def _trimmed(data: bytes | bytearray) -> str:
    return data.decode("utf-8", "surrogateescape").strip(_ALL_SPACE)


_Step = Callable[[], "_Step | None"]


class _Lexer:
    """Each method that returns a step reads one piece; line length is checked between steps."""

    def __init__(self, data: bytes) -> None:
        self._reader = _Reader(data)
        self._may_hold_long_lines = len(data) > LINE_MAX
        self._options: list[Option] = []
        self._section = ""
        self._name = ""

    def options(self) -> list[Option]:
        step: _Step | None = self._outside_sections
        while step:
            if self._may_hold_long_lines and self._reader.buffers_a_too_long_line():
                raise UnitError(f"line too long (max {LINE_MAX} bytes)")
            step = step()
        return self._options

    def _outside_sections(self) -> _Step | None:
        rune = self._reader.read_rune()
        if not rune:
            return None
        if rune == b"[":
            return self._section_name
        if rune[0] in _COMMENT:
            return self._comment_outside
        return self._outside_sections

    def _section_name(self) -> _Step:
        name, complete = self._reader.read_through(b"]")
        if not complete:
            raise UnitError("unable to find end of section")
        self._section = name[:-1].decode("utf-8", "surrogateescape")
        return self._after_section_name

    def _after_section_name(self) -> _Step:
        garbage = _trimmed(self._line()[0])
        if garbage:
            raise UnitError(f"found garbage after section name : {json.dumps(garbage[:200], ensure_ascii=False)}")
        return self._inside_section

    def _inside_section(self) -> _Step | None:
        rune = self._reader.peek_rune()
        if not rune:
            return None
        if _is_space(rune):
            self._reader.read_rune()
            return self._inside_section
        if rune == b"[":
            self._reader.read_rune()
            return self._section_name
        if rune[0] in _COMMENT:
            self._reader.read_rune()
            return self._comment_inside
        return self._option_name

    def _option_name(self) -> _Step:
        name = bytearray(self._reader.skip_to(_END_OF_NAME))
        while (rune := self._reader.read_rune()) != b"=":
            if not rune:
                raise UnitError("EOF")
            if rune in (b"\n", b"\r"):
                raise UnitError("unexpected newline encountered while parsing option name")
            name += rune
        self._name = _trimmed(name)
        return self._option_value

    def _option_value(self) -> _Step:
        line, ended = self._line()
        if ended and line.endswith(b"\\") and _trimmed(line):
            return self._option_value
        self._options.append(Option(self._section, self._name))
        return self._inside_section

    def _comment_outside(self) -> _Step:
        self._skip_comment()
        return self._outside_sections

    def _comment_inside(self) -> _Step:
        self._skip_comment()
        return self._inside_section

    def _skip_comment(self) -> None:
        while self._line()[0].removesuffix(b" ").endswith(b"\\"):
            pass

    def _line(self) -> tuple[bytes, bool]:
        """The rest of the line, and whether it has an end (the text may stop without one)."""
        line, ended = self._reader.read_through(b"\n")
        return (line[:-1] if ended else line.removesuffix(b"\r")), ended


__all__ = ("Option", "UnitError", "has_install_option", "options_of")
