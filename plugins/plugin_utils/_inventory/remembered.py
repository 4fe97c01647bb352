# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Nodes as they were read when everything was checked, for the tasks of the same run that publish them.

They are taken only if neither their variables nor those of other hosts that their templates look at have changed since, such as
by facts or ``set_fact``. What they read from files of the controller is what was checked.
"""

from __future__ import annotations

import pickle
import zlib
from collections.abc import Iterable, Iterator

from .._ansible.run_memory import keep, kept
from .hostvars import Variables
from .node_readings import NodeReading

#: Configs of one fleet resemble themselves so much that more effort gains nothing.
_EFFORT = 1


def remember(readings: Iterable[NodeReading], variables: Variables) -> None:
    """Only those without problems: others are never published."""
    keep((reading.node.name, packed) for reading, packed in _packed(readings, variables))


def _packed(readings: Iterable[NodeReading], variables: Variables) -> Iterator[tuple[NodeReading, bytes]]:
    for reading in readings:
        if reading.node and reading.whole and not reading.problems:
            digests = _digests(reading.node.name, reading, variables)
            if digests is not None:
                yield reading, zlib.compress(pickle.dumps((digests, reading)), _EFFORT)


def remembered(names: Iterable[str], variables: Variables) -> dict[str, NodeReading]:
    """Those of the nodes *names* that are still what they were."""
    found = {}
    for name, packed in kept(names).items():
        digests, reading = pickle.loads(zlib.decompress(packed))  # noqa: S301  # only this run's processes write there
        if digests == _digests(name, reading, variables):
            found[name] = reading
    return found


def _digests(name: str, reading: NodeReading, variables: Variables) -> dict[str, bytes] | None:
    """Of all the hosts whose variables may have gone into a reading; None if one of them cannot be known."""
    digests = {host: variables.digest(host) for host in (name, *sorted(reading.seen))}
    return None if None in digests.values() else digests


__all__ = ("remember", "remembered")
