# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Text that Jinja reads as a template comment, and drops: ``${#var}`` in a script begins one."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator

import jinja2
import yaml

from .documents import is_unsafe, pairs

WAY_OUT = "put text that only looks like a template between {% raw %} and {% endraw %}, or !unsafe before it"
_OPEN = "{#"
_WORD = re.compile(r"[A-Za-z_]\w*")


def swallowed(node: yaml.Node) -> Iterator[tuple[str, yaml.ScalarNode, str]]:
    """Each comment in the strings of *node*: the path to it, the string's node, and what is dropped."""
    for path, scalar in _texts(node, "", set()):
        if _OPEN not in scalar.value:
            continue
        for comment in _comments(scalar.value):
            yield path, scalar, comment


def has_comment(node: yaml.Node) -> bool:
    """Whether there may be one."""
    return any(_OPEN in scalar.value for _path, scalar in _texts(node, "", set()))


def names_in(node: yaml.Node) -> set[str]:
    """All words in the templates of *node*, which include the names of variables."""
    return {
        word for _path, scalar in _texts(node, "", set()) if "{" in scalar.value for word in _WORD.findall(scalar.value)
    }


def _texts(node: yaml.Node, path: str, seen: set[int]) -> Iterator[tuple[str, yaml.ScalarNode]]:
    """The strings that are templates."""
    if is_unsafe(node) or id(node) in seen:
        return
    if isinstance(node, yaml.ScalarNode):
        yield path, node
        return
    seen.add(id(node))
    if isinstance(node, yaml.MappingNode):
        for key, value in pairs(node):
            yield from _texts(value, f"{path}.{key.value}", seen)
    else:
        for number, item in enumerate(node.value):
            yield from _texts(item, f"{path}[{number}]", seen)


@functools.cache
def _lexer() -> jinja2.lexer.Lexer:
    return jinja2.Environment(autoescape=False).lexer  # noqa: S701  # no HTML is made; texts are only looked at


def _comments(text: str) -> list[str]:
    """An unterminated template fails when it is rendered, and is reported there."""
    complete: list[str] = []
    begun = ""
    try:
        for _line, kind, value in _lexer().tokeniter(text, None):
            begun = value if kind == "comment_begin" else begun + value if kind.startswith("comment") else ""
            if kind == "comment_end":
                complete.append(begun)
    except jinja2.TemplateSyntaxError:
        pass
    return complete


__all__ = ("WAY_OUT", "has_comment", "names_in", "swallowed")
