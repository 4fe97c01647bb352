# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files and directories of a host, written together: all files are made and validated before the first is moved into place.

Each is moved by one rename, so readers see the old file or the new one, whole. Needs only the standard library; runs on the
boot host.
"""

from __future__ import annotations

import contextlib
import grp
import hashlib
import os
import pwd
import secrets
import stat
import subprocess
import tempfile
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import durable

#: Placeholder for random digits in the content of a file that is written once.
RANDOM = "{random}"
_KINDS = {stat.S_IFDIR: "directory", stat.S_IFREG: "file", stat.S_IFLNK: "link"}
#: How a difference shows what was not there.
ABSENT = "absent\n"

#: The argument that describes a tree: see the documentation fragment ``tree``.
ENTRIES = {
    "type": "list",
    "elements": "dict",
    "options": {
        "path": {"type": "path", "required": True},
        "state": {"type": "str", "choices": ["file", "directory", "absent"], "default": "file"},
        "content": {"type": "str"},
        "src": {"type": "path"},
        "build": {"type": "list", "elements": "str", "default": []},
        "once": {"type": "bool", "default": False},
        "validate": {"type": "list", "elements": "str", "default": []},
        "owner": {"type": "str", "default": "root"},
        "group": {"type": "str", "default": "root"},
        "mode": {"type": "str"},
        "keep": {"type": "list", "elements": "str", "default": []},
    },
    "mutually_exclusive": [("content", "src")],
    "required_if": [("state", "file", ("content", "src"), True)],
}

#: The argument for directories alone.
DIRECTORIES = {
    "type": "list",
    "elements": "dict",
    "options": {
        "path": {"type": "path", "required": True},
        "owner": {"type": "str", "default": "root"},
        "group": {"type": "str", "default": "root"},
        "mode": {"type": "str", "default": "0755"},
    },
}


class TreeError(Exception):
    """The tree cannot be written."""


@dataclass(frozen=True)
class Entry:
    """What is to be at a path: a directory, a file with this content, or, as ``absent``, no file of these names.

    The content is a string, what a command builds from that string, or that of the file *src* on this host. A file that is
    written ``once`` is a secret: it is never replaced and never shown. A directory of that kind keeps its owner and mode.
    """

    path: Path
    state: str = "file"
    content: str | None = None
    src: str | None = None
    build: Sequence[str] = ()
    once: bool = False
    validate: Sequence[str] = ()
    owner: str = "root"
    group: str = "root"
    mode: str | None = None
    keep: Sequence[str] = ()

    @property
    def access(self) -> Access:
        mode = self.mode or ("0755" if self.state == "directory" else "0644")
        try:
            return Access(self.owner, self.group, int(mode, 8))
        except ValueError:
            raise TreeError(f"{self.path}: expected a mode in octal digits, such as 0644, got {mode}") from None


@dataclass(frozen=True)
class Access:
    owner: str
    group: str
    mode: int

    def check(self, coming: Collection[str]) -> None:
        """Raises ``TreeError`` if the host has no such user or group, and none is *coming*."""
        for look_up, name in ((pwd.getpwnam, self.owner), (grp.getgrnam, self.group)):
            if name not in coming:
                _number(look_up, name)

    def give(self, handle: int) -> None:
        """To an open file or directory."""
        os.fchown(handle, _number(pwd.getpwnam, self.owner), _number(grp.getgrnam, self.group))
        os.fchmod(handle, self.mode)

    def __str__(self) -> str:
        return f"owner {self.owner}, group {self.group}, mode {self.mode:04o}"


@dataclass(frozen=True)
class Change:
    """What differs at a path, in a form that can be shown."""

    path: str
    before: str
    after: str

    def as_diff(self) -> dict[str, str]:
        """In Ansible's form."""
        return {
            "before_header": self.path,
            "after_header": self.path,
            "before": self.before,
            "after": self.after,
        }


