# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Flatcar's releases: how they are named, and which configs their Ignition reads.

Sources, as of 2026-08-13: flatcar.org's list of releases (Ignition's version by release), Ignition's ``docs/specs.md`` (the
first Ignition that reads each stable spec; each reads one experimental spec, the next one) and Butane's ``docs/specs.md``.
"""

from __future__ import annotations

import re
from typing import NamedTuple

VERSION = re.compile(r"([0-9]+)\.([0-3])\.([0-9]+)")
CHANNELS = ("stable", "beta", "alpha", "lts")
CHANNEL_BY_DIGIT = dict(zip("0123", ("alpha", "beta", "stable", "lts"), strict=True))


class Ignition(NamedTuple):
    """What a release and its successors have: Ignition's version, its newest stable spec, its experimental one."""

    since: int
    version: str
    spec: tuple[int, int]
    experimental: str


#: By the first number of a release. Older ones are out of support, and not judged.
IGNITION = (
    Ignition(4081, "2.19.0", (3, 4), "3.5.0-experimental"),
    Ignition(4230, "2.20.0", (3, 5), "3.6.0-experimental"),
    Ignition(4459, "2.22.0", (3, 5), "3.6.0-experimental"),
    Ignition(4593, "2.24.0", (3, 5), "3.6.0-experimental"),
    Ignition(4800, "2.26.0", (3, 6), "3.7.0-experimental"),
)

#: The channels' current releases. A channel may be newer by now, never older.
CURRENT = {"stable": 4593, "beta": 4757, "alpha": 4790, "lts": 4081}

#: The Ignition spec that each version of Butane's variant ``flatcar`` becomes.
SPEC_OF_BUTANE = {"1.0.0": "3.3.0", "1.1.0": "3.4.0", "1.2.0-experimental": "3.7.0-experimental"}


def channel_of(version: str, channel: str) -> str:
    """An exact version names its channel in its middle number; an LTS stream keeps its own name."""
    exact = VERSION.fullmatch(version)
    if not exact:
        return channel
    named = CHANNEL_BY_DIGIT[exact.group(2)]
    return channel if channel.startswith(f"{named}-") else named


def ignition_of(version: str, channel: str) -> Ignition | None:
    """The Ignition of a release, or the oldest that *channel* may have; None if nothing is known."""
    exact = VERSION.fullmatch(version)
    number = int(exact.group(1)) if exact else CURRENT.get(channel.partition("-")[0], 0)
    known = [row for row in IGNITION if row.since <= number]
    return known[-1] if known else None


def why_unreadable(butane: str, version: str, channel: str) -> str | None:
    """Why a release cannot read a config of Butane's version *butane*; None if it can, or if that is not known."""
    spec, ignition = SPEC_OF_BUTANE.get(butane), ignition_of(version, channel)
    if spec is None or ignition is None or spec == ignition.experimental:
        return None
    if "experimental" not in spec and tuple(map(int, spec.split(".")[:2])) <= ignition.spec:
        return None
    release = f"release {version}" if VERSION.fullmatch(version) else f"{channel}'s current release"
    newest = ".".join(map(str, ignition.spec))
    return (
        f"version {butane} becomes Ignition {spec}, but Ignition {ignition.version} of {release} reads up to {newest} "
        f"and {ignition.experimental}: use an older version (1.1.0 fits every supported release) or a newer release"
    )


__all__ = (
    "CHANNELS",
    "CURRENT",
    "IGNITION",
    "SPEC_OF_BUTANE",
    "VERSION",
    "Ignition",
    "channel_of",
    "ignition_of",
    "why_unreadable",
)
