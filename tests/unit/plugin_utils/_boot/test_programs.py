"""Boot programs: which file goes to which firmware, and what is said where there is none."""

from __future__ import annotations

import hashlib
import struct

import pytest
from ansible_collections.kindling.flatcar.plugins.plugin_utils._boot.programs import (
    BIOS,
    EFI_ARM64,
    EFI_X64,
    ProgramError,
    architecture_of,
    boot_table,
    choices_of,
    read_programs,
    tag_of,
)
from ansible_collections.kindling.flatcar.plugins.plugin_utils._node import read_node

DEFAULTS = {"bios": "undionly.kpxe", "efi-x64": "snponly.efi", "efi-arm64": "ipxe-arm64.efi"}


def uefi(machine):
    """A program of nothing but its headers."""
    return b"MZ".ljust(0x3C, b"\0") + struct.pack("<I", 0x40) + struct.pack("<4sH", b"PE\0\0", machine)


def own(path, data):
    path.write_bytes(data)
    return {"file": str(path), "sha256": hashlib.sha256(data).hexdigest()}


def node(name="n1", **variables):
    place = {"flatcar_rack": "a", "flatcar_mac": "52:54:00:00:00:0b", "flatcar_address": "10.1.0.11"}
    found, problems = read_node(name, place | variables)
    assert problems == []
    return found


def given(table, architecture, *tags):
    """The files that a machine with these tags would be given: rows whose conditions it meets."""
    (found,) = [entry for entry in table if entry["tag"] == architecture]
    return [
        row["file"]
        for row in found["programs"]
        if all((tag[1:] not in tags) if tag.startswith("!") else (tag in tags) for tag in row["tags"])
    ]


@pytest.mark.parametrize(
    ("architecture", "choice", "file"),
    [
        ("bios", None, "undionly.kpxe"),
        ("bios", "undionly", "undionly.kpxe"),
        ("bios", "ipxe", "ipxe.pxe"),
        ("bios", "snponly", "undionly.kpxe"),
        ("efi-x64", None, "snponly.efi"),
        ("efi-x64", "snponly", "snponly.efi"),
        ("efi-x64", "ipxe", "ipxe.efi"),
        ("efi-x64", "undionly", "snponly.efi"),
        ("efi-arm64", None, "ipxe-arm64.efi"),
        ("efi-arm64", "ipxe", "ipxe-arm64.efi"),
        ("efi-ia32", None, "ia32-uefi-is-not-supported.efi"),
    ],
)
def test_every_choice_gives_one_program(architecture, choice, file):
    assert given(boot_table(DEFAULTS, []), architecture, *filter(None, [tag_of(choice)])) == [file]


def test_a_choice_is_a_tag_of_the_machines_that_make_it():
    both = node("n2", flatcar_mac=["52:54:00:00:00:0d", "52:54:00:00:00:0c"], flatcar_boot_program="ipxe")
    assert choices_of([node(), both]) == {"program-ipxe": ["52:54:00:00:00:0c", "52:54:00:00:00:0d"]}


def test_a_kind_of_firmware_without_a_program_is_given_none():
    assert given(boot_table({"bios": "undionly.kpxe"}, []), "efi-arm64") == []


def test_a_file_of_the_operators_goes_to_the_firmware_that_it_runs_on(tmp_path):
    choice = own(tmp_path / "my iPXE, patched.efi", uefi(0x8664))
    (program,), problems = read_programs([node(flatcar_boot_program=choice)], None, 12)
    assert problems == []
    assert (program.architecture, program.name) == (EFI_X64, f"{choice['sha256'][:16]}.efi")
    table = boot_table(DEFAULTS, [program.printable()])
    assert given(table, "efi-x64", tag_of(choice)) == [program.name]
    assert given(table, "bios", tag_of(choice)) == ["undionly.kpxe"]
    assert given(table, "efi-x64") == ["snponly.efi"]


def test_a_file_is_read_once_and_found_below_the_files_directory(tmp_path):
    choice = own(tmp_path / "x.efi", uefi(0x8664)) | {"file": "x.efi"}
    nodes = [node(name, flatcar_boot_program=choice) for name in ("n1", "n2")]
    programs, problems = read_programs(nodes, str(tmp_path), None)
    assert [program.path for program in programs] == [str(tmp_path / "x.efi")]
    assert problems == []


@pytest.mark.parametrize(
    ("data", "architecture"),
    [(b"\xea\x05\0", BIOS), (b"", BIOS), (uefi(0x8664), EFI_X64), (uefi(0xAA64), EFI_ARM64)],
)
def test_what_a_program_runs_on_is_read_from_it(data, architecture):
    assert architecture_of(data) is architecture


@pytest.mark.parametrize("data", [b"MZ", uefi(0x8664)[:-1], uefi(0x1234), b"MZ".ljust(200, b"\0")])
def test_a_broken_program_is_refused(data):
    with pytest.raises(ProgramError):
        architecture_of(data)


def messages(*nodes, files_dir=None, debian=None):
    return [(problem.subject, problem.path, problem.message) for problem in read_programs(nodes, files_dir, debian)[1]]


def test_a_changed_file_is_refused(tmp_path):
    choice = own(tmp_path / "x.efi", uefi(0x8664))
    (tmp_path / "x.efi").write_bytes(uefi(0xAA64))
    ((subject, path, message),) = messages(node(flatcar_boot_program=choice))
    assert (subject, path) == ("n1", "flatcar_boot_program")
    assert message.endswith("it is a different file, or it was changed")


def test_a_missing_file_and_a_relative_one_say_what_to_do(tmp_path):
    choice = {"file": "x.efi", "sha256": "0" * 64}
    assert "needs fleet_files_dir, which is not set" in messages(node(flatcar_boot_program=choice))[0][2]
    (found,) = messages(node(flatcar_boot_program=choice), files_dir=str(tmp_path))
    assert found[2] == f"{tmp_path}/x.efi cannot be read on the controller: No such file or directory"


def test_a_program_for_another_machine_is_refused(tmp_path):
    choice = own(tmp_path / "x.efi", uefi(0xAA64))
    (found,) = messages(node(flatcar_boot_program=choice))
    assert found[2] == f"{tmp_path}/x.efi is for efi-arm64, but the machine is amd64-usr"


ARM = {"flatcar_board": "arm64-usr", "flatcar_boot_mode": "ram"}


def test_debian_12_has_nothing_for_arm64_and_the_ways_out_are_named():
    ((_, path, message),) = messages(node(**ARM), debian=12)
    assert path == "flatcar_boot_program"
    assert "Use a boot host with Debian 13, or give the machine a file of your own" in message


def test_the_ways_out_are_ways_out(tmp_path):
    choice = own(tmp_path / "x.efi", uefi(0xAA64))
    assert messages(node(**ARM), debian=13) == []
    assert messages(node(**ARM), debian=None) == []
    assert messages(node(**ARM, flatcar_boot_program=choice), debian=12) == []
    assert messages(node(flatcar_board="arm64-usr"), debian=12) == []
