"""What the install script finds out before it writes: of the disk, of other disks, of the image; and what it finds afterwards."""

from __future__ import annotations

import pathlib
import re
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))

from machine import LABELS, USR_A, another_key, ext4, noise
from test_build import TOKEN
from test_install_script import WRITTEN, failure, stages

pytestmark = pytest.mark.slow

MIB = 1024**2
IMAGE = "flatcar_production_image.bin.bz2"


def done(machine):
    """Runs the script, which has to install; what it said."""
    ran = machine.run()
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


def call(machine):
    (event,) = [event for event in machine.boot_host.events if event.startswith(WRITTEN)]
    return event


# --- the image -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda m: m.boot_host.files.pop(IMAGE), f"image: .*/{IMAGE} cannot be fetched"),
        (lambda m: m.boot_host.files.pop(f"{IMAGE}.sig"), f"image: .*/{IMAGE}.sig cannot be fetched"),
        (lambda m: m.boot_host.files.update({f"{IMAGE}.sig": b"none"}), "image: .* is no signature by any key"),
        (lambda m: (m.install / "key.asc").write_text("the key\n"), "image: gpg does not take the key"),
        (lambda m: (m.install / "key.asc").write_text(another_key()), "image: .* is no signature by any key"),
        (lambda m: (m.bin / "flatcar-install").unlink(), "programs: .* has no flatcar-install"),
    ],
)
def test_what_flatcar_install_would_stumble_over_is_found_before_anything_is_written(machine, spoil, message):
    one = machine()
    spoil(one)
    assert re.match(message, failure(one))


# --- names of the disk -------------------------------------------------------------------------------------------------------


def test_a_disk_with_two_names_that_begin_alike_is_installed(machine, boot_host):
    """As udev names an NVMe disk: LTS 4081 finds its partition OEM twice then, once it is written."""
    one = machine()
    (one.by_id / "ata-DISK_1_1").symlink_to(one.disk)
    done(one)
    assert call(one).startswith(f"{WRITTEN} {one.disk} ")


def test_a_name_that_begins_another_disks_name_is_not_used(machine, boot_host):
    one = machine()
    one.add_disk("sdaa", "ata-OTHER")
    done(one)
    assert call(one).startswith(f"{WRITTEN} {one.by_id}/ata-DISK_1 ")


def test_of_the_names_of_a_disk_one_is_used_that_begins_no_other(machine):
    one = machine()
    one.add_disk("sdaa", "ata-DISK_10")
    (one.by_id / "wwn-0x5000").symlink_to(one.disk)
    done(one)
    assert call(one).startswith(f"{WRITTEN} {one.by_id}/wwn-0x5000 ")


def test_where_every_name_begins_another_one_nothing_is_written(machine):
    one = machine()
    one.add_disk("sdaa", "ata-DISK_10")
    assert failure(one).startswith(f"disk: every name of {one.by_id}/ata-DISK_1 is the beginning of another")


@pytest.mark.parametrize("columns", [{"SERIAL": "S1"}, {"SERIAL": "S2"}])
def test_a_name_that_means_another_disk_by_now_is_not_written(machine, columns):
    one = machine()
    other = one.add_disk("sdb", "ata-OTHER", **columns)
    one.program("gpg", f'#!/bin/sh\nln -sfn {other} {one.by_id}/ata-DISK_1\nPATH=${{PATH#*:}} exec gpg "$@"\n')
    assert "is another disk by now than the one that was checked" in failure(one)


def test_a_disk_of_many_paths_keeps_its_name(machine):
    """The partitions of a multipath device have names that do not begin with the kernel's of the device."""
    one = machine()
    one.rows[0]["TYPE"] = "mpath"
    done(one)
    assert call(one).startswith(f"{WRITTEN} {one.by_id}/ata-DISK_1 ")


# --- other disks with Flatcar ------------------------------------------------------------------------------------------------

MARKS = {
    "a partition EFI-SYSTEM": {"label": "EFI-SYSTEM"},
    "the PARTUUID of USR-A": {"label": "x", "PARTUUID": USR_A},
    "the type of USR-B": {"label": "x", "PARTTYPE": "5dfbf5f4-2848-4bac-aa5e-0d9a20b745a6"},
    "a label ROOT": {"label": "x", "write": lambda device: ext4(device, "ROOT")},
}


