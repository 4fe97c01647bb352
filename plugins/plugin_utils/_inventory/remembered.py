# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Nodes as they were read when everything was checked, for the tasks of the same run that publish them.

They are taken only if neither their variables nor those of other hosts that their templates look at have changed since, such as
by facts or ``set_fact``. What they read from files of the controller is what was checked.
"""

from __future__ import annotations

import hashlib
import pickle
from collections.abc import Callable, Iterable

from .._ansible.run_memory import Kept, keep
from .hostvars import Variables
from .node_readings import NodeReading

#: Of a node that looks at more hosts than this, nothing is remembered: to note them all would take the square of their number.
_MOST_SEEN = 100

#: Nor of one that takes more than this, because it has large files: many may have the same.
_LARGEST = 256 * 1024


def with_record(read: Callable[[str], NodeReading], name: str, variables: Variables) -> NodeReading:
    """What *read* gives, with what is to be remembered of it; a node with problems is never published.

    It is serialized where it is read, which may be one of many processes.
    """
    reading, seen = variables.watched(lambda: read(name))
    if not reading.node or reading.problems or not reading.built or len(seen) > _MOST_SEEN:
        return reading
    hosts = (name, *sorted(seen))
    digest = _digest(hosts, variables)
    record = pickle.dumps((hosts, digest, reading), protocol=5)
    return reading._replace(record=record) if digest and len(record) <= _LARGEST else reading


def remember(readings: Iterable[NodeReading]) -> None:
    keep((reading.node.name, reading.record) for reading in readings if reading.record)


class Remembered:
    """What an earlier task of this run remembered."""

    def __init__(self, variables: Variables, files_dir: str | None) -> None:
        self._variables, self._files_dir = variables, files_dir
        self._records = Kept()

    def reading(self, name: str) -> NodeReading | None:
        """The node *name* with its config, if it is still what it was."""
        record = self._records.get(name)
        if record is None:
            return None
        hosts, digest, reading = pickle.loads(record)  # noqa: S301  # only this run's processes write there
        unchanged = self._files_dir in reading.built and digest == _digest(hosts, self._variables)
        return reading if unchanged else None


def _digest(hosts: Iterable[str], variables: Variables) -> bytes | None:
    """Of all variables of the *hosts*; None if some of them cannot be known."""
    found = hashlib.sha256()
    for host in hosts:
        digest = variables.digest(host)
        if digest is None:
            return None
        found.update(digest)
    return found.digest()


__all__ = ("Remembered", "remember", "with_record")
