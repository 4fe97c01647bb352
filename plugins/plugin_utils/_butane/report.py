# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report of a translation: entries with a path, a message and the place the value came from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

ERROR = "error"
WARNING = "warning"

Path = tuple[str | int, ...]


class Origin(NamedTuple):
    """The place of a value in a file that a person edits; line and column count from 1."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class Entry:
    """One error or warning."""

    severity: str
    path: str
    message: str
    origin: Origin | None = None

    def __str__(self) -> str:
        place = f" ({self.origin})" if self.origin else ""
        return f"{self.severity} at {self.path}{place}: {self.message}"


@dataclass(slots=True)
class Report:
    """All entries of one translation, in the order they were found."""

    entries: list[Entry] = field(default_factory=list)

    def add(self, entry: Entry) -> None:
        self.entries.append(entry)

    @property
    def errors(self) -> list[Entry]:
        return [entry for entry in self.entries if entry.severity == ERROR]

    @property
    def warnings(self) -> list[Entry]:
        return [entry for entry in self.entries if entry.severity == WARNING]

    @property
    def ok(self) -> bool:
        """No errors; there may be warnings."""
        return not self.errors

    def __iter__(self) -> Iterator[Entry]:
        return iter(self.entries)

    def __len__(self) -> int:
        return len(self.entries)

    def __str__(self) -> str:
        return "\n".join(map(str, self.entries))


class ButaneError(Exception):
    """A config was refused; ``report`` says why."""

    def __init__(self, report: Report) -> None:
        super().__init__(str(report))
        self.report = report


def render(path: Path) -> str:
    """``('storage', 'files', 2)`` as ``$.storage.files.2``."""
    return ".".join(["$", *map(str, path)])


__all__ = ("ERROR", "WARNING", "ButaneError", "Entry", "Origin", "Path", "Report", "render")
