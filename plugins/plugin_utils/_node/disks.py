# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Disks besides the one that Flatcar is on: partitions, RAID, encryption, file systems and swap.

Without ``wipe: true``, Ignition reuses what is there and fits, and creates what is missing: a disk without a GPT, a device in
which it finds no file system, and every device of a RAID lose their content. ``losses`` says which do.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from .._schema import fields, words
from .._schema.fields import Field, Record
from .layer import Layer

if TYPE_CHECKING:
    from .node import Node

_LABEL = fields.word("partition label")
_NAME = fields.word("name")


#: Names such as /dev/sda change between boots (flatcar/Flatcar#404: the system went to the data disk).
device = fields.word("device")


def _ram_disk(value: Any) -> str:
    disk = words.read("disk in RAM", value)
    if re.fullmatch(r"/dev/disk/by-(id|path)/.*-part[0-9]+", disk):
        raise ValueError("expected a whole disk, not a partition of one")
    return disk


def _beyond(section: str) -> str:
    return f"Options that it lacks go into flatcar_butane, as Butane's storage.{section}; entries of both are merged"


_WIPE = Field("wipe", fields.boolean, "wipe what is there, at every run of Ignition", default=False)
_DEVICE = Field("device", device, "the device, by a stable name", required=True)

PARTITION = Record(
    (
        Field("number", fields.integer(1, 128), "its number in the partition table", required=True),
        Field("label", _LABEL, "its name, found again as `/dev/disk/by-partlabel/<label>`", required=True),
        Field("size_mib", fields.integer(0, 2**40), "its size in MiB; 0 is the rest of the disk", default=0),
        Field("start_mib", fields.integer(0, 2**40), "where it begins; 0 is the first place that fits", default=0),
    ),
    beyond=_beyond("disks.partitions"),
)


def _check_disk(typed: Mapping[str, Any]) -> None:
    for name in ("number", "label"):
        values = [partition[name] for partition in typed["partitions"]]
        if len(set(values)) < len(values):
            raise ValueError(f"expected every partition to have a {name} of its own")


DISK = Record(
    (
        _DEVICE,
        Field("partitions", fields.list_of(PARTITION), "its partitions", default=()),
        Field("wipe", fields.boolean, "wipe the partition table, at every run of Ignition", default=False),
    ),
    _check_disk,
    beyond=_beyond("disks"),
)
RAID = Record(
    (
        Field("name", _NAME, "its name, found again as `/dev/md/<name>`", required=True),
        Field(
            "level",
            fields.choice("raid0", "raid1", "raid4", "raid5", "raid6", "raid10", "linear"),
            "how its devices share the data",
            required=True,
        ),
        Field("devices", fields.one_or_more(device), "the devices that it is made of", required=True),
        Field("spares", fields.integer(0, 100), "how many of them are spare", default=0),
    ),
    beyond=_beyond("raid"),
)
LUKS = Record(
    (
        Field("name", _NAME, "its name, found again as `/dev/mapper/<name>`", required=True),
        _DEVICE,
        Field("key", fields.text, "the key; keep it in a vault", required=True, secret=True),
        _WIPE,
    ),
    beyond=_beyond("luks"),
)
FILESYSTEM = Record(
    (
        _DEVICE,
        Field(
            "format",
            fields.choice("ext4", "xfs", "btrfs", "vfat", beyond="swap is flatcar_swap"),
            "its format",
            required=True,
        ),
        Field("path", fields.word("mount point"), "where it is mounted, at every boot; not mounted when not given"),
        Field("label", fields.word("file system label"), "its label"),
        Field("options", fields.list_of(fields.word("mount option")), "mount options", default=()),
        _WIPE,
    ),
    beyond=_beyond("filesystems"),
)

