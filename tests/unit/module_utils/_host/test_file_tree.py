"""Files and directories that are laid down together, or not at all."""

from __future__ import annotations

import grp
import os
import pwd
import re
import stat
from pathlib import Path

import pytest
import yaml
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.kindling.flatcar.plugins.module_utils._host.file_tree import (
    DIRECTORIES,
    ENTRIES,
    Entry,
    TreeError,
    lay_down,
    make_directories,
)

OWN = {"owner": pwd.getpwuid(os.getuid()).pw_name, "group": grp.getgrgid(os.getgid()).gr_name}
GREP = ["grep", "--quiet", "good", "{file}"]


@pytest.fixture
def entry(tmp_path):
    """An entry of whoever runs the tests; a text is a file's content."""

    def make(name, content=None, **said):
        said.setdefault("state", "file" if content is not None or "src" in said else "directory")
        return Entry(path=tmp_path / name, content=content, **OWN | said)

    return make


@pytest.fixture
def tree(tmp_path):
    """What there is: of each path its mode, and its content if it is a file."""

    def read():
        return {
            str(path.relative_to(tmp_path)): (
                stat.S_IMODE(path.lstat().st_mode),
                path.read_bytes() if path.is_file() else None,
            )
            for path in sorted(tmp_path.rglob("*"))
        }

    return read


def paths(changes, root):
    return [change.path.removeprefix(f"{root}/") for change in changes]


def test_all_of_it_is_laid_down_once(entry, tree, tmp_path):
    entries = [
        entry("a/b", "text\n", mode="0640"),
        entry("a"),
        entry("c/d", mode="0750"),
        entry("copy", src=str(tmp_path / "of")),
    ]
    (tmp_path / "of").write_bytes(b"\xff\0")
    assert paths(lay_down(entries, dry=True), tmp_path) == ["a/", "c/d/", "a/b", "copy"]
    assert list(tree()) == ["of"]
    assert paths(lay_down(entries), tmp_path) == ["a/", "c/d/", "a/b", "copy"]
    laid = tree()
    assert laid["a"] == (0o755, None)
    assert laid["a/b"] == (0o640, b"text\n")
    assert laid["c/d"] == (0o750, None)
    assert laid["copy"] == (0o644, b"\xff\0")
    assert lay_down(entries) == []
    assert tree() == laid


def test_a_difference_is_shown(entry, tmp_path):
    (tmp_path / "a").write_text("old\n")
    (tmp_path / "b").write_bytes(b"\xff")
    text, binary = lay_down([entry("a", "new\n"), entry("b", "new\n")], dry=True)
    assert (text.before, text.after) == ("old\n", "new\n")
    assert re.fullmatch(r"\(not text: 1 bytes, SHA-256 [0-9a-f]{64}\)\n", binary.before)


def test_owner_and_mode_are_made_right_and_shown(entry, tree, tmp_path):
    entries = [entry("a", "text\n", mode="0600"), entry("b")]
    lay_down(entries)
    (tmp_path / "a").chmod(0o666)
    (tmp_path / "b").chmod(0o777)
    assert [(change.before[-5:], change.after[-5:]) for change in lay_down(entries)] == [
        ("0777\n", "0755\n"),
        ("0666\n", "0600\n"),
    ]
    assert [mode for mode, _ in tree().values()] == [0o600, 0o755]


def test_one_that_is_not_valid_keeps_all_others_from_their_places(entry, tree, tmp_path):
    first, second = entry("first", "good old\n", validate=GREP), entry("second", "good old\n", validate=GREP)
    lay_down([first, second])
    before = tree()
    with pytest.raises(TreeError, match=f"{tmp_path}/second failed to validate; what was there before stays: grep"):
        lay_down([entry("first", "good new\n", validate=GREP), entry("second", "bad\n", validate=GREP)])
    assert tree() == before


def test_what_a_validator_says_is_told(entry):
    with pytest.raises(TreeError, match="line 7 is wrong"):
        lay_down([entry("a", "", validate=["sh", "-c", "echo line 7 is wrong >&2; exit 1"])])


def test_directories_and_secrets_are_there_for_the_validator(entry, tmp_path):
    needs = ["test", "-d", str(tmp_path / "place"), "-a", "-s", str(tmp_path / "secret")]
    lay_down([entry("a", "x", validate=needs), entry("place"), entry("secret", "{random}", once=True)])


def test_check_mode_validates_nothing(entry, tmp_path):
    lay_down([entry("a", "x", validate=["touch", str(tmp_path / "written")])], dry=True)
    assert list(tmp_path.iterdir()) == []


def test_a_file_is_replaced_as_a_whole(entry, tmp_path):
    lay_down([entry("a", "old")])
    with (tmp_path / "a").open() as reader:
        lay_down([entry("a", "new")])
        assert reader.read() == "old"


