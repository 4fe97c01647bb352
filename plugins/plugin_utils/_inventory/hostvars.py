# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts' variables as Ansible has them: rendered one by one, with every failure reported."""

from __future__ import annotations

import contextlib
import functools
import os
import pathlib
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any, NamedTuple, TypeVar

from ansible.errors import AnsibleError
from ansible.parsing.vault import EncryptedString, is_encrypted
from ansible.template import Templar
from ansible.utils.vars import load_extra_vars

from .._ansible.compiled_templates import CompiledTemplates
from .._ansible.file_cache import without_files_of_hosts
from .._ansible.watched_hosts import WatchedHosts
from .._files.check import Found
from .._files.templates import WAY_OUT
from .._publish.leaks import Secret
from .._schema.problem import Problem
from .origin import Origin, origin_of
from .sources import check_files, files_of, forget_files
from .written import Digests, NoDigestError

Choose = Callable[[Iterable[str]], list[str]]
"""Selects, out of all of a host's variables, those to read."""

#: Ansible's own variables that repeat those of all hosts.
_MAGIC = frozenset({"ansible_facts", "groups", "hostvars", "vars"})

#: Those of Ansible's own that say nothing about a host.
_CONTEXT = frozenset({"hostvars", "omit"})

Result = TypeVar("Result")

#: The extensions of the files that Ansible takes variables from.
_SUFFIXES = frozenset({"", ".yml", ".yaml", ".json"})

#: What replaces a variable's name, and the message then.
ITS_VARIABLES, UNREADABLE = "its variables", "cannot be read"

#: The place of what was given on the command line.
BY_HAND = Origin("-e", 0, 0)

_ADVICE = "give its password, by --vault-password-file for one"


class Reading(NamedTuple):
    """The selected variables with their templates rendered, the problems with those that failed, and all variables as they are
    written; those are empty if nothing could be read at all."""

    values: dict[str, Any]
    problems: list[Problem]
    raw: Mapping[str, Any]


