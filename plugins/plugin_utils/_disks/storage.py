# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a node's final Ignition config does with disks: its own storage, and that of the configs nested in it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from .._butane.data_urls import content_of
from .._butane.inner_config import parse_once, read_config
from .._butane.schema import CONFIG, SPECS
from .._butane.structure import Object
from .._node import Node
from .disk_names import identities, plain, serial_identity, split_partition

#: Flatcar's own partitions by their labels, which are also those of their file systems, and by what never changes about them.
_FLATCAR = {"EFI-SYSTEM": 1, "BIOS-BOOT": 2, "USR-A": 3, "USR-B": 4, "OEM": 6, "OEM-CONFIG": 7, "ROOT": 9}
_FLATCAR_LINKS = {
    **{f"/dev/disk/by-{kind}/{label}": number for label, number in _FLATCAR.items() for kind in ("label", "partlabel")},
    "/dev/disk/by-partuuid/7130c94a-213a-4e5a-8e26-6cce9662f132": _FLATCAR["USR-A"],
    "/dev/disk/by-partuuid/e03dd35c-7c2d-4a47-b3fe-27f15780a57c": _FLATCAR["USR-B"],
}

#: The partitions that hold the installed system and its boot loader. The root file system and those after it belong to the
#: config.
_SYSTEMS = range(1, 9)

#: Where Flatcar's documentation mounts the file system that has GRUB's own configuration.
_OEM = ("/oem", "/usr/share/oem")

#: Stands for the disk that Flatcar is on if none of its names is known.
_FLATCARS_DISK = "the disk that Flatcar is on"


#: What happens to whatever is at a path that an entry may overwrite.
_DONE_TO = {"directories": "deleted with all that is in it", "files": "written over", "links": "deleted"}

#: Whatever version a config has, the newest table knows all of its words.
_NEWEST = SPECS[-1]


class Place(NamedTuple):
    """A disk by one of its names, and the number of a partition on it, or None for the whole disk."""

    disk: str
    number: int | None


class Use(NamedTuple):
    """An entry of a config that is about a device.

    ``path`` is the path of the entry in the node's Butane, or of the config that contains it; ``inner`` is then the path in that
    config. ``loss`` says what the device may lose by it.
    """

    kind: str
    path: str
    inner: str
    device: str
    entry: Object
    loss: str | None


class Unread(NamedTuple):
    """A config in a node's config that cannot be read here, by its path and its URL."""

    path: str
    url: str


class Overwritten(NamedTuple):
    """What exists at a path on the file system of a *device* that the config mounts, and is replaced."""

    device: str
    what: str


class _Config(NamedTuple):
    """``path`` leads to it in the node's Butane; it is empty for the outermost."""

    path: str
    storage: Object


