# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole node: all tables in one, and one config made of all layers."""

from __future__ import annotations

import functools
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from .._butane import DEFAULT_VERSION
from .._schema import words
from .._schema.fields import read_fields, unknown_names
from .._schema.problem import InventoryError, Problem
from . import access, boot, clock, disks, identity, network, power, software, updates
from .layer import Layer
from .merge import merge
from .node import Node
from .releases import channel_of, why_unreadable

#: The raw escape hatch: these variables are Butane themselves.
FRAGMENT = re.compile(r"flatcar_butane(_\w+)?")

#: Names of the role ``flatcar_images``, which share the prefix of the node variables.
NOT_OF_NODES = re.compile(r"flatcar_images(_\w+)?")

_VARIABLE = re.compile(r"\w*")

#: In the order of the documentation, and of the layers of a node's config.
CONCERNS = (identity, boot, power, access, network, disks, clock, updates, software)

NODE = tuple(field for concern in CONCERNS for field in concern.FIELDS)
_NAMES = frozenset(field.name for field in NODE)

#: A node's place, and what must be unique about it: enough to look for duplicates among nodes.
PLACE = frozenset(field.name for field in identity.FIELDS)
OWNED = frozenset({"flatcar_install_disk", "flatcar_install_disk_serial", "flatcar_bmc"})

#: All that two machines may both have by mistake: the two above, and NICs that a machine does not boot from.
IDENTITY = PLACE | OWNED | {"flatcar_interfaces"}


def node_variables(variables: Iterable[str]) -> list[str]:
    """The names among *variables* that are about a node."""
    return [name for name in variables if name.startswith("flatcar_") and not NOT_OF_NODES.fullmatch(name)]


def unknown_variables(names: Iterable[str]) -> list[str]:
    """Those of ``node_variables`` that mean nothing."""
    return [name for name in names if name not in _NAMES and not FRAGMENT.fullmatch(name)]


def read_node(
    name: str, variables: Mapping[str, Any], unreadable: Collection[str] = ()
) -> tuple[Node | None, list[Problem]]:
    """The node *name* from its variables, or None and everything that is wrong with them.

    *unreadable* are names of variables that the node has and that cannot be read: they are not reported.
    """
    given = {key: variables[key] for key in node_variables(variables)}
    fragments = {key: given[key] for key in sorted(given) if FRAGMENT.fullmatch(key) and given[key] is not None}
    typed, found = read_fields(NODE, given, name)
    problems = [problem for problem in found if problem.path not in unreadable]
    wrong = {variable_of(problem.path) for problem in problems} | set(unreadable)
    unknown = unknown_names({key: given[key] for key in unknown_variables(given)}, _NAMES, name)
    problems += [_with_a_way_out(problem) for problem in unknown]
    problems += _check_fragments(name, fragments)
    problems += check_name(name)
    problems += _contradictions(name, typed, given, wrong)
    try:
        hostname = None if wrong & identity.hostname_depends_on(given) else identity.hostname_of(name, typed)
    except ValueError as error:
        problems.append(Problem(name, "flatcar_hostname", str(error), given.get("flatcar_hostname_pattern")))
    if problems or unreadable:
        return None, problems
    own = {key.removeprefix("flatcar_"): value for key, value in typed.items()}
    own |= {"hostname": hostname, "channel": channel_of(own["version"], own["channel"])}
    return Node(name=name, given=given, fragments=fragments, **own), []


def _with_a_way_out(problem: Problem) -> Problem:
    """For a name that resembles no other: perhaps it is an option that does not exist."""
    if "did you mean" in problem.message:
        return problem
    return replace(
        problem, message=f"{problem.message}. What has no variable goes into flatcar_butane, which is Butane itself"
    )


def check_name(host: str) -> list[Problem]:
    """What is wrong with a host's name in the inventory: it ends up in lines of scripts and on screens."""
    try:
        words.read("host", host)
    except ValueError as error:
        return [Problem(host, "its name", str(error))]
    return []


def variable_of(path: str) -> str:
    """The variable that a problem's path begins with."""
    return _VARIABLE.match(path).group()


def _check_fragments(name: str, fragments: Mapping[str, Any]) -> list[Problem]:
    return [
        Problem(name, key, "expected a Butane config as a mapping", value)
        for key, value in fragments.items()
        if not isinstance(value, Mapping)
    ]


