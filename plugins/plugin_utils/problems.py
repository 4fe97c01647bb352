"""Problems as a person reads them: all of them, each with its place in the inventory."""

from __future__ import annotations

from collections.abc import Iterable

from ansible_collections.kindling.flatcar.plugins.module_utils.problems import Problem

from .origin import origin_of


def describe(problems: Iterable[Problem]) -> str:
    """One line a problem, in the order of the files that they are in."""
    lines = sorted({(_place(problem), f"{problem.subject}: {problem.path}: {problem.message}") for problem in problems})
    count = f"{len(lines)} problem{'' if len(lines) == 1 else 's'}"
    listed = "\n".join(f"  {place}{': ' if place else ''}{text}" for place, text in lines)
    return f"The inventory has {count}; nothing was changed.\n{listed}"


def _place(problem: Problem) -> str:
    origin = problem.origin or origin_of(problem.value)
    return ":".join(str(part) for part in origin if part is not None) if origin else ""


__all__ = ("describe",)
