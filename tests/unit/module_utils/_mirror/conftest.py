"""Keys, releases, a misbehaving server and a boot host's directories, for the tests of the images."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import pathlib
import shutil
import subprocess
import sys
import time
import types

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))

from release_server import PAYLOAD, ReleaseServer, make_contents, make_release
from signing import SigningKey, signing_key

DAY = 86400
BOARD = "amd64-usr"
OLD, NEW = "4593.2.4", "4593.2.5"


@pytest.fixture(scope="session")
def keys():
    """A primary key with one subkey of each fate, and a stranger's key."""
    now = time.time()
    with signing_key() as ours, signing_key(name="Stranger") as stranger:
        good = ours.add_subkey(now - 200 * DAY, now + 300 * DAY)
        expired = ours.add_subkey(now - 900 * DAY, now - 100 * DAY)
        revoked = ours.add_subkey(now - 800 * DAY)
        earlier = ours.copy()
        earlier.gpg("--quick-set-expire", ours.fingerprint, "0", expired)
        ours.revoke_subkey(revoked)
        yield types.SimpleNamespace(
            ours=ours,
            earlier=earlier,  # with it, gpg signs by the revoked subkey, and by the expired one after its end
            stranger=stranger,
            stranger_sub=stranger.add_subkey(now - 200 * DAY),
            good=good,
            expired=expired,
            revoked=revoked,
        )
        earlier.close()


@pytest.fixture(scope="session")
def make(keys):
    """Make a release that is signed by the good subkey: ``make(version) -> files``."""
    made: dict[tuple, dict[str, bytes]] = {}

    def make_one(version: str, board: str = BOARD, at: float | None = None) -> dict[str, bytes]:
        if (version, board, at) not in made:
            contents = make_contents(version, board)
            made[version, board, at] = make_release(
                version, lambda content: keys.ours.sign(content, keys.good, at=at), contents
            )
        return dict(made[version, board, at])

    return make_one


@pytest.fixture
def collections(tmp_path, pytestconfig):
    """A directory from which a process of its own can import the collection."""
    place = tmp_path / "collections"
    (place / "ansible_collections/kindling").mkdir(parents=True)
    (place / "ansible_collections/kindling/flatcar").symlink_to(pytestconfig.rootpath)
    return place


