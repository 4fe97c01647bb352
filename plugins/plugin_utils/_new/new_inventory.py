# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A first inventory, written from a few answers: one boot host, one network, one rack and its machines."""

from __future__ import annotations

import csv
import io
import ipaddress
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import yaml

from .._schema import fields, words
from .._schema.fields import Field
from .._schema.problem import InventoryError, Problem

#: Addresses below this host number of a network are usually routers and servers.
_FIRST_HOST = 11

_COLUMNS = ("name", "mac", "address", "install_disk")
_SUBJECT = "the new inventory"

ANSWERS = (
    Field("new_boot_host", fields.word("host"), "the boot host's name in the inventory", default="boot-a"),
    Field("new_reached_at", fields.server, "its name or address, by which Ansible reaches it over SSH", required=True),
    Field("new_user", fields.word("login"), "the user that logs in there and may become root by sudo", default="root"),
    Field("new_interface", fields.word("interface"), "its interface on the rack's network", required=True),
    Field("new_subnet", fields.subnet, "the rack's network, such as 10.10.0.0/24", required=True),
    Field("new_gateway", fields.address, "the router that machines are given; none when not given"),
    Field(
        "new_mode",
        fields.choice("authoritative", "proxy", "none"),
        "authoritative: Kindling alone answers DHCP; proxy: another server gives addresses; none: that server is told everything",
        default="authoritative",
    ),
    Field("new_rack", fields.word("rack"), "the rack's name", default="rack-a"),
    Field("new_key", words.authorized_key, "the SSH public key that logs in to the machines", required=True),
)


class Machine(NamedTuple):
    """One line of answers. ``install_disk`` is the disk that it may be installed to; it boots into RAM without one."""

    name: str
    mac: str
    address: ipaddress.IPv4Address
    install_disk: str | None = None


_MACHINE = (
    Field("name", fields.word("host"), "the machine's name", required=True),
    Field("mac", fields.mac, "the MAC address that it boots from", required=True),
    Field("address", fields.address, "its address; the next free one of the network when not given"),
    Field("install_disk", fields.word("disk"), "the disk that it may be installed to"),
)


def files_of(given: Mapping[str, Any], machines: str) -> dict[str, str]:
    """The inventory's files by their path, from the *given* answers and a CSV text of *machines*.

    Raises ``InventoryError`` with everything that is wrong with either.
    """
    answers, problems = fields.read_fields(ANSWERS, {name: value or None for name, value in given.items()}, _SUBJECT)
    found, wrong = _read_machines(machines, answers)
    if problems or wrong:
        raise InventoryError([*problems, *wrong])
    return dict(_files(answers, found))


def _read_machines(text: str, answers: Mapping[str, Any]) -> tuple[list[Machine], list[Problem]]:
    """The machines in a CSV text. Its first line may name the columns; the order is that of ``_COLUMNS`` otherwise."""
    rows = [[cell.strip() for cell in row] for row in csv.reader(io.StringIO(text)) if any(map(str.strip, row))]
    columns = _COLUMNS
    if rows and {"name", "mac"} <= {cell.lower() for cell in rows[0]}:
        columns, rows = tuple(cell.lower() for cell in rows[0]), rows[1:]
    unknown = [column for column in columns if column not in _COLUMNS]
    if unknown:
        return [], [_problem("machines", f"unknown column {', '.join(unknown)}; known are {', '.join(_COLUMNS)}")]
    if not rows:
        return [], [_problem("machines", "missing: a line NAME,MAC for each machine, such as a01,52:54:00:12:a0:01")]
    return _machines(rows, columns, answers)


def _machines(
    rows: list[list[str]], columns: tuple[str, ...], answers: Mapping[str, Any]
) -> tuple[list[Machine], list[Problem]]:
    machines, problems, seen = [], [], set()
    free = _free_addresses(rows, columns, answers)
    for number, row in enumerate(rows, 1):
        place = f"machines line {number}: "
        if len(row) > len(columns):
            problems.append(_problem(place.rstrip(": "), f"expected {', '.join(columns)}, got {len(row)} columns"))
            continue
        typed, found = fields.read_fields(
            _MACHINE, {name: cell or None for name, cell in zip(columns, row, strict=False)}, _SUBJECT, place
        )
        typed["address"] = typed["address"] or next(free, None)
        if not found and answers["new_subnet"] and typed["address"] is None:
            found = [_problem(place.rstrip(": "), f"{answers['new_subnet']} has no free address left")]
        for what in ("name", "mac", "address"):
            if typed[what] and (what, typed[what]) in seen:
                found.append(_problem(f"{place}{what}", f"{typed[what]} is another machine's, too"))
            seen.add((what, typed[what]))
        if typed["name"] == answers["new_boot_host"]:
            found.append(_problem(f"{place}name", f"{typed['name']} is the boot host's name"))
        problems += found
        if not found:
            machines.append(Machine(**typed))
    return machines, problems


