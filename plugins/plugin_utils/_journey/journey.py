# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One machine's boot as a timeline: its hops, the one at which it stopped, and the likely causes.

Everything that was seen comes from others: it is evidence, and no more. Times are those of the boot host.
"""

from __future__ import annotations

import ipaddress
import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.kindling.flatcar.plugins.module_utils._routes import routes

from .evidence import described, size_in_words
from .hops import BY_NAME, NAMES, NOWHERE, WAYS, Fact, Hop, reached_by, way_of
from .ipxe_errors import explained
from .nics import begun
from .rules import RULES, Rule

#: How a boot is: as it should be, under way, stopped, at its end but not as it should be, not by the network, or never seen.
STATES = ("fine", "under way", "stopped", "wrong", "not booting", "never seen")

#: A machine that comes back from its disk so often, within so many seconds, does not start from it.
_AGAIN, _WITHIN = 3, 1800


@dataclass(frozen=True)
class Machine:
    """A node as the inventory has it; without one, a machine that was seen."""

    name: str
    macs: tuple[str, ...]
    address: str = ""
    mode: str | None = None
    network: str = ""
    boot_host: str = ""
    login: bool = True
    """Whether its config lets anybody log in."""


def journey_of(
    machine: Machine,
    boots: Sequence[Mapping[str, Any]],
    around: Iterable[Fact],
    now: float,
    good: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The last of *boots*, judged. *around* is what is known besides: the boot host at present, and reports.

    *good* is the last boot before it that went well.
    """
    boot = boots[-1] if boots else None
    events = boot["events"] if boot else []
    own = () if machine.login else ({"hop": "now", "what": "no login"},)
    facts = [*events, *around, *own, *_again(boots, now), *_elsewhere(events, machine.address)]
    hops = reached_by(events)
    last = hops[-1][0].name if hops else NOWHERE
    way = way_of(events, machine.mode)
    causes = [found for rule in RULES if (found := _cause(rule, last, facts, machine))]
    state, causes = _state(last, way, facts, causes, boot, now)
    return {
        "node": machine.name,
        "macs": list(machine.macs),
        "address": machine.address or None,
        "boot_host": machine.boot_host or None,
        "state": state,
        "way": way,
        "hop": None if last == NOWHERE else last,
        "begun": begun(boot) if boot else None,
        "silent_since": boot["last"] if boot else None,
        "hops": list(_timeline(hops)),
        "causes": [_told(rule, evidence, machine) for rule, evidence in causes],
        "earlier": [_outline(one, machine.mode) for one in boots[:-1]],
        "changed": _changes(good, boot) if good and state not in ("fine", "under way") else [],
    }


def _state(
    last: str,
    way: str,
    facts: Sequence[Fact],
    causes: list[tuple[Rule, list[Fact]]],
    boot: Mapping[str, Any] | None,
    now: float,
) -> tuple[str, list[tuple[Rule, list[Fact]]]]:
    """How the boot is, and those of the causes that explain it."""
    proved = [(rule, evidence) for rule, evidence in causes if rule.final]
    if boot is None:
        return "never seen", causes
    if last == NOWHERE:
        return ("stopped", causes) if proved else ("not booting", [])
    if NAMES.index(last) >= NAMES.index(WAYS[way][-1]):
        return _state_at_the_end(proved)
    if proved:
        return "stopped", [(rule, evidence) for rule, evidence in causes if rule.seen]
    fetching = any(fact.get("hop") == "now" and fact.get("what") == "fetching" for fact in facts)
    if fetching or now - boot["last"] <= BY_NAME[last].patience:
        return "under way", []
    return "stopped", causes


def _state_at_the_end(
    proved: list[tuple[Rule, list[Fact]]],
) -> tuple[str, list[tuple[Rule, list[Fact]]]]:
    """Of a machine that got as far as its way goes: what is wrong afterwards, or that it got there in vain."""
    if not proved:
        return "fine", []
    return "wrong" if all(rule.after for rule, _evidence in proved) else "stopped", proved


def _cause(rule: Rule, last: str, facts: Sequence[Fact], machine: Machine) -> tuple[Rule, list[Fact]] | None:
    """With the facts that speak for it, if the rule applies."""
    if rule.after and last not in rule.after:
        return None
    matched = []
    for seen in rule.seen:
        found = seen.last_of(facts)
        if found is None:
            return None
        matched.append(found)
    if any(seen.last_of(facts) for seen in rule.unseen):
        return None
    return rule, matched


class _Words(dict):
    """What is not known is said to be so, in a sentence."""

    def __missing__(self, key: str) -> str:
        return "(not known)"


