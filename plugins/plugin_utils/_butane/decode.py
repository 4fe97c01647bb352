# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The walker: reads a config by the table of the spec.

Two trees are walked side by side. ``raw`` is what a value means. ``written`` is what the document has at that path; it differs
from ``raw`` behind an alias, under a merge key, and behind a null in a list. Only unused keys are looked for in it, because that
is how the reference finds them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from . import yaml_text
from .limits import Budget
from .report import WARNING, Path, render
from .structure import Field, Finding, Form, Object, Spec, Structure, error, fields_by_name, warning
from .values import WrongTypeError, convert, describe, is_null
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
        return self._object(root, raw, raw, ())

    def _object(self, struct: Structure, raw: Any, written: Any, path: Path) -> Object:
        raw = unwrap(raw)
        if is_null(raw):
            self._report_mismatch(path)
            return {}
        if not isinstance(raw, Mapping):
            self._refuse(path, f"must be a mapping, not {describe(raw)}")
            return {}
        self._budget.visit(path, len(raw) + 1)
        fields = fields_by_name(struct, self._spec, Form.BUTANE)
        below = self._written_members(written, fields, path)
        self._report_malformed(raw, path)
        return {
            field.name: value
            for key, member in raw.items()
            if (field := fields.get(key)) is not None
            and (value := self._field(field, member, below.get(key, _NOT_WRITTEN), (*path, field.name))) is not None
        }

    def _field(self, field: Field, raw: Any, written: Any, path: Path) -> Any:
        """The value of a field; None if it counts as absent."""
        if not field.many:
            return self._single(field, raw, written, path)
        raw = unwrap(raw)
        if is_null(raw):
            return None
        if not isinstance(raw, list | tuple):
            self._refuse(path, f"must be a list, not {describe(raw)}")
            return None
        self._budget.visit(path, len(raw))
        places = iter(written) if isinstance(written, list | tuple) else iter(())
        kept = (element for element in raw if not is_null(unwrap(element)))
        return [
            self._single(field, element, next(places, _NOT_WRITTEN), (*path, index))
            for index, element in enumerate(kept)
        ]

    def _single(self, field: Field, raw: Any, written: Any, path: Path) -> Any:
        if isinstance(field.type, Structure):
            return self._object(field.type, raw, written, path)
        return self._scalar(field, raw, path)

    def _scalar(self, field: Field, raw: Any, path: Path) -> Any:
        raw = unwrap(raw)
        if is_null(raw):
            return None
        try:
            value = convert(raw, field.type)
        except WrongTypeError as failure:
            self._refuse(path, str(failure))
            return None
        if isinstance(value, str):
            self._budget.read(path, len(value))
        return value

    def _written_members(self, written: Any, fields: Mapping[str, Field], path: Path) -> Mapping[str, Any]:
        """What is written below this path; warns of keys that match no field."""
        if written is _NOT_WRITTEN:
            return {}
        if not isinstance(written, Mapping):
            self._report_mismatch(path)
            return {}
        members = written.own if isinstance(written, yaml_text.Mapping) else written
        for key in members:
            if key not in fields:
                name = _key_text(key)
                self.warnings.append(Finding(WARNING, f"unused key {name}", (*path, name), at_key=True))
        return members

    def _report_malformed(self, raw: Mapping, path: Path) -> None:
        if not isinstance(raw, yaml_text.Mapping):
            return
        for key, first_line in raw.duplicates:
            self._refuse((*path, str(key)), f'mapping key "{key}" already defined at line {first_line}')
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
    return "null" if key is None else str(key)


__all__ = ("Decoder",)
