# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Applies the rules of the table to a config, each object before its members."""

from __future__ import annotations

from collections.abc import Iterator

from .report import ERROR, Path
from .structure import Finding, Form, Object, Scope, Spec, Structure, error, fields_of, objects_in, walk


def source_findings(root: Structure, config: Object, scope: Scope) -> Iterator[Finding]:
    """Findings of the rules for the author's config."""
    for struct, obj, path in walk(root, config, scope.spec, Form.BUTANE):
        for rule in struct.source_rules:
            yield from _below(path, rule(obj, scope))


def forbidden_findings(root: Structure, config: Object, spec: Spec) -> Iterator[Finding]:
    """Fields that exist in Ignition but may not be used in this version."""
    for struct, obj, path in walk(root, config, spec, Form.IGNITION):
        for field in objects_in(struct, spec, Form.IGNITION):
            message = spec.forbidden.get(f"{struct.name}.{field.name}")
            if message and _says_anything(obj.get(field.name)):
                yield error(message, *path, field.name)


def _says_anything(value: object) -> bool:
    """False for what is omitted from the output: absent, or empty all the way down."""
    if isinstance(value, dict):
        return any(map(_says_anything, value.values()))
    if isinstance(value, list):
        return bool(value)
    return value is not None


def duplicate_findings(root: Structure, config: Object, spec: Spec) -> Iterator[Finding]:
    """Elements of the generated config that occur twice."""
    for struct, obj, path in walk(root, config, spec, Form.IGNITION):
        seen: dict[str, set] = {}
        for field in fields_of(struct, spec, Form.IGNITION):
            if field.unique and obj.get(field.name):
                used = seen.setdefault(field.unique.among or field.name, set())
                for index, element in enumerate(obj[field.name]):
                    key = field.unique.key(element)
                    if key in used:
                        yield error("duplicate entry defined", *path, field.name, index)
                    used.add(key)


def rule_findings(root: Structure, config: Object, scope: Scope) -> Iterator[Finding]:
    """Findings of the rules for the generated config: for each object those of its fields, then its own."""
    for struct, obj, path in walk(root, config, scope.spec, Form.IGNITION):
        for field in fields_of(struct, scope.spec, Form.IGNITION):
            for rule in field.rules:
                yield from _below((*path, field.name), rule(obj.get(field.name), scope))
        for rule in struct.rules:
            yield from _below(path, rule(obj, scope))


def _below(path: Path, findings: Iterator[Finding]) -> Iterator[Finding]:
    for finding in findings:
        yield finding._replace(where=path + finding.where)


def refuses(findings: list[Finding]) -> bool:
    return any(finding.severity == ERROR for finding in findings)


__all__ = ("duplicate_findings", "forbidden_findings", "refuses", "rule_findings", "source_findings")
