"""The stand-in release looks like one of Flatcar's."""

from __future__ import annotations

import gzip
import hashlib
from pathlib import Path

import pytest
from ansible_collections.kindling.flatcar.plugins.module_utils._mirror.contents import check_contents
from ansible_collections.kindling.flatcar.plugins.module_utils._mirror.release import Channel, Target, Version
from virtual_rack import bmc, node_image, rack, release, system
from virtual_rack.system import LabError


@pytest.mark.parametrize(
    ("version", "channel"), [("9999.2.0", "stable"), ("4757.1.0", "beta"), ("4790.0.12", "alpha"), ("4081.3.10", "lts")]
)
def test_the_middle_number_is_the_channel(version, channel):
    assert release.channel_of(version) == channel


@pytest.mark.parametrize("version", ["current", "9999.4.0", "9999.2", "9999.2.0/..", "9999.2.0\n", ""])
def test_other_versions_are_refused(version):
    with pytest.raises(LabError):
        release.channel_of(version)


def test_digests_have_flatcars_six_lines(tmp_path: Path):
    file = tmp_path / "version.txt"
    file.write_text("text")
    lines = release.digests(file).splitlines()
    assert lines[::2] == ["# MD5 HASH", "# SHA1 HASH", "# SHA512 HASH"]
    assert lines[5] == f"{hashlib.sha512(b'text').hexdigest()}  version.txt"
    assert len(lines) == 6


def test_version_txt_and_os_release_name_the_version():
    assert "FLATCAR_VERSION=9999.2.7\n" in release.version_txt("9999.2.7")
    assert 'FLATCAR_BUILD_ID="standin"\n' in release.version_txt("9999.2.7")
    assert "\nVERSION_ID=9999.2.7\n" in release.os_release("9999.2.7")


def test_the_release_is_what_the_role_wants_it_to_be(tmp_path: Path):
    """The stand-in's kernel, and its /usr as the release changes it, in its initrd of two archives."""
    kernel, tree = bytearray(8192), tmp_path / "tree"
    kernel[0x202:0x206] = b"HdrS"
    kernel[0x20E:0x210] = (0x800).to_bytes(2, "little")
    kernel[0xA00:0xA20] = b"6.1.0-57-cloud-amd64 (debian) #1"
    (tmp_path / "vmlinuz").write_bytes(kernel)
    (tree / "usr/lib").mkdir(parents=True)
    (tree / "usr/lib/os-release").write_text("# replaced at boot")
    system.run("mksquashfs", tree, tmp_path / "usr.squashfs", "-quiet", "-no-progress")
    work = tmp_path / "work"
    work.mkdir()
    linux = release.kernel_version(tmp_path / "vmlinuz")
    usr = release.say_what_it_is(work, tmp_path / "usr.squashfs", "9999.2.7", linux)
    with (tmp_path / "minimal").open("wb") as minimal:
        minimal.write(gzip.compress(b"070701" + b"0" * 88 + b"0000000B" + b"0" * 8 + b"TRAILER!!!\0\0\0\0") + b"\0" * 3)
    system.run("cpio", "--quiet", "-o", "-H", "newc", "-D", work, "-F", tmp_path / "usr.cpio", input=f"{usr.name}\n")
    release.join(tmp_path / "initrd", tmp_path / "minimal", tmp_path / "usr.cpio")
    target = Target("amd64-usr", Channel("stable"), Version.parse("9999.2.7"), install=False)
    assert check_contents(target, tmp_path / "vmlinuz", tmp_path / "initrd", tmp_path) == "6.1.0-57-cloud-amd64"


def test_the_node_images_name_depends_on_the_mirror_too():
    assert node_image.digest("a", "") != node_image.digest("b", "")
    assert "ignition" in node_image.packages()


def test_every_package_has_a_reason():
    listed = system.packages()
    assert "podman" in listed
    assert [name for name, why in listed.items() if not why or " " in name] == []


@pytest.mark.parametrize("name", ["demo", "r1", "a-b", "x" * 32])
def test_names_of_racks(name):
    rack.check_name(name)


@pytest.mark.parametrize("name", ["", "A", "a b", "-a", "a-", "a.nics", "../x", "release", "x" * 33])
def test_names_that_no_rack_can_have(name):
    with pytest.raises(LabError):
        rack.check_name(name)


@pytest.mark.parametrize("address", ["10.89.77.1", "10.89.77.255", "10.89.78.2", "demo", "fd77::1"])
def test_addresses_that_no_boot_host_can_have(address):
    with pytest.raises(LabError):
        rack.check_address(address)


def test_a_boot_host_has_the_same_network_card_each_time_it_is_made():
    assert rack.card_address("10.89.77.10") == "52:54:0a:59:4d:0a"


def frame(mac: bytes, before: bytes = b"") -> bytes:
    return b"\xff" * 6 + bytes(6) + b"\x08\x00" + before + b"\xff" * 6 + mac * 16


MAC = bytes.fromhex("525400770011")


@pytest.mark.parametrize("heard", [frame(MAC), frame(MAC, b"\xff" * 9), frame(MAC) + b"password"])
def test_a_magic_packet_is_found_wherever_it_lies(heard):
    assert bmc.magic_mac(heard) == "52:54:00:77:00:11"


@pytest.mark.parametrize("heard", [b"", frame(MAC)[:-1], frame(MAC).replace(MAC, MAC[::-1], 1), b"\xff" * 64])
def test_other_frames_wake_nobody(heard):
    assert bmc.magic_mac(heard) is None
