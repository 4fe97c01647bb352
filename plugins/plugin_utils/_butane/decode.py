# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The walker: reads a config by the table of the spec.

Two trees are walked side by side. ``raw`` is what a value means. ``written`` is what the document has at that path; it differs
from ``raw`` behind an alias, under a merge key, and behind a null in a list. Only unused keys are looked for in it, because that
is how the reference finds them.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import chain, repeat
from typing import Any

from . import yaml_text
from .limits import Budget
from .report import WARNING, Path, render
from .structure import Finding, Form, Object, Scalar, Shape, Spec, Structure, error, shape_of, warning
from .values import WrongTypeError, convert, describe, is_list, is_mapping, is_null, is_plain, is_printable
from .yaml_text import unwrap

_MISMATCH = (
    "context tree does not match content tree at {}. Line and column reporting may be inconsistent. "
    "Unused keys may not be reported"
)
_NOT_WRITTEN = object()


class Decoder:
    """Turns raw values into objects; ``errors`` has what it cannot read, ``warnings`` what it did not read."""

    def __init__(self, spec: Spec, budget: Budget) -> None:
        self.errors: list[Finding] = []
        self.warnings: list[Finding] = []
        self._spec = spec
        self._budget = budget

    def decode(self, root: Structure, raw: Any) -> Object:
        return self._object(shape_of(root, self._spec, Form.BUTANE), raw, raw, ())

    def _object(self, shape: Shape, raw: Any, written: Any, path: Path) -> Object:
        raw = unwrap(raw)
        if not is_mapping(raw):
            self._report_no_mapping(raw, path)
            return {}
        self._budget.visit(path, len(raw) + 1)
        below = self._written_members(written, shape, path)
        if isinstance(raw, yaml_text.Mapping):
            self._report_malformed(raw, path)
        obj = {}
        for key, member in raw.items():
            row = shape.by_name.get(key)
            if row is None:
                continue
            field, inner = row
            name = field.name
            if field.many:
                value = self._list(inner or field.type, member, below.get(key, _NOT_WRITTEN), (*path, name))
            elif inner:
                value = self._object(inner, member, below.get(key, _NOT_WRITTEN), (*path, name))
            else:
                value = self._scalar(field.type, member, path, name)
            if value is not None:
                obj[name] = value
        return obj

    def _list(self, type: Shape | Scalar, raw: Any, written: Any, path: Path) -> list | None:
        """The elements that are not null; None if the list counts as absent."""
        raw = unwrap(raw)
        if not is_list(raw):
            if not is_null(raw):
                self._refuse(path, f"must be a list, not {describe(raw)}")
            return None
        self._budget.visit(path, len(raw))
        kept = [element for element in raw if not is_null(unwrap(element))]
        if isinstance(type, Scalar):
            return [self._scalar(type, element, path, index) for index, element in enumerate(kept)]
        places = chain(written if is_list(written) else (), repeat(_NOT_WRITTEN))
        return [
            self._object(type, element, place, (*path, index))
            for index, (element, place) in enumerate(zip(kept, places, strict=False))
        ]

    def _scalar(self, type: Scalar, raw: Any, path: Path, step: str | int) -> Any:
        """A single value; None if it counts as absent."""
        value = raw if is_plain(raw, type) else self._converted(type, unwrap(raw), path, step)
        if isinstance(value, str):
            self._budget.read(len(value), path, step)
        return value

    def _converted(self, type: Scalar, raw: Any, path: Path, step: str | int) -> Any:
        if is_null(raw):
            return None
        try:
            return convert(raw, type)
        except WrongTypeError as failure:
            self._refuse((*path, step), str(failure))
            return None

    def _written_members(self, written: Any, shape: Shape, path: Path) -> Mapping[str, Any]:
        """What is written below this path; warns of keys that match no field."""
        if written is _NOT_WRITTEN:
            return {}
        if not is_mapping(written):
            self._report_mismatch(path)
            return {}
        members = written.own if isinstance(written, yaml_text.Mapping) else written
        if not members.keys() <= shape.by_name.keys():
            for key in members:
                if key not in shape.by_name:
                    name = _key_text(key)
                    self.warnings.append(Finding(WARNING, f"unused key {name}", (*path, name), at_key=True))
        return members

    def _report_no_mapping(self, raw: Any, path: Path) -> None:
        """Null is an object without fields, though the reference finds it odd."""
        if is_null(raw):
            self._report_mismatch(path)
        else:
            self._refuse(path, f"must be a mapping, not {describe(raw)}")

    def _report_malformed(self, raw: yaml_text.Mapping, path: Path) -> None:
        lines = {key: key.origin.line for key in raw.own} if raw.repeated else {}
        for key in raw.repeated:
            self._refuse((*path, str(key)), f'mapping key "{key}" already defined at line {lines[key]}')
        for key in raw.bad_keys:
            self._refuse(path, f"a key must be a single value, not {describe(key)}")
        for _merged in raw.bad_merges:
            self._refuse((*path, "<<"), "map merge requires map or sequence of maps as the value")

    def _report_mismatch(self, path: Path) -> None:
        self.warnings.append(warning(_MISMATCH.format(render(path)), *path))

    def _refuse(self, path: Path, message: str) -> None:
        self.errors.append(error(message, *path))


def _key_text(key: Any) -> str:
    if isinstance(key, str):
        return str(key)
    if isinstance(key, bool):
        return str(key).lower()
    if key is None:
        return "null"
    return str(key) if is_printable(key) else describe(key)


__all__ = ("Decoder",)
