# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Values that are kept for thousands of nodes and looked at one by one, or not at all: serialized, and unpacked when they are used.

Ansible tags each string with its place in the inventory, so that a node's variables take about twenty times the memory of their
text. They also cross from one process to another as they are.
"""

from __future__ import annotations

import functools
import io
import pickle
import sys
import zlib
from collections.abc import Iterator, Mapping
from typing import Any

#: A string of this size is not packed again for each node: many may have the same large file.
_LARGE = 256 * 1024

#: Those of the node that is looked at: its variables, and its config.
_UNPACKED = 4


class Packed:
    """Any value that can be serialized."""

    __slots__ = ("_bytes", "_large")

    def __init__(self, value: Any) -> None:
        written = pickle.dumps(value, protocol=5)
        self._large: tuple[str, ...] = ()
        if len(written) >= _LARGE:
            written, self._large = _without_large(value)
        self._bytes = zlib.compress(written, 1)

    def value(self) -> Any:
        """The value. Nobody may change it: others may get the same one."""
        return _unpack(self)

    def share(self, known: dict[str, str]) -> None:
        """Uses the large strings of *known* in place of equal ones, and adds its own."""
        self._large = tuple(known.setdefault(text, text) for text in self._large)


def _without_large(value: Any) -> tuple[bytes, tuple[str, ...]]:
    """The value serialized without its large strings, and these. It takes longer: each value in it is looked at."""
    written = io.BytesIO()
    packer = _Packer(written)
    packer.dump(value)
    return written.getvalue(), tuple(packer.large)


class _Packer(pickle.Pickler):
    def __init__(self, file: io.BytesIO) -> None:
        super().__init__(file, protocol=5)
        self.large: list[str] = []

    def persistent_id(self, value: Any) -> int | None:
        if value.__class__ is not str or len(value) < _LARGE:
            return None
        self.large.append(value)
        return len(self.large) - 1


class _Unpacker(pickle.Unpickler):
    def __init__(self, file: io.BytesIO, large: tuple[str, ...]) -> None:
        super().__init__(file)
        self._large = large

    def persistent_load(self, number: int) -> str:
        return self._large[number]


@functools.lru_cache(_UNPACKED)
def _unpack(packed: Packed) -> Any:
    return _Unpacker(io.BytesIO(zlib.decompress(packed._bytes)), packed._large).load()


class PackedMapping(Mapping[str, Any]):
    """The entries *names* of a mapping that is packed."""

    __slots__ = ("_names", "_packed")

    def __init__(self, names: tuple[str, ...], packed: Packed) -> None:
        self._names = tuple(sys.intern(str.__str__(name)) for name in names)
        self._packed = packed

    def __getitem__(self, name: str) -> Any:
        if name not in self._names:
            raise KeyError(name)
        return self._packed.value()[name]

    def __iter__(self) -> Iterator[str]:
        """The keys as they were: Ansible knows where they are written."""
        written = {key: key for key in self._packed.value()}
        return (written[name] for name in self._names)

    def __len__(self) -> int:
        return len(self._names)


class PackedValues(Mapping[str, Any]):
    """Packed values by name, unpacked when they are asked for."""

    def __init__(self, packed: Mapping[str, Packed]) -> None:
        self._packed = dict(packed)
        known: dict[str, str] = {}
        for one in self._packed.values():
            one.share(known)

    def __getitem__(self, name: str) -> Any:
        return self._packed[name].value()

    def __contains__(self, name: object) -> bool:
        return name in self._packed

    def __iter__(self) -> Iterator[str]:
        return iter(self._packed)

    def __len__(self) -> int:
        return len(self._packed)


__all__ = ("Packed", "PackedMapping", "PackedValues")
