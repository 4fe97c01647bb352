"""Generations: complete or not there, whatever happens while they are written."""

from __future__ import annotations

import grp
import io
import json
import os
import random
import signal
import stat
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
from ansible_collections.kindling.flatcar.plugins.module_utils._generation import generation
from ansible_collections.kindling.flatcar.plugins.module_utils._host.locks import locked
from ansible_collections.kindling.flatcar.plugins.modules import generation as module

ACCESS = generation.Access(private=frozenset({"web"}), secret=frozenset({"index.json"}), gid=os.getgid())
FILES = {
    "web/boot.ipxe": "#!ipxe\n",
    "web/ignition/token/10.0.0.1.ign": "{}",
    "dnsmasq/dhcp-hosts": "x\n",
    "index.json": "{}\n",
}


def publish(root, files, keep=5, digest=None, there=None):
    archive = root.parent / "archive"
    archive.write_bytes(generation.pack(files, there))
    return generation.publish(
        root, archive, digest or generation.digest_of(generation.manifest_of(files)), ACCESS, keep
    )


@pytest.fixture
def root(tmp_path):
    path = tmp_path / "fleet"
    path.mkdir()
    return path


def served(root):
    return served_below(root / "current")


def served_below(tree):
    return {str(path.relative_to(tree)): path.read_text() for path in tree.rglob("*") if path.is_file()}


def test_what_is_published_is_served(root):
    directory = publish(root, FILES)
    assert served(root) == FILES
    assert (root / "current").readlink() == directory.relative_to(root)
    assert generation.read_manifest(root) == generation.manifest_of(FILES)


def test_secrets_are_for_the_group_alone(root):
    publish(root, FILES)
    modes = {
        str(path.relative_to(root / "current")): stat.S_IMODE(path.stat().st_mode)
        for path in (root / "current").rglob("*")
    }
    assert modes == {
        "web": 0o750,
        "web/boot.ipxe": 0o640,
        "web/ignition": 0o750,
        "web/ignition/token": 0o750,
        "web/ignition/token/10.0.0.1.ign": 0o640,
        "dnsmasq": 0o755,
        "dnsmasq/dhcp-hosts": 0o644,
        "index.json": 0o600,
    }
    assert stat.S_IMODE((root / "current/").stat().st_mode) == 0o755
    assert (root / "current/web").stat().st_gid == ACCESS.gid == grp.getgrgid(os.getgid()).gr_gid


def test_the_digest_tells_every_difference():
    digests = {
        generation.digest_of(generation.manifest_of(files))
        for files in ({}, {"a": ""}, {"b": ""}, {"a": "b"}, {"a": "", "b": ""}, {"ab": ""})
    }
    assert len(digests) == 6


def test_a_damaged_generation_is_replaced_beside_itself(root):
    first = publish(root, FILES)
    (root / "current/web/boot.ipxe").write_text("gone bad")
    assert generation.digest_of(generation.read_manifest(root)) not in first.name
    second = publish(root, FILES)
    assert second != first
    assert served(root) == FILES


def test_only_the_newest_stay(root):
    made = [publish(root, FILES | {"dnsmasq/n": str(number)}, keep=2) for number in range(4)]
    assert sorted(path.name for path in (root / "generations").iterdir()) == sorted(path.name for path in made[2:])


def test_a_wrong_archive_changes_nothing(root):
    publish(root, FILES)
    with pytest.raises(generation.GenerationError, match="digest"):
        publish(root, FILES | {"web/more": "x"}, digest="0" * 32)
    assert served(root) == FILES
    assert len(list((root / "generations").iterdir())) == 1


def write_archive(path, members):
    with tarfile.open(path, "w:gz") as packed:
        for name, text in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(text)
            packed.addfile(member, io.BytesIO(text.encode()))


