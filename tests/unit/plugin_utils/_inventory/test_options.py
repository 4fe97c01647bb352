"""Options of playbooks, as people give them and as inventories have variables of their own."""

from __future__ import annotations

import json
import pathlib
import re

import playbook_runs
import pytest
import yaml
from ansible_collections.kindling.flatcar.plugins.plugin_utils._options.playbook_options import OPTIONS

pytestmark = pytest.mark.slow

ROOT = pathlib.Path(__file__).parents[4]
HOSTS = """\
boot_hosts:
  vars:
    ansible_connection: local
    ansible_python_interpreter: "{{ ansible_playbook_python }}"
    ansible_become: false
    web_installs_dir: "{{ inventory_dir }}/installs"
    fleet_dir: "{{ inventory_dir }}/fleet"
    fleet_installs_dir: "{{ inventory_dir }}/installs"
    flatcar_images_dir: "{{ inventory_dir }}/images"
  hosts:
    boot-a:
      kindling_networks: [{interface: lo, subnet: 127.0.0.0/8, address: 127.0.0.1, racks: [a], mode: none}]
flatcar_nodes:
  vars:
    flatcar_rack: a
    flatcar_boot_mode: install
    flatcar_install_disk: "/dev/disk/by-id/ata-X_{{ inventory_hostname }}-0001"
    flatcar_domain: "{{ site_domain | default('rack.test') }}"
  hosts:
    n1: {flatcar_mac: "52:54:00:00:00:01", flatcar_address: 127.0.0.11}
    n2: {flatcar_mac: "52:54:00:00:00:02", flatcar_address: 127.0.0.12}
"""

#: What each playbook is started with here, and a line that it says then: of boot hosts that serve nothing yet.
RUNS = {
    "validate": ([], "2 nodes of 1 boot host: 0 problems"),
    "status": (["--limit", "n1"], "1 node: 0 armed, 1 drifting"),
    "explain": (["--limit", "n1"], "# n1 is in a, is served by boot-a"),
    "disarm": (["--limit", "n1"], "changed=0"),
    "dhcp_options": ([], "unreachable=0 failed=0"),
    "rollback": (["-e", "rollback_list=true"], "there is no generation"),
    "install": (["--limit", "n1"], "n1: it is not published"),
    "acceptance": (["--limit", "n1", "-e", "acceptance_host=boot-a"], "boot-a can probe no network"),
    "check": (["-e", "site_hold=true"], "This boot host serves nothing yet, so there is nothing to hold"),
}

#: Variables that an inventory may well have, and that playbooks once took for their options.
OWN = {
    "format": "xml",
    "output": "/nonexistent/report",
    "nodes": ["rack7"],
    "node": "rack7",
    "list": ["a"],
    "generation": "gen10",
    "forget": True,
    "machines": ["n2"],
    "dhcp_server": "bind",
    "cross_check": "never",
    "acceptance_nodes": "nosuch",
    "site_city": "Berlin",
    "status_page": "https://status.example.com",
}


@pytest.fixture
def room(tmp_path):
    (tmp_path / "hosts.yml").write_text(HOSTS)
    (tmp_path / "group_vars").mkdir()
    (tmp_path / "host_vars").mkdir()
    for directory in ("armed", "scripts", "reports"):
        (tmp_path / "installs" / directory).mkdir(parents=True)
    return tmp_path


@pytest.fixture
def play(room):
    def run(playbook, *arguments, by=playbook_runs.forked):
        done = by("-i", room / "hosts.yml", *arguments, ROOT / "playbooks" / f"{playbook}.yml")
        said = re.sub(r"\d+\.\d+ seconds", "", done.stdout + done.stderr)
        return done.returncode, " ".join(said.split())

    return run


def write(room, variables, name="group_vars/all.yml"):
    (room / name).write_text(yaml.safe_dump(variables))


@pytest.mark.parametrize("playbook", RUNS)
def test_no_variable_of_an_inventory_is_taken_for_an_option(room, play, playbook):
    arguments, line = RUNS[playbook]
    before = play(playbook, *arguments, by=playbook_runs.typed)
    assert line in before[1]
    write(room, OWN)
    assert play(playbook, *arguments) == before


#: By playbook: what was given before, and what is told of it.
FORMER = {
    "validate": {"cross_check=false": "-e validate_cross_check=false", "format=json": "-e validate_format=json"},
    "status": {"format=json": "-e status_format=json", "nodes=rack_a": "--limit rack_a"},
    "explain": {"output=x": "-e explain_output=x", "node=n1": "--limit n1"},
    "acceptance": {"acceptance_nodes=all": "-e acceptance_all=true", "format=json": "-e acceptance_format=json"},
    "disarm": {"forget=true": "-e disarm_forget=true", "machines=former": "-e disarm_machines=former"},
    "dhcp_options": {"dhcp_server=kea": "-e dhcp_options_server=kea"},
    "rollback": {"generation=5891b5": "-e rollback_generation=5891b5", "list=true": "-e rollback_list=true"},
    "site": {"fleet_hold=false": "-e site_hold=false", "fleet_unasked=boot-b": "-e site_unasked=boot-b"},
}


