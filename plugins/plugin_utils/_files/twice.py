# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys that a mapping has twice: Ansible keeps the last, and the first value is lost."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import yaml

from .documents import Document, mappings, meaning

_STR = "tag:yaml.org,2002:str"
_MERGE = "tag:yaml.org,2002:merge"


class Twice(NamedTuple):
    """A key that *mapping* has at two places."""

    mapping: yaml.MappingNode
    first: yaml.ScalarNode
    second: yaml.ScalarNode


def keys_given_twice(document: Document) -> Iterator[Twice]:
    for mapping in mappings(document.root):
        keys = [key for key, _value in mapping.value if isinstance(key, yaml.ScalarNode) and key.tag != _MERGE]
        if len({key.value for key in keys}) == len(keys) and all(key.tag == _STR for key in keys):
            continue
        first: dict[tuple[type, object], yaml.ScalarNode] = {}
        for key in keys:
            value = meaning(key, document.is_json)
            if isinstance(value, yaml.Node):
                continue
            before = first.setdefault((type(value), value), key)
            if before is not key:
                yield Twice(mapping, before, key)


def path_to(wanted: yaml.Node, root: yaml.Node) -> str | None:
    """The keys that lead to a node, or None if it is not below *root*."""
    waiting, seen = [(root, "")], set()
    while waiting:
        node, path = waiting.pop()
        if node is wanted:
            return path
        if isinstance(node, yaml.ScalarNode) or id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, yaml.MappingNode):
            waiting += [(value, f"{path}.{key.value}") for key, value in node.value]
        else:
            waiting += [(item, f"{path}[{number}]") for number, item in enumerate(node.value)]
    return None


__all__ = ("Twice", "keys_given_twice", "path_to")
