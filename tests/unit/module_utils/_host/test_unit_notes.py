"""Whether a unit has taken up its files, out of what it noted when it read them."""

from __future__ import annotations

import subprocess

import pytest
from ansible_collections.kindling.flatcar.plugins.module_utils._host.unit_notes import due, due_for, units


@pytest.fixture
def unit(tmp_path):
    """A unit that has read two files, one of which it reads at its start alone."""

    class Unit:
        start, live = tmp_path / "start.conf", tmp_path / "live hosts"

        def note(self, name, path):
            text = subprocess.run(["sha256sum", path], capture_output=True, text=True, check=False).stdout
            (tmp_path / name).write_text(text)

        def due(self, state="active", outdated=False):
            return due(tmp_path, state, outdated, [str(self.start)], [str(self.live)])

    made = Unit()
    made.start.write_text("a\n")
    made.live.write_text("b\n")
    made.note("started", made.start)
    made.note("loaded", made.live)
    return made


def test_nothing_is_due_while_the_files_are_as_they_were_read(unit):
    assert unit.due() == ("none", [])


def test_a_file_that_is_read_at_a_reload_takes_a_reload(unit):
    unit.live.write_text("c\n")
    assert unit.due() == ("reload", [str(unit.live)])
    unit.note("loaded", unit.live)
    assert unit.due() == ("none", [])


def test_a_file_that_is_read_at_the_start_alone_takes_a_restart(unit):
    unit.start.write_text("c\n")
    unit.live.write_text("c\n")
    assert unit.due() == ("restart", [str(unit.start)])


def test_a_unit_that_systemd_has_not_read_anew_is_restarted(unit):
    assert unit.due(outdated=True) == ("restart", [])


def test_a_unit_that_noted_nothing_is_not_trusted(unit, tmp_path):
    (tmp_path / "started").unlink()
    assert unit.due() == ("restart", [str(unit.start)])
    unit.note("started", unit.start)
    (tmp_path / "loaded").unlink()
    assert unit.due() == ("reload", [str(unit.live)])


@pytest.mark.parametrize("state", ["inactive", "failed"])
def test_a_unit_that_does_not_run_reads_its_files_when_it_starts(unit, state):
    unit.start.write_text("c\n")
    assert unit.due(state) == ("none", [])


def test_a_file_that_came_or_went_is_a_change(unit):
    unit.live.unlink()
    assert unit.due() == ("reload", [str(unit.live)])
    unit.note("loaded", unit.live)
    assert unit.due() == ("none", [])
    unit.live.write_text("b\n")
    assert unit.due() == ("reload", [str(unit.live)])


@pytest.mark.parametrize(
    ("written", "due"),
    [
        ([], ("none", [])),
        (["/else"], ("none", [])),
        (["/live"], ("reload", ["/live"])),
        (["/live", "/start"], ("restart", ["/start"])),
    ],
)
def test_what_is_written_says_what_will_be_due(written, due):
    assert due_for(written, ["/start"], ["/live"]) == due


def test_units_are_known_by_where_they_lie():
    assert units(["/etc/x.conf", "/etc/systemd/system/x.service", "/etc/systemd/system/x.socket"]) == [
        "x.service",
        "x.socket",
    ]
