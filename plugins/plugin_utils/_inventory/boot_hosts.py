# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The boot hosts of an inventory: their networks, and what their variables say."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from .._network.networks import VARIABLE, Network, read_networks
from .._network.pairs import with_peers
from .._node import (
    check_name,
    node_variables,
    unknown_variables,
    variable_of,
)
from .._schema.problem import InventoryError, Problem
from .._schema.role_words import ROLE_WORDS, check
from .hostvars import BY_HAND, Variables, home_of
from .origin import origin_of

BOOT_HOSTS = "boot_hosts"


FILES_DIR = "fleet_files_dir"


_REACHED_AT = "ansible_host"


class HostFacts(NamedTuple):
    """What is known about a boot host besides its variables, which otherwise determine its networks and its files.

    Without ``facts`` about its interfaces, everything is checked that can be checked without them.
    """

    facts: Mapping[str, Any] | None = None
    networks: Any = None
    files_dir: str | None = None


def of_nodes(names: Iterable[str]) -> list[str]:
    """Unknown variables are refused as they are, whatever their templates would render to."""
    own = node_variables(names)
    unknown = set(unknown_variables(own))
    return [name for name in own if name not in unknown]


def with_place(problem: Problem, raw: Mapping[str, Any], variables: Variables) -> Problem:
    if problem.origin or origin_of(problem.value):
        return problem
    if variables.said_by_hand(variable_of(problem.path)):
        return dataclasses.replace(problem, origin=BY_HAND)
    return dataclasses.replace(problem, origin=home_of(problem.subject, raw))


class BootHost(NamedTuple):
    """``racks`` are None if they cannot be determined; ``given`` are the networks as the inventory has them.

    ``debian`` is the release that the boot host runs, if its facts say so; ``reached_at``, how Ansible reaches it.
    """

    given: Any
    networks: tuple[Network, ...]
    racks: set[str] | None
    files_dir: str | None
    problems: list[Problem]
    debian: int | None = None
    reached_at: str | None = None


def read_boot_hosts(variables: Variables, known: Mapping[str, HostFacts]) -> dict[str, BootHost]:
    read = {
        host: _read_boot_host(host, variables, known.get(host, HostFacts())) for host in variables.group(BOOT_HOSTS)
    }
    networks = {host: boot_host.networks for host, boot_host in read.items()}
    return {host: boot_host._replace(networks=with_peers(host, networks)) for host, boot_host in read.items()}


def _read_boot_host(host: str, variables: Variables, known: HostFacts) -> BootHost:
    values = {VARIABLE: known.networks, FILES_DIR: known.files_dir}
    missing = [name for name, value in values.items() if value is None]
    read, failed, raw = variables.read(host, lambda names: [name for name in missing if name in names])
    values |= read
    networks: tuple[Network, ...] = ()
    problems = failed
    if values[VARIABLE] is not None or not failed:
        try:
            networks = read_networks(host, values[VARIABLE], known.facts)
        except InventoryError as invalid:
            problems = [*failed, *invalid.problems]
    problems = [*check_name(host), *problems, *_check_role_words(host, variables)]
    racks = None if failed else set(_racks_named(values[VARIABLE]))
    placed = [with_place(problem, raw, variables) for problem in problems]
    release = str((known.facts or {}).get("distribution_major_version", ""))
    debian = int(release) if release.isdigit() else None
    reached_at = variables.read(host, lambda names: [name for name in (_REACHED_AT,) if name in names]).values
    return BootHost(values[VARIABLE], networks, racks, values[FILES_DIR], placed, debian, reached_at.get(_REACHED_AT))


def _check_role_words(host: str, variables: Variables) -> list[Problem]:
    """Problems in the variables of the roles; what cannot be read now, the roles check themselves."""
    return check(host, variables.read(host, lambda names: [name for name in ROLE_WORDS if name in names]).values)


def _racks_named(networks: Any) -> Iterator[str]:
    """The racks that networks name, however wrong the networks are otherwise: their nodes are not homeless."""
    for network in networks if isinstance(networks, list | tuple) else ():
        racks = network.get("racks") if isinstance(network, Mapping) else None
        yield from (rack for rack in (racks if isinstance(racks, list | tuple) else [racks]) if isinstance(rack, str))


def racks_of(host: str, variables: Variables) -> set[str]:
    """The racks on the networks of the boot host *host*, as far as its variables can be read."""
    read = variables.read(host, lambda names: [name for name in (VARIABLE,) if name in names])
    return set(_racks_named(read.values.get(VARIABLE)))


def racks_everywhere(boot_hosts: Mapping[str, BootHost]) -> set[str]:
    return {rack for boot_host in boot_hosts.values() for rack in boot_host.racks or ()}


__all__ = (
    "BOOT_HOSTS",
    "FILES_DIR",
    "BootHost",
    "HostFacts",
    "of_nodes",
    "racks_everywhere",
    "racks_of",
    "read_boot_hosts",
    "with_place",
)
