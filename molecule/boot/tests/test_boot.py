"""Machines boot from boot hosts that the roles made; what they are is read from inside of them."""

import json

import pytest
from repetition import is_long


@pytest.fixture(scope="module")
def boot(lab, play, state):
    """Powers machines of a rack on; what became of each, by name, and what was printed."""

    def run(rack, limit, *arguments):
        expected, report = state / rack / "nodes.json", state / rack / "report.json"
        play("tests/lab/expect.yml", "--limit", limit, "-e", f"expected={expected}", *arguments)
        done = lab("boot", rack, "--nodes", expected, "--report", report)
        print(done.stdout + done.stderr)
        results = {node["name"]: node for node in json.loads(report.read_text())["nodes"]}
        assert (done.returncode == 0) == all(node["verdict"] == "ok" for node in results.values())
        return results, done.stdout

    return run


@pytest.fixture(scope="module")
def first(boot):
    return boot("boot12", "rack_boot12")


@pytest.mark.parametrize("node", ["bios-12", "uefi-12"])
def test_a_machine_becomes_what_the_inventory_says(first, node):
    results, _ = first
    assert (results[node]["verdict"], results[node]["stage"]) == ("ok", "done")


def test_a_config_that_cannot_be_applied_is_reported_at_its_stage(first):
    results, printed = first
    broken = results["broken-12"]
    assert (broken["verdict"], broken["stage"]) == ("failed", "ignition")
    assert "read-only file system" in broken["reason"]
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
