"""What may be read from the files directory, and what may not."""

from __future__ import annotations

import os

import pytest
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
