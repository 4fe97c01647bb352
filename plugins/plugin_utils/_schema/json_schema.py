# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tables of variables as a JSON schema (draft 2020-12), by which editors complete and check inventories.

It is wider than the checks: a value may be a template, and forms of strings are left to ``validate.yml``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from . import fields
from .fields import Choice, Field, Integer, ListOf, MappingOf, Record, ShortOr, WordOr

#: What Ansible works out before anything is checked.
_TEMPLATE = {"type": "string", "pattern": r"\{\{"}

_BY_READER = {fields.boolean: {"type": "boolean"}, fields.mapping: {"type": "object"}}


def schema_of_rows(rows: Iterable[Field]) -> dict[str, Any]:
    """A mapping of which *rows* are the keys, without a word on others."""
    rows = tuple(rows)
    needed = [row.name for row in rows if row.required]
    return {
        "type": "object",
        "properties": {row.name: _described(row) for row in rows},
        **({"required": needed} if needed else {}),
    }


def _described(row: Field) -> dict[str, Any]:
    default = {"default": row.default} if isinstance(row.default, bool | int | str) else {}
    return {"description": row.doc, **default, "anyOf": [*_alternatives(row.read), _TEMPLATE]}


def _alternatives(reader: Any) -> list[dict[str, Any]]:
    if isinstance(reader, ListOf):
        of_items = {"type": "array", "items": _any_of(_alternatives(reader.read_item))}
        return [of_items, *_alternatives(reader.read_item)] if reader.lone else [of_items]
    if isinstance(reader, Record):
        return [schema_of_rows(reader.rows) | {"additionalProperties": False}]
    if isinstance(reader, MappingOf):
        return [{"type": "object", "additionalProperties": _any_of(_alternatives(reader.read_value))}]
    if isinstance(reader, WordOr):
        return [{"enum": list(reader.words)}, *_alternatives(reader.record)]
    if isinstance(reader, ShortOr):
        (short,) = (row for row in reader.record.rows if row.name == reader.short)
        return [*_alternatives(short.read), *_alternatives(reader.record)]
    if isinstance(reader, Choice):
        return [{"enum": list(reader.choices)}]
    if isinstance(reader, Integer):
        return [{"type": "integer", "minimum": reader.lowest, "maximum": reader.highest}]
    return [_BY_READER.get(reader, {})] if reader in _BY_READER else [{}]


def _any_of(alternatives: list[dict[str, Any]]) -> dict[str, Any]:
    return {"anyOf": [*alternatives, _TEMPLATE]} if alternatives != [{}] else {}


def schema(nodes: Iterable[Field], others: Mapping[str, Mapping[str, Any]], fragment: str) -> dict[str, Any]:
    """A file of variables: those of *nodes*, *others* by their schemas, and names of the form *fragment*, which hold Butane.

    A name with the prefix of nodes that none of them is, is a mistake; every other variable is somebody else's.
    """
    of_nodes = schema_of_rows(nodes)["properties"]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Variables of an inventory for kindling.flatcar",
        "type": ["object", "null"],
        "properties": {**of_nodes, **others},
        "patternProperties": {
            f"^{fragment}$": {"type": ["object", "string", "null"], "description": "a fragment of Butane"}
        },
        "propertyNames": {
            "anyOf": [{"not": {"pattern": "^flatcar_"}}, {"enum": [*of_nodes, *others]}, {"pattern": f"^{fragment}$"}]
        },
    }


__all__ = ("schema", "schema_of_rows")