def _contradictions(
    name: str, typed: Mapping[str, Any], given: Mapping[str, Any], wrong: set[str]
) -> Iterator[Problem]:
    """Conflicts between variables; those that are wrong by themselves are not reported."""
    for concern in (identity, boot, updates):
        for variable, message in concern.check(typed, given):
            if variable not in wrong:
                yield Problem(name, variable, message, given.get(variable))


def warnings(node: Node) -> list[Problem]:
    """What may be unexpected about *node*, though nothing is wrong with it."""
    return [
        Problem(node.name, variable, message, node.given.get(variable)) for variable, message in updates.notices(node)
    ]


def layers(node: Node) -> list[Layer]:
    """The pieces of the node's config, later ones to be merged over earlier ones.

    They are the header, what its ``flatcar_`` variables make, and its fragments in the order of their variables' names.
    """
    header = Layer((), {"variant": "flatcar", "version": DEFAULT_VERSION})
    own = [layer for concern in CONCERNS for layer in concern.layers(node)]
    return [header, *own, *(Layer((variable,), butane) for variable, butane in node.fragments.items())]


def merge_layers(node: Node) -> tuple[dict[str, Any], list[Problem]]:
    """The node's whole Butane config, and what could not be merged from its fragments and was left out."""
    problems: list[Problem] = []
    merged: dict[str, Any] = {}
    laid: list[Layer] = []
    for layer in layers(node):
        merged = merge(merged, layer.butane, refuse=functools.partial(_refuse, problems, node, layer, laid))
        laid.append(layer)
    return merged, problems


def _refuse(
    problems: list[Problem],
    node: Node,
    layer: Layer,
    laid: Iterable[Layer],
    place: str,
    message: str,
    entry: Any,
    inherited: Any,
) -> None:
    variable = _said_by(layer, node)
    giver = (
        next((one for one in reversed([*laid]) if _holds(one.butane, inherited)), None)
        if inherited is not None
        else None
    )
    if giver:
        message += f". It is inherited from {_said_by(giver, node) or giver.variables[0]}"
    path = f"{variable}: {place}" if place else variable
    problems.append(Problem(node.name, path, message, entry, other=_place_of(giver, node, inherited)))


def _said_by(layer: Layer, node: Node) -> str:
    return next((name for name in layer.variables if node.given.get(name) is not None), "")


def _holds(value: Any, wanted: Any) -> bool:
    """Whether *wanted* itself, and not an equal value, is somewhere in *value*."""
    if isinstance(value, Mapping):
        return any(_holds(inner, wanted) for inner in value.values())
    if isinstance(value, list | tuple):
        return any(_holds(inner, wanted) for inner in value)
    return value is wanted


def _place_of(giver: Layer | None, node: Node, inherited: Any) -> Any:
    """What has the place in the inventory: a fragment's own value, or the variable that a string was made from."""
    variable = _said_by(giver, node) if giver else ""
    return inherited if FRAGMENT.fullmatch(variable) else node.given.get(variable)


def to_butane(node: Node) -> dict[str, Any]:
    """The node's whole Butane config. Raises ``InventoryError`` with everything that cannot be merged."""
    merged, problems = merge_layers(node)
    if problems:
        raise InventoryError(problems)
    return merged


def check_butane(node: Node, butane: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What the transpiler would accept in the node's config and the machine would not: the path in it, and why."""
    version = butane.get("version")
    if isinstance(version, str):
        why = why_unreadable(version, node.version, node.channel)
        if why:
            yield "version", why
    in_ram = node.boot_mode == "ram"
    for path, message in disks.storage_mistakes(butane.get("storage"), in_ram):
        yield f"storage.{path}", message
    if in_ram and butane.get("kernel_arguments"):
        yield "kernel_arguments", "Ignition cannot change them in RAM, and the boot fails: use flatcar_kernel_arguments"


__all__ = (
    "FRAGMENT",
    "IDENTITY",
    "NODE",
    "OWNED",
    "PLACE",
    "Node",
    "check_butane",
    "check_name",
    "layers",
    "merge_layers",
    "node_variables",
    "read_node",
    "to_butane",
    "unknown_variables",
    "variable_of",
    "warnings",
)
