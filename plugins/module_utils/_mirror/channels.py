# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What to report about the channels that a boot host follows: why one stands where it does, and whether its mirrors moved.

An entry is what a run found out, as the boot host keeps it: ``board``, ``channel``, ``version`` (in use), ``newest`` (as the
mirrors name it), ``signed_at`` (when that one was), ``mirror``, ``asked_at``, ``stale_days``, and ``reason`` (why the newest one
is not in use).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

_DAY = 86400

Entry = Mapping[str, Any]


def read_channels(path: Path) -> list[dict[str, Any]]:
    """The entries that a boot host keeps; none if there is no such file, or if it is damaged."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return []
    entries = content.values() if isinstance(content, dict) else ()
    return [entry for entry in entries if isinstance(entry, dict) and {"board", "channel"} <= entry.keys()]


def age_days(entry: Entry, now: float) -> int | None:
    """How long ago the newest release that the mirrors name was signed."""
    signed_at = entry.get("signed_at")
    return max(0, int((now - signed_at) // _DAY)) if isinstance(signed_at, int | float) else None


def stale_warning(entry: Entry, now: float) -> str | None:
    """What to report about a channel that has not moved within its limit; None if it has, or if there is no limit."""
    age, bound = age_days(entry, now), entry.get("stale_days")
    if age is None or not isinstance(bound, int) or not 0 < bound < age:
        return None
    newest, mirror = entry.get("newest"), entry.get("mirror")
    variable = "flatcar_images_stale_days_lts" if entry["channel"].startswith("lts") else "flatcar_images_stale_days"
    return (
        f"{entry['board']} {entry['channel']}: {newest}, the newest release that the mirrors name, was signed"
        f" {age} days ago, more than {variable} ({bound}). {mirror} may be frozen: compare with flatcar.org's list"
        " of releases, and use another mirror (flatcar_images_mirrors)"
    )


def notes(entries: Iterable[Entry], now: float) -> list[str]:
    """Everything to report about a boot host's channels now, a sentence each."""
    said = []
    for entry in entries:
        if reason := entry.get("reason"):
            stands = f"stays at {entry['version']}" if entry.get("version") else "has no release here"
            newest = f", not {entry['newest']}" if entry.get("newest") not in (None, entry.get("version")) else ""
            said.append(f"{entry['board']} {entry['channel']} {stands}{newest}: {reason}")
        if warning := stale_warning(entry, now):
            said.append(warning)
    return said