FIELDS = (
    Field("flatcar_disks", fields.list_of(DISK), "disks to partition", default=()),
    Field("flatcar_raid", fields.list_of(RAID), "software RAIDs", default=()),
    Field("flatcar_luks", fields.list_of(LUKS), "encrypted devices", default=(), secret=True),
    Field("flatcar_filesystems", fields.list_of(FILESYSTEM), "file systems to make and to mount", default=()),
    Field("flatcar_swap", fields.one_or_more(device), "devices to swap to", default=()),
    Field(
        "flatcar_ram_disks",
        fields.one_or_more(_ram_disk),
        "in RAM, the disks that the config may make, format, encrypt or wipe, at each boot: by id, or as the config names what "
        "cannot be traced to a disk; also the URL of a config that is fetched. A group's value does not count: each machine says "
        "its own",
        default=(),
    ),
)


def layers(node: Node) -> list[Layer]:
    parts = (
        ("flatcar_disks", "disks", [_disk(entry) for entry in node.disks]),
        ("flatcar_raid", "raid", [_raid(entry) for entry in node.raid]),
        ("flatcar_luks", "luks", [_luks(entry) for entry in node.luks]),
        ("flatcar_filesystems", "filesystems", [_filesystem(entry) for entry in node.filesystems]),
        ("flatcar_swap", "filesystems", [_swap(entry) for entry in node.swap]),
    )
    return [Layer((variable,), {"storage": {section: entries}}) for variable, section, entries in parts if entries]


def _disk(disk: Mapping[str, Any]) -> dict[str, Any]:
    return {"device": disk["device"], "wipe_table": disk["wipe"], "partitions": [dict(p) for p in disk["partitions"]]}


def _raid(raid: Mapping[str, Any]) -> dict[str, Any]:
    spares = {"spares": raid["spares"]} if raid["spares"] else {}
    return {"name": raid["name"], "level": raid["level"], "devices": list(raid["devices"]), **spares}


def _luks(luks: Mapping[str, Any]) -> dict[str, Any]:
    key = {"inline": luks["key"]}
    return {"name": luks["name"], "device": luks["device"], "key_file": key, "wipe_volume": luks["wipe"]}


def _filesystem(filesystem: Mapping[str, Any]) -> dict[str, Any]:
    entry = {
        "device": filesystem["device"],
        "format": filesystem["format"],
        "wipe_filesystem": filesystem["wipe"],
        **({"label": filesystem["label"]} if filesystem["label"] else {}),
    }
    if filesystem["path"]:
        entry |= {"path": filesystem["path"], "with_mount_unit": True}
    if filesystem["options"]:
        entry["mount_options"] = list(filesystem["options"])
    return entry


def _swap(name: str) -> dict[str, Any]:
    return {"device": name, "format": "swap", "wipe_filesystem": False, "with_mount_unit": True}


def storage_mistakes(storage: Any, in_ram: bool) -> Iterator[tuple[str, str]]:
    """What a node's whole Butane must not say about disks: the path below ``storage``, and why."""
    for path, disk in _entries(storage, "disks"):
        for number_path, partition in _entries(disk, "partitions", path):
            if not partition.get("number"):
                message = (
                    "a partition without a number, or with number 0, fails in Ignition 2.20 to 2.24 and is otherwise placed "
                    "unpredictably: give it one"
                )
                yield f"{number_path}.number", message
    for path, filesystem in _entries(storage, "filesystems"):
        if in_ram and filesystem.get("path") == "/":
            message = (
                "a machine in RAM has its / in memory: mount elsewhere, or set flatcar_boot_mode to disk or install"
            )
            yield f"{path}.path", message


def _entries(holder: Any, name: str, path: str = "") -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The entries of a list in Butane that nothing has checked yet."""
    entries = holder.get(name) if isinstance(holder, Mapping) else None
    if isinstance(entries, Sequence) and not isinstance(entries, str):
        for number, entry in enumerate(entries):
            if isinstance(entry, Mapping):
                yield f"{path}{'.' if path else ''}{name}.{number}", entry


__all__ = ("FIELDS", "device", "layers", "storage_mistakes")
