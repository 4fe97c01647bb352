"""What disks lose by a config, in words; in RAM only those that the node names."""

from __future__ import annotations

import json

import pytest
from ansible_collections.kindling.flatcar.plugins.plugin_utils._disks.losses import Loss, lines, losses
from ansible_collections.kindling.flatcar.plugins.plugin_utils._node import read_node
from ansible_collections.kindling.flatcar.plugins.plugin_utils._publish.config import build_config

DATA = "/dev/disk/by-id/wwn-0x5000c500000000aa"
SCSI = "/dev/disk/by-id/scsi-35000c500000000aa"
OTHER = "/dev/disk/by-id/wwn-0x5000c500000000bb"
OWN = {"flatcar_rack": "a", "flatcar_mac": "52:54:00:00:00:01", "flatcar_address": "10.1.0.11"}


def node(**variables):
    found, problems = read_node("n1", {**OWN, "flatcar_boot_mode": "ram", **variables})
    assert problems == []
    return found


def refused(**variables):
    return [(problem.path.rpartition("$.")[2], problem.message) for problem in build_config(node(**variables))[1]]


def storage(**sections):
    return {"flatcar_butane": {"storage": sections}}


PARTITION = {"number": 1, "label": "data", "size_mib": 0}
REPLACED = {"wipe_partition_entry": True}
LOSING = {
    "a table that is wiped": storage(disks=[{"device": DATA, "wipe_table": True}]),
    "a partition without wipe": storage(disks=[{"device": DATA, "partitions": [PARTITION]}]),
    "a partition that is deleted": storage(
        disks=[{"device": DATA, "partitions": [{"number": 1, "should_exist": False}]}]
    ),
    "a file system without wipe": storage(filesystems=[{"device": DATA, "format": "xfs"}]),
    "a file system on a partition": storage(filesystems=[{"device": f"{DATA}-part1", "format": "ext4"}]),
    "no file system": storage(filesystems=[{"device": DATA, "format": "none", "wipe_filesystem": True}]),
    "swap": {"flatcar_swap": DATA},
    "encryption": storage(luks=[{"name": "l", "device": DATA, "key_file": {"inline": "x"}}]),
    "a RAID": {"flatcar_raid": [{"name": "r", "level": "raid1", "devices": [DATA]}]},
    "a variable": {"flatcar_disks": [{"device": DATA, "partitions": [PARTITION]}]},
    "the same disk by another name": {"flatcar_filesystems": [{"device": SCSI, "format": "xfs"}]},
    "a config in the config": {
        "flatcar_butane": {
            "ignition": {
                "config": {
                    "merge": [
                        {
                            "inline": json.dumps(
                                {
                                    "ignition": {"version": "3.4.0"},
                                    "storage": {"filesystems": [{"device": DATA, "format": "xfs"}]},
                                }
                            )
                        }
                    ]
                }
            }
        }
    },
}


def test_a_partition_that_is_replaced_is_said_to_be_deleted():
    own = node(flatcar_ram_disks=DATA, **storage(disks=[{"device": DATA, "partitions": [PARTITION | REPLACED]}]))
    ((_, what, _),) = losses(own, build_config(own)[0])
    assert what.startswith("partition 1 (data) is deleted and made where it is not so already")


@pytest.mark.parametrize("config", LOSING.values(), ids=LOSING)
def test_in_ram_a_disk_loses_data_only_if_the_node_names_it(config):
    ((path, message),) = refused(**config)
    assert path.startswith(("storage.", "ignition.config.merge.0"))
    assert message.startswith(f"in RAM, Ignition runs at every boot: {'/dev/disk/by-id/'}")
    assert "allow it for this machine alone, in host_vars/n1.yml: flatcar_ram_disks: [/dev/disk/by-id/" in message
    assert refused(**config, flatcar_ram_disks=DATA) == []
    assert len(refused(**config, flatcar_ram_disks=[OTHER])) == 1


@pytest.mark.parametrize("config", LOSING.values(), ids=LOSING)
@pytest.mark.parametrize(
    ("mode", "when"),
    [
        ("ram", "at each boot"),
        ("disk", "at its first boot after an installation"),
        ("install", "at its first boot after"),
    ],
)
def test_in_every_mode_it_is_said_what_is_lost_and_when(config, mode, when):
    own = node(**config, flatcar_boot_mode=mode, flatcar_install_disk=OTHER, flatcar_ram_disks=DATA)
    *installed, found = losses(own, build_config(own)[0])
    assert found.disk in (DATA, SCSI)
    assert found.what
    assert found.when.startswith(when)
    assert len(installed) == (mode == "install")


OVERWRITTEN = {
    "directories": [
        {"path": "/srv/db", "overwrite": True},
        {"path": "/srv/kept"},
        {"path": "/srv2/db", "overwrite": True},
    ],
    "files": [{"path": "/srv/file", "overwrite": True, "contents": {"inline": "x"}}],
    "links": [{"path": "/srv/link", "target": "/etc", "overwrite": True}],
}


