# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bounds on what one translation may cost, whatever its input.

They are far above any config that a machine could boot with; they exist because a few hundred bytes of YAML aliases, or one list
that is referenced a thousand times, can expand to terabytes.
"""

from __future__ import annotations

from .report import Path

MAX_TEXT_BYTES = 32 * 1024 * 1024
MAX_YAML_DEPTH = 100
MAX_VALUES = 250_000
MAX_CONTENT_BYTES = 64 * 1024 * 1024


class LimitError(Exception):
    """The config exceeds a limit; ``path`` is where the limit was reached."""

    def __init__(self, message: str, path: Path = ()) -> None:
        super().__init__(message)
        self.message = message
        self.path = path


class Budget:
    """Counts the values visited, the text in them, and the bytes embedded."""

    def __init__(self) -> None:
        self.values = MAX_VALUES
        self.text = MAX_TEXT_BYTES
        self.content_bytes = MAX_CONTENT_BYTES

    def visit(self, path: Path, count: int = 1) -> None:
        self.values -= count
        if self.values < 0:
            raise LimitError(f"the config holds more than {MAX_VALUES} values", path)

    def read(self, size: int, path: Path, step: str | int) -> None:
        """A text at that step below the path: putting the two together is dearer than counting."""
        self.text -= size
        if self.text < 0:
            raise LimitError(f"the config holds more than {MAX_TEXT_BYTES} bytes of text", (*path, step))

    def embed(self, path: Path, size: int) -> None:
        self.content_bytes -= size
        if self.content_bytes < 0:
            raise LimitError(f"the config embeds more than {MAX_CONTENT_BYTES} bytes of contents", path)


__all__ = ("MAX_CONTENT_BYTES", "MAX_TEXT_BYTES", "MAX_VALUES", "MAX_YAML_DEPTH", "Budget", "LimitError")
