# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The words in a node's whole Ignition config, whatever variable or fragment they came from.

The contents of files and units are their own.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from .._final.configs import Config
from .._schema import words

#: What a unit's file contains is its own.
_CONTENTS = re.compile(r"systemd\.units\.(dropins\.)?contents")

_CAPITAL = re.compile(r"[A-Z]")


def _kind(name: str) -> Callable[[str], Any]:
    return lambda word: words.read(name, word)


def _key(line: str) -> None:
    if line.strip() and not line.startswith("#"):  # as sshd reads the file
        words.authorized_key(line)


def _hash(word: str) -> None:
    if word:  # Ignition locks the account then
        words.read("password hash", word)


def _removed(word: str) -> None:
    words.kernel_argument(word, removed=True)


#: By the keys that lead to a word, lists left out. Everything else is a string of one line.
_READERS: Mapping[str, Callable[[str], Any]] = {
    "passwd.users.name": _kind("login"),
    "passwd.users.groups": _kind("login"),
    "passwd.users.primaryGroup": _kind("login"),
    "passwd.users.homeDir": _kind("file's path"),
    "passwd.users.shell": _kind("file's path"),
    "passwd.users.gecos": _kind("account text"),
    "passwd.users.passwordHash": _hash,
    "passwd.users.sshAuthorizedKeys": _key,
    "passwd.groups.name": _kind("login"),
    "passwd.groups.passwordHash": _hash,
    "storage.disks.partitions.label": _kind("name in a table"),
    "storage.raid.name": _kind("name in a table"),
    "storage.luks.name": _kind("name in a table"),
    "storage.filesystems.label": _kind("name in a table"),
    "systemd.units.name": _kind("unit"),
    "systemd.units.dropins.name": _kind("unit"),
    "kernelArguments.shouldExist": words.kernel_argument,
    "kernelArguments.shouldNotExist": _removed,
}


def mistakes(config: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The words of *config* that do not have their form: the path as Butane has it, and what was expected. No word is
    repeated."""
    for keys, place, word in _words(config, "", ""):
        if _CONTENTS.fullmatch(keys):
            continue
        try:
            _READERS.get(keys, _one_line)(word)
        except ValueError as error:
            yield place, str(error)


def mistakes_within(config: Config) -> Iterator[tuple[str, str]]:
    """The words of a config nested in a node's config; the node's own are not included."""
    if config.path:
        yield from (config.at(place, message) for place, message in mistakes(config.json))


def _one_line(word: str) -> None:
    if words.has_control(word):
        words.read("line", word)


def _words(value: Any, keys: str, place: str) -> Iterator[tuple[str, str, str]]:
    """The strings in *value*: the keys that lead there, without lists; and the place, with list numbers, as Butane has it."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _words(inner, f"{keys}.{key}".lstrip("."), f"{place}.{_in_butane(key)}".lstrip("."))
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from _words(inner, keys, f"{place}.{number}")
    elif isinstance(value, str):
        yield keys, place, value


def _in_butane(key: str) -> str:
    return _CAPITAL.sub(lambda found: f"_{found[0].lower()}", key)


__all__ = ("mistakes", "mistakes_within")