@pytest.mark.parametrize("playbook", FORMER)
def test_names_of_before_fail_with_those_of_now_also_where_the_inventory_has_them(room, play, playbook):
    write(room, OWN)
    limit = ("--limit", "n1") if playbook in ("status", "explain", "acceptance", "disarm") else ()
    status, said = play(playbook, *limit, "-e", " ".join(FORMER[playbook]))
    assert status != 0
    for former, now in FORMER[playbook].items():
        assert f"-e {former} is now {now}." in said
    assert "Nothing was done." in said
    assert "ok=0" in said


def test_what_is_no_option_and_no_value_is_refused_all_at_once(play):
    status, said = play("install", "-e", "install_agian=true install_all=maybe install_batch=0 install_expires=")
    assert status != 0
    assert "-e install_agian is not an option of install.yml; the nearest is install_again." in said
    assert "-e install_all=maybe: expected true or false." in said
    assert "-e install_batch=0: expected a number" in said
    assert "-e install_expires=: expected a whole number." in said
    assert "ok=0" in said


def test_a_variable_of_the_inventory_that_looks_like_an_option_may_be_given(room, play):
    """It stands in a template alone, or as a variable of a host."""
    write(room, {"site_city": "Berlin"}, "host_vars/n1.yml")
    said = ("-e", "site_domain=other.test site_city=Bonn site_hold=true")
    _, told = play("check", *said)
    assert "is not an option" not in told
    assert "there is nothing to hold" in told


def test_an_option_is_refused_wherever_in_the_inventory_it_stands_unless_it_is_given_as_well(room, play):
    (room / "hosts.yml").write_text(HOSTS.replace("127.0.0.12}", "127.0.0.12, install_again: true}"))
    (room / "group_vars" / "flatcar_nodes").mkdir()
    places = {"install_all": "group_vars/all.yml", "install_power": "group_vars/flatcar_nodes/more.yml"}
    places |= {"install_without_peer": "host_vars/n1.yml", "install_batch": "group_vars/boot_hosts.json"}
    for name, place in places.items():
        write(room, {name: False}, place)
    (room / "group_vars" / "boot_hosts.json").write_text('{"install_batch": [1, 2]}')
    status, said = play("install", "--limit", "n1")
    assert status != 0
    for name, place in (places | {"install_again": "hosts.yml"}).items():
        assert re.search(
            rf"{place}(:\d+)?: {name} has no effect in the inventory: remove it, and pass -e {name}=", said
        )
    assert "ok=0" in said
    given = dict.fromkeys((*places, "install_again"), True) | {"install_batch": 1}
    _, said = play("install", "--limit", "n1", "-e", json.dumps(given))
    assert "n1: it is not published" in said


@pytest.mark.parametrize(
    ("playbook", "dangerous"),
    [
        ("site", {"site_older": True, "site_hold": True, "site_unasked": ["boot-b"]}),
        ("check", {"fleet_older": True, "fleet_hold": False, "fleet_unasked": ["boot-b"]}),
        ("rollback", {"rollback_generation": "gen10", "rollback_list": False}),
    ],
)
def test_what_makes_a_run_more_dangerous_is_refused_in_the_inventory(room, play, playbook, dangerous):
    write(room, dangerous)
    status, said = play(playbook)
    assert status != 0
    for name in dangerous:
        assert re.search(rf"group_vars/all\.yml:\d: {name} has no effect in the inventory", said)
    assert "Nothing was done." in said
    assert "ok=0" in said


def test_disarming_is_stopped_by_nothing_in_the_inventory_and_does_no_more_for_it(room, play):
    write(room, {"disarm_forget": True, "disarm_all": True, "disarm_machines": ["n2"]})
    status, said = play("disarm", "--limit", "n1")
    assert status == 0, said
    for name in ("disarm_forget", "disarm_all", "disarm_machines"):
        assert re.search(rf"\[WARNING\]: \S+/group_vars/all\.yml:\d: {name} has no effect in the inventory", said)
    status, said = play("disarm")
    assert status != 0
    assert "for all of the inventory's nodes (2)" in said


def test_a_harmless_option_in_the_inventory_is_not_obeyed_either(room, play):
    write(room, {option.name: "json" for option in OPTIONS["explain"]})
    status, said = play("explain", "--limit", "n1")
    assert status == 0, said
    assert "explain_format has no effect in the inventory" in said
    assert "# n1 is in a" in said


def test_what_stands_in_other_files_is_not_the_inventory(room, play):
    """Files of no host and no group, of editors, and text."""
    for name in ("group_vars/others.yml", "group_vars/all.yml~", "group_vars/.all.yml", "host_vars/README.md"):
        write(room, {"install_all": True}, name)
    write(room, {"note": "install_all: true", "nested": {"install_all": True}})
    _, said = play("install", "--limit", "n1")
    assert "n1: it is not published" in said
    assert "has no effect in the inventory" not in said


def test_options_given_as_json_a_file_and_a_template_are_taken(room, play):
    write(room, {"explain_format": "json", "explain_output": "{{ inventory_dir }}/node.json"}, "options.json")
    status, said = play("explain", "--limit", "n1", "-e", f"@{room}/options.json")
    assert status == 0, said
    assert json.loads((room / "node.json").read_text())["node"] == "n1"


def test_acceptance_tries_the_nodes_of_the_limit_from_another_host(room, play):
    (room / "hosts.yml").write_text(f"{HOSTS}acceptance_hosts: {{hosts: {{jump-a: {{ansible_connection: nosuch}}}}}}\n")
    status, said = play("acceptance", "--limit", "n1")
    assert status != 0
    assert "n1 -> jump-a" in said
