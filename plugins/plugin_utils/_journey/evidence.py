# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What was seen, in words."""

from __future__ import annotations

import time

from .hops import Fact
from .ipxe_errors import explained

#: What is known besides what was logged.
_NOW = {
    "again": "{why}",
    "drift": "{why}",
    "elsewhere": "it asks on the network {why}",
    "fetching": "it has a connection to the web server",
    "installed, not running": "it reported that it is installed, {why}",
    "near": "{why}",
    "no login": "its config has no user with an SSH key or a password",
    "not listening": "nothing listens on the boot host's port for {file}",
    "not published": "the boot host publishes nothing for it",
    "outdated": "{why}",
    "put aside": "dnsmasq gives {address} to nobody until {why}",
    "similar": "{why}",
    "stranger": "{why}",
    "unreachable": "{why}",
    "unserved": "DHCP requests {why}, {times} times",
}

_WHO = {"firmware": "the firmware", "ipxe": "iPXE", "system": "the system"}


def described(fact: Fact, *, timed: bool = True) -> str:
    """One line: what it is, how often, and when, unless that is said beside it."""
    times = fact.get("times", 1)
    when = [f"{times} times, last at {clock(fact['last'])}"] if times > 1 and fact.get("last") else []
    when = when or ([f"at {clock(fact['at'])}"] if fact.get("at") and timed else [])
    from_another = [f"from {fact['address']}"] if fact["hop"] in ("http", "ipxe") and fact.get("address") else []
    note = ", ".join((*from_another, *when))
    return f"{_what(fact)} ({note})" if note else _what(fact)


def _what(fact: Fact) -> str:
    get = fact.get
    if fact["hop"] == "now":
        values = {
            "why": get("why", ""),
            "file": get("file", ""),
            "address": get("address", ""),
            "times": get("times", 1),
        }
        return _NOW[fact["what"]].format(**values)
    if fact["hop"] == "report":
        return f"it reported {fact['what']}: {get('why', '').partition(chr(10))[0]}"
    if fact["hop"] == "ipxe":
        return f"iPXE: {get('file')} failed: {explained(get('why', ''))}"
    if fact["hop"] == "ignition":
        return f"Ignition: {get('file')} failed: {get('why') or 'without a message'}"
    if fact["hop"] == "http":
        broken = ", broken off" if get("broken") else ""
        took = f", {get('seconds'):.1f} s" if get("seconds") else ""
        script = f" ({get('script')})" if get("script") else ""
        return f"{fact['what']} {get('file')}{script}: {get('status')}, {size_in_words(get('size', 0))}{took}{broken}"
    if fact["hop"] == "tftp":
        return f"TFTP: {fact['what']} {get('file')}"
    asker = [f"of {_WHO.get(fact['who'], fact['who'])}"] if get("who") else []
    details = (get("address"), get("file"), get("why"), get("vendor"))
    return " ".join(("DHCP", fact["what"], *asker, *filter(None, details)))


def size_in_words(size: int) -> str:
    for unit, least in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if size >= least:
            return f"{size / least:.1f} {unit}"
    return f"{size} bytes"


def clock(when: float) -> str:
    return time.strftime("%H:%M:%S", time.gmtime(when))


def day_and_clock(when: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(when))


__all__ = ("clock", "day_and_clock", "described", "size_in_words")
