"""The survey: the whole inventory read and checked at once. Whatever is published or explained went through here."""

from __future__ import annotations

import dataclasses
import functools
import itertools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from .._boot.programs import Program, read_programs
from .._disks.owners import Segment, check_owners
from .._network.networks import VARIABLE, Network, read_networks
from .._network.pairs import check_homes, check_overlaps, check_pairs, with_peers
from .._node import (
    OWNED,
    PLACE,
    Node,
    check_name,
    kernel_line,
    node_variables,
    read_node,
    unknown_variables,
    variable_of,
)
from .._publish.leaks import leaks
from .._publish.tree import build_config, check_disks_of_others, check_fleet, check_racks, network_of
from .._schema.problem import InventoryError, Problem
from .._schema.role_words import ROLE_WORDS, check
from .hostvars import Variables, home_of
from .origin import origin_of
from .parallel import spread

NODES = "flatcar_nodes"
BOOT_HOSTS = "boot_hosts"
FILES_DIR = "fleet_files_dir"
_REACHED_AT = "ansible_host"

#: A node's own lines alone say which disks it may lose.
_RAM_DISKS = "flatcar_ram_disks"


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
class Survey:
    """``fleets`` are by boot host. They are whole only if there are no ``problems``."""

    nodes: tuple[Node, ...]
    fleets: Mapping[str, Fleet]
    problems: tuple[Problem, ...]

    def checked(self) -> Survey:
        """Raises ``InventoryError`` with all problems if there are any."""
        if self.problems:
            raise InventoryError(self.problems)
        return self


class Known(NamedTuple):
    """What is known of a boot host besides its variables, which otherwise tell its networks and its files.

    Without ``facts`` about its interfaces, all is checked that can be checked without.
    """

    facts: Mapping[str, Any] | None = None
    networks: Any = None
    files_dir: str | None = None


def survey(variables: Variables, wanted: Mapping[str, Known]) -> Survey:
    """All nodes of the inventory, and the fleets of the *wanted* boot hosts."""
    boot_hosts = _read_boot_hosts(variables, wanted)
    asked = {host: boot_hosts[host] for host in wanted}
    everywhere = asked.keys() == boot_hosts.keys()
    read = functools.partial(_read_and_build, variables=variables, boot_hosts=asked.values(), everywhere=everywhere)
    readings = spread(read, variables.group(NODES))
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
    problems = problems or [_idle(host, boot_hosts[host]) for host, fleet in fleets.items() if not fleet.nodes]
    right = tuple(reading.node for reading in readings if reading.node and not reading.problems)
    return Survey(right, fleets, tuple(problems))


class _Built(NamedTuple):
    """A node's Ignition config, and what is wrong with it; the config is None then."""

    config: Mapping[str, Any] | None
    problems: list[Problem]


class _NodeReading(NamedTuple):
    """A node with ``problems`` is known as far as its place goes, or not at all.

    ``built`` has its config for the directories of files of the boot hosts that serve it; ``homeless`` is that of a node
    that stands nowhere yet, or behind a boot host that has problems of its own.
    """

    node: Node | None
    problems: list[Problem]
    built: Mapping[str | None, _Built] = {}
    homeless: _Built | None = None


def _read_and_build(name: str, variables: Variables, boot_hosts: Iterable[_BootHost], everywhere: bool) -> _NodeReading:
    """All that can be known of a node without the others: what costs most, done for one node after the other."""
    reading = _read_node(name, variables)
    if not reading.node or reading.problems:
        return reading
    serving = {host.files_dir for host in boot_hosts if network_of(reading.node, host.networks)}
    if serving:
        built = {folder: _build(reading.node, folder, variables) for folder in serving}
        return reading._replace(built=built)
    if everywhere:
        folder = next((host.files_dir for host in boot_hosts if host.files_dir), None)
        return reading._replace(homeless=_build(reading.node, folder, variables))
    return reading


def _build(node: Node, files_dir: str | None, variables: Variables) -> _Built:
    config, problems = build_config(node, files_dir, origin_of)
    if config is not None:
        problems += _kept_back(node, config, variables)
    return _Built(None if problems else config, problems)


