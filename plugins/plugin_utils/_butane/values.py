# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Single values: which of them a typed field accepts. Source: go-yaml 3 decoding into Butane's types."""

from __future__ import annotations

import datetime
import math
import re
import reprlib
from collections.abc import Mapping
from typing import Any

from . import yaml_text
from .structure import Scalar

_STRING = Scalar.STRING  # asked for at each value: an enum is slow to name its members
_LISTS = (list, tuple)
_YES = frozenset(("y", "Y", "yes", "Yes", "YES", "on", "On", "ON"))
_NO = frozenset(("n", "N", "no", "No", "NO", "off", "Off", "OFF"))
_INT_MIN, _INT_END = -(1 << 63), 1 << 63
_PRINTABLE_BITS = 10_000
_OCTAL_TEXT = re.compile(r"0o?(?P<digits>[0-7]+)")

_short = reprlib.Repr()
_short.maxstring = _short.maxother = _short.maxlong = 40


class WrongTypeError(ValueError):
    """A value whose type is not the field's."""


def is_null(raw: Any) -> bool:
    return raw is None or (isinstance(raw, yaml_text.Scalar) and raw.value is None)


def is_mapping(raw: Any) -> bool:
    return isinstance(raw, dict) or isinstance(raw, Mapping)  # noqa: SIM101 - the second, an ABC, is ten times as slow


def is_list(raw: Any) -> bool:
    return isinstance(raw, _LISTS)


def is_plain(raw: Any, wanted: Scalar) -> bool:
    """A value that ``convert`` would return as it is, and most are: the check costs a tenth."""
    return wanted is _STRING and raw.__class__ is str and raw.isascii()


def convert(raw: Any, wanted: Scalar) -> str | int | bool:
    """The value as the field's type. Raises WrongTypeError."""
    return _CONVERTERS[wanted](raw)


def describe(raw: Any) -> str:
    """A value in a message: its kind, and the value itself if it is short."""
    value = raw.value if isinstance(raw, yaml_text.Scalar) else raw
    if value is None:
        return "null"
    if is_mapping(value):
        return "a mapping"
    if is_list(value):
        return "a list"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return f"the string {_short.repr(str(value))}"
    if isinstance(value, int | float):
        return f"the number {_short.repr(value)}" if is_printable(value) else "a number of thousands of digits"
    return f"a value of type {type(value).__name__}"


def is_printable(value: Any) -> bool:
    """Python refuses to print integers of more than 4,300 digits, which YAML can write in hexadecimal."""
    return not isinstance(value, int) or value.bit_length() <= _PRINTABLE_BITS


def _string(raw: Any) -> str:
    """Any single value: as it was written or, if that is not known, as YAML would write it."""
    if isinstance(raw, str):
        return _encodable(raw)
    if isinstance(raw, yaml_text.Scalar):
        return _encodable(raw.text)
    if isinstance(raw, bool):
        return "true" if raw else "false"
    if isinstance(raw, int | float):
        return str(raw) if isinstance(raw, float) or abs(raw) < _INT_END * 2 else _refuse(raw, Scalar.STRING)
    if isinstance(raw, datetime.datetime | datetime.date):
        return raw.isoformat()
    if isinstance(raw, bytes):
        return raw.decode("utf-8", "surrogateescape")
    return _refuse(raw, Scalar.STRING)


def _encodable(text: str) -> str:
    """Bytes that are not UTF-8 travel as Python's surrogate escapes; other surrogates are not text."""
    if not text.isascii():
        try:
            text.encode("utf-8", "surrogateescape")
        except UnicodeEncodeError as failure:
            raise WrongTypeError("must be valid Unicode text") from failure
    return str(text)


def _integer(raw: Any) -> int:
    """A 64-bit integer, or a float without its fraction (values below the range wrap, as in Go)."""
    value = raw.value if isinstance(raw, yaml_text.Scalar) else raw
    if isinstance(value, bool):
        return _refuse(raw, Scalar.INT)
    if isinstance(value, int):
        return max(int(value), _INT_MIN) if value < _INT_END else _refuse(raw, Scalar.INT)
    if isinstance(value, float) and not math.isnan(value) and value <= _INT_END:
        return int(value) if _INT_MIN <= value < _INT_END else _INT_MIN
    if isinstance(value, str) and (octal := _OCTAL_TEXT.fullmatch(value)):
        # Where YAML is read as version 1.1, as Ansible reads it, 0o644 is a string like "0644"
        _refuse(raw, Scalar.INT, f": write it as 0{octal['digits']}, without quotes")
    return _refuse(raw, Scalar.INT)


def _boolean(raw: Any) -> bool:
    value = raw.value if isinstance(raw, yaml_text.Scalar) else raw
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value in _YES | _NO:
        return value in _YES
    return _refuse(raw, Scalar.BOOL)


def _refuse(raw: Any, wanted: Scalar, remedy: str = "") -> Any:
    raise WrongTypeError(f"must be {wanted.value}, not {describe(raw)}{remedy}")


_CONVERTERS = {Scalar.STRING: _string, Scalar.INT: _integer, Scalar.BOOL: _boolean}

__all__ = ("WrongTypeError", "convert", "describe", "is_list", "is_mapping", "is_null", "is_plain", "is_printable")
