# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whom ``--limit`` leaves, and whether somebody has meant these."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

_NAMED = 10


def nobody_left(limit: str, pattern: str, hosts: Sequence[str]) -> str:
    """What to say where *limit* leaves none of the *hosts* of *pattern*, which a playbook works on."""
    groups = " and ".join(pattern.split(":"))
    if not hosts:
        return f"this playbook works on the hosts of {groups}, and the inventory has none. Nothing was done"
    return (
        f"--limit {limit} leaves none of the hosts that this playbook works on, those of {groups}: {_few(hosts)}. "
        "Nothing was done"
    )


def are_meant(
    patterns: Iterable[str], chosen: Collection[str], everybody: Collection[str], groups: Collection[str]
) -> bool:
    """Whether somebody has said that *chosen* are meant, by a limit of these *patterns*.

    All that there are, *everybody*, are meant only by their names, one by one: a pattern, a group of *groups*, a file and a
    variable that is empty come to all of them also where nobody thought so.
    """
    return set(chosen) != set(everybody) or set(everybody) <= set(patterns) - set(groups)


def _few(names: Sequence[str]) -> str:
    more = len(names) - _NAMED
    return f"{', '.join(names[:_NAMED])}{f' and {more:,} more' if more > 0 else ''}"


__all__ = ("are_meant", "nobody_left")
