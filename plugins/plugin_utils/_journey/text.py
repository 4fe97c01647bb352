# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Journeys as people read them: a timeline for each machine, and the likely causes; or a line for each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from .evidence import clock, day_and_clock
from .hops import BY_NAME, WAYS

_STATES = {
    "fine": "as it should be",
    "under way": "under way",
    "stopped": "STOPPED",
    "wrong": "not as it should be",
    "not booting": "no boot from the network was seen; it asks as a running system",
    "never seen": "NEVER SEEN",
}
_WAYS = {"ram": "to RAM", "install": "to be installed", "disk": "to its own disk"}
_SHOWN_EARLIER = 8


def text_of(journey: Mapping[str, Any]) -> str:
    """All of one machine's journey."""
    lines = [_heading(journey), *map(_hop_line, journey["hops"]), *_stop_lines(journey)]
    for number, cause in enumerate(journey["causes"], 1):
        lines += [f"  {number}. {cause['cause']}"]
        lines += [f"     seen: {seen}" for seen in cause["evidence"]]
        lines += [f"     do:   {cause['fix']}", f"     read: {cause['page']}"]
    if journey["changed"]:
        lines += ["  since its last boot that went well:", *(f"     {change}" for change in journey["changed"])]
    earlier = journey["earlier"][-_SHOWN_EARLIER:]
    if earlier:
        lines += ["  earlier boots (UTC):", *(f"     {_earlier_line(one)}" for one in earlier)]
    return "\n".join(lines)


def line_of(journey: Mapping[str, Any]) -> str:
    """One line, for several machines at once."""
    hop = BY_NAME[journey["hop"]].words if journey["hop"] else "nothing was seen"
    cause = f": {journey['causes'][0]['cause']}" if journey["causes"] else ""
    when = f" {clock(journey['hops'][-1]['at'])}" if journey["hops"] else ""
    return f"{journey['node']}:{when} {hop} ({_STATES[journey['state']]}){cause}"


def _heading(journey: Mapping[str, Any]) -> str:
    where = ", ".join(filter(None, (*journey["macs"], journey["address"])))
    at = f" at {journey['boot_host']}" if journey["boot_host"] else ""
    begun = f", boot of {day_and_clock(journey['begun'])} UTC {_WAYS[journey['way']]}" if journey["begun"] else ""
    return f"{journey['node']} ({where}){at}{begun}: {_STATES[journey['state']]}"


def _hop_line(hop: Mapping[str, Any]) -> str:
    took = "" if hop["after"] is None else f"+{hop['after']:.1f} s"
    return f"  {clock(hop['at'])} {took:>10}  {hop['words']:32} {hop['evidence']}"


def _stop_lines(journey: Mapping[str, Any]) -> Iterable[str]:
    if journey["state"] == "stopped" and journey["hop"]:
        way = WAYS[journey["way"]]
        after = way[way.index(journey["hop"]) + 1 :] if journey["hop"] in way else ()
        missing = f"; what did not follow: {BY_NAME[after[0]].words}" if after else ""
        yield f"  it stopped there, silent since {clock(journey['silent_since'])} UTC{missing}"
    if journey["causes"]:
        yield "  likely causes, the likeliest first:"


def _earlier_line(boot: Mapping[str, Any]) -> str:
    times = f" ({boot['boots']} boots)" if boot["boots"] > 1 else ""
    hop = BY_NAME[boot["hop"]].words if boot["hop"] else "nothing of a boot"
    return f"{day_and_clock(boot['begun'])} {_WAYS[boot['way']]}: {hop}{times}"


__all__ = ("line_of", "text_of")
