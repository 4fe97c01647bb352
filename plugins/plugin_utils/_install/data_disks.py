# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the installer has to check besides the disk that it installs to: what the config does to other disks at its first boot.

Ignition creates what is missing there, when the machine's old system is already gone. So the install script checks before it
writes anything, by the lines that are made here, and refuses to lose data unless that was explicitly allowed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from .._disks.disk_names import identities
from .._disks.storage import Place, Storage, Use
from .._node import Node

#: What Ignition leaves alone on a device, as ``wipefs`` names it.
_KEPT = {"raid": "linux_raid_member", "luks": "crypto_LUKS"}

#: Separates the fields of a line; none of them contains it (``config_words``); the device is the last.
_BETWEEN = "|"


def data_lines(node: Node, config: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Lines for the install script, each once:

    ``data=WHAT|WIPE|MADE|LABEL|DEVICE`` for each device that *config* partitions (``table``), or makes a file system, a part of a
    RAID or an encrypted device of; and ``part=NUMBER|WIPE|LABEL|DEVICE`` for each partition that it creates there. WIPE is
    ``yes`` if the config wipes it in any case, MADE if the config itself creates the device.
    """
    storage = Storage(node, config)
    wiped = set(_wiped(storage))
    return list(dict.fromkeys(line for use in storage.uses if use.loss for line in _lines(storage, use, wiped)))


def _lines(storage: Storage, use: Use, wiped: set[tuple[str, int | None]]) -> Iterator[tuple[str, str]]:
    places = [Place(use.device, None)] if use.kind == "disks" else storage.places(use.device)
    if use.kind != "disks" and all(storage.is_own(place.disk) for place in places):
        return  # overwritten with the rest of the disk
    wipe = _wipes(use) or all(_is_wiped(place, wiped) for place in places)
    what = "table" if use.kind == "disks" else _KEPT.get(use.kind) or use.entry["format"]
    label = use.entry.get("name" if use.kind == "raid" else "label") or ""
    yield "data", _line(what, _word(wipe), _word(storage.makes(use.device)), label, use.device)
    for partition in use.entry.get("partitions", ()):
        replaced = _word(wipe or partition.get("wipe_partition_entry"))
        number, label = partition.get("number") or 0, partition.get("label") or ""
        yield "part", _line(str(number), replaced, label, use.device)


def _wipes(use: Use) -> bool:
    return any(use.entry.get(name) for name in ("wipe_table", "wipe_volume", "wipe_filesystem"))


def _wiped(storage: Storage) -> Iterator[tuple[str, int | None]]:
    """The disks whose tables the config wipes, by all their known names, and the partitions that it deletes."""
    for use in storage.uses:
        if use.kind != "disks":
            continue
        numbers = [one.get("number") for one in use.entry.get("partitions", ()) if one.get("wipe_partition_entry")]
        for identity in identities(use.device):
            yield from ((identity, number) for number in [*numbers, *([None] if use.entry.get("wipe_table") else [])])


def _is_wiped(place: Place, wiped: set[tuple[str, int | None]]) -> bool:
    return any((identity, number) in wiped for identity in identities(place.disk) for number in (None, place.number))


def _word(truth: Any) -> str:
    return "yes" if truth else "no"


def _line(*words: str) -> str:
    return _BETWEEN.join(words)


__all__ = ("data_lines",)
