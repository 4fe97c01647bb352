# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Butane configs as YAML text: values with their places.

PyYAML's parser gives events; the meaning of a plain scalar is decided here, because the reference follows YAML 1.2 with remnants
of 1.1, and PyYAML follows 1.1. Composing from events, not from PyYAML's nodes, bounds depth and size before anything is built.
"""

from __future__ import annotations

import base64
import binascii
import math
import re
from typing import Any

try:
    import yaml
except ImportError:  # Ansible's controller has it; only YAML text needs it
    yaml = None

from .limits import MAX_TEXT_BYTES, MAX_VALUES, MAX_YAML_DEPTH
from .report import Origin

_LOADER = getattr(yaml, "CSafeLoader", None) or getattr(yaml, "SafeLoader", None)
_TEXT = "<text>"
_MERGE = "<<"


class YamlError(Exception):
    """The text is not YAML, or more YAML than anybody writes."""

    def __init__(self, message: str, origin: Origin | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.origin = origin


class _Placed:
    """A value with the mark where it begins in the text. Few places are ever asked for, so they are made when they are."""

    __slots__ = ()
    mark: yaml.Mark

    @property
    def origin(self) -> Origin:
        return _origin(self.mark)


class Scalar(_Placed):
    """A single value: what it means, and how it was written."""

    __slots__ = ("mark", "text", "value")

    def __init__(self, value: Any, text: str, mark: yaml.Mark) -> None:
        self.value = value
        self.text = text
        self.mark = mark


class Alias(_Placed):
    """``*name``: stands for the value that the anchor marks."""

    __slots__ = ("mark", "target")

    def __init__(self, target: Any, mark: yaml.Mark) -> None:
        self.target = target
        self.mark = mark


class Key(_Placed, str):
    """A mapping's key."""

    __slots__ = ("mark",)


class Sequence(_Placed, list):
    """A list."""

    __slots__ = ("mark",)

    def __init__(self, mark: yaml.Mark) -> None:
        super().__init__()
        self.mark = mark


class Mapping(_Placed, dict):
    """A mapping with what its merge keys bring in; ``own`` is what was written in it.

    repeated: keys that were written again; the first one counts
    bad_keys: keys that are not scalars
    bad_merges: values of ``<<`` that are not mappings
    """

    __slots__ = ("_before_merging", "bad_keys", "bad_merges", "mark", "repeated")

    def __init__(self, mark: yaml.Mark) -> None:
        super().__init__()
        self.mark = mark
        self._before_merging: dict[Key, Any] | None = None
        self.repeated: list[Key] = []
        self.bad_keys: list[Any] = []
        self.bad_merges: list[Any] = []

    @property
    def own(self) -> dict[Key, Any]:
        return self if self._before_merging is None else self._before_merging

    def put(self, key: Key, value: Any) -> None:
        if key in self:
            self.repeated.append(key)
        else:
            self[key] = value

    def close(self) -> int:
        """Merge everything: explicit keys first, then merged ones, nearest first. Returns the cost of merging."""
        if _MERGE not in self:
            return 0
        self._before_merging = dict(self)
        merge = unwrap(self.pop(_MERGE))
        cost = 0
        for source in merge if isinstance(merge, Sequence) else [merge]:
            source = unwrap(source)
            if not isinstance(source, Mapping):
                self.bad_merges.append(source)
                continue
            cost += len(source)
            for key, value in source.items():
                self.setdefault(key, value)
        return cost


def unwrap(value: Any) -> Any:
    """What an alias refers to; anything else is itself."""
    return value.target if isinstance(value, Alias) else value


def origin_of(value: Any) -> Origin | None:
    """The place of a value (or key) of this module."""
    return getattr(value, "origin", None)


def read(text: str | bytes) -> Any:
    """The first document of a YAML text; None if there is none.

    Raises YamlError if it is not YAML, too large, too deep, or contains itself.
    """
    if yaml is None:
        raise YamlError("reading text needs the Python library PyYAML")
    if len(text) > MAX_TEXT_BYTES:
        raise YamlError(f"the text is longer than {MAX_TEXT_BYTES} bytes")
    try:
        return _Composer(text).document()
    except yaml.MarkedYAMLError as failure:
        mark = failure.problem_mark or failure.context_mark
        message = failure.problem or failure.context or "this is not YAML"
        raise YamlError(message, _origin(mark) if mark else None) from failure
    except (yaml.YAMLError, UnicodeError) as failure:
        raise YamlError(f"this is not YAML: {failure}") from failure


def _origin(mark: yaml.Mark) -> Origin:
    return Origin(_TEXT, mark.line + 1, mark.column + 1)


