# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Addresses that dnsmasq gives nobody for a while, because a client declined them as in use (DHCPDECLINE).

Read from its log. Needs only the standard library; runs on the boot host.
"""

from __future__ import annotations

import contextlib
import json
import re
import subprocess
from collections.abc import Iterable

#: For how many seconds dnsmasq puts an address aside: DECLINE_BACKOFF in its config.h, which no option changes.
SECONDS = 600

#: Only at the beginning of a line: what follows may be a machine's own words.
_PREFIX = r"(?:dnsmasq[a-z-]{0,8}\[\d{1,10}\]: )?"
_PUT_ASIDE = re.compile(rf"{_PREFIX}disabling DHCP static address ([0-9.]+) for ")
#: After either, it has read its reservations again.
_READ_AGAIN = re.compile(rf"{_PREFIX}(?:started, version |read \S+/dhcp-hosts$)")

_COMMAND = (
    *(
        "journalctl",
        "--unit=kindling-dnsmasq.service",
        f"--since=-{SECONDS}s",
        "--output=json",
        "--no-pager",
        "--quiet",
    ),
    r"--grep=^(dnsmasq[a-z-]*\[[0-9]+\]: )?(disabling DHCP static address |started, version |read \S+/dhcp-hosts$)",
)
_PATIENCE = 30  # seconds


def put_aside() -> dict[str, int]:
    """Until when, in seconds since 1970, by address. Empty if there is no journal, as in the container."""
    with contextlib.suppress(OSError, subprocess.TimeoutExpired):
        told = subprocess.run(
            _COMMAND, capture_output=True, text=True, errors="replace", timeout=_PATIENCE, check=False
        )
        return read(told.stdout.splitlines())
    return {}


def read(lines: Iterable[str]) -> dict[str, int]:
    """The same from what ``journalctl`` prints, a line of JSON for each line of dnsmasq's."""
    found: dict[str, int] = {}
    for line in lines:
        try:
            entry = json.loads(line)
            message, when = str(entry["MESSAGE"]), int(entry["__REALTIME_TIMESTAMP"]) // 1_000_000
        except (ValueError, KeyError, TypeError):
            continue
        if _READ_AGAIN.match(message):
            found = {}
        elif match := _PUT_ASIDE.match(message):
            found[match[1]] = when + SECONDS
    return found


__all__ = ("SECONDS", "put_aside", "read")
