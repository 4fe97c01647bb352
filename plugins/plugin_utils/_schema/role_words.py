# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The roles' variables that become configuration, scripts or lines on a screen: for each, the form of its words."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from . import words
from .problem import Problem


class Number(NamedTuple):
    """A whole number within bounds for which the result works: the service starts, and a limit takes effect."""

    lowest: int
    highest: int


#: A number's bounds, or a kind of word of ``words.FORMS``; in a list, for each item of a list; in a mapping, for the value of
#: each key. ``KEYS`` is the form of the keys of a mapping with arbitrary keys, and ``VALUES`` that of their values.
Shape = Number | str | list | Mapping[str, Any]

KEYS, VALUES = "(each key)", "(each value)"

_PROGRAM = {"path": "line", "name": "file name", "sha256": "SHA-256", "tag": "tag", "architecture": "architecture"}
_WANTED = {"board": "board", "channel": "channel", "version": "release"}

#: The roles that write what these become.
ROLES = ("dnsmasq", "flatcar_images", "fleet", "ipxe", "records", "web")

#: By variable.
ROLE_WORDS: Mapping[str, Shape] = {
    "dnsmasq_tftp_dir": "path",
    "dnsmasq_reservations_dir": "path",
    "dnsmasq_lease_time": "lease time",
    "dnsmasq_leases_max": Number(1, 10_000_000),
    "dnsmasq_standby_delay": Number(1, 60),
    "dnsmasq_tftp_max": Number(1, 16_000),
    "dnsmasq_strangers_per_second": Number(1, 100_000),
    "dnsmasq_boot_programs": {KEYS: "architecture", VALUES: "file name"},
    "dnsmasq_operator_programs": [_PROGRAM],
    "dnsmasq_program_choices": {KEYS: "tag", VALUES: ["MAC address"]},
    "dnsmasq_packages_there": ["package"],
    "dnsmasq_other_server": "DHCP server",
    "fleet_images": [{**_WANTED, "requested": "release"}],
    "fleet_dir": "path",
    "fleet_files_dir": "line",
    "fleet_images_dir": "path",
    "fleet_installs_dir": "path",
    "fleet_refusal_file": "path",
    "fleet_unasked": ["host"],
    "fleet_key": "key",
    "fleet_web_group": "login",
    "fleet_generation": "generation",
    "flatcar_images_dir": "path",
    "flatcar_images_work_dir": "path",
    "flatcar_images_wanted": [_WANTED],
    "flatcar_images_extra": [_WANTED],
    "flatcar_images_mirrors": ["mirror"],
    "flatcar_images_key": "signing key",
    "flatcar_images_key_fingerprint": "fingerprint",
    "flatcar_images_proxy": "proxy",
    "flatcar_images_no_proxy": "no proxy",
    "flatcar_images_bandwidth": "size",
    "flatcar_images_reserve": "size",
    "flatcar_images_packages_there": ["package"],
    "ipxe_dir": "path",
    "ipxe_programs": ["file name"],
    "ipxe_operator_programs": [_PROGRAM],
    "ipxe_packages_there": ["package"],
    "records_weeks": Number(1, 520),
    "records_reservations_dir": "path",
    "web_root": "path",
    "web_former_dir": "path",
    "web_former_seconds": Number(60, 30 * 86_400),
    "web_images_dir": "path",
    "web_installs_dir": "path",
    "web_programs_dir": "path",
    "web_worker_connections": Number(64, 81_920),
    "web_requests_per_address": Number(1, 65_535),
    "web_access_log": "access log",
    "web_packages_there": ["package"],
}

#: Variables that have tables of their own: ``networks.NETWORK`` and ``node.power.BMC``.
READ_ELSEWHERE = frozenset({"dnsmasq_networks", "fleet_networks", "web_networks", "power_bmc", "power_macs"})

#: Variables that may be empty, meaning unset.
_MAY_BE_EMPTY = frozenset({"flatcar_images_proxy", "flatcar_images_no_proxy", "fleet_key", "fleet_generation"})

#: Kinds of words that may contain a password, or are one: they are not repeated in a message.
SECRET = frozenset({"key", "mirror", "proxy", "signing key"})

_LONGEST_SHOWN = 80


def of_role(role: str) -> list[str]:
    """The names of the variables of *role* that are checked here."""
    return [name for name in ROLE_WORDS if name.startswith(f"{role}_")]


def check(host: str, values: Mapping[str, Any]) -> list[Problem]:
    """What is wrong with the roles' variables among *values*, which *host* has."""
    return [
        Problem(host, path, message, value)
        for name, shape in ROLE_WORDS.items()
        if name in values and not (name in _MAY_BE_EMPTY and not values[name])
        for path, message, value in _mistakes(shape, values[name], name)
    ]


def _mistakes(shape: Shape, value: Any, path: str) -> Iterator[tuple[str, str, Any]]:
    if value is None:
        return
    if isinstance(shape, Number):
        yield from _number(shape, value, path)
    elif isinstance(shape, str):
        yield from _mistake(shape, value, path)
    elif isinstance(shape, list):
        lone = not isinstance(value, Sequence) or isinstance(value, str)
        for number, item in enumerate([value] if lone else value):
            yield from _mistakes(shape[0], item, path if lone else f"{path}[{number}]")
    elif not isinstance(value, Mapping):
        yield path, "expected a mapping", value
    else:
        for key, inner in value.items():
            if KEYS in shape:
                yield from _mistake(shape[KEYS], key, path)
            expected = shape.get(VALUES) or shape.get(key)
            if expected:
                yield from _mistakes(expected, inner, f"{path}.{key}")


def _number(bounds: Number, value: Any, path: str) -> Iterator[tuple[str, str, Any]]:
    """As a role accepts it: ``-e`` gives strings."""
    text = str(value) if isinstance(value, str | int) else ""
    if not re.fullmatch(r"-?[0-9]{1,15}", text) or not bounds.lowest <= int(text) <= bounds.highest:
        yield path, f"expected a whole number from {bounds.lowest} to {bounds.highest}{_got(value)}", value


def _mistake(kind: str, value: Any, path: str) -> Iterator[tuple[str, str, Any]]:
    try:
        words.read(kind, str(value) if isinstance(value, int | float) else value)
    except ValueError as error:
        yield path, f"{error}{_got(value) if kind not in SECRET and isinstance(value, str) else ''}", value


def _got(value: Any) -> str:
    shown = repr(value) if isinstance(value, str | int | float) else type(value).__name__
    return f", got {shown if len(shown) <= _LONGEST_SHOWN else f'{shown[:_LONGEST_SHOWN]}...'}"


__all__ = ("KEYS", "READ_ELSEWHERE", "ROLES", "ROLE_WORDS", "SECRET", "VALUES", "Number", "Shape", "check", "of_role")