@pytest.mark.parametrize("mark", MARKS)
def test_another_disk_with_flatcar_is_refused_by_name(machine, mark):
    one = machine()
    other = one.add_disk("sdb", "usb-STICK_7", MODEL="Stick", SERIAL="S7")
    part = one.partition(**MARKS[mark], disk=other)
    message = failure(one)
    assert message.startswith("other disks: Flatcar is on another disk too")
    assert f"{other} (Stick S7, {one.by_id}/usb-STICK_7): {part} is " in message
    assert "set flatcar_other_flatcar_disks: allow" in message


def test_all_that_is_flatcars_on_another_disk_is_named(machine):
    one = machine()
    one.flatcar(one.add_disk("sdb", "ata-OTHER"))
    message = failure(one)
    assert all(f"/sdb{number} is called {label}" in message for number, label in LABELS.items())


def test_a_disk_without_partitions_that_is_labelled_so_is_refused(machine):
    one = machine()
    ext4(one.add_disk("sdb", "ata-OTHER"), "OEM")
    assert "/sdb is labelled OEM" in failure(one)


def test_a_volume_on_other_disks_that_is_labelled_so_is_refused_with_its_disk(machine):
    one = machine()
    other = one.add_disk("sdb", "ata-OTHER")
    volume = one.partition("", lambda device: ext4(device, "ROOT"), kind="lvm", disk=one.partition("pv", disk=other))
    assert f"{other} ({one.by_id}/ata-OTHER): {volume} is labelled ROOT" in failure(one)


def test_it_is_installed_beside_another_flatcar_where_the_node_says_so(machine):
    one = machine(flatcar_other_flatcar_disks="allow")
    one.flatcar(one.add_disk("sdb", "ata-OTHER"))
    assert "flatcar_other_flatcar_disks is allow: " in done(one)


def test_disks_with_other_data_are_no_flatcar(machine):
    one = machine()
    one.partition("ROOT2", ext4, disk=one.add_disk("sdb", "ata-OTHER"))
    ext4(one.add_disk("loop0", "x"), "usr")
    done(one)


def test_the_paths_to_the_disk_are_no_other_disks(machine):
    one = machine()
    path = one.add_disk("sdb", "ata-PATH")
    one.partition("OEM", disk=path)
    one.rows[0]["ON"] = [str(path)]
    one.rows[0]["TYPE"] = "mpath"
    done(one)


def test_what_the_config_itself_calls_so_on_another_disk_is_its_own(machine):
    one = machine(flatcar_filesystems=[{"device": "/dev/disk/by-id/ata-DATA_2", "format": "ext4", "label": "ROOT"}])
    ext4(one.add_disk("sdb", "ata-DATA_2"), "ROOT")
    done(one)


@pytest.mark.parametrize("finds", ["glob", "cache"])
def test_the_config_gets_onto_the_disk_itself_whatever_blkid_remembers(machine, finds):
    """Since October 2024, flatcar-install takes what comes first in blkid's cache."""
    one = machine(flatcar_other_flatcar_disks="allow")
    other = one.add_disk("sdb", "ata-OTHER")
    one.flatcar(other)
    one.finds = finds
    one.cache.write_text(f"{other}6")
    done(one)
    own, others = (one.files_of(disk.with_name(f"{disk.name}6")) / "config.ign" for disk in (one.disk, other))
    assert own.read_bytes() == (one.install / "config.ign").read_bytes()
    assert not others.exists()


# --- what is on the disk --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("at", [0, 15 * MIB, 6 * 1024 * MIB, 12 * 1024 * MIB - MIB])
def test_a_disk_that_nobody_recognizes_is_refused_unless_it_is_empty(machine, at):
    one = machine()
    noise(one.disk, at=at)
    assert "/ata-DISK_1 has no signature, but is not empty; to lose it, set flatcar_wipe: any" in failure(one)


def test_what_nobody_recognizes_is_lost_where_the_node_says_so(machine):
    one = machine(flatcar_wipe="any")
    noise(one.disk)
    assert "has no signature, but is not empty" in done(one)


def test_what_an_earlier_installation_has_left_is_no_foreign_data(machine):
    one = machine()
    noise(one.disk, size=MIB)
    one.set(half_written="yes")
    done(one)


def test_what_has_a_signature_is_foreign_to_a_half_written_disk_too(machine):
    one = machine()
    ext4(one.disk)
    one.set(half_written="yes")
    assert "has ext4" in failure(one)


def test_a_disk_full_of_ones_is_empty(machine):
    one = machine()
    for at in (0, 12 * 1024 * MIB - 16 * MIB, 6 * 1024 * MIB):
        with one.disk.open("r+b") as file:
            file.seek(at)
            file.write(b"\xff" * 16 * MIB)
    done(one)


