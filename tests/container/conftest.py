"""The container, as `docker-compose.yml` runs it, in the place of a virtual rack's boot host."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

PROJECT = Path(__file__).parents[2]
STATE = PROJECT / ".cache" / "lab"
RACK, ADDRESS = "box", "10.89.77.63"
IMAGE = "localhost/kindling-test"
CONTAINER = f"kindling-{RACK}_kindling_1"
ENDED = re.compile("kindling: (?:published|not published|the inventory is refused)")
CONTAINERS_CONF = f"CONTAINERS_CONF={PROJECT / 'tests' / 'lab' / 'containers.conf'}"
PODMAN = [*(["sudo"] if os.geteuid() else []), "env", CONTAINERS_CONF, "podman"]


def run(*command, check=True, **options):
    options = {"cwd": PROJECT, "timeout": 1800} | options
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False, **options)
    assert not check or done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done


def lab(*arguments, **options):
    return run(sys.executable, PROJECT / "tests" / "lab" / "lab.py", *arguments, **options)


def podman(*arguments, **options):
    return run(*PODMAN, *arguments, **options)


def wait_for(condition, what, seconds):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited {seconds} s in vain for {what}"
        time.sleep(0.2)


class Box:
    """The container, its inventory's folder, and the rack around it."""

    def __init__(self, inventory: Path, image: str) -> None:
        self.inventory = inventory
        self.settings = {
            "COMPOSE_PROJECT_NAME": f"kindling-{RACK}",
            "INVENTORY": inventory,
            "KINDLING_IMAGE": image,
            "KINDLING_INTERFACE": "lan0",
        }

    def on_boot_host(self, *command, **options):
        """Run a program of this machine with the boot host's interfaces: what is "the host's network" to podman."""
        settings = [f"{name}={value}" for name, value in self.settings.items()]
        return lab("exec", "--as-boot-host", RACK, "--", "env", *settings, *command, **options)

    def compose(self, *arguments, **options):
        compose = Path(sys.executable).with_name("podman-compose")
        return self.on_boot_host(compose, "--file", PROJECT / "docker-compose.yml", *arguments, **options)

    def kindling(self, *arguments, **options):
        """What `docker compose exec kindling kindling ...` does."""
        return self.compose("exec", "-T", "kindling", "kindling", *arguments, **options)

    def shell(self, script):
        return podman("exec", CONTAINER, "sh", "-c", script).stdout

    def log(self):
        """In its order: what comes later is at the end."""
        command = [*map(str, PODMAN), "logs", CONTAINER]
        return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False).stdout

    def edit(self, change):
        """Change hosts.yml as an editor does: a new file takes the old one's place."""
        hosts = self.inventory / "hosts.yml"
        content = yaml.safe_load(hosts.read_text())
        change(content["flatcar_nodes"]["hosts"])
        hosts.with_suffix(".new~").write_text(yaml.safe_dump(content))
        hosts.with_suffix(".new~").rename(hosts)

    def publishes(self):
        return "unfinished" in self.shell("ls /run/kindling")

    def await_edit(self, change):
        """Edit, and wait until that is served and the publisher rests."""
        before = self.served()
        self.edit(change)
        wait_for(lambda: self.served() != before and not self.publishes(), "the edit to be published", 900)

    def await_log(self, text, since="", seconds=600):
        wait_for(lambda: text in self.log()[len(since) :], f"{text!r} in the container's log", seconds)

    def await_published(self, since="", seconds=600):
        """Wait for the end of a publish, whatever it is."""
        wait_for(lambda: ENDED.search(self.log()[len(since) :]), "the end of a publish in the container's log", seconds)
        ended = ENDED.search(self.log()[len(since) :])
        assert ended[0] == "kindling: published", self.log()[len(since) :]

    def start(self):
        """Start the container that has ended."""
        self.on_boot_host("podman", "start", CONTAINER)

    def restart(self):
        podman("stop", "--time", "10", CONTAINER)
        self.start()

    def await_health(self):
        wait_for(lambda: self.kindling("health", check=False).returncode == 0, "the services' answers", 300)

    def served(self):
        return self.shell("readlink /srv/kindling/fleet/current").strip()

    def get(self, path, address="10.77.0.254"):
        """What a machine with this address is given."""
        script = f"""
            trap 'ip address delete {address}/32 dev br0 2>/dev/null || true' EXIT
            [ {address} = 10.77.0.254 ] || ip address add {address}/32 dev br0
            curl --silent --write-out '\\n%{{http_code}}' --interface {address} 'http://10.77.0.1{path}'
        """
        done = lab("exec", RACK, "--", "sh", "-c", script)
        body, _, status = done.stdout.rpartition("\n")
        return int(status), body

    def expect(self, *nodes):
        """The lab's list of machines, with what each of them shall become."""
        expected = STATE / RACK / "nodes.json"
        environment = {**os.environ, "ANSIBLE_CONFIG": str(PROJECT / "ansible.cfg"), "KINDLING_INTERFACE": "lan0"}
        run(
            *("ansible-playbook", "-i", self.inventory, "tests/lab/expect.yml", "--limit", ",".join(nodes)),
            *("-e", f"expected={expected}", "-e", f"lab_dir={STATE}"),
            env=environment,
        )
        return expected

    def boot(self, *nodes, until=None):
        """Power machines on, if need be until a stage alone; what became of each, by name."""
        report = STATE / RACK / "report.json"
        done = lab(
            *("boot", RACK, "--nodes", self.expect(*nodes), "--report", report, "--container", CONTAINER),
            *(("--until", until) if until else ()),
            check=False,
        )
        print(done.stdout + done.stderr)
        return {node["name"]: node for node in json.loads(report.read_text())["nodes"]}


def build(*flags):
    """`make build`, from a base of Debian's packages; the image's digest."""
    base = lab("base").stdout.strip()
    run(
        "make",
        "build",
        f"CONTAINER_ENGINE={' '.join(PODMAN)}",
        f"IMAGE={IMAGE}",
        f"BASE={base}",
        f"BUILD_FLAGS={' '.join(flags)}",
    )
    return podman("image", "inspect", "--format", "{{.Digest}}", f"{IMAGE}:latest").stdout.strip()


@pytest.fixture(scope="session")
def image():
    return build("--no-cache")


@pytest.fixture(scope="session")
def box(image, tmp_path_factory):
    made = Box(tmp_path_factory.mktemp("inventory"), f"{IMAGE}:latest")
    try:
        lab("up", RACK, "--no-boot-host", "--address", ADDRESS)
        write_inventory(made.inventory)
        made.compose("down", "--volumes", check=False)
        made.compose("up", "--detach")
        made.await_published(seconds=900)
        yield made
    finally:
        print(made.log())
        made.compose("down", "--volumes", check=False)
        lab("down", RACK)


def write_inventory(folder):
    """The demo's variables for two machines of its own, and the lab's keys: whoever is inside sees nothing but the folder."""
    shutil.copytree(PROJECT / "inventories" / "demo" / "group_vars", folder / "group_vars")
    (folder / "group_vars" / "all.yml").write_text('lab_dir: "{{ inventory_dir }}/.lab"\n')
    shutil.copy(Path(__file__).parent / "hosts.yml", folder)
    (folder / ".lab").mkdir()
    for name in ("operator.pub", "release-key.asc", "release-key.fingerprint"):
        shutil.copy(STATE / name, folder / ".lab")
    folder.chmod(0o755)
