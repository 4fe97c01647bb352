# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Values that YAML turns into something other than what is written where a string is expected: ``0123`` is 83, ``12:30`` is 750.

The tables of variables, and Butane's, say what is expected at a place. ``mode: 0644`` and ``enabled: yes`` are right: a number
and a boolean are expected there.
"""

from __future__ import annotations

import datetime
import functools
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import yaml

from .._butane.schema import CONFIG, SPECS
from .._butane.structure import Form, Scalar, Structure, fields_by_name
from .._network.networks import NETWORK
from .._network.networks import VARIABLE as NETWORKS
from .._node import FRAGMENT, NODE
from .._node.merge import DELETE
from .._schema import role_words
from .._schema.fields import Field, ListOf, MappingOf, Reader, Record, WordOr
from .._schema.words import read as read_word
from .definitions import Definition
from .documents import Document, meaning, pairs

#: The newest has all fields.
_SPEC = SPECS[-1]

_VARIABLES = {row.name: row for row in NODE} | {NETWORKS: Field(NETWORKS, ListOf(Record(NETWORK)), "")}

_LEADING_ZERO = re.compile(r"[-+]?0[0-7_]+")
_NAMES = re.compile(r"\{\{-?\s*(\w+)\s*-?\}\}")
_DEEPEST = 60


class Changed(NamedTuple):
    """A value that differs from what is written. ``path`` is below its variable."""

    path: str
    node: yaml.Node
    message: str


@dataclass
class _Walk:
    document: Document
    names: set[str] = field(default_factory=set)
    found: list[Changed] = field(default_factory=list)

    def value(self, node: yaml.Node) -> Any:
        return meaning(node, self.document.is_json)

    def tell(self, path: str, node: yaml.ScalarNode, secret: bool, remedy: str = "put it in quotes") -> None:
        hidden = secret or self.document.sealed
        said = "this" if hidden else node.value
        made = "" if hidden else f" as {_in_words(self.value(node), node)}"
        language = "an INI inventory reads" if hasattr(node, "made") else "YAML reads"
        self.found.append(
            Changed(path, node, f"{language} {said}{made or ' as something else'}, not as the string: {remedy}")
        )


def _in_words(value: Any, node: yaml.ScalarNode) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if value is None:
        return "null"
    if isinstance(value, datetime.date):
        return f"the date {value.isoformat()}"
    return f"the number {value}"


def changed(definition: Definition) -> tuple[list[Changed], set[str]]:
    """Which parts of a variable differ from what is written; and the variables that its strings are built from."""
    walk = _Walk(definition.document)
    if FRAGMENT.fullmatch(definition.name):
        _structure(walk, CONFIG, definition.value, "", 0)
    elif definition.name in _VARIABLES:
        row = _VARIABLES[definition.name]
        _reader(walk, row.read, definition.value, "", row.secret, 0)
    elif definition.name in role_words.ROLE_WORDS:
        _role_word(walk, role_words.ROLE_WORDS[definition.name], definition.value, "", 0)
    return walk.found, walk.names


def changed_alone(definition: Definition) -> list[Changed]:
    """The same for a variable that only becomes part of a string."""
    walk = _Walk(definition.document)
    _text(walk, definition.value, "", secret=False)
    return walk.found


# By a table of fields --------------------------------------------------------------------------------------------------


def _reader(walk: _Walk, read: Reader, node: yaml.Node, path: str, secret: bool, depth: int) -> None:
    if depth > _DEEPEST:
        return
    if isinstance(read, ListOf):
        for number, item in enumerate(node.value if isinstance(node, yaml.SequenceNode) else [node]):
            inner = f"{path}[{number}]" if isinstance(node, yaml.SequenceNode) else path
            _reader(walk, read.read_item, item, inner, secret, depth + 1)
    elif isinstance(node, yaml.MappingNode) and isinstance(read, MappingOf):
        for key, value in pairs(node):
            _reader(walk, read.read_key, key, path, secret, depth + 1)
            _reader(walk, read.read_value, value, f"{path}.{walk.value(key)}", secret, depth + 1)
    elif isinstance(node, yaml.MappingNode) and isinstance(read, WordOr | Record):
        rows = {row.name: row for row in (read.record if isinstance(read, WordOr) else read).rows}
        for key, value in pairs(node):
            row = rows.get(walk.value(key)) if isinstance(key, yaml.ScalarNode) else None
            if row:
                _reader(walk, row.read, value, f"{path}.{row.name}", secret or row.secret, depth + 1)
    elif isinstance(node, yaml.MappingNode) and hasattr(read, "butane"):
        _structure(walk, _structure_at(read.butane), node, path, depth + 1)
    elif isinstance(node, yaml.ScalarNode):
        _read_alone(walk, read, node, path, secret)


def _read_alone(walk: _Walk, read: Reader, node: yaml.ScalarNode, path: str, secret: bool) -> None:
    """A number is right where a number is expected. Reported is what is valid as written, but not as read."""
    value = walk.value(node)
    if isinstance(value, str):
        walk.names |= _names_in(value)
    elif value is not None and _takes(read, value):
        _number(walk, node, path)
    elif _takes(read, node.value):
        walk.tell(path, node, secret)


def _takes(read: Reader, value: Any) -> bool:
    try:
        read(value)
    except ValueError:
        return False
    return True


def _number(walk: _Walk, node: yaml.ScalarNode, path: str) -> None:
    """What is valid as a number, but not the number that people read."""
    value = walk.value(node)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return
    if ":" in node.value:
        walk.tell(path, node, secret=False, remedy=f"write {value} if that is intended")
    elif _LEADING_ZERO.fullmatch(node.value) and value != int(node.value.replace("_", ""), 10):
        walk.tell(
            path, node, secret=False, remedy=f"a leading zero makes it octal: write {value}, or leave the zero out"
        )


def _names_in(text: str) -> set[str]:
    return set(_NAMES.findall(text)) if "{{" in text else set()


# By the roles' words ---------------------------------------------------------------------------------------------------


def _role_word(walk: _Walk, shape: role_words.Shape, node: yaml.Node, path: str, depth: int) -> None:
    if depth > _DEEPEST:
        return
    if isinstance(shape, list):
        for number, item in enumerate(node.value if isinstance(node, yaml.SequenceNode) else [node]):
            _role_word(walk, shape[0], item, f"{path}[{number}]", depth + 1)
    elif isinstance(shape, Mapping):
        for key, value in pairs(node):
            name = walk.value(key)
            inner = shape.get(role_words.VALUES) or (shape.get(name) if isinstance(name, str) else None)
            if inner:
                _role_word(walk, inner, value, f"{path}.{name}", depth + 1)
    elif isinstance(node, yaml.ScalarNode):
        if isinstance(shape, role_words.Number):
            _number(walk, node, path)
        elif walk.value(node) is not None and _takes(functools.partial(read_word, shape), node.value):
            _text(walk, node, path, secret=shape in role_words.SECRET)


# By Butane's table -----------------------------------------------------------------------------------------------------


def _structure(walk: _Walk, struct: Structure, node: yaml.Node, path: str, depth: int) -> None:
    if depth > _DEEPEST:
        return
    rows = fields_by_name(struct, _SPEC, Form.BUTANE)
    for key, value in pairs(node):
        name = walk.value(key) if isinstance(key, yaml.ScalarNode) else None
        row = rows.get(name) if isinstance(name, str) else None
        if row is None:
            continue
        inner = f"{path}.{name}"
        several = value.value if isinstance(value, yaml.SequenceNode) else ()
        for number, item in enumerate(several if row.many else [value]):
            _field(walk, row.type, row.name, item, f"{inner}[{number}]" if row.many else inner, depth + 1)


def _field(walk: _Walk, kind: Scalar | Structure, name: str, node: yaml.Node, path: str, depth: int) -> None:
    if isinstance(kind, Structure):
        _structure(walk, kind, node, path, depth)
    elif isinstance(node, yaml.MappingNode):  # of a set, a value that is taken away
        for key, value in pairs(node):
            if walk.value(key) == DELETE:
                _field(walk, kind, name, value, path, depth)
    elif isinstance(node, yaml.ScalarNode) and kind is Scalar.STRING:
        _text(walk, node, path, secret=name in _SECRET)
    elif isinstance(node, yaml.ScalarNode) and kind is Scalar.INT and name != "mode":
        _number(walk, node, path)


#: Fields whose text is never repeated in a message.
_SECRET = frozenset({"inline", "password_hash", "contents", "value"})


def _text(walk: _Walk, node: yaml.Node, path: str, secret: bool) -> None:
    """Nothing is lost where null means unset, or where the result is the same as what is written."""
    value = walk.value(node)
    if isinstance(value, str):
        walk.names |= _names_in(value)
    elif value is not None and not isinstance(value, yaml.Node) and _as_text(value) != node.value:
        walk.tell(path, node, secret and len(node.value) > _SHORT)


#: What YAML reads as something other than a string is short, and no secret; longer digits may be one.
_SHORT = 12


def _as_text(value: Any) -> str:
    """The value as it appears in a config."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value.isoformat() if isinstance(value, datetime.date) else str(value)


@functools.cache
def _structure_at(place: str) -> Structure:
    struct = CONFIG
    for name in place.split("."):
        struct = fields_by_name(struct, _SPEC, Form.BUTANE)[name].type
    return struct


def not_ours(definitions: Iterable[Definition], names: set[str]) -> Iterator[tuple[Definition, Changed]]:
    """The user's own variables that strings are built from."""
    for definition in definitions:
        if definition.name in names:
            yield from ((definition, found) for found in changed_alone(definition))


__all__ = ("Changed", "changed", "not_ours")
