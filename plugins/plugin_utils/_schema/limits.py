# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The hosts that ``--limit`` leaves, and whether they were selected deliberately."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

_NAMED = 10


def nobody_left(limit: str, pattern: str, hosts: Sequence[str]) -> str:
    """The message if *limit* leaves none of the *hosts* of *pattern*, which a playbook works on."""
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
    """Whether *chosen* were selected deliberately, by a limit of these *patterns*.

    *everybody*, that is all of them, is deliberate only by their names, one by one: a pattern, a group of *groups*, a file and an
    empty variable may amount to all of them by accident.
    """
    return set(chosen) != set(everybody) or set(everybody) <= set(patterns) - set(groups)


def _few(names: Sequence[str]) -> str:
    more = len(names) - _NAMED
    return f"{', '.join(names[:_NAMED])}{f' and {more:,} more' if more > 0 else ''}"


__all__ = ("are_meant", "nobody_left")
