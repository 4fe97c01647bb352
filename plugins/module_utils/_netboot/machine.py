# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""This host in place of another machine: a process whose only interface has that machine's MAC address.

It runs in a network namespace with a macvlan on one of the host's interfaces. Neither has a persistent name: both are gone with
the process, however it ends, and the process ends with the one that started it.
"""

from __future__ import annotations

import contextlib
import ctypes
import ipaddress
import json
import os
import select
import signal
import socket
import struct
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from . import packet, wire

INTERFACE = "kindling0"
_CLONE_NEWNET, _PR_SET_PDEATHSIG = 0x40000000, 1
_LARGEST = 1 << 24
_ARP = struct.Struct("!6s6sHHHBBH6s4s6s4s")
_ETH_ARP, _ASKS, _TELLS = 0x0806, 1, 2


class MachineError(Exception):
    """This host cannot take another machine's place."""


def in_place_of(interface: str, mac: bytes, work: Callable[[], Any], seconds: float) -> Any:
    """What *work* returns, run where ``INTERFACE`` is the only way out. It has to be JSON-serialisable.

    Raises ``MachineError`` if the namespace cannot be created, or *work* fails or takes too long.
    """
    ready, told = os.pipe(), os.pipe()
    answers = os.pipe()
    parent = os.getpid()
    child = os.fork()
    if child == 0:
        _be_the_machine(parent, ready, told, answers, work)
    for unused in (ready[1], told[0], answers[1]):
        os.close(unused)
    try:
        if os.read(ready[0], 1) != b"r":
            raise MachineError(
                "no network namespace can be made here: that needs root, outside of an unprivileged container"
            )
        _ip(
            *("link", "add", "link", interface, "name", INTERFACE, "address", packet.mac_text(mac)),
            *("netns", str(child), "type", "macvlan", "mode", "bridge"),
        )
        os.write(told[1], b"g")
        return _answer(answers[0], seconds)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        for used in (ready[0], told[1], answers[0]):
            os.close(used)


def _be_the_machine(parent: int, ready, told, answers, work: Callable[[], Any]) -> None:
    """The child's part; it never returns."""
    try:
        libc = ctypes.CDLL(None, use_errno=True)
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent or libc.unshare(_CLONE_NEWNET) != 0:
            os._exit(1)
        os.close(told[1])
        os.write(ready[1], b"r")
        if os.read(told[0], 1) != b"g":
            os._exit(1)
        # A machine in its firmware does not use IPv6
        with contextlib.suppress(OSError):
            Path("/proc/sys/net/ipv6/conf/all/disable_ipv6").write_text("1", encoding="ascii")
        _ip("link", "set", "lo", "up")
        _ip("link", "set", INTERFACE, "up")
        outcome = {"result": work()}
    except Exception as error:  # noqa: BLE001  (whatever it is, the parent reports it)
        outcome = {"error": f"{type(error).__name__}: {error}"}
    with os.fdopen(answers[1], "w", encoding="utf-8") as telling:
        json.dump(outcome, telling)
    os._exit(0)


def _answer(pipe: int, seconds: float) -> Any:
    end, heard = time.monotonic() + seconds, bytearray()
    while True:
        if not select.select([pipe], [], [], max(0.0, end - time.monotonic()))[0]:
            raise MachineError(f"it took longer than {seconds:.0f} seconds")
        part = os.read(pipe, 1 << 16)
        heard += part
        if not part:
            break
        if len(heard) > _LARGEST:
            raise MachineError("the answer is too long")
    outcome = json.loads(heard) if heard else {"error": "the process ended"}
    if "error" in outcome:
        raise MachineError(outcome["error"])
    return outcome["result"]


def give_address(address: ipaddress.IPv4Address, prefix: int, router: ipaddress.IPv4Address | None) -> None:
    """Configures the machine's interface with what DHCP returned."""
    _ip("address", "add", f"{address}/{prefix}", "dev", INTERFACE)
    if router is not None:
        _ip("route", "add", "default", "via", str(router))


def _ip(*words: str) -> None:
    done = subprocess.run(["ip", *words], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise MachineError(f"ip {' '.join(words)}: {done.stderr.strip()}")


def who_has(
    interface: str, addresses: list[ipaddress.IPv4Address], seconds: float
) -> dict[ipaddress.IPv4Address, set[bytes]]:
    """The MAC addresses that answer for each of *addresses*: those of machines that are on.

    The probe comes from no address, so that nobody learns anything from it (RFC 5227).
    """
    found: dict[ipaddress.IPv4Address, set[bytes]] = {}
    own = wire.own_mac(interface)
    end = time.monotonic() + seconds
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ETH_ARP)) as asking:
        asking.bind((interface, _ETH_ARP))
        while (left := end - time.monotonic()) > 0:
            for address in addresses:
                if address not in found:
                    asking.send(
                        _ARP.pack(
                            *(b"\xff" * 6, own, _ETH_ARP, 1, 0x0800, 6, 4, _ASKS),
                            *(own, bytes(4), bytes(6), address.packed),
                        )
                    )
            pause = time.monotonic() + min(left, 0.5)
            while (left := pause - time.monotonic()) > 0 and select.select([asking], [], [], left)[0]:
                _note(asking.recv(256), own, set(addresses), found)
    return found


def _note(frame: bytes, own: bytes, wanted: set, found: dict[ipaddress.IPv4Address, set[bytes]]) -> None:
    if len(frame) < _ARP.size:
        return
    *_formats, kind, operation, mac, address, _target_mac, _target = _ARP.unpack_from(frame)[2:]
    holder = ipaddress.IPv4Address(address)
    if kind == 4 and operation in (_ASKS, _TELLS) and holder in wanted and mac != own:
        found.setdefault(holder, set()).add(mac)


__all__ = ("INTERFACE", "MachineError", "give_address", "in_place_of", "who_has")
