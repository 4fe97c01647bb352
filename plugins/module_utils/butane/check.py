"""Applies the rules of the table to a config."""

from __future__ import annotations

from collections.abc import Iterator

from .report import ERROR, Path
from .structure import (
    Finding,
    Form,
    Object,
    Scope,
    Spec,
    Structure,
    error,
    fields_of,
    members,
    objects_in,
)


def source_findings(struct: Structure, obj: Object, scope: Scope, path: Path = ()) -> Iterator[Finding]:
    """What the rules for the author's config say, an object before its members."""
    for rule in struct.source_rules:
        yield from _below(path, rule(obj, scope))
    for member in members(obj, objects_in(struct, scope.spec, Form.BUTANE), path):
        yield from source_findings(member[0], member[1], scope, member[2])


def forbidden_findings(struct: Structure, obj: Object, spec: Spec, path: Path = ()) -> Iterator[Finding]:
    """Fields that exist in Ignition but may not be used in this version."""
    for field in objects_in(struct, spec, Form.IGNITION):
        message = spec.forbidden.get(f"{struct.name}.{field.name}")
        if message and _says_anything(obj.get(field.name)):
            yield error(message, *path, field.name)
    for member in members(obj, objects_in(struct, spec, Form.IGNITION), path):
        yield from forbidden_findings(member[0], member[1], spec, member[2])


def _says_anything(value: object) -> bool:
    """False for what vanishes from the output: absent, or empty all the way down."""
    if isinstance(value, dict):
        return any(map(_says_anything, value.values()))
    if isinstance(value, list):
        return bool(value)
    return value is not None


def duplicate_findings(struct: Structure, obj: Object, spec: Spec, path: Path = ()) -> Iterator[Finding]:
    """Elements of the generated config that are there twice."""
    seen: dict[str, set] = {}
    for field in fields_of(struct, spec, Form.IGNITION):
        if field.unique and obj.get(field.name):
            used = seen.setdefault(field.unique.among or field.name, set())
            for index, element in enumerate(obj[field.name]):
                key = field.unique.key(element)
                if key in used:
                    yield error("duplicate entry defined", *path, field.name, index)
                used.add(key)
    for member in members(obj, objects_in(struct, spec, Form.IGNITION), path):
        yield from duplicate_findings(member[0], member[1], spec, member[2])


def rule_findings(struct: Structure, obj: Object, scope: Scope, path: Path = ()) -> Iterator[Finding]:
    """What the rules for the generated config say."""
    for field in fields_of(struct, scope.spec, Form.IGNITION):
        for rule in field.rules:
            yield from _below((*path, field.name), rule(obj.get(field.name), scope))
    for rule in struct.rules:
        yield from _below(path, rule(obj, scope))
    for member in members(obj, objects_in(struct, scope.spec, Form.IGNITION), path):
        yield from rule_findings(member[0], member[1], scope, member[2])


def _below(path: Path, findings: Iterator[Finding]) -> Iterator[Finding]:
    for finding in findings:
        yield finding._replace(where=path + finding.where)


def refuses(findings: list[Finding]) -> bool:
    return any(finding.severity == ERROR for finding in findings)


__all__ = ("duplicate_findings", "forbidden_findings", "refuses", "rule_findings", "source_findings")
