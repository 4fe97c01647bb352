# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything that is wrong with an inventory's files, as problems with their places."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from typing import NamedTuple

import yaml

from .._butane import Origin
from .._schema.problem import INVENTORY, Problem
from . import names, templates, texts
from .definitions import Definition, Files, is_ours
from .documents import UnreadableError
from .layout import INVENTORY as INVENTORY_FILE
from .names import Groups
from .twice import keys_given_twice, path_to

#: Takes the place of a variable.
THIS_FILE = "this file"
_LONGEST = 40


class Found(NamedTuple):
    """``warnings`` do not stop anything."""

    problems: list[Problem]
    warnings: list[Problem]


class People(NamedTuple):
    """The inventory's members: the groups of the hosts that Kindling reads, and the names of all hosts and groups."""

    groups: Groups
    all_hosts: Collection[str]
    all_groups: Collection[str]


def check(files: Files, people: People) -> Found:
    problems = [
        *map(unreadable, files.unreadable),
        *_duplicates(files, people),
        *_comments(files, people),
        *_changed(files, people),
        *_cut(files, people),
        *_unread(files),
        *_doubts(names.given_twice(files, people.groups)),
        *_doubts(names.left_to_chance(files, people.groups)),
        *_both(files, people),
    ]
    warnings = [
        *_doubts(names.laid_over(files, people.groups)),
        *_doubts(names.replaced(files, people.groups)),
        *_of_nobody(files, people),
    ]
    return Found(problems, warnings)


def unreadable(error: UnreadableError) -> Problem:
    return Problem(INVENTORY, THIS_FILE, error.message, origin=error.place)


def _of(definition: Definition, people: People, path: str, message: str, origin: Origin, other: Origin | None = None):
    """The problem for each host that has the variable: one mistake, by its place."""
    for host in names.hosts_of(definition, people.groups) or (definition.owner,):
        yield Problem(host, f"{definition.name}{path}", message, origin=origin, other=other)


def _duplicates(files: Files, people: People) -> Iterator[Problem]:
    inside_of: dict[str, list[Definition]] = defaultdict(list)
    for definition in files.definitions:
        inside_of[definition.document.file].append(definition)
    owners: dict[str, set[str]] = defaultdict(set)
    for source in files.speaking:
        owners[str(source.file)].add(source.owner)
    for document in files.documents:
        for found in keys_given_twice(document) if document.root else ():
            key = "it" if document.sealed else found.second.value
            message = f"{key} is given twice here, and Ansible keeps only the last one: merge the two"
            places = document.place(found.second), document.place(found.first)
            inside = _holder(found.mapping, inside_of[document.file])
            if inside:
                definition, path = inside
                yield from _of(definition, people, f"{path}.{key}", message, *places)
            else:
                yield Problem(_owner(owners[document.file]), key, message, origin=places[0], other=places[1])


def _holder(node: yaml.Node, definitions: Iterable[Definition]) -> tuple[Definition, str] | None:
    for definition in definitions:
        path = path_to(node, definition.value)
        if path is not None:
            return definition, path
    return None


def _owner(owners: Collection[str]) -> str:
    """The owner of a file: the host, or a group by its name."""
    return next(iter(owners)) or INVENTORY if len(owners) == 1 else INVENTORY


def _comments(files: Files, people: People) -> Iterator[Problem]:
    for definition in _what_ours_are_made_of(files):
        for path, node, comment in templates.swallowed(definition.value):
            first = comment.split("\n")[0]
            shown = (
                ""
                if definition.document.sealed
                else f" ({first[:_LONGEST]}{'…' if len(comment) > len(first[:_LONGEST]) else ''})"
            )
            message = f"Jinja reads this as a template comment, and it is lost{shown}: {templates.WAY_OUT}"
            yield from _of(definition, people, path, message, definition.document.place_of("{#", node))


def _what_ours_are_made_of(files: Files) -> list[Definition]:
    """Kindling's own variables, and those that their templates mention, directly or indirectly."""
    found = [definition for definition in files.definitions if is_ours(definition.name)]
    others = [d for d in (*files.definitions, *files.strangers) if not is_ours(d.name)]
    if not any(templates.has_comment(definition.value) for definition in others):
        return found
    by_name: dict[str, list[Definition]] = {}
    for definition in others:
        by_name.setdefault(definition.name, []).append(definition)
    waiting = list(found)
    while waiting:
        for name in templates.names_in(waiting.pop().value):
            made_of = by_name.pop(name, [])
            found += made_of
            waiting += made_of
    return found


def _changed(files: Files, people: People) -> Iterator[Problem]:
    made_of: set[str] = set()
    others = []
    for definition in files.definitions:
        if not is_ours(definition.name):
            others.append(definition)
            continue
        found, used = texts.changed(definition)
        made_of |= used
        for one in found:
            yield from _of(definition, people, one.path, one.message, definition.document.place(one.node))
    for definition, one in texts.not_ours(others, made_of):
        yield from _of(definition, people, one.path, one.message, definition.document.place(one.node))


def _cut(files: Files, people: People) -> Iterator[Problem]:
    for definition, cut in files.cut:
        message = f"an INI inventory reads {cut[:_LONGEST]} as a comment, and it is lost: put the whole value in quotes"
        yield from _of(definition, people, "", message, definition.place)


def _unread(files: Files) -> Iterator[Problem]:
    for left in files.unread:
        if left.instead:
            message = f"Ansible does not read this file, because {left.instead.name} exists: merge the two"
            other = Origin(str(left.instead), 1, 1)
        else:
            message = (
                "Ansible does not read this file: only files that end in .yml, .yaml or .json, in folders without a dot"
            )
            other = None
        yield Problem(left.owner, THIS_FILE, message, origin=Origin(str(left.file), 1, 1), other=other)


def _doubts(doubts: Iterable[names.Doubt]) -> Iterator[Problem]:
    for doubt in doubts:
        for host in doubt.hosts or (doubt.lost.owner,):
            yield Problem(host, doubt.lost.name, doubt.message, origin=doubt.lost.place, other=doubt.kept.place)


def _both(files: Files, people: People) -> Iterator[Problem]:
    for name, (host, group) in names.both(files, people.all_hosts, people.all_groups):
        if host or group:
            message = "a host and a group have this name, and Ansible may mean either: rename one of them"
            yield Problem(name, "its name", message, origin=host or group, other=group if host else None)


def _of_nobody(files: Files, people: People) -> Iterator[Problem]:
    for source, message in names.of_nobody(files, people.all_hosts, people.all_groups):
        if source.kind != INVENTORY_FILE:
            yield Problem(INVENTORY, THIS_FILE, message, origin=Origin(str(source.file), 1, 1))


__all__ = ("THIS_FILE", "Found", "People", "check", "unreadable")
