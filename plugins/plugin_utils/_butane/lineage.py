# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Maps each part of the generated config to its origin in the author's, so that messages name what a person wrote."""

from __future__ import annotations

from typing import Any, NamedTuple

from .report import Path


class _Source(NamedTuple):
    path: Path
    keeps_rest: bool


class Lineage:
    """Maps paths of the generated config to paths of the author's, through the passes of the translation.

    What no pass has recorded has not moved. That holds for absent fields too, even below an object that moved: the reference
    records values, so a complaint about an absent field names its place in the generated config.
    """

    def __init__(self) -> None:
        self._passes: list[dict[Path, _Source]] = [{}]

    def begin_pass(self) -> None:
        """Paths recorded from now on belong to a later pass, whose sources are paths of the passes before."""
        self._passes.append({})

    def moved(self, generated: Path, source: Path) -> None:
        """Everything below ``generated`` is at the same place below ``source``."""
        self._passes[-1][generated] = _Source(source, keeps_rest=True)

    def made(self, generated: Path, source: Path) -> None:
        """Everything below ``generated`` was made from the one value at ``source``."""
        self._passes[-1][generated] = _Source(source, keeps_rest=False)

    def source_of(self, path: Path, config: Any) -> Path:
        """The author's path for a path of the generated config."""
        if not _is_set(config, path):
            return path
        for recorded in reversed(self._passes):
            path = _trace(path, recorded)
        return path


def _trace(path: Path, recorded: dict[Path, _Source]) -> Path:
    for length in range(len(path), 0, -1):
        source = recorded.get(path[:length])
        if source:
            return source.path + path[length:] if source.keeps_rest else source.path
    return path


def _is_set(value: Any, path: Path) -> bool:
    for step in path:
        try:
            value = value[step]
        except (KeyError, IndexError, TypeError):
            return False
    return value not in (None, "")


__all__ = ("Lineage",)
