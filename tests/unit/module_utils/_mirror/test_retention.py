"""Which releases may go."""

from __future__ import annotations

import pytest
from ansible_collections.kindling.flatcar.plugins.module_utils._mirror.release import Version
from ansible_collections.kindling.flatcar.plugins.module_utils._mirror.retention import Present, removable

DAY = 86400
NOW = 1000 * DAY


def present(text: str, days_ago: float = 100, board: str = "amd64-usr") -> Present:
    return Present(board, Version.parse(text), NOW - days_ago * DAY)


def names(releases: list[Present]) -> list[str]:
    return [str(release.version) for release in releases]


STABLE = [present(f"4593.2.{number}") for number in range(5)]


@pytest.mark.parametrize(
    ("releases", "wanted", "keep", "keep_days", "gone"),
    [
        pytest.param([], [], 1, 0, [], id="nothing there"),
        pytest.param(STABLE, [], 2, 14, ["4593.2.0", "4593.2.1", "4593.2.2"], id="newest stay"),
        pytest.param(STABLE, ["4593.2.0"], 2, 14, ["4593.2.1", "4593.2.2"], id="wanted stays"),
        pytest.param([*STABLE[2:], present("4593.2.1", 13)], [], 2, 14, ["4593.2.2"], id="served lately stays"),
        pytest.param([*STABLE[2:], present("4593.2.1", 15)], [], 2, 14, ["4593.2.1", "4593.2.2"], id="served long ago"),
        pytest.param(STABLE[:2], [], 5, 0, [], id="fewer than kept"),
        pytest.param(
            [present("4081.3.10"), present("4081.3.9"), present("4081.3.8")], [], 2, 0, ["4081.3.8"], id="numbers"
        ),
        pytest.param(
            [present("4081.3.10"), present("3510.3.8"), present("3510.3.7")], [], 1, 0, ["3510.3.7"], id="lts streams"
        ),
        pytest.param(
            [present("4593.2.1"), present("4757.1.0"), present("4790.0.0")], [], 1, 0, [], id="channels apart"
        ),
        pytest.param([present("4593.2.1"), present("4593.2.0", board="arm64-usr")], [], 1, 0, [], id="boards apart"),
    ],
)
def test_removable(releases, wanted, keep, keep_days, gone):
    needed = {("amd64-usr", Version.parse(text)) for text in wanted}
    assert names(removable(releases, needed, keep=keep, keep_days=keep_days, now=NOW)) == gone


def test_a_version_wanted_for_one_board_may_go_for_the_other():
    releases = [present("4593.2.1", board=board) for board in ("amd64-usr", "arm64-usr")]
    releases += [present("4593.2.2", board=board) for board in ("amd64-usr", "arm64-usr")]
    gone = removable(releases, {("amd64-usr", Version.parse("4593.2.1"))}, keep=1, keep_days=0, now=NOW)
    assert [(release.board, str(release.version)) for release in gone] == [("arm64-usr", "4593.2.1")]
