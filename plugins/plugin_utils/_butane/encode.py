# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ignition's JSON: the generated config in the reference's order and with its omissions."""

from __future__ import annotations

import json
import re
from typing import Any

from .structure import Field, Form, Object, Spec, Structure, Written, fields_of

_ESCAPED_BYTE = re.compile("[\udc80-\udcff]")
_HTML = re.compile("[<>&\u2028\u2029]")


def encode(struct: Structure, obj: Object, spec: Spec) -> dict[str, Any]:
    """An object in Ignition's names. Empty lists and objects are omitted, except objects that are elements of a list."""
    encoded = {}
    for field in fields_of(struct, spec, Form.IGNITION):
        if field.name in obj or field.written is Written.ALWAYS:
            value = _value(field, obj.get(field.name), spec)
            if value is not None:
                encoded[field.json_name] = value
    return encoded


def _value(field: Field, value: Any, spec: Spec) -> Any:
    """The field's value in the output; None if it is left out."""
    if field.many or isinstance(field.type, Structure):
        return _nested(field, value, spec) if value else None
    if field.written is Written.IF_NOT_ZERO:
        value = value or None
    elif field.written is Written.ALWAYS:
        value = value or ""
    return _text(value)


def _nested(field: Field, value: Any, spec: Spec) -> Any:
    if not isinstance(field.type, Structure):
        return [_text(element) for element in value]
    if field.many:
        return [encode(field.type, element, spec) for element in value]
    return encode(field.type, value, spec) or None


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
    text = json.dumps(config, indent=2, ensure_ascii=False)
    return _HTML.sub(lambda match: f"\\u{ord(match[0]):04x}", text) + "\n"


__all__ = ("dumps", "encode")