def _kept_back(node: Node, config: Mapping[str, Any], variables: Variables) -> Iterator[Problem]:
    """What is out of a vault and would be served, to a node that has not said that it may be."""
    if node.boot_mode == "disk" or node.serve_secrets:
        return
    for secret, place in leaks(config, kernel_line(node), variables.secrets(node.name)):
        message = (
            f"it is out of a vault, and would be served to the network in {place}: bring it to the machine by another "
            "way, or set flatcar_serve_secrets: true"
        )
        yield Problem(node.name, secret.variable, message, origin=secret.origin)


def _check_fleet(boot_host: _BootHost, readings: Iterable[_NodeReading]) -> tuple[Fleet, list[Problem]]:
    """The places are those of all nodes: who mends one mistake shall not find the next behind it."""
    own = [r for r in readings if r.node and network_of(r.node, boot_host.networks)]
    built = {r.node.name: r.built[boot_host.files_dir] for r in own if not r.problems}
    refused = [problem for found in built.values() for problem in found.problems]
    misplaced = check_fleet([reading.node for reading in own], boot_host.networks)
    right = tuple(reading.node for reading in own if not reading.problems)
    configs = {name: found.config for name, found in built.items() if found.config is not None}
    programs, unbootable = read_programs(right, boot_host.files_dir, boot_host.debian)
    fleet = Fleet(boot_host.networks, right, configs, boot_host.files_dir, tuple(programs))
    return fleet, [*boot_host.problems, *misplaced, *refused, *unbootable]


def _check_owners(nodes: Iterable[Node], boot_hosts: Mapping[str, _BootHost]) -> list[Problem]:
    segments = [
        Segment(host, network, boot_host.given[number])
        for host, boot_host in boot_hosts.items()
        for number, network in enumerate(boot_host.networks)
    ]
    reached_at = {host: boot_host.reached_at for host, boot_host in boot_hosts.items() if boot_host.reached_at}
    return check_owners(nodes, segments, reached_at)


def _built(readings: Iterable[_NodeReading]) -> Iterator[tuple[Node, Mapping[str, Any]]]:
    """Each node that has a config, with one: what it says of disks is the same for every boot host."""
    for reading in readings:
        built = (one.config for one in (*reading.built.values(), reading.homeless) if one and one.config is not None)
        yield from ((reading.node, config) for config in itertools.islice(built, 1))


def _check_homes(nodes: Iterable[Node], boot_hosts: Mapping[str, _BootHost]) -> list[Problem]:
    """That every node has one boot host, or a pair, as far as the boot hosts' networks can be read."""
    networks = {host: boot_host.networks for host, boot_host in boot_hosts.items()}
    unreadable = [host for host, boot_host in boot_hosts.items() if boot_host.problems]
    given = {host: boot_host.given for host, boot_host in boot_hosts.items()}
    problems = [*check_pairs(networks, given, unreadable), *check_overlaps(networks, given)]
    problems += check_homes(nodes, networks)
    if all(boot_host.racks is not None for boot_host in boot_hosts.values()):
        problems += check_racks(nodes, _racks_of(boot_hosts))
    return problems


def _idle(host: str, boot_host: _BootHost) -> Problem:
    racks = ", ".join(rack for network in boot_host.networks for rack in network.racks)
    message = (
        f"no machine in the group {NODES} stands in a rack of this boot host ({racks}): set flatcar_rack of a node"
    )
    return Problem(host, VARIABLE, message, boot_host.given)


def survey_of_node(name: str, variables: Variables) -> tuple[str, Fleet]:
    """The boot host that serves the node *name*, and a fleet of that node alone. Raises ``InventoryError``."""
    boot_hosts = _read_boot_hosts(variables, {})
    reading = _read_and_build(name, variables, boot_hosts.values(), everywhere=False)
    problems = reading.problems or check_homes([reading.node], {host: b.networks for host, b in boot_hosts.items()})
    if problems:
        raise InventoryError(problems)
    for host, boot_host in boot_hosts.items():
        if network_of(reading.node, boot_host.networks):
            fleet, problems = _check_fleet(boot_host, [reading])
            if problems:
                raise InventoryError(problems)
            return host, fleet
    problems = [problem for boot_host in boot_hosts.values() for problem in boot_host.problems]
    raise InventoryError(problems or check_racks([reading.node], _racks_of(boot_hosts)))


