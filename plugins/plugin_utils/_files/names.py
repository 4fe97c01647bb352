# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names defined twice where Ansible keeps one definition, and names that nothing has."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import yaml

from .._schema.fields import nearest
from .._schema.role_words import ROLE_WORDS
from .definitions import Definition, Files, ours
from .documents import pairs, same
from .layout import GROUP, HOST, Source


class Group(NamedTuple):
    """Ansible's precedence: of two groups that define one variable, the deeper one wins, then the one of higher priority, then
    the one whose name sorts later."""

    name: str
    depth: int = 0
    priority: int = 1
    ancestors: frozenset[str] = frozenset()

    @property
    def order(self) -> tuple[int, int, str]:
        return self.depth, self.priority, self.name


Groups = Mapping[str, Sequence[Group]]
"""The groups of each host that Kindling reads, by the host's name."""


class Doubt(NamedTuple):
    """Two definitions of one variable, the first of which does not count for these hosts."""

    lost: Definition
    kept: Definition
    hosts: tuple[str, ...]
    message: str


def given_twice(files: Files, groups: Groups) -> Iterator[Doubt]:
    """One variable of one host or group, in two places of one inventory, with two values."""
    for same_owner in _by(ours(files.definitions), lambda d: (d.name, d.kind, d.owner)):
        last = same_owner[-1]
        for earlier in same_owner[:-1]:
            if earlier.source.rank == last.source.rank and _differ(earlier, last):
                yield Doubt(earlier, last, hosts_of(last, groups), _TWICE.format(last.whose))


_TWICE = "{} has it in two places, with two values, and Ansible keeps one of them: keep only one"


def laid_over(files: Files, groups: Groups) -> Iterator[Doubt]:
    """The same in two inventories, or in one and beside the playbook: it may be intended."""
    for same_owner in _by(ours(files.definitions), lambda d: (d.name, d.kind, d.owner)):
        last = max(same_owner, key=lambda definition: definition.source.rank)
        for earlier in same_owner:
            if earlier.source.rank < last.source.rank and _differ(earlier, last):
                yield Doubt(
                    earlier,
                    last,
                    hosts_of(last, groups),
                    "another inventory, which takes precedence, has another value",
                )


def left_to_chance(files: Files, groups: Groups) -> Iterator[Doubt]:
    """A variable that two unrelated groups of a host define: the order of their names decides."""
    for lost, kept, hosts, nearer in _between_groups(files, groups):
        if not nearer:
            yield Doubt(
                lost,
                kept,
                hosts,
                f"the groups {lost.owner} and {kept.owner} both define it, and neither is a child of the other: Ansible keeps only "
                f"that of {kept.owner}. Give a fragment a different name in each; set anything else in host_vars or in a group "
                "that is a child of both",
            )


def replaced(files: Files, groups: Groups) -> Iterator[Doubt]:
    """A list (or a mapping) with entries missing from the more specific one that replaces it as a whole."""
    for lost, kept, hosts, nearer in (*_between_groups(files, groups), *_by_hosts(files, groups)):
        missing = _missing(lost.value, kept.value) if nearer and _adds_up(lost.name) else 0
        if missing:
            things = "entry" if missing == 1 else "entries"
            way_out = "give the fragment a name of its own" if lost.name.startswith("flatcar_butane") else _GROWS
            yield Doubt(
                lost,
                kept,
                hosts,
                f"the more specific value replaces all of it, without {missing} of its {things}: {way_out}",
            )


#: Lists of one machine, or of machines that are built alike: nobody expects them to be extended.
_OF_ONE_MACHINE = frozenset(
    {
        "flatcar_bmc",
        "flatcar_boot_program",
        "flatcar_console",
        "flatcar_disks",
        "flatcar_filesystems",
        "flatcar_interfaces",
        "flatcar_luks",
        "flatcar_mac",
        "flatcar_more_addresses",
        "flatcar_raid",
        "flatcar_ram_disks",
        "flatcar_swap",
    }
)


def _adds_up(name: str) -> bool:
    """Whether it is a node's list that somebody may expect to be extended."""
    return name.startswith("flatcar_") and name not in ROLE_WORDS and name not in _OF_ONE_MACHINE


_GROWS = "repeat there what should stay, or put it into a fragment (flatcar_butane_NAME), which adds"


def _missing(far: yaml.Node, near: yaml.Node) -> int:
    """How many entries of the less specific list are missing from the more specific one."""
    if isinstance(far, yaml.SequenceNode) and isinstance(near, yaml.SequenceNode):
        return sum(not any(same(item, other) for other in near.value) for item in far.value)
    if isinstance(far, yaml.MappingNode) and isinstance(near, yaml.MappingNode):
        kept = {key.value for key, _value in pairs(near)}
        return sum(key.value not in kept for key, _value in pairs(far))
    return 0


