# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which releases may be removed."""

from __future__ import annotations

import collections
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from .release import Version

_DAY = 86400


@dataclass(frozen=True)
class Present:
    """A release on the disk, and when it was last wanted or a channel's current one (Unix seconds)."""

    board: str
    version: Version
    last_served: float


def removable(
    present: Iterable[Present], wanted: Collection[tuple[str, Version]], *, keep: int, keep_days: int, now: float
) -> list[Present]:
    """The releases that are neither wanted, nor served lately, nor among the newest of their channel and board.

    *wanted* has the board and version of everything that a node or the operator asks for; *keep* is how many to keep per board
    and channel, including the wanted ones, where LTS streams count separately.
    """
    groups: dict[tuple[str, str, int], list[Present]] = collections.defaultdict(list)
    for release in present:
        stream = release.version.major if release.version.channel == "lts" else 0
        groups[release.board, release.version.channel, stream].append(release)
    old: list[Present] = []
    for group in groups.values():
        newest_first = sorted(group, key=lambda release: release.version, reverse=True)
        old += newest_first[keep:]
    return sorted(
        (
            release
            for release in old
            if (release.board, release.version) not in wanted and now - release.last_served >= keep_days * _DAY
        ),
        key=lambda release: (release.board, release.version),
    )