def fleet_of(host: str, names: Iterable[str], variables: Variables, known: Known) -> Fleet:
    """The boot host *host* with the nodes *names* alone, of an inventory that was checked as a whole before.

    Raises ``InventoryError``.
    """
    boot_host = _read_boot_hosts(variables, {host: known})[host]
    read = functools.partial(_read_and_build, variables=variables, boot_hosts=[boot_host], everywhere=False)
    readings = spread(read, names)
    fleet, problems = _check_fleet(boot_host, readings)
    problems += [problem for reading in readings for problem in reading.problems]
    if problems:
        raise InventoryError(problems)
    return fleet


def _read_node(name: str, variables: Variables) -> _NodeReading:
    values, failed, raw = variables.read(name, _of_nodes)
    if failed and not raw:
        return _NodeReading(None, failed)
    unknown = {variable: raw[variable] for variable in unknown_variables(node_variables(raw))}
    unreadable = {variable_of(problem.path) for problem in failed}
    node, found = read_node(name, values | unknown, unreadable)
    if node is None:
        wrong = {variable_of(problem.path) for problem in (*failed, *found)}
        kept = PLACE | (OWNED - wrong)
        node, _problems = read_node(name, {variable: value for variable, value in values.items() if variable in kept})
    elif node.ram_disks:
        given = node.given[_RAM_DISKS]
        own = variables.own(name, _RAM_DISKS, given if isinstance(given, list | tuple) else [given])
        node = dataclasses.replace(node, ram_disks=tuple(map(str, own)))
    return _NodeReading(node, [_placed(problem, raw) for problem in (*failed, *found)])


def _of_nodes(names: Iterable[str]) -> list[str]:
    """Unknown variables are refused as they are, whatever their templates would say."""
    own = node_variables(names)
    unknown = set(unknown_variables(own))
    return [name for name in own if name not in unknown]


def _placed(problem: Problem, raw: Mapping[str, Any]) -> Problem:
    if problem.origin or origin_of(problem.value):
        return problem
    return dataclasses.replace(problem, origin=home_of(problem.subject, raw))


class _BootHost(NamedTuple):
    """``racks`` are None where nobody can tell them; ``given`` are the networks as the inventory has them.

    ``debian`` is the release that the boot host runs, where its facts tell; ``reached_at``, where Ansible finds it.
    """

    given: Any
    networks: tuple[Network, ...]
    racks: set[str] | None
    files_dir: str | None
    problems: list[Problem]
    debian: int | None = None
    reached_at: str | None = None


def _read_boot_hosts(variables: Variables, known: Mapping[str, Known]) -> dict[str, _BootHost]:
    read = {host: _read_boot_host(host, variables, known.get(host, Known())) for host in variables.group(BOOT_HOSTS)}
    networks = {host: boot_host.networks for host, boot_host in read.items()}
    return {host: boot_host._replace(networks=with_peers(host, networks)) for host, boot_host in read.items()}


def _read_boot_host(host: str, variables: Variables, known: Known) -> _BootHost:
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
    placed = [_placed(problem, raw) for problem in problems]
    release = str((known.facts or {}).get("distribution_major_version", ""))
    debian = int(release) if release.isdigit() else None
    reached_at = variables.read(host, lambda names: [name for name in (_REACHED_AT,) if name in names]).values
    return _BootHost(values[VARIABLE], networks, racks, values[FILES_DIR], placed, debian, reached_at.get(_REACHED_AT))


def _check_role_words(host: str, variables: Variables) -> list[Problem]:
    """Of what the inventory says of the roles; what cannot be read now, they read themselves."""
    return check(host, variables.read(host, lambda names: [name for name in ROLE_WORDS if name in names]).values)


def _racks_named(networks: Any) -> Iterator[str]:
    """The racks that networks name, however wrong they are otherwise: their nodes have a home."""
    for network in networks if isinstance(networks, list | tuple) else ():
        racks = network.get("racks") if isinstance(network, Mapping) else None
        yield from (rack for rack in (racks if isinstance(racks, list | tuple) else [racks]) if isinstance(rack, str))


def racks_of(host: str, variables: Variables) -> set[str]:
    """The racks on the networks of the boot host *host*, as far as its variables can be read."""
    read = variables.read(host, lambda names: [name for name in (VARIABLE,) if name in names])
    return set(_racks_named(read.values.get(VARIABLE)))


def _racks_of(boot_hosts: Mapping[str, _BootHost]) -> set[str]:
    return {rack for boot_host in boot_hosts.values() for rack in boot_host.racks or ()}


__all__ = ("BOOT_HOSTS", "NODES", "Fleet", "Known", "Survey", "fleet_of", "racks_of", "survey", "survey_of_node")
