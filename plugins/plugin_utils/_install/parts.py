# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The building blocks of the configs that Kindling adds to: its files, and lines of ``KEY=VALUE``."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from .._butane import translate

#: Everything below belongs to Kindling on every node, as do units whose names begin the same.
DIRECTORY = "/etc/kindling"
PROGRAMS = "/opt/kindling"
UNITS = "kindling-"

_HERE = Path(__file__).parent


def program(name: str) -> dict[str, Any]:
    """One of the scripts beside this file, as a file of a node."""
    return {
        "path": f"{PROGRAMS}/{name}",
        "mode": 0o755,
        "contents": {"inline": (_HERE / name).read_text(encoding="utf-8")},
    }


def private_file(path: str, text: str) -> dict[str, Any]:
    """A file that only root reads."""
    return {"path": path, "mode": 0o600, "contents": {"inline": text}}


def lines(values: Iterable[tuple[str, Any]]) -> str:
    """``KEY=VALUE`` lines, as the scripts read them: a value is all the rest of its line."""
    text = ""
    for key, value in values:
        if "\n" in str(value):
            raise ValueError(f"{key} has more than one line")
        text += f"{key}={value}\n"
    return text


def ignition(storage: Mapping[str, Any], units: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Ignition from our own Butane, in the oldest version: every release reads it."""
    butane = {"variant": "flatcar", "version": "1.0.0", "storage": storage, "systemd": {"units": units}}
    return translate(butane, strict=True).checked()


def check_hosts(hosts: Sequence[str]) -> tuple[str, ...]:
    """The URLs of boot hosts. They are reached by address: a node uses no name server to find its boot host."""
    for host in hosts:
        try:
            ipaddress.ip_address(urlsplit(host).hostname or "")
        except ValueError:
            raise ValueError(
                f"{host}: expected the URL of a boot host by its address, such as http://10.0.0.1"
            ) from None
    if not hosts:
        raise ValueError("expected at least one boot host")
    return tuple(host.rstrip("/") for host in hosts)


__all__ = ("DIRECTORY", "PROGRAMS", "UNITS", "check_hosts", "ignition", "lines", "private_file", "program")
