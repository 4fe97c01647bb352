"""The playbook as people and programs start it, on a boot host whose log is a container's."""

from __future__ import annotations

import datetime
import json
import pathlib
import re
import sys
import time

import playbook_runs
import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))

from test_examples import ADDRESS, MAC, RESERVATION, START, entries_of

pytestmark = pytest.mark.slow

ROOT = pathlib.Path(__file__).parents[4]
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEtpbmRsaW5nIHRlc3Qga2V5OiBvcGVucyBub3RoaW5n"


@pytest.fixture(scope="module")
def rack(tmp_path_factory):
    """An inventory, and its boot host: this machine, with a published reservation and a log."""
    place = tmp_path_factory.mktemp("rack")
    hosts = {
        "boot_hosts": {
            "hosts": {
                "boot-a": {
                    "ansible_connection": "local",
                    "ansible_become": False,
                    "ansible_python_interpreter": sys.executable,
                    "fleet_dir": str(place / "fleet"),
                    "web_installs_dir": str(place / "installs"),
                    "kindling_networks": [{"interface": "lan0", "subnet": "10.10.0.0/24", "racks": ["a"]}],
                }
            }
        },
        "flatcar_nodes": {
            "vars": {"flatcar_rack": "a", "flatcar_boot_mode": "ram", "flatcar_authorized_keys": [KEY]},
            "hosts": {
                "a01": {"flatcar_mac": MAC, "flatcar_address": ADDRESS},
                "a02": {"flatcar_mac": "52:54:00:12:ff:77", "flatcar_address": "10.10.0.12"},
            },
        },
    }
    (place / "hosts.yml").write_text(json.dumps(hosts))
    reservations = place / "fleet" / "current" / "dnsmasq" / "dhcp-hosts"
    reservations.parent.mkdir(parents=True)
    reservations.write_text(f"{RESERVATION}\n52:54:00:12:ff:77,id:*,10.10.0.12,a02\n")
    return place


def play(rack, pieces, *arguments, by=playbook_runs.forked):
    """All of it was two hours ago."""
    log, shift = rack / "log", time.time() - 7200 - START
    stamped = (
        f"{datetime.datetime.fromtimestamp(entry.when + shift, datetime.UTC).isoformat()} {entry.message}\n"
        for entry in entries_of(pieces)
    )
    log.write_text("".join(stamped))
    inventory = ("-i", rack / "hosts.yml", "-e", f"journey_log={log}")
    done = by(*inventory, *arguments, ROOT / "playbooks" / "journey.yml")
    return done.returncode, done.stdout + done.stderr


def test_where_each_machine_stopped_for_programs(rack, tmp_path):
    output = tmp_path / "journeys.json"
    as_json = ("-e", "journey_format=json", "-e", f"journey_output={output}")
    status, said = play(rack, ["has script"], *as_json, by=playbook_runs.typed)
    assert status == 0, said
    told = {one["node"]: one for one in json.loads(output.read_text())["machines"]}
    assert (told["a01"]["state"], told["a01"]["hop"]) == ("stopped", "script")
    assert (told["a02"]["state"], told["a02"]["hop"]) == ("never seen", None)


def test_one_machine_for_people(rack):
    status, said = play(rack, ["has config"], "--limit", "a01")
    assert status == 0, said
    assert f"a01 ({MAC}, {ADDRESS}) at boot-a" in said
    assert "Silent after its config" in said
    assert "a02" not in said


@pytest.mark.parametrize("limit", [(), ("--limit", "a01")])
def test_machines_are_followed_until_they_run(rack, limit):
    status, said = play(rack, ["runs in ram"], *limit, "-e", "journey_follow=true", "-e", "journey_timeout=0")
    assert status == 0, said
    assert re.search(r"^a01: [0-9:]{8} it reports that it runs \(as it should be\)$", said, re.MULTILINE)


def test_a_machine_that_runs_without_a_key_is_named(rack):
    status, said = play(rack, ["runs in ram"], "--limit", "a01", "-e", '{"flatcar_authorized_keys": []}')
    assert status == 0, said
    assert "It runs, and nobody can log in" in said


def test_two_boot_hosts_are_followed_at_once(rack, tmp_path):
    """Each by a task of its own: the second is not asked only once the first is done."""
    hosts = json.loads((rack / "hosts.yml").read_text())
    other = json.loads(json.dumps(hosts["boot_hosts"]["hosts"]["boot-a"]))
    other |= {
        "fleet_dir": str(rack / "fleet-b"),
        "kindling_networks": [{"interface": "lan1", "subnet": "10.11.0.0/24", "racks": ["b"]}],
    }
    hosts["boot_hosts"]["hosts"]["boot-b"] = other
    hosts["flatcar_nodes"]["hosts"] = {
        "a01": {"flatcar_mac": MAC, "flatcar_address": ADDRESS},
        "b01": {"flatcar_mac": "52:54:00:12:b0:01", "flatcar_address": "10.11.0.11", "flatcar_rack": "b"},
    }
    (tmp_path / "hosts.yml").write_text(json.dumps(hosts))
    (rack / "fleet-b/current/dnsmasq").mkdir(parents=True, exist_ok=True)
    (rack / "fleet-b/current/dnsmasq/dhcp-hosts").write_text("52:54:00:12:b0:01,id:*,10.11.0.11,b01\n")
    options = ("-i", str(tmp_path / "hosts.yml"), "-e", "journey_follow=true", "-e", "journey_timeout=0")
    status, said = play(rack, ["runs in ram"], *options)
    assert status == 0, said
    assert re.search(r"^a01: .* \(as it should be\)$", said, re.MULTILINE)
    assert re.search(r"^b01: nothing was seen \(NEVER SEEN\)", said, re.MULTILINE)
    assert said.count("TASK [Follow the machines]") == 1