@pytest.mark.parametrize("name", ["../escape", "/etc/escape", "web/../../escape", "."])
def test_no_archive_writes_outside_of_its_generation(root, name):
    listed = {"after": None, "files": {name: "0" * 64}, "gone": []}
    write_archive(root / "archive", {"manifest": json.dumps(listed), "0" * 64: "x"})
    with pytest.raises(generation.GenerationError, match="not a regular file"):
        generation.publish(root, root / "archive", "0" * 32, ACCESS, 5)
    assert not list(root.parent.rglob("escape"))


def test_an_archive_without_a_manifest_is_refused(root):
    write_archive(root / "archive", {"web/boot.ipxe": "x"})
    with pytest.raises(generation.GenerationError, match="it has no manifest"):
        generation.publish(root, root / "archive", "0" * 32, ACCESS, 5)


def test_what_is_served_already_is_not_shipped_and_takes_no_room(root):
    files = FILES | {f"web/ipxe/{number}": f"#!ipxe\n{random.Random(number).random()}\n" for number in range(100)}
    first = publish(root, files)
    changed = files | {"web/ipxe/7": "#!ipxe\nnew\n", "web/moved": files["web/ipxe/9"]}
    del changed["web/ipxe/8"]
    archive = root.parent / "delta"
    there = generation.read_manifest(root)
    archive.write_bytes(generation.pack(changed, there))
    with tarfile.open(archive) as packed:
        assert len(packed.getnames()) == 2  # the list, and what is new
        listed = json.loads(packed.extractfile("manifest").read())
    assert sorted(listed["files"]) == ["web/ipxe/7", "web/moved"]
    assert listed["gone"] == ["web/ipxe/8"]
    second = publish(root, changed, there=there)
    assert served(root) == changed
    assert (first / "web/ipxe/1").samefile(second / "web/ipxe/1")
    assert (first / "web/ipxe/7").read_text() == files["web/ipxe/7"]


def test_what_changed_on_the_host_meanwhile_is_not_taken(root):
    publish(root, FILES)
    there = generation.read_manifest(root)
    (root / "current/web/boot.ipxe").write_text("gone bad")
    with pytest.raises(generation.GenerationError, match="what is served has changed during this run: run again"):
        publish(root, FILES | {"web/more": "x"}, there=there)
    publish(root, FILES | {"web/more": "x"}, there=generation.read_manifest(root))
    assert served(root) == FILES | {"web/more": "x"}


@pytest.mark.parametrize("seed", range(20))
def test_any_generation_follows_any_other_out_of_their_differences(root, seed):
    source = random.Random(seed)
    names = [f"web/{number}" for number in range(30)]
    for _ in range(3):
        files = {name: source.choice("abc") for name in source.sample(names, source.randrange(1, 30))}
        there = generation.read_manifest(root)
        if files != (served(root) if there else {}):
            publish(root, files, there=there)
            assert served(root) == files


@pytest.mark.parametrize("seed", range(20))
def test_manifests_differ_only_in_parts_that_differ(seed):
    source = random.Random(seed)
    ours = {f"web/{number}": source.choice("ab") * 64 for number in range(source.randrange(2000))}
    theirs = {path: sha256 for path, sha256 in ours.items() if source.random() > 0.002}
    theirs |= dict.fromkeys(source.sample(sorted(theirs), min(3, len(theirs))), "c" * 64)
    theirs |= {f"other/{source.random()}": "d" * 64 for _ in range(source.randrange(3))}
    one, other = generation.parts_of(ours), generation.parts_of(theirs)
    differing = {part for part in one.keys() | other.keys() if one.get(part) != other.get(part)}
    changed = {path for path in ours.keys() | theirs.keys() if ours.get(path) != theirs.get(path)}
    assert differing == {generation.part_of(path) for path in changed}


def test_a_boot_host_tells_its_manifest_part_by_part(root):
    publish(root, FILES)
    params = {"path": str(root), "src": None, "checkout": None, "manifest": [], "read": [], "key": False}
    params |= {"installs_dir": str(root / "installs"), "live": str(root / "live"), "supervised": None}
    manifest = generation.read_manifest(root)
    told = module.run(params, check_mode=True)
    assert (told["parts"], told["manifest"]) == (generation.parts_of(manifest), {})
    told = module.run(params | {"manifest": [generation.part_of("index.json")]}, check_mode=True)
    assert told["manifest"] == {"index.json": manifest["index.json"]}
    assert module.run(params | {"manifest": list(told["parts"])}, check_mode=True)["manifest"] == manifest


