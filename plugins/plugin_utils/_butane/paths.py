# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Paths on the node, cleaned as the reference cleans them."""

from __future__ import annotations

import posixpath


def clean(path: str) -> str:
    """The shortest equivalent path, computed on the text alone; '' is '.'.

    Unlike Python's, Go's cleaning gives no special meaning to two leading slashes.
    """
    cleaned = posixpath.normpath(path) if path else "."
    return cleaned[1:] if cleaned.startswith("//") else cleaned


def join(*parts: str) -> str:
    """The parts joined by slashes, cleaned; unlike in Python, an absolute part does not start over."""
    return clean("/".join(part for part in parts if part))


__all__ = ("clean", "join")
