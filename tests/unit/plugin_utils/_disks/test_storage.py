"""What a node's config does with disks: its own, and those in it."""

from __future__ import annotations

import base64
import gzip
import json

import pytest
from ansible_collections.kindling.flatcar.plugins.plugin_utils._disks.storage import Place, Storage
from ansible_collections.kindling.flatcar.plugins.plugin_utils._node import read_node
from ansible_collections.kindling.flatcar.plugins.plugin_utils._publish.config import build_config

WWN = "/dev/disk/by-id/wwn-0x5000c500a1b2c3d4"
DATA = "/dev/disk/by-id/wwn-0x5000c500000000aa"
OWN = {"flatcar_rack": "a", "flatcar_mac": "52:54:00:00:00:01", "flatcar_address": "10.1.0.11"}
INSTALLED = {"flatcar_boot_mode": "install", "flatcar_install_disk": WWN}


def node(**variables):
    found, problems = read_node("n1", OWN | INSTALLED | variables)
    assert problems == []
    return found


def refused(**variables):
    """What is said against a node's config, as path and message."""
    return [(problem.path, problem.message) for problem in build_config(node(**variables))[1]]


def storage(**sections):
    return {"flatcar_butane": {"storage": sections}}


def on(device, kind):
    """A config that has *device* as a part of something of this kind."""
    entry = {
        "raid": {"name": "r", "level": "raid1", "devices": ["/dev/disk/by-id/x", device]},
        "luks": {"name": "l", "device": device, "key_file": {"inline": "x"}},
        "swap": {"device": device, "format": "swap", "with_mount_unit": True},
        "filesystems": {"device": device, "format": "xfs", "path": "/srv", "with_mount_unit": True},
    }[kind]
    return storage(**{"filesystems" if kind == "swap" else kind: [entry]})


KINDS = ("raid", "luks", "swap", "filesystems")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "device",
    [
        WWN,
        "/dev/disk/by-id/scsi-35000c500a1b2c3d4",
        "/dev/disk/by-id/ata-EXAMPLE_SSD_S3EXAMPLE0003",
        f"{WWN}-part1",
        "/dev/disk/by-id/scsi-35000c500a1b2c3d4-part8",
        "/dev/disk/by-id/ata-EXAMPLE_SSD_S3EXAMPLE0003-part6",
        "/dev/disk/by-partlabel/USR-A",
        "/dev/disk/by-label/OEM",
        "/dev/disk/by-label/EFI-SYSTEM",
        "/dev/disk/by-partuuid/7130c94a-213a-4e5a-8e26-6cce9662f132",
        r"/dev/disk/by-partlabel/OEM\x2dCONFIG",
    ],
)
def test_the_installed_system_is_no_part_of_anything_else(kind, device):
    ((path, message),) = refused(flatcar_install_disk_serial="S3EXAMPLE0003", **on(device, kind))
    assert path.startswith(f"flatcar_butane: $.storage.{'filesystems' if kind == 'swap' else kind}.0.device")
    assert f"flatcar_install_disk ({WWN})" in message or f"{WWN} is flatcar_install_disk" in message
    assert "A config may use its partitions from 9 on" in message


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "device",
    [
        DATA,
        f"{WWN}-part9",
        f"{WWN}-part10",
        f"{DATA}-part1",
        "/dev/disk/by-partlabel/ROOT",
        "/dev/disk/by-label/data",
        "/dev/sda1",
    ],
)
def test_what_is_free_is_free(kind, device):
    assert refused(**on(device, kind)) == []


def test_a_partition_of_ones_own_making_is_known_by_its_label():
    disk = {"device": WWN, "partitions": [{"number": 10, "label": "data", "size_mib": 0}]}
    data = {"device": "/dev/disk/by-partlabel/data", "format": "xfs"}
    assert refused(**storage(disks=[disk], filesystems=[data])) == []
    taken = {"device": WWN, "partitions": [{"number": 3, "label": "data", "size_mib": 0}]}
    assert [path for path, _ in refused(**storage(disks=[taken], filesystems=[data]))] == [
        "flatcar_butane: $.storage.disks.0.partitions.0.number",
        "flatcar_butane: $.storage.filesystems.0.device",
    ]


def test_a_config_does_not_wipe_the_disk_that_it_starts_from():
    ((path, message),) = refused(flatcar_disks=[{"device": WWN, "wipe": True}])
    assert path == "flatcar_disks: $.storage.disks.0.wipe_table"
    assert message.startswith(f"{WWN} is flatcar_install_disk, which holds the system that this config is for.")