def test_what_lies_between_the_partitions_of_a_flatcar_is_not_foreign(machine):
    one = machine()
    one.flatcar()
    noise(one.disk, at=MIB, size=MIB)
    done(one)


@pytest.mark.parametrize("program", ["dd", "tr", "wc"])
def test_a_disk_that_cannot_be_looked_at_is_not_empty(machine, program):
    one = machine()
    one.program(program, "#!/bin/sh\nexit 1\n")
    one.run()
    assert not any(event.startswith(WRITTEN) for event in one.boot_host.events)


# --- the boot entry ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("wished", "efi", "made"), [(True, True, True), (True, False, False), (False, True, False)])
def test_a_boot_entry_is_made_where_the_node_says_so_and_the_firmware_has_any(machine, wished, efi, made):
    one = machine(flatcar_install_boot_entry=wished)
    one.program("efibootmgr", "#!/bin/sh\n")
    if efi:
        (one.home / "efi").mkdir()
    done(one)
    assert call(one).endswith(" -u") == made


# --- the disk remembers ----------------------------------------------------------------------------------------------------------


def own_config(machine, mark=None):
    """Puts the order's own config onto an earlier Flatcar."""
    machine.flatcar()
    files = machine.files_of(machine.dev / "sda6")
    (files / "config.ign").write_bytes((machine.install / "config.ign").read_bytes())
    if mark:
        (files / "kindling-complete").write_text(f"{mark}\n")


def test_an_order_that_was_carried_out_is_not_carried_out_again(machine, boot_host):
    """As when the boot host comes back from an older state."""
    one = machine()
    done(one)
    before = one.untouched()
    ext4(one.dev / "sda6")
    boot_host.events.clear()
    assert "written by this very order already, and whole: nothing is written" in done(one)
    assert boot_host.events == ["installed", "systemctl --no-block reboot"]
    assert one.untouched() == before


@pytest.mark.parametrize("mark", [None, "0" * 128])
def test_an_order_that_may_have_been_carried_out_in_part_is_not_carried_out_again(machine, mark):
    one = machine()
    own_config(one, mark)
    message = failure(one)
    assert message.startswith("memory: ")
    assert "playbooks/install.yml --limit n1 -e install_again=true" in message


@pytest.mark.parametrize(
    "change",
    [
        lambda m: (m.files_of(m.dev / "sda6") / "config.ign").write_text("{}"),
        lambda m: (m.files_of(m.dev / "sda6") / "config.ign").unlink(),
        lambda m: m.exits.update(mount=0) or m.files_of(m.dev / "sda6").rename(m.dev / "away"),
    ],
)
def test_a_disk_with_another_order_or_none_is_installed(machine, change):
    one = machine()
    own_config(one)
    change(one)
    done(one)


def test_another_disk_with_this_order_is_no_memory_of_this_one(machine):
    one = machine(flatcar_other_flatcar_disks="allow")
    other = one.add_disk("sdb", "ata-OTHER")
    one.flatcar(other)
    (one.files_of(one.dev / "sdb6") / "config.ign").write_bytes((one.install / "config.ign").read_bytes())
    done(one)
    assert call(one)


def test_the_disk_gets_a_mark_once_all_of_it_is_there(machine):
    one = machine()
    done(one)
    mark = one.files_of(one.dev / "sda6") / "kindling-complete"
    assert mark.read_text().strip() == one.digest()
    assert mark.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        ("echo '{}' > DEV/sda6.files/config.ign", "is not this machine's config"),
        ("rm DEV/sda6.files/config.ign", "is not this machine's config"),
        ("rm -r DEV/sda6.files", "cannot be mounted after flatcar-install"),
        ("sed -i \"s/'OEM'/'XXX'/; s/'PARTN': '6'/'PARTN': '5'/\" $MACHINE", "has no partition OEM"),
    ],
)
def test_a_disk_that_has_not_got_the_config_is_not_installed_whatever_flatcar_install_says(machine, spoil, message):
    one = machine()
    (one.bin / "flatcar-install").rename(one.bin / "really")
    one.program("flatcar-install", f'#!/bin/sh\n"{one.bin}/really" "$@"\n{spoil.replace("DEV", str(one.dev))}\n')
    assert one.run().returncode == 1
    assert stages(one.boot_host) == ["started", "flatcar-install", "failed"]
    said = one.boot_host.reports[TOKEN, "failed"]["message"]
    assert said.startswith("verify: ")
    assert message in said
    assert said.endswith("; the disk is half-written")
    assert not (one.files_of(one.dev / "sda6") / "kindling-complete").exists()
