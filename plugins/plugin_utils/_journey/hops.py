# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The hops of a network boot, as a table: how each is recognized in what was seen, and how long the next one may take."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from ansible_collections.kindling.flatcar.plugins.module_utils._routes import routes

#: Something that was seen: an event of the records, or what is known besides (``now``: the boot host and the inventory at present;
#: ``report``: what a machine reported).
Fact = Mapping[str, Any]

ANYTHING = ".*"


@dataclass(frozen=True)
class Seen:
    """A pattern of facts: one of the hops, and the regular expressions that the named values have to match as a whole."""

    hop: str
    what: str = ANYTHING
    who: str = ANYTHING
    file: str = ANYTHING
    why: str = ANYTHING
    status: str = ANYTHING
    script: str = ANYTHING
    tags: str = ANYTHING
    broken: str = ANYTHING
    address: str = ANYTHING

    @functools.cached_property
    def _patterns(self) -> tuple[tuple[str, Callable[[str], object]], ...]:
        """Compiled once: a storm's journeys are some millions of comparisons."""
        given = ((one.name, getattr(self, one.name)) for one in fields(self) if one.name != "hop")
        return tuple((name, re.compile(text, re.DOTALL).fullmatch) for name, text in given if text != ANYTHING)

    @functools.cached_property
    def _hops(self) -> frozenset[str]:
        return frozenset(self.hop.split("|"))

    def fits(self, fact: Fact) -> bool:
        return fact.get("hop") in self._hops and all(
            matches(str(fact.get(key) or "")) for key, matches in self._patterns
        )

    def last_of(self, facts: Sequence[Fact]) -> Fact | None:
        return next((fact for fact in reversed(facts) if self.fits(fact)), None)

    def among(self, facts: Iterable[Fact]) -> list[Fact]:
        return [fact for fact in facts if self.fits(fact)]


@dataclass(frozen=True)
class Hop:
    """``reached`` are the facts that show it, any of them; ``patience`` is for how many seconds a machine may then be silent until
    something is wrong."""

    name: str
    words: str
    patience: int
    reached: tuple[Seen, ...]


OK = "200|206"
TAKEN = "20[0-9]"
IMAGE, PROGRAM = f"/{routes.IMAGES}/.*", f"/{routes.PROGRAMS}/.*"
KERNEL, INITRD = rf"{IMAGE}\.vmlinuz", rf"{IMAGE}\.cpio\.gz"
FIRST_SCRIPT = "/" + re.escape(routes.FIRST_SCRIPT)
SCRIPT = rf"/{routes.SCRIPTS}/.*\.ipxe"
ORDERED = f"/{routes.ARMED}/.*"
OWN_CONFIG, INSTALLER_CONFIG = f"/{routes.CONFIGS}/.*", rf"{ORDERED}\.ign"
CONFIG = f"{OWN_CONFIG}|{INSTALLER_CONFIG}"


def _report(stage: str) -> tuple[Seen, ...]:
    return (Seen("http", "PUT", file=f"/{routes.REPORTS}/.*/{stage}", status=TAKEN),)


#: In the order of a boot. Not every machine's boot has all of them: see ``WAYS``.
HOPS = (
    Hop("firmware", "the firmware asks by DHCP", 60, (Seen("dhcp", "discover|request|pxe", "firmware"),)),
    Hop("address", "the firmware has an address", 120, (Seen("dhcp", "ack", "firmware"),)),
    Hop(
        "program",
        "the boot program is sent",
        90,
        (Seen("tftp", "sent"), Seen("http", "GET", file=PROGRAM, status=OK, broken="")),
    ),
    Hop("ipxe", "iPXE runs", 60, (Seen("dhcp", "ack|pxe", "ipxe"), Seen("http", file=FIRST_SCRIPT))),
    Hop("script", "iPXE has its script", 120, (Seen("http", file=SCRIPT, status=OK, broken=""),)),
    Hop("kernel", "the kernel is sent", 300, (Seen("http", file=KERNEL, status=OK, broken=""),)),
    Hop("initrd", "the initrd is sent", 180, (Seen("http", file=INITRD, status=OK, broken=""),)),
    Hop("system", "the system asks by DHCP", 300, (Seen("dhcp", "ack", "system"),)),
    Hop("config", "Ignition has its config", 900, (Seen("http", file=CONFIG, status=OK, broken=""),)),
    Hop("started", "the installer writes the disk", 3600, _report("started")),
    Hop("installed", "the system is installed", 900, _report("installed")),
    Hop("running", "it reports that it runs", 0, _report("running")),
)
NAMES = tuple(hop.name for hop in HOPS)
BY_NAME = {hop.name: hop for hop in HOPS}

#: No packet of the machine was seen.
NOWHERE = "nowhere"

_TO_IPXE = ("firmware", "address", "program", "ipxe", "script")
_TO_RAM = (*_TO_IPXE, "kernel", "initrd", "system", "config")

#: The hops of a machine that runs from RAM, that is being installed, or that is sent to its own disk.
WAYS: Mapping[str, tuple[str, ...]] = {
    "ram": (*_TO_RAM, "running"),
    "install": (*_TO_RAM, "started", "installed"),
    "disk": _TO_IPXE,
}

#: What shows on which way a machine is, whatever it should do; the first row that fits counts.
_SHOWN = (
    ("disk", Seen("http", script="over")),
    ("install", Seen("http", script="ordered|installer")),
    ("install", Seen("http", file=ORDERED, status=OK)),
    ("ram", Seen("http", file=f"{KERNEL}|{INITRD}")),
)


def way_of(facts: Iterable[Fact], mode: str | None) -> str:
    """The way that was seen, or else the one that the *mode* of its node means."""
    facts = list(facts)
    return next((way for way, seen in _SHOWN if seen.among(facts)), "ram" if mode == "ram" else "disk")


def reached_by(facts: Iterable[Fact]) -> list[tuple[Hop, Fact]]:
    """The hops, each with the first fact that shows it, in their order.

    A system that runs renews its lease, before its next boot, too: its DHCP counts only after the script.
    """
    facts = sorted(facts, key=lambda fact: fact.get("at", 0))
    found: list[tuple[Hop, Fact]] = []
    for hop in HOPS:
        after = found[-1][1].get("at", 0) if hop.name == "system" and found else 0
        shown = (
            fact for fact in facts if fact.get("last", 0) >= after and any(seen.fits(fact) for seen in hop.reached)
        )
        first = next(shown, None)
        if first is None or (
            hop.name == "system" and (not found or NAMES.index(found[-1][0].name) < NAMES.index("script"))
        ):
            continue
        found.append((hop, first))
    return found


__all__ = (
    *(
        "BY_NAME",
        "CONFIG",
        "FIRST_SCRIPT",
        "HOPS",
        "IMAGE",
        "INITRD",
        "INSTALLER_CONFIG",
        "KERNEL",
        "NAMES",
        "NOWHERE",
        "OK",
    ),
    *("ORDERED", "OWN_CONFIG", "PROGRAM", "SCRIPT", "TAKEN", "WAYS"),
    *("Fact", "Hop", "Seen", "reached_by", "way_of"),
)
