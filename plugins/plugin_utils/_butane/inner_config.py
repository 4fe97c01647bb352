# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ignition configs given inline, to merge or as a replacement: read and checked as JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

from .check import duplicate_findings, rule_findings
from .header import normalized_version
from .report import ERROR, WARNING, Path
from .structure import (
    Field,
    Finding,
    Form,
    Object,
    Scalar,
    Scope,
    Spec,
    Structure,
    error,
    fields_by_name,
    walk,
    warning,
)

_LONGEST_INTEGER = 20
_SURROGATE = re.compile("[\ud800-\udfff]")
_INT_MIN, _INT_END = -(1 << 63), 1 << 63
_UNKNOWN_VERSION = "skipping validation for the merge/replace ignition config due to an unkown version"
_TYPES = {Scalar.STRING: "string", Scalar.INT: "int", Scalar.BOOL: "bool"}


class _JsonError(ValueError):
    """Not valid JSON for a config."""


def inner_findings(root: Structure, text: str, spec: Spec) -> Iterator[Finding]:
    """What is wrong with a config inside a config. Paths inside it use the names of Ignition's JSON."""
    reader = _Reader(spec)
    try:
        config = reader.object(root, _parse(text), ())
    except _JsonError as failure:
        yield Finding(ERROR, str(failure), ("inline",), inner=())
        yield error("config is not valid", "inline")
        return
    version = normalized_version(config.get("ignition", {}).get("version", ""))
    if version is None:
        yield Finding(ERROR, "invalid config version (couldn't parse)", ("inline",), inner=("ignition", "version"))
    elif version != spec.ignition:
        yield warning(_UNKNOWN_VERSION, "version")
        return
    places = walk(root, config, spec, Form.IGNITION)
    for finding in (*rule_findings(places, Scope(spec)), *duplicate_findings(places)):
        yield finding._replace(where=("inline",), inner=_json_path(root, finding.where))
    yield from reader.warnings


def read_config(root: Structure, config: Any, spec: Spec) -> Object:
    """Reads a config from Ignition's JSON, in the table's names. Raises ``ValueError`` if it is not one."""
    return _Reader(spec).object(root, config, ())


def parse_once(text: str) -> Any:
    """A config's JSON. Raises ``ValueError`` if it is invalid, or has a name twice: which one Go would use is unspecified."""
    return _parse(text, _said_once)


def _said_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({name.casefold() for name, _value in pairs}) < len(pairs):
        raise _JsonError("a name occurs twice")
    return dict(pairs)


def _parse(text: str, of_pairs: Callable[[list[tuple[str, Any]]], Any] | None = None) -> Any:
    try:
        return json.loads(text, parse_int=_integer, parse_constant=_refuse_constant, object_pairs_hook=of_pairs)
    except json.JSONDecodeError as failure:
        raise _JsonError(f"invalid JSON: {failure}") from failure
    except RecursionError as failure:
        raise _JsonError("invalid JSON: exceeded max depth") from failure


def _integer(digits: str) -> int | float:
    """An int only if it may fit a field; Python refuses to read very long ones."""
    return int(digits) if len(digits) <= _LONGEST_INTEGER else float(digits)


def _refuse_constant(name: str) -> None:
    raise _JsonError(f"invalid JSON: {name} is not a value")


class _Reader:
    """Reads JSON by the table as Go does: names match in any case, null is ignored, and no type is coerced."""

    def __init__(self, spec: Spec) -> None:
        self.warnings: list[Finding] = []
        self._spec = spec

    def object(self, struct: Structure, value: Any, path: Path) -> Object:
        if value is None:
            return {}
        if not isinstance(value, dict):
            raise _wrong_type(value, f"object ({struct.name})", path)
        fields = fields_by_name(struct, self._spec, Form.IGNITION)
        folded = {name.casefold(): field for name, field in fields.items()}
        obj: Object = {}
        for name, member in value.items():
            if name not in fields:
                self.warnings.append(Finding(WARNING, f"unused key {name}", ("inline",), (*path, name)))
            field = fields.get(name) or folded.get(name.casefold())
            if field is not None and member is not None:
                obj[field.name] = self._field(field, member, (*path, field.json_name))
        return obj

    def _field(self, field: Field, value: Any, path: Path) -> Any:
        if not field.many:
            return self._single(field, value, path)
        if not isinstance(value, list):
            raise _wrong_type(value, "list", path)
        return [self._single(field, element, (*path, index)) for index, element in enumerate(value)]

    def _single(self, field: Field, value: Any, path: Path) -> Any:
        if isinstance(field.type, Structure):
            return self.object(field.type, value, path)
        if value is None:
            return ""
        if field.type is Scalar.INT:
            fits = isinstance(value, int) and not isinstance(value, bool) and _INT_MIN <= value < _INT_END
        else:
            fits = isinstance(value, str if field.type is Scalar.STRING else bool)
        if not fits:
            raise _wrong_type(value, _TYPES[field.type], path)
        return _SURROGATE.sub("\ufffd", value) if isinstance(value, str) else value


def _wrong_type(value: Any, wanted: str, path: Path) -> _JsonError:
    kinds = {dict: "object", list: "array", str: "string", bool: "bool", int: "number", float: "number"}
    place = ".".join(map(str, path)) or "the config"
    return _JsonError(f"json: cannot unmarshal {kinds[type(value)]} into {place} of type {wanted}")


def _json_path(struct: Structure, path: Path) -> Path:
    """Translates a path in the table's names to the names of Ignition's JSON."""
    named: list[str | int] = []
    at: Any = struct
    for step in path:
        field = next((f for f in at.fields if f.name == step), None) if isinstance(at, Structure) else None
        if isinstance(step, str):
            named.append(field.json_name if field else step)
            at = field.type if field else None
        else:
            named.append(step)
    return tuple(named)


__all__ = ("inner_findings", "parse_once", "read_config")
