# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The checkout that an inventory is read from, and whether it is older than what a boot host serves.

Git's ancestry decides where it can. Where it cannot, a number that each publishing increments decides: an inventory that was
published under a lower number, and in which no file is as new as the newest one that is served, is older. Nothing is kept in the
checkout or on the controller.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import pathlib
import stat
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.kindling.flatcar.plugins.module_utils._generation.publishings import (
    COMMIT,
    in_words,
    printable,
    short,
)

from .._status.installs import who
from .git import Git, GitError

#: What Ansible reads beside an inventory that is a single file.
_BESIDE = ("group_vars", "host_vars")

#: A larger file counts by its name and size only.
_READ = 1 << 20

_TO_DO = "Bring it up to date (git pull, where it is in git), or pass -e site_older=true if an older one is intended."


@dataclass(frozen=True)
class Checkout:
    """``unknown`` says why git cannot name the commit, where there may be one."""

    who: str = ""
    commit: str | None = None
    dirty: bool = False
    says: str | None = None
    newest: float | None = None
    unknown: str = ""
    folder: str | None = None

    def note(self) -> dict[str, Any]:
        """What a boot host records about it."""
        return {name: getattr(self, name) for name in ("who", "commit", "dirty", "says", "newest")}


@dataclass(frozen=True)
class Judgement:
    """``older`` says what is wrong with publishing from a checkout, ``note`` what could not be determined; each may be empty.

    ``confirms``: if nothing has to be published, what is served also matches this checkout.
    """

    older: str = ""
    note: str = ""
    confirms: bool = False


def look(sources: Iterable[str]) -> Checkout:
    """The checkout of the inventory's *sources*, as Ansible names them."""
    paths = [pathlib.Path(source) for source in sources if "," not in source]
    says, newest = _read(paths)
    try:
        commit, dirty, user, folder = _ask_git([path for path in paths if path.exists()])
        unknown = ""
    except GitError as error:
        commit, dirty, user, folder, unknown = None, False, "", None, printable(error)
    name = f"{who()} ({user})" if user else who()
    return Checkout(printable(name), commit, dirty, says, newest, unknown, folder)


def _ask_git(paths: list[pathlib.Path]) -> tuple[str | None, bool, str, str | None]:
    """The commit, whether there are uncommitted changes, the user's name, and the repository.

    An inventory without any file in the repository has no commit. Git cannot see files of an inventory outside of its repository.
    """
    folders = {path.resolve() if path.is_dir() else path.resolve().parent for path in paths}
    tops = {top for folder in folders if _is_in_git(folder) and (top := Git(folder).top())}
    if not tops:
        return None, False, "", None
    if len(tops) > 1:
        raise GitError("the inventory's sources are in several repositories")
    top = tops.pop()
    git = Git(pathlib.Path(top))
    # The target of a symbolic link, as git sees it
    parts = [part.resolve() for path in paths for part in _parts(path)]
    own = [str(part) for part in parts if part.is_relative_to(top)]
    if not own or not git.tracks(own):
        return None, False, "", None
    return git.commit(), git.is_dirty(own), git.user(), top


def _is_in_git(folder: pathlib.Path) -> bool:
    """Without calling git, which may not be installed."""
    return any((parent / ".git").exists() for parent in (folder, *folder.parents))


def judge(checkout: Checkout, known: Mapping[str, Any]) -> Judgement:
    """Judge publishing from *checkout* to a boot host whose publishings are *known*."""
    served = known.get("served")
    if not served:
        return Judgement()
    base = served.get("again") or served
    if not (base["commit"] or checkout.commit or checkout.unknown):
        return _by_number(checkout, known)
    try:
        order = _by_ancestry(checkout, base["commit"])
    except GitError as error:
        told = _by_number(checkout, known)
        note = f"It serves what was {in_words(served)}. It cannot be determined whether this checkout is older: {printable(error)}."
        return Judgement(told.older, note, not base["commit"])
    if order:
        return Judgement(f"It serves what was {in_words(served)}. This checkout {order}. {_TO_DO}")
    same = checkout.commit == base["commit"]
    lost = same and base["dirty"] and checkout.says not in served["says"]
    note = (
        f"It serves what was {in_words(served)}: those changes are lost unless this checkout has them." if lost else ""
    )
    return Judgement("", note, not same or checkout.dirty != base["dirty"])


