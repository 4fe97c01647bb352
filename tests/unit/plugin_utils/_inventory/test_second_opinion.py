"""Other programs are asked where they are, and what they cannot judge is no problem."""

from __future__ import annotations

import os
import pathlib
import sys

import pytest
from ansible_collections.kindling.flatcar.plugins.plugin_utils._inventory.second_opinion import second_opinions

HOSTS = """\
flatcar_nodes:
  vars: {flatcar_rack: a}
  hosts:
    n1: {flatcar_mac: "52:54:00:00:00:01", flatcar_address: 10.1.0.11}
    n2: {flatcar_mac: "52:54:00:00:00:02", flatcar_address: 10.1.0.12, flatcar_butane: {version: 1.0.0}}
"""


@pytest.fixture
def program(tmp_path, monkeypatch):
    """Puts a Python program on a PATH of its own."""
    directory = tmp_path / "bin"
    directory.mkdir()
    monkeypatch.setenv("PATH", str(directory))

    def write(name, code):
        path = directory / name
        path.write_text(f"#!{sys.executable}\nimport json, sys\n{code}\n")
        path.chmod(0o755)

    return write


@pytest.fixture
def opinions(inventory):
    found = inventory({"hosts.yml": HOSTS}).read_inventory()
    assert found.problems == ()
    return lambda: second_opinions(found.fleets.values())


def test_nobody_is_asked_where_nothing_is_installed(program, opinions):
    assert opinions() == ([], [], [])


def test_a_validator_that_agrees(program, opinions):
    program("ignition-validate", "assert json.load(open(sys.argv[1]))['ignition']['version']")
    assert opinions() == (["ignition-validate"], [], [])


def test_a_validator_that_is_too_old_for_some(program, opinions):
    program(
        "ignition-validate",
        "config = json.load(open(sys.argv[1]))\n"
        "sys.exit('error: unsupported config version' if config['ignition']['version'] == '3.4.0' else 'wrong')",
    )
    asked, notes, problems = opinions()
    assert (asked, notes) == (["ignition-validate"], ["ignition-validate here is too old for Ignition 3.4.0"])
    assert [(problem.subject, problem.path, problem.message) for problem in problems] == [
        ("n2", "cross-check with ignition-validate", "wrong")
    ]


def test_a_butane_that_differs(program, opinions):
    program("butane", "print(json.dumps({'ignition': {'version': '3.3.0'}}))")
    asked, _, problems = opinions()
    assert asked == ["butane"]
    assert {problem.subject for problem in problems} == {"n1", "n2"}
    assert all(problem.path == "cross-check with butane" for problem in problems)


def test_a_program_that_cannot_run(program, opinions):
    program("ignition-validate", "")
    pathlib.Path(os.environ["PATH"], "ignition-validate").write_text("#!/does/not/exist\n")
    assert "cannot run" in opinions().problems[0].message
