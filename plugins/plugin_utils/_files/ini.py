# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""INI inventories, as Ansible's plugin ``ini`` reads them, as nodes like those of YAML."""

from __future__ import annotations

import ast
import re
import shlex
import warnings
from collections.abc import Iterator
from typing import Any, NamedTuple

import yaml

_SECTION = re.compile(r"\[([^:\]\s]+)(?::(\w+))?\]\s*(?:#.*)?")
_CORE = "tag:yaml.org,2002:"
_TAGS = ((bool, "bool"), (int, "int"), (float, "float"), (str, "str"), (type(None), "null"))


class Assignment(NamedTuple):
    """``key=value`` for a host (or a host pattern) or a group. ``cut``: what a ``#`` in the value cut off."""

    kind: str
    owner: str
    key: yaml.ScalarNode
    value: yaml.Node
    cut: str = ""


class Named(NamedTuple):
    """A host's line, or a section header."""

    kind: str
    owner: str
    node: yaml.ScalarNode


def read(text: str) -> Iterator[Assignment | Named]:
    """Lines that Ansible would refuse are left out: it reports them itself."""
    group, state = "ungrouped", "hosts"
    for number, whole in enumerate(text.splitlines()):
        line = whole.strip()
        if not line or line[0] in "#;":
            continue
        section = _SECTION.fullmatch(line)
        if section:
            group, state = section[1], section[2] or "hosts"
            yield Named("group", group, _scalar(group, group, number, whole.find(group)))
        elif state == "vars" and "=" in line:
            key, value = (part.strip() for part in line.split("=", 1))
            yield _assignment("group", group, number, whole, key, value)
        elif state == "hosts":
            yield from _host(number, whole, line)


def _host(number: int, whole: str, line: str) -> Iterator[Assignment | Named]:
    try:
        name, *words = shlex.split(line, comments=True)
    except ValueError:
        return
    yield Named("host", name, _scalar(name, name, number, whole.find(name)))
    complete = _without_comments(line)
    for index, word in enumerate(words, 1):
        key, equals, value = word.partition("=")
        if equals:
            found = _assignment("host", name, number, whole, key, value)
            cut = complete[index].removeprefix(word) if index == len(words) and index < len(complete) else ""
            yield found._replace(cut=cut)


def _without_comments(line: str) -> list[str]:
    try:
        return shlex.split(line)
    except ValueError:  # a quote inside a comment
        return []


def _assignment(kind: str, owner: str, number: int, whole: str, key: str, value: str) -> Assignment:
    column = max(whole.find(f"{key}="), whole.find(key), 0)
    name = _scalar(key, key, number, column)
    return Assignment(kind, owner, name, _value(value, number, column + len(key) + 1))


def _value(text: str, line: int, column: int) -> yaml.Node:
    """As Ansible does it: a Python literal, or else the string."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            made = ast.literal_eval(text)
            tree = ast.parse(text.strip(), mode="eval").body
    except (ValueError, SyntaxError, MemoryError, RecursionError, TypeError):
        return _scalar(text, text, line, column)
    return _node(tree, made, text.strip(), line, column)


def _node(tree: ast.expr, made: Any, text: str, line: int, column: int) -> yaml.Node:
    if isinstance(tree, ast.Dict) and isinstance(made, dict):
        inner = [
            (_literal(key, text, line, column), _literal(value, text, line, column))
            for key, value in zip(tree.keys, tree.values, strict=True)
        ]
        return yaml.MappingNode(f"{_CORE}map", inner, *_marks(line, column))
    if isinstance(tree, ast.List | ast.Tuple):
        inner = [_literal(item, text, line, column) for item in tree.elts]
        return yaml.SequenceNode(f"{_CORE}seq", inner, *_marks(line, column))
    written = made if isinstance(made, str) else ast.get_source_segment(text, tree) or text
    return _scalar(written, made, line, column)


def _literal(tree: ast.expr, text: str, line: int, column: int) -> yaml.Node:
    made = ast.literal_eval(tree)
    return _node(tree, made, text, line, column + tree.col_offset)


def _scalar(written: str, made: Any, line: int, column: int) -> yaml.ScalarNode:
    tag = next((name for kind, name in _TAGS if isinstance(made, kind)), "str")
    node = yaml.ScalarNode(f"{_CORE}{tag}", written, *_marks(line, column))
    node.made = made
    return node


def _marks(line: int, column: int) -> tuple[yaml.Mark, yaml.Mark]:
    mark = yaml.Mark("", 0, line, max(column, 0), None, None)
    return mark, mark


__all__ = ("Assignment", "Named", "read")
