# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One node of an inventory: everything that can be determined without the others, which costs most."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from .._butane.files import NO_FILES_DIR
from .._node import (
    FRAGMENT,
    IDENTITY,
    NODE,
    OWNED,
    PLACE,
    Node,
    kernel_line,
    node_variables,
    read_node,
    unknown_variables,
    variable_of,
)
from .._node.merge import DELETE
from .._publish.config import build_config, remarks_on
from .._publish.leaks import leaks
from .._publish.places import network_of
from .._schema.problem import Problem
from .boot_hosts import FILES_DIR, BootHost, of_nodes, with_place
from .hostvars import Variables, plain_texts
from .origin import origin_of
from .packed import Packed, PackedMapping

#: The variables of nodes that the tables have.
OWN_NAMES = frozenset(row.name for row in NODE)


#: Only a node's own lines say which disks it may lose.
RAM_DISKS = "flatcar_ram_disks"


class Built(NamedTuple):
    """A node's Ignition config, packed, and what is wrong with it; the config is then None.

    ``remarks`` are what people should know, each with whether it is a placeholder.
    """

    config: Packed | None
    problems: list[Problem]
    remarks: list[tuple[Problem, bool]]


class NodeReading(NamedTuple):
    """A node with ``problems`` is known only as far as its place, or not at all.

    ``built`` has its config for the files directories of the boot hosts that serve it; ``homeless`` is that of a node that has no
    place yet, or whose boot host has problems of its own. ``rest`` is the node without its faulty variables, with stand-ins for
    what is required: it serves to find what else is wrong with the node. A reading that is not ``whole`` has the node's identity
    alone. ``record`` is what is to be remembered of it.
    """

    node: Node | None
    problems: list[Problem]
    built: Mapping[str | None, Built] = {}
    homeless: Built | None = None
    rest: Node | None = None
    warnings: tuple[Problem, ...] = ()
    whole: bool = True
    record: bytes | None = None


def read_and_build(name: str, variables: Variables, boot_hosts: Iterable[BootHost], everywhere: bool) -> NodeReading:
    """Everything that can be determined about a node without the others: the most expensive part, done node by node."""
    reading = read_own(name, variables)
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


def read_and_pack(name: str, variables: Variables, boot_hosts: Iterable[BootHost], everywhere: bool) -> NodeReading:
    """``read_and_build`` for one of many nodes: what the inventory gave is looked at only where something is wrong."""
    return _packed(read_and_build(name, variables, boot_hosts, everywhere))


def _packed(reading: NodeReading) -> NodeReading:
    if not reading.node:
        return reading
    given = Packed(dict(reading.node.given))
    names = {key: tuple(getattr(reading.node, key)) for key in ("given", "fragments")}
    node = dataclasses.replace(reading.node, **{key: PackedMapping(own, given) for key, own in names.items()})
    return reading._replace(node=node)


def _behind(reading: NodeReading, boot_hosts: Iterable[BootHost]) -> list[Problem]:
    """Mistakes in the Butane of a node whose variables are wrong, too, so that they do not turn up only after those are fixed.

    Only fragments that are complete without the others are checked: what a wrong variable would have made is missing.
    """
    folder = next((host.files_dir for host in boot_hosts if host.files_dir), None)
    problems = map(_in_our_words, build_config(reading.rest, folder, origin_of)[1])
    wrong = {variable_of(problem.path) for problem in reading.problems}
    all_there = not any(name in OWN_NAMES for name in wrong)
    return [
        problem for problem in problems if _is_of_a_fragment(problem) and (all_there or DELETE not in problem.message)
    ]


def _is_of_a_fragment(problem: Problem) -> bool:
    """What comes from no variable still has a place: a fragment's, because what Kindling itself makes has none."""
    return bool(FRAGMENT.fullmatch(variable_of(problem.path)) or (problem.path.startswith("$") and problem.origin))


def _build(node: Node, files_dir: str | None, variables: Variables) -> Built:
    config, found = build_config(node, files_dir, origin_of)
    problems = list(map(_in_our_words, found))
    remarks = []
    if config is not None:
        problems += _kept_back(node, config, variables)
        remarks = remarks_on(node, config, origin_of)
    return Built(None if problems or config is None else Packed(config), problems, remarks)


def _in_our_words(problem: Problem) -> Problem:
    """Butane speaks of a files directory: here a variable names it."""
    if NO_FILES_DIR not in problem.message:
        return problem
    message = f"a path on the controller is relative to a directory: set {FILES_DIR} for the boot host"
    return dataclasses.replace(problem, message=message)


def _kept_back(node: Node, config: Mapping[str, Any], variables: Variables) -> Iterator[Problem]:
    """What comes from a vault and would be served, for a node that has not allowed that."""
    if node.boot_mode == "disk" or node.serve_secrets:
        return
    for secret, place in leaks(config, kernel_line(node), variables.secrets(node.name)):
        message = (
            f"it comes from a vault, and would be served to the network in {place}: bring it to the machine by another "
            "way, or set flatcar_serve_secrets: true"
        )
        yield Problem(node.name, secret.variable, message, origin=secret.origin)


def read_own(name: str, variables: Variables) -> NodeReading:
    values, failed, raw = variables.read(name, of_nodes)
    if failed and not raw:
        return NodeReading(None, failed)
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
        given = node.given[RAM_DISKS]
        own = variables.own(name, RAM_DISKS, given if isinstance(given, list | tuple) else [given])
        node = dataclasses.replace(node, ram_disks=tuple(map(str, own)))
    placed = [with_place(problem, raw, variables) for problem in (*failed, *found)]
    return NodeReading(node, placed, rest=rest, warnings=tuple(_unprefixed(name, raw, variables)))


def read_identity(name: str, variables: Variables) -> NodeReading:
    """What of a node another one could have as well, by mistake: far cheaper than the rest, which is not checked."""
    values, failed, raw = variables.read(name, lambda names: [one for one in names if one in IDENTITY])
    if failed and not raw:
        return NodeReading(None, failed, whole=False)
    node, found = read_node(name, values, {variable_of(problem.path) for problem in failed})
    return _packed(
        NodeReading(node, [with_place(problem, raw, variables) for problem in (*failed, *found)], whole=False)
    )


#: Stand-ins for what a node requires: nothing is reported about them.
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


#: Names that would be a node's variables with its prefix.
_BARE_NAMES = {name.removeprefix("flatcar_"): name for name in OWN_NAMES}


def _unprefixed(name: str, raw: Mapping[str, Any], variables: Variables) -> list[Problem]:
    """Variables that would be a node's with their prefix. Those that its own variables are built from are deliberate."""
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


__all__ = (
    "OWN_NAMES",
    "RAM_DISKS",
    "Built",
    "NodeReading",
    "read_and_build",
    "read_and_pack",
    "read_identity",
    "read_own",
)
