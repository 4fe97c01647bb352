"""The disks that a node's config changes at its first start: what the install script is told of them, and what it refuses."""

from __future__ import annotations

import json
import pathlib
import sys

import pytest
from ansible_collections.kindling.flatcar.plugins.plugin_utils._install.data_disks import data_lines
from ansible_collections.kindling.flatcar.plugins.plugin_utils._publish.config import build_config

sys.path.insert(0, str(pathlib.Path(__file__).parent))

from machine import ext4, luks, noise, partition_table, raid_member, swap
from test_build import DISK, build, conf, config_of, files, node
from test_install_script import failure

DATA = "/dev/disk/by-id/ata-DATA_2"
MORE = "/dev/disk/by-id/ata-MORE_3"
LABEL = "/dev/disk/by-partlabel/data"


def table(wipe=False, device=DATA, **partition):
    return {
        "flatcar_disks": [{"device": device, "wipe": wipe, "partitions": [{"number": 1, "label": "data"} | partition]}]
    }


def filesystem(device=DATA, **options):
    return {"flatcar_filesystems": [{"device": device, "format": "ext4", **options}]}


def told(**variables):
    one = node(**variables)
    return ["=".join(line) for line in data_lines(one, config_of(one))]


# --- what the script is told -----------------------------------------------------------------------------------------------


def test_the_installer_has_the_lines():
    made = build(node(**table()))
    lines = conf(files(json.loads(made.config))["/etc/kindling/install/install.conf"][1])
    assert lines[-2:] == [("data", f"table|no|no||{DATA}"), ("part", f"1|no|data|{DATA}")]
    assert files(json.loads(made.config))["/opt/kindling/kindling-disks.sh"][0] == 0o755


RAID = {"flatcar_raid": [{"name": "r", "level": "raid1", "devices": [DATA, MORE]}]}


def butane(**storage):
    return {"flatcar_butane": {"storage": storage}}


@pytest.mark.parametrize(
    ("variables", "lines"),
    [
        ({}, []),
        (table(wipe=True), [f"data=table|yes|no||{DATA}", f"part=1|yes|data|{DATA}"]),
        (filesystem(label="d"), [f"data=ext4|no|no|d|{DATA}"]),
        (filesystem(wipe=True), [f"data=ext4|yes|no||{DATA}"]),
        ({"flatcar_swap": DATA}, [f"data=swap|no|no||{DATA}"]),
        (RAID, [f"data=linux_raid_member|no|no|r|{DATA}", f"data=linux_raid_member|no|no|r|{MORE}"]),
        (
            {"flatcar_luks": [{"name": "l", "device": DATA, "key": "k"}]},
            [f"data=crypto_LUKS|no|no||{DATA}"],
        ),
        # What is on a partition of a disk whose table is wiped may be lost as well
        (
            table(wipe=True) | filesystem(LABEL),
            [f"data=table|yes|no||{DATA}", f"part=1|yes|data|{DATA}", f"data=ext4|yes|yes||{LABEL}"],
        ),
        (
            table() | filesystem(f"{DATA}-part1"),
            [f"data=table|no|no||{DATA}", f"part=1|no|data|{DATA}", f"data=ext4|no|yes||{DATA}-part1"],
        ),
        (filesystem(f"{DATA}-part2"), [f"data=ext4|no|no||{DATA}-part2"]),
        (
            RAID | filesystem("/dev/md/r"),
            [
                f"data=linux_raid_member|no|no|r|{DATA}",
                f"data=linux_raid_member|no|no|r|{MORE}",
                "data=ext4|no|yes||/dev/md/r",
            ],
        ),
        (
            RAID | {"flatcar_disks": [{"device": one, "wipe": True} for one in (DATA, MORE)]},
            [
                f"data=table|yes|no||{DATA}",
                f"data=table|yes|no||{MORE}",
                f"data=linux_raid_member|yes|no|r|{DATA}",
                f"data=linux_raid_member|yes|no|r|{MORE}",
            ],
        ),
        (
            butane(
                disks=[{"device": DATA, "partitions": [{"number": 3, "label": "x", "wipe_partition_entry": True}]}],
                filesystems=[{"device": "/dev/disk/by-partlabel/x", "format": "xfs"}],
            ),
            [f"data=table|no|no||{DATA}", f"part=3|yes|x|{DATA}", "data=xfs|yes|yes||/dev/disk/by-partlabel/x"],
        ),
        # The disk that is installed to is written over as a whole
        (filesystem("/dev/disk/by-partlabel/ROOT"), []),
        (
            table(device=DISK, number=10) | filesystem(LABEL),
            [f"data=table|no|no||{DISK}", f"part=10|no|data|{DISK}"],
        ),
    ],
)
def test_what_a_config_does_to_other_disks(variables, lines):
    assert told(**variables) == lines


