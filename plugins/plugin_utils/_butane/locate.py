# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From a path in the author's config to the place in a file where its value is written."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from . import yaml_text
from .report import Origin, Path
from .values import is_printable

OriginOf = Callable[[Any], "Origin | tuple[str, int, int] | None"]


class Locator:
    """Looks up origins. If a value has none of its own, its key's is used, then that of its container."""

    def __init__(self, root: Any, origin_of: OriginOf | None) -> None:
        self._root = root
        self._origin_of = origin_of or (lambda _value: None)
        self._keys_of: dict[int, tuple[Mapping, dict[str, Any]]] = {}

    def locate(self, path: Path) -> Origin | None:
        """The place of the value, or of the deepest part of the path that exists."""
        value = self._root
        origin = self._origin_of(value)
        for step in path:
            found = self._step(value, step)
            if found is None:
                break
            key, value = found
            origin = self._origin_of(value) or self._origin_of(key) or origin
        return Origin(*origin) if origin else None

    def locate_key(self, path: Path) -> Origin | None:
        """The place of the key in the last step: for a key that means nothing, the value does not matter."""
        value, key = self._root, None
        for step in path:
            found = self._step(value, step)
            if found is None:
                return self.locate(path)
            key, value = found
        origin = self._origin_of(key)
        return Origin(*origin) if origin else self.locate(path)

    def _step(self, holder: Any, step: str | int) -> tuple[Any, Any] | None:
        """The key object as the mapping holds it (only that one has an origin) and its value."""
        if isinstance(holder, Mapping):
            own = holder.own if isinstance(holder, yaml_text.Mapping) else holder
            key = self._keys(own).get(str(step))
            return None if key is None else (key, own[key])
        if isinstance(holder, list | tuple) and isinstance(step, int) and step < len(holder):
            return None, holder[step]
        return None

    def _keys(self, mapping: Mapping) -> dict[str, Any]:
        """The keys by their text. Cached per mapping: a report may name thousands of its members."""
        _mapping, keys = self._keys_of.get(id(mapping), (None, None))
        if keys is None:
            keys = {str(key): key for key in mapping if is_printable(key)}
            self._keys_of[id(mapping)] = (mapping, keys)
        return keys


__all__ = ("Locator", "OriginOf")
