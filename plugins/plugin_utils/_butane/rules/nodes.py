# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files, directories, links and trees.

Source: Ignition's ``types/node.go``, ``file.go``, ``mode.go``, ``storage.go`` and ``config.go``; Butane's base validation.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator

from .. import modes, paths
from ..structure import Finding, Object, Scope, error, warning

_DECIMAL = "unreasonable mode would be reasonable if specified in octal; remember to add a leading zero"
_SPECIAL = "setuid/setgid/sticky bits are not supported or functional in spec versions older than 3.6.0"
MOST_OFTEN = 3
"""The reference repeats a complaint for each other node that causes it; with thousands of duplicates nobody wants that."""
_NODES = (("directories", "directory"), ("files", "file"), ("links", "link"))


def file_mode_is_octal(file: Object, _scope: Scope) -> Iterator[Finding]:
    if modes.looks_decimal(file.get("mode", 0), directory=False):
        yield warning(_DECIMAL, "mode")


def directory_mode_is_octal(directory: Object, _scope: Scope) -> Iterator[Finding]:
    if modes.looks_decimal(directory.get("mode", 0), directory=True):
        yield warning(_DECIMAL, "mode")


def tree_has_a_root(tree: Object, _scope: Scope) -> Iterator[Finding]:
    if not tree.get("local"):
        yield error("local is required")


def is_mode(mode: int, scope: Scope) -> Iterator[Finding]:
    if not 0 <= mode <= modes.HIGHEST:
        yield error("illegal file mode")
    if mode & modes.SPECIAL_BITS and not scope.spec.special_mode_bits:
        yield warning(_SPECIAL)


def has_id_or_name(owner: Object, _scope: Scope) -> Iterator[Finding]:
    if "id" in owner and owner.get("name"):
        yield error("cannot set both id and name")


def overwrites_with_something(file: Object, _scope: Scope) -> Iterator[Finding]:
    if file.get("overwrite") and "source" not in file.get("contents", {}):
        yield error("overwrite must be false if source is unspecified", "overwrite")


def is_link_target(target: str | None, _scope: Scope) -> Iterator[Finding]:
    if not target:
        yield error("link target is required")


def hard_link_has_no_owner(link: Object, _scope: Scope) -> Iterator[Finding]:
    if not link.get("hard") or not link.get("target"):
        return
    for owner in ("user", "group"):
        for field in ("id", "name"):
            if field in link.get(owner, {}):
                yield warning("user/group ignored for hard link", owner, field)


def paths_avoid_links(storage: Object, _scope: Scope) -> Iterator[Finding]:
    """Nothing may be below a link: Ignition would write wherever it leads."""
    links = Counter(link.get("path", "") for link in storage.get("links", ()))
    lengths = sorted(set(map(len, links)))
    for field, kind in _NODES if links else ():
        for index, node in enumerate(storage.get(field, ())):
            for _link in range(min(_count_above(node.get("path", ""), links, lengths), MOST_OFTEN)):
                yield error(f"{kind} path includes link in config", field, index)


def _count_above(path: str, links: Counter[str], lengths: list[int]) -> int:
    """How many links a path passes through."""
    candidates = itertools.takewhile(len(path).__gt__, lengths)
    return sum(links[path[:length]] for length in candidates if path[length] == "/")


def hard_links_are_not_to_directories(storage: Object, _scope: Scope) -> Iterator[Finding]:
    directories = Counter(directory.get("path", "") for directory in storage.get("directories", ()))
    for index, link in enumerate(storage.get("links", ())):
        target = link.get("target")
        if link.get("hard") and target:
            for _directory in range(min(directories[_absolute(target, link.get("path", ""))], MOST_OFTEN)):
                yield error("hard link target is a directory", "links", index)


def _absolute(target: str, link_path: str) -> str:
    """The reference resolves a relative target against the link itself, not against its directory."""
    return paths.clean(target) if target.startswith("/") else paths.join(link_path, target)


def paths_avoid_units(config: Object, _scope: Scope) -> Iterator[Finding]:
    """A node must not be where Ignition writes a unit or drop-in with contents."""
    taken = set(_unit_paths(config.get("systemd", {}).get("units", ())))
    if not taken:
        return
    for field in ("files", "directories", "links"):
        for index, node in enumerate(config.get("storage", {}).get(field, ())):
            if node.get("path", "") in taken:
                yield error("path conflicts with systemd unit or dropin", "storage", field, index, "path")


def _unit_paths(units: list[Object]) -> Iterator[str]:
    for unit in units:
        path = f"/etc/systemd/system/{unit.get('name', '')}"
        if unit.get("contents"):
            yield path
        for dropin in unit.get("dropins", ()):
            if dropin.get("contents"):
                yield f"{path}.d/{dropin.get('name', '')}"