class Variables:
    """The variables of all hosts in the inventory."""

    def __init__(self, task_vars: Mapping[str, Any], loader: Any) -> None:
        self._hostvars = task_vars["hostvars"]
        self._watched = WatchedHosts(self._hostvars)
        self._digests = Digests()
        self._digests_of: dict[str, bytes | None] = {}
        self._groups = task_vars["groups"]
        self._loader = loader
        self._templar = Templar(loader=loader)
        self._templates = CompiledTemplates()
        self._last: tuple[str | None, Mapping[str, Any]] = (None, {})
        self._given = task_vars.get("ansible_inventory_sources") or ()
        self._playbook_folder = task_vars.get("playbook_dir")
        self._sources = [pathlib.Path(source) for source in self._given]
        folders = [source if source.is_dir() else source.parent for source in self._sources]
        self._folders = (*folders, pathlib.Path(task_vars["playbook_dir"])) if "playbook_dir" in task_vars else folders

    def group(self, name: str) -> list[str]:
        return list(self._groups.get(name, ()))

    def check_files(self, hosts: Iterable[str]) -> Found:
        """What is wrong with the inventory's files themselves; *hosts* are those that count."""
        inventory = self._hostvars._inventory  # Ansible has no public access to groups' parents
        found = check_files(files_of(self._given, self._playbook_folder, self._loader), inventory, hosts)
        forget_files(self._loader)
        return found

    def said_by_hand(self, name: str) -> bool:
        """Whether a variable was given on the command line, by ``-e``."""
        return name in self._by_hand

    def read(self, host: str, choose: Choose) -> Reading:
        try:
            raw = self._raw(host)
        except AnsibleError as error:
            return Reading({}, list(self._unreadable(host, error)), {})
        templar = self._templar
        templar.available_variables = own = {**raw, "hostvars": self._watched.hostvars}
        chosen = choose(raw)
        values: dict[str, Any] = {}
        problems: dict[str, list[Problem]] = {}
        with self._templates.used():
            # Strings first: Ansible would render them again for each template that they are in
            for name in sorted(chosen, key=lambda name: not isinstance(raw[name], str)):
                try:
                    values[name] = templar.template(raw[name])
                except AnsibleError as error:
                    found = list(_failures(host, name, raw[name], templar))
                    problems[name] = found or [_failure(host, name, raw[name], error)]
                else:
                    if isinstance(raw[name], str):
                        own[name] = values[name]
        in_order = {name: values[name] for name in chosen if name in values}
        return Reading(in_order, [one for name in chosen for one in problems.get(name, ())], raw)

    def watched(self, function: Callable[[], Result]) -> tuple[Result, frozenset[str]]:
        """The result of *function*, and the hosts whose variables templates looked at meanwhile, besides their own."""
        self._watched.seen.clear()
        return function(), frozenset(self._watched.seen)

    def digest(self, host: str) -> bytes | None:
        """A digest of all of the host's variables as they are written; None if they cannot be read or compared."""
        if host not in self._digests_of:  # many hosts may look at the same one
            self._digests_of[host] = self._digest(host)
        return self._digests_of[host]

    def _digest(self, host: str) -> bytes | None:
        if host not in self._hostvars:  # it was, when a template looked at it
            return None
        try:
            return self._digests.of({name: value for name, value in self._raw(host).items() if name not in _CONTEXT})
        except (AnsibleError, NoDigestError):
            return None

    def secrets(self, host: str) -> list[Secret]:
        """All strings from vaults among the host's variables: those that are vaulted, and all in files that are.

        What cannot be decrypted is not in the host's config either.
        """
        found = [s for name, value in self._raw(host).items() if name not in _MAGIC for s in _vaulted(name, value)]
        if self._sealed:
            own = self._owners_of(host)
            found += [secret for owner, secrets in self._sealed for secret in secrets if owner in own]
        return found

    def own(self, host: str, name: str, items: Iterable[Any]) -> list[Any]:
        """Those of the *items* of a variable that are in the host's own lines, and not in those of a group."""
        raw = self._raw(host).get(name)
        if not self._is_own(host, name, raw):
            return []
        written = {origin_of(text) for text in _plain_values(raw)}
        return [item for item in items if origin_of(item) in written or self._in_own_file(host, item)]

    def stated(self, names: Collection[str]) -> dict[str, str]:
        """Where the inventory defines variables of these names, for any host or group. Far cheaper than all hosts' variables."""
        found: dict[str, str] = {}
        inventory = self._hostvars._inventory  # Ansible has no public access to a group's own lines
        for owner in (*inventory.groups.values(), *inventory.hosts.values()):
            for name in owner.vars.keys() & names:
                found.setdefault(name, _place_of_key(owner.vars, name, owner.name))
        for file, values in self._files_with(names):
            for name in values.keys() & names:
                found.setdefault(name, _place_of_key(values, name, _short(str(file))))
        return found

    def mentioned(self, names: Collection[str]) -> set[str]:
        """Those names that the inventory has as a variable, or anywhere in the text of its files."""
        if not names:
            return set()
        texts = [file.read_bytes() for _owner, file in self._variable_files()]
        texts += [source.read_bytes() for source in self._sources if source.is_file()]
        inside = (file for source in self._sources if source.is_dir() for file in source.iterdir())
        texts += [file.read_bytes() for file in inside if file.is_file()]
        return {
            name
            for name in names
            if any(re.search(rb"\b%s\b" % re.escape(name.encode()), text) for text in texts) or self.stated({name})
        }

    def _files_with(self, names: Collection[str]) -> Iterator[tuple[pathlib.Path, Mapping[str, Any]]]:
        """The files of variables that may have these names, loaded."""
        owners = {*self._groups, *self._groups["all"]}
        for owner, file in self._variable_files():
            if (
                owner not in owners
                or file.suffix not in _SUFFIXES
                or file.name.startswith(".")
                or file.name.endswith("~")
            ):
                continue
            text = file.read_bytes()
            if is_encrypted(text) or any(name.encode() in text for name in names):
                with contextlib.suppress(AnsibleError):  # reported where the inventory is checked
                    values = self._loader.load_from_file(str(file))
                    if isinstance(values, Mapping):
                        yield file, values

    def _is_own(self, host: str, name: str, raw: Any) -> bool:
        inventory = self._hostvars._inventory  # Ansible has no public access to a host's own lines
        return self._in_own_file(host, raw) or inventory.get_host(host).vars.get(name) == raw

    def _in_own_file(self, host: str, value: Any) -> bool:
        origin = origin_of(value)
        return bool(origin) and os.path.realpath(origin.file) in self._own_files.get(host, ())

    @functools.cached_property
    def _by_hand(self) -> Mapping[str, Any]:
        return load_extra_vars(self._loader)

    @functools.cached_property
    def _own_files(self) -> dict[str, set[str]]:
        """The hosts' own variable files, by host."""
        files: dict[str, set[str]] = {}
        for host, file in self._files_of("host_vars"):
            files.setdefault(host, set()).add(os.path.realpath(file))
        return files

    def _owners_of(self, host: str) -> set[str]:
        """The host and its groups, whose variables it has."""
        inventory = self._hostvars._inventory  # Ansible has no public access to a host's groups
        return {host, *(group.name for group in inventory.get_host(host).get_groups())}

    def _raw(self, host: str) -> Mapping[str, Any]:
        """The host's variables as they are written. Those of the last host are cached, since they tend to be read again."""
        if self._last[0] != host:
            with without_files_of_hosts(self._loader):
                self._last = (host, self._hostvars.raw_get(host))
        return self._last[1]

    @functools.cached_property
    def _sealed(self) -> list[tuple[str, list[Secret]]]:
        """The strings in variable files that are vaults as a whole, with the file's host or group."""
        found = []
        for owner, file in self._variable_files():
            if is_encrypted(_beginning(file)):
                with contextlib.suppress(AnsibleError):
                    values = self._loader.load_from_file(str(file)) or {}
                    place = Origin(str(file.resolve()), 1, 1)
                    secrets = [Secret(name, text, place) for name, inner in values.items() for text in _plain(inner)]
                    found.append((owner, secrets))
        return found

    def _variable_files(self) -> Iterator[tuple[str, pathlib.Path]]:
        """All variable files, with the group or host that they belong to."""
        for kind in ("group_vars", "host_vars"):
            yield from self._files_of(kind)

    def _files_of(self, kind: str) -> Iterator[tuple[str, pathlib.Path]]:
        for folder in self._folders:
            for file in sorted(path for path in (folder / kind).rglob("*") if path.is_file()):
                owner = file.relative_to(folder / kind).parts[0]
                yield owner.removesuffix(file.suffix), file

    def _unreadable(self, host: str, error: AnsibleError) -> Iterator[Problem]:
        """A file of the host's variables cannot be read. If it is a vault as a whole, Ansible does not say which file."""
        own = self._owners_of(host)
        closed = [(file, why) for name, file, why in self._closed_vaults if name in own]
        for file, why in closed:
            yield Problem(
                host, ITS_VARIABLES, f"the vault cannot be decrypted: {why} {_ADVICE}", origin=Origin(file, 1, 1)
            )
        if not closed:
            yield Problem(host, ITS_VARIABLES, f"{UNREADABLE}: {error.message}", origin=_origin_of_error(error))

    @functools.cached_property
    def _closed_vaults(self) -> list[tuple[str, str, str]]:
        """The variable files that are vaults and cannot be decrypted: the owner, the file, and why."""
        found = []
        for owner, file in self._variable_files():
            why = self._why_closed(file)
            if why:
                found.append((owner, str(file.resolve()), why))
        return found

    def _why_closed(self, file: pathlib.Path) -> str | None:
        if not is_encrypted(_beginning(file)):
            return None
        try:
            self._loader.load_from_file(str(file))
        except AnsibleError as error:
            return f"{str(error.message).rstrip('.')}:"
        return None


