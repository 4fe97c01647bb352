# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A file of variables as it was written: PyYAML's nodes, each with its line and column, and what Ansible makes of them.

Ansible's own loading keeps one value of a key that is given twice, and the number 83 for ``0123``. Here the original is still
there.
"""

from __future__ import annotations

import codecs
import functools
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from .._butane import Origin

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_CORE = "tag:yaml.org,2002:"
_STR, _NULL = f"{_CORE}str", f"{_CORE}null"
UNSAFE = "!unsafe"
VAULT = frozenset({"!vault", "!vault-encrypted"})

_MARKS = (
    (codecs.BOM_UTF32_LE, "UTF-32"),
    (codecs.BOM_UTF32_BE, "UTF-32"),
    (codecs.BOM_UTF16_LE, "UTF-16"),
    (codecs.BOM_UTF16_BE, "UTF-16"),
)
_SAVE = "save the file as UTF-8 without a byte order mark"


class UnreadableError(Exception):
    """A file that cannot be read as what it should be. ``owner``: whose variables it has; empty for an inventory."""

    def __init__(self, place: Origin, message: str) -> None:
        super().__init__(message)
        self.place = place
        self.message = message
        self.owner = ""


@dataclass(frozen=True)
class Document:
    """A file's text and its nodes. ``sealed``: it is a vault, so messages repeat nothing of it."""

    file: str
    text: str
    root: yaml.Node | None
    sealed: bool = False
    is_json: bool = False

    def place(self, node: yaml.Node) -> Origin:
        mark = node.start_mark
        return Origin(self.file, 1, 1) if self.sealed else Origin(self.file, mark.line + 1, mark.column + 1)

    def place_of(self, piece: str, node: yaml.Node) -> Origin:
        """The place of *piece* in the text of *node*, as far as it is written on one line."""
        if not self.sealed:
            lines = self.text.split("\n")
            for number in range(node.start_mark.line, min(node.end_mark.line + 1, len(lines))):
                first = node.start_mark.column if number == node.start_mark.line else 0
                column = lines[number].find(piece, first)
                if column >= 0:
                    return Origin(self.file, number + 1, column + 1)
        return self.place(node)


def decoded(file: str, content: bytes) -> str:
    """Raises ``UnreadableError`` for what is not UTF-8, or begins with a byte order mark."""
    for mark, name in _MARKS:
        if content.startswith(mark):
            raise UnreadableError(Origin(file, 1, 1), f"the file is {name}: {_SAVE}")
    if b"\0" in content[:4096]:
        raise UnreadableError(Origin(file, 1, 1), f"the file has null bytes, as in UTF-16: {_SAVE}")
    if content.startswith(codecs.BOM_UTF8):
        raise UnreadableError(Origin(file, 1, 1), f"the file begins with a byte order mark: {_SAVE}")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        before = content[: error.start]
        start = before.rfind(b"\n") + 1
        column = len(before[start:].decode("utf-8", "replace")) + 1
        message = f"the byte 0x{content[error.start]:02x} is not UTF-8 (is the file Latin-1?): {_SAVE}"
        raise UnreadableError(Origin(file, before.count(b"\n") + 1, column), message) from None


def read(file: str, text: str, sealed: bool = False) -> Document:
    """Raises ``UnreadableError`` with the line for what is not YAML."""
    try:
        root = _LOADER(text).get_single_node()
    except yaml.MarkedYAMLError as error:
        raise _broken(file, text, error) from None
    except (yaml.YAMLError, RecursionError) as error:
        why = getattr(error, "reason", None) or "it is nested too deeply"
        raise UnreadableError(_of_reader(file, text, error), f"this is not YAML: {why}") from None
    document = Document(file, text, root, sealed, _is_json(text))
    for mapping in mappings(root):
        for key, _value in mapping.value:
            if not isinstance(key, yaml.ScalarNode):
                message = "a mapping or list is used as a key; a value that begins with {{ must be quoted"
                raise UnreadableError(document.place(mapping), f"this is not YAML that Ansible accepts: {message}")
    return document


def _is_json(text: str) -> bool:
    """Ansible tries every file as JSON first, whatever it is called."""
    if text.lstrip()[:1] not in ("{", "["):
        return False
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def _of_reader(file: str, text: str, error: Exception) -> Origin:
    position = getattr(error, "position", None)
    if not isinstance(position, int):
        return Origin(file, 1, 1)
    before = text[:position]
    return Origin(file, before.count("\n") + 1, position - before.rfind("\n"))


_QUOTES = re.compile(
    r"""^\s*(?:-\s+)*(?:[^\s'"#][^'"#]*:\s+)?(?P<quote>['"])(?:(?!(?P=quote)).)*(?P=quote)\s*[^\s#,\]}:]"""
)


