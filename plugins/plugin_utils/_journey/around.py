# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is known of a machine besides its boot, as facts for the rules: the boot host at present, what is published, reports."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from .hops import Fact

#: For how long after its installation a machine may be silent.
_FIRST_START = 1800

#: What a status says of drift, by its beginning, and as which fact.
_DRIFT = (
    ("not published", "not published"),
    ("published as", "outdated"),
    ("runs another", "drift"),
)


def around(
    status: Mapping[str, Any],
    armings: Iterable[Mapping[str, Any]],
    heard: Mapping[str, Any] | str,
    macs: Iterable[str],
    address: str,
    begun: float,
) -> list[Fact]:
    """*status* is what ``status.yml`` says of the node, *armings* those of its machine, the latest first, *heard* what its boot
    host has heard, or why it did not answer. Reports count that came after the boot had *begun*."""
    if isinstance(heard, str):
        return [{"hop": "now", "what": "unreachable", "why": heard}]
    return [
        *_of_status(status),
        *_of_reports(status, armings, begun, heard["now"]),
        *of_host(heard, address),
        *_of_others(heard, list(macs)),
    ]


def _of_status(status: Mapping[str, Any]) -> Iterable[Fact]:
    for told in status["drift"]:
        yield from ({"hop": "now", "what": what, "why": told} for start, what in _DRIFT if told.startswith(start))


def _of_reports(
    status: Mapping[str, Any], armings: Iterable[Mapping[str, Any]], begun: float, now: float
) -> Iterable[Fact]:
    latest = next(iter(armings), None)
    reports = latest["reports"] if latest else {}
    failed = reports.get("failed")
    if failed and failed["when"] >= begun:
        why = "\n".join(filter(None, (failed.get("message"), failed.get("log"))))
        yield {"hop": "report", "what": "failed", "why": why, "at": failed["when"]}
    installed = reports.get("installed")
    if installed and "running" not in reports and status["stage"] == "installed":
        silent = now - installed["when"]
        if silent > _FIRST_START:
            why = f"{round(silent / 60)} minutes ago, and nothing since"
            yield {"hop": "now", "what": "installed, not running", "why": why}


def of_host(heard: Mapping[str, Any], address: str) -> Iterable[Fact]:
    for service in heard["silent"]:
        yield {"hop": "now", "what": "not listening", "file": service}
    if address in heard["connected"]:
        yield {"hop": "now", "what": "fetching"}
    if until := heard["put_aside"].get(address):
        yield {"hop": "now", "what": "put aside", "address": address, "why": until}
    for one in heard["unserved"]:
        yield {"hop": "now", "what": "unserved", "why": one["where"], "times": one["times"], "last": one["last"]}


def _of_others(heard: Mapping[str, Any], macs: list[str]) -> Iterable[Fact]:
    """Machines that nobody knows, and that may be this one."""
    for mac in macs:
        for one in heard["near"].get(mac, ()):
            what = "stranger" if one["mac"] == mac else "near" if one["differs"] == 1 else "similar"
            vendor = f", {one['vendor']}" if one["vendor"] else ""
            differs = f", which differs in {one['differs']} of 12 digits" if one["mac"] != mac else ""
            why = f"{one['mac']}{differs}, asked {_times(one['times'])}{vendor}"
            yield {"hop": "now", "what": what, "why": why, "at": one["first"], "last": one["last"]}


def _times(number: int) -> str:
    return "once" if number == 1 else f"{number} times"


__all__ = ("around", "of_host")
