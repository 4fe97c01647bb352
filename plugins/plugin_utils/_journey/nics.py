# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The boots of a machine with several NICs: it boots from one of them, and its system uses whichever has a lease first."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from .hops import FIRST_SCRIPT, PROGRAM, SCRIPT, Fact, Seen

#: What firmware and iPXE do, and no system: a boot of its own.
_OF_A_START = (
    Seen("dhcp", who="firmware|ipxe"),
    Seen("tftp"),
    Seen("ipxe"),
    Seen("http", file=f"{FIRST_SCRIPT}|{SCRIPT}|{PROGRAM}"),
    Seen("http", who="iPXE.*"),
)


def boots_of(macs: Sequence[str], recorded: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[dict[str, Any]]:
    """The boots that were *recorded* of each of *macs*, oldest first: to each belongs what the system has done by the other NICs,
    up to the next boot."""
    every = [(mac, boot) for mac in macs for boot in recorded.get(mac, ())]
    if len(macs) == 1:
        return [dict(boot) for _mac, boot in every]
    started = [(mac, boot) for mac, boot in every if not all(map(_is_of_a_system, boot["events"]))] or every
    started.sort(key=lambda one: begun(one[1]))
    ends = [begun(boot) for _mac, boot in started[1:]] + [float("inf")]
    return [
        _with(boot, end, [other for its, other in every if its != mac])
        for (mac, boot), end in zip(started, ends, strict=True)
    ]


def begun(boot: Mapping[str, Any]) -> float:
    """When the last one of identical boots began: the events are that one's."""
    return max((boot["begun"], *boot.get("again", ())))


def _is_of_a_system(event: Fact) -> bool:
    return not any(seen.fits(event) for seen in _OF_A_START)


def _with(boot: Mapping[str, Any], end: float, others: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    more = [event for other in others for event in _between(other["events"], begun(boot), end)]
    return {
        **boot,
        "events": sorted((*boot["events"], *more), key=lambda event: event["at"]),
        "last": max((boot["last"], *(event["last"] for event in more))),
    }


def _between(events: Iterable[Fact], start: float, end: float) -> Iterator[Fact]:
    """An event is known by its first and its last time."""
    for event in filter(_is_of_a_system, events):
        if start <= event["at"] < end:
            yield dict(event) if event["last"] < end else {**event, "last": event["at"], "times": 1}
        elif start <= event["last"] < end:
            yield {**event, "at": event["last"], "times": 1}


__all__ = ("begun", "boots_of")
