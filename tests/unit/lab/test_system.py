"""What the lab notes of its own seconds."""

from __future__ import annotations

import json
import time

import pytest
from virtual_rack import boot, cli, machine, nodes, rack, system


@pytest.fixture
def times(tmp_path, monkeypatch):
    """Reads the file that KINDLING_TIMES names."""
    file = tmp_path / "times"
    monkeypatch.setenv("KINDLING_TIMES", str(file))
    return lambda: [json.loads(line) for line in file.read_text().splitlines()]


def test_times_are_appended_a_line_each(times):
    system.note_time("boot n1: kernel", 4.1234)
    system.note_time("boot n1: ignition", 12)
    assert times() == [
        {"kind": "lab", "what": "boot n1: kernel", "seconds": 4.1},
        {"kind": "lab", "what": "boot n1: ignition", "seconds": 12},
    ]


def test_without_a_file_nothing_is_noted(monkeypatch, tmp_path):
    monkeypatch.delenv("KINDLING_TIMES", raising=False)
    monkeypatch.chdir(tmp_path)
    system.note_time("anything", 1.0)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("failure", [None, system.LabError("no"), KeyboardInterrupt()])
def test_a_command_notes_its_seconds_however_it_ends(times, monkeypatch, failure):
    def reboot(name):
        if failure:
            raise failure

    monkeypatch.setattr(rack, "reboot", reboot)
    cli.main(["reboot", "boot12"])
    (noted,) = times()
    assert noted["what"] == "lab reboot boot12"
    assert 0 <= noted["seconds"] < 5


def test_a_command_without_a_rack_is_noted_too(times, monkeypatch):
    monkeypatch.setattr(rack, "clean", lambda: None)
    cli.main(["clean"])
    assert [line["what"] for line in times()] == ["lab clean"]


def test_a_node_that_has_come_to_its_end_notes_the_seconds_of_each_stage(times):
    node = nodes.Node("n1", "52:54:00:77:00:11", "bios", "10.77.0.11", "9999.2.0")
    run = boot.Run(node, machine.Machine("r", node), powered_on=time.monotonic() - 30)
    run.progress.reached.update({"firmware": 0.0, "dhcp": 6.0, "ipxe": 6.5})
    run.fail("did not get any further")
    *before, last = times()
    assert before == [
        {"kind": "lab", "what": "boot n1: firmware", "seconds": 6.0},
        {"kind": "lab", "what": "boot n1: dhcp", "seconds": 0.5},
    ]
    assert last["what"] == "boot n1: ipxe"
    assert last["seconds"] == pytest.approx(23.5, abs=5)