def test_the_kernels_name_of_the_disk_is_known_by_the_partition_that_only_it_has():
    root = {"device": "/dev/sda", "partitions": [{"number": 9, "label": "ROOT", "resize": True, "size_mib": 8000}]}
    ((path, message),) = refused(**storage(disks=[root], filesystems=[{"device": "/dev/sda6", "format": "ext4"}]))
    assert path == "flatcar_butane: $.storage.filesystems.0.device"
    assert "partition 6 of flatcar_install_disk" in message


def test_the_file_system_with_grubs_configuration_can_be_written_to_and_not_made_anew():
    oem = {"device": "/dev/disk/by-label/OEM", "format": "btrfs", "path": "/oem"}
    assert refused(**storage(filesystems=[oem])) == []
    for change in ({"format": "ext4"}, {"wipe_filesystem": True}, {"path": "/srv"}):
        assert len(refused(**storage(filesystems=[oem | change]))) == 1


def test_what_lies_behind_raid_and_encryption_is_traced():
    config = on(WWN, "raid")["flatcar_butane"]["storage"]
    config["luks"] = [{"name": "l", "device": "/dev/md/r", "key_file": {"inline": "x"}}]
    config["filesystems"] = [{"device": "/dev/disk/by-id/dm-name-l", "format": "xfs"}]
    assert [path.rpartition("$.")[2] for path, _ in refused(**storage(**config))] == [
        "storage.raid.0.devices.1",
        "storage.luks.0.device",
        "storage.filesystems.0.device",
    ]


def ignition(url, compression=None, how="merge"):
    resource = {"source": url, **({"compression": compression} if compression else {})}
    config = {how: [resource] if how == "merge" else resource}
    return {"ignition": {"version": "3.4.0", "config": config}}


def data_url(config):
    return f"data:;base64,{base64.b64encode(json.dumps(config).encode()).decode()}"


def zipped(config, halves=1):
    text = json.dumps(config).encode()
    parts = [text] if halves == 1 else [text[:9], text[9:]]
    return f"data:;base64,{base64.b64encode(b''.join(map(gzip.compress, parts))).decode()}"


WIPED = {"ignition": {"version": "3.4.0"}, "storage": {"disks": [{"device": DATA, "wipeTable": True}]}}


@pytest.mark.parametrize(
    "config",
    [
        WIPED,
        ignition(data_url(WIPED)),
        ignition(zipped(WIPED), "gzip"),
        ignition(zipped(WIPED, halves=2), "gzip"),
        ignition(data_url(WIPED), how="replace"),
        ignition(data_url(ignition(zipped(WIPED), "gzip"))),
        ignition(data_url({"IGNITION": {"Version": "3.9.0"}, "Storage": {"Files": []}}))
        | {"storage": WIPED["storage"]},
        ignition(
            data_url(
                {"ignition": {"version": "3.0.0"}, "Storage": {"di\u017fks": [{"DEVICE": DATA, "wipetable": True}]}}
            )
        ),
        ignition("data:," + json.dumps(WIPED).replace(" ", "%20").replace('"', "%22")),
    ],
)
def test_configs_in_configs_are_read_as_ignition_reads_them(config):
    found = Storage(node(), config)
    assert found.unread == []
    assert [(use.device, use.loss) for use in found.uses] == [
        (DATA, "its partition table is wiped, and all that is on it is lost")
    ]


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com/x.ign",
        "tftp://10.0.0.1/x.ign",
        "s3://bucket/x.ign",
        "data:,nothing",
        "data:;base64,????",
        data_url({"storage": {"disks": [{"device": 1}]}}),
        "data:,%7B%22storage%22%3A%7B%7D%2C%22Storage%22%3A%7B%7D%7D",  # Go decides which one counts
    ],
)
def test_what_cannot_be_read_is_told(url):
    (unread,) = Storage(node(), ignition(url)).unread
    assert unread == ("ignition.config.merge.0", url)
    inner = Storage(node(), ignition(data_url(ignition(url, how="replace")))).unread
    assert inner == [("ignition.config.merge.0", url)]


def test_a_mistake_in_a_config_in_the_config_says_where():
    inner = {"ignition": {"version": "3.4.0"}, "storage": {"filesystems": [{"device": WWN, "format": "xfs"}]}}
    butane = {"ignition": {"config": {"merge": [{"inline": json.dumps(inner)}]}}}
    ((path, message),) = refused(flatcar_butane=butane)
    assert path == "flatcar_butane: $.ignition.config.merge.0"
    assert "(in the config there: storage.filesystems.0.device)" in message


def test_names_that_lead_in_a_circle_end():
    label = {"device": "/dev/disk/by-label/a", "format": "xfs", "label": "a"}
    found = Storage(node(), {"storage": {"filesystems": [label]}})
    assert found.places("/dev/disk/by-label/a") == {Place("/dev/disk/by-label/a", None)}
