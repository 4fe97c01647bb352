# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The output of every concern of a node: pieces of Butane, each with the variables that it was made from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple


class Layer(NamedTuple):
    """A piece of Butane. The first of *variables* that the node has is its place in the inventory."""

    variables: tuple[str, ...]
    butane: Mapping[str, Any]


def file(path: str, text: str, overwrite: bool = False) -> dict[str, Any]:
    """A file that everybody may read. *overwrite* is for those that the image has too."""
    entry = {"path": path, "mode": 0o644, "contents": {"inline": text}}
    return {**entry, "overwrite": True} if overwrite else entry


def link(path: str, target: str, overwrite: bool = False) -> dict[str, Any]:
    entry = {"path": path, "target": target}
    return {**entry, "overwrite": True} if overwrite else entry


def unit_text(*sections: tuple[str, list[tuple[str, Any]]]) -> str:
    """A file in systemd's syntax; settings that are None are left out, as are sections without settings."""
    blocks = []
    for section, settings in sections:
        lines = [f"{name}={value}\n" for name, value in settings if value is not None]
        if lines:
            blocks.append(f"[{section}]\n{''.join(lines)}")
    return "\n".join(blocks)


__all__ = ("Layer", "file", "link", "unit_text")
