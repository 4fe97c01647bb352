"""Machines are installed when somebody says so, once; and boot from their own disks for ever, whatever their firmware tries first.

The tests follow one another: each finds the machines as the one before has left them.
"""

import json
import sys
import threading
import time

import pytest

RACKS = {"in12": ["bios-12", "uefi-12"], "in13": ["bios-13", "uefi-13"]}
ADDRESSES = {"bios-12": "10.77.0.11", "uefi-12": "10.77.0.12"}
MARK = "/etc/mark"
ARM_ALONE = ("-e", "install_power=false", "-e", "install_wait=false")


class Room:
    """The racks with their machines and boot hosts."""

    def __init__(self, play, lab, state):
        self.play, self.lab, self.state = play, lab, state
        self.nodes = {}
        for rack in RACKS:
            listed = state / rack / "machines-to-be.json"
            play("tests/lab/expect.yml", "--limit", f"rack_{rack}", "-e", f"expected={listed}")
            self.nodes |= {node["name"]: node for node in json.loads(listed.read_text())["nodes"]}
            self.done("machines", rack, "--nodes", listed)
            self.done("bmc", rack)

    def done(self, *words):
        """One of the lab's commands that has to work: what it printed."""
        finished = self.lab(*words)
        assert finished.returncode == 0, finished.stdout + finished.stderr
        return finished.stdout

    def boot(self, rack, roads, *options, files=None):
        """Power machines on that shall go these roads; what became of each."""
        nodes, report = self.state / rack / "nodes.json", self.state / rack / "report.json"
        wanted = [{**self.nodes[name], "road": road} for name, road in roads.items()]
        for node in wanted:
            node["files"] = {**node["files"], **(files or {})}
        nodes.write_text(json.dumps({"boot_host": f"boot-{rack}", "nodes": wanted}))
        finished = self.lab("boot", rack, "--nodes", nodes, "--report", report, *options)
        print(finished.stdout + finished.stderr)
        return {node["name"]: node for node in json.loads(report.read_text())["nodes"]}

    def boots_from_disk(self, rack, *names):
        """Network-boot machines as far as their disks' boot loader, which writes nothing."""
        found = self.boot(rack, dict.fromkeys(names, "disk"), "--until", "disk")
        assert {name: (node["verdict"], node["stage"]) for name, node in found.items()} == dict.fromkeys(
            names, ("ok", "disk")
        )

    def digests(self, rack, *names):
        return dict(line.split(": ") for line in self.done("disk", rack, "digest", *names).splitlines())

    def off(self, rack, *names):
        self.done("power", rack, "off", *names)

    def status(self, name):
        shown = self.state / "status.json"
        self.play("playbooks/status.yml", "-e", f"format=json output={shown} nodes={name}")
        (status,) = json.loads(shown.read_text())["nodes"]
        return status

    def on_node(self, rack, name, command):
        """Run a command as root in a machine that runs."""
        key = ("-i", str(self.state / "operator"), "-oStrictHostKeyChecking=no", "-oUserKnownHostsFile=/dev/null")
        return self.done("exec", rack, "--", "ssh", *key, f"core@{ADDRESSES[name]}", f"sudo sh -ec {command!r}")


@pytest.fixture(scope="module")
def room(play, lab, state):
    return Room(play, lab, state)


def until(condition, what, seconds=120):
    give_up = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < give_up, f"waited {seconds} s for {what}"
        time.sleep(0.5)


def test_a_machine_that_nobody_armed_is_left_alone(room):
    """Its mode is install, it boots from the network, and its disk is empty: it is sent there all the same."""
    before = room.digests("in12", "bios-12")
    found = room.boot("in12", {"bios-12": "disk"})["bios-12"]
    assert (found["stage"], "nothing to boot" in found["reason"]) == ("ipxe", True), found["reason"]
    assert room.digests("in12", "bios-12") == before


def test_armed_machines_are_switched_on_by_their_service_processors_and_installed(room):
    said = room.play("playbooks/install.yml", "--limit", "rack_in12", "-e", "install_batch=2")
    for name in RACKS["in12"]:
        told = [line.split()[1] for line in said.splitlines() if line.startswith(f"{name}: ")]
        assert told[-3:] == ["started", "installed", "running"], said
        status = room.status(name)
        assert (status["stage"], status["armed_until"], status["drift"]) == ("running", None, [])
        assert status["version"]["reported"] == status["version"]["wanted"]
        assert status["config"]["reported"] == status["config"]["wanted"]
        room.on_node("in12", name, f"echo kept > {MARK}; sync")


def test_the_config_is_gone_from_the_boot_host_once_a_machine_is_installed(room):
    left = room.done("ssh", "in12", "sudo find /srv/kindling/installs/armed -name 'install.*'")
    assert left == ""


def test_ten_boots_from_the_network_leave_the_disks_as_they_are(room):
    room.off("in12", *RACKS["in12"])
    before = room.digests("in12")
    for _ in range(10):
        room.boots_from_disk("in12", *RACKS["in12"])
    assert room.digests("in12") == before


def test_what_they_are_is_what_the_inventory_says_and_what_they_keep_is_kept(room):
    found = room.boot("in12", dict.fromkeys(RACKS["in12"], "disk"), files={MARK: "kept\n"})
    assert {name: (node["verdict"], node["stage"]) for name, node in found.items()} == dict.fromkeys(
        RACKS["in12"], ("ok", "done")
    )


def test_an_arming_that_expires_changes_nothing(room):
    before = room.digests("in12", "uefi-12")
    room.play("playbooks/install.yml", "--limit", "uefi-12", "-e", "install_expires=1", *ARM_ALONE)
    until(lambda: room.status("uefi-12")["armed_until"] is None, "the arming to expire")
    room.boots_from_disk("in12", "uefi-12")
    assert room.digests("in12", "uefi-12") == before