@pytest.fixture
def start_module(site, collections):
    """Start the module in a process of its own, as Ansible does; its parameters are on its stdin already."""
    started: list[subprocess.Popen] = []
    paths = [str(collections), *filter(None, [os.environ.get("PYTHONPATH")])]

    def start(**changes) -> subprocess.Popen:
        process = subprocess.Popen(
            [sys.executable, "-m", "ansible_collections.kindling.flatcar.plugins.modules.flatcar_image"],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        process.stdin.write(json.dumps({"ANSIBLE_MODULE_ARGS": site.parameters(**changes)}))
        process.stdin.close()
        process.stdin = None
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()


@pytest.fixture
def server():
    server = ReleaseServer()
    yield server
    server.close()


@pytest.fixture(scope="session")
def old_site(tmp_path_factory, keys, make):
    """A boot host that serves one release; made once, since nearly every test begins with it."""
    server = ReleaseServer()
    site = Site(tmp_path_factory.mktemp("old"), server, keys.ours, make)
    site.offer(OLD)
    assert not site.run().problems
    server.close()
    return site


@pytest.fixture
def site(tmp_path, server, keys, make, old_site):
    return Site(tmp_path, server, keys.ours, make, old_site)


class Site:
    """A boot host's image directories and the server that it mirrors from."""

    def __init__(
        self, root: pathlib.Path, server: ReleaseServer, key: SigningKey, make, old: Site | None = None
    ) -> None:
        self.root = root
        self.images = root / "images"
        self.work = root / "images.partial"
        self.server = server
        self.key = key
        self.make = make
        self.old = old
        self.good: set[str] = set()

    def serve_old(self) -> dict[str, str]:
        """Begin with a boot host that serves the old release; its tree."""
        shutil.copytree(self.old.images, self.images, symlinks=True)
        shutil.copytree(self.old.work, self.work)
        self.offer(OLD)
        return self.tree()

    def offer(self, version: str, *, channel: str = "stable", board: str = BOARD, current: str = "current") -> None:
        """Put a release on the server, as the channel's current one."""
        files = self.make(version, board)
        self.server.add_release(channel, board, version, files)
        self.good.update(hashlib.sha256(content).hexdigest() for content in files.values())
        if current:
            self.point(version, channel=channel, board=board, current=current)

    def point(self, version: str, *, channel: str = "stable", board: str = BOARD, current: str = "current") -> None:
        """Let a channel's ``version.txt`` name a release."""
        files = self.make(version, board)
        texts = {name: files[name] for name in ("version.txt", "version.txt.sig")}
        self.server.add_release(channel, board, current, texts)

    def path(self, name: str, version: str = NEW, *, channel: str = "stable", board: str = BOARD) -> str:
        """A file's path on the server."""
        return f"/{channel}/{board}/{version}/{name}"

    def parameters(self, **changes) -> dict:
        """The module's parameters; a machine that is busy with other things has not stalled."""
        return {
            "images_dir": str(self.images),
            "work_dir": str(self.work),
            "wanted": [{"board": BOARD, "channel": "stable"}],
            "mirrors": [self.server.url + "/{channel}/{board}"],
            "key": self.key.public().decode(),
            "key_fingerprint": self.key.fingerprint,
            "connect_timeout": 30,
            "stall_timeout": 30,
            "retries": 1,
            "reserve": 0,
            **changes,
        }

    def run(self, *, check_mode: bool = False, **changes):
        """One run in this process; its outcome."""
        # Not at the top: this file may be loaded before the collection can be imported.
        from ansible_collections.kindling.flatcar.plugins.module_utils._mirror import service
        from ansible_collections.kindling.flatcar.plugins.modules import flatcar_image

        parameters = {name: spec.get("default") for name, spec in flatcar_image.ARGUMENT_SPEC.items()}
        parameters.update(self.parameters(**changes))
        for entry in parameters["wanted"]:
            entry.setdefault("version", "current")
            entry.setdefault("install", False)
        scratch = self.root / "scratch"
        scratch.mkdir(exist_ok=True)
        settings = flatcar_image.make_settings(parameters, check_mode)
        settings = dataclasses.replace(settings, transfer=dataclasses.replace(settings.transfer, backoff=0.01))
        return service.mirror_images(service.parse_requests(parameters["wanted"]), settings, scratch)

    def tree(self) -> dict[str, str]:
        """All that is reachable below the served directory: links with their target, files with their digest."""
        found: dict[str, str] = {}
        for path in sorted(self.images.rglob("*")):
            name = str(path.relative_to(self.images))
            if path.is_symlink():
                found[name] = f"-> {path.readlink()}"
            elif path.is_file():
                found[name] = hashlib.sha256(path.read_bytes()).hexdigest()
        return found

    def releases(self) -> list[str]:
        """The served releases."""
        return sorted(str(path.relative_to(self.images)) for path in self.images.glob("*/*") if not path.is_symlink())

    def assert_nothing_unverified(self) -> None:
        """Every served file is one that was signed, or our record of it; every release is whole; no link dangles."""
        for name, value in self.tree().items():
            if value.startswith("-> "):
                assert (self.images / name).is_dir(), f"{name} {value} dangles"
            elif not name.endswith("/release.json"):
                assert value in self.good, f"{name} is served, and is not what was signed"
        for release in self.releases():
            names = {path.name for path in (self.images / release).iterdir()}
            assert {*PAYLOAD[:2], *(f"{name}.sig" for name in PAYLOAD[:2]), "version.txt", "release.json"} <= names
        for path in (self.images, *self.images.rglob("*")):
            if not path.is_symlink():
                assert path.stat().st_mode & 0o022 == 0, f"{path} is writable by others"