class Storage:
    """Everything that the final *config* of *node* says about devices."""

    def __init__(self, node: Node, config: Mapping[str, Any]) -> None:
        self._configs: list[_Config] = []
        self.unread: list[Unread] = []
        self._read(_without_files(config), "")
        self.uses = [use for found in self._configs for use in _uses(found)]
        self.overwritten = list(_overwritten(self._configs, _mounts(self.uses)))
        self._links = _links(self.uses)
        self._node = node
        self._own = _names_of_own_disk(node, self.uses)

    def _read(self, config: Object, path: str) -> None:
        self._configs.append(_Config(path, config.get("storage", {})))
        inner = config.get("ignition", {}).get("config", {})
        sources = [(f"ignition.config.merge.{number}", source) for number, source in enumerate(inner.get("merge", ()))]
        sources.append(("ignition.config.replace", inner.get("replace", {})))
        for place, resource in sources:
            url = resource.get("source")
            if not url:
                continue
            try:
                self._read(_inner(url, resource.get("compression")), path or place)
            except ValueError:
                self.unread.append(Unread(path or place, url))

    def places(self, device: str, seen: frozenset[str] = frozenset()) -> set[Place]:
        """The disks and partitions that a *device* is on, as far as the config tells; its own name otherwise."""
        device = plain(device)
        if device in _FLATCAR_LINKS and not (device in self._links and _FLATCAR_LINKS[device] not in _SYSTEMS):
            return {Place(_FLATCARS_DISK, _FLATCAR_LINKS[device])}
        disk, number = split_partition(device)
        below = device if device in self._links else disk
        if below not in self._links or below in seen:
            return {Place(disk, number)}
        targets = self._links[below]
        inner = (target if isinstance(target, Place) else self.places(target, seen | {below}) for target in targets)
        return {place for found in inner for place in ([found] if isinstance(found, Place) else found)}

    def makes(self, device: str) -> bool:
        """Whether the config itself creates a *device*, which need not exist before."""
        disk, number = split_partition(plain(device))
        if number is None or plain(device) in self._links:
            return plain(device) in self._links
        return disk in self._links or any(
            use.kind == "disks"
            and identities(disk) & identities(use.device)
            and number in [partition.get("number") for partition in use.entry.get("partitions", ())]
            for use in self.uses
        )

    def is_own(self, disk: str) -> bool:
        """Whether *disk* is known to be the one that Flatcar is on."""
        return disk == _FLATCARS_DISK or bool(self._own & identities(disk))

    def name_of(self, place: Place, device: str) -> str:
        """The disk as people and other variables name it."""
        if place.disk != _FLATCARS_DISK:
            return place.disk
        return self._node.install_disk or device

    def mistakes(self) -> Iterator[tuple[str, str]]:
        """Entries that would destroy the system that they belong to: the path in the node's Butane, and why."""
        for use in self.uses:
            for place, path in self._places_of(use):
                if self.is_own(place.disk) and (place.number is None or place.number in _SYSTEMS) and not _is_oem(use):
                    yield path, f"{self._described(place, use.device)}{_in_the_inner(use)}. {_FREE}"

    def _places_of(self, use: Use) -> Iterator[tuple[Place, str]]:
        if use.kind != "disks":
            yield from ((place, use.path) for place in sorted(self.places(use.device), key=str))
            return
        if use.entry.get("wipe_table"):
            yield Place(use.device, None), use.path if use.inner else f"{use.path}.wipe_table"
        for number, partition in enumerate(use.entry.get("partitions", ())):
            path = use.path if use.inner else f"{use.path}.partitions.{number}.number"
            yield Place(use.device, partition.get("number") or 0), path

    def _described(self, place: Place, device: str) -> str:
        disk = f"flatcar_install_disk ({self._node.install_disk})" if self._node.install_disk else _FLATCARS_DISK
        if self._node.install_disk == device and place.number is None:
            return f"{device} is flatcar_install_disk, which holds the system that this config is for"
        if place.number is None:
            return f"{device} is {disk}, which holds the system that this config is for"
        return f"partition {place.number} of {disk}{'' if device in disk else f', by {device},'} belongs to the installed system"


_FREE = "A config may use its partitions from 9 on (9 is the root file system) and other disks"


def _in_the_inner(use: Use) -> str:
    return f" (in the config there: {use.inner})" if use.inner else ""


def _is_oem(use: Use) -> bool:
    """Reuses the existing file system, to write GRUB's configuration into it."""
    entry = use.entry
    return (
        use.kind == "filesystems"
        and _FLATCAR_LINKS.get(use.device) == _FLATCAR["OEM"]
        and entry.get("format") == "btrfs"
        and entry.get("path") in _OEM
        and not entry.get("wipe_filesystem")
    )


def _without_files(config: Mapping[str, Any]) -> Object:
    """There may be many files, few of which replace another."""
    given = config.get("storage", {})
    storage = {kind: given[kind] for kind in _LINKS_OF if kind in given}
    storage |= {kind: [entry for entry in given.get(kind, ()) if entry.get("overwrite")] for kind in _DONE_TO}
    return read_config(CONFIG, {"ignition": config.get("ignition"), "storage": storage}, _NEWEST)


def _inner(url: str, compression: str | None) -> Object:
    """The config in a data URL. Raises ``ValueError`` if it is elsewhere, or is not a config."""
    return read_config(CONFIG, parse_once(content_of(url, compression).decode()), _NEWEST)


def _mounts(uses: Iterable[Use]) -> dict[str, str]:
    """The devices by where Ignition mounts them, except the root file system, which is the new system's own."""
    mounted = ((use.entry.get("path"), use.device) for use in uses if use.kind == "filesystems")
    return {path: device for path, device in mounted if path and path != "/"}


def _overwritten(configs: Iterable[_Config], mounts: Mapping[str, str]) -> Iterator[Overwritten]:
    for config in configs if mounts else ():
        for kind, done in _DONE_TO.items():
            for entry in config.storage.get(kind, ()):
                path = entry.get("path", "")
                below = [mount for mount in mounts if path == mount or path.startswith(f"{mount.rstrip('/')}/")]
                if entry.get("overwrite") and below:
                    yield Overwritten(mounts[max(below, key=len)], f"{path} is {done}")


def _uses(config: _Config) -> Iterator[Use]:
    for kind, devices_of, loss_of in (
        ("disks", _disk_device, _loss_of_disk),
        ("raid", _raid_devices, _loss_of_raid),
        ("luks", _one_device, _loss_of_luks),
        ("filesystems", _one_device, _loss_of_filesystem),
    ):
        for number, entry in enumerate(config.storage.get(kind, ())):
            for device, inner in devices_of(entry):
                place = f"storage.{kind}.{number}{inner}"
                path, within = (config.path, place) if config.path else (place, "")
                yield Use(kind, path, within, plain(device), entry, loss_of(entry))