def test_machines_with_each_others_tokens_are_installed_by_neither(room):
    before = room.digests("in12")
    room.play("playbooks/install.yml", "--limit", "rack_in12", *ARM_ALONE)
    scripts = [
        f"/srv/kindling/installs/scripts/{room.nodes[name]['address']}/{room.nodes[name]['mac'].replace(':', '-')}.ipxe"
        for name in RACKS["in12"]
    ]
    one, other = (room.done("ssh", "in12", f"sudo readlink {script}").strip() for script in scripts)
    assert one != other
    for script, target in zip(scripts, (other, one), strict=True):
        room.done("ssh", "in12", f"sudo ln -sfn {target} {script}")
    room.boots_from_disk("in12", *RACKS["in12"])
    assert room.digests("in12") == before
    room.play("playbooks/disarm.yml", "--limit", "rack_in12")
    room.boots_from_disk("in12", *RACKS["in12"])
    assert room.digests("in12") == before


def test_only_the_machine_that_is_armed_again_is_installed_again(room):
    before = room.digests("in12", "uefi-12")
    installed = threading.Thread(target=room.play, args=("playbooks/install.yml", "--limit", "bios-12"))
    installed.start()
    try:
        until(lambda: room.status("bios-12")["armed_until"], "the machine to be armed")
        room.boots_from_disk("in12", "uefi-12")
    finally:
        installed.join()
    assert room.digests("in12", "uefi-12") == before
    assert room.status("bios-12")["stage"] == "running"
    found = room.boot("in12", {"bios-12": "disk"}, files={MARK: "kept\n"})["bios-12"]
    assert found["differences"] == [f"{MARK}: there is no such file"]


def test_a_power_failure_in_the_middle_leaves_no_machine_on_half_a_disk(room):
    """One is still armed and installed from the start; the other's arming is ended, and it is kept from its disk."""
    before = room.digests("in12")
    room.play("playbooks/install.yml", "--limit", "rack_in12", *ARM_ALONE)
    found = room.boot("in12", dict.fromkeys(RACKS["in12"], "install"), "--until", "started", "--keep")
    assert {node["stage"] for node in found.values()} == {"started"}
    until(lambda: not before.items() & room.digests("in12").items(), "both disks to be written to")
    room.off("in12", *RACKS["in12"])
    assert {room.status(name)["stage"] for name in RACKS["in12"]} == {"started"}
    said = room.play("playbooks/disarm.yml", "--limit", "uefi-12")
    assert "its disk is half-written" in said
    half = room.digests("in12", "uefi-12")
    found = room.boot("in12", {"bios-12": "install", "uefi-12": "disk"})
    assert (found["bios-12"]["verdict"], found["bios-12"]["stage"]) == ("ok", "done")
    assert (found["uefi-12"]["verdict"], found["uefi-12"]["stage"]) == ("failed", "ipxe")
    assert "was begun and has not ended" in found["uefi-12"]["reason"]
    assert room.digests("in12", "uefi-12") == half
    room.play("playbooks/install.yml", "--limit", "uefi-12")
    assert (room.status("uefi-12")["stage"], room.status("uefi-12")["drift"]) == ("running", [])
    room.off("in12", *RACKS["in12"])


def test_what_is_on_a_disk_is_not_lost_and_no_other_batch_is_begun(room):
    disk = room.state / "in13" / "node-bios-13.disk"
    room.done("exec", "in13", "--", "mkfs.ext4", "-q", "-F", disk)
    before = room.digests("in13")
    said = room.play("playbooks/install.yml", "--limit", "rack_in13", "-e", "install_batch=1", expected=2)
    assert "holds data that is not Flatcar's" in said
    assert "The end of bios-13's log" in said
    status = room.status("bios-13")
    assert (status["stage"], status["armed_until"]) == ("failed", None)
    assert (room.status("uefi-13")["stage"], room.status("uefi-13")["armed_until"]) == (None, None)
    found = room.boot("in13", {"bios-13": "disk"})["bios-13"]
    assert found["stage"] == "ipxe", found["reason"]
    assert room.digests("in13") == before


def test_a_disk_that_may_be_wiped_is_and_debian_13_installs_both_firmwares_too(room):
    armed = ("--limit", "rack_in13", "-e", "install_batch=2", "-e", "flatcar_wipe=any")
    room.play("playbooks/install.yml", *armed)
    room.off("in13", *RACKS["in13"])
    before = room.digests("in13")
    room.boots_from_disk("in13", *RACKS["in13"])
    assert room.digests("in13") == before


def test_a_magic_packet_wakes_a_machine(room, inventory):
    """From the rack's own network, which such a packet does not leave."""
    room.off("in13", "uefi-13")
    wol = {"power_bmc": {"type": "wol", "address": "10.77.0.255"}, "power_macs": [room.nodes["uefi-13"]["mac"]]}
    role = ("-m", "ansible.builtin.include_role", "-a", "name=kindling.flatcar.power", "-e", json.dumps(wol))
    settings = (
        f"ANSIBLE_CONFIG={room.state.parents[1] / 'ansible.cfg'}",
        f"ANSIBLE_PYTHON_INTERPRETER={sys.executable}",
    )
    room.done("exec", "in13", "--", "env", *settings, "ansible", "-i", inventory, "-c", "local", "uefi-13", *role)
    until(lambda: room.done("power", "in13", "state", "uefi-13") == "uefi-13: on\n", "the machine to be on")
    room.off("in13", "uefi-13")