class _Composer:
    def __init__(self, text: str | bytes) -> None:
        self._next_event = _LOADER(text).get_event
        self._anchors: dict[str, Any] = {}
        self._left = MAX_VALUES

    def document(self) -> Any:
        while event := self._next_event():
            if isinstance(event, yaml.DocumentStartEvent):
                return self._value(self._next_event(), 0)
        return None

    def _value(self, event: yaml.Event, depth: int) -> Any:
        self._spend(1, event)
        if depth > MAX_YAML_DEPTH:
            raise YamlError(f"values are nested deeper than {MAX_YAML_DEPTH} levels", _origin(event.start_mark))
        kind = type(event)
        if kind is yaml.ScalarEvent:
            value: Any = _scalar(event)
        elif kind is yaml.AliasEvent:
            return self._alias(event)
        else:
            if event.anchor:
                self._anchors[event.anchor] = None
            value = self._sequence(event, depth) if kind is yaml.SequenceStartEvent else self._mapping(event, depth)
        if event.anchor:
            self._anchors[event.anchor] = value
        return value

    def _spend(self, values: int, event: yaml.Event) -> None:
        self._left -= values
        if self._left < 0:
            raise YamlError(f"the text holds more than {MAX_VALUES} values", _origin(event.start_mark))

    def _alias(self, event: yaml.AliasEvent) -> Alias:
        if event.anchor not in self._anchors:
            raise YamlError(f"unknown anchor {event.anchor!r}", _origin(event.start_mark))
        target = self._anchors[event.anchor]
        if target is None:
            raise YamlError(f"the value of anchor {event.anchor!r} contains itself", _origin(event.start_mark))
        return Alias(target, event.start_mark)

    def _sequence(self, start: yaml.SequenceStartEvent, depth: int) -> Sequence:
        sequence = Sequence(start.start_mark)
        while not isinstance(event := self._next_event(), yaml.SequenceEndEvent):
            sequence.append(self._value(event, depth + 1))
        return sequence

    def _mapping(self, start: yaml.MappingStartEvent, depth: int) -> Mapping:
        mapping = Mapping(start.start_mark)
        while not isinstance(event := self._next_event(), yaml.MappingEndEvent):
            key = unwrap(self._value(event, depth + 1))
            value = self._value(self._next_event(), depth + 1)
            if isinstance(key, Scalar):
                mapping.put(_key(key), value)
            else:
                mapping.bad_keys.append(key)
        self._spend(mapping.close(), start)
        return mapping


def _key(scalar: Scalar) -> Key:
    key = Key(scalar.text)
    key.mark = scalar.mark
    return key


def _scalar(event: yaml.ScalarEvent) -> Scalar:
    value = _meaning(event)
    return Scalar(value, value if event.tag == _BINARY else event.value, event.start_mark)


_CORE = "tag:yaml.org,2002:"
_BINARY = _CORE + "binary"
_WORDS: dict[str, Any] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), float("nan")),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), float("inf")),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), float("-inf")),
}
_INTEGER = re.compile(r"[-+]?(?:0[xX][0-9a-fA-F]+|0[bB][01]+|0[oO]?[0-7]+|[1-9][0-9]*|0)\Z")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?\Z")
_LONGEST_NUMBER = 400
"""Python refuses integers of thousands of digits; no field holds one with more than nineteen."""


def _meaning(event: yaml.ScalarEvent) -> Any:
    """The value of a scalar: by its tag, or, for a plain one, by how it looks."""
    text, tag = event.value, event.tag
    if not tag:
        return _resolve(text) if event.implicit[0] else text
    if tag == _BINARY:
        try:
            return base64.b64decode("".join(text.split()), validate=True).decode("utf-8", "surrogateescape")
        except (binascii.Error, ValueError) as failure:
            raise YamlError("!!binary value contains invalid base64 data", _origin(event.start_mark)) from failure
    wanted = _TAGGED.get(tag)
    if wanted is None:
        return text
    value = _resolve(text)
    kind = type(value)  # bool is an int to isinstance()
    if kind is int and float in wanted:
        return float(value)
    if kind not in wanted:
        raise YamlError(f"cannot decode {text[:40]!r} as a !!{tag.removeprefix(_CORE)}", _origin(event.start_mark))
    return value


_TAGGED = {
    _CORE + "int": (int,),
    _CORE + "float": (float,),
    _CORE + "bool": (bool,),
    _CORE + "null": (type(None),),
}


def _resolve(text: str) -> Any:
    """A plain scalar's value: null, bool, int, float, or the text itself."""
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in "+-.0123456789" or len(text) > _LONGEST_NUMBER:
        return text
    digits = text.replace("_", "")
    if _INTEGER.match(digits):
        return _integer(digits)
    if _FLOAT.match(text if text[0] == "." else digits):
        return _float(digits)
    return text


def _integer(digits: str) -> int | float | str:
    """Any base; a leading zero means octal; a decimal number beyond 64 bits is a float."""
    sign, body = (digits[0], digits[1:]) if digits[0] in "+-" else ("", digits)
    if len(body) > 1 and body[0] == "0" and body[1].isdigit():
        body = "0o" + body
    value = int(sign + body, 0)
    if -(1 << 63) <= value < 1 << 64:
        return value
    return _float(digits) if body.isdigit() else digits


def _float(digits: str) -> float | str:
    value = float(digits)
    return digits if math.isinf(value) else value


__all__ = ("Alias", "Key", "Mapping", "Scalar", "Sequence", "YamlError", "origin_of", "read", "unwrap")
