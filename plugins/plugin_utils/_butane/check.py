# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Applies the rules of the table to a config, each object before its members."""

from __future__ import annotations

from collections.abc import Iterator

from .report import ERROR, Path
from .structure import Finding, Place, Scope, Spec, error


def source_findings(places: list[Place], scope: Scope) -> Iterator[Finding]:
    """Findings of the rules for the author's config."""
    for shape, obj, path in places:
        for rule in shape.struct.source_rules:
            for finding in rule(obj, scope):
                yield _below(path, finding)


def forbidden_findings(places: list[Place], spec: Spec) -> Iterator[Finding]:
    """Fields that exist in Ignition but may not be used in this version."""
    for shape, obj, path in places:
        for field in shape.forbidden:
            if _says_anything(obj.get(field.name)):
                yield error(spec.forbidden[f"{shape.struct.name}.{field.name}"], *path, field.name)


def _says_anything(value: object) -> bool:
    """False for what is omitted from the output: absent, or empty all the way down."""
    if isinstance(value, dict):
        return any(map(_says_anything, value.values()))
    if isinstance(value, list):
        return bool(value)
    return value is not None


def duplicate_findings(places: list[Place]) -> Iterator[Finding]:
    """Elements of the generated config that occur twice."""
    for shape, obj, path in places:
        seen: dict[str, set] = {}
        for field in shape.unique:
            if obj.get(field.name):
                used = seen.setdefault(field.unique.among or field.name, set())
                for index, element in enumerate(obj[field.name]):
                    key = field.unique.key(element)
                    if key in used:
                        yield error("duplicate entry defined", *path, field.name, index)
                    used.add(key)


def rule_findings(places: list[Place], scope: Scope) -> Iterator[Finding]:
    """Findings of the rules for the generated config: for each object those of its fields, then its own."""
    for shape, obj, path in places:
        for field, rule in shape.checked:
            value = obj.get(field.name)
            if value is not None or field.required:
                for finding in rule(value, scope):
                    yield _below((*path, field.name), finding)
        for rule in shape.struct.rules:
            for finding in rule(obj, scope):
                yield _below(path, finding)


def _below(path: Path, finding: Finding) -> Finding:
    return finding._replace(where=path + finding.where)


def refuses(findings: list[Finding]) -> bool:
    return any(finding.severity == ERROR for finding in findings)


__all__ = ("duplicate_findings", "forbidden_findings", "refuses", "rule_findings", "source_findings")
