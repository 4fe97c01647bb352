# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What both variables and a fragment define, differently: one of the two would silently be ignored."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from .._node import Node, layers

#: Lists in Butane, the key of an entry there, and what two sides cannot both define.
_LISTS = (
    ("storage", "files", "path", "contents"),
    ("storage", "links", "path", "target"),
    ("systemd", "units", "name", "contents"),
)

#: Variables that are Butane themselves: fragments are merged over them on purpose.
_ARE_BUTANE = frozenset({"flatcar_users", "flatcar_units"})


class Contradiction(NamedTuple):
    """``variables`` are those that define the same; empty if it is only a default of the machine."""

    path: str
    name: str
    variables: tuple[str, ...]


def contradictions(node: Node, butane: Mapping[str, Any]) -> Iterator[Contradiction]:
    """The entries in the node's merged *butane*."""
    spoken_of = set(_spoken_of(node))
    if not spoken_of:
        return
    for layer in layers(node):
        if not layer.variables or set(layer.variables) & (_ARE_BUTANE | node.fragments.keys()):
            continue
        for section, kind, key, value in _LISTS:
            for made in layer.butane.get(section, {}).get(kind, ()):
                if made[key] not in spoken_of:
                    continue
                for number, entry in _entries(butane, section, kind):
                    if entry.get(key) == made[key] and entry.get(value) != made[value]:
                        given = tuple(name for name in layer.variables if node.given.get(name) is not None)
                        yield Contradiction(f"{section}.{kind}.{number}.{value}", made[key], given)


def message(found: Contradiction) -> str:
    variables = " and ".join(found.variables)
    return (
        f"{found.name} is already made by {variables}, and this replaces it, so that {variables} would have no effect "
        f"here: leave one of them out (`{found.variables[0]}: ~` takes what a group says from this machine)"
    )


def _spoken_of(node: Node) -> Iterator[str]:
    """The names of entries in the node's own Butane."""
    for butane in (*node.fragments.values(), {"systemd": {"units": list(node.units)}}):
        for section, kind, key, _variables in _LISTS:
            yield from (str(entry.get(key)) for _path, entry in _entries(butane, section, kind))


def _entries(butane: Any, section: str, kind: str) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """The entries of a list in Butane that may not have been checked yet."""
    inner = butane.get(section) if isinstance(butane, Mapping) else None
    entries = inner.get(kind) if isinstance(inner, Mapping) else None
    if isinstance(entries, list | tuple):
        yield from ((number, entry) for number, entry in enumerate(entries) if isinstance(entry, Mapping))


__all__ = ("Contradiction", "contradictions", "message")
