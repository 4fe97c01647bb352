# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The origin of each part of a node's merged Butane: the variable, and its place in the inventory.

The layers are merged once more, each value in a wrapper that has its source.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from . import Layer, Node, layers
from .merge import DELETE, merge

OriginOf = Callable[[Any], Any]


class Source(NamedTuple):
    """``variable`` is "" for what every node has; ``origin`` is its file, line and column, if known."""

    variable: str
    origin: Any


@dataclass(frozen=True)
class Traced:
    """A value with its source; equality is that of the value alone, as merging requires."""

    value: Any
    source: Source = field(compare=False)


def traced_butane(node: Node, origin_of: OriginOf) -> dict[str, Any]:
    """The node's merged config, with each plain value except null as a ``Traced``."""
    wrapped = (_trace_layer(node, layer, origin_of) for layer in layers(node))
    return functools.reduce(functools.partial(merge, refuse=lambda *_told: None), wrapped, {})


def _trace_layer(node: Node, layer: Layer, origin_of: OriginOf) -> Any:
    variable = next((name for name in layer.variables if node.given.get(name) is not None), "")
    home = Source(variable, _origin(node.given, variable, origin_of))
    return _trace(layer.butane, home, origin_of)


def _origin(given: Mapping[str, Any], variable: str, origin_of: OriginOf) -> Any:
    """The value's place; that of the variable's name if the value, such as true, has none."""
    return origin_of(given.get(variable)) or origin_of(next((name for name in given if name == variable), None))


def _trace(value: Any, inherited: Source, origin_of: OriginOf) -> Any:
    if isinstance(value, Mapping):
        return {
            key: True
            if key == DELETE and inner is True
            else _trace(inner, _known(inherited, origin_of(key)), origin_of)
            for key, inner in value.items()
        }
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return [_trace(inner, inherited, origin_of) for inner in value]
    return None if value is None else Traced(value, _known(inherited, origin_of(value)))


def _known(source: Source, origin: Any) -> Source:
    return source._replace(origin=origin) if origin else source


def source_at(traced: Any, path: Iterable[str]) -> Source | None:
    """The source of the value at *path*, or of the first value in the deepest part of the path that exists."""
    for step in path:
        inner = _step(traced, step)
        if inner is None:
            break
        traced = inner
    while not isinstance(traced, Traced):
        if not traced:
            return None
        traced = next(iter(traced.values())) if isinstance(traced, Mapping) else traced[0]
    return traced.source


def _step(holder: Any, step: str) -> Any:
    if isinstance(holder, Mapping):
        return holder.get(step)
    if isinstance(holder, list) and step.isdecimal() and int(step) < len(holder):
        return holder[int(step)]
    return None


__all__ = ("Source", "Traced", "source_at", "traced_butane")
