"""The suite runs lanes beside one another, shows one at a time, and leaves nothing after Ctrl-C."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import suite
from suite import parts, report, run
from suite.parts import Part

HOOKS = Path(suite.__file__).parent / "hooks"


def shell(name, script):
    return Part(name, ("sh", "-ec", script))


@pytest.fixture
def directory(tmp_path, monkeypatch):
    """Where the logs of a run go; what it prints of them is relative to the project."""
    monkeypatch.setattr(run, "PROJECT", tmp_path)
    return tmp_path


def await_file(path):
    return f"while [ ! -e {path} ]; do sleep 0.05; done"


def test_lanes_run_beside_one_another_and_their_parts_one_after_another(directory):
    """Each lane waits for what the other one does: they would wait for ever if they did not run at once."""
    a, b, c = (directory / name for name in "abc")
    lanes = (
        (shell("one", f"touch {a}; {await_file(b)}"), shell("two", f"touch {c}")),
        (shell("three", f"touch {b}; {await_file(a)}; [ ! -e {c} ] || true; {await_file(c)}"),),
    )
    finished = run.all_stages([lanes], directory)
    assert {outcome.part.name: outcome.status for outcome in finished.outcomes} == {"one": 0, "two": 0, "three": 0}
    names = [outcome.part.name for outcome in finished.outcomes]
    assert names.index("one") < names.index("two")


def test_one_lanes_lines_are_shown_at_a_time_and_the_others_go_on_where_it_ends(directory, capsys, monkeypatch):
    first, second = directory / "first", directory / "second"
    lanes = (
        (shell("shown", f"echo mine 1; {await_file(first)}; echo mine 2"),),
        (shell("beside", f"echo hidden; touch {first}; {await_file(second)}; echo later"),),
    )
    showing = run.Screen.is_over

    def then_let_it_go_on(self, lane, others):
        showing(self, lane, others)
        second.touch()

    monkeypatch.setattr(run.Screen, "is_over", then_let_it_go_on)
    run.all_stages([lanes], directory)
    said = capsys.readouterr().out.splitlines()
    assert said.index("mine 1") < said.index("mine 2") < said.index("==== beside goes on") < said.index("later")
    assert "hidden" not in said
    assert (directory / "beside.log").read_text() == "hidden\nlater\n"


def test_what_failed_lets_its_lane_go_on_and_ends_the_run_before_the_next_stage(directory):
    stages = [((shell("bad", "exit 3"), shell("good", "true")),), ((shell("never", "true"),),)]
    finished = run.all_stages(stages, directory)
    assert [(each.part.name, each.status, each.failed) for each in finished.outcomes] == [
        ("bad", 3, True),
        ("good", 0, False),
    ]


def test_the_steps_of_a_scenario_are_timed_by_what_molecule_says(directory):
    line = "printf '\\033[36mINFO \\033[0m \\033[32mx\\033[0m ➜ \\033[33m%s\\033[0m: %s\\n'"
    script = f"{line} create Executing; {line} create 'Executed: Successful'; {line} verify Executing"
    (outcome,) = run.all_stages([((shell("scenario", script),),)], directory).outcomes
    assert list(outcome.steps) == ["create"]


SUITE = """
import sys, pathlib
sys.path[:0] = [{tests!r}, {hooks!r}]
from suite import leftovers, run, __main__
from suite.parts import Part
run.PROJECT = pathlib.Path({directory!r})
__main__.PROJECT = run.PROJECT
__main__.parts.plan = lambda names: [tuple((Part(name, ("sh", "-ec", script)),) for name, script in {scripts!r}.items())]
leftovers.remove_racks = lambda part, own: print("removed the racks of", part.name)
sys.exit(__main__.main([]))
"""


def start_suite(directory, **scripts):
    tests = str(Path(suite.__file__).parents[1])
    program = SUITE.format(tests=tests, hooks=str(HOOKS), directory=str(directory), scripts=scripts)
    # As `make test &` in a script has it: without Ctrl-C, neither for itself nor for what it starts
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        return subprocess.Popen(
            [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
    finally:
        signal.signal(signal.SIGINT, before)


def wait_for(path):
    give_up = time.monotonic() + 60
    while not (path.exists() and path.read_text().endswith("\n")):
        assert time.monotonic() < give_up, f"no {path} within a minute"
        time.sleep(0.05)
    return int(path.read_text())


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_ends_all_lanes_and_what_they_started_in_sessions_of_their_own(directory, sign):
    polite, lost = directory / "polite", directory / "lost"
    process = start_suite(
        directory,
        tidy=f"trap 'echo put away; exit 1' INT; echo $$ > {polite}; while :; do sleep 0.1; done",
        untidy=f"setsid sh -c 'echo $$ > {lost}; exec sleep 1000' & wait",
    )
    pids = [wait_for(polite), wait_for(lost)]
    process.send_signal(sign)
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert "put away" in said
    assert "removed the racks of tidy" in said
    assert "removed the racks of untidy" in said
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_an_adopted_process_that_ends_is_gone_at_once(directory):
    """A container does not end before all of its processes are, those among them whose parent is outside."""
    lost = directory / "lost"
    process = start_suite(
        directory,
        loses=f"sh -c 'sleep 0.3 & echo $! > {lost}'; while [ -e /proc/$(cat {lost}) ]; do sleep 0.05; done",
    )
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 0, said


def test_the_whole_log_of_what_failed_stands_at_the_end_with_the_table(directory):
    process = start_suite(directory, good="echo all is well", bad="echo this is why; exit 1")
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 1
    end = said[said.index("==== bad failed. All that it said:") :]
    assert "this is why" in end
    assert "all is well" not in end
    rows = {line.split()[0]: line.split()[1] for line in end.splitlines() if line.startswith(("good ", "bad "))}
    assert rows == {"good": "ok", "bad": "FAILED"}
    latest = directory / ".cache" / "test" / "latest"
    assert {each["part"]: each["status"] for each in json.loads((latest / "times.json").read_text())["parts"]} == {
        "good": 0,
        "bad": 1,
    }


def test_tests_tasks_and_playbooks_are_timed_where_they_run(directory):
    """With pytest's own processes beside one another, and a playbook within a test."""
    (directory / "test_these.py").write_text(
        """
import subprocess, pytest

def test_good(): pass

def test_bad(): assert False

@pytest.mark.skip
def test_skipped(): pass

def test_playbook(tmp_path):
    play = "[{hosts: localhost, gather_facts: false, tasks: [{name: Do nothing, ansible.builtin.debug: }]}]"
    (tmp_path / "play.yml").write_text(play)
    subprocess.run(["ansible-playbook", "-i", "localhost,", tmp_path / "play.yml"], check=True)
"""
    )
    command = (
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-n",
        "2",
        "-p",
        "no:cacheprovider",
        str(directory / "test_these.py"),
    )
    finished = run.all_stages([((Part("unit", command),),)], directory)
    text = report.write(directory, finished.outcomes, busy=120.0)
    noted = json.loads((directory / "times.json").read_text())["noted"]
    tests = {line["what"].rpartition("::")[2]: line["outcome"] for line in noted if line["kind"] == "test"}
    assert tests == {"test_good": "passed", "test_bad": "failed", "test_skipped": "skipped", "test_playbook": "passed"}
    assert ("task", "Do nothing") in {(line["kind"], line["what"]) for line in noted}
    assert ("playbook", "play.yml") in {(line["kind"], line["what"]) for line in noted}
    assert text.endswith("\n2 passed, 1 failed, 1 skipped")
    assert "busy for 2.0 CPU minutes" in text


def test_every_scenario_is_a_part_and_has_its_racks():
    scenarios = {path.parent.name for path in (parts.PROJECT / "molecule").glob("*/molecule.yml")}
    assert scenarios <= set(parts.names())
    stages = parts.plan([])
    assert [[[part.name for part in lane] for lane in stage] for stage in stages[:2]] == [
        [["set-up"]],
        [["lint", "docs", "inclusion", "newer"], ["unit"]],
    ]
    assert len(stages[2]) == 2
    racks = [rack for lane in stages[2] for part in lane for rack in part.racks]
    assert len(racks) == len(set(racks)), "parts that run beside one another need racks of their own"


def test_a_part_runs_alone_after_what_it_needs():
    set_up, alone = parts.plan(["boot"])
    assert set_up[0][0].command[-1] == "lab-setup"
    assert [part.name for lane in alone for part in lane] == ["boot"]