def _place_of_key(values: Mapping[str, Any], name: str, otherwise: str) -> str:
    """The line that defines a variable, if Ansible knows it: for JSON it does not."""
    key = next(key for key in values if key == name)
    origin = origin_of(key) or origin_of(values[name])
    return f"{_short(origin.file)}:{origin.line}" if origin else otherwise


def _short(file: str) -> str:
    return min(os.path.relpath(file), file, key=len)


def _beginning(file: pathlib.Path) -> bytes:
    with file.open("rb") as opened:
        return opened.read(64)


def _vaulted(variable: str, value: Any) -> Iterator[Secret]:
    if isinstance(value, EncryptedString):
        with contextlib.suppress(AnsibleError):
            yield Secret(variable, str(value), origin_of(value))
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from _vaulted(variable, inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _vaulted(variable, inner)


def _plain_values(value: Any) -> Iterator[Any]:
    if isinstance(value, list | tuple):
        for inner in value:
            yield from _plain_values(inner)
    else:
        yield value


def plain_texts(value: Any) -> Iterator[str]:
    """All strings in a value except those from vaults."""
    if isinstance(value, Mapping):
        value = [*value, *value.values()]
    if isinstance(value, list | tuple):
        for inner in value:
            yield from plain_texts(inner)
    elif isinstance(value, str) and not isinstance(value, EncryptedString):
        yield value


def _plain(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, list | tuple):
        for inner in value:
            yield from _plain(inner)
    elif isinstance(value, str):
        with contextlib.suppress(AnsibleError):
            yield str(value)


def _failures(host: str, path: str, value: Any, templar: Templar) -> Iterator[Problem]:
    """One for each part of a value whose own template fails."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _failures(host, f"{path}.{key}", inner, templar)
    elif isinstance(value, list | tuple):
        for number, inner in enumerate(value):
            yield from _failures(host, f"{path}[{number}]", inner, templar)
    else:
        try:
            templar.template(value)
        except AnsibleError as error:
            yield _failure(host, path, value, error)


def _failure(host: str, path: str, value: Any, error: AnsibleError) -> Problem:
    if isinstance(value, EncryptedString):
        why = str(error.message).rpartition("undecryptable variable: ")[2].rstrip(".")
        message = f"the vault cannot be decrypted: {why}: {_ADVICE}"
    else:
        message = f"its template fails: {error.message}"
        if "plugin '" not in message:  # a plugin's own message is not about the text
            message = f"{message.rstrip('.')}; {WAY_OUT}"
    return Problem(host, path, message, origin=origin_of(value) or _origin_of_error(error))


def _origin_of_error(error: AnsibleError) -> Any:
    return origin_of(error.obj) if isinstance(error.obj, str | Mapping | list) else None


def home_of(host: str, raw: Mapping[str, Any]) -> Origin | None:
    """The line of the inventory that names the host: where a missing variable could be added."""
    source = raw.get("inventory_file")
    if not source:
        return None
    return Origin(str(source), _lines_by_name(str(source)).get(host, 1), 1)


#: What a line of an inventory begins with: a name in YAML or INI.
_NAMED = re.compile(r"""\s*(?:"([^"]+)"|'([^']+)'|(\S+?):?(?:\s|$))""")


@functools.lru_cache(maxsize=64)
def _lines_by_name(path: str) -> dict[str, int]:
    """The first line that begins with each name: a search for each of many hosts would read the file as often."""
    try:
        lines = pathlib.Path(path).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return {}
    found: dict[str, int] = {}
    for number, line in enumerate(lines, 1):
        named = _NAMED.match(line)
        if named:
            found.setdefault(named[1] or named[2] or named[3], number)
    return found


__all__ = ("BY_HAND", "ITS_VARIABLES", "UNREADABLE", "Reading", "Variables", "home_of", "plain_texts")
