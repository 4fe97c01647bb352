"""What a release is, read out of its files: initrds, kernels and a squashfs, also such as nobody should make."""

from __future__ import annotations

import contextlib
import gzip
import os
import pathlib
import stat

import pytest
from ansible_collections.kindling.flatcar.plugins.module_utils._mirror import initrd, kernel_file, squashfs
from ansible_collections.kindling.flatcar.plugins.module_utils._mirror.contents import check_contents, parse_os_release
from ansible_collections.kindling.flatcar.plugins.module_utils._mirror.errors import StorageError, VerificationError
from ansible_collections.kindling.flatcar.plugins.module_utils._mirror.release import Channel, Target, Version
from hypothesis import given, settings
from hypothesis import strategies as st
from release_server import make_cpio, make_kernel, make_pxe_image, make_squashfs, make_usr

VERSION = "4593.2.5"


@pytest.fixture
def write(tmp_path):
    def write_one(content: bytes, name: str = "file") -> pathlib.Path:
        (tmp_path / name).write_bytes(content)
        return tmp_path / name

    return write_one


# The initrd --------------------------------------------------------------------------------------------------------

USR = os.urandom(1_500_001)
ONE = make_cpio({".": b"", "etc": b"", "usr.squashfs": USR})
OTHER = make_cpio({"init": b"#!/bin/sh\n"})

INITRDS = {
    "one archive, packed": gzip.compress(ONE, 1),
    "one archive, plain": ONE,
    "with a leading ./": make_cpio({"./usr.squashfs": USR}),
    "packed, then plain": gzip.compress(OTHER) + b"\0" * 3 + ONE,
    "plain, then packed": OTHER + gzip.compress(ONE, 1) + b"\0" * 513,
    "two archives packed in one": gzip.compress(OTHER + ONE),
}


@pytest.mark.parametrize("name", INITRDS)
def test_a_file_is_taken_out_of_an_initrd(name, write, tmp_path):
    initrd.unpack(write(INITRDS[name]), "usr.squashfs", tmp_path / "out")
    assert (tmp_path / "out").read_bytes() == USR


BAD_INITRDS = {
    "none": (make_cpio({"init": b""}), "holds 0 files"),
    "empty": (b"", "holds 0 files"),
    "twice": (ONE + ONE, "holds 2 files"),
    "cut": (ONE[:1_000_000], "ends in the middle"),
    "cut and packed": (gzip.compress(ONE)[:-100_000], "ends too early"),
    "damaged": (gzip.compress(ONE)[:1000] + b"\xff" * 1000, "damaged|ends"),
    "another compression": (b"\x28\xb5\x2f\xfd" + bytes(100), "neither cpio nor gzip"),
    "packed twice": (gzip.compress(gzip.compress(ONE)), "neither cpio nor gzip"),
    "no numbers": (b"070701" + b"z" * 200, "not a cpio archive"),
    "a name without end": (b"070701" + b"0" * 88 + b"FFFFFFFF" + b"0" * 200, "not a cpio archive"),
    "files without end": (b"".join(make_cpio({str(n): b""})[:116] for n in range(10)) * 2000, "not a cpio|more than"),
}


@pytest.mark.parametrize("name", BAD_INITRDS)
def test_what_is_no_initrd_is_refused(name, write, tmp_path):
    content, words = BAD_INITRDS[name]
    with pytest.raises(VerificationError, match=words):
        initrd.unpack(write(content), "usr.squashfs", tmp_path / "out")


def test_a_bomb_is_given_up(write, tmp_path, monkeypatch):
    monkeypatch.setattr(initrd, "_LARGEST", 8 << 20)
    bomb = gzip.compress(make_cpio({"usr.squashfs": bytes(64 << 20)}))
    assert len(bomb) < 1 << 17
    with pytest.raises(VerificationError, match="larger than"):
        initrd.unpack(write(bomb), "usr.squashfs", tmp_path / "out")
    assert (tmp_path / "out").stat().st_size <= 8 << 20


@given(st.binary(max_size=400), st.booleans(), st.integers(0, 300))
@settings(max_examples=200, deadline=None)
def test_any_bytes_are_either_read_or_refused(tmp_path_factory, content, packed, cut):
    place = tmp_path_factory.getbasetemp() / "any"
    place.write_bytes(gzip.compress(content) if packed else make_cpio({"usr.squashfs": content})[:cut] + content)
    with contextlib.suppress(VerificationError):
        initrd.unpack(place, "usr.squashfs", place.with_name("any-out"))


