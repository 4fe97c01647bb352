"""Who knows one role knows them all: the same files of tasks, in the same order, and a table of contents that names them."""

from __future__ import annotations

import pathlib

import pytest
import yaml

ROLES = pathlib.Path(__file__).parents[3] / "roles"

#: What a role does, in this order. A role has those that it needs.
PHASES = ["preflight", "install", "configure", "mirror", "publish", "service"]
#: What playbooks ask of a role beside what it is for.
ENTRIES = {"dnsmasq": {"dhcp_options"}, "fleet": {"rollback"}}
#: The one role that does not make a boot host: it knows as many ways as there are to switch a machine on.
ELSEWHERE = {"power"}
INTERNAL = {"common"}
OF_BOOT_HOSTS = sorted(path.name for path in ROLES.iterdir() if path.name not in ELSEWHERE | INTERNAL)


def read(path):
    return yaml.safe_load(path.read_text())


def steps(tasks):
    """Tasks in their order, those inside of blocks too."""
    for task in tasks:
        yield from steps(task["block"]) if "block" in task else [task]


@pytest.mark.parametrize("role", OF_BOOT_HOSTS)
def test_main_is_a_table_of_contents(role):
    first, *others = steps(read(ROLES / role / "tasks" / "main.yml"))
    assert "kindling.flatcar.words" in first
    named = [task["ansible.builtin.import_tasks"].removesuffix(".yml") for task in others]
    assert named == [phase for phase in PHASES if phase in named]


@pytest.mark.parametrize("role", OF_BOOT_HOSTS)
def test_there_are_no_other_files_of_tasks(role):
    there = {path.stem for path in (ROLES / role / "tasks").iterdir()}
    assert there <= {"main", *PHASES} | ENTRIES.get(role, set())
    assert ENTRIES.get(role, set()) <= there


@pytest.mark.parametrize("role", OF_BOOT_HOSTS)
def test_every_file_of_tasks_is_used(role):
    """By the table of contents, or by whoever asks for it by its name: that is documented."""
    main = (ROLES / role / "tasks" / "main.yml").read_text()
    specified = read(ROLES / role / "meta" / "argument_specs.yml")["argument_specs"]
    for path in (ROLES / role / "tasks").iterdir():
        assert path.stem in specified or path.name in main, path


@pytest.mark.parametrize("role", sorted(path.name for path in ROLES.iterdir()))
def test_what_can_be_asked_for_is_there(role):
    for entry in read(ROLES / role / "meta" / "argument_specs.yml")["argument_specs"]:
        assert (ROLES / role / "tasks" / f"{entry}.yml").is_file()


@pytest.mark.parametrize("role", OF_BOOT_HOSTS)
def test_what_it_writes_and_runs_is_one_task(role):
    """Each task is a round trip to the boot host: a user, its files and its unit go together."""
    paths = (ROLES / role / "tasks").glob("*.yml")
    writing = {
        "kindling.flatcar.service",
        "kindling.flatcar.file_tree",
        "ansible.builtin.template",
        "ansible.builtin.file",
    }
    tasks = [task["name"] for path in paths for task in steps(read(path)) if writing & task.keys()]
    assert len(tasks) <= 1, tasks


def test_what_roles_share_is_said_once():
    tasks = [(path.parts[-3], task) for path in sorted(ROLES.glob("*/tasks/*.yml")) for task in steps(read(path))]
    assert [role for role, task in tasks if "ansible.builtin.apt" in task] == ["common"]


def test_an_internal_role_is_asked_for_what_it_has():
    entries = {path.stem for path in (ROLES / "common" / "tasks").iterdir()}
    calls = [
        task["ansible.builtin.import_role"]
        for path in sorted(ROLES.glob("*/tasks/*.yml"))
        for task in steps(read(path))
        if "ansible.builtin.import_role" in task
    ]
    assert {call["tasks_from"] for call in calls} == entries
    # Its callers are these files: nothing is checked at run time
    assert all(call["name"] == "kindling.flatcar.common" and call["rolespec_validate"] is False for call in calls)
    specified = read(ROLES / "common" / "meta" / "argument_specs.yml")["argument_specs"]
    options = {name for spec in specified.values() for name in spec["options"]}
    given = {
        name
        for path in sorted(ROLES.glob("*/tasks/*.yml"))
        for task in steps(read(path))
        if "ansible.builtin.import_role" in task
        for name in task["vars"]
    }
    assert given == options
