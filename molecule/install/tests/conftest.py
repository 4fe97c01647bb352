"""The racks of this scenario with their machines, as those see them who stand before them, and as their operator does."""

import json
import time

import pytest
from repetition import repetitions

RACKS = {"in12": ["bios-12", "uefi-12"], "in13": ["bios-13", "uefi-13"]}
ADDRESSES = {"bios": "10.77.0.11", "uefi": "10.77.0.12"}


def pytest_generate_tests(metafunc):
    """A file's tests follow one another on the rack that it names; with all repetitions, then on the other one, too."""
    if "rack" in metafunc.fixturenames:
        metafunc.parametrize("rack", repetitions([metafunc.module.RACK], sorted(RACKS)), scope="module")


class Room:
    """A rack with its machines and its boot host."""

    def __init__(self, rack, play, lab, state):
        self.rack, self.state = rack, state / rack
        self._play, self._lab = play, lab
        self.machines = RACKS[rack]
        self.bios, self.uefi = self.machines
        listed = self.state / "machines-to-be.json"
        self.play("tests/lab/expect.yml", "--limit", f"rack_{rack}", "-e", f"expected={listed}")
        self.nodes = {node["name"]: node for node in json.loads(listed.read_text())["nodes"]}
        self.done("machines", rack, "--nodes", listed)
        self.done("bmc", rack)

    def play(self, playbook, *arguments, **options):
        return self._play(playbook, *arguments, **options)

    def publish(self, *arguments):
        return self.play("playbooks/site.yml", "--limit", f"boot-{self.rack}", *arguments)

    def install(self, *arguments, **options):
        return self.play("playbooks/install.yml", "--limit", *arguments, **options)

    def arm(self, names):
        """Arm machines that nobody switches on."""
        return self.install(names, "-e", "install_power=false", "-e", "install_wait=false")

    def done(self, *words):
        """One of the lab's commands that has to work: what it printed."""
        finished = self._lab(*words)
        assert finished.returncode == 0, finished.stdout + finished.stderr
        return finished.stdout

    def boot(self, roads, *options, files=None):
        """Power machines on that shall go these roads; what became of each."""
        nodes, report = self.state / "nodes.json", self.state / "report.json"
        wanted = [{**self.nodes[name], "road": road} for name, road in roads.items()]
        for node in wanted:
            node["files"] = {**node["files"], **(files or {})}
        nodes.write_text(json.dumps({"boot_host": f"boot-{self.rack}", "nodes": wanted}))
        finished = self._lab("boot", self.rack, "--nodes", nodes, "--report", report, *options)
        print(finished.stdout + finished.stderr)
        return {node["name"]: node for node in json.loads(report.read_text())["nodes"]}

    def boots_from_disk(self, *names):
        """Network-boot machines as far as their disks' boot loader, which writes nothing."""
        found = self.boot(dict.fromkeys(names, "disk"), "--until", "disk")
        assert {name: (node["verdict"], node["stage"]) for name, node in found.items()} == dict.fromkeys(
            names, ("ok", "disk")
        )

    def digests(self, *names):
        return dict(line.split(": ") for line in self.done("disk", self.rack, "digest", *names).splitlines())

    def off(self, *names):
        self.done("power", self.rack, "off", *names)

    def status(self, name):
        shown = self.state / "status.json"
        self.play("playbooks/status.yml", "--limit", name, "-e", f"status_format=json status_output={shown}")
        (status,) = json.loads(shown.read_text())["nodes"]
        return status

    def script(self, name):
        """Where the boot host has the script of a machine that is armed."""
        node = self.nodes[name]
        return f"/srv/kindling/installs/scripts/{node['address']}/{node['mac'].replace(':', '-')}.ipxe"

    def on_boot_host(self, command):
        """Run a command as root on the boot host; its exit status and what it printed."""
        finished = self._lab("ssh", self.rack, f"sudo {command}")
        return finished.returncode, finished.stdout

    def on_node(self, name, command):
        """Run a command as root in a machine that runs."""
        key = (
            "-i",
            str(self.state.parent / "operator"),
            "-oStrictHostKeyChecking=no",
            "-oUserKnownHostsFile=/dev/null",
        )
        address = ADDRESSES[name.partition("-")[0]]
        return self.done("exec", self.rack, "--", "ssh", *key, f"core@{address}", f"sudo sh -ec {command!r}")


@pytest.fixture(scope="module")
def room(rack, play, lab, state):
    """The rack; its machines are off, their disks are empty, and nobody remembers an installation."""
    made = Room(rack, play, lab, state)
    made.off()
    made.done("disk", rack, "blank")
    made.play("playbooks/disarm.yml", "--limit", f"boot-{rack}", "-e", "disarm_all=true", "-e", "disarm_forget=true")
    return made


@pytest.fixture(scope="session")
def until():
    """Waits for something that is to become true."""

    def wait(condition, what, seconds=600):
        give_up = time.monotonic() + seconds
        began = time.monotonic()
        while not condition():
            assert time.monotonic() < give_up, f"waited {seconds} s for {what}"
            # Who looks by a playbook, one run after another, takes the time from the machine that is waited for
            time.sleep(max(0.5, 2 * (time.monotonic() - began)))
            began = time.monotonic()

    return wait