def test_a_label_that_a_line_cannot_have_is_refused():
    with pytest.raises(AssertionError, match="expected a label of at most 16 characters"):
        told(**filesystem(label="a|b"))
    fragment = {"storage": {"filesystems": [{"device": DATA, "format": "ext4", "label": "a|b"}]}}
    _, (problem,) = build_config(node(flatcar_butane=fragment))
    assert problem.path == "flatcar_butane: $.storage.filesystems.0.label"


# --- what it refuses ---------------------------------------------------------------------------------------------------------


def data_disk(machine):
    return machine.add_disk("sdb", "ata-DATA_2")


def own_partition(machine, write=None, label="data"):
    """As the config has made it before."""
    disk = data_disk(machine)
    partition_table(disk)
    part = machine.partition(label, write, disk=disk)
    links = machine.by_id.parent / "by-partlabel"
    links.mkdir()
    (links / label).symlink_to(part)
    return part


def both(machine, write):
    write(data_disk(machine))
    write(machine.add_disk("sdc", "ata-MORE_3"))


def _link(machine, label, number):
    (machine.by_id.with_name("by-partlabel") / label).symlink_to(f"{machine.disk}{number}")


LUKS = {"flatcar_luks": [{"name": "l", "device": DATA, "key": "k"}]}
FOREIGN = {
    "a file system where a table is made": (table(), lambda m: ext4(data_disk(m)), "ata-DATA_2 has ext4"),
    "noise where a table is made": (
        table(),
        lambda m: noise(data_disk(m), at=6 * 1024**3),
        "ata-DATA_2 has no signature, but is not empty",
    ),
    "noise under an empty table": (
        table(),
        lambda m: (partition_table(disk := data_disk(m)), noise(disk, at=8 * 1024**2)),
        "ata-DATA_2 has a partition table without partitions, but is not empty",
    ),
    "another partition of the number": (
        table(),
        lambda m: own_partition(m, label="photos"),
        "sdb1 is a partition called 'photos', not 'data'",
    ),
    "a table where a file system is made": (filesystem(), lambda m: partition_table(data_disk(m)), "has PMBR gpt, not"),
    "another file system": (filesystem(), lambda m: swap(data_disk(m)), "ata-DATA_2 has swap, not ext4"),
    "another label": (
        filesystem(label="data"),
        lambda m: ext4(data_disk(m), "photos"),
        "has ext4 with the label 'photos', not 'data'",
    ),
    "noise where a file system is made": (
        table() | filesystem(LABEL),
        lambda m: own_partition(m, noise),
        "by-partlabel/data has no signature, but is not empty",
    ),
    "a file system where something is encrypted": (LUKS, lambda m: ext4(data_disk(m)), "has ext4, not crypto_LUKS"),
    "encryption where a file system is made": (filesystem(), lambda m: luks(data_disk(m)), "has crypto_LUKS, not ext4"),
    "file systems where a RAID is made": (RAID, lambda m: both(m, ext4), "ata-MORE_3 has ext4, not linux_raid_member"),
    "parts of another RAID": (
        RAID,
        lambda m: both(m, lambda disk: raid_member(disk, "any:other")),
        "ata-DATA_2 is a part of the RAID 'any:other', not 'r'",
    ),
    "a disk that nobody can see": (filesystem(), lambda m: None, "ata-DATA_2 is not there"),
    "the disk itself by another name, wiped": (
        table(wipe=True),
        lambda m: (m.by_id / "ata-DATA_2").symlink_to(m.disk),
        "ata-DATA_2 is the disk that Flatcar is installed to, by another name",
    ),
    "the disk itself by another name, partitioned": (
        table(number=6),
        lambda m: (m.by_id / "ata-DATA_2").symlink_to(m.disk),
        "partition 6 of ",
    ),
    "a partition of the system's by another name of the disk, to be": (
        filesystem(f"{DATA}-part4", wipe=True),
        lambda m: (m.by_id / "ata-DATA_2").symlink_to(m.disk),
        "ata-DATA_2-part4 is partition 4 of the disk that Flatcar is installed to, by another name",
    ),
    "a partition of the system's by another name of the disk, there already": (
        filesystem(LABEL, wipe=True),
        lambda m: (m.flatcar(), m.by_id.with_name("by-partlabel").mkdir(), _link(m, "data", 3)),
        "by-partlabel/data is partition 3 of the disk that Flatcar is installed to, by another name",
    ),
    "the disk itself by another name, formatted": (
        filesystem(wipe=True),
        lambda m: (m.by_id / "ata-DATA_2").symlink_to(m.disk),
        "ata-DATA_2 is the disk that Flatcar is installed to, by another name",
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("what", FOREIGN)
def test_what_the_config_would_destroy_unasked_is_refused_before_anything_is_written(machine, what):
    variables, put, message = FOREIGN[what]
    one = machine(**variables)
    put(one)
    said = failure(one)
    assert said.startswith("data disks: ")
    assert message in said
    assert "set wipe: true" in said


OWN = {
    "empty disks": (table() | filesystem(LABEL), data_disk),
    "an empty table": (table(), lambda m: partition_table(data_disk(m))),
    "its own data": (
        table() | filesystem(LABEL, label="d"),
        lambda m: own_partition(m, lambda device: ext4(device, "d")),
    ),
    "its own partition, and nothing in it": (table() | filesystem(LABEL), own_partition),
    "other partitions beside its own": (table(number=2), lambda m: own_partition(m, swap, label="photos")),
    "its own swap": ({"flatcar_swap": DATA}, lambda m: swap(data_disk(m))),
    "its own encryption": (LUKS, lambda m: luks(data_disk(m))),
    "its own RAID": (RAID, lambda m: both(m, lambda disk: raid_member(disk, "any:r"))),
    "a table that the config wipes": (table(wipe=True), lambda m: ext4(data_disk(m))),
    "a partition on a table that the config wipes": (
        table(wipe=True) | filesystem(LABEL),
        lambda m: own_partition(m, noise),
    ),
    "a file system that the config wipes": (filesystem(wipe=True), lambda m: swap(data_disk(m))),
    "a disk that is wiped as soon as it is there": (filesystem(wipe=True), lambda m: None),
    "a partition of the disk itself": (table(device=DISK, number=10) | filesystem(LABEL), lambda m: None),
    "a free partition of the disk itself by another name": (
        filesystem(f"{DATA}-part10", wipe=True),
        lambda m: (m.by_id / "ata-DATA_2").symlink_to(m.disk),
    ),
    "free numbers of the disk itself by another name": (
        table(number=10),
        lambda m: (m.by_id / "ata-DATA_2").symlink_to(m.disk),
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("what", OWN)
def test_what_is_the_configs_own_or_may_be_lost_is_no_reason_to_refuse(machine, what):
    variables, put = OWN[what]
    one = machine(**variables)
    put(one)
    done = one.run()
    assert done.returncode == 0, done.stdout + done.stderr
