"""Runs that are killed, or that the disk does not let write: the served generation is whole, and the next run heals.

What is killed at each write, or refused the room for it, is the module's own work in a process of its own. Of whole runs of
ansible-playbook, all processes are killed, or the controller's alone, or the module's alone.
"""

from __future__ import annotations

import contextlib
import grp
import itertools
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time

import playbook_runs
import pytest
from ansible_collections.kindling.flatcar.plugins.module_utils._generation import history, publishings
from ansible_collections.kindling.flatcar.plugins.module_utils._generation.generation import GenerationError
from repetition import repetitions

pytestmark = pytest.mark.slow

ROOT = pathlib.Path(__file__).parents[4]
OF_MANY = repetitions(4, 1)


def assert_healed(tree, text, keep=5):
    """The next run publishes *text*, leaves nothing lying about, and can be gone back from."""
    before = tree.text if (tree.root / "current").is_symlink() else None
    name = tree.publish(text, keep)
    assert (tree.served, tree.text) == (name, text)
    record, names = tree.generation.served_history(tree.root)
    assert record.current == name
    assert len(names) <= keep
    assert_nothing_unfinished(tree)
    assert {path.name for path in tree.root.iterdir()} == {
        *(".lock", "current", "generations"),
        *(history.FILE, publishings.FILE),
    }
    if before:
        tree.back()
        assert tree.text == before
        tree.generation.end_hold(tree.root)
        tree.back(name)
        tree.generation.end_hold(tree.root)


def assert_nothing_unfinished(tree):
    assert tree.names == tree.generation.served_history(tree.root)[1]


# Killed at each write ----------------------------------------------------------------------------------------------


def test_the_first_publishing_killed_at_each_write(tree, killed_at_each_write):
    def prepare(_number):
        shutil.rmtree(tree.root)
        tree.root.mkdir()

    def check(_number):
        if (tree.root / "current").is_symlink():
            assert tree.text == "a"
        assert_healed(tree, "a")

    assert killed_at_each_write(prepare, lambda: tree.publish("a"), check, OF_MANY) > 30


def test_publishing_killed_at_each_write(tree, killed_at_each_write):
    """With a generation that has to go, so that its removal is killed, too."""
    keep = 2
    for text in ("a", "b", "c"):
        tree.publish(text, keep)
    ends = set()

    def prepare(_number):
        if tree.text != "c":
            tree.publish("c", keep)

    def check(_number):
        ends.add(tree.text)
        tree.generation.tidy(tree.root)
        assert_nothing_unfinished(tree)  # also where the next run finds that its fleet is served, and publishes nothing
        assert_healed(tree, "d", keep)

    assert killed_at_each_write(prepare, lambda: tree.publish("new", keep), check, OF_MANY) > 40
    assert ends == {"c", "new"}


def test_going_back_killed_at_each_write(tree, killed_at_each_write):
    names = [tree.publish(text) for text in "ab"]
    ends = set()

    def prepare(_number):
        tree.back(names[1])
        tree.generation.end_hold(tree.root)

    def check(_number):
        ends.add((tree.text, tree.is_held))
        tree.back(names[0])
        assert (tree.text, tree.is_held) == ("a", True)

    killed_at_each_write(prepare, lambda: tree.back(names[0]), check)
    assert ends == {("b", False), ("a", True)}, "what was gone back to is held as soon as it is served"


def test_ending_a_hold_killed_at_each_write(tree, killed_at_each_write):
    name = tree.publish("a")

    def check(_number):
        assert tree.text == "a"
        tree.generation.end_hold(tree.root)
        assert not tree.is_held

    killed_at_each_write(lambda _number: tree.back(name), lambda: tree.generation.end_hold(tree.root), check)
    assert not tree.is_held