def _disk_device(disk: Object) -> Iterator[tuple[str, str]]:
    if disk.get("device"):
        yield disk["device"], ""


def _one_device(entry: Object) -> Iterator[tuple[str, str]]:
    if entry.get("device"):
        yield entry["device"], ".device"


def _raid_devices(entry: Object) -> Iterator[tuple[str, str]]:
    yield from ((device, f".devices.{number}") for number, device in enumerate(entry.get("devices", ())))


def _loss_of_disk(disk: Object) -> str | None:
    if disk.get("wipe_table"):
        return "its partition table is wiped, and all that is on it is lost"
    partitions = disk.get("partitions", ())
    done = [_done_to_partition(partition) for partition in partitions]
    if not done:
        return None
    return f"{', '.join(done)}; without a GPT, all that is on it is lost"


def _done_to_partition(partition: Object) -> str:
    label = f" ({partition['label']})" if partition.get("label") else ""
    which = f"partition {partition.get('number') or 'of any number'}{label}"
    if partition.get("should_exist") is False:
        return f"{which} is deleted"
    return (
        f"{which} is {'deleted and ' if partition.get('wipe_partition_entry') else ''}made where it is not so already"
    )


def _loss_of_raid(raid: Object) -> str:
    return f"it becomes a part of the RAID {raid.get('name')}, and what is there is lost"


def _loss_of_luks(luks: Object) -> str:
    if luks.get("wipe_volume"):
        return f"it is formatted as the LUKS volume {luks.get('name')}, whatever is there"
    return f"it is encrypted as {luks.get('name')} where it is not yet, and what is there is lost"


def _loss_of_filesystem(filesystem: Object) -> str | None:
    kind, wipe = filesystem.get("format"), filesystem.get("wipe_filesystem")
    if not kind or (kind == "none" and not wipe):
        return None
    if kind == "none":
        return "what is there is wiped"
    return f"it is formatted as {kind}, {'whatever is there' if wipe else 'where no file system is found'}"


def _links(uses: Iterable[Use]) -> dict[str, list[Place | str]]:
    """The devices that the config's own devices are made of, by all names that follow from it."""
    links: dict[str, list[Place | str]] = defaultdict(list)
    for use in uses:
        for name, target in _LINKS_OF[use.kind](use):
            links[name].append(target)
    return links


def _partition_links(use: Use) -> Iterator[tuple[str, Place]]:
    for partition in use.entry.get("partitions", ()):
        place = Place(use.device, partition.get("number") or 0)
        if partition.get("label"):
            yield f"/dev/disk/by-partlabel/{partition['label']}", place
        if partition.get("guid"):
            yield f"/dev/disk/by-partuuid/{partition['guid'].lower()}", place


def _raid_links(use: Use) -> Iterator[tuple[str, str]]:
    name = use.entry.get("name")
    yield from (
        (f"{start}{name}", use.device) for start in ("/dev/md/", *(f"{_MD_NAME}{host}" for host in ("", "any:")))
    )


def _luks_links(use: Use) -> Iterator[tuple[str, str]]:
    name = use.entry.get("name")
    yield from ((f"{start}{name}", use.device) for start in ("/dev/mapper/", "/dev/disk/by-id/dm-name-"))
    yield from _content_links(use)


def _content_links(use: Use) -> Iterator[tuple[str, str]]:
    for kind in ("label", "uuid"):
        if use.entry.get(kind):
            yield f"/dev/disk/by-{kind}/{use.entry[kind]}", use.device


_MD_NAME = "/dev/disk/by-id/md-name-"
_LINKS_OF = {"disks": _partition_links, "raid": _raid_links, "luks": _luks_links, "filesystems": _content_links}


def _names_of_own_disk(node: Node, uses: Iterable[Use]) -> set[str]:
    """How the disk that Flatcar is on is identified: by what the node says, and by any partition that only it has.

    In RAM, a disk whose table is wiped may have such a partition, for data that is meant to last.
    """
    own = identities(node.install_disk) if node.install_disk else set()
    if node.install_disk_serial:
        own.add(serial_identity(node.install_disk_serial))
    for use in uses:
        if node.boot_mode == "ram" and use.entry.get("wipe_table"):
            continue
        for partition in use.entry.get("partitions", ()):
            if partition.get("number") and _FLATCAR.get(partition.get("label")) == partition["number"]:
                own |= identities(use.device)
    return own


__all__ = ("Overwritten", "Place", "Storage", "Unread", "Use")
