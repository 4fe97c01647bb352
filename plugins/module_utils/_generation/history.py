# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""In which order a boot host's generations were served, and whether the served one is held.

One file beside the generations. It is written before each switch; if a run was killed before its switch, the record is corrected
from the symlink, which alone says what is served. No clock decides anything: times are for people. Needs only the standard
library; runs on the boot host.
"""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Collection
from pathlib import Path

from .._host import durable

FILE = "history.json"


class HistoryError(Exception):
    """The file is damaged."""


@dataclasses.dataclass(frozen=True)
class Entry:
    """A generation, the one that was served when it was published, and when it was last switched to, if that was recorded."""

    name: str
    previous: str | None
    at: str | None


@dataclasses.dataclass(frozen=True)
class History:
    """Every generation that was served, the served one last; ``held`` names one that no other may replace."""

    entries: tuple[Entry, ...] = ()
    held: str | None = None
    held_since: str | None = None

    @property
    def current(self) -> str | None:
        return self.entries[-1].name if self.entries else None

    @property
    def is_held(self) -> bool:
        """A hold is on one generation: it ends as soon as another is served."""
        return self.held is not None and self.held == self.current

    def served(self, name: str, at: str | None = None) -> History:
        """The history once *name* is served. The first time, it also records what was served until then."""
        known = {entry.name: entry for entry in self.entries}
        entry = known.pop(name, None) or Entry(name, self.current, None)
        return dataclasses.replace(self, entries=(*known.values(), dataclasses.replace(entry, at=at or entry.at)))

    def hold(self, name: str, at: str) -> History:
        return self if self.held == name else dataclasses.replace(self, held=name, held_since=at)

    def release(self) -> History:
        return dataclasses.replace(self, held=None, held_since=None)

    def only(self, names: Collection[str]) -> History:
        """The history of the generations that still exist."""
        kept = (
            dataclasses.replace(entry, previous=self.before(entry.name, names))
            for entry in self.entries
            if entry.name in names
        )
        return dataclasses.replace(self, entries=tuple(kept))

    def before(self, name: str, names: Collection[str]) -> str | None:
        """The one of *names* that was served when *name* was published, or when that one was, and so on.

        Rolling back again and again thus leads ever further back, and never to what was rolled back.
        """
        previous = {entry.name: entry.previous for entry in self.entries}
        found = previous.get(name)
        while found is not None and found not in names:
            found = previous.get(found)
        return found


def now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def read(root: Path, current: str | None) -> History:
    """The history below *root*, where *current* is what the symlink says."""
    try:
        data = json.loads((root / FILE).read_text(encoding="utf-8"))
        history = History(tuple(Entry(**entry) for entry in data["generations"]), data["held"], data["held_since"])
    except FileNotFoundError:
        history = History()
    except (ValueError, KeyError, TypeError):
        raise HistoryError(
            f"{root / FILE} is damaged: remove it. What is served stays as it is; earlier generations are then known "
            "by name only, and a hold is forgotten"
        ) from None
    return history if current in (None, history.current) else history.served(current)


def write(root: Path, history: History) -> None:
    """Replace the old history by *history*, durably and by one rename."""
    data = {
        "generations": [dataclasses.asdict(entry) for entry in history.entries],
        "held": history.held,
        "held_since": history.held_since,
    }
    durable.replace(root / FILE, json.dumps(data, indent=1).encode(), 0o644)


__all__ = ("FILE", "Entry", "History", "HistoryError", "now", "read", "write")