@pytest.mark.parametrize("inner", [False, True])
def test_what_is_deleted_on_a_file_system_that_is_kept_is_said(inner):
    """The config reuses the file system, and what was in it has to make way at each boot all the same."""
    filesystems = [
        {"device": DATA, "format": "ext4", "path": "/srv", "with_mount_unit": True},
        {"device": "/dev/disk/by-label/OEM", "format": "btrfs", "path": "/oem"},
    ]
    parts = OVERWRITTEN
    own = [{"path": "/oem/grub.cfg", "overwrite": True, "contents": {"inline": "x"}}]
    if inner:
        files = [{"path": "/srv/file", "overwrite": True, "contents": {"source": "data:,x"}}]
        config = {"ignition": {"version": "3.4.0"}, "storage": OVERWRITTEN | {"files": files}}
        variables = storage(filesystems=filesystems, files=own)
        variables["flatcar_butane"]["ignition"] = {"config": {"merge": [{"inline": json.dumps(config)}]}}
    else:
        variables = storage(filesystems=filesystems, **parts | {"files": [*own, *parts["files"]]})
    one = node(**variables, flatcar_boot_mode="disk")
    built, problems = build_config(one)
    assert problems == []
    said = [loss.what for loss in losses(one, built) if loss.disk == DATA]
    assert said[1:] == [
        "/srv/db is deleted with all that is in it",
        "/srv/file is written over",
        "/srv/link is deleted",
    ]
    assert not [loss for loss in losses(one, built) if "/srv2" in loss.what or "grub.cfg" in loss.what]


def test_what_makes_nothing_loses_nothing():
    own = node(**storage(disks=[{"device": DATA}], filesystems=[{"device": DATA, "format": "none"}]))
    config, problems = build_config(own)
    assert problems == []
    assert losses(own, config) == []


def test_what_lies_on_a_raid_is_lost_by_all_of_its_disks():
    config = {
        "flatcar_raid": [{"name": "r", "level": "raid1", "devices": [DATA, OTHER]}],
        "flatcar_luks": [{"name": "l", "device": "/dev/md/r", "key": "x"}],
        "flatcar_filesystems": [{"device": "/dev/mapper/l", "format": "xfs", "path": "/srv"}],
    }
    assert {path for path, _ in refused(**config, flatcar_ram_disks=[DATA])} == {
        "storage.raid.0.devices.1",
        "storage.luks.0.device",
        "storage.filesystems.0.device",
    }
    assert refused(**config, flatcar_ram_disks=[DATA, OTHER]) == []
    own = node(**config, flatcar_ram_disks=[DATA, OTHER])
    assert [loss.disk for loss in losses(own, build_config(own)[0])].count(OTHER) == 3


@pytest.mark.parametrize(
    "device", ["/dev/disk/by-partlabel/data", "/dev/mapper/other", "/dev/md/other", "/dev/disk/by-label/ROOT"]
)
def test_what_cannot_be_traced_to_a_disk_counts_by_its_own_name(device):
    config = storage(filesystems=[{"device": device, "format": "ext4"}])
    assert len(refused(**config, flatcar_ram_disks=DATA)) == 1
    assert refused(**config, flatcar_ram_disks=device) == []


def test_a_partition_that_the_config_makes_is_its_disks():
    disks = [{"device": DATA, "partitions": [PARTITION]}]
    config = storage(disks=disks, filesystems=[{"device": "/dev/disk/by-partlabel/data", "format": "xfs"}])
    assert refused(**config, flatcar_ram_disks=DATA) == []
    assert len(refused(**config, flatcar_ram_disks="/dev/disk/by-partlabel/data")) == 1


def test_the_kernels_names_are_other_disks_at_another_boot():
    ((_, message),) = refused(**storage(filesystems=[{"device": "/dev/sdb1", "format": "xfs"}]))
    assert message.endswith(
        "/dev/sdb may be another disk at the next boot: name it by id, here and in flatcar_ram_disks"
    )


@pytest.mark.parametrize("kind", ["merge", "replace"])
def test_a_config_that_is_fetched_is_named_by_its_url(kind):
    url = "https://example.com/x.ign"
    config = {
        "flatcar_butane": {"ignition": {"config": {kind: [{"source": url}] if kind == "merge" else {"source": url}}}}
    }
    ((_, message),) = refused(**config)
    assert "what https://example.com/x.ign says of disks cannot be read here" in message
    assert f"flatcar_ram_disks: [{url}]" in message
    assert len(refused(**config, flatcar_ram_disks=DATA)) == 1
    assert refused(**config, flatcar_ram_disks=[url]) == []
    own = node(**config, flatcar_boot_mode="disk")
    assert losses(own, build_config(own)[0]) == [
        Loss("unknown disks", f"what {url} says, which cannot be read here", "at its first boot after an installation")
    ]


@pytest.mark.parametrize(
    ("wipe", "what"), [("flatcar", "empty or has an earlier Flatcar"), ("any", "whatever is on it")]
)
def test_an_installation_is_a_loss_too(wipe, what):
    own = node(flatcar_boot_mode="install", flatcar_install_disk=DATA, flatcar_wipe=wipe)
    (loss,) = losses(own, build_config(own)[0])
    assert loss.disk == DATA
    assert loss.what.endswith(what)
    assert loss.when == "when it is armed and boots from the network"


def test_what_many_nodes_lose_alike_is_one_line():
    loss = Loss(DATA, "it is wiped", "at each boot")
    (line,) = lines({f"n{number:02}": [loss] for number in range(12)})
    assert line == f"n00, n01, n02, n03, n04, n05, n06, n07, n08, n09 and 2 more: {DATA}: it is wiped, at each boot"


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("/dev/sda", "expected a disk by its stable id"),
        (f"{DATA}-part1", "expected a whole disk, not a partition of one"),
        ([], "expected at least one item"),
        ("x.ign", "expected a disk by its stable id"),
    ],
)
def test_disks_are_named_by_what_is_theirs(value, message):
    _, ((problem),) = read_node("n1", {**OWN, "flatcar_ram_disks": value})
    assert message in problem.message
