# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The window in which locksmithd may reboot a machine, as it reads it. Source: locksmith: pkg/timeutil/periodic.go."""

from __future__ import annotations

import re

from .facts import DAY, WEEK

#: As Go's time.ParseDuration.
_SECONDS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}
_SPAN = re.compile(r"\+?(?:(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:ns|us|µs|ms|s|m|h))+|0")
_PART = re.compile(r"([0-9]+\.?[0-9]*|\.[0-9]+)(ns|us|µs|ms|s|m|h)")
_START = re.compile(r"(?:(sun|mon|tue|wed|thu|fri|sat)\s+)?([01]?[0-9]|2[0-3]):([0-5]?[0-9])", re.IGNORECASE)


def why_no_window(start: str | None, length: str | None) -> str | None:
    """Why locksmithd exits with this window; None if it does not."""
    if not start or not length:
        return "locksmithd exits if a window has no start or no length: give both, or neither"
    begins = _START.fullmatch(start.strip())
    if not begins:
        return f"locksmithd cannot read the start {start!r}: expected a time such as 04:00 or Thu 04:00"
    if not _SPAN.fullmatch(length):
        return f"locksmithd cannot read the length {length!r}: expected a time span such as 1h or 1h30m"
    hours = sum(float(number) * _SECONDS[unit] for number, unit in _PART.findall(length)) / 3600
    period = WEEK if begins[1] else DAY
    if hours < period:
        return None
    return (
        f"locksmithd exits, and the machine never reboots: a window of every {'week' if begins[1] else 'day'} has to be "
        f"shorter than {period}h, and this one has {length}. Shorten it, or leave it out to allow reboots at any time"
    )


__all__ = ("why_no_window",)