def test_making_the_key_killed_at_each_write(tree, killed_at_each_write):
    """A key that was made is kept: with another one, all nodes would have other URLs."""
    keys = []

    def prepare(_number):
        shutil.rmtree(tree.root)
        tree.root.mkdir()
        keys.clear()

    def check(_number):
        keys.append(tree.generation.read_key(tree.root))
        key = tree.generation.make_key(tree.root)
        assert keys[0] in (None, key)
        assert sorted(path.name for path in tree.root.iterdir()) == [".lock", "key"]

    assert killed_at_each_write(prepare, lambda: tree.generation.make_key(tree.root), check) > 3


# Two at once -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [5, 20, 35])
def test_two_runs_at_once(tree, interrupted, number):
    first = tree.publish("a")
    other = interrupted(lambda: tree.publish("b"), number, signal.SIGSTOP)
    os.waitpid(other, os.WUNTRACED)
    names = tree.names
    for run in (lambda: tree.publish("c"), lambda: tree.back(first)):
        with pytest.raises(GenerationError, match="another run is publishing"):
            run()
    tree.generation.tidy(tree.root)
    assert tree.names == names, "what another run is at is left to it"
    assert tree.text in "ab"
    os.kill(other, signal.SIGCONT)
    assert os.waitpid(other, 0)[1] == 0
    assert tree.text == "b"
    assert_healed(tree, "c")


# A disk that takes no more -----------------------------------------------------------------------------------------


@pytest.fixture
def small_disk(tmp_path):
    """Makes a file system of its own with so much room. Mounting takes root."""
    place = tmp_path / "disk"
    place.mkdir()

    def mount(options):
        command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(place)]
        if os.geteuid() != 0 or subprocess.run(command, check=False, capture_output=True).returncode != 0:
            pytest.skip("mounting a small file system needs root and CAP_SYS_ADMIN")
        return place

    yield mount
    subprocess.run(["umount", str(place)], check=False, capture_output=True)


@pytest.mark.parametrize(("what", "options"), [("size", "size={}k,nr_inodes=1000"), ("nr_inodes", "nr_inodes={}")])
def test_a_full_disk(tmp_path, make_tree, small_disk, what, options):
    """With a little more room each time, until it is enough: whatever it is that does not fit any more."""
    place = small_disk(options.format(1024))
    tree = make_tree(place)
    tree.archives = tmp_path
    tree.publish("a")
    used = os.statvfs(place)
    used = (used.f_blocks - used.f_bfree) * 4 if what == "size" else used.f_files - used.f_ffree
    refused = 0
    for room in range(0, 200, 4 if what == "size" else 1):
        subprocess.run(
            ["mount", "-o", f"remount,{what}={used + room}{'k' if what == 'size' else ''}", place], check=True
        )
        try:
            tree.publish("b")
        except OSError as error:
            assert "No space left on device" in str(error)
            refused += 1
            assert tree.text == "a"
            assert tree.names == [tree.served]
        else:
            break
    assert refused > 4
    assert tree.text == "b"
    subprocess.run(["mount", "-o", f"remount,{options.format(1024)}", place], check=True)
    assert_healed(tree, "c")


def test_a_full_disk_has_no_room_for_the_key(make_tree, small_disk):
    place = small_disk("size=1m")
    tree = make_tree(place)
    filler = place / "filler"
    with filler.open("wb") as file, contextlib.suppress(OSError):
        while True:
            os.write(file.fileno(), bytes(4096))
    with pytest.raises(OSError, match="No space left on device"):
        tree.generation.make_key(tree.root)
    assert tree.generation.read_key(tree.root) is None
    filler.unlink()
    assert tree.generation.make_key(tree.root) == tree.generation.read_key(tree.root)


def test_a_disk_that_cannot_be_written(tmp_path, make_tree, small_disk):
    place = small_disk("size=1m")
    tree = make_tree(place)
    tree.archives = tmp_path
    first = tree.publish("a")
    tree.publish("b")
    subprocess.run(["mount", "-o", "remount,ro", place], check=True)
    for run in (lambda: tree.publish("c"), tree.back):
        with pytest.raises(OSError, match="Read-only file system"):
            run()
    assert (tree.text, tree.is_held) == ("b", False)
    assert tree.back(dry=True) == (first, True)
    subprocess.run(["mount", "-o", "remount,rw", place], check=True)
    assert_healed(tree, "c")


