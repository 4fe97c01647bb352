# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Configs that are no longer published and stay available for a while: a machine may hold the script that names one, and
Ignition takes the answer "not found" as final.

They lie on two shelves below ``former``. Now and then the unit ``kindling-former`` removes the second and makes the first
the second, so that what is put aside stays for one to two of its rounds, whatever the clock says and however often something
is published meanwhile. Needs only the standard library; runs on the boot host.
"""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path

from .._routes import routes

#: Directories of a generation whose subdirectories have names that nobody can guess, and are requested by them.
_ROOMS = (routes.CONFIGS, routes.NEARBY)


def put_aside(root: Path, before: Path, after: Path) -> bool:
    """Keep serving, from *root*'s first shelf, what the generation *before* has and *after* does not. Returns whether there was
    anything.

    *after* is not served yet, so there is no moment at which a name in a script leads nowhere.
    """
    left = [file for room in _ROOMS for file in _left(before / routes.WEB / room, after / routes.WEB / room)]
    for file in left:
        _put(root / routes.FORMER / routes.SHELVES[0], file, like=(after / routes.WEB).stat())
    return bool(left)


def _left(before: Path, after: Path) -> list[Path]:
    """The names that *after* lacks. A config may stay, and be served to another address from now on."""
    return [file for file in before.glob("*/*") if not (after / file.relative_to(before)).exists()]


def _put(shelf: Path, file: Path, like: os.stat_result) -> None:
    """The same file on the *shelf*, with the access rights of *like*; completes what a killed run started."""
    target = shelf / file.parent.parent.name / file.parent.name
    for made in (shelf.parent, shelf, target.parent, target):
        made.mkdir(exist_ok=True)
        os.chown(made, like.st_uid, like.st_gid)
        made.chmod(stat.S_IMODE(like.st_mode))
    there = target / file.name
    if there.exists():
        return
    if file.stat().st_gid == like.st_gid:
        there.hardlink_to(file)
    else:
        _copy(file, there, like)


def _copy(file: Path, target: Path, like: os.stat_result) -> None:
    unfinished = target.with_name(f".{target.name}")
    shutil.copy(file, unfinished)
    os.chown(unfinished, like.st_uid, like.st_gid)
    unfinished.replace(target)


__all__ = ("put_aside",)
