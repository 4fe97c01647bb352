# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The vocabulary of the spec's table (``schema``): spec versions, structures and fields."""

from __future__ import annotations

import dataclasses
import enum
import functools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from .report import ERROR, WARNING, Path

Object = dict[str, Any]
"""A decoded object: the fields that are set, by their YAML name."""


class Form(enum.Enum):
    """The two sides of the translation. The same table describes both."""

    BUTANE = "butane"
    IGNITION = "ignition"

    __hash__ = object.__hash__  # the caches below ask for it often; an enum's own hash is ten times slower


class Scalar(enum.Enum):
    """The types of single values; the value is the type's name in messages."""

    STRING = "a string"
    INT = "an integer"
    BOOL = "true or false"

    __hash__ = object.__hash__  # as above: asked for at each value


class Written(enum.Enum):
    """When a field appears in the output."""

    IF_SET = "if set"
    ALWAYS = "always"
    """Required by Ignition's JSON: an absent string is written as ''."""
    IF_NOT_ZERO = "if not zero"


class Unique(NamedTuple):
    """Elements of a list must differ by ``key``; lists of one object with the same ``among`` are one set."""

    key: Callable[[Any], Any]
    among: str = ""


@dataclass(frozen=True, eq=False, slots=True)
class Spec:
    """One version of the config language.

    forbidden: fields that exist but may not be set, with the message, by ``structure.field``
    s3_arns: ``arn:aws:s3:...`` is a source
    special_mode_bits: setuid, setgid and sticky work
    """

    version: str
    ignition: str
    forbidden: Mapping[str, str] = dataclasses.field(default_factory=dict)
    s3_arns: bool = True
    special_mode_bits: bool = True

    @property
    def release(self) -> tuple[int, ...]:
        return release(self.version)


def release(version: str) -> tuple[int, ...]:
    """``1.2.0-experimental`` as ``(1, 2, 0)``: what "since" compares."""
    return tuple(int(part) for part in version.partition("-")[0].split("."))


class Finding(NamedTuple):
    """A finding of a rule, at a place below the value that it was given.

    inner: if that value holds a whole config as text, the path inside that config
    at_key: the key at that place is wrong, whatever its value
    """

    severity: str
    message: str
    where: Path = ()
    inner: Path | None = None
    at_key: bool = False


def error(message: str, *where: str | int) -> Finding:
    return Finding(ERROR, message, where)


def warning(message: str, *where: str | int) -> Finding:
    return Finding(WARNING, message, where)


class Scope(NamedTuple):
    """What a rule may look at besides its own value."""

    spec: Spec
    check_inner: Callable[[str], Iterator[Finding]] = lambda _text: iter(())


Rule = Callable[[Any, Scope], Iterator[Finding]]
Sugar = Callable[[Object, Path, Any], None]


@dataclass(frozen=True, eq=False, slots=True)
class Field:
    """One row of the table; ``one`` and ``many`` make them.

    required: the rules see an absent value too, as None
    """

    name: str
    type: Scalar | Structure
    many: bool = False
    since: str = "1.0.0"
    form: Form | None = None
    written: Written = Written.IF_SET
    unique: Unique | None = None
    rules: tuple[Rule, ...] = ()
    required: bool = False
    json_name: str = ""

    def exists(self, spec: Spec, form: Form) -> bool:
        return self.form in (None, form) and release(self.since) <= spec.release


@dataclass(frozen=True, eq=False, slots=True)
class Structure:
    """One kind of object.

    source_rules: apply to what the author wrote
    sugar: rewrites such an object into Ignition's terms, after its members
    rules: apply to the generated config
    """

    name: str
    fields: tuple[Field, ...]
    source_rules: tuple[Rule, ...] = ()
    sugar: tuple[Sugar, ...] = ()
    rules: tuple[Rule, ...] = ()


def structure(
    name: str,
    *fields: Field,
    source_rules: tuple[Rule, ...] = (),
    sugar: tuple[Sugar, ...] = (),
    rules: tuple[Rule, ...] = (),
) -> Structure:
    return Structure(name, fields, source_rules, sugar, rules)


