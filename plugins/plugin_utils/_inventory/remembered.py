# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Nodes as they were read when everything was checked, for the tasks of the same run that publish them.

They are taken only if neither their variables nor those of other hosts that their templates look at have changed since, such as
by facts or ``set_fact``. What they read from files of the controller is what was checked.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import pickle
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from .._ansible.run_memory import Kept, keep
from .boot_hosts import of_nodes
from .hostvars import Variables
from .node_readings import RAM_DISKS, NodeReading

#: Of a node that looks at more hosts than this, nothing is remembered: to note them all would take the square of their number.
_MOST_SEEN = 100

#: Nor of one that takes more than this, because it has large files: many may have the same.
_LARGEST = 256 * 1024


def with_record(read: Callable[[str], NodeReading], name: str, variables: Variables) -> NodeReading:
    """What *read* gives, with what is to be remembered of it, serialized where it is read: that may be one of many processes."""
    reading, seen = variables.watched(lambda: read(name))
    if not _is_fit(reading) or len(seen) > _MOST_SEEN:
        return reading
    hosts = (name, *sorted(seen))
    digest = _digest(hosts, variables)
    record = pickle.dumps((hosts, digest, _without_given(reading)), protocol=5)
    return reading._replace(record=record) if digest and len(record) <= _LARGEST else reading


def _is_fit(reading: NodeReading) -> bool:
    """A node with problems is never published; and digests do not say whether a variable is in a node's own lines."""
    return bool(reading.node and not reading.problems and reading.built) and RAM_DISKS not in reading.node.given


def _without_given(reading: NodeReading) -> NodeReading:
    """What the inventory gave has gone into everything else."""
    return reading._replace(node=dataclasses.replace(reading.node, given={}, fragments={}))


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

    def with_given(self, reading: NodeReading) -> NodeReading:
        """A reading as any other, after it has come from another process."""
        if not reading.node or reading.node.given:
            return reading
        given = _GivenAgain(reading.node.name, self._variables)
        return reading._replace(node=dataclasses.replace(reading.node, given=given))


class _GivenAgain(Mapping[str, Any]):
    """What the inventory gave of a node, read again if something turns out to be wrong with it beside the others."""

    def __init__(self, name: str, variables: Variables) -> None:
        self._name, self._variables = name, variables

    @functools.cached_property
    def _given(self) -> Mapping[str, Any]:
        return self._variables.read(self._name, of_nodes).values

    def __getitem__(self, name: str) -> Any:
        return self._given[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._given)

    def __len__(self) -> int:
        return len(self._given)


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
