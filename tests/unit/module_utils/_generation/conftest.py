"""A boot tree as the boot host has it, and runs on it that end before their time."""

from __future__ import annotations

import contextlib
import os
import signal
import sys

import pytest

FILES = {
    "web/boot.ipxe": "#!ipxe\n",
    "web/ipxe/10.0.0.1/52-54-00-00-00-01.ipxe": "kernel http://10.0.0.254/images/amd64-usr/4593.2.5/vmlinuz\n",
    "web/ignition/token/10.0.0.1.ign": "{}",
    "dnsmasq/dhcp-hosts": "52:54:00:00:00:01,id:*,10.0.0.1,n1\n",
    "index.json": '{"nodes": {"n1": {"mode": "ram", "board": "amd64-usr", "version": "4593.2.5"}}}',
}

#: What is written is told to audit hooks before it happens; of files that are opened, those for writing are counted.
WRITES = (
    "os.mkdir",
    "os.rename",
    "os.remove",
    "os.rmdir",
    "os.symlink",
    "os.link",
    "os.chmod",
    "os.chown",
    "os.truncate",
)


class Tree:
    """The directory of generations, in *base*."""

    def __init__(self, base):
        # Not at the top: the collection can be imported only once pytest is configured
        from ansible_collections.kindling.flatcar.plugins.module_utils._generation import generation

        self.generation, self.root, self.images, self.archives = generation, base / "fleet", base / "images", base
        self.root.mkdir()
        (self.images / "amd64-usr" / "4593.2.5").mkdir(parents=True)
        self.access = generation.Access(private=frozenset({"web"}), secret=frozenset(), gid=os.getgid())

    def publish(self, text, keep=5, checkout=None):
        """Publish a fleet that says *text*; returns the generation's name."""
        files = {**FILES, "web/boot.ipxe": f"#!ipxe\n# {text}\n"}
        archive = self.archives / f"archive-{text}"
        if not archive.exists():
            archive.write_bytes(self.generation.pack(files))
        digest = self.generation.digest_of(self.generation.manifest_of(files))
        return self.generation.publish(self.root, archive, digest, self.access, keep, checkout).name

    def back(self, name=None, **options):
        return self.generation.go_back(self.root, name, self.images, **options)

    @property
    def names(self):
        return sorted(path.name for path in (self.root / "generations").iterdir())

    @property
    def served(self):
        """The name of the served generation, which is whole."""
        name = (self.root / "current").readlink().name
        manifest = self.generation.read_manifest(self.root)
        assert self.generation.digest_of(manifest) == name.partition(".")[0]
        return name

    @property
    def text(self):
        """What the served fleet says."""
        assert self.served
        return (self.root / "current/web/boot.ipxe").read_text().split()[-1]

    @property
    def is_held(self):
        return self.generation.served_history(self.root)[0].is_held


@pytest.fixture
def tree(tmp_path):
    return Tree(tmp_path)


@pytest.fixture(scope="session")
def make_tree():
    return Tree


def _interrupt_at(number, how):
    """Have this process send itself a signal before its write with that number."""
    left = [number]

    def hook(event, arguments):
        writes = event in WRITES or (event == "open" and isinstance(arguments[2], int) and arguments[2] & os.O_ACCMODE)
        if writes or event == "kindling.fsync":
            left[0] -= 1
            if left[0] == 0:
                os.kill(os.getpid(), how)

    fsync = os.fsync
    os.fsync = lambda handle: (sys.audit("kindling.fsync"), fsync(handle))
    sys.addaudithook(hook)


@pytest.fixture
def interrupted():
    """Runs a function in a process of its own that gets a signal before its write with a number; returns its pid."""
    started = []

    def run(function, number, how):
        process = os.fork()
        if process == 0:
            status = 1
            try:
                _interrupt_at(number, how)
                function()
                status = 0
            finally:
                os._exit(status)
        started.append(process)
        return process

    yield run
    for process in started:
        with contextlib.suppress(ProcessLookupError, ChildProcessError):
            os.kill(process, signal.SIGKILL)
            os.waitpid(process, 0)


@pytest.fixture
def killed_at_each_write(interrupted):
    """Does *run* again and again, killed before its first write, its second one …, until it gets to its end.

    *prepare* comes before each, *check* after each but the last. Of a run of many writes, *every* how many is enough.
    """

    def sweep(prepare, run, check, every=1):
        for number in range(1, 1000, every):
            prepare(number)
            _, status = os.waitpid(interrupted(run, number, signal.SIGKILL), 0)
            if os.WIFEXITED(status):
                assert os.WEXITSTATUS(status) == 0
                return number - 1
            assert os.WTERMSIG(status) == signal.SIGKILL
            check(number)
        raise AssertionError("it has no end")

    return sweep
