# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which files Ansible reads variables from, for whom, and which of them it silently ignores.

As in Ansible's inventory manager and its plugin ``host_group_vars``: of ``a01/``, ``a01.yml``, ``a01.yaml`` and ``a01.json`` only
the first that exists is read; in a folder, all files with the right extension, and those of its subfolders.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

INVENTORY, GROUP, HOST = "inventory", "group", "host"

#: The folders of variables, and whose they are.
FOLDERS = {"group_vars": GROUP, "host_vars": HOST}

#: What editors and people leave beside a file: nobody expects it to be read.
_ASIDE = re.compile(
    r"[.#].*|.*(~|\.(bak|orig|rej|sw[op]|old|save|tmp|retry)|\.(ya?ml|json)\.(disabled|off|sample|example))", re.I
)


class Source(NamedTuple):
    """A file that Ansible reads. ``rank``: the later source wins. ``owner`` is empty for an inventory."""

    file: Path
    kind: str
    owner: str
    rank: int


class Unread(NamedTuple):
    """A file that Ansible ignores, though it is where such files belong; ``instead`` is the one that it reads."""

    file: Path
    kind: str
    owner: str
    instead: Path | None


@dataclass(frozen=True)
class Rules:
    """Ansible's settings: file extensions of YAML, and which names in a folder are not an inventory."""

    extensions: Sequence[str] = (".yml", ".yaml", ".json")
    ignored: Callable[[str], bool] = lambda name: name.startswith(".") or name in FOLDERS


@dataclass(frozen=True)
class Layout:
    sources: tuple[Source, ...]
    unread: tuple[Unread, ...]


def layout(inventories: Iterable[str], playbook_folder: str | None, rules: Rules) -> Layout:
    """Of the inventories in the order given, and of the playbook's folder, which wins."""
    given = [Path(name) for name in inventories if name and ("," not in name or Path(name).exists())]
    bases = [path if path.is_dir() else path.parent for path in given] + (
        [Path(playbook_folder)] if playbook_folder else []
    )
    sources = [
        Source(file, INVENTORY, "", rank)
        for rank, path in enumerate(given)
        for file in _inventory_files(path, rules, set())
    ]
    unread: list[Unread] = []
    seen = set()
    for rank, base in enumerate(bases):
        if os.path.realpath(base) in seen:
            continue
        seen.add(os.path.realpath(base))
        for name, kind in FOLDERS.items():
            read, left = _variables(base / name, kind, rank, rules)
            sources += read
            unread += left
    return Layout(tuple(_once(sources)), tuple(unread))


def _once(sources: Iterable[Source]) -> Iterator[Source]:
    seen = set()
    for source in sources:
        key = (source.file, source.kind)
        if key not in seen:
            seen.add(key)
            yield source


def _inventory_files(path: Path, rules: Rules, above: set[str]) -> Iterator[Path]:
    if path.is_file():
        yield path
    elif path.is_dir():
        real = os.path.realpath(path)
        if real not in above:
            for inner in _entries(path):
                if not rules.ignored(inner.name):
                    yield from _inventory_files(inner, rules, above | {real})


def _variables(folder: Path, kind: str, rank: int, rules: Rules) -> tuple[list[Source], list[Unread]]:
    read: list[Source] = []
    unread: list[Unread] = []
    forms: dict[str, list[Path]] = {}
    for entry in _entries(folder) if folder.is_dir() else ():
        if _is_aside(entry.name):
            continue
        ending = next((one for one in rules.extensions if entry.name.endswith(one)), "")
        forms.setdefault(entry.name.removesuffix(ending), []).append(entry)
    for owner, entries in forms.items():
        # A folder or a file without an extension comes first, then the extensions in their order
        entries.sort(key=lambda path: 0 if path.name == owner else 1 + list(rules.extensions).index(path.suffix))
        first, *others = entries
        if first.is_dir():
            inside, left = _in_folder(first, rules, set())
            read += [Source(file, kind, owner, rank) for file in inside]
            unread += [Unread(file, kind, owner, None) for file in left]
        else:
            read.append(Source(first, kind, owner, rank))
        for other in others:
            files = _in_folder(other, rules, set())[0] if other.is_dir() else [other]
            unread += [Unread(file, kind, owner, first) for file in files]
    return read, unread


def _in_folder(folder: Path, rules: Rules, above: set[str]) -> tuple[list[Path], list[Path]]:
    """The files that are read, in their order, and those that are not."""
    read: list[Path] = []
    unread: list[Path] = []
    real = os.path.realpath(folder)
    if real in above:
        return read, unread
    for entry in _entries(folder):
        ending = entry.suffix
        if entry.name.startswith(".") or entry.name.endswith("~"):
            continue
        if entry.is_dir():
            inside, left = _in_folder(entry, rules, above | {real})
            if ending:
                inside, left = [], inside + left
            read += inside
            unread += left
        elif entry.is_file() and (not ending or ending in rules.extensions):
            read.append(entry)
        elif not _is_aside(entry.name):
            unread.append(entry)
    return read, unread


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []


def _is_aside(name: str) -> bool:
    return bool(_ASIDE.fullmatch(name))


__all__ = ("FOLDERS", "GROUP", "HOST", "INVENTORY", "Layout", "Rules", "Source", "Unread", "layout")
