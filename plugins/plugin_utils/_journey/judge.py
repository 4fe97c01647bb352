# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From what a node's boot hosts answered to its journey."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from .around import around
from .journey import Machine, journey_of
from .nics import begun, boots_of


def judged(
    served: Sequence[Machine],
    heard: Mapping[str, Mapping[str, Any] | str],
    answers: Mapping[str, Mapping[str, Any] | str],
    status: Mapping[str, Any],
) -> dict[str, Any]:
    """The journey of a node. *heard* is what the module ``journey_info`` returned for each boot host, *answers* what
    ``arming_info`` did, its armings by every name of their machines; a string says why there is nothing. Of a pair, the one counts
    that has seen the machine last."""
    machine = max(served, key=lambda one: (_last(one, heard), -served.index(one)))
    told, answer = heard.get(machine.boot_host, "not asked"), answers.get(machine.boot_host, "not asked")
    boots = _boots(machine, told)
    armings = [] if isinstance(answer, str) else _armings(machine, answer)
    start = begun(boots[-1]) if boots else 0
    if not isinstance(told, str):
        told = {**told, "put_aside": _put_aside(answer)}
    facts = around(status, armings, told, machine.macs, machine.address, start)
    now = start if isinstance(told, str) else told["now"]
    journey = journey_of(machine, boots, facts, now, _good(machine, told))
    return journey | {"changed": [*journey["changed"], *_published_since(machine, told, answer, journey)]}


def _last(machine: Machine, heard: Mapping[str, Mapping[str, Any] | str]) -> float:
    told = heard.get(machine.boot_host, "")
    return max((boot["last"] for boot in _boots(machine, told)), default=-1 if isinstance(told, str) else 0)


def _boots(machine: Machine, told: Mapping[str, Any] | str) -> list[dict[str, Any]]:
    """Of all its NICs, oldest first."""
    return [] if isinstance(told, str) else boots_of(machine.macs, told["boots"])


def _good(machine: Machine, told: Mapping[str, Any] | str) -> Mapping[str, Any] | None:
    if isinstance(told, str):
        return None
    found = [boot for mac in machine.macs if (boot := told["good"].get(mac))]
    return max(found, key=lambda boot: boot["last"], default=None)


def _armings(machine: Machine, answer: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    words = (machine.name, machine.address, *(mac.replace(":", "-") for mac in machine.macs))
    found = {arming["number"]: arming for word in words for arming in answer["armings"].get(word, ())}
    return [found[number] for number in sorted(found, reverse=True)]


def _put_aside(answer: Mapping[str, Any] | str) -> dict[str, str]:
    put_aside = {} if isinstance(answer, str) else answer.get("put_aside") or {}
    return {address: time.strftime("%H:%M UTC", time.gmtime(until)) for address, until in put_aside.items()}


def _published_since(
    machine: Machine, told: Mapping[str, Any] | str, answer: Mapping[str, Any] | str, journey: Mapping[str, Any]
) -> Iterable[str]:
    """What was published after its last boot that went well."""
    good = _good(machine, told)
    published = None if isinstance(answer, str) else answer.get("published")
    if good is None or not published or journey["state"] in ("fine", "under way"):
        return
    at = str(published.get("at") or "")
    if at > time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(begun(good))):
        yield f"published since then: generation {str(answer.get('generation'))[:12]} at {at} by {published.get('who')}"


__all__ = ("judged",)