# Whole runs of ansible-playbook ------------------------------------------------------------------------------------

PLAYBOOK = """\
- hosts: boot_hosts
  connection: local
  gather_facts: false
  tasks:
    - ansible.builtin.set_fact:
        lan0: {{device: lan0, ipv4: {{address: 10.1.0.1}}}}
        cacheable: true
    - kindling.flatcar.publish:
        networks: "{{{{ kindling_networks }}}}"
        images: [{{board: amd64-usr, channel: stable, requested: current, version: 9999.2.0}}]
        path: {root}
        group: {group}
"""
HOSTS = {
    "boot_hosts": {
        "hosts": {"boot-a": {"kindling_networks": [{"interface": "lan0", "subnet": "10.1.0.0/16", "racks": ["a"]}]}}
    },
    "flatcar_nodes": {
        "vars": {
            "flatcar_rack": "a",
            "flatcar_boot_mode": "ram",
            "flatcar_authorized_keys": [
                "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEtpbmRsaW5nIHRlc3Qga2V5OiBvcGVucyBub3RoaW5n x"
            ],
        },
        "hosts": {
            f"n{number}": {
                "flatcar_mac": f"52:54:00:00:00:{number:02x}",
                "flatcar_address": f"10.1.0.{11 + number}",
            }
            for number in range(5)
        },
    },
}


def processes_of(process):
    """The process and all that it started, which may have sessions of their own."""
    found = [process]
    for task in pathlib.Path(f"/proc/{process}/task").glob("*"):
        with contextlib.suppress(OSError):
            for child in (task / "children").read_text().split():
                found += processes_of(int(child))
    return found


def _is_controllers(process):
    with contextlib.suppress(OSError):
        return b"play.yml" in pathlib.Path(f"/proc/{process}/cmdline").read_bytes()
    return False


#: Which of a run's processes are killed.
VICTIMS = {
    "all": lambda _process: True,
    "controller": _is_controllers,
    "module": lambda process: not _is_controllers(process),
}


def kill(process, victims):
    """Stop first, so that none starts another while we look; returns when none of the run's processes lives on."""
    for _ in range(2):
        found = processes_of(process.pid)
        _signal(found, signal.SIGSTOP)
    _signal([one for one in found if VICTIMS[victims](one)], signal.SIGKILL)
    _signal(found, signal.SIGCONT)
    process.wait()
    deadline = time.monotonic() + 60
    while any(_runs(one) for one in found):
        assert time.monotonic() < deadline, "a process lives on"


def _signal(processes, number):
    for process in processes:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, number)


def _runs(process):
    """One that has ended, and that nobody has asked after, is a zombie."""
    with contextlib.suppress(OSError):
        return pathlib.Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


class Controller:
    """ansible-playbook, with an inventory whose nodes have a domain, on the boot tree *tree*."""

    def __init__(self, tree, base):
        self.tree, self.base, self.output = tree, base, base / "output"
        base.mkdir(exist_ok=True)
        playbook = PLAYBOOK.format(root=self.tree.root, group=grp.getgrgid(os.getgid()).gr_name)
        (base / "play.yml").write_text(playbook)

    def _arguments(self, domain):
        """Those of ansible-playbook, for an inventory with the domain."""
        hosts = json.loads(json.dumps(HOSTS))
        hosts["flatcar_nodes"]["vars"]["flatcar_domain"] = domain
        (self.base / "hosts.json").write_text(json.dumps(hosts))
        own = json.dumps({"ansible_python_interpreter": sys.executable})
        return ["-i", str(self.base / "hosts.json"), "-e", own, str(self.base / "play.yml")]

    def start(self, domain):
        arguments = self._arguments(domain)
        with self.output.open("w") as output:
            return subprocess.Popen(
                [sys.executable, "-m", "ansible", "playbook", *arguments],
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=ROOT,
                env={**os.environ, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "ANSIBLE_NOCOLOR": "1"},
            )

    def run(self, domain):
        """To its end; returns all that it said."""
        done = playbook_runs.forked(*self._arguments(domain))
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    @property
    def domain(self):
        """That of the served fleet, which is whole."""
        assert self.tree.served
        return (self.tree.root / "current/dnsmasq/dns-hosts").read_text().split()[1].partition(".")[2]


