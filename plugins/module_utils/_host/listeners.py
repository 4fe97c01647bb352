# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which services listen on a host's ports, according to ``ss`` of iproute2, and which are in the way. Runs on the boot host."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass

COMMAND = ("ss", "--no-header", "--listening", "--numeric", "--tcp", "--udp", "--processes")

_PROCESS = re.compile(r'\("(?P<name>[^"]*)",pid=(?P<pid>\d+)')

#: Addresses that stand for all of the host's IPv4 addresses; ``*`` is a socket for both families.
_WILDCARDS = ("0.0.0.0", "*")  # noqa: S104  (compared, not bound)


@dataclass(frozen=True)
class Listener:
    protocol: str
    address: str
    interface: str | None
    port: int
    process: str
    pid: int | None

    def __str__(self) -> str:
        place = f"{self.address}%{self.interface}" if self.interface else self.address
        who = f"{self.process} (pid {self.pid})" if self.pid else "a service that cannot be seen"
        return f"{self.protocol} port {self.port} is held by {who} on {place}"


def parse(output: str) -> list[Listener]:
    """The listeners in the output of ``COMMAND``."""
    return [_parse_line(line) for line in output.splitlines() if line.strip()]


def _parse_line(line: str) -> Listener:
    """``udp UNCONN 0 0 0.0.0.0%lan0:67 0.0.0.0:* users:(("dnsmasq",pid=7,fd=4))``"""
    protocol, _state, _received, _sent, local = line.split()[:5]
    place, _separator, port = local.rpartition(":")
    address, _separator, interface = place.partition("%")
    process = _PROCESS.search(line)
    return Listener(
        protocol=protocol,
        address=address.strip("[]"),
        interface=interface or None,
        port=int(port),
        process=process["name"] if process else "",
        pid=int(process["pid"]) if process else None,
    )


def conflicts(
    listeners: Iterable[Listener],
    ports: Iterable[tuple[str, int]],
    addresses: Collection[str],
    interfaces: Collection[str],
) -> list[Listener]:
    """Those of *listeners* that keep a service from binding *ports* on *addresses* of *interfaces*."""
    wanted = set(ports)
    return [
        listener
        for listener in listeners
        if (listener.protocol, listener.port) in wanted
        and (listener.address in addresses or listener.address in _WILDCARDS)
        and (listener.interface is None or listener.interface in interfaces)
    ]


__all__ = ("COMMAND", "Listener", "conflicts", "parse")
