# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Disks, partitions, RAID, filesystems and LUKS.

Source: Ignition's ``types/disk.go``, ``partition.go``, ``raid.go``, ``filesystem.go``, ``luks.go``, ``clevis.go`` and
``storage.go``; Butane's base validation for mount units.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator

from .. import urls
from ..structure import Finding, Object, Scope, error, warning

_GUID = re.compile(r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}\Z")
_NO_SPARES = ("linear", "raid0", "0", "stripe")
_LEVELS = (*_NO_SPARES, "raid1", "1", "mirror", "raid4", "4", "raid5", "5", "raid6", "6", "raid10", "10")
_LONGEST_LABEL: dict[str, float] = {"ext4": 16, "btrfs": 256, "xfs": 12, "swap": 15, "vfat": 11, "none": math.inf}
_LONGEST_LUKS_LABEL = 47
_LONGEST_PARTITION_LABEL = 36


def _byte_length(text: str) -> int:
    return len(text.encode("utf-8", "surrogateescape"))


def partitions_fit_together(disk: Object, _scope: Scope) -> Iterator[Finding]:
    """Reports the first conflict of each kind; none for a disk without a name."""
    partitions = disk.get("partitions", ()) if disk.get("device") else ()
    collision = _second_use([partition.get("number") or None for partition in partitions])
    if collision is not None:
        yield error("partition numbers collide", "partitions", collision)
    overlap = _first_overlap(partitions)
    if overlap is not None:
        yield error("partitions overlap", "partitions", overlap)
    if any(not partition.get("number") for partition in partitions) and any(
        partition.get("should_exist") is False for partition in partitions
    ):
        yield error("shouldExist is false for a partition and other partition(s) has start or size 0", "partitions")
    repeated = _second_use([partition.get("label") for partition in partitions])
    if repeated is not None:
        yield error("cannot use the same partition label twice", "partitions", repeated)


def _second_use(keys: list) -> int | None:
    seen = set()
    for index, key in enumerate(keys):
        if key is not None and key in seen:
            return index
        seen.add(key)
    return None


def _first_overlap(partitions: list[Object]) -> int | None:
    """The index of the first partition, in list order, that the first overlapping one meets."""
    spans = {index: span for index, partition in enumerate(partitions) if (span := _span(partition))}
    overlapping = _overlapping(spans)
    for index, (start, end) in spans.items():
        if index in overlapping:
            return next(i for i, (first, last) in spans.items() if i != index and first <= end and start <= last)
    return None


def _span(partition: Object) -> tuple[int, int] | None:
    """First and last MiB where both start and size are known; size 0 occupies its start alone."""
    start, size = partition.get("start_mib"), partition.get("size_mib")
    if not start or size is None:
        return None
    end = start + size - 1 if size else start
    return min(start, end), max(start, end)


def _overlapping(spans: dict[int, tuple[int, int]]) -> set[int]:
    """Those that overlap any other: found by comparing neighbours in the order of their starts."""
    found = set()
    furthest = None
    for index, (start, end) in sorted(spans.items(), key=lambda item: item[1]):
        if furthest is not None and start <= spans[furthest][1]:
            found |= {index, furthest}
        if furthest is None or end > spans[furthest][1]:
            furthest = index
    return found


def partition_that_must_not_exist_says_nothing_else(partition: Object, _scope: Scope) -> Iterator[Finding]:
    if partition.get("should_exist") is not False:
        return
    says_more = any(field in partition for field in ("label", "start_mib", "size_mib"))
    if says_more or partition.get("guid") or partition.get("type_guid"):
        yield error("shouldExist specified false with other options also specified")


def partition_can_be_found(partition: Object, _scope: Scope) -> Iterator[Finding]:
    if not partition.get("number") and "label" not in partition:
        yield error("a partition number >= 1 or a label must be specified")


def is_partition_label(label: str, _scope: Scope) -> Iterator[Finding]:
    if _byte_length(label) > _LONGEST_PARTITION_LABEL:
        yield error("partition labels may not exceed 36 characters")
    elif ":" in label:
        yield error("partition label will be truncated to text before the colon")


def is_guid(guid: str, _scope: Scope) -> Iterator[Finding]:
    if guid and not _GUID.match(guid):
        yield error('doesn\'t match the form "01234567-89AB-CDEF-EDCB-A98765432101"')


def is_raid_level(raid: Object, _scope: Scope) -> Iterator[Finding]:
    level = raid.get("level")
    if not level:
        yield error("raid level is required", "level")
    elif level not in _LEVELS:
        yield error("unrecognized raid level", "level")
    elif level in _NO_SPARES and raid.get("spares"):
        yield error("spares unsupported for linear and raid0 arrays", "level")


