# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files that an inventory was loaded from, as they are written, read by Ansible's own settings and with its vaults."""

from __future__ import annotations

import os
import weakref
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ansible import constants
from ansible.errors import AnsibleError
from ansible.inventory.manager import IGNORED
from ansible.plugins.inventory import detect_range, expand_hostname_range

from .._files.check import Found, People, check
from .._files.definitions import Files, read_files
from .._files.layout import Rules, layout
from .._files.names import Group

#: What was read, by loader, and in which process: whoever reads the files first reads them for all others.
_READ: weakref.WeakKeyDictionary[Any, dict[tuple, tuple[int, Files]]] = weakref.WeakKeyDictionary()


def files_of(sources: Iterable[Any], playbook_folder: str | None, loader: Any) -> Files:
    key = (tuple(map(str, sources)), playbook_folder)
    read = _READ.setdefault(loader, {})
    if key not in read:
        rules = Rules(tuple(constants.YAML_FILENAME_EXTENSIONS), _is_no_inventory)
        read[key] = (os.getpid(), read_files(layout(*key, rules), rules, _hosts, lambda file: _opened(file, loader)))
    return read[key][1]


def forget_files(loader: Any) -> None:
    """Frees what this process has read. What it shares with another would not be freed, but copied."""
    read = _READ.get(loader, {})
    for key in [key for key, (process, _files) in read.items() if process == os.getpid()]:
        del read[key]


def check_files(files: Files, inventory: Any, hosts: Iterable[str]) -> Found:
    """What is wrong with the files; *hosts* are those that Kindling reads."""
    groups = {name: [_group(group) for group in inventory.get_host(name).get_groups()] for name in hosts}
    return check(files, People(groups, list(inventory.hosts), list(inventory.groups)))


def _group(group: Any) -> Group:
    ancestors = frozenset(above.name for above in group.get_ancestors())
    return Group(group.name, group.depth, group.priority, ancestors)


def _is_no_inventory(name: str) -> bool:
    return bool(IGNORED.search(os.fsencode(name)))


def _hosts(pattern: str) -> list[str]:
    """The hosts of a line: a range of them, or one, maybe with a port."""
    host, colon, port = pattern.rpartition(":")
    name = host if colon and port.isdigit() and ":" not in host else pattern
    try:
        return expand_hostname_range(name) if detect_range(name) else [name]
    except AnsibleError:
        return [name]


def _opened(file: Path, loader: Any) -> str | None:
    try:
        return str(loader.get_text_file_contents(str(file)))
    except AnsibleError:
        return None


def who_reads(hosts: Iterable[str], groups: Mapping[str, Iterable[str]]) -> set[str]:
    """The names of *hosts* and of their groups, whose files Ansible reads for them."""
    hosts = set(hosts)
    return {"all"} | hosts | {name for name, inside in groups.items() if hosts.intersection(inside)}


__all__ = ("check_files", "files_of", "forget_files", "who_reads")
