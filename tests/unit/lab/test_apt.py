"""The apt sources of made systems come from those of this machine."""

from __future__ import annotations

from pathlib import Path

import pytest
from virtual_rack import apt

DEB822 = """\
Types: deb deb-src
URIs: http://mirror.test/debian
Suites: bookworm bookworm-updates
# Suites: sid
Components: main contrib
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: http://mirror.test/security
Suites: bookworm-security
Components: main

Enabled: no
Types: deb
URIs: http://off.test/debian
Suites: bookworm
Components: main
"""
ONE_LINE = """\
# deb http://off.test/debian bookworm main
deb [arch=amd64 signed-by=/x.gpg] https://vendor.test/linux bookworm stable
deb http://vendor.test/db bookworm-pgdg main
deb-src http://mirror.test/debian bookworm main
deb  http://other.test/debian  bookworm  main # near
"""


@pytest.fixture
def entries(tmp_path: Path) -> list[tuple[str, str, list[str]]]:
    (tmp_path / "sources.list.d").mkdir()
    (tmp_path / "sources.list.d" / "debian.sources").write_text(DEB822)
    (tmp_path / "sources.list").write_text(ONE_LINE)
    return apt.read_sources(tmp_path)


def test_both_formats_are_read(entries):
    assert entries == [
        ("https://vendor.test/linux", "bookworm", ["stable"]),
        ("http://vendor.test/db", "bookworm-pgdg", ["main"]),
        ("http://other.test/debian", "bookworm", ["main"]),
        ("http://mirror.test/debian", "bookworm", ["main", "contrib"]),
        ("http://mirror.test/debian", "bookworm-updates", ["main", "contrib"]),
        ("http://mirror.test/security", "bookworm-security", ["main"]),
    ]


def test_only_debians_own_are_taken_with_the_release_swapped(entries):
    text = apt.sources_for("trixie", "bookworm", entries)
    assert [line for line in text.splitlines() if line.startswith(("URIs", "Suites"))] == [
        "URIs: http://other.test/debian",
        "Suites: trixie",
        "URIs: http://mirror.test/debian",
        "Suites: trixie",
        "URIs: http://mirror.test/debian",
        "Suites: trixie-updates",
        "URIs: http://mirror.test/security",
        "Suites: trixie-security",
    ]
    assert "contrib" not in text


def test_nothing_to_take():
    assert apt.sources_for("trixie", "noble", [("http://x.test", "bookworm", ["main"])]) == ""


@pytest.mark.parametrize(
    ("line", "carried"),
    [
        ('Acquire::http::Proxy "http://proxy.test:3128/";', True),
        ('Acquire::http::Proxy::mirror.test "DIRECT";', True),
        ('Acquire::http::Proxy-Auto-Detect "/usr/bin/auto-apt-proxy";', False),
        ('Acquire::https::CAInfo "/etc/ssl/own.pem";', False),
        ('Acquire::Check-Valid-Until "false";', True),
        ('Acquire::Languages:: "none";', False),
        ('Acquire::cdrom::mount "/media/cdrom/";', False),
    ],
)
def test_settings_that_help_to_reach_a_mirror_are_carried_over(line, carried):
    assert bool(apt.CARRIED_OPTION.match(line)) is carried


def test_packages_are_shared_without_copies(tmp_path: Path):
    source, target = tmp_path / "a", tmp_path / "b" / "c"
    source.mkdir()
    (source / "x_1_all.deb").write_text("x")
    (source / "lock").touch()
    (source / "partial").mkdir()
    for _ in range(2):
        apt.link_new(source, target)
    assert [path.name for path in target.iterdir()] == ["x_1_all.deb"]
    assert (target / "x_1_all.deb").samefile(source / "x_1_all.deb")