def _free_addresses(
    rows: list[list[str]], columns: tuple[str, ...], answers: Mapping[str, Any]
) -> Iterator[ipaddress.IPv4Address]:
    """The network's addresses that nothing among the answers has, from the eleventh on."""
    network = answers["new_subnet"]
    if network is None:
        return
    place = columns.index("address") if "address" in columns else None
    taken = {row[place] for row in rows if place is not None and place < len(row)}
    taken |= {str(answers["new_gateway"]), str(answers["new_reached_at"])}
    for number in range(min(_FIRST_HOST, max(network.num_addresses - 2, 1)), network.num_addresses - 1):
        if str(network[number]) not in taken:
            yield network[number]


def _problem(path: str, message: str) -> Problem:
    return Problem(_SUBJECT, path, message)


# The files -----------------------------------------------------------------------------------------------------------------


def _files(answers: Mapping[str, Any], machines: list[Machine]) -> Iterator[tuple[str, str]]:
    boot_host, rack = answers["new_boot_host"], answers["new_rack"]
    group = _group_of(rack)
    names = "".join(f"        {_scalar(machine.name)}:\n" for machine in machines)
    yield (
        "hosts.yml",
        "---\n"
        "# Which machines there are. What is known of one is in host_vars/NAME.yml, what a group has in common in group_vars\n"
        "boot_hosts:\n"
        "  hosts:\n"
        f"    {_scalar(boot_host)}:\n"
        f"      ansible_host: {_scalar(answers['new_reached_at'])}\n"
        f"      ansible_user: {_scalar(answers['new_user'])}\n"
        "flatcar_nodes:\n"
        "  children:\n"
        f"    {group}:\n"
        f"      hosts:\n{names}",
    )
    gateway = f"    gateway: {answers['new_gateway']}\n" if answers["new_gateway"] else ""
    mode = f"    mode: {answers['new_mode']}\n" if answers["new_mode"] != "authoritative" else ""
    yield (
        f"host_vars/{boot_host}.yml",
        "---\n"
        "# The networks that the boot host serves. Its own address on the interface has to be configured there already\n"
        "kindling_networks:\n"
        f"  - interface: {_scalar(answers['new_interface'])}\n"
        f"    subnet: {answers['new_subnet']}\n"
        f"    racks: [{_scalar(rack)}]\n"
        f"{gateway}{mode}",
    )
    yield (
        f"group_vars/{group}.yml",
        f"---\n# The rack, by the name that it has in the boot host's networks\nflatcar_rack: {_scalar(rack)}\n",
    )
    yield (
        "group_vars/flatcar_nodes.yml",
        f"---\n# Who may log in to every machine, as the user core\nflatcar_authorized_keys:\n  - {_scalar(answers['new_key'])}\n",
    )
    for machine in machines:
        yield f"host_vars/{machine.name}.yml", _machine_file(machine)


def _group_of(rack: str) -> str:
    """The rack's group. It has a prefix, because a rack may be called as a machine is, and begin with a digit."""
    return f"rack_{re.sub(r'[^A-Za-z0-9]', '_', rack).removeprefix('rack_')}"


def _scalar(text: str) -> str:
    """*text* as YAML reads it back: a name may look like a number, and a key's comment like the rest of a mapping."""
    try:
        plain = yaml.safe_load(f"[{text}]") == [text] and yaml.safe_load(f"a: {text}") == {"a": text}
    except (yaml.YAMLError, ValueError):
        plain = False
    return text if plain else json.dumps(text, ensure_ascii=False)


def _machine_file(machine: Machine) -> str:
    mode = (
        "# Boots its own disk, until install.yml installs it there\n"
        f"flatcar_boot_mode: install\nflatcar_install_disk: {_scalar(machine.install_disk)}\n"
        if machine.install_disk
        else "# Runs Flatcar in RAM, and writes to no disk. Without this line it boots its own disk\nflatcar_boot_mode: ram\n"
    )
    return f'---\nflatcar_mac: "{machine.mac}"\nflatcar_address: {machine.address}\n{mode}'


__all__ = ("ANSWERS", "files_of")
