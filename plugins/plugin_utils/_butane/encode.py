# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ignition's JSON: the generated config in the reference's order and with its omissions."""

from __future__ import annotations

import json
import re
from json.encoder import encode_basestring
from typing import Any

from .structure import Field, Form, Object, Shape, Spec, Structure, Written, shape_of

_ALWAYS, _IF_NOT_ZERO = (
    Written.ALWAYS,
    Written.IF_NOT_ZERO,
)  # asked for at each field: an enum is slow to name its members
_ESCAPED_BYTE = re.compile("[\udc80-\udcff]")
_ESCAPED_IN_HTML = {character: f"\\u{ord(character):04x}" for character in "<>&\u2028\u2029"}


def encode(struct: Structure, obj: Object, spec: Spec) -> dict[str, Any]:
    """An object in Ignition's names. Empty lists and objects are omitted, except objects that are elements of a list."""
    return _object(shape_of(struct, spec, Form.IGNITION), obj)


def _object(shape: Shape, obj: Object) -> dict[str, Any]:
    encoded: dict[str, Any] = {}
    for field, inner in shape.rows:
        value = obj.get(field.name)
        if value is not None:
            value = _value(field, inner, value)
            if value is not None:
                encoded[field.json_name] = value
        elif field.written is _ALWAYS:
            encoded[field.json_name] = ""
    return encoded


def _value(field: Field, inner: Shape | None, value: Any) -> Any:
    """A field's value in the output; None if it is left out."""
    if field.many:
        return [_object(inner, element) if inner else _text(element) for element in value] or None
    if inner:
        return (_object(inner, value) or None) if value else None
    return _text(value) if value or field.written is not _IF_NOT_ZERO else None


def _text(value: Any) -> Any:
    """JSON is text: each byte that is not UTF-8 becomes U+FFFD. Other values pass unchanged."""
    if not isinstance(value, str) or value.isascii():
        return value
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        whole = value.encode("utf-8", "surrogateescape").decode("utf-8", "surrogateescape")
        return _ESCAPED_BYTE.sub("\ufffd", whole)
    return value


def dumps(config: dict[str, Any]) -> str:
    """The config as the reference's ``--pretty`` prints it: two spaces, a final newline, HTML characters escaped."""
    text = _printed(config, "\n")
    for character, escaped in _ESCAPED_IN_HTML.items():
        text = text.replace(character, escaped)
    return text + "\n"


def _printed(value: Any, line: str) -> str:
    """As ``json.dumps`` with an indent, for which Python does not use its encoder in C. ``line`` begins a line at this depth."""
    if isinstance(value, str):
        return encode_basestring(value)
    if isinstance(value, int):
        return str(value).lower()  # True is true
    below = line + "  "
    if isinstance(value, dict):
        members = [f"{encode_basestring(key)}: {_printed(member, below)}" for key, member in value.items()]
        return _block("{}", members, line)
    if isinstance(value, list):
        return _block("[]", [_printed(element, below) for element in value], line)
    return json.dumps(value)


def _block(brackets: str, parts: list[str], line: str) -> str:
    opening, closing = brackets
    below = line + "  "
    return f"{opening}{below}{f',{below}'.join(parts)}{line}{closing}" if parts else brackets


__all__ = ("dumps", "encode")