def _broken(file: str, text: str, error: yaml.MarkedYAMLError) -> UnreadableError:
    mark = error.problem_mark or error.context_mark
    lines = text.split("\n")
    line = lines[mark.line] if mark.line < len(lines) else ""
    place = Origin(file, mark.line + 1, mark.column + 1)
    tab = line.find("\t")
    if tab >= 0 and not line[:tab].strip(" -"):
        return UnreadableError(
            place._replace(column=tab + 1), "this line is indented with a tab: YAML accepts only spaces"
        )
    message = f"this is not YAML: {_in_words(error)}"
    if re.match(r"\s*(?:-\s+)*(?:[^\s:]+:\s+)?\{\{", line):
        message += "; a value that begins with {{ must be quoted"
    elif "mapping values are not allowed" in message:
        message += "; a string with a colon followed by a space must be quoted, or the indentation is wrong"
    elif _QUOTES.match(line):
        message += "; a string that begins with a quote ends at the next one: put all of it in quotes of the other kind"
    return UnreadableError(place, message)


def _in_words(error: yaml.MarkedYAMLError) -> str:
    parts = [error.problem or "", error.context or ""]
    if (
        error.context
        and error.context_mark
        and error.context_mark.line != (error.problem_mark or error.context_mark).line
    ):
        parts[1] += f" that begins in line {error.context_mark.line + 1}"
    return " ".join(", ".join(part for part in parts if part).split())


# What Ansible makes of a node ---------------------------------------------------------------------------------------------


def is_unsafe(node: yaml.Node) -> bool:
    return node.tag == UNSAFE


def meaning(node: yaml.Node, is_json: bool = False) -> Any:
    """What Ansible makes of a scalar. Anything that is not a scalar is returned as its node."""
    if not isinstance(node, yaml.ScalarNode) or node.tag in VAULT:
        return node
    if hasattr(node, "made"):
        return node.made
    if node.tag == _STR:
        return node.value
    if is_json and node.style is None:
        return json.loads(node.value)
    if node.tag == UNSAFE:
        return _constructed(_resolver().resolve(yaml.ScalarNode, node.value, (True, False)), node)
    return _constructed(node.tag, node)


@functools.cache
def _resolver() -> Any:
    return yaml.SafeLoader("")


def _constructed(tag: str, node: yaml.ScalarNode) -> Any:
    if tag == _STR:
        return node.value
    scalar = yaml.ScalarNode(tag, node.value, node.start_mark, node.end_mark)
    try:
        return yaml.SafeLoader("").construct_object(scalar)
    except (yaml.YAMLError, ValueError, OverflowError):  # Ansible refuses it on loading
        return node.value


def mappings(root: yaml.Node | None) -> Iterator[yaml.MappingNode]:
    """All mappings of a document, each once, however often it is referenced."""
    waiting, seen = [root] if root is not None else [], set()
    while waiting:
        node = waiting.pop()
        if isinstance(node, yaml.ScalarNode) or id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, yaml.MappingNode):
            yield node
            waiting.extend(inner for pair in reversed(node.value) for inner in pair)
        else:
            waiting.extend(reversed(node.value))


def pairs(node: yaml.Node | None) -> list[tuple[yaml.Node, yaml.Node]]:
    """The keys and values of a mapping, with those merged by ``<<`` before its own, as Ansible reads them."""
    if not isinstance(node, yaml.MappingNode):
        return []
    merged, own = [], []
    for key, value in node.value:
        if key.tag == f"{_CORE}merge":
            sources = value.value if isinstance(value, yaml.SequenceNode) else [value]
            merged += [pair for source in reversed(sources) if source is not node for pair in pairs(source)]
        else:
            own.append((key, value))
    return merged + own


def same(left: yaml.Node, right: yaml.Node, depth: int = 0) -> bool:
    """Whether two nodes are equal."""
    if left is right:
        return True
    if type(left) is not type(right) or depth > 100:
        return False
    if isinstance(left, yaml.ScalarNode):
        return left.value == right.value and left.tag == right.tag
    if len(left.value) != len(right.value):
        return False
    if isinstance(left, yaml.MappingNode):
        inner = [
            (a, b) for one, other in zip(left.value, right.value, strict=True) for a, b in zip(one, other, strict=True)
        ]
    else:
        inner = list(zip(left.value, right.value, strict=True))
    return all(same(a, b, depth + 1) for a, b in inner)


def load(file: str | Path, content: bytes) -> Document:
    return read(str(file), decoded(str(file), content))


__all__ = (
    "UNSAFE",
    "VAULT",
    "Document",
    "UnreadableError",
    "decoded",
    "is_unsafe",
    "load",
    "mappings",
    "meaning",
    "pairs",
    "read",
    "same",
)
