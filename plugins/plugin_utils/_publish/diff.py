# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a new generation changes, node by node: for people to read before it happens, with configs decoded and without secrets."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from ansible_collections.kindling.flatcar.plugins.module_utils._routes import routes

from .._disks.losses import EACH_BOOT, Loss, lines, who
from .._install import without_report
from .._install.terms import text_of
from .redact import Redactor, redacted, redacted_again, redacted_both
from .tree import SecretsOf

_FIELDS = re.compile(r"[\s,]+")

#: How many differences are printed. Nobody reads more.
_SHOWN = 20

#: How many lines about disks that newly lose data; many more.
_SHOWN_LOSSES = 200


class Tree(NamedTuple):
    """A generation: the SHA-256 of all of its files and the texts of some, by path, and its index."""

    manifest: Mapping[str, str]
    texts: Mapping[str, str]
    nodes: Mapping[str, Mapping[str, Any]]


def tree(manifest: Mapping[str, str], texts: Mapping[str, str]) -> Tree:
    return Tree(manifest, texts, json.loads(texts[routes.INDEX])["nodes"] if routes.INDEX in texts else {})


def overview(manifest: Mapping[str, str]) -> list[str]:
    """The paths in a served generation whose texts show which nodes change."""
    return [path for path in (routes.INDEX, *routes.RESERVATIONS) if path in manifest]


def newly_lost_unasked(before: Tree, after: Tree) -> list[str]:
    """A line for each new loss that takes effect without arming: at the next network boot."""
    was, now = ({name: _losses_in(entry) for name, entry in side.nodes.items()} for side in (before, after))
    unasked = {name: [loss for loss in found if loss.when == EACH_BOOT] for name, found in _only(now, was).items()}
    return lines(unasked)


class _Part(NamedTuple):
    """A part of a node that changes, when that takes effect, and its old and new text."""

    title: str
    before: str
    after: str


class Comparison:
    """Two generations of one boot host, whose *key* is known."""

    def __init__(self, before: Tree, after: Tree, key: bytes) -> None:
        self._before, self._after, self._key = before, after, key
        self._lines = {id(side): _lines_by_field(side.texts) for side in (before, after)}
        self._served = _served_by_address(before.manifest)
        self.added = sorted(after.nodes.keys() - before.nodes.keys())
        self.removed = sorted(before.nodes.keys() - after.nodes.keys())
        self.changed = sorted(name for name in after.nodes.keys() & before.nodes.keys() if self._differs(name))

    def _differs(self, name: str) -> bool:
        sides = (self._before, self._after)
        entries = [side.nodes[name] for side in sides]
        scripts = [side.manifest.get(_script(entry)) for side, entry in zip(sides, entries, strict=True)]
        return entries[0] != entries[1] or scripts[0] != scripts[1] or len({self._reserved(s, name) for s in sides}) > 1

    def paths(self) -> list[str]:
        """The files of the old generation that ``differences`` needs."""
        own = [path for name in self.changed for path in (_script(self._before.nodes[name]), self._old_config(name))]
        return [path for path in (*own, *self._common()) if path in self._before.manifest]

    def _common(self) -> list[str]:
        """Changed files that belong to no node."""
        before, after = self._before.manifest, self._after.manifest
        return [
            path
            for path in sorted(before.keys() | after.keys())
            if before.get(path) != after.get(path)
            and path not in (routes.INDEX, routes.KNOWN, *routes.RESERVATIONS)
            and not routes.is_of_a_node(path)
        ]

    def _old_config(self, name: str) -> str:
        """The path of the config of a node that was published before."""
        entry = self._before.nodes[name]
        if entry["mode"] == "ram":
            return self._served.get(entry["address"], "")
        return f"{routes.SHOWN}/{entry['address']}.yml"

    def _reserved(self, side: Tree, name: str) -> str:
        """The lines of DHCP and DNS about the node."""
        entry, lines = side.nodes[name], self._lines[id(side)]
        found = [line for field in (*entry["macs"], entry["address"]) for line in lines.get(field, ())]
        return "".join(f"{line}\n" for line in dict.fromkeys(found))

    def differences(
        self, texts: Mapping[str, str], configs: Mapping[str, Mapping[str, Any]], secrets_of: SecretsOf
    ) -> list[dict[str, str]]:
        """In the form that Ansible prints; *texts* are those of ``paths``, *configs* the new ones. A change that many nodes have
        in common is printed once.
        """
        before = self._before._replace(texts={**self._before.texts, **texts})
        alike: dict[Any, tuple[list[str], list[_Part]]] = {}
        for name in self.changed:
            parts = list(self._parts(before, name, configs[name], secrets_of(name)))
            group = tuple((part.title, *_own_lines(part, self._words(name))) for part in parts)
            alike.setdefault(group, ([], parts))[0].append(name)
        found = [*self._of_losses(), *self._coming_and_going(), *self._of_files(before)]
        for names, parts in list(alike.values())[:_SHOWN]:
            found += [_shown(f"{who(names)}: {part.title}", part.before, part.after) for part in parts]
        more = [name for names, _parts in list(alike.values())[_SHOWN:] for name in names]
        if more:
            found.append({"prepared": f"{who(more)}: changed in yet other ways, not shown\n"})
        return found

    def _words(self, name: str) -> set[str]:
        """The lines that belong to this node alone."""
        sides = (self._before.nodes[name], self._after.nodes[name])
        return {name, *(word for entry in sides for word in (entry["hostname"], entry["address"], *entry["macs"]))}

    def _of_losses(self) -> Iterator[dict[str, str]]:
        """What disks newly lose comes first, and is the most prominent."""
        was, now = (
            {name: _losses_in(entry) for name, entry in side.nodes.items()} for side in (self._before, self._after)
        )
        new, same, gone = _only(now, was), _both(now, was), _only(was, now)
        for title, losses, most in (
            ("!!! DISKS LOSE DATA THAT DID NOT BEFORE !!!", new, _SHOWN_LOSSES),
            ("Disks lose data as before", same, _SHOWN),
            ("Disks no longer lose data", gone, _SHOWN),
        ):
            told = lines(losses)
            more = [f"and {len(told) - most:,} more: see validate.yml"] if len(told) > most else []
            if told:
                yield {"prepared": "".join(f"{line}\n" for line in (title, *told[:most], *more))}

    def _coming_and_going(self) -> Iterator[dict[str, str]]:
        for title, names, nodes in (
            ("added; DHCP answers them at once", self.added, self._after.nodes),
            ("removed; DHCP no longer answers them", self.removed, self._before.nodes),
        ):
            if names:
                lines = [
                    f"{name}: {nodes[name]['mode']}, {nodes[name]['rack']}, {nodes[name]['address']}\n"
                    for name in names[:_SHOWN]
                ]
                more = f"and {len(names) - _SHOWN:,} more\n" if len(names) > _SHOWN else ""
                text = "".join(lines) + more
                sides = ("", text) if nodes is self._after.nodes else (text, "")
                yield _shown(f"{who(names)}: {title}", *sides)

    def _of_files(self, before: Tree) -> Iterator[dict[str, str]]:
        for path in self._common():
            yield _shown(
                f"{path}, for all machines at once", before.texts.get(path, ""), self._after.texts.get(path, "")
            )

    def _parts(self, before: Tree, name: str, config: Mapping[str, Any], hidden: Collection[str]) -> Iterator[_Part]:
        sides = (before, self._after)
        old, new = (side.nodes[name] for side in sides)
        reserved = [self._reserved(side, name) for side in (self._before, self._after)]
        if reserved[0] != reserved[1]:
            yield _Part("DHCP and DNS, at once", *reserved)
        scripts = [_script(old), _script(new)]
        if before.manifest.get(scripts[0]) != self._after.manifest.get(scripts[1]):
            texts = [side.texts.get(path, "") for side, path in zip(sides, scripts, strict=True)]
            said = Redactor(hidden, self._key).pair(*texts)
            if said[0] != said[1] or old["config"] == new["config"]:  # a changed config has a new token in any case
                yield _Part("iPXE script, at its next network boot", *_told(said, "its token"))
        orders = [text_of(entry.get("order", {})) for entry in (old, new)]
        if orders[0] != orders[1]:
            yield _Part("what it is installed as, when it is next armed", *orders)
        if old["config"] != new["config"] or (old["mode"] == "ram") != (new["mode"] == "ram"):
            acts = "when it next boots into RAM" if new["mode"] == "ram" else "only when it is installed again"
            yield _Part(
                f"Ignition config, {acts}", *_told(self._decoded(before, name, config, hidden), "how it is written")
            )

    def _decoded(self, before: Tree, name: str, config: Mapping[str, Any], hidden: Collection[str]) -> list[str]:
        """What Kindling adds to a config that it serves, including the node's token, is not printed. A config that only an
        installed system has is kept on the boot host as it was printed.
        """
        text = before.texts.get(self._old_config(name), "")
        if before.nodes[name]["mode"] == "ram" and text:
            return redacted_both(without_report(json.loads(text)), config, hidden, self._key)
        return [redacted_again(text, hidden, self._key), redacted(config, hidden, self._key)]


