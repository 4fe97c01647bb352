# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Problems as a person or a program reads them: all of them, each with its place in the inventory."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any, NamedTuple

from .._schema.problem import Problem
from .._schema.words import visible
from .origin import Origin, origin_of

_NAMED = 3


class Mistake(NamedTuple):
    """One definition in the inventory: a group's variable is one mistake, however many nodes have it.

    ``other`` is the place of what it conflicts with, or empty.
    """

    file: str
    line: int
    column: int
    path: str
    message: str
    other: tuple[str, int, int] | tuple[()]
    subjects: tuple[str, ...]

    def place(self) -> str:
        return ":".join(str(part) for part in (self.file and _short(self.file), self.line, self.column) if part)

    def said(self) -> str:
        if not self.other:
            return self.message
        file, *numbers = self.other
        return f"{self.message} (see {':'.join(map(str, (_short(file), *numbers)))})"

    def who(self) -> str:
        more = len(self.subjects) - _NAMED
        named = ", ".join(self.subjects[:_NAMED])
        return f"{named} and {more} more" if more > 0 else named


def mistakes(problems: Iterable[Problem]) -> list[Mistake]:
    """In the order of the files that they are in; the same problem of several nodes appears once."""
    found: dict[tuple, dict[str, None]] = {}
    for problem in problems:
        origin = tuple(problem.origin or origin_of(problem.value) or ())
        file, line, column = (*origin, None, None, None)[:3]
        other = tuple(problem.other if isinstance(problem.other, Origin) else origin_of(problem.other) or ())
        key = (file or "", line or 0, column or 0, problem.path, problem.message, other)
        found.setdefault(key, {})[problem.subject] = None
    return sorted(Mistake(*key, tuple(subjects)) for key, subjects in found.items())


def count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def describe(problems: Iterable[Problem]) -> str:
    found = mistakes(problems)
    return visible(f"The inventory has {count(len(found), 'problem')}; nothing was changed.\n{listed(found)}")


def listed(found: Iterable[Mistake]) -> str:
    """One line per mistake, beginning with its full place, in the form that editors and terminals can open."""
    return "\n".join(map(as_line, found))


def as_line(mistake: Mistake) -> str:
    place = f"{mistake.place()}: " if mistake.place() else ""
    return " ".join(f"{place}{mistake.who()}: {mistake.path}: {mistake.said()}".split())


def _short(file: str) -> str:
    return min(os.path.relpath(file), file, key=len)


def as_data(found: Iterable[Mistake]) -> list[dict[str, Any]]:
    """For programs; unknown values are null."""
    return [
        {
            "file": mistake.file or None,
            "line": mistake.line or None,
            "column": mistake.column or None,
            "hosts": list(mistake.subjects),
            "path": mistake.path,
            "message": mistake.message,
            "other": dict(zip(("file", "line", "column"), mistake.other, strict=True)) if mistake.other else None,
        }
        for mistake in found
    ]


__all__ = ("Mistake", "as_data", "as_line", "count", "describe", "listed", "mistakes")
