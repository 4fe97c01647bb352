"""The playbooks about installs, as far as they come without a boot host: they refuse before anything is armed."""

from __future__ import annotations

import json
import pathlib

import playbook_runs
import pytest

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
    flatcar_images_dir: "{{ inventory_dir }}/images"
  hosts:
    boot-a:
      kindling_networks: [{interface: lo, subnet: 127.0.0.0/8, address: 127.0.0.1, racks: [a]}]
flatcar_nodes:
  vars: {flatcar_rack: a, flatcar_boot_mode: install, flatcar_install_disk: "/dev/disk/by-id/ata-X_{{ inventory_hostname }}-0001"}
  hosts:
    n1: {flatcar_mac: "52:54:00:00:00:01", flatcar_address: 127.0.0.11}
    n2: {flatcar_mac: "52:54:00:00:00:02", flatcar_address: 127.0.0.12}
    n3: {flatcar_mac: "52:54:00:00:00:03", flatcar_address: 127.0.0.13, flatcar_boot_mode: ram}
    n4:
      flatcar_mac: "52:54:00:00:00:04"
      flatcar_address: 127.0.0.14
      flatcar_bmc: {type: redfish, address: bmc.example.com, user: a, password: b}
"""


@pytest.fixture
def room(tmp_path):
    (tmp_path / "hosts.yml").write_text(HOSTS)
    for directory in ("armed", "scripts", "reports"):
        (tmp_path / "installs" / directory).mkdir(parents=True)
    return tmp_path


@pytest.fixture
def play(room):
    def run(playbook, *arguments, by=playbook_runs.forked, **environment):
        done = by("-i", room / "hosts.yml", *arguments, ROOT / "playbooks" / playbook, **environment)
        return done.returncode, " ".join((done.stdout + done.stderr).split())

    yield run
    assert not list((room / "installs" / "armed").iterdir())


def publish(room, **changes):
    """The index that a boot host has, of a room that was published before *changes*."""
    index = {"mode": "install", "address": "127.0.0.11", "macs": ["52:54:00:00:00:01"], "board": "amd64-usr"}
    index |= {"version": "9999.2.0", "config": "0" * 64} | changes
    served = room / "fleet" / "current"
    served.mkdir(parents=True)
    (served / "index.json").write_text(json.dumps({"nodes": {"n1": index}}))


@pytest.mark.parametrize("limit", [(), ("--limit", ""), ("--limit", "all:!boot_hosts")], ids=" ".join)
@pytest.mark.parametrize("playbook", ["install.yml", "disarm.yml"])
def test_nobody_arms_or_disarms_a_room_by_accident(play, playbook, limit):
    status, output = play(playbook, *limit)
    assert status != 0
    assert "for all of the inventory's nodes (4)" in output
    assert "Say which nodes you mean: --limit a01,a02" in output
    assert "Nothing was armed or disarmed" in output


def test_a_room_is_meant_by_all_of_its_names_or_by_saying_so(play):
    for chosen in (("--limit", "n1,n2,n3,n4"), ("-e", "install_all=true")):
        status, output = play("install.yml", *chosen)
        assert status != 0
        assert "n3: its flatcar_boot_mode is ram" in output


def test_only_nodes_to_install_are_installed(play):
    status, output = play("install.yml", "--limit", "n1,n3")
    assert status != 0
    assert "n3: its flatcar_boot_mode is ram" in output
    assert "n1: its" not in output


def test_a_mistake_anywhere_in_the_inventory_comes_first(play):
    status, output = play("install.yml", "--limit", "n1", "-e", '{"flatcar_typo": 1}')
    assert status != 0
    assert "flatcar_typo" in output


def test_what_was_not_published_is_not_installed(play):
    status, output = play("install.yml", "--limit", "n1")
    assert status != 0
    assert "Run site.yml first, for: n1: it is not published" in output


def test_what_was_published_and_changed_since_is_not_installed(play, room):
    publish(room, mode="disk", address="127.0.0.99")
    status, output = play("install.yml", "--limit", "n1")
    assert status != 0
    assert "n1: it is published with the mode disk" in output
    assert "n1: its address was 127.0.0.99, is 127.0.0.11" in output
    assert "n1: its config has changed" in output
    assert "n1: the disk image of Flatcar 9999.2.0 (amd64-usr) is not mirrored" in output


@pytest.mark.parametrize("seconds", ["0", "-1", "59", "86401", "3153600000"])
def test_an_arming_lasts_from_a_minute_to_a_day(play, seconds):
    for check in ((), ("--check",)):
        status, output = play("install.yml", "--limit", "n1", "-e", f"install_expires={seconds}", *check)
        assert status != 0
        assert f"install_expires is {seconds}: machines are armed for 60 to 86400 seconds (a day)" in output


def test_whom_nobody_can_switch_on_is_told_before_anything_is_armed(play, tmp_path):
    collections = tmp_path / "alone" / "ansible_collections" / "kindling"
    collections.mkdir(parents=True)
    (collections / "flatcar").symlink_to(ROOT)
    alone = {"ANSIBLE_COLLECTIONS_PATH": str(tmp_path / "alone")}
    status, output = play("install.yml", "--limit", "n4", by=playbook_runs.typed, **alone)
    assert status != 0
    assert "n4 would be powered on by flatcar_bmc" in output
    assert "community.general" in output


def test_all_nodes_are_shown_and_what_is_unknown_is_said(play, room):
    publish(room)
    status, _ = play("status.yml", "-e", "status_format=json", "-e", f"status_output={room}/status.json")
    assert status == 0
    told = json.loads((room / "status.json").read_text())
    shown = {node["node"]: node for node in told["nodes"]}
    assert set(shown) == {"n1", "n2", "n3", "n4"}
    assert {host: served["commit"] for host, served in told["boot_hosts"].items()} == {"boot-a": None}
    assert shown["n1"]["drift"][0] == "changed since it was published: run site.yml"
    assert shown["n2"]["drift"][0] == "not published: run site.yml"
    assert shown["n3"]["mode"] == "ram"


@pytest.mark.parametrize(
    ("chosen", "work"),
    [
        ((), "images.partial"),
        (("--limit", "n1"), "images.partial"),
        (("-e", "flatcar_images_work_dir={room}/work"), "work"),
    ],
)
def test_why_a_channel_stays_behind_and_what_stands_still_is_shown(play, room, chosen, work):
    publish(room)
    (room / work).mkdir()
    entry = {"board": "amd64-usr", "channel": "stable", "version": "4593.2.4", "newest": "4593.2.5", "stale_days": 30}
    entry |= {"reason": "incomplete there", "signed_at": 1_500_000_000, "mirror": "http://mirror.example/stable"}
    (room / work / "channels.json").write_text(json.dumps({"amd64-usr stable": entry}))
    chosen = [word.format(room=room) for word in chosen]
    status, output = play("status.yml", *chosen)
    assert status == 0, output
    assert "boot-a: amd64-usr stable stays at 4593.2.4, not 4593.2.5: incomplete there" in output
    assert "more than flatcar_images_stale_days (30). http://mirror.example/stable may be frozen" in output
    play("status.yml", *chosen, "-e", "status_format=json", "-e", f"status_output={room}/status.json")
    assert len(json.loads((room / "status.json").read_text())["images"]) == 2


def test_a_boot_host_that_cannot_be_reached_is_said_of_its_nodes(play):
    status, output = play(
        "status.yml", "-e", "ansible_connection=ssh", "-e", "ansible_host=192.0.2.1", "-e", "ansible_ssh_timeout=1"
    )
    assert status == 0, output
    assert output.count("unknown: none of its boot hosts answers") == 4


def test_disarming_takes_a_node_and_all_of_them(play):
    for chosen in (
        ("--limit", "n1"),
        ("-e", "disarm_all=true"),
        ("-e", "disarm_all=true", "--limit", "boot-a"),
        ("-e", "disarm_machines=former,52:54:00:00:00:99"),
    ):
        status, output = play("disarm.yml", *chosen)
        assert status == 0, output
        assert "changed=0" in output


@pytest.mark.parametrize(
    ("chosen", "shown"), [(("--limit", "n1,n3"), ["n1", "n3"]), (("--limit", "boot-a"), ["n1", "n2", "n3", "n4"])]
)
def test_nodes_of_a_limit_are_shown_with_what_their_boot_hosts_say(play, room, chosen, shown):
    publish(room)
    status, output = play("status.yml", *chosen, "-e", "status_format=json", "-e", f"status_output={room}/status.json")
    assert status == 0, output
    told = json.loads((room / "status.json").read_text())["nodes"]
    assert [node["node"] for node in told] == shown
    assert told[0]["drift"][0] == "changed since it was published: run site.yml"
    assert told[0]["unreachable"] == []


def test_a_boot_host_that_a_limit_left_out_and_that_cannot_be_reached_is_said(play):
    status, output = play(
        *("status.yml", "--limit", "n1"),
        *("-e", "ansible_connection=ssh", "-e", "ansible_host=192.0.2.1", "-e", "ansible_ssh_timeout=1"),
    )
    assert status == 0, output
    assert output.count("unknown: none of its boot hosts answers") == 1