def has_raid_devices(raid: Object, _scope: Scope) -> Iterator[Finding]:
    if not raid.get("devices"):
        yield error("raid devices required", "devices")


def mount_unit_is_possible(filesystem: Object, _scope: Scope) -> Iterator[Finding]:
    if not filesystem.get("with_mount_unit"):
        return
    if not filesystem.get("format"):
        yield error("format is required if with_mount_unit is true", "format")
    elif filesystem["format"] != "swap" and not filesystem.get("path"):
        yield error("path is required if with_mount_unit is true and format is not swap", "path")


def is_filesystem_format(filesystem: Object, _scope: Scope) -> Iterator[Finding]:
    wanted = filesystem.get("format")
    if wanted:
        if wanted not in _LONGEST_LABEL:
            yield error("invalid filesystem format", "format")
    elif any(
        filesystem.get(field) for field in ("path", "label", "uuid", "wipe_filesystem", "options", "mount_options")
    ):
        yield error(
            "format cannot be empty when path, label, uuid, wipeFilesystem, options, or mountOptions is specified",
            "format",
        )


def is_filesystem_label(filesystem: Object, _scope: Scope) -> Iterator[Finding]:
    label, wanted = filesystem.get("label"), filesystem.get("format")
    if not label:
        return
    if not wanted:
        yield error("filesystem must specify format if label is specified", "label")
    elif _byte_length(label) > (longest := _LONGEST_LABEL.get(wanted, math.inf)):
        yield error(f"filesystem labels cannot be longer than {longest} characters when using {wanted}", "label")


def filesystems_respect_disks(storage: Object, _scope: Scope) -> Iterator[Finding]:
    disks = {disk.get("device", ""): disk for disk in storage.get("disks", ())}
    for index, filesystem in enumerate(storage.get("filesystems", ())):
        disk = disks.get(filesystem.get("device", ""))
        if disk is None:
            continue
        if disk.get("partitions"):
            yield warning("filesystem overwrites partitioned device", "filesystems", index, "device")
        elif disk.get("wipe_table") and not filesystem.get("wipe_filesystem"):
            yield warning(
                "device matches disk with wipeTable enabled; filesystem will be wiped", "filesystems", index, "device"
            )


def is_luks_name(name: str, _scope: Scope) -> Iterator[Finding]:
    if "/" in name:
        yield error("device names cannot contain slashes")


def is_luks_label(label: str, _scope: Scope) -> Iterator[Finding]:
    if _byte_length(label) > _LONGEST_LUKS_LABEL:
        yield error("luks device labels cannot be longer than 47 characters")


def clevis_is_custom_or_not(clevis: Object, _scope: Scope) -> Iterator[Finding]:
    if clevis.get("custom", {}).get("pin") and any(clevis.get(field) for field in ("tang", "tpm2", "threshold")):
        yield error("cannot use custom clevis config with tpm2, tang, or threshold")


def custom_clevis_is_complete(custom: Object, _scope: Scope) -> Iterator[Finding]:
    if not any(custom.get(field) for field in ("pin", "config", "needs_network")):
        return
    if not custom.get("pin"):
        yield error("missing required custom clevis pin", "pin")
    if not custom.get("config"):
        yield error("missing required custom clevis config", "config")


def is_tang_url(url: str | None, _scope: Scope) -> Iterator[Finding]:
    try:
        if urls.parse(url or "").scheme not in ("http", "https"):
            yield error(urls.BAD_SCHEME)
    except urls.UrlError as failure:
        yield error(str(failure))


def is_thumbprint(thumbprint: str | None, _scope: Scope) -> Iterator[Finding]:
    if not thumbprint:
        yield error("thumbprint is required")


def is_advertisement(advertisement: str, _scope: Scope) -> Iterator[Finding]:
    if advertisement and not _is_strict_json(advertisement):
        yield error("advertisement is not valid JSON")


def _is_strict_json(text: str) -> bool:
    """As Go reads it: no NaN, and no number that a float cannot hold."""
    try:
        json.loads(text, parse_constant=_refuse_constant, parse_float=_finite, parse_int=_finite)
    except (ValueError, RecursionError):
        return False
    return True


def _refuse_constant(name: str) -> None:
    raise ValueError(name)


def _finite(digits: str) -> float:
    value = float(digits)
    if math.isinf(value):
        raise ValueError(digits)
    return value