Losses = Mapping[str, Collection[Loss]]
"""What disks lose, by node."""


def _losses_in(entry: Mapping[str, Any]) -> list[Loss]:
    """Unknown for generations that were published before losses were recorded."""
    return [Loss(**loss) for loss in entry.get("losses", ())]


def _only(some: Losses, others: Losses) -> Losses:
    return {name: [loss for loss in found if loss not in others.get(name, ())] for name, found in some.items()}


def _both(some: Losses, others: Losses) -> Losses:
    return {name: [loss for loss in found if loss in others.get(name, ())] for name, found in some.items()}


def _shown(title: str, before: str, after: str) -> dict[str, str]:
    return {"before_header": title, "after_header": title, "before": before, "after": after}


def _told(said: Iterable[str], what: str) -> list[str]:
    """Two texts that differ only in hidden parts say so."""
    before, after = said
    return [before, f"{after}(changed: {what})\n"] if before == after else [before, after]


def _own_lines(part: _Part, words: Collection[str]) -> tuple[frozenset, frozenset]:
    """The lines that a part loses and gains, on whichever node."""
    own = re.compile("|".join(rf"(?<![\w.-]){re.escape(word)}(?![\w.-])" for word in words))
    before, after = (Counter(own.sub("*", text).splitlines()) for text in (part.before, part.after))
    return frozenset((before - after).items()), frozenset((after - before).items())


def _script(entry: Mapping[str, Any]) -> str:
    return routes.script_file(entry["address"], entry["macs"][0])


def _served_by_address(manifest: Mapping[str, str]) -> dict[str, str]:
    """The paths of what is served to nodes in RAM."""
    return {found: path for path in manifest if (found := routes.address_of_config(path))}


def _lines_by_field(texts: Mapping[str, str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for path in routes.RESERVATIONS:
        for line in texts.get(path, "").splitlines():
            for field in _FIELDS.split(line):
                found.setdefault(field, []).append(line)
    return found


__all__ = ("Comparison", "Tree", "newly_lost_unasked", "overview", "tree")