def one(name: str, type: Scalar | Structure, *rules: Rule, json_name: str = "", **traits: Any) -> Field:
    return Field(name, type, rules=rules, json_name=json_name or _camel_case(name), **traits)


def many(name: str, type: Scalar | Structure, *rules: Rule, **traits: Any) -> Field:
    return one(name, type, *rules, many=True, **traits)


def _camel_case(name: str) -> str:
    head, *tail = name.split("_")
    return head + "".join(map(str.capitalize, tail))


@functools.cache
def fields_of(struct: Structure, spec: Spec, form: Form) -> tuple[Field, ...]:
    """The fields that a structure has in one version and form, in the order of the table."""
    return tuple(field for field in struct.fields if field.exists(spec, form))


@functools.cache
def fields_by_name(struct: Structure, spec: Spec, form: Form) -> dict[str, Field]:
    """The same, by their names in that form."""
    return {field.name if form is Form.BUTANE else field.json_name: field for field in fields_of(struct, spec, form)}


class Shape:
    """A structure in one version and form, with what the walks over a config ask at each object: computed once.

    rows: its fields in the order of the table, each with the shape of its objects, or None if it holds values
    by_name: the same, by their names in that form
    checked: the rules of its fields, each with the field
    unique: the fields whose elements must differ; forbidden: those that may not be set
    is_walked: whether there is anything to do at such an object or below it
    """

    __slots__ = ("_walked", "by_name", "checked", "forbidden", "is_walked", "rows", "struct", "unique")

    def __init__(self, struct: Structure, spec: Spec, form: Form) -> None:
        fields = fields_of(struct, spec, form)
        shapes = [shape_of(field.type, spec, form) if isinstance(field.type, Structure) else None for field in fields]
        self.struct = struct
        self.rows: tuple[Row, ...] = tuple(zip(fields, shapes, strict=True))
        self.by_name: dict[str, Row] = dict(zip(fields_by_name(struct, spec, form), self.rows, strict=True))
        self.checked = tuple((field, rule) for field in fields for rule in field.rules)
        self.unique = tuple(field for field in fields if field.unique)
        self.forbidden = tuple(field for field in fields if f"{struct.name}.{field.name}" in spec.forbidden)
        self._walked = tuple((field.name, field.many, shape) for field, shape in self.rows if shape and shape.is_walked)
        of_butane = (struct.source_rules, struct.sugar)
        of_ignition = (struct.rules, self.checked, self.unique, self.forbidden)
        self.is_walked = any((*(of_butane if form is Form.BUTANE else of_ignition), self._walked))

    def members(self, obj: Object, path: Path) -> list[Place]:
        """The objects right below an object of this shape where there is anything to do."""
        places: list[Place] = []
        for name, many, shape in self._walked:
            value = obj.get(name)
            if not value:
                continue
            here = (*path, name)
            if many:
                places += [(shape, element, (*here, index)) for index, element in enumerate(value)]
            else:
                places.append((shape, value, here))
        return places


shape_of = functools.cache(Shape)

Row = tuple[Field, Shape | None]
Place = tuple[Shape, Object, Path]
"""An object with its shape and its path."""


def walk(root: Structure, config: Object, spec: Spec, form: Form) -> list[Place]:
    """The objects of a config where there is anything to do, depth first in the order of the table, each before its members."""
    places: list[Place] = []
    waiting: list[Place] = [(shape_of(root, spec, form), config, ())]
    while waiting:
        place = waiting.pop()
        places.append(place)
        shape, obj, path = place
        waiting += reversed(shape.members(obj, path))
    return places


__all__ = (
    "Field",
    "Finding",
    "Form",
    "Object",
    "Place",
    "Rule",
    "Scalar",
    "Scope",
    "Shape",
    "Spec",
    "Structure",
    "Sugar",
    "Unique",
    "Written",
    "error",
    "fields_by_name",
    "fields_of",
    "many",
    "one",
    "shape_of",
    "structure",
    "walk",
    "warning",
)