#: What is lost, what is kept, for whom, and whether the latter is more specific.
_Pair = tuple[Definition, Definition, tuple[str, ...], bool]


def _between_groups(files: Files, groups: Groups) -> Iterator[_Pair]:
    """For each variable: what one group defines, and what another one defines that takes precedence."""
    given = [d for d in ours(files.definitions) if d.kind == GROUP]
    own = {(d.name, d.owner) for d in ours(files.definitions) if d.kind == HOST}
    by_groups: dict[tuple[Group, ...], list[str]] = defaultdict(list)
    for host, its in groups.items():
        by_groups[tuple(its)].append(host)
    for definitions in _by(given, lambda d: d.name):
        last = {d.owner: d for d in definitions}
        if len(last) < 2:
            continue
        for its, hosts in by_groups.items():
            giving = sorted((group for group in its if group.name in last), key=lambda group: group.order)
            left = tuple(host for host in hosts if (definitions[0].name, host) not in own) if len(giving) > 1 else ()
            if not left:
                continue
            kept = giving[-1]
            for lost in giving[:-1]:
                if lost.priority == kept.priority and _differ(last[lost.name], last[kept.name]):
                    yield last[lost.name], last[kept.name], left, lost.name in kept.ancestors


def _by_hosts(files: Files, groups: Groups) -> Iterator[_Pair]:
    """What a group defines, and one of its hosts overrides."""
    given: dict[str, dict[str, Definition]] = defaultdict(dict)
    for definition in ours(files.definitions):
        if definition.kind == GROUP:
            given[definition.name][definition.owner] = definition
    hosts: dict[str, list[str]] = defaultdict(list)
    first: dict[str, tuple[Definition, Definition]] = {}
    for own in ours(files.definitions):
        far = given.get(own.name) if own.kind == HOST and not isinstance(own.value, yaml.ScalarNode) else None
        giving = [group for group in groups.get(own.owner, ()) if group.name in far] if far else []
        if giving:
            lost = far[max(giving, key=lambda group: group.order).name]
            if _missing(lost.value, own.value):
                key = f"{lost.name} {lost.owner}"
                first.setdefault(key, (lost, own))
                hosts[key].append(own.owner)
    for key, (lost, own) in first.items():
        yield lost, own, tuple(hosts[key]), True


def hosts_of(definition: Definition, groups: Groups) -> tuple[str, ...]:
    """Which of the hosts that Kindling reads a variable applies to."""
    if definition.kind == HOST:
        return (definition.owner,)
    return tuple(host for host, its in groups.items() if any(group.name == definition.owner for group in its))


def _differ(left: Definition, right: Definition) -> bool:
    return not same(left.value, right.value)


def _by(definitions: Iterable[Definition], key: Callable[[Definition], object]) -> Iterator[list[Definition]]:
    found: dict[object, list[Definition]] = defaultdict(list)
    for definition in definitions:
        found[key(definition)].append(definition)
    yield from (same for same in found.values() if len(same) > 1)


# Names that nothing has --------------------------------------------------------------------------------------------------


def of_nobody(files: Files, hosts: Iterable[str], groups: Iterable[str]) -> Iterator[tuple[Source, str]]:
    """Files of variables for a group or host that is not in the inventory."""
    known = {HOST: dict.fromkeys(hosts), GROUP: dict.fromkeys(groups)}
    told = set()
    for source in files.speaking:
        names = known.get(source.kind)
        if names is None or source.owner in names or source.file in told:
            continue
        told.add(source.file)
        near = nearest(source.owner, names)
        other = HOST if source.kind == GROUP else GROUP
        hint = f": did you mean {near}?" if near else ""
        if source.owner in known[other]:
            hint = f", but a {other} of that name: its file belongs in {other}_vars"
        yield (
            source,
            f"no {source.kind} in the inventory is called {source.owner}, so nothing uses these variables{hint}",
        )


def both(files: Files, hosts: Iterable[str], groups: Iterable[str]) -> Iterator[tuple[str, list]]:
    """Names that both a group and a host have, with the places that name them."""
    places = {(owner.kind, owner.name): owner.place for owner in files.owners}
    for name in sorted(set(hosts) & set(groups)):
        yield name, [places.get((HOST, name)), places.get((GROUP, name))]


__all__ = (
    "Doubt",
    "Group",
    "Groups",
    "both",
    "given_twice",
    "hosts_of",
    "laid_over",
    "left_to_chance",
    "of_nobody",
    "replaced",
)