def entries_of(described: Iterable[Mapping[str, Any]], **common: str) -> list[Entry]:
    """The entries of a module's argument, and what they have in common."""
    return [Entry(**entry | {"path": Path(entry["path"])} | common) for entry in described]


def lay_down(
    entries: Iterable[Entry], dry: bool = False, awaited: bool = False, users: Collection[str] = ()
) -> list[Change]:
    """Make all *entries* match their description; returns what changed, or with *dry* would change.

    With *awaited*, missing sources and commands come with packages that a dry run did not install; *users*, each with a group
    of its name, are those that it did not create either. Raises ``TreeError`` if a file cannot be made, is not valid, or its
    owner does not exist; then no file has been replaced.
    """
    entries = list(entries)
    for entry in entries:
        entry.access.check(users if dry else ())
    files = [entry for entry in entries if entry.state == "file"]
    changes = [change for entry in entries if entry.state == "directory" for change in _lay_directory(entry, dry)]
    # They replace nothing, and validators may need them
    changes += [change for entry in files if entry.once for change in _lay_once(entry, dry)]
    with contextlib.ExitStack() as staged:
        made = [_make(entry, dry, awaited, staged) for entry in files if not entry.once]
        for file in made:
            changes += file.take_place(dry)
    return changes + [change for entry in entries if entry.state == "absent" for change in _remove(entry, dry)]


def make_directories(path: Path) -> None:
    """*path* with its parents, with access for everybody; existing ones stay as they are."""
    for missing in reversed([place for place in (path, *path.parents) if not place.exists()]):
        missing.mkdir()
        missing.chmod(0o755)


# Directories ------------------------------------------------------------------------------------------------------------


def _lay_directory(entry: Entry, dry: bool) -> Iterator[Change]:
    path, access = entry.path, entry.access
    found = _look(path, follow=True)
    if found is not None and not stat.S_ISDIR(found.st_mode):
        raise TreeError(f"{path} is a {_kind(found)}, but a directory is needed there: move it away")
    before = ABSENT if found is None else f"{_access(found)}\n"
    if found is not None and (entry.once or _access(found) == access):
        return
    if not dry:
        make_directories(path)
        _give(path, access, os.O_DIRECTORY)
    yield Change(f"{path}/", before, f"{access}\n")


# Files ------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Made:
    """A file's new content, staged beside its destination; neither if that is as it should be."""

    entry: Entry
    found: os.stat_result | None
    content: bytes | None
    staged: Path | None

    def take_place(self, dry: bool) -> Iterator[Change]:
        path, access = self.entry.path, self.entry.access
        if self.staged is not None:
            before = _shown(path.read_bytes()) if self.found and stat.S_ISREG(self.found.st_mode) else ""
            if not dry:
                self.staged.replace(path)
            yield Change(str(path), before, _shown(self.content))
        elif _access(self.found) != access:
            if not dry:
                _give(path, access, os.O_NOFOLLOW)
            yield Change(str(path), f"{_access(self.found)}\n", f"{access}\n")


def _make(entry: Entry, dry: bool, awaited: bool, staged: contextlib.ExitStack) -> _Made:
    path = entry.path
    found = _look(path)
    if found is not None and stat.S_ISDIR(found.st_mode):
        raise TreeError(f"{path} is a directory, but a file is needed there: move it away")
    new = _staging(path, dry)
    content = _content(entry, dry and awaited)
    if found is not None and stat.S_ISREG(found.st_mode) and path.read_bytes() == content:
        return _Made(entry, found, None, None)
    if not dry:
        staged.callback(new.unlink, missing_ok=True)
        durable.write_new(new, content, entry.access.give)
        if entry.validate:
            _run(entry.validate, {"{file}": new}, f"{path} failed to validate; what was there before stays")
    return _Made(entry, found, content, new)


def _content(entry: Entry, awaited: bool) -> bytes:
    try:
        if entry.src is not None:
            return Path(entry.src).read_bytes()
        return _build(entry) if entry.build else entry.content.encode()
    except FileNotFoundError as missing:
        if not awaited:
            raise TreeError(
                f"{entry.path}: {missing.filename} is not on this host. What was there before stays"
            ) from None
        return f"what packages that are not installed yet will provide ({missing.filename})\n".encode()