@pytest.fixture(scope="module")
def published(tmp_path_factory, make_tree):
    """What a whole run has published; its fleet's domain is ``none``. Made once, and copied."""
    base = tmp_path_factory.mktemp("published")
    controller = Controller(make_tree(base), base)
    controller.run("none")
    return controller.tree.root


@pytest.fixture
def served(published):
    """Has a boot tree serve that."""

    def copy(tree):
        shutil.copytree(published, tree.root, symlinks=True, dirs_exist_ok=True)
        return tree

    return copy


#: What a look at the boot tree and at the output tells, at the moment of the kill.
MOMENTS = {
    "begun": lambda tree, output: "TASK [kindling.flatcar.publish]" in output,
    "writing": lambda tree, _output: any((tree.root / "generations").glob(".unfinished-*")),
    "noted": lambda tree, _output: (tree.root / history.FILE).stat().st_ino != tree.inode,
    "switched": lambda tree, _output: (tree.root / "current").readlink() != tree.before,
}


#: Runs that are killed one after the other, before one that is not.
KILLS = repetitions(
    [[("begun", "all"), ("writing", "module"), ("noted", "all"), ("switched", "controller")]],
    [[kill] for kill in itertools.product(MOMENTS, VICTIMS)],
)


@pytest.mark.parametrize("kills", KILLS, ids=lambda kills: "-".join("-".join(kill) for kill in kills))
def test_a_run_is_killed(tree, served, tmp_path, kills):
    controller = Controller(served(tree), tmp_path)
    for moment, victims in kills:
        before = controller.domain
        tree.inode, tree.before = (tree.root / history.FILE).stat().st_ino, (tree.root / "current").readlink()
        process = controller.start(moment)
        while process.poll() is None and not MOMENTS[moment](tree, controller.output.read_text()):
            time.sleep(0.0005)
        kill(process, victims)
        assert controller.domain in (before, moment)
    controller.run("new")
    assert controller.domain == "new"
    assert_nothing_unfinished(tree)


def test_two_controllers_at_once(tree, served, tmp_path):
    """Either publishes, or says that the other one does; whichever did not can afterwards."""
    served(tree)
    controllers = {domain: Controller(tree, tmp_path / domain) for domain in ("one", "two")}
    processes = {domain: controller.start(domain) for domain, controller in controllers.items()}
    ends = {domain: process.wait() for domain, process in processes.items()}
    assert 0 in ends.values()
    for domain, controller in controllers.items():
        said = " ".join(controller.output.read_text().split())
        assert ends[domain] == 0 or "another run is publishing below" in said or "run again" in said, said
    other = {"one": "two", "two": "one"}[controllers["one"].domain]
    controllers[other].run(other)
    assert controllers[other].domain == other
    assert_nothing_unfinished(tree)


def test_a_run_on_a_disk_that_cannot_be_written_says_so(tmp_path, make_tree, served, small_disk):
    place = small_disk("size=4m")
    controller = Controller(served(make_tree(place)), tmp_path)
    subprocess.run(["mount", "-o", "remount,ro", place], check=True)
    assert "changed=0" in controller.run("none"), "what is served already needs no disk"
    assert controller.start("new").wait() == 2
    said = " ".join(controller.output.read_text().split())
    assert f"Publishing below {place}/fleet failed: [Errno 30] Read-only file system" in said
    assert "What was served before still is." in said
    assert controller.domain == "none"
