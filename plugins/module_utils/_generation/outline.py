# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What one generation changed in another, in a few words, from their own indexes. Needs only the standard library."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from .._routes import routes
from .publishings import printable

#: How many different kinds of change are listed. Nobody reads more.
_KINDS = 4

#: How many names are listed for a change.
_NAMED = 10

#: Labels of the keys of an index's entry.
_WORDS = {
    "macs": "MAC addresses",
    "order": "what it is installed as",
    "losses": "what its disks lose",
    "token": "what it reports with",
}


class Outline(NamedTuple):
    """A generation's nodes, and the networks from which they report."""

    nodes: Mapping[str, Mapping[str, Any]]
    networks: frozenset[str]


def read(generation: Path) -> Outline | None:
    """None if there is no such generation, or if its index cannot be read."""
    try:
        nodes = json.loads((generation / routes.INDEX).read_text(encoding="utf-8"))["nodes"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    networks = (path.name.replace("-", "/") for path in generation.glob(routes.served(routes.REPORTERS, "*", "*")))
    return Outline(nodes, frozenset(networks))


def changed(before: Outline | None, after: Outline | None) -> str:
    """Empty if one of them is unknown: there is nothing to compare then."""
    if before is None or after is None:
        return ""
    return "; ".join(map(printable, _parts(before, after))) or "the nodes' entries are identical"


def _parts(before: Outline, after: Outline) -> Iterator[str]:
    yield from _come_and_gone("", before.nodes, after.nodes)
    yield from _come_and_gone("network ", before.networks, after.networks)
    alike: dict[tuple[str, ...], list[str]] = {}
    for name in sorted(before.nodes.keys() & after.nodes.keys()):
        found = tuple(_fields(before.nodes[name], after.nodes[name]))
        if found:
            alike.setdefault(found, []).append(name)
    kinds = sorted(alike.items(), key=lambda item: -len(item[1]))
    yield from (f"{_who(names)}: {', '.join(found)}" for found, names in kinds[:_KINDS])
    more = [name for _kind, names in kinds[_KINDS:] for name in names]
    if more:
        yield f"{_who(more)}: other changes"


def _come_and_gone(what: str, before: Iterable[str], after: Iterable[str]) -> Iterator[str]:
    added, removed = sorted(set(after) - set(before)), sorted(set(before) - set(after))
    if added:
        yield f"{what}{_who(added)} added"
    if removed:
        yield f"{what}{_who(removed)} removed"


def _fields(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[str]:
    differing = [key for key in sorted(before.keys() | after.keys()) if before.get(key) != after.get(key)]
    if "version" in differing:
        yield f"release {before.get('version')} -> {after.get('version')}"
    if "mode" in differing:
        yield f"{before.get('mode')} -> {after.get('mode')}"
    yield from (_WORDS.get(key, key) for key in differing if key not in ("version", "mode"))


def _who(names: Sequence[str]) -> str:
    named = ", ".join(names[:_NAMED])
    return f"{named} and {len(names) - _NAMED:,} more" if len(names) > _NAMED else named


__all__ = ("Outline", "changed", "read")
