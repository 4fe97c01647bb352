# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A node's Ignition config, with everything that is wrong with it or worth knowing, each at its place in the inventory."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from .._butane import translate
from .._butane.local_configs import with_local_configs
from .._disks.disk_names import world_identities
from .._disks.losses import unnamed_in_ram
from .._disks.owners import installed_disks, said_of_disk
from .._disks.storage import Storage
from .._final import contents, impossible, remarks, two_sides, unit_files
from .._final.configs import configs_in, has_unread
from .._final.two_sides import contradictions
from .._install import check_config
from .._node import FRAGMENT, Node, check_butane, merge_layers, variable_of
from .._node.provenance import OriginOf, source_at, traced_butane
from .._schema.problem import Problem
from . import config_words


def build_config(
    node: Node, files_dir: str | None = None, origin_of: OriginOf | None = None
) -> tuple[dict[str, Any] | None, list[Problem]]:
    """The node's Ignition config, or None and everything that is wrong with its Butane."""
    butane, problems = merge_layers(node)
    readable, refused = with_local_configs(butane, files_dir)
    result = translate(readable, files_dir=files_dir, strict=True, origin_of=origin_of)
    found = [(f"$.{one.path}", one.message, one.origin) for one in refused]
    found += [(entry.path, entry.message, entry.origin) for entry in result.report]
    found += [(f"$.{path}", message, None) for path, message in check_butane(node, butane)]
    if result.config and not refused:
        wrong = _config_mistakes(node, result.config)
        found += [(_path_of(path, result.authors_path), message, None) for path, message in wrong]
    problems += with_sources(node, found, origin_of or (lambda _value: None))
    problems += _said_twice(node, butane, origin_of or (lambda _value: None))
    return (None if problems else result.config), problems


def _said_twice(node: Node, butane: Mapping[str, Any], origin_of: OriginOf) -> Iterator[Problem]:
    """Settings that both a variable and a fragment make, with the places of both."""
    for one in contradictions(node, butane):
        if one.variables:
            found = [(f"$.{one.path}", two_sides.message(one), None)]
            for problem in with_sources(node, found, origin_of):
                yield dataclasses.replace(problem, other=node.given[one.variables[0]])


def _config_mistakes(node: Node, config: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What is wrong with a config that the transpiler accepts."""
    yield from config_words.mistakes(config)
    yield from check_config(config)
    storage = Storage(node, config)
    yield from storage.mistakes()
    configs, wrong = configs_in(node, config)
    yield from wrong
    if not wrong:  # what cannot be read is not reported twice
        yield from unnamed_in_ram(node, storage)
    yield from impossible.mistakes(node, configs, storage)
    for one in configs:
        yield from config_words.mistakes_within(one)
        yield from contents.mistakes(one)
        yield from unit_files.mistakes(one)


def remarks_on(node: Node, config: Mapping[str, Any], origin_of: OriginOf | None = None) -> list[tuple[Problem, bool]]:
    """What people should know about a valid *config*, each with whether it is a placeholder, which is not published."""
    configs, _wrong = configs_in(node, config)
    found = list(remarks.remarks(node, configs, unread=has_unread(configs)))
    places = [(_path_of(one.path), one.message, None) for one in found]
    problems = with_sources(node, places, origin_of or (lambda _value: None))
    return list(zip(problems, (one.placeholder for one in found), strict=True))


def can_be_entered(node: Node, config: Mapping[str, Any]) -> bool:
    """Whether anybody can log in to a machine with this *config*."""
    configs, _wrong = configs_in(node, config)
    return remarks.can_be_entered(node, configs, unread=has_unread(configs))


def _path_of(path: str, authors_path: Callable[[tuple], tuple] = lambda path: path) -> str:
    """A variable as it is; a path of the final config as the author's, who wrote a tree where there are now files."""
    if path.startswith("flatcar_"):
        return path
    steps = tuple(int(step) if step.isdecimal() else step for step in path.split("."))
    return ".".join(map(str, ("$", *authors_path(steps))))


def check_disks_of_others(
    nodes: Iterable[Node], configs: Iterable[tuple[Node, Mapping[str, Any]]], origin_of: OriginOf | None = None
) -> list[Problem]:
    """Configs that affect disks that other machines are installed to: on a SAN, the other machine's system would be lost."""
    owners = installed_disks(nodes)
    problems = []
    for node, config in configs if owners else ():
        for path, message, first in _taken_from_others(node, Storage(node, config), owners):
            found = with_sources(node, [(f"$.{path}", message, None)], origin_of or (lambda _value: None))
            problems += [dataclasses.replace(problem, other=said_of_disk(first)) for problem in found]
    return problems


def _taken_from_others(node: Node, storage: Storage, owners: Mapping[str, Node]) -> Iterator[tuple[str, str, Node]]:
    told = set()
    for use in storage.uses:
        for place in storage.places(use.device) if use.loss else ():
            names = sorted(world_identities(place.disk))
            first = next((owners[name] for name in names if owners.get(name, node).name != node.name), None)
            if first and (use.path, place.disk) not in told:
                told.add((use.path, place.disk))
                yield use.path, f"{place.disk} is the disk that {first.name} is installed to: {use.loss}", first


def with_sources(node: Node, found: Iterable[tuple[str, str, Any]], origin_of: OriginOf) -> list[Problem]:
    """Problems at paths of the merged config, each with the variable that sets the value there and its place.

    If no other place is known, it is that of the machine's own MAC address.
    """
    found = list(found)
    traced = traced_butane(node, origin_of) if found else {}
    problems = []
    for path, message, origin in found:
        if path.startswith("flatcar_"):
            problems.append(_of_variable(node, path, message))
            continue
        source = source_at(traced, path.split(".")[1:])
        if source and source.variable:
            own = origin if FRAGMENT.fullmatch(source.variable) else None  # our own values have no place
            path, origin = f"{source.variable}: {path}", own or source.origin
        problems.append(Problem(node.name, path, message, node.given["flatcar_mac"], origin))
    return problems


def _of_variable(node: Node, path: str, message: str) -> Problem:
    return Problem(node.name, path, message, node.given.get(variable_of(path)) or node.given["flatcar_mac"])


__all__ = ("build_config", "can_be_entered", "check_disks_of_others", "remarks_on", "with_sources")
