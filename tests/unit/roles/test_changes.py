"""What is said of the roles' changes on a boot host is what the roles name. On real hosts, molecule's scenario `default` looks."""

from __future__ import annotations

import importlib.util
import pathlib

import pytest
import yaml
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar

ROOT = pathlib.Path(__file__).parents[3]
UNITS = "/etc/systemd/system/"

_spec = importlib.util.spec_from_file_location("changes", ROOT / "tests" / "changes.py")
changes = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(changes)

DECLARED = changes.read()


class Role:
    """A role's own variables, of which one at a time is made: most need a boot host's networks."""

    def __init__(self, name):
        self.name, self._loader, self._variables = name, DataLoader(), {}
        for part in ("defaults", "vars"):
            path = ROOT / "roles" / name / part / "main.yml"
            self._variables |= self._loader.load_from_file(str(path), trusted_as_template=True)
        self._templar = Templar(loader=self._loader, variables=self._variables)

    def made(self, text):
        return self._templar.template(text)

    def variable(self, name, default=None):
        return self.made(self._variables.get(f"__{self.name}_{name}", default))

    def tasks(self):
        for path in sorted((ROOT / "roles" / self.name / "tasks").glob("*.yml")):
            yield from self._loader.load_from_file(str(path), trusted_as_template=True)

    def paths(self):
        """The paths that its lists of files have, without the directories above them."""
        lists = [value for name, value in self._variables.items() if name.endswith(("_files", "_directories"))]
        entries = [entry for value in lists for entry in (value["systemd"] if isinstance(value, dict) else value)]
        return {self.made(entry["path"]) for entry in entries if isinstance(entry, dict) and "path" in entry}


ROLES = {name: Role(name) for name in DECLARED}


def named(role, kind):
    return set(DECLARED[role].get(kind, ()))


def test_each_role_of_the_playbook_says_it_in_that_order():
    site = yaml.safe_load((ROOT / "playbooks" / "site.yml").read_text())
    of_site = [role["role"].removeprefix("kindling.flatcar.") for play in site for role in play.get("roles", ())]
    assert list(DECLARED) == of_site


def test_pages_and_playbooks_say_what_is_declared():
    for page, text in changes.pages().items():
        assert page.read_text() == text, f"{page}: run python3 tests/changes.py"


@pytest.mark.parametrize("role", DECLARED)
def test_its_kinds_are_known(role):
    assert set(DECLARED[role]) - {"role"} <= set(changes.KINDS)


@pytest.mark.parametrize("role", DECLARED)
def test_its_packages_are_those_that_it_installs(role):
    assert named(role, "packages") == set(ROLES[role].variable("packages", []))


def services(role):
    """What it asks of the module that writes services' files and runs them, for each service."""
    tasks = [task["kindling.flatcar.service"] for task in ROLES[role].tasks() if "kindling.flatcar.service" in task]
    return [service for options in tasks for service in (options, *options.get("others", ()))]


@pytest.mark.parametrize("role", DECLARED)
def test_its_users_are_those_that_it_makes(role):
    assert named(role, "users") == {ROLES[role].made(options["user"]) for options in services(role)}


@pytest.mark.parametrize("role", DECLARED)
def test_its_units_are_those_that_it_writes(role):
    units = {path.removeprefix(UNITS) for path in ROLES[role].paths() if path.startswith(UNITS)}
    assert named(role, "units") == units


@pytest.mark.parametrize("role", DECLARED)
def test_its_files_are_declared(role):
    """Each that it writes is one of these, in one of them, or a directory above one."""
    declared = named(role, "paths")
    for path in map(pathlib.PurePath, ROLES[role].paths()):
        if not str(path).startswith(UNITS):
            assert any(
                path.is_relative_to(known) or pathlib.PurePath(known).is_relative_to(path) for known in declared
            ), path


@pytest.mark.parametrize("role", DECLARED)
def test_what_starts_with_the_host_is_what_it_brings_up(role):
    assert named(role, "enabled") == {ROLES[role].made(options["name"]) for options in services(role)}
    assert named(role, "disabled") == {options["instead_of"] for options in services(role) if "instead_of" in options}


def test_the_kernels_setting_and_the_table_of_the_packet_filter_are_those_of_dnsmasq():
    role = ROLES["dnsmasq"]
    assert named("dnsmasq", "tables") == {f"inet {role.variable('table')}"}
    (setting,) = DECLARED["dnsmasq"]["sysctls"]
    assert role.variable("receive_buffer") == f"/proc/sys/{setting.replace('.', '/')}"
    assert not [row for name, row in DECLARED.items() if name != "dnsmasq" and {"tables", "sysctls"} & row.keys()]
