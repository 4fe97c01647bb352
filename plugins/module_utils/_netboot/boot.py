# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which of the servers' answers a machine's firmware follows, and what it then starts."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass

from . import packet
from .firmware import Firmware
from .packet import Packet
from .wire import Answer

_IN_THE_OFFER = 8  # option 43's discovery control: no boot server needs to be looked for


@dataclass(frozen=True)
class Program:
    """A boot program: a file on a TFTP server, or just a URL."""

    server: str
    file: str

    @property
    def url(self) -> str:
        return self.file if "://" in self.file else f"tftp://{self.server}/{self.file.lstrip('/')}"


@dataclass(frozen=True)
class Choice:
    """What a machine follows: the server of its address, and the server of its boot program.

    ``menu`` says that the boot program has to be requested at the boot server's own port, by an item of its menu.
    """

    lease: Answer | None = None
    boot: Answer | None = None
    program: Program | None = None
    menu: bool = False
    item: bytes | None = None


def choose(firmware: Firmware, answers: Iterable[Answer]) -> Choice:
    """The first server that gives an address, and the one whose boot program this firmware starts.

    HTTP firmware accepts URLs only from servers that identify themselves as it does. A separate boot server takes precedence
    over the one with the addresses: that is its only purpose.
    """
    heard = list(answers)
    lease = next((answer for answer in heard if not answer.proxy), None)
    for boot in sorted((answer for answer in heard if answer.proxy or answer is lease), key=lambda one: not one.proxy):
        if firmware.http and not boot.packet.vendor_class.startswith("HTTPClient"):
            continue
        item = _menu_item(boot.packet)
        program = program_of(boot.packet)
        if item is not None or (boot.proxy and program is None and boot.packet.vendor_class.startswith("PXEClient")):
            return Choice(lease, boot, program, menu=True, item=item)
        if (
            program is not None
            and firmware.http != program.file.startswith(("http://", "https://"))
            and not firmware.ipxe
        ):
            continue
        if program is not None:
            return Choice(lease, boot, program)
    return Choice(lease)


def program_of(answer: Packet) -> Program | None:
    """The boot program that an answer names."""
    if not answer.boot_file:
        return None
    program = Program(answer.boot_server, answer.boot_file)
    return program if program.server or "://" in program.file else None


def _menu_item(answer: Packet) -> bytes | None:
    """The first item of the boot server's menu, which a machine chooses if nobody presses a key."""
    vendor = answer.vendor()
    menu, control = vendor.get(packet.BOOT_MENU, b""), vendor.get(packet.DISCOVERY_CONTROL, b"\0")
    if len(menu) < 3 or (control[:1] and control[0] & _IN_THE_OFFER):
        return None
    return menu[:2] + b"\0\0"


def boot_server_of(answer: Answer) -> ipaddress.IPv4Address:
    """Where a menu's item is requested: the first server that is named for it, else the one that answered."""
    servers = answer.packet.vendor().get(packet.BOOT_SERVERS, b"")
    if len(servers) >= 7 and servers[2]:
        return ipaddress.IPv4Address(servers[3:7])
    return answer.server


__all__ = ("Choice", "Program", "boot_server_of", "choose", "program_of")
