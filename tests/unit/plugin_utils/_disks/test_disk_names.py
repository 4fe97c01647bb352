"""Which names mean one disk, and which a partition of it."""

from __future__ import annotations

import itertools

import pytest
from ansible_collections.kindling.flatcar.plugins.plugin_utils._disks.disk_names import (
    identities,
    is_kernels,
    plain,
    serial_identity,
    split_partition,
    world_identities,
)


def by_id(name):
    return f"/dev/disk/by-id/{name}"


ONE_DISK = [
    ["wwn-0x5000c500a1b2c3d4", "scsi-35000c500a1b2c3d4", "wwn-0x5000C500A1B2C3D4", "dm-uuid-mpath-35000c500a1b2c3d4"],
    ["wwn-0x600508b1001c4ae0d1e2f3a4b5c6d7e8", "scsi-3600508b1001c4ae0d1e2f3a4b5c6d7e8"],
    ["nvme-eui.0025385b71b0a1c2", "wwn-eui.0025385b71b0a1c2", "wwn-0x0025385b71b0a1c2", "scsi-20025385b71b0a1c2"],
    ["nvme-uuid.6f1a2b3c-0000-4000-8000-1234567890ab", "nvme-uuid.6F1A2B3C-0000-4000-8000-1234567890AB"],
    [
        "nvme-Samsung_SSD_980_PRO_1TB_S5GXNF0R1",
        "nvme-Samsung_SSD_980_PRO_1TB_S5GXNF0R1_1",
        "nvme-nvme.144d-533547584e46305231-53616d73756e67-00000001",
    ],
    ["ata-WDC_WD40EFRX-68WT0N0_WD-WCC4E1234567", "scsi-SATA_WDC_WD40EFRX-68W_WD-WCC4E1234567"],
    ["ata-WDC_WD40EFRX-68WT0N0_WD-WCC4E1234567", "scsi-1ATA_WDC_WD40EFRX-68WT0N0_WD-WCC4E1234567"],
    ["usb-SanDisk_Ultra_4C530001-0:0", "usb-SanDisk_Ultra_4C530001"],
]


@pytest.mark.parametrize(
    ("one", "other"), [pair for names in ONE_DISK for pair in itertools.combinations(names, 2)], ids=str
)
def test_names_of_one_disk_say_so(one, other):
    assert world_identities(by_id(one)) & world_identities(by_id(other))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("wwn-0x5000c500a1b2c3d4", "wwn-0x5000c500a1b2c3d5"),
        ("nvme-M_S5GXNF0R1", "nvme-M_S5GXNF0R1_2"),  # its second namespace
        ("nvme-nvme.144d-5335-53-00000001", "nvme-nvme.144d-5335-53-00000002"),
        ("ata-A_DISK_1", "ata-B_DISK_1"),
        ("ata-A_S3EXAMPLE0001", "ata-A_S3EXAMPLE0002"),
    ],
)
def test_names_of_two_disks_have_nothing_in_common(one, other):
    assert not identities(by_id(one)) & identities(by_id(other))


@pytest.mark.parametrize(
    "name", ["virtio-root", "scsi-0QEMU_QEMU_HARDDISK_drive-scsi0", "ata-QEMU_HARDDISK_QM00001", "dm-name-mpatha"]
)
def test_what_a_hypervisor_or_a_person_has_named_is_known_in_one_machine_alone(name):
    assert identities(by_id(name)) == {by_id(name)}
    assert world_identities(by_id(name)) == set()


def test_a_slot_is_there_in_every_machine():
    assert world_identities("/dev/disk/by-path/pci-0000:00:17.0-ata-1") == set()


def test_a_serial_number_is_in_the_names_that_end_in_it():
    assert serial_identity("s3example0003") in identities(by_id("ata-EXAMPLE_SSD_480G_S3EXAMPLE0003"))
    assert serial_identity("WD WCC4E") == serial_identity("WD_WCC4E")


@pytest.mark.parametrize(
    ("device", "disk", "number"),
    [
        (by_id("wwn-0x5000c500a1b2c3d4-part9"), by_id("wwn-0x5000c500a1b2c3d4"), 9),
        (by_id("nvme-eui.0025385b71b0a1c2-part12"), by_id("nvme-eui.0025385b71b0a1c2"), 12),
        ("/dev/disk/by-path/pci-0000:00:17.0-ata-1-part1", "/dev/disk/by-path/pci-0000:00:17.0-ata-1", 1),
        ("/dev/sda3", "/dev/sda", 3),
        ("/dev/sdab10", "/dev/sdab", 10),
        ("/dev/nvme0n1p6", "/dev/nvme0n1", 6),
        ("/dev/nvme0n1", "/dev/nvme0n1", None),
        ("/dev/md127p1", "/dev/md127", 1),
        ("/dev/disk/by-label/data-part1", "/dev/disk/by-label/data-part1", None),
        (by_id("wwn-0x5000c500a1b2c3d4"), by_id("wwn-0x5000c500a1b2c3d4"), None),
    ],
)
def test_a_partition_is_told_from_its_disk(device, disk, number):
    assert split_partition(device) == (disk, number)


def test_detours_and_escapes_are_one_path():
    assert plain("//dev/./disk//by-id/../by-id/x") == by_id("x")
    assert plain(r"/dev/disk/by-partlabel/my\x20data") == "/dev/disk/by-partlabel/my data"


@pytest.mark.parametrize(
    ("device", "kernels"),
    [("/dev/sda", True), ("/dev/nvme1n1p2", True), ("/dev/dm-0", True), ("/dev/md/data", False), (by_id("x"), False)],
)
def test_the_kernels_own_names_are_known(device, kernels):
    assert is_kernels(device) is kernels
