# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The survey: the whole inventory read and checked at once. Whatever is published or explained went through here."""

from __future__ import annotations

import dataclasses
import functools
import itertools
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from .._boot.programs import Program, read_programs
from .._butane.files import NO_FILES_DIR
from .._disks.owners import Segment, check_owners
from .._files.check import THIS_FILE
from .._network.networks import VARIABLE, Network, read_networks
from .._network.pairs import check_homes, check_overlaps, check_pairs, with_peers
from .._node import (
    FRAGMENT,
    NODE,
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
from .._node.merge import DELETE
from .._publish.leaks import leaks
from .._publish.tree import build_config, check_disks_of_others, check_fleet, check_racks, network_of, remarks_on
from .._schema.problem import INVENTORY, InventoryError, Problem
from .._schema.role_words import ROLE_WORDS, check
from .hostvars import BY_HAND, ITS_VARIABLES, UNREADABLE, Variables, home_of, plain_texts
from .origin import origin_of
from .parallel import spread

NODES = "flatcar_nodes"
BOOT_HOSTS = "boot_hosts"
FILES_DIR = "fleet_files_dir"
_REACHED_AT = "ansible_host"

#: The variables of nodes that the tables have.
OWN_NAMES = frozenset(row.name for row in NODE)

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
    """``fleets`` are by boot host. They are whole only if there are no ``problems``.

    ``warnings`` are what people should know; ``placeholders`` what an example has in place of their own, which is not published.
    """

    nodes: tuple[Node, ...]
    fleets: Mapping[str, Fleet]
    problems: tuple[Problem, ...]
    warnings: tuple[Problem, ...] = ()
    placeholders: tuple[Problem, ...] = ()

    def checked(self) -> Survey:
        """Raises ``InventoryError`` with all problems if there are any."""
        if self.problems:
            raise InventoryError(self.problems)
        return self

    def publishable(self) -> Survey:
        """``checked``, and without placeholders."""
        if self.problems or self.placeholders:
            raise InventoryError((*self.problems, *self.placeholders))
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
    files = variables.check_files([*variables.group(BOOT_HOSTS), *variables.group(NODES)])
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
    problems = [*files.problems, *_not_said_of_files(problems, files.problems)]
    problems = problems or [_idle(host, boot_hosts[host]) for host, fleet in fleets.items() if not fleet.nodes]
    warnings = [*files.warnings, *(warning for reading in readings for warning in reading.warnings)]
    right = tuple(reading.node for reading in readings if reading.node and not reading.problems)
    remarks = [remark for reading in readings for remark in _remarks_of(reading)]
    warnings += [problem for problem, placeholder in remarks if not placeholder]
    placeholders = tuple(problem for problem, placeholder in remarks if placeholder)
    return Survey(right, fleets, tuple(problems), tuple(warnings), placeholders)


def _remarks_of(reading: _NodeReading) -> list[tuple[Problem, bool]]:
    """Once, however many boot hosts serve a node."""
    return next((one.remarks for one in (*reading.built.values(), reading.homeless) if one), [])


def _not_said_of_files(problems: Iterable[Problem], files: Iterable[Problem]) -> list[Problem]:
    """What is left to say where the files have been found wrong: not twice of one place, nor that a file cannot be read."""
    places = {tuple(problem.origin) for problem in files}
    unreadable = any(problem.path == THIS_FILE for problem in files)

    def is_said(problem: Problem) -> bool:
        if unreadable and problem.path == ITS_VARIABLES and problem.message.startswith(UNREADABLE):
            return True
        return tuple(problem.origin or origin_of(problem.value) or ()) in places

    return [problem for problem in problems if not is_said(problem)] if places else list(problems)


class _Built(NamedTuple):
    """A node's Ignition config, and what is wrong with it; the config is None then.

    ``remarks`` are what people should know, each with whether it is a placeholder.
    """

    config: Mapping[str, Any] | None
    problems: list[Problem]
    remarks: list[tuple[Problem, bool]]


class _NodeReading(NamedTuple):
    """A node with ``problems`` is known as far as its place goes, or not at all.

    ``built`` has its config for the directories of files of the boot hosts that serve it; ``homeless`` is that of a node
    that stands nowhere yet, or behind a boot host that has problems of its own. ``rest`` is the node as far as it is right, with
    stand-ins for what is needed: what else is wrong with it can be found by that.
    """

    node: Node | None
    problems: list[Problem]
    built: Mapping[str | None, _Built] = {}
    homeless: _Built | None = None
    rest: Node | None = None
    warnings: tuple[Problem, ...] = ()


def _read_and_build(name: str, variables: Variables, boot_hosts: Iterable[_BootHost], everywhere: bool) -> _NodeReading:
    """All that can be known of a node without the others: what costs most, done for one node after the other."""
    reading = _read_node(name, variables)
    if reading.rest:
        return reading._replace(problems=reading.problems + _behind(reading, boot_hosts), rest=None)
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


def _behind(reading: _NodeReading, boot_hosts: Iterable[_BootHost]) -> list[Problem]:
    """What is wrong with the Butane of a node whose variables are wrong, too: who mends those shall not find it then.

    Only fragments are looked at that are a whole without the others: what a wrong variable would have made is not there.
    """
    folder = next((host.files_dir for host in boot_hosts if host.files_dir), None)
    problems = map(_in_our_words, build_config(reading.rest, folder, origin_of)[1])
    wrong = {variable_of(problem.path) for problem in reading.problems}
    all_there = not any(name in OWN_NAMES for name in wrong)
    return [
        problem for problem in problems if _is_of_a_fragment(problem) and (all_there or DELETE not in problem.message)
    ]


def _is_of_a_fragment(problem: Problem) -> bool:
    """What nothing stands at has no variable, but a place: a fragment's, because what Kindling makes has none."""
    return bool(FRAGMENT.fullmatch(variable_of(problem.path)) or (problem.path.startswith("$") and problem.origin))


def _build(node: Node, files_dir: str | None, variables: Variables) -> _Built:
    config, found = build_config(node, files_dir, origin_of)
    problems = list(map(_in_our_words, found))
    remarks = []
    if config is not None:
        problems += _kept_back(node, config, variables)
        remarks = remarks_on(node, config, origin_of)
    return _Built(None if problems else config, problems, remarks)


def _in_our_words(problem: Problem) -> Problem:
    """Butane speaks of a folder of files: here a variable names it."""
    if NO_FILES_DIR not in problem.message:
        return problem
    message = f"a path of the controller's needs the folder that it is in: set {FILES_DIR} of the boot host"
    return dataclasses.replace(problem, message=message)


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
    files = [problem for problem in variables.check_files([name]).problems if problem.subject in (name, INVENTORY)]
    boot_hosts = _read_boot_hosts(variables, {})
    reading = _read_and_build(name, variables, boot_hosts.values(), everywhere=False)
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
    rest = None
    if node is None:
        wrong = {variable_of(problem.path) for problem in (*failed, *found)}
        kept = PLACE | (OWNED - wrong)
        node, _problems = read_node(name, {variable: value for variable, value in values.items() if variable in kept})
        rest = _what_is_right(name, values, wrong)
    elif node.ram_disks:
        given = node.given[_RAM_DISKS]
        own = variables.own(name, _RAM_DISKS, given if isinstance(given, list | tuple) else [given])
        node = dataclasses.replace(node, ram_disks=tuple(map(str, own)))
    placed = [_placed(problem, raw, variables) for problem in (*failed, *found)]
    return _NodeReading(node, placed, rest=rest, warnings=tuple(_unprefixed(name, raw, variables)))


#: What a node needs, of nobody's: nothing is said of it.
_STAND_INS = {
    "flatcar_rack": "rack",
    "flatcar_mac": "02:00:00:00:00:01",
    "flatcar_address": "192.0.2.1",
    "flatcar_hostname": "node",
}


def _what_is_right(name: str, values: Mapping[str, Any], wrong: Collection[str]) -> Node | None:
    """The node without what is wrong, or else its fragments alone."""
    right = {variable: value for variable, value in values.items() if variable not in wrong}
    fragments = {variable: value for variable, value in right.items() if FRAGMENT.fullmatch(variable)}
    if not fragments:
        return None
    node, _problems = read_node(name, _STAND_INS | right)
    return node or read_node(name, _STAND_INS | fragments)[0]


#: What would be a node's variable with its prefix.
_BARE_NAMES = {name.removeprefix("flatcar_"): name for name in OWN_NAMES}


def _unprefixed(name: str, raw: Mapping[str, Any], variables: Variables) -> list[Problem]:
    """Variables that would be a node's with their prefix. What its own are made of is there for that."""
    bare = [
        own for own in raw if own in _BARE_NAMES and _BARE_NAMES[own] not in raw and not variables.said_by_hand(own)
    ]
    if not bare:
        return []
    said = " ".join(text for own in node_variables(raw) for text in plain_texts(raw[own]) if "{" in text)
    found = []
    for own in bare:
        if not re.search(rf"\b{re.escape(own)}\b", said):
            message = f"Kindling reads no variable of this name: is {_BARE_NAMES[own]} meant?"
            found.append(Problem(name, own, message, origin=origin_of(next(key for key in raw if key == own))))
    return found


def _of_nodes(names: Iterable[str]) -> list[str]:
    """Unknown variables are refused as they are, whatever their templates would say."""
    own = node_variables(names)
    unknown = set(unknown_variables(own))
    return [name for name in own if name not in unknown]


def _placed(problem: Problem, raw: Mapping[str, Any], variables: Variables) -> Problem:
    if problem.origin or origin_of(problem.value):
        return problem
    if variables.said_by_hand(variable_of(problem.path)):
        return dataclasses.replace(problem, origin=BY_HAND)
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
    placed = [_placed(problem, raw, variables) for problem in problems]
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
