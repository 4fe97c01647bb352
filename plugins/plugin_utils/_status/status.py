# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is known about a node: what the inventory wants, what its boot hosts publish, and what it reported."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.kindling.flatcar.plugins.module_utils._generation.publishings import in_words
from ansible_collections.kindling.flatcar.plugins.module_utils._routes import routes

from .installs import words_of

#: Not a machine's name: all armings.
_ANY = ""


@dataclass(frozen=True)
class Wanted:
    """A node as the inventory has it now; ``boot_hosts`` are those that serve it, the one that decides first. ``known_as`` are
    its MAC addresses with hyphens and its address: boot hosts recognize its machine by them, too, whatever its name was."""

    mode: str
    version: str
    config: str
    boot_hosts: tuple[str, ...]
    known_as: tuple[str, ...] = ()


def by_word(armings: Iterable[Mapping[str, Any]]) -> dict[str, list[Mapping[str, Any]]]:
    """*armings*, as the module ``arming`` reports them, by every name and address of their machines."""
    found: dict[str, list[Mapping[str, Any]]] = {}
    for arming in armings:
        for word in {_ANY, *words_of(arming)}:
            found.setdefault(word, []).append(arming)
    return found


def status_of(name: str, wanted: Wanted | None, read: Mapping[str, Mapping[str, Any] | str]) -> dict[str, Any]:
    """The status of the node *name*.

    *wanted* is None for a node with mistakes in the inventory. *read* is what the module ``arming`` reported for each boot host,
    its armings ``by_word``, or a string that says why nothing is known.
    """
    hosts = wanted.boot_hosts if wanted else tuple(host for host, told in read.items() if _knows(told, name))
    answers = {host: read.get(host, "not asked") for host in hosts}
    told = [answer for answer in answers.values() if not isinstance(answer, str)]
    index = next((answer["index"][name] for answer in told if name in answer["index"]), None)
    words = (name, *(wanted.known_as if wanted else ()))
    armings = next((found for answer in told if (found := _armings(answer, words))), [])
    latest = armings[0] if armings else None
    reports = [(stage, report, arming["number"]) for arming in armings for stage, report in arming["reports"].items()]
    own = [answer["reports"][name] for answer in told if name in answer["reports"]]
    reports += [(stage, report, 0) for found in own for stage, report in found.items()]
    last = max(reports, key=lambda found: (found[1]["when"], found[2], routes.STAGES.index(found[0])), default=None)
    running = max(
        (found for found in reports if found[0] == "running"), key=lambda found: found[1]["when"], default=None
    )
    status = {
        "node": name,
        "boot_host": hosts[0] if hosts else None,
        "mode": wanted.mode if wanted else None,
        "armed_until": _iso(latest["until"]) if latest and latest["armed"] else None,
        "stage": last[0] if last else None,
        "when": _iso(last[1]["when"]) if last else None,
        "message": last[1].get("message") if last else None,
        "disk_serial": _serial(reports),
        "version": {
            "wanted": _version(wanted, index),
            "published": index["version"] if index else None,
            "reported": running[1].get("version") if running else None,
        },
        "config": {
            "wanted": wanted.config if wanted else None,
            "published": index["config"] if index else None,
            "reported": running[1].get("config") if running else None,
        },
        "unreachable": [f"{host}: {answer}" for host, answer in answers.items() if isinstance(answer, str)],
    }
    drift = [
        *_drift(status, wanted, index, latest, bool(told)),
        *_lost(running[1] if running else {}),
        *_put_aside(answers, index),
        *_misplaced(name, answers, index),
    ]
    return status | {"drift": drift}


def _serial(reports: Iterable[tuple[str, Mapping[str, Any], int]]) -> str | None:
    """The serial number of the disk that an installer wrote last, as the disk reports it."""
    told = [
        (report["when"], report["serial"])
        for stage, report, _boot_host in reports
        if stage != "failed" and report.get("serial")
    ]
    return max(told)[1] if told else None


def strangers(read: Mapping[str, Mapping[str, Any] | str], known: Collection[str]) -> list[dict[str, Any]]:
    """The statuses of machines that are armed or half-written, but not in the inventory: *known* are all names, MAC addresses and
    addresses that it has."""
    found = {}
    for host, answer in read.items():
        for arming in [] if isinstance(answer, str) else answer["armings"].get(_ANY, ()):
            if (arming["armed"] or arming["half_written"]) and not words_of(arming) & known:
                told = {**answer, "armings": {arming["node"]: [arming]}, "index": {}, "reports": {}}
                status = status_of(arming["node"], None, {host: told})
                drift = [f"not in the inventory: disarm.yml -e disarm_machines={arming['node']}"]
                found[arming["node"]] = status | {"boot_host": host, "drift": drift}
    return list(found.values())


def _armings(answer: Mapping[str, Any], words: Iterable[str]) -> list[Mapping[str, Any]]:
    found = {arming["number"]: arming for word in words for arming in answer["armings"].get(word, ())}
    return [found[number] for number in sorted(found, reverse=True)]


