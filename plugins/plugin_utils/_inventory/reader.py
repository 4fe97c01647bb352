# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole inventory, read and checked at once. Everything published or explained has passed through here."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from .._boot.programs import Program, read_programs
from .._disks.owners import Segment, check_owners
from .._files.check import THIS_FILE
from .._network.networks import VARIABLE, Network
from .._network.pairs import check_homes, check_overlaps, check_pairs
from .._node import (
    Node,
)
from .._publish.config import check_disks_of_others
from .._publish.places import check_fleet, check_racks, network_of
from .._schema.problem import INVENTORY, InventoryError, Problem
from .boot_hosts import BOOT_HOSTS, BootHost, HostFacts, racks_everywhere, read_boot_hosts
from .hostvars import ITS_VARIABLES, UNREADABLE, Variables
from .node_readings import NodeReading, read_and_build, read_and_pack, read_identity
from .origin import origin_of
from .packed import PackedValues
from .parallel import parallel_map
from .remembered import Remembered, remember, with_record

NODES = "flatcar_nodes"


@dataclass(frozen=True)
class Fleet:
    """A boot host's networks, and the nodes in their racks.

    ``configs`` are the Ignition configs by node, ``programs`` the operator's boot programs that nodes ask for.
    """

    networks: tuple[Network, ...]
    nodes: tuple[Node, ...]
    configs: Mapping[str, Mapping[str, Any]]
    files_dir: str | None
    programs: tuple[Program, ...] = ()


@dataclass(frozen=True)
class InventoryReading:
    """``fleets`` are by boot host. They are complete only if there are no ``problems``.

    ``warnings`` are what people should know; ``placeholders`` are values of the example that were not replaced; they are not
    published.
    """

    nodes: tuple[Node, ...]
    fleets: Mapping[str, Fleet]
    problems: tuple[Problem, ...]
    warnings: tuple[Problem, ...] = ()
    placeholders: tuple[Problem, ...] = ()

    def checked(self) -> InventoryReading:
        """Raises ``InventoryError`` with all problems if there are any."""
        if self.problems:
            raise InventoryError(self.problems)
        return self

    def publishable(self) -> InventoryReading:
        """``checked``, and without placeholders."""
        if self.problems or self.placeholders:
            raise InventoryError((*self.problems, *self.placeholders))
        return self


def read_inventory(
    variables: Variables,
    wanted: Mapping[str, HostFacts],
    named: Collection[str] | None = None,
    for_later: bool = False,
) -> InventoryReading:
    """All nodes of the inventory, and the fleets of the *wanted* boot hosts.

    If only some nodes are *named*, the others are in no fleet: of them only what could be in the way of these is read and checked
    (``read_identity``). What is right is remembered *for_later* tasks of the same run.
    """
    files = variables.check_files([*variables.group(BOOT_HOSTS), *variables.group(NODES)])
    boot_hosts = read_boot_hosts(variables, wanted)
    asked = {host: boot_hosts[host] for host in wanted}
    everywhere = asked.keys() == boot_hosts.keys()
    read = functools.partial(read_and_pack, variables=variables, boot_hosts=asked.values(), everywhere=everywhere)

    def read_as_asked(name: str) -> NodeReading:
        if named is not None and name not in named:
            return read_identity(name, variables)
        return with_record(read, name, variables) if for_later else read(name)

    readings = parallel_map(read_as_asked, variables.group(NODES))
    nodes = [reading.node for reading in readings if reading.node]
    problems = [problem for reading in readings for problem in reading.problems]
    problems += _check_owners(nodes, boot_hosts)
    problems += check_disks_of_others(nodes, _built(readings), origin_of)
    fleets = {}
    for host, boot_host in asked.items():
        fleets[host], found = _check_fleet(boot_host, readings)
        problems += found
    problems += _check_homes(nodes, boot_hosts)
    problems += [problem for reading in readings if reading.homeless for problem in reading.homeless.problems]
    problems = [*files.problems, *_not_said_of_files(problems, files.problems)]
    if named is None:
        problems = problems or [_idle(host, boot_hosts[host]) for host, fleet in fleets.items() if not fleet.nodes]
    warnings = [*files.warnings, *(warning for reading in readings for warning in reading.warnings)]
    right = tuple(reading.node for reading in readings if reading.node and reading.whole and not reading.problems)
    remarks = [remark for reading in readings for remark in _remarks_of(reading)]
    warnings += [problem for problem, placeholder in remarks if not placeholder]
    placeholders = tuple(problem for problem, placeholder in remarks if placeholder)
    if for_later and not problems and not placeholders:
        remember(readings)
    return InventoryReading(right, fleets, tuple(problems), tuple(warnings), placeholders)


def _remarks_of(reading: NodeReading) -> list[tuple[Problem, bool]]:
    """Only once, however many boot hosts serve a node."""
    return next((one.remarks for one in (*reading.built.values(), reading.homeless) if one), [])


def _not_said_of_files(problems: Iterable[Problem], files: Iterable[Problem]) -> list[Problem]:
    """What remains to report if the files were found wrong: nothing twice for one place, nor that a file cannot be read."""
    places = {tuple(problem.origin) for problem in files}
    unreadable = any(problem.path == THIS_FILE for problem in files)

    def is_said(problem: Problem) -> bool:
        if unreadable and problem.path == ITS_VARIABLES and problem.message.startswith(UNREADABLE):
            return True
        return tuple(problem.origin or origin_of(problem.value) or ()) in places

    return [problem for problem in problems if not is_said(problem)] if places else list(problems)


