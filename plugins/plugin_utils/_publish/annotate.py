# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A traced config as text for people: YAML, with a comment at each key that names its source."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any, NamedTuple

from .._node.provenance import Source, Traced
from .secret_keys import is_secret_in_butane

MASK = "(secret)"

_PLAIN = re.compile(r"[A-Za-z/_.][A-Za-z0-9/_.@+=-]*")
_MEANS_MORE = {"true", "false", "yes", "no", "on", "off", "null", "y", "n", "."}
_WIDEST = 60


class Leaf(NamedTuple):
    """A plain value of a config; ``path`` has the keys and the numbers of list items, ``value`` no secrets."""

    path: tuple[str, ...]
    value: Any
    source: Source | None


class Line(NamedTuple):
    text: str
    source: Source | None = None


def leaves(traced: Any, path: tuple[str, ...] = ()) -> Iterator[Leaf]:
    if isinstance(traced, Mapping):
        for key, value in traced.items():
            yield from leaves(value, (*path, str(key)))
    elif isinstance(traced, list):
        for number, value in enumerate(traced):
            yield from leaves(value, (*path, str(number)))
    elif isinstance(traced, Traced):
        keys = ".".join(step for step in path if not step.isdecimal())
        yield Leaf(path, MASK if is_secret_in_butane(keys) else traced.value, traced.source)


def without(traced: Any, texts: Collection[str]) -> Any:
    """The same with ``MASK`` instead of each value that contains one of *texts*."""
    if isinstance(traced, Mapping):
        return {key: without(value, texts) for key, value in traced.items()}
    if isinstance(traced, list):
        return [without(value, texts) for value in traced]
    if isinstance(traced, Traced) and isinstance(traced.value, str) and any(text in traced.value for text in texts):
        return Traced(MASK, traced.source)
    return traced


def masked(traced: Any, keys: str = "") -> Any:
    """The config without sources and secrets."""
    if isinstance(traced, Mapping):
        return {key: masked(value, f"{keys}.{key}".lstrip(".")) for key, value in traced.items()}
    if isinstance(traced, list):
        return [masked(value, keys) for value in traced]
    return MASK if is_secret_in_butane(keys) else getattr(traced, "value", traced)


def annotated(traced: Mapping[str, Any], describe: Any) -> str:
    """*describe* makes the comment from a source."""
    lines = list(_mapping(traced, "", ""))
    width = min(max((len(line.text) for line in lines if line.source), default=0), _WIDEST)
    return "".join(
        f"{line.text:{width}}  # {describe(line.source)}\n" if line.source else f"{line.text}\n" for line in lines
    )


def _mapping(mapping: Mapping[str, Any], indent: str, keys: str, first: str | None = None) -> Iterator[Line]:
    """*first* precedes the first key instead of the indent: the dash of a list's item."""
    for key, value in mapping.items():
        begin, first = indent if first is None else first, None
        inner = f"{keys}.{key}".lstrip(".")
        yield from _value(value, f"{begin}{key}:", indent, inner)


def _value(value: Any, begin: str, indent: str, keys: str) -> Iterator[Line]:
    deeper = f"{indent}  "
    if isinstance(value, Mapping) and value:
        yield Line(begin)
        yield from _mapping(value, deeper, keys)
    elif isinstance(value, list) and value:
        yield Line(begin)
        for item in value:
            if isinstance(item, Mapping) and item:
                yield from _mapping(item, f"{deeper}  ", keys, first=f"{deeper}- ")
            else:
                yield from _value(item, f"{deeper}-", deeper, keys)
    elif isinstance(value, Traced):
        yield from _plain(MASK if is_secret_in_butane(keys) else value.value, value.source, begin, deeper, keys)
    else:
        yield Line(f"{begin} {json.dumps(value)}")


def _plain(value: Any, source: Source, begin: str, deeper: str, keys: str) -> Iterator[Line]:
    if isinstance(value, str) and "\n" in value.rstrip("\n") and value == value.lstrip():
        yield Line(f"{begin} {'|' if value.endswith(chr(10)) else '|-'}", source)
        for text in value.rstrip("\n").split("\n"):
            yield Line(f"{deeper}{text}".rstrip())
    elif isinstance(value, int) and not isinstance(value, bool) and keys.endswith("mode"):
        yield Line(f"{begin} 0{value:o}", source)
    else:
        yield Line(f"{begin} {_scalar(value)}", source)


def _scalar(value: Any) -> str:
    if isinstance(value, str) and _PLAIN.fullmatch(value) and value.lower() not in _MEANS_MORE:
        return str(value)
    return json.dumps(value, ensure_ascii=False)


__all__ = ("MASK", "Leaf", "annotated", "leaves", "masked", "without")
