# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Results for texts that many machines share, bounded by the memory that they take and not, as in ``functools``, by number."""

from __future__ import annotations

import functools
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any, TypeVar

from .limits import MAX_CONTENT_BYTES

Result = TypeVar("Result")

#: What an entry takes besides its texts, about.
_ENTRY = 300

#: Entries up to this size have a bound of their own: what every machine has once must not displace a large file of many.
_SMALL = 64 * 1024
_MOST_SMALL = 2 * 1024 * 1024

#: Room for the largest file and its base64.
_MOST_LARGE = MAX_CONTENT_BYTES + MAX_CONTENT_BYTES // 2


class _Latest:
    """The entries that were used last, which take at most *most* bytes together."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._size = 0
        self._entries: OrderedDict[Hashable, tuple[Any, int]] = OrderedDict()

    def __contains__(self, key: Hashable) -> bool:
        return key in self._entries

    def __getitem__(self, key: Hashable) -> Any:
        self._entries.move_to_end(key)
        return self._entries[key][0]

    def add(self, key: Hashable, value: Any, size: int) -> None:
        self._entries[key] = value, size
        self._size += size
        while self._size > self._most:
            self._size -= self._entries.popitem(last=False)[1][1]


def bounded_cache(function: Callable[..., Result]) -> Callable[..., Result]:
    """Keeps the latest results of a function of texts. An exception is not kept."""
    small, large = _Latest(_MOST_SMALL), _Latest(_MOST_LARGE)

    @functools.wraps(function)
    def cached(*arguments: Hashable) -> Result:
        for kept in (small, large):
            if arguments in kept:
                return kept[arguments]
        result = function(*arguments)
        size = _ENTRY + _size(arguments) + _size(result)
        (small if size <= _SMALL else large).add(arguments, result, size)
        return result

    return cached


def _size(value: Any) -> int:
    if isinstance(value, str | bytes):
        return len(value)
    return sum(map(_size, value)) if isinstance(value, tuple) else 0


__all__ = ("bounded_cache",)