def test_a_link_is_replaced_and_not_followed(entry, tmp_path):
    (tmp_path / "elsewhere").write_text("theirs")
    (tmp_path / "a").symlink_to("elsewhere")
    assert len(lay_down([entry("a", "theirs")])) == 1
    assert not (tmp_path / "a").is_symlink()
    assert (tmp_path / "elsewhere").read_text() == "theirs"


def test_a_link_to_a_directory_is_one(entry, tmp_path):
    (tmp_path / "state").mkdir(mode=0o755)
    (tmp_path / "a").symlink_to("state")
    lay_down([entry("a"), entry("a/b", "text")])
    assert (tmp_path / "state" / "b").read_text() == "text"


@pytest.mark.parametrize(
    ("there", "wanted", "says"),
    [
        (lambda path: path.write_text(""), {}, "is a file, but a directory is needed there: move it away"),
        (lambda path: path.mkdir(), {"content": ""}, "is a directory, but a file is needed there: move it away"),
        (lambda path: path.mkdir(), {"content": "", "once": True}, "is a directory, but a file is needed there"),
        (lambda path: path.symlink_to("nowhere"), {}, "is a link that leads nowhere: remove it"),
    ],
)
def test_what_stands_in_the_way_is_named(entry, tree, tmp_path, there, wanted, says):
    there(tmp_path / "a")
    before = tree()
    with pytest.raises(TreeError, match=f"{tmp_path}/a {says}"):
        lay_down([entry("z", ""), entry("a", **wanted)])
    assert tree() == before


def test_a_secret_is_random_written_once_and_never_shown(entry, tree, tmp_path):
    secret = entry("secret", 'key "{random}";\n', once=True, mode="0640")
    (change,) = lay_down([secret])
    _, content = tree()["secret"]
    (digits,) = re.fullmatch(rb'key "([0-9a-f]{64})";\n', content).groups()
    assert digits.decode() not in f"{change}"
    assert lay_down([secret]) == []
    (tmp_path / "secret").chmod(0o644)
    (change,) = lay_down([secret])
    assert digits.decode() not in f"{change}"
    assert tree() == {"secret": (0o640, content)}
    (tmp_path / "secret").unlink()
    lay_down([secret])
    assert tree()["secret"][1] != content


def test_a_directory_that_is_made_once_is_left_to_whom_it_belongs(entry, tree, tmp_path):
    directory = entry("a", once=True, mode="0750")
    assert paths(lay_down([directory]), tmp_path) == ["a/"]
    assert tree()["a"] == (0o750, None)
    (tmp_path / "a").chmod(0o700)
    assert lay_down([directory]) == []
    assert tree()["a"] == (0o700, None)


def test_a_file_is_built_out_of_its_content(entry, tree, tmp_path):
    built = entry("a", "abc", build=["sh", "-c", "tr a-z A-Z < {source} > {target}"])
    assert len(lay_down([built], dry=True)) == 1
    lay_down([built])
    assert tree() == {"a": (0o644, b"ABC")}
    assert lay_down([built]) == []
    with pytest.raises(TreeError, match=f"{tmp_path}/a could not be made; what was there before stays: sh .*: oh dear"):
        lay_down([entry("a", "", build=["sh", "-c", "echo oh dear; false {source} {target}"])])
    assert tree() == {"a": (0o644, b"ABC")}


@pytest.mark.parametrize("missing", [{"src": "/nosuch/file"}, {"content": "", "build": ["/nosuch/file"]}])
def test_what_a_package_brings_is_awaited_in_check_mode_alone(entry, tree, missing):
    made = entry("a", **missing)
    for mode in ({}, {"awaited": True}, {"dry": True}):
        with pytest.raises(TreeError, match="/nosuch/file is not on this host"):
            lay_down([made], **mode)
    (change,) = lay_down([made], dry=True, awaited=True)
    assert change.after == "what packages that are not installed yet will provide (/nosuch/file)\n"
    assert tree() == {}


def test_files_that_a_pattern_matches_are_removed_but_for_those_that_stay(entry, tree, tmp_path):
    for name in ("aa.efi", "bb.efi", "cc.efi", "a.efi", "aa.txt"):
        (tmp_path / name).touch()
    gone = entry("??.efi", state="absent", keep=["bb.efi"])
    assert paths(lay_down([gone], dry=True), tmp_path) == ["aa.efi", "cc.efi"]
    assert paths(lay_down([gone]), tmp_path) == ["aa.efi", "cc.efi"]
    assert set(tree()) == {"a.efi", "aa.txt", "bb.efi"}
    assert lay_down([gone]) == []