def test_a_file_that_too_many_may_read_is_written_anew(root):
    first = publish(root, FILES)
    (first / "index.json").chmod(0o644)
    second = publish(root, FILES | {"web/more": "x"}, there=generation.read_manifest(root))
    assert stat.S_IMODE((second / "index.json").stat().st_mode) == 0o600
    assert not (first / "index.json").samefile(second / "index.json")


def test_two_runs_at_once(root):
    with locked(root / ".lock"), pytest.raises(generation.GenerationError, match="another run is publishing"):
        publish(root, FILES)


PUBLISH = """
import os, pathlib, sys
sys.path.insert(0, {plugins!r})
from module_utils._generation import generation
give = os.fchown
def slow(*what):
    give(*what)
    print("written", flush=True)
    sys.stdin.read()
os.fchown = slow
root = pathlib.Path({root!r})
generation.publish(root, root.parent / "archive", {digest!r}, generation.Access(frozenset(), frozenset(), -1), 5)
"""


def test_a_killed_run_leaves_the_old_generation_and_the_next_one_heals(root):
    publish(root, FILES)
    newer = FILES | {"web/boot.ipxe": "#!ipxe\nexit 1\n"}
    (root.parent / "archive").write_bytes(generation.pack(newer))
    plugins = str(Path(generation.__file__).parents[2])
    script = PUBLISH.format(plugins=plugins, root=str(root), digest=generation.digest_of(generation.manifest_of(newer)))
    with subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as run:
        assert run.stdout.readline() == b"written\n"
        run.send_signal(signal.SIGKILL)
    assert served(root) == FILES
    assert len(list((root / "generations").iterdir())) == 2
    publish(root, newer)
    assert served(root) == newer
    assert not list((root / "generations").glob(".*"))


def test_a_full_disk_leaves_the_old_generation(root, monkeypatch):
    publish(root, FILES)

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fchown", full)
    with pytest.raises(OSError, match="No space left"):
        publish(root, FILES | {"web/more": "x"})
    assert served(root) == FILES
    assert len(list((root / "generations").iterdir())) == 1


def test_a_key_is_made_once(root):
    assert generation.read_key(root) is None
    key = generation.make_key(root)
    assert len(bytes.fromhex(key)) == 32
    assert generation.make_key(root) == generation.read_key(root) == key
    assert stat.S_IMODE((root / "key").stat().st_mode) == 0o600
    assert generation.new_key() != key


def test_a_key_that_another_run_made_meanwhile_stays(root, monkeypatch):
    first = generation.make_key(root)
    answers = iter([None, first, first])
    monkeypatch.setattr(generation, "read_key", lambda _: next(answers))
    assert generation.make_key(root) == first
    assert (root / "key").read_text().strip() == first


@pytest.mark.parametrize("text", ["", "abc", "g" * 64])
def test_a_damaged_key_is_refused(root, text):
    (root / "key").write_text(text)
    with pytest.raises(generation.GenerationError, match="key is damaged: remove it"):
        generation.make_key(root)


def test_all_is_on_the_disk_before_the_switch(root, monkeypatch):
    publish(root, FILES)

    def refuse(directory):
        assert served_below(directory) == FILES | {"web/more": "x"}
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(generation.durable, "sync_all", refuse)
    with pytest.raises(OSError, match="Input/output error"):
        publish(root, FILES | {"web/more": "x"})
    assert served(root) == FILES


def test_changes():
    assert generation.changes({"a": "1", "b": "2"}, {"b": "3", "c": "4"}) == {
        "added": ["c"],
        "changed": ["b"],
        "removed": ["a"],
    }