def _by_ancestry(checkout: Checkout, served: str | None) -> str:
    """What is wrong with the checkout's commit compared with the one that is *served*; empty if nothing is.

    Raises ``GitError`` if that cannot be determined.
    """
    if not checkout.commit:
        raise GitError(checkout.unknown or "it is in no git repository, or has no commit")
    if not served or not COMMIT.fullmatch(served):
        raise GitError("it is not known from which commit that was published")
    if served == checkout.commit:
        return ""
    git = Git(pathlib.Path(checkout.folder))
    if git.is_ancestor(served, checkout.commit):
        return ""
    at = f"is at commit {short(checkout.commit)}"
    if git.is_ancestor(checkout.commit, served):
        return f"{at}, which is older"
    if git.is_shallow():
        raise GitError(f"it is at commit {short(checkout.commit)} in a shallow clone, which lacks part of the history")
    return f"{at}, which does not come after that one"


def _by_number(checkout: Checkout, known: Mapping[str, Any]) -> Judgement:
    served, number = known["served"], known["numbers"].get(checkout.says)
    if checkout.says in served["says"]:
        return Judgement()
    base = served.get("again") or served
    newer = None in (checkout.newest, base["newest"]) or checkout.newest >= base["newest"]
    if newer or number is None or number >= served["number"]:
        return Judgement(confirms=True)
    return Judgement(
        f"It serves what was {in_words(served)}. This checkout is, file by file, what was published under the number {number}, and "
        f"no file in it is as new as that. {_TO_DO}"
    )


def _read(paths: Iterable[pathlib.Path]) -> tuple[str | None, float | None]:
    """A digest of the inventory's files and their names, and the latest modification time of the files and their folders."""
    digest, newest = hashlib.sha256(), None
    for path in paths:
        base = path if path.is_dir() else path.parent
        for found in (found for part in _parts(path) for found in _walk(part)):
            with contextlib.suppress(OSError):  # Ansible cannot read it either, so it does not count
                line, written = _line(found, found.relative_to(base).as_posix())
                digest.update(line)
                newest = max(newest or 0.0, written)
    return (None, None) if newest is None else (digest.hexdigest()[:32], newest)


def _line(found: pathlib.Path, name: str) -> tuple[bytes, float]:
    """A file's part of the digest (nothing for a folder), and its modification time."""
    state = found.stat()
    if not stat.S_ISREG(state.st_mode):
        return b"", state.st_mtime
    content = found.read_bytes() if state.st_size <= _READ else str(state.st_size).encode()
    return f"{name}\0{hashlib.sha256(content).hexdigest()}\n".encode(errors="surrogateescape"), state.st_mtime


def _parts(path: pathlib.Path) -> list[pathlib.Path]:
    if path.is_dir():
        return [path]
    return [part for part in (path, *(path.parent / name for name in _BESIDE)) if part.exists()]


def _walk(path: pathlib.Path) -> Iterator[pathlib.Path]:
    """What is below *path*, in a fixed order, including folders, since removing a file leaves no other trace. Files of editors
    and of git are left out.
    """
    if path.is_file():
        yield path
        return
    seen = set()
    for folder, folders, files in os.walk(path, followlinks=True):
        real = os.path.realpath(folder)
        folders[:] = sorted(name for name in folders if not name.startswith(".") and real not in seen)
        seen.add(real)
        yield pathlib.Path(folder)
        for name in sorted(files):
            if not name.startswith(".") and not name.endswith("~"):
                yield pathlib.Path(folder, name)


__all__ = ("Checkout", "Judgement", "judge", "look")
