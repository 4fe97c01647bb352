# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One machine of the inventory, typed and checked."""

from __future__ import annotations

import ipaddress
import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Node:
    """One machine of the fleet, checked as far as possible without looking at the others.

    Attributes are the variables' names without their prefix, typed. ``given`` has the values as the inventory gave them, by full
    name, and ``fragments`` the raw Butane by variable name, in the order in which it is merged.
    """

    name: str
    given: Mapping[str, Any]
    fragments: Mapping[str, Mapping]
    rack: str
    slot: int | None
    mac: tuple[str, ...]
    address: ipaddress.IPv4Address
    more_addresses: tuple[ipaddress.IPv4Address, ...]
    hostname: str
    hostname_pattern: str | None
    domain: str | None
    boot_mode: str
    board: str
    boot_program: str | Mapping[str, str] | None
    channel: str
    version: str
    install_disk: str | None
    install_disk_serial: str | None
    install_disk_min_gib: int
    wipe: str
    other_flatcar_disks: str
    install_boot_entry: bool
    local_boot: str
    console: tuple[str, ...]
    kernel_arguments: tuple[str, ...]
    bmc: Mapping[str, Any] | None
    users: tuple[Mapping, ...]
    authorized_keys: tuple[str, ...]
    password_hashes: Mapping[str, str]
    serve_secrets: bool
    interfaces: tuple[Mapping[str, Any], ...]
    disks: tuple[Mapping[str, Any], ...]
    raid: tuple[Mapping[str, Any], ...]
    luks: tuple[Mapping[str, Any], ...]
    filesystems: tuple[Mapping[str, Any], ...]
    swap: tuple[str, ...]
    ram_disks: tuple[str, ...]
    time_zone: str | None
    ntp: tuple[str, ...]
    update_strategy: str | None
    update_window: str | None
    update_window_length: str | None
    update_server: str | None
    update_group: str | None
    sysexts: tuple[Mapping[str, Any], ...]
    containers: tuple[Mapping[str, Any], ...]
    units: tuple[Mapping, ...]
    replaced_units: tuple[str, ...]

    def image(self) -> dict[str, str]:
        """The release that this machine asks for."""
        return {"board": self.board, "channel": self.channel, "version": self.version}

    def macs(self) -> list[str]:
        """The addresses of all its NICs, each once."""
        return list(
            dict.fromkeys((*self.mac, *(interface["mac"] for interface in self.interfaces if interface["mac"])))
        )

    def addresses(self) -> list[ipaddress.IPv4Address | ipaddress.IPv6Address]:
        """All of its addresses, each once: a static address may be the one that DHCP assigns."""
        static = (address.ip for interface in self.interfaces for address in interface["addresses"])
        return list(dict.fromkeys((self.address, *self.more_addresses, *static)))

    def nics(self) -> list[tuple[str, ipaddress.IPv4Address | None]]:
        """The NICs that it boots from, by their MAC addresses, each with its own address."""
        return list(itertools.zip_longest(self.mac, (self.address, *self.more_addresses)))


__all__ = ("Node",)
