"""Machines boot from boot hosts that the roles made, beside a hostile one; what they are is read from inside of them."""

import functools
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from repetition import is_long


@pytest.fixture(scope="module")
def boot(lab, play, state):
    """Powers machines of a rack on; what became of each, by name, and what was printed."""

    def run(rack, limit, *arguments, play=play):
        expected, report = state / rack / "nodes.json", state / rack / "report.json"
        play("tests/lab/expect.yml", "--limit", limit, "-e", f"expected={expected}", *arguments)
        done = lab("boot", rack, "--nodes", expected, "--report", report)
        print(done.stdout + done.stderr)
        results = {node["name"]: node for node in json.loads(report.read_text())["nodes"]}
        assert (done.returncode == 0) == all(node["verdict"] == "ok" for node in results.values())
        return results, done.stdout

    return run


PROJECT = Path(__file__).parents[3]
VICTIM, ADDRESS = "52:54:00:77:00:11", "10.77.0.11"
#: What is asked by strangers without a limit being near is less.
ASKED = 2000


@pytest.fixture(scope="module")
def hostile(lab):
    """A machine on the rack's network that attacks, and what it has done by now."""
    own = "10.77.0.66"
    lab("exec", "boot12", "--", "ip", "address", "add", f"{own}/24", "dev", "br0")
    command = [sys.executable, PROJECT / "tests/lab/lab.py", "exec", "boot12", "--", "env"]
    command += [f"PYTHONPATH={PROJECT}/.ansible/collections", sys.executable, PROJECT / "molecule/boot/hostile.py"]
    command += ["br0", "10.77.0.1", own, VICTIM, ADDRESS]
    attack = subprocess.Popen([*map(str, command)], stdout=subprocess.PIPE, text=True)
    os.set_blocking(attack.stdout.fileno(), True)
    begun = json.loads(attack.stdout.readline())
    assert begun["questions"] > 0
    assert begun["half-sent"] > 0

    def done():
        """Ends it."""
        attack.terminate()
        return json.loads(attack.communicate()[0].splitlines()[-1])

    yield done
    attack.kill()
    attack.wait()
    lab("exec", "boot12", "--", "ip", "address", "del", f"{own}/24", "dev", "br0")


@pytest.fixture(scope="module")
def first(boot, hostile):
    return boot("boot12", "rack_boot12")


def test_the_journey_says_who_runs_and_where_the_broken_one_stopped(first, play, tmp_path):
    shown = tmp_path / "journeys.json"
    play("playbooks/journey.yml", "--limit", "rack_boot12", "-e", f"journey_format=json journey_output={shown}")
    found = {one["node"]: one for one in json.loads(shown.read_text())["machines"]}
    # The BIOS machine's NIC has iPXE as its own program
    for node, begins in (("bios-12", "ipxe"), ("uefi-12", "firmware")):
        hops = [hop["hop"] for hop in found[node]["hops"]]
        assert (found[node]["state"], hops[0], hops[-1]) == ("fine", begins, "running"), found[node]
    broken = found["broken-12"]
    assert (broken["hop"], broken["state"], broken["causes"][0]["rule"]) == ("config", "stopped", "ignition-failed")
    assert "file exists there already" in broken["causes"][0]["cause"]


@pytest.mark.parametrize("node", ["bios-12", "uefi-12"])
def test_a_machine_becomes_what_the_inventory_says(first, node):
    results, _ = first
    assert (results[node]["verdict"], results[node]["stage"]) == ("ok", "done")


def test_a_hostile_machine_was_heard_little(first, hostile, lab):
    done = hostile()
    assert done["questions"] > ASKED, "it came to nothing"
    command = ("journalctl", "--unit=kindling-dnsmasq", "--output=short-unix", "--no-pager")
    log = lab("ssh", "boot12", "--", "sudo", *command).stdout
    heard = [
        float(when)
        for when, mac in re.findall(r"^([0-9.]+) .*DHCPDISCOVER\(lan0\) (\S+)", log, re.MULTILINE)
        if mac[:8] != VICTIM[:8]
    ]
    assert 0 < len(heard) <= 400 + 2 * (heard[-1] - heard[0] + 1)
    assert "DHCPDECLINE" not in log


def test_a_config_that_cannot_be_applied_is_reported_at_its_stage(first):
    results, printed = first
    broken = results["broken-12"]
    assert (broken["verdict"], broken["stage"]) == ("failed", "ignition")
    assert "file exists there already" in broken["reason"]
    assert "broken-12 stopped at ignition" in printed


@pytest.mark.skipif(not is_long(), reason="in make test, Debian 13 boots installers: see the scenario install")
def test_debian_13_boots_both_firmwares_too(boot):
    results, _ = boot("boot13", "rack_boot13")
    assert {name: node["verdict"] for name, node in results.items()} == {"bios-13": "ok", "uefi-13": "ok"}


def test_a_changed_variable_is_seen_in_the_machine_at_its_next_boot(first, boot, play, state, tmp_path):
    edited = tmp_path / "edited.yml"
    edited.write_text(
        """
        flatcar_nodes:
          hosts:
            bios-12:
              flatcar_hostname: renamed
              flatcar_users: [{name: newcomer}]
        """
    )
    play("playbooks/site.yml", "--limit", "localhost,boot-boot12", "-i", edited)
    results, _ = boot("boot12", "bios-12", "-i", edited)
    assert results["bios-12"]["verdict"] == "ok"
    expected = json.loads((state / "boot12" / "nodes.json").read_text())["nodes"][0]
    assert (expected["hostname"], expected["users"]) == ("renamed", ["core", "newcomer"])


@pytest.fixture
def lab_settings(inventory, tmp_path):
    """An inventory of only what an emulated rack needs beside a user's own: the lab's keys, release, console and Ignition."""
    own = {path.stem: yaml.safe_load(path.read_text()) for path in (inventory.parent / "group_vars").glob("*.yml")}
    login = ("ansible_ssh_private_key_file", "ansible_ssh_common_args")
    images = ("flatcar_images_mirrors", "flatcar_images_key", "flatcar_images_key_fingerprint")
    wanted = {"boot_hosts": (*login, *images), "flatcar_nodes": ("flatcar_kernel_arguments",)}
    groups = {group: {"vars": {name: own[group][name] for name in names}} for group, names in wanted.items()}
    groups["flatcar_nodes"]["vars"] |= {"flatcar_butane": {"version": "1.0.0"}, "lab_firmware": "bios"}
    groups["all"] = {"vars": {"lab_dir": str(PROJECT / ".cache" / "lab")}}
    (tmp_path / "lab.yml").write_text(yaml.safe_dump(groups))
    return tmp_path / "lab.yml"


def test_a_new_inventory_boots_its_machine(play_with, boot, lab_settings, tmp_path):
    mine = tmp_path / "mine"
    answers = {
        "new_inventory": mine,
        "new_reached_at": "10.89.77.22",
        "new_user": "operator",
        "new_interface": "lan0",
        "new_subnet": "10.77.0.0/24",
        "new_key_file": PROJECT / ".cache/lab/operator.pub",
        "new_machines": "a01,52:54:00:77:00:11",
    }
    options = [word for name, value in answers.items() for word in ("-e", f"{name}={value}")]
    play_with(["localhost,"], "playbooks/new.yml", *options)
    assert "1 node of 1 boot host: 0 problems" in play_with([mine], "playbooks/validate.yml")
    play = functools.partial(play_with, [lab_settings, mine])
    play("playbooks/site.yml")
    results, _ = boot("boot12", "flatcar_nodes", play=play)
    assert {name: node["verdict"] for name, node in results.items()} == {"a01": "ok"}
