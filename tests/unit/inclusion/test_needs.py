"""What the collection says that it needs is what its code uses and what its tests had."""

from __future__ import annotations

import pathlib
import re

import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.version import Version

ROOT = pathlib.Path(__file__).parents[3]


def requirements(name):
    lines = (line.partition("#")[0].strip() for line in (ROOT / name).read_text().splitlines())
    return {found.name: found.specifier for found in map(Requirement, filter(None, lines))}


def test_an_execution_environment_has_what_a_controller_needs_and_no_test_tools():
    environment = yaml.safe_load((ROOT / "meta" / "execution-environment.yml").read_text())
    needed = requirements(environment["dependencies"]["python"])
    assert (ROOT / environment["dependencies"]["system"]).is_file()
    run_time = re.search(r"# Run time\n(.*?)\n\n", (ROOT / "requirements.in").read_text(), re.DOTALL)[1]
    tested = {Requirement(line.partition("#")[0]).name for line in run_time.splitlines()} - {"ansible-core"}
    assert needed.keys() == tested
    versions = requirements("requirements.in")
    for name, bounds in needed.items():
        assert str(versions[name]).removeprefix("==") in bounds


def test_the_collections_that_are_called_are_dependencies():
    called = set()
    for path in (*ROOT.glob("roles/*/*/*.yml"), *ROOT.glob("playbooks/**/*.yml")):
        called |= set(re.findall(r"^\s*(?:- )?([a-z_]+\.[a-z_]+)\.[a-z_]+:", path.read_text(), re.MULTILINE))
    galaxy = yaml.safe_load((ROOT / "galaxy.yml").read_text())
    assert called - {"ansible.builtin", "kindling.flatcar"} == galaxy["dependencies"].keys()
    for wanted in yaml.safe_load((ROOT / "requirements.yml").read_text())["collections"]:
        assert wanted["version"] in SpecifierSet(galaxy["dependencies"][wanted["name"]])


def test_the_oldest_ansible_that_is_admitted_is_the_one_that_everything_is_tested_with():
    admitted = SpecifierSet(yaml.safe_load((ROOT / "meta" / "runtime.yml").read_text())["requires_ansible"])
    tested = Version(str(requirements("requirements.in")["ansible-core"]).removeprefix("=="))
    assert tested in admitted
    assert Version(f"{tested.major}.{tested.minor - 1}.99") not in admitted


def test_a_forge_runs_commands_that_a_developer_types():
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text())
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    jobs = workflow["jobs"]
    assert set(jobs["fast"]["strategy"]["matrix"]["target"]) <= targets
    assert workflow[True].keys() >= {"push", "pull_request", "schedule"}  # YAML 1.1 reads `on` as true


def test_a_forge_runs_every_part_of_the_suite():
    from suite import parts

    jobs = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text())["jobs"]
    run = {*jobs["fast"]["strategy"]["matrix"]["target"], *jobs["whole"]["strategy"]["matrix"]["part"]}
    assert set(parts.names()) <= run