def _knows(told: Mapping[str, Any] | str, name: str) -> bool:
    return not isinstance(told, str) and (name in told["index"] or name in told["armings"])


def _version(wanted: Wanted | None, index: Mapping[str, Any] | None) -> str | None:
    """The exact release; for a channel, the one that the boot host has resolved it to."""
    if wanted is None or wanted.version != "current":
        return wanted.version if wanted else None
    return index["version"] if index else None


def _drift(
    status: Mapping[str, Any],
    wanted: Wanted | None,
    index: Mapping[str, Any] | None,
    latest: Mapping[str, Any] | None,
    known: bool,
) -> Iterable[str]:
    """The differences between the inventory, the boot host and the machine."""
    if wanted is None:
        yield "the inventory has mistakes: see validate.yml"
    if not known:
        yield "unknown: none of its boot hosts answers"
        return
    if index is None:
        yield "not published: run site.yml"
    elif wanted is not None:
        if index["mode"] != wanted.mode:
            yield f"published as {index['mode']}: run site.yml"
        elif index["config"] != wanted.config or index["version"] not in (wanted.version, status["version"]["wanted"]):
            yield "changed since it was published: run site.yml"
    if latest and latest["half_written"]:
        yield "its disk is half-written: run install.yml"
    if wanted is None or wanted.mode == "disk":
        return
    for what in ("version", "config"):
        reported, wished = status[what]["reported"], status[what]["wanted"]
        if reported and wished and reported != wished:
            yield f"runs another {what}"
    if status["version"]["reported"] is None and status["config"]["reported"] is None:
        yield "has not reported that it runs"


def _lost(report: Mapping[str, Any]) -> Iterable[str]:
    """Kernel arguments that its system was booted without."""
    if report.get("lost"):
        why = ": Secure Boot is on, and GRUB reads none then" if report.get("secure_boot") == "on" else ""
        yield f"runs without its kernel arguments {report['lost'].strip()}{why}"


def _put_aside(answers: Mapping[str, Mapping[str, Any] | str], index: Mapping[str, Any] | None) -> Iterable[str]:
    """Boot hosts that do not give the node its address for now."""
    for host, answer in answers.items():
        until = None if isinstance(answer, str) or not index else answer.get("put_aside", {}).get(index.get("address"))
        if until:
            yield (
                f"its address was reported as taken: {host} gives it to nobody until {_short(_iso(until))}, or until "
                "`systemctl reload kindling-dnsmasq` there"
            )


def _misplaced(
    name: str, answers: Mapping[str, Mapping[str, Any] | str], index: Mapping[str, Any] | None
) -> Iterable[str]:
    """The address that its machine has asked from, if it is not the one that it is served at."""
    for answer in answers.values():
        found = None if isinstance(answer, str) or not index else answer.get("misplaced", {}).get(name)
        if found:
            yield (
                f"its machine has the address {found['address']} ({_short(_iso(found['when']))}), but is served only at its "
                f"flatcar_address {index['address']}: have the DHCP server reserve that for its MAC address"
            )


def served_by(told: Mapping[str, Any] | str) -> dict[str, Any] | None:
    """What a boot host serves, and where that comes from; None if that is unknown."""
    if isinstance(told, str):
        return None
    published = told.get("published") or {}
    again = published.get("again") or published
    return {
        "generation": told.get("generation"),
        "number": published.get("number"),
        "commit": again.get("commit"),
        "with_uncommitted_changes": again.get("dirty"),
        "who": published.get("who"),
        "when": published.get("at"),
        "words": in_words(published or None),
    }


def served_lines(served: Mapping[str, Mapping[str, Any] | None]) -> Iterable[str]:
    """A line for each boot host that answered."""
    for host, told in served.items():
        if told and told["generation"]:
            yield f"{host} serves {told['generation'][:12]}, {told['words']}"


def text(statuses: Iterable[Mapping[str, Any]]) -> list[tuple[str, ...]]:
    """The rows of a table, the first of them the heading."""
    heading = ("NODE", "MODE", "BOOT HOST", "ARMED UNTIL", "STAGE", "WHEN (UTC)", "VERSION", "CONFIG", "DRIFT")
    return [heading, *(_row(status) for status in statuses)]


def _row(status: Mapping[str, Any]) -> tuple[str, ...]:
    notes = "; ".join((*status["drift"], *status["unreachable"]))
    return (
        status["node"],
        status["mode"] or "?",
        status["boot_host"] or "?",
        _short(status["armed_until"]),
        status["stage"] or "-",
        _short(status["when"]),
        _pair(status["version"], 20),
        _pair(status["config"], 8),
        " ".join(notes.split()) or "-",
    )


def _pair(values: Mapping[str, str | None], longest: int) -> str:
    """The release that runs, or else the wanted one, in brackets."""
    if values["reported"]:
        return " ".join(values["reported"].split())[:longest]
    return f"({values['wanted'][:longest]})" if values["wanted"] else "-"


def _short(when: str | None) -> str:
    return when[:16].replace("T", " ") if when else "-"


def _iso(when: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(when))


__all__ = ("Wanted", "by_word", "served_by", "served_lines", "status_of", "strangers", "text")
