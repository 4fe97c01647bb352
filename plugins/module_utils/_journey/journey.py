# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a boot host has heard of machines up to now: its records, and what its log has since the last round of those.

Needs only the standard library; runs on the boot host.
"""

from __future__ import annotations

import datetime
import itertools
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from .._host.listeners import parse
from .._netboot.transfer import AGENT
from .._records import records

#: How many boots of a machine are returned, and how many machines that may be it.
BOOTS, NEAR = 12, 3

#: Two MAC addresses are near if so few of their 12 digits differ.
_DIFFERING = 3

#: What has to listen, and where.
_SERVICES = {"dhcp": ("udp", 67), "tftp": ("udp", 69), "http": ("tcp", 80)}

_STAMPED = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:?\d\d)) (.*)")
_OF_WEB = re.compile(r'\d{1,3}(?:\.\d{1,3}){3} "')
_OF_TFTP = re.compile(r"dnsmasq-tftp\[\d+\]: ")


def heard(
    directory: Path, log: records.Log, machines: records.Machines, macs: Iterable[str] | None, since: float
) -> dict[str, Any]:
    """The boots of each of *macs* (or of all *machines*) that began after *since*, the last ones; the last that went well before
    these; machines near those that were never seen.

    Without *since* it is the last boot, whenever that was.
    """
    book = records.up_to_date(directory, log, machines)
    wanted = [mac.lower() for mac in (machines.names if macs is None else macs)]
    found = records.recorded(directory, wanted, book)
    boots, good, near = {}, {}, {}
    strangers = {**book.strangers.once, **book.strangers.returned}
    for mac in wanted:
        every = [boot for boot in found["boots"][mac] if not _is_tried(boot)]
        shown = [boot for boot in every if max((boot["begun"], *boot["again"])) >= since][-BOOTS:]
        shown = shown if since else shown[-1:]
        boots[mac] = shown
        before = every[: len(every) - len(shown)] if since else every[:-1]
        good[mac] = next((boot for boot in reversed(before) if _went_well(boot)), None)
        if not shown:
            near[mac] = list(_near(mac, strangers))
    return {"boots": boots, "good": good, "near": near, "unserved": found["unserved"], "until": found["until"]}


def _is_tried(boot: Mapping[str, Any]) -> bool:
    """Whether it is not the machine that booted, but the acceptance run in its place."""
    return any(event.get("who") == AGENT for event in boot["events"])


def _went_well(boot: Mapping[str, Any]) -> bool:
    """Whether the machine reported that it runs."""
    return any(
        event.get("file", "").endswith("/running") and event.get("status") in (201, 204) for event in boot["events"]
    )


def _near(mac: str, strangers: Mapping[str, records.Stranger]) -> Iterator[dict[str, Any]]:
    """The nearest strangers, the nearest first."""
    by_distance = sorted((differing(mac, other), -one.last, other) for other, one in strangers.items())
    for differs, _last, other in itertools.islice(by_distance, NEAR):
        if differs <= _DIFFERING:
            one = strangers[other]
            yield {
                "mac": other,
                "differs": differs,
                "first": one.first,
                "last": one.last,
                "times": one.times,
                "vendor": one.vendor,
            }


def differing(mac: str, other: str) -> int:
    """How many digits differ. Two neighbours that are swapped count as one, as a misprint does."""
    digits, others = mac.replace(":", ""), other.replace(":", "")
    places = [place for place, digit in enumerate(digits) if digit != others[place]]
    if len(places) == 2 and places[1] == places[0] + 1:
        pair = slice(places[0], places[1] + 1)
        return 1 if digits[pair] == others[pair][::-1] else 2
    return len(places)


def present(sockets: str) -> dict[str, Any]:
    """From what ``ss`` prints of all sockets: services that do not listen, and addresses that are connected to the web server."""
    lines = [line for line in sockets.splitlines() if line.strip()]
    listening = {
        (one.protocol, one.port) for one in parse("\n".join(line for line in lines if " ESTAB " not in f" {line} "))
    }
    peers = (line.split() for line in lines if " ESTAB " in f" {line} ")
    connected = {words[5].rpartition(":")[0] for words in peers if len(words) > 5 and words[4].endswith(":80")}
    silent = [name for name, place in _SERVICES.items() if place not in listening]
    return {"silent": silent, "connected": sorted(connected)}


#: All TCP and UDP sockets over IPv4 that listen or are connected.
SOCKETS = ("ss", "--no-header", "--all", "--numeric", "--ipv4", "--tcp", "--udp")


def entries_of_text(lines: Iterable[str]) -> Iterator[records.Entry]:
    """The log of a container, as its engine prints it with times: all services' lines, in their order."""
    for number, line in enumerate(lines):
        if found := _STAMPED.match(line):
            try:
                when = datetime.datetime.fromisoformat(found[1]).timestamp()
            except ValueError:
                continue
            message = found[2]
            unit = "web" if _OF_WEB.match(message) else "tftp" if _OF_TFTP.match(message) else "dnsmasq"
            yield records.Entry(f"line {number}", when, f"kindling-{unit}.service", message)


__all__ = ("BOOTS", "NEAR", "SOCKETS", "differing", "entries_of_text", "heard", "present")