class Killed(BaseException):
    pass


def test_a_run_that_was_killed_is_completed_by_the_next(entry, tree, tmp_path, monkeypatch):
    lay_down([entry("a", "old"), entry("b", "old")])
    new = [entry("a", "new"), entry("b", "new")]
    replace = Path.replace

    def killed(self, target):
        if target.name == "b":
            raise Killed
        return replace(self, target)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", killed)
        patched.setattr(Path, "unlink", lambda *_, **__: None)  # nobody tidies up
        with pytest.raises(Killed):
            lay_down(new)
    assert tree() == {".b.new": (0o644, b"new"), "a": (0o644, b"new"), "b": (0o644, b"old")}
    assert paths(lay_down(new), tmp_path) == ["b"]
    assert tree() == {"a": (0o644, b"new"), "b": (0o644, b"new")}


def test_a_full_disk_changes_nothing(entry, tree, monkeypatch):
    lay_down([entry("a", "old"), entry("b", "old")])
    before = tree()
    write = os.fsync

    def full(handle):
        if Path(f"/proc/self/fd/{handle}").readlink().name == ".b.new":
            raise OSError(28, "No space left on device")
        write(handle)

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        lay_down([entry("a", "new"), entry("b", "new")])
    assert tree() == before


def test_who_is_not_there_owns_nothing(entry, tree):
    with pytest.raises(TreeError, match="no user or group nosuch: run the whole role, which creates it"):
        lay_down([entry("a", ""), entry("b", "", group="nosuch")])
    assert tree() == {}


def test_a_dry_run_goes_by_the_names_of_users_that_are_made_first(entry, tree, tmp_path):
    lay_down([entry("a", "")])
    entries = [entry("a", "", group="nosuch"), entry("b", "", owner="nosuch")]
    (a, b) = lay_down(entries, dry=True, users=["nosuch"])
    assert (a.before, a.after) == (
        f"owner {OWN['owner']}, group {OWN['group']}, mode 0644\n",
        a.before.replace(f"group {OWN['group']}", "group nosuch"),
    )
    assert b.path == str(tmp_path / "b")
    for mode in ({"dry": True}, {"dry": True, "users": ["other"]}, {"users": ["nosuch"]}):
        with pytest.raises(TreeError, match="no user or group nosuch"):
            lay_down(entries, **mode)


def test_a_mode_is_octal(entry):
    with pytest.raises(TreeError, match="expected a mode in octal digits, such as 0644, got rw"):
        lay_down([entry("a", "", mode="rw")])


def test_parents_are_for_everybody_to_enter_whatever_the_umask(tmp_path):
    before = os.umask(0o077)
    try:
        make_directories(tmp_path / "a" / "b")
    finally:
        os.umask(before)
    assert [stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "a", tmp_path / "a" / "b")] == [0o755] * 2
    (tmp_path / "a").chmod(0o700)
    make_directories(tmp_path / "a" / "c")
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o700


def test_what_is_as_it_should_be_is_not_written_to(entry, monkeypatch):
    """The container's root is read-only: there, even removing what is not there fails."""
    entries = [entry("a", "text"), entry("b"), entry("c", "{random}", once=True), entry("*.efi", state="absent")]
    lay_down(entries)

    def read_only(*_, **__):
        raise OSError(30, "Read-only file system")

    for name in ("unlink", "mkdir", "chmod", "replace"):
        monkeypatch.setattr(Path, name, read_only)
    monkeypatch.setattr(os, "fchmod", read_only)
    assert lay_down(entries) == []


ROLES = Path(__file__).parents[4] / "roles"


@pytest.mark.parametrize("role", sorted(path.parts[-3] for path in ROLES.glob("*/vars/main.yml")))
def test_what_roles_lay_down_is_what_the_module_takes(role):
    """What templates make of a value is not looked at."""
    values = yaml.safe_load((ROLES / role / "vars" / "main.yml").read_text())
    lists = [
        (name.endswith("_directories"), found)
        for name, value in values.items()
        for found in (value.values() if isinstance(value, dict) else [value])
        if isinstance(found, list)
    ]
    for argument, directories in ((ENTRIES, False), (DIRECTORIES, True)):
        entries = [
            entry
            for only_directories, found in lists
            for entry in found
            if only_directories == directories and isinstance(entry, dict) and "path" in entry
        ]
        given = {"entries": [entry | ({"once": bool(entry["once"])} if "once" in entry else {}) for entry in entries]}
        assert ArgumentSpecValidator({"entries": argument}).validate(given).error_messages == []


def test_a_secret_without_a_content_is_refused(entry):
    with pytest.raises(TreeError, match="a file that is written once needs content"):
        lay_down([entry("a", src="/etc/hostname", once=True)])
