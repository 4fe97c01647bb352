# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The system users that services run as: without a home or a shell, each with a group of its name.

Nothing else on the host runs as such a user, so nothing else can read, kill or trace its processes. Needs only the standard
library; runs on the boot host.
"""

from __future__ import annotations

import grp
import pwd
from collections.abc import Sequence

from .file_tree import ABSENT, Change

HOME, SHELL = "/nonexistent", "/usr/sbin/nologin"


def due(name: str) -> tuple[Sequence[str], Change | None]:
    """The command that gives the host this user, and what it changes; nothing if the user is as it should be."""
    try:
        found = pwd.getpwnam(name)
    except KeyError:
        group = ("--gid", name) if _is_group(name) else ("--user-group",)
        options = ("--system", "--no-create-home", *group, "--home-dir", HOME, "--shell", SHELL)
        return ("useradd", *options, name), _change(name, ABSENT)
    if (found.pw_dir, found.pw_shell) == (HOME, SHELL):
        return (), None
    # usermod refuses to change the home of a user with running processes
    home = ("--home", HOME) if found.pw_dir != HOME else ()
    return ("usermod", *home, "--shell", SHELL, name), _change(name, _described(found.pw_dir, found.pw_shell))


def _is_group(name: str) -> bool:
    try:
        grp.getgrnam(name)
    except KeyError:
        return False
    return True


def _change(name: str, before: str) -> Change:
    return Change(f"user {name}", before, _described(HOME, SHELL))


def _described(home: str, shell: str) -> str:
    return f"home {home}, shell {shell}\n"


__all__ = ("due",)
