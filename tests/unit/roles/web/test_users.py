"""What is the web server's is its user's alone, from whoever it comes: asked of a real nginx that is never root's."""

from __future__ import annotations

import json
import os
import pathlib
import re
import shutil
import subprocess
import tempfile

import pytest
from ansible_collections.kindling.flatcar.plugins.module_utils._arming import arming
from rendered import rendered
from test_nginx import MAC_A, MAC_B, A, B, Web, report

pytestmark = [pytest.mark.slow, pytest.mark.skipif(os.geteuid() != 0, reason="other users are root's to become")]

#: Users that every Debian has: the one that all of it was before, and one that nothing else is.
BEFORE, OWN = "www-data", "games"
C, MAC_C = "127.0.0.13", "52-54-00-00-00-0c"


class Owned(Web):
    """A boot host whose web server is no root's, in a directory that anybody may enter."""

    def __init__(self, root):
        self.own = root / "own"
        self.own.mkdir()
        super().__init__(root)
        self.process = None
        generation = root / "fleet/generations/g/web"
        generation.parent.mkdir(parents=True)
        self.fleet.rename(generation)
        (root / "fleet/current").symlink_to("generations/g")
        self.fleet.symlink_to(generation)
        (generation.parent / "index.json").write_text("{}")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def belongs_to(self, user):
        """As the roles of an earlier version have it."""
        installs = self.places.installs
        for path in (self.fleet.resolve(), installs / "armed", installs / "scripts", *self.places.gates.live.iterdir()):
            _as("root", "chgrp", "-R", user, path)
            _as("root", "chmod", "-R", "u=rwX,g=rX,o=", path)
        for record in (installs / "armed").glob("*/arming.json"):
            record.chmod(0o600)
        (self.fleet.resolve().parent / "index.json").chmod(0o600)
        _as("root", "chown", "-R", f"{user}:{user}", installs / "reports")
        (installs / "reports").chmod(0o750)

    def take_over(self, user):
        values = {"__web_user": user, "web_installs_dir": str(self.places.installs)}
        text = rendered("web", "owners.sh.j2", web_root=str(self.root / "fleet/current/web"), **values)
        script = self.root / "owners.sh"
        script.write_text(text.replace("/run/kindling-armed", str(self.places.gates.live)))
        _as("root", "sh", script)

    def start_as(self, user):
        shutil.rmtree(self.own)  # as systemd does, which keeps it as long as the service runs
        self.own.mkdir()
        shutil.chown(self.own, user, user)
        text = re.sub(rf"_temp_path {self.root}/(\w+);", rf"_temp_path {self.own}/\1;", self._rendered())
        for log in (self.log, self.errors):
            text = text.replace(str(log), str(self.own / log.name))
        self.config.write_text(text)
        options = f"daemon off; pid {self.own}/pid;"
        self.process = self._await(_become(user, "nginx", "-p", self.own, "-c", self.config, "-g", options))

    def stop(self):
        if self.process:
            self.process.terminate()
            self.process.wait(10)
            self.process = None


def _become(user, *command):
    ids = (f"--reuid={user}", f"--regid={user}", "--clear-groups") if user != "root" else ()
    return ["setpriv", *ids, *map(str, command)] if ids else list(map(str, command))


def _as(user, *command):
    done = subprocess.run(_become(user, *command), capture_output=True, text=True, check=False)
    assert user != "root" or done.returncode == 0, done.stderr
    return done.returncode


@pytest.fixture
def web():
    root = pathlib.Path(tempfile.mkdtemp(prefix="kindling-users-"))
    root.chmod(0o755)
    try:
        with Owned(root) as web:
            yield web
    finally:
        shutil.rmtree(root)


@pytest.fixture
def upgraded(web):
    """One node is armed, one writes its disk and one is installed; then the web server's user is another one."""
    web.tokens = {}
    for address, mac in ((A, MAC_A), (B, MAC_B), (C, MAC_C)):
        web.publish_node(address, mac, mac[-1] * 43)
        web.tokens[address] = web.arm(mac, address, mac)
    web.belongs_to(BEFORE)
    web.start_as(BEFORE)
    web.urls = {address: web.config_of(address, mac) for address, mac in ((A, MAC_A), (B, MAC_B), (C, MAC_C))}
    for address, stage in ((B, "started"), (C, "started"), (C, "installed")):
        assert report(web, address, web.tokens[address], stage) < 300
    web.stop()
    web.take_over(OWN)
    web.start_as(OWN)
    return web