def _check_fleet(boot_host: BootHost, readings: Iterable[NodeReading]) -> tuple[Fleet, list[Problem]]:
    """The places are those of all nodes, so that no mistake turns up only after another one is fixed."""
    own = [r for r in readings if r.node and network_of(r.node, boot_host.networks)]
    whole = [r for r in own if r.whole and not r.problems]
    built = {r.node.name: r.built[boot_host.files_dir] for r in whole}
    refused = [problem for found in built.values() for problem in found.problems]
    misplaced = check_fleet([reading.node for reading in own], boot_host.networks)
    right = tuple(reading.node for reading in whole)
    configs = PackedValues({name: found.config for name, found in built.items() if found.config is not None})
    programs, unbootable = read_programs(right, boot_host.files_dir, boot_host.debian)
    fleet = Fleet(boot_host.networks, right, configs, boot_host.files_dir, tuple(programs))
    return fleet, [*boot_host.problems, *misplaced, *refused, *unbootable]


def _check_owners(nodes: Iterable[Node], boot_hosts: Mapping[str, BootHost]) -> list[Problem]:
    segments = [
        Segment(host, network, boot_host.given[number])
        for host, boot_host in boot_hosts.items()
        for number, network in enumerate(boot_host.networks)
    ]
    reached_at = {host: boot_host.reached_at for host, boot_host in boot_hosts.items() if boot_host.reached_at}
    return check_owners(nodes, segments, reached_at)


def _built(readings: Iterable[NodeReading]) -> Iterator[tuple[Node, Mapping[str, Any]]]:
    """Each node that has a config, with one: what it says about disks is the same for every boot host."""
    for reading in readings:
        built = (one.config for one in (*reading.built.values(), reading.homeless) if one and one.config is not None)
        yield from ((reading.node, config.value()) for config in itertools.islice(built, 1))


def _check_homes(nodes: Iterable[Node], boot_hosts: Mapping[str, BootHost]) -> list[Problem]:
    """Whether every node has one boot host, or a pair, as far as the boot hosts' networks can be read."""
    networks = {host: boot_host.networks for host, boot_host in boot_hosts.items()}
    unreadable = [host for host, boot_host in boot_hosts.items() if boot_host.problems]
    given = {host: boot_host.given for host, boot_host in boot_hosts.items()}
    problems = [*check_pairs(networks, given, unreadable), *check_overlaps(networks, given)]
    problems += check_homes(nodes, networks)
    if all(boot_host.racks is not None for boot_host in boot_hosts.values()):
        problems += check_racks(nodes, racks_everywhere(boot_hosts))
    return problems


def _idle(host: str, boot_host: BootHost) -> Problem:
    racks = ", ".join(rack for network in boot_host.networks for rack in network.racks)
    message = (
        f"no machine in the group {NODES} stands in a rack of this boot host ({racks}): set flatcar_rack of a node"
    )
    return Problem(host, VARIABLE, message, boot_host.given)


def read_node_alone(name: str, variables: Variables) -> tuple[str, Fleet]:
    """The boot host that serves the node *name*, and a fleet of that node alone. Raises ``InventoryError``."""
    files = [problem for problem in variables.check_files([name]).problems if problem.subject in (name, INVENTORY)]
    boot_hosts = read_boot_hosts(variables, {})
    reading = read_and_build(name, variables, boot_hosts.values(), everywhere=False)
    problems = [*files, *_not_said_of_files(reading.problems, files)]
    problems = problems or check_homes([reading.node], {host: b.networks for host, b in boot_hosts.items()})
    if problems:
        raise InventoryError(problems)
    for host, boot_host in boot_hosts.items():
        if network_of(reading.node, boot_host.networks):
            fleet, problems = _check_fleet(boot_host, [reading])
            if problems:
                raise InventoryError(problems)
            return host, fleet
    problems = [problem for boot_host in boot_hosts.values() for problem in boot_host.problems]
    raise InventoryError(problems or check_racks([reading.node], racks_everywhere(boot_hosts)))


def read_nodes(names: Iterable[str], variables: Variables) -> dict[str, Fleet]:
    """All boot hosts, each with those of the nodes *names* that have no mistakes of their own. The others are not read."""
    boot_hosts = read_boot_hosts(variables, {})
    read = functools.partial(read_and_pack, variables=variables, boot_hosts=boot_hosts.values(), everywhere=False)
    readings = parallel_map(read, names)
    return {host: _check_fleet(boot_host, readings)[0] for host, boot_host in boot_hosts.items()}


def fleet_of(host: str, names: Iterable[str], variables: Variables, known: HostFacts) -> Fleet:
    """The boot host *host* with the nodes *names* alone, of an inventory that was checked as a whole before.

    Nodes are not read again if they were checked in the same run and have not changed since. Raises ``InventoryError``.
    """
    boot_host = read_boot_hosts(variables, {host: known})[host]
    read = functools.partial(read_and_pack, variables=variables, boot_hosts=[boot_host], everywhere=False)
    remembered = Remembered(variables, boot_host.files_dir)
    found = parallel_map(lambda name: remembered.reading(name) or read(name), names)
    readings = list(map(remembered.with_given, found))
    fleet, problems = _check_fleet(boot_host, readings)
    problems += [problem for reading in readings for problem in reading.problems]
    if problems:
        raise InventoryError(problems)
    return fleet


__all__ = ("NODES", "Fleet", "InventoryReading", "fleet_of", "read_inventory", "read_node_alone", "read_nodes")
