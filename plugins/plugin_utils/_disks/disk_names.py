# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names of disks: which of them mean the same disk, and which a partition of it.

Source: systemd's ``60-persistent-storage.rules`` and ``scsi_id``, which make the links below ``/dev/disk``.
"""

from __future__ import annotations

import binascii
import posixpath
import re
from collections.abc import Iterator

_BY_ID = "/dev/disk/by-id/"
_BY_PATH = "/dev/disk/by-path/"

#: A partition in the name of its disk: ``…-part1`` of links, ``sda1`` and ``nvme0n1p1`` of the kernel.
_PARTITIONS = (
    re.compile(r"(/dev/disk/by-(?:id|path)/.+)-part([0-9]+)"),
    re.compile(r"(/dev/(?:sd|vd|xvd|hd)[a-z]+)([0-9]+)"),
    re.compile(r"(/dev/(?:nvme[0-9]+n|mmcblk|md|loop|nbd)[0-9]+)p([0-9]+)"),
)
_KERNEL = re.compile(r"/dev/(?:sd|vd|xvd|hd)[a-z]+[0-9]*|/dev/(?:nvme[0-9]+n|mmcblk|md|dm-|loop|nbd)[0-9]+(?:p[0-9]+)?")
_ESCAPED = re.compile(r"\\x([0-9a-f]{2})")

#: Globally unique identifiers of a disk: SCSI's and NVMe's world-wide names and UUIDs, behind the prefixes that udev adds.
_WORLD_WIDE = re.compile(r"(?:wwn-(?:0x|eui\.|naa\.)?|scsi-[23]|dm-uuid-mpath-[23]|nvme-eui\.)([0-9a-f]+)")
_UUID = re.compile(r"(?:nvme-uuid\.|scsi-8uuid\.|wwn-uuid\.)([0-9a-f-]{36})")
_NVME_WITHOUT = re.compile(r"(?:nvme|wwn)-nvme\.[0-9a-f]{4}-((?:[0-9a-f]{2})+)-[0-9a-f]+-0*1")
_WITH_SERIAL = re.compile(r"(?:ata-|nvme-|usb-|mmc-|scsi-S|scsi-1ATA_).*_([^_]{4,})")

#: What udev may append to a serial number: a USB disk's unit, an NVMe disk's namespace. A second namespace is another disk.
_BEHIND_SERIAL = (re.compile(r"(usb-.+)-[0-9]+:[0-9]+"), re.compile(r"(nvme-.+_.+)_1"))

#: Two names that udev gives one slot: for SATA (ID_PATH_ATA_COMPAT), and for USB by its speed (ID_PATH_WITH_USB_REVISION).
_SLOT_TWICE = re.compile(r"(?<=-ata-)([0-9]+)\.0(?=-|$)|(?<=-usb)v[23](?=-)")

#: Names that a person or a hypervisor has assigned: another machine may use them too.
_LOCAL = re.compile(r"(?:virtio|google|dm-name|md-name)-.*|scsi-0.*|.*QEMU.*")


def plain(device: str) -> str:
    """A device's path as udev writes it: normalized, with a label's characters unescaped."""
    return _ESCAPED.sub(lambda found: chr(int(found[1], 16)), posixpath.normpath(re.sub("/+", "/", device)))


def split_partition(device: str) -> tuple[str, int | None]:
    """The disk in a device's name, and the partition's number if it is a partition."""
    for pattern in _PARTITIONS:
        found = pattern.fullmatch(device)
        if found:
            return found[1], int(found[2])
    return device, None


def is_kernels(device: str) -> bool:
    """Whether the kernel assigns the name anew at each start, in the order in which it finds disks."""
    return bool(_KERNEL.fullmatch(device))


def identities(disk: str) -> set[str]:
    """How the name of a whole disk identifies it; two names that share an identity mean the same disk."""
    slot = {_SLOT_TWICE.sub(r"\1", disk)} if disk.startswith(_BY_PATH) else set()
    return {disk, *slot, *world_identities(disk)}


def world_identities(disk: str) -> set[str]:
    """Those of ``identities`` that no other disk in the world has."""
    name = disk.removeprefix(_BY_ID)
    if name == disk or _LOCAL.fullmatch(name):
        return set()
    return {disk, *_numbers(name)}


def serial_identity(serial: str) -> str:
    return f"serial {'_'.join(serial.split()).casefold()}"


def _numbers(name: str) -> Iterator[str]:
    folded = name.casefold()
    if found := _WORLD_WIDE.fullmatch(folded):
        yield f"world-wide name {found[1].lstrip('0')}"
    elif found := _UUID.fullmatch(folded):
        yield f"UUID {found[1].replace('-', '')}"
    elif found := _NVME_WITHOUT.fullmatch(folded):
        yield serial_identity(binascii.unhexlify(found[1]).decode("ascii", "replace"))
    elif found := _WITH_SERIAL.fullmatch(_up_to_the_serial(name)):
        yield serial_identity(found[1])


def _up_to_the_serial(name: str) -> str:
    return next((found[1] for ending in _BEHIND_SERIAL if (found := ending.fullmatch(name))), name)


__all__ = ("identities", "is_kernels", "plain", "serial_identity", "split_partition", "world_identities")
