# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a node's config destroys on disks, in words; and whether a node that runs in RAM has allowed it.

Ignition runs at the first boot of an installed system, and at every boot in RAM. Without any ``wipe`` it reuses what is there and
fits, and creates what is missing: a disk without a GPT, or one whose content it does not recognize, is lost.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from .._node import Node
from .disk_names import identities, is_kernels
from .storage import Overwritten, Storage, Unread, Use

_RAM_DISKS = "flatcar_ram_disks"
_IN_RAM = "in RAM, Ignition runs at every boot"
_UNKNOWN = "unknown disks"

#: How many names fit on a line.
_NAMED = 10

#: When a config takes effect, by the mode of its node.
EACH_BOOT = "at each boot"
_WHEN = {"ram": EACH_BOOT}
_ONCE = "at its first boot after an installation"

_OVERWRITTEN = {
    "flatcar": "it is overwritten with Flatcar if it is empty or has an earlier Flatcar",
    "any": "it is overwritten with Flatcar, whatever is on it",
}


class Loss(NamedTuple):
    """What a disk loses, and when."""

    disk: str
    what: str
    when: str


def losses(node: Node, config: Mapping[str, Any]) -> list[Loss]:
    """What the installation of *node* and its final *config* destroy on which disks; each once."""
    storage = Storage(node, config)
    when = _WHEN.get(node.boot_mode, _ONCE)
    found = [Loss(disk, what, when) for use in storage.uses if use.loss for disk, what in _lost(storage, use)]
    found += [Loss(disk, what, when) for one in storage.overwritten for disk, what in _lost_on(storage, one)]
    found += [
        Loss(_UNKNOWN, f"what {_shown(unread.url)} says, which cannot be read here", when) for unread in storage.unread
    ]
    if node.boot_mode == "install":
        found.insert(0, Loss(node.install_disk, _OVERWRITTEN[node.wipe], "when it is armed and boots from the network"))
    return list(dict.fromkeys(found))


def _lost(storage: Storage, use: Use) -> Iterator[tuple[str, str]]:
    for disk in _disks(storage, use):
        yield disk, use.loss if disk == use.device else f"{use.device}: {use.loss}"


def _lost_on(storage: Storage, one: Overwritten) -> Iterator[tuple[str, str]]:
    for place in sorted(storage.places(one.device), key=str):
        if not storage.is_own(place.disk):
            yield place.disk, one.what if place.disk == one.device else f"{one.device}: {one.what}"


def _disks(storage: Storage, use: Use) -> list[str]:
    places = storage.places(use.device) if use.kind != "disks" else ()
    return sorted({storage.name_of(place, use.device) for place in places}) or [use.device]


def unnamed_in_ram(node: Node, storage: Storage) -> Iterator[tuple[str, str]]:
    """What destroys something on disks that a node in RAM has not named itself: the path in its Butane, and what to do."""
    if node.boot_mode != "ram":
        return
    named = {one for disk in node.ram_disks for one in identities(disk)}
    for use in storage.uses:
        if not use.loss or use.device in named:
            continue
        for disk in _disks(storage, use):
            if not named & identities(disk):
                yield use.path, f"{_IN_RAM}: {use.device}: {use.loss}, each time. {_advice(node, disk)}"
    yield from (_unread_in_ram(node, unread) for unread in storage.unread if unread.url not in named)


def _unread_in_ram(node: Node, unread: Unread) -> tuple[str, str]:
    return (
        unread.path,
        f"{_IN_RAM}, and what {_shown(unread.url)} says of disks cannot be read here. Give the config itself"
        f"{'' if unread.url.startswith('data:') else f'. {_advice(node, unread.url)}'}",
    )


def _advice(node: Node, disk: str) -> str:
    if is_kernels(disk):
        return f"{disk} may be another disk at the next boot: name it by id, here and in {_RAM_DISKS}"
    given = node.given.get(_RAM_DISKS) or ()
    others = set([given] if isinstance(given, str) else given) - set(node.ram_disks)
    groups = "; a group's value does not count" if others else ""
    return f"If that is intended, allow it for this machine alone, in host_vars/{node.name}.yml: {_RAM_DISKS}: [{disk}]{groups}"


def _shown(url: str) -> str:
    return "a data URL" if url.startswith("data:") else url


def lines(of_nodes: Mapping[str, Iterable[Loss]]) -> list[str]:
    """A line for each loss; the same loss of several nodes is one line."""
    nodes: dict[Loss, list[str]] = {}
    for name, found in of_nodes.items():
        for loss in found:
            nodes.setdefault(loss, []).append(name)
    return [f"{who(names)}: {loss.disk}: {loss.what}, {loss.when}" for loss, names in nodes.items()]


def who(names: Collection[str]) -> str:
    named = ", ".join(list(names)[:_NAMED])
    return f"{named} and {len(names) - _NAMED:,} more" if len(names) > _NAMED else named


__all__ = ("EACH_BOOT", "Loss", "lines", "losses", "unnamed_in_ram", "who")
