"""What may be read from the files directory, and what may not."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from ansible_collections.kindling.flatcar.plugins.plugin_utils._butane import files
from ansible_collections.kindling.flatcar.plugins.plugin_utils._butane.files import (
    NO_FILES_DIR,
    NOT_A_TREE,
    OUTSIDE,
    FilesDir,
    Kind,
    LocalFileError,
)


@pytest.fixture
def root(tmp_path):
    root = tmp_path / "files"
    (root / "sub").mkdir(parents=True)
    (root / "a").write_bytes(b"content of a")
    (root / "sub" / "b").write_bytes(b"\xff\x00")
    (tmp_path / "secret").write_bytes(b"secret")
    (tmp_path / "files-sibling").mkdir()
    (tmp_path / "files-sibling" / "x").write_bytes(b"sibling")
    return root


@pytest.mark.parametrize("local", ["a", "/a", "./a", "sub/../a", "//a", "/sub/../a"])
def test_reading(root, local):
    assert FilesDir(root).read(local) == b"content of a"


@pytest.mark.parametrize(
    "local", ["../secret", "sub/../../secret", "/../secret", "..", "../files-sibling/x", "../files/a/../../secret"]
)
def test_no_way_out_by_dots(root, local):
    with pytest.raises(LocalFileError, match=OUTSIDE):
        FilesDir(root).read(local)


def test_dots_may_lead_back_in(root):
    assert FilesDir(str(root)).read("sub/../a") == b"content of a"


def test_no_way_out_by_links(root, tmp_path):
    (root / "link").symlink_to(tmp_path / "secret")
    (root / "dir").symlink_to(tmp_path)
    (root / "absolute").symlink_to("/etc")
    for local in ("link", "dir/secret", "absolute/hostname"):
        with pytest.raises(LocalFileError, match=OUTSIDE):
            FilesDir(root).read(local)
    with pytest.raises(LocalFileError, match=OUTSIDE):
        list(FilesDir(root).walk("dir"))


def test_links_may_stay_inside(root):
    (root / "link").symlink_to("sub/b")
    assert FilesDir(root).read("link") == b"\xff\x00"


def test_the_directory_itself_may_be_a_link(root, tmp_path):
    (tmp_path / "alias").symlink_to(root)
    assert FilesDir(tmp_path / "alias").read("a") == b"content of a"


@pytest.mark.parametrize(
    ("local", "message"),
    [
        ("gone", "open .*/gone: no such file or directory"),
        ("sub", "read .*/sub: is a directory"),
        ("", "read .*: is a directory"),
        ("a/b", "open .*: not a directory"),
        ("nul\0", "open .*: embedded null (byte|character)"),
        ("x" * 5000, "open .*: file name too long"),
    ],
)
def test_unreadable(root, local, message):
    with pytest.raises(LocalFileError, match=message):
        FilesDir(root).read(local)


def test_nothing_is_waited_for(root):
    os.mkfifo(root / "fifo")
    with pytest.raises(LocalFileError, match="not a regular file"):
        FilesDir(root).read("fifo")


@pytest.mark.parametrize("none", [None, ""])
def test_no_directory(none):
    with pytest.raises(LocalFileError, match=NO_FILES_DIR):
        FilesDir(none).read("a")
    with pytest.raises(LocalFileError, match=NO_FILES_DIR):
        list(FilesDir(none).walk("a"))


@pytest.fixture
def opened(monkeypatch):
    """The files that are opened; times of files are trusted at once."""
    monkeypatch.setattr(files, "_SETTLED", 0)
    names = []
    content = files._content

    def spy(real):
        names.append(Path(real).name)
        return content(real)

    monkeypatch.setattr(files, "_content", spy)
    return names


def test_a_file_of_many_configs_is_read_and_encoded_once(root, opened):
    for local in ("a", "./a", "sub/../a"):
        assert FilesDir(root).encoded(local, may_compress=True) == (12, "data:,content%20of%20a", False)
    assert opened == ["a"]


def test_a_file_that_has_changed_is_read_again(root, opened):
    FilesDir(root).encoded("a", may_compress=True)
    (root / "a").write_bytes(b"CONTENT OF A")
    os.utime(root / "a", ns=(1, 1))
    assert FilesDir(root).encoded("a", may_compress=True).source == "data:,CONTENT%20OF%20A"
    (root / "new").write_bytes(b"another one!")
    os.utime(root / "new", ns=(1, 1))
    (root / "new").replace(root / "a")
    assert FilesDir(root).encoded("a", may_compress=True).source == "data:,another%20one!"
    assert opened == ["a", "a", "a"]


def test_a_file_that_has_just_changed_may_change_again(root, opened, monkeypatch):
    """Its times may not show that."""
    monkeypatch.setattr(files, "_SETTLED", 10**18 * 9)
    for _ in range(2):
        FilesDir(root).encoded("a", may_compress=True)
    assert opened == ["a", "a"]


def test_whether_it_is_compressed_is_a_part_of_the_question(root, opened):
    (root / "a").write_bytes(bytes(3000))
    assert FilesDir(root).encoded("a", may_compress=True).compressed
    assert not FilesDir(root).encoded("a", may_compress=False).compressed


def test_a_file_above_every_limit_is_not_encoded(root, monkeypatch):
    monkeypatch.setattr(files, "MAX_CONTENT_BYTES", 3)
    assert FilesDir(root).encoded("a", may_compress=True) == (4, "", False)


def test_walking_is_depth_first_by_the_bytes_of_names(root):
    for name in ("a-b", "Z", ".dot", "é"):
        (root / "sub" / name).write_text("")
    (root / "sub" / "a").mkdir()
    (root / "sub" / "a" / "inner").write_text("")
    (root / "sub" / "ln").symlink_to("/outside")
    (root / "sub" / "Z").chmod(0o700)
    os.mkfifo(root / "sub" / "pipe")
    nodes = list(FilesDir(root).walk("sub/"))
    assert [node.below for node in nodes] == [".", ".dot", "Z", "a", "a/inner", "a-b", "b", "ln", "pipe", "é"]
    kinds = {node.below: node.kind for node in nodes}
    assert (kinds["a"], kinds["ln"], kinds["pipe"], kinds["b"]) == (Kind.DIRECTORY, Kind.LINK, Kind.OTHER, Kind.FILE)
    assert [node.below for node in nodes if node.kind is Kind.FILE and node.executable] == ["Z"]


def test_a_deep_tree_is_walked(root):
    levels = []
    for _level in range(1100):
        levels.append((levels[-1] if levels else root) / "d")
        levels[-1].mkdir()
    try:
        assert sum(1 for _node in FilesDir(root).walk("d")) == 1100
    finally:
        for level in reversed(levels):
            level.rmdir()


@pytest.mark.parametrize(("local", "message"), [("a", NOT_A_TREE), ("gone", "stat .*: no such file"), ("..", OUTSIDE)])
def test_what_is_no_tree(root, local, message):
    with pytest.raises(LocalFileError, match=message):
        list(FilesDir(root).walk(local))


def test_a_tree_that_is_a_link_is_a_link(root):
    (root / "alias").symlink_to("sub")
    assert [(node.kind, node.below) for node in FilesDir(root).walk("alias/")] == [(Kind.LINK, ".")]