def _unfinished(web, address):
    return web.ask(address, f"/armed/{web.tokens[address]}/unfinished.ipxe")


def test_an_armed_node_stays_armed(upgraded):
    assert upgraded.ask(A, upgraded.urls[A]).status == 200
    assert [report(upgraded, A, upgraded.tokens[A], stage) for stage in ("started", "installed")] == [201, 204]
    assert upgraded.ask(A, upgraded.urls[A]).status == 410


def test_a_node_that_writes_its_disk_is_known_as_such_and_its_end_is_heard(upgraded):
    assert "half-written" in _unfinished(upgraded, B).body
    assert report(upgraded, B, upgraded.tokens[B], "installed") == 204
    assert _unfinished(upgraded, B).body == "whole"


def test_an_installed_node_is_not_installed_again(upgraded):
    assert upgraded.ask(C, upgraded.urls[C]).status == 410
    assert _unfinished(upgraded, C).body == "whole"
    assert set(arming.read_reports(upgraded.places, upgraded.tokens[C])) == {"started", "installed"}


def test_nobody_else_reads_or_removes_what_is_the_nodes(upgraded):
    installs, fleet = upgraded.places.installs, upgraded.fleet.resolve()
    token = upgraded.tokens[C]
    secrets = [installs / "armed" / token / "unfinished.ipxe", next(fleet.glob(f"ipxe/{C}/*.ipxe"))]
    secrets += [installs / "reports" / token / "installed"]
    for user in (BEFORE, "nobody"):
        assert all(_as(user, "cat", path) != 0 for path in secrets)
        assert _as(user, "rm", "-f", secrets[-1]) != 0
        for directory in ("armed", "reports", "scripts"):
            assert _as(user, "ls", installs / directory) != 0
    assert all(path.exists() for path in secrets)
    left = [
        path for path in upgraded.root.rglob("*") if not path.is_symlink() and BEFORE in (path.owner(), path.group())
    ]
    assert {path.stat().st_mode & 0o777 for path in left if path.owner() != "root"} == set()
    assert {path.stat().st_mode & 0o777 for path in left} <= {0o600}  # root's alone, whatever its group


def test_what_root_alone_reads_stays_so(upgraded):
    only_roots = [*upgraded.places.armed.glob("*/arming.json"), upgraded.root / "fleet/generations/g/index.json"]
    assert len(only_roots) == 4
    assert all(_as(OWN, "cat", path) != 0 for path in only_roots)
    assert {json.loads(path.read_text()).get("address") for path in only_roots} == {A, B, C, None}


def test_a_second_start_gives_nothing_to_anybody(upgraded):
    """When a report came is told by its file's own time, which a change of its owner would make now."""
    before = {path: path.lstat().st_ctime_ns for path in upgraded.places.installs.rglob("*")}
    kept = [path for path in before if path.is_file()]
    upgraded.take_over(OWN)
    assert {path: path.lstat().st_ctime_ns for path in kept} == {path: before[path] for path in kept}


def test_links_in_the_way_lead_nowhere(web):
    """Whoever wrote there may have left some."""
    token = web.places.reports / ("t" * 43)
    token.mkdir()
    foreign = web.root / "foreign"
    foreign.mkdir()
    for name in ("file", "other"):
        (foreign / name).write_text("")
    (token / "started").symlink_to(foreign / "file")
    (token / "running\nof one").hardlink_to(foreign / "other")
    (web.places.reports / ("u" * 43)).symlink_to(foreign)
    web.places.gates.live.mkdir(exist_ok=True)
    web.belongs_to(BEFORE)
    _as("root", "chown", "root:root", foreign / "other")
    web.take_over(OWN)
    assert {(path.stat().st_uid, path.stat().st_gid) for path in (foreign, *foreign.iterdir())} == {(0, 0)}


def test_a_report_that_cannot_be_looked_at_is_not_missing(upgraded):
    """Whether its disk is whole is not known: it is told neither, and asks again."""
    _as("root", "chown", "-R", "root:root", upgraded.places.reports / upgraded.tokens[B])
    assert _unfinished(upgraded, B).status == 503
    assert upgraded.ask(B, upgraded.urls[B]).status == 410
