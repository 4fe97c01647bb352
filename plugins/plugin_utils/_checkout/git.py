# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Asks git about the repository of an inventory: read-only, within a time limit, and without running anything from the
repository.

A repository is untrusted data. Its own configuration names programs (file monitors, filters, hooks, transports); none of them
runs.
"""

from __future__ import annotations

import os
import pathlib
import shutil
import subprocess
from collections.abc import Iterable

_SECONDS = 20

#: What would make git look elsewhere than where the inventory is, as within a hook of another repository.
_ELSEWHERE = (
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_COMMON_DIR",
    "GIT_INDEX_FILE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_NAMESPACE",
    "GIT_PREFIX",
    "GIT_SHALLOW_FILE",
)

_SAFELY = {
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_NO_LAZY_FETCH": "1",
    # The history as it was committed: a repository may overlay its own replacements, which change what comes after what
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_GRAFT_FILE": os.devnull,
    "GIT_ALLOW_PROTOCOL": "none",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_LITERAL_PATHSPECS": "1",
    "LC_ALL": "C",
}

_OFF = (
    "core.commitGraph=false",
    "core.fsmonitor=false",
    "core.hooksPath=/dev/null",
    "safe.bareRepository=explicit",
    "log.showSignature=false",
)

#: The keys of a filter, which git runs on files that may have changed, and their values without one.
_FILTERS = r"^filter\..*\.(clean|process|required)$"
_NO_FILTER = {"clean": "", "process": "", "required": "false"}


class GitError(Exception):
    """Git cannot answer; the message says why, in a few words."""


class Git:
    """The repository whose work tree contains *folder*."""

    def __init__(self, folder: pathlib.Path) -> None:
        self._folder = folder

    def top(self) -> str | None:
        """The work tree's top directory; None if *folder* is not in one."""
        code, out, said = self._run("rev-parse", "--show-toplevel")
        if code == 0:
            return out.removesuffix("\n")
        if "not a git repository" in said:
            return None
        if "dubious ownership" in said:
            raise GitError("the repository belongs to another user (git's safe.directory)")
        raise GitError(f"git reports: {said}" if said else f"git exited with {code}")

    def tracks(self, paths: Iterable[str]) -> bool:
        """Whether any file below *paths* is in the repository."""
        return bool(self._out("ls-files", "-z", "--", *paths))

    def commit(self) -> str | None:
        """The commit that is checked out; None if there is none yet."""
        code, out, _error = self._run("rev-parse", "--verify", "--quiet", "HEAD^{commit}")
        return out.strip() if code == 0 else None

    def is_dirty(self, paths: Iterable[str]) -> bool:
        """Whether files below *paths* differ from the commit, or are untracked."""
        every = ("status", "--porcelain", "-z", "--untracked-files=normal", "--ignore-submodules=dirty")
        return bool(self._out(*every, "--", *paths, off=self._filters_off()))

    def is_shallow(self) -> bool:
        return self._out("rev-parse", "--is-shallow-repository").strip() != "false"

    def user(self) -> str:
        code, out, _error = self._run("config", "--get", "user.name")
        return out.strip() if code == 0 else ""

    def is_ancestor(self, older: str, newer: str) -> bool | None:
        """Whether the commit *older* is *newer* or an ancestor of it; None if one of them is missing."""
        code, _out, _error = self._run("merge-base", "--is-ancestor", older, newer)
        return {0: True, 1: False}.get(code)

    def _filters_off(self) -> list[str]:
        code, out, _error = self._run("config", "-z", "--name-only", "--get-regexp", _FILTERS)
        keys = {key for key in out.split("\0") if key} if code == 0 else set()
        names = {key.removeprefix("filter.").rpartition(".")[0] for key in keys}
        if any("=" in name for name in names):
            raise GitError("the repository's configuration has a filter whose name has an equals sign")
        return [f"filter.{name}.{key}={value}" for name in sorted(names) for key, value in _NO_FILTER.items()]

    def _out(self, *arguments: str, off: Iterable[str] = ()) -> str:
        code, out, said = self._run(*arguments, off=off)
        if code != 0:
            raise GitError(f"git reports: {said}" if said else f"git exited with {code}")
        return out

    def _run(self, *arguments: str, off: Iterable[str] = ()) -> tuple[int, str, str]:
        """The exit status, the output, and the first line of the error output."""
        program = shutil.which("git")
        if program is None:
            raise GitError("git is not installed on this controller")
        settings = [word for setting in (*_OFF, *off) for word in ("-c", setting)]
        environment = {name: value for name, value in os.environ.items() if name not in _ELSEWHERE}
        try:
            done = subprocess.run(
                [program, "--no-pager", *settings, *arguments],
                cwd=self._folder,
                env=environment | _SAFELY,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise GitError(f"git did not answer within {_SECONDS} s") from None
        except OSError as error:
            raise GitError(f"git cannot be run: {error.strerror}") from None
        said = done.stderr.decode(errors="replace").strip().partition("\n")[0]
        return done.returncode, os.fsdecode(done.stdout), said


__all__ = ("Git", "GitError")