def _build(entry: Entry) -> bytes:
    with tempfile.TemporaryDirectory() as place:
        source, target = Path(place, "source"), Path(place, "target")
        source.write_text(entry.content, encoding="utf-8")
        _run(
            entry.build,
            {"{source}": source, "{target}": target},
            f"{entry.path} could not be made; what was there before stays",
        )
        return target.read_bytes()


def _lay_once(entry: Entry, dry: bool) -> Iterator[Change]:
    path, access = entry.path, entry.access
    if entry.content is None:
        raise TreeError(f"{path}: a file that is written once needs content")
    found = _look(path)
    if found is None:
        if not dry:
            new = _staging(path, dry)
            durable.write_new(new, entry.content.replace(RANDOM, secrets.token_hex(32)).encode(), access.give)
            new.replace(path)
        yield Change(str(path), ABSENT, f"a secret; {access}\n")
    elif not stat.S_ISREG(found.st_mode):
        raise TreeError(f"{path} is a {_kind(found)}, but a file is needed there: move it away")
    elif _access(found) != access:
        if not dry:
            _give(path, access, os.O_NOFOLLOW)
        yield Change(str(path), f"{_access(found)}\n", f"{access}\n")


def _remove(entry: Entry, dry: bool) -> Iterator[Change]:
    for path in sorted(entry.path.parent.glob(entry.path.name)):
        if path.name not in entry.keep:
            if not dry:
                path.unlink()
            yield Change(str(path), "present\n", ABSENT)


# What they share --------------------------------------------------------------------------------------------------------


def _staging(path: Path, dry: bool) -> Path:
    """Where a new file waits: always the same path, so that killed runs leave nothing behind for good."""
    place = path.with_name(f".{path.name}.new")
    if not dry and _look(place):  # a read-only file system refuses even to remove what does not exist
        place.unlink()
    return place


def _run(command: Sequence[str], places: dict[str, Path], failure: str) -> None:
    for mark, place in places.items():
        command = [word.replace(mark, str(place)) for word in command]
    done = subprocess.run(command, capture_output=True, text=True, check=False, errors="replace")
    if done.returncode != 0:
        raise TreeError(f"{failure}: {' '.join(command)}: {(done.stderr + done.stdout).strip()}")


def _look(path: Path, follow: bool = False) -> os.stat_result | None:
    try:
        return path.stat(follow_symlinks=follow)
    except FileNotFoundError:
        if path.is_symlink():
            raise TreeError(f"{path} is a link that leads nowhere: remove it") from None
        return None


def _access(found: os.stat_result) -> Access:
    return Access(_name(pwd.getpwuid, found.st_uid), _name(grp.getgrgid, found.st_gid), stat.S_IMODE(found.st_mode))


def _give(path: Path, access: Access, flags: int) -> None:
    handle = os.open(path, os.O_RDONLY | flags)
    try:
        access.give(handle)
    finally:
        os.close(handle)


def _kind(found: os.stat_result) -> str:
    return _KINDS.get(stat.S_IFMT(found.st_mode), "special file")


def _number(look_up: Callable, name: str) -> int:
    try:
        return look_up(name)[2]
    except KeyError:
        raise TreeError(f"the host has no user or group {name}: run the whole role, which creates it") from None


def _name(look_up: Callable, number: int) -> str:
    try:
        return look_up(number)[0]
    except KeyError:
        return str(number)


def _shown(content: bytes) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError:
        return f"(not text: {len(content)} bytes, SHA-256 {hashlib.sha256(content).hexdigest()})\n"


__all__ = (
    "ABSENT",
    "DIRECTORIES",
    "ENTRIES",
    "Change",
    "Entry",
    "TreeError",
    "entries_of",
    "lay_down",
    "make_directories",
)
