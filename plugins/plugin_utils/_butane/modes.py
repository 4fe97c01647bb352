# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""File modes: which ones look like octal digits read as a decimal number (source rule of the reference)."""

from __future__ import annotations

import functools

_SETUID, _SETGID, _STICKY = 0o4000, 0o2000, 0o1000
SPECIAL_BITS = _SETUID | _SETGID | _STICKY
HIGHEST = 0o7777
_READ, _WRITE, _EXECUTE = 4, 2, 1


@functools.lru_cache(maxsize=64)  # configs have few different modes
def looks_decimal(mode: int, *, directory: bool) -> bool:
    """``mode: 644``: odd as it is, usual once its digits are read as octal."""
    digits = str(mode)
    if len(digits) > 4 or not digits.isdigit() or set(digits) & {"8", "9"}:
        return False
    return not _is_usual(mode, directory=directory) and _is_usual(int(digits, 8), directory=directory)


def _is_usual(mode: int, *, directory: bool) -> bool:
    if mode == 0:
        return True
    if mode > HIGHEST:
        return False
    user, group, other = mode >> 6 & 7, mode >> 3 & 7, mode & 7
    if not user & _READ or not _grow_with_privilege(other, group, user):
        return False
    anybody_executes, anybody_writes = mode & 0o111, mode & 0o222
    if directory:
        return bool(anybody_executes) and not mode & _SETUID and (not mode & SPECIAL_BITS or bool(anybody_writes))
    if mode & _STICKY:
        return False
    return not mode & (_SETUID | _SETGID) or (bool(anybody_executes) and not other & _WRITE)


def _grow_with_privilege(*classes: int) -> bool:
    """From other to user, each class may do all that the one before may; nobody executes or writes without reading."""
    before = 0
    read_only_seen = False
    for rights in classes:
        if before & ~rights:
            return False
        if rights & (_WRITE | _EXECUTE) and not rights & _READ:
            return False
        if rights & _EXECUTE and read_only_seen:
            return False
        read_only_seen = read_only_seen or bool(rights & _READ and not rights & _EXECUTE)
        before = rights
    return True


__all__ = ("HIGHEST", "SPECIAL_BITS", "looks_decimal")