def _told(rule: Rule, evidence: list[Fact], machine: Machine) -> dict[str, Any]:
    values = _Words(
        node=machine.name,
        macs=", ".join(machine.macs),
        address=machine.address,
        their=machine.address,
        network=machine.network or "its rack",
        boot_host=machine.boot_host or "the boot host",
    )
    for fact in evidence:
        values |= {key: fact[key] for key in ("file", "status", "times") if fact.get(key)}
        if fact.get("address"):
            values["their"] = fact["address"]
        if fact.get("why"):
            values |= {"why": fact["why"].splitlines()[0], "error": explained(fact["why"])}
        if fact.get("hop") == "ignition":
            values["said"] = fact.get("why") or "it gave no reason"
        if fact.get("hop") == "http":
            values["size"] = size_in_words(fact.get("size", 0))
    missing = [rule.missing.format_map(values)] if rule.missing else []
    return {
        "rule": rule.name,
        "cause": rule.cause.format_map(values),
        "evidence": [*map(described, evidence), *missing],
        "fix": rule.fix.format_map(values),
        "page": rule.page,
    }


def _timeline(hops: Sequence[tuple[Hop, Fact]]) -> Iterable[dict[str, Any]]:
    """``after`` is how many seconds it took since the hop before, ``seconds`` how long the request itself."""
    before = None
    for hop, fact in hops:
        at = fact.get("at", 0)
        yield {
            "hop": hop.name,
            "words": hop.words,
            "at": at,
            "after": None if before is None else round(at - before, 3),
            "seconds": fact.get("seconds"),
            "times": fact.get("times", 1),
            "evidence": described(fact, timed=False),
        }
        before = at


def _outline(boot: Mapping[str, Any], mode: str | None) -> dict[str, Any]:
    hops = reached_by(boot["events"])
    return {
        "begun": begun(boot),
        "boots": boot.get("boots", 1),
        "way": way_of(boot["events"], mode),
        "hop": hops[-1][0].name if hops else None,
    }


def _again(boots: Sequence[Mapping[str, Any]], now: float) -> Iterable[Fact]:
    """Boots that have ended at its disk, after which it came back. What becomes of the last one is not known yet, and those before
    it ran do not count: a machine that was installed restarts, too."""
    vain = itertools.takewhile(_ends_at_its_disk, reversed(boots))
    starts = [when for boot in vain for when in (boot["begun"], *boot.get("again", ()))]
    before = [when for when in sorted(starts)[:-1] if now - when <= _WITHIN]
    if len(before) >= _AGAIN:
        minutes = max(1, round((now - before[0]) / 60))
        yield {"hop": "now", "what": "again", "why": f"it has come back {len(before)} times in {minutes} minutes"}


def _ends_at_its_disk(boot: Mapping[str, Any]) -> bool:
    hops = reached_by(boot["events"])
    return bool(hops) and hops[-1][0].name == WAYS["disk"][-1]


def _elsewhere(events: Iterable[Fact], address: str) -> Iterable[Fact]:
    """The network that it asks on, if that is not the one of its address."""
    for event in events:
        try:
            subnet = ipaddress.ip_network(event.get("subnet", ""))
        except ValueError:
            continue
        if address and ipaddress.ip_address(address) not in subnet:
            yield {"hop": "now", "what": "elsewhere", "why": str(subnet), "at": event["at"], "last": event["last"]}


# What changed since a boot that went well --------------------------------------------------------------------------------------


def _traits(boot: Mapping[str, Any]) -> dict[str, str]:
    """What may differ between two boots of a machine."""
    found: dict[str, str] = {}
    for event in boot["events"]:
        file = event.get("file", "")
        if event["hop"] == "dhcp" and event.get("who") == "firmware":
            found |= {"firmware": event["vendor"]} if event.get("vendor") else {}
            found |= {"address": event["address"]} if event["what"] == "ack" else {}
        if event["hop"] == "tftp" and event["what"] == "sent":
            found["boot program"] = file.rpartition("/")[2]
        if event["hop"] == "http" and file.startswith(f"/{routes.IMAGES}/"):
            found["release"] = "/".join(file.split("/")[2:4])
        if event.get("script"):
            found["script"] = event["script"]
    return found


def _changes(good: Mapping[str, Any], boot: Mapping[str, Any] | None) -> list[str]:
    """Only what both boots show."""
    before, after = _traits(good), _traits(boot) if boot else {}
    return [f"{what}: {was}, now {after[what]}" for what, was in before.items() if after.get(what, was) != was]


__all__ = ("STATES", "Machine", "journey_of")