# The kernel --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("board", ["amd64-usr", "arm64-usr"])
def test_a_kernel_tells_its_board_and_version(board, write):
    kernel = kernel_file.read_kernel(write(make_kernel(board, "6.12.102-flatcar")))
    assert kernel == kernel_file.Kernel(board, "6.12.102-flatcar")


@pytest.mark.parametrize("at", [(1 << 20) - 20, (2 << 20) - 1, 3 << 20])
def test_a_banner_is_found_where_it_is_read_in_two_pieces(at, write):
    content = bytearray(4 << 20)
    content[0x38:0x3C] = b"ARM\x64"
    banner = b"Linux version 6.6.150-flatcar (build@x) "
    content[at : at + len(banner)] = banner
    assert kernel_file.read_kernel(write(bytes(content))).version == "6.6.150-flatcar"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "neither an amd64 kernel"),
        (b"MZ" + bytes(100_000), "neither an amd64 kernel"),
        (bytes(0x202) + b"HdrS" + bytes(100_000), "a kernel without a version"),
        (bytes(0x202) + b"HdrS" + bytes(8) + b"\xff\xff", "a kernel without a version"),
        (bytes(0x38) + b"ARM\x64" + bytes(100_000), "a kernel without a version"),
    ],
)
def test_what_is_no_kernel_is_refused(content, words, write):
    with pytest.raises(VerificationError, match=words):
        kernel_file.read_kernel(write(content))


# The squashfs ------------------------------------------------------------------------------------------------------


def test_a_squashfs_is_read(write):
    image = write(make_usr(VERSION, "amd64-usr"))
    assert b"VERSION_ID=4593.2.5\n" in squashfs.read_file(image, "lib/os-release")
    assert squashfs.list_directory(image, "lib/modules") == ["6.12.102-flatcar"]
    assert squashfs.list_directory(image, "lib/firmware") == []


def test_too_long_a_file_is_refused(write):
    image = write(make_squashfs({"lib/os-release": bytes(100 << 20)}))
    assert image.stat().st_size < 1 << 20
    with pytest.raises(VerificationError, match="more to read than"):
        squashfs.read_file(image, "lib/os-release")


def test_an_unsquashfs_that_hangs_is_ended(write, tmp_path, monkeypatch):
    program = tmp_path / "bin/unsquashfs"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\nexec tail -f /dev/null\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    monkeypatch.setattr(squashfs, "_SECONDS", 0.2)
    with pytest.raises(VerificationError, match="cannot be read"):
        squashfs.read_file(write(b""), "lib/os-release")


# All of it ---------------------------------------------------------------------------------------------------------


def check(tmp_path, kernel: bytes, pxe_image: bytes, board: str = "amd64-usr") -> str:
    for name, content in (("kernel", kernel), ("image", pxe_image)):
        (tmp_path / name).write_bytes(content)
    target = Target(board, Channel("stable"), Version.parse(VERSION), install=False)
    return check_contents(target, tmp_path / "kernel", tmp_path / "image", tmp_path)


@pytest.mark.parametrize("board", ["amd64-usr", "arm64-usr"])
def test_a_release_is_what_it_says(board, tmp_path):
    assert check(tmp_path, make_kernel(board), make_pxe_image(make_usr(VERSION, board)), board) == "6.12.102-flatcar"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["image", "kernel"]


def test_all_that_is_wrong_is_said_at_once(tmp_path):
    usr = make_squashfs({"lib/os-release": b"ID=debian\nVERSION_ID='4593.2.4'\nFLATCAR_BOARD=\"arm64-usr\"\n"})
    with pytest.raises(VerificationError) as caught:
        check(tmp_path, make_kernel("arm64-usr"), make_pxe_image(usr))
    for words in (
        "ID='debian'",
        "VERSION_ID='4593.2.4'",
        "FLATCAR_BOARD='arm64-usr'",
        "is a kernel for arm64",
        "of none",
    ):
        assert words in str(caught.value)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["image", "kernel"]


def test_no_room_to_unpack_is_said(tmp_path, monkeypatch):
    def full(*_arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("ansible_collections.kindling.flatcar.plugins.module_utils._mirror.contents.unpack", full)
    target = Target("amd64-usr", Channel("stable"), Version.parse(VERSION), install=False)
    with pytest.raises(StorageError, match=r"No space left on device while .* was unpacked"):
        check_contents(target, tmp_path / "kernel", tmp_path / "image", tmp_path)


def test_os_release_is_parsed_and_never_run():
    text = '# x\nA=1\nB="two words"\nC=\'$(reboot)\'\nD="open\nE=\nnothing\n'
    assert parse_os_release(text) == {"A": "1", "B": "two words", "C": "$(reboot)", "E": ""}
