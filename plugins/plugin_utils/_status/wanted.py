# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the inventory wants of its nodes, and what boot hosts answered about them, as playbooks that show both need it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .._install import config_digest
from .._inventory.reader import InventoryReading
from .._publish.places import network_of
from .status import Wanted, by_word


def wanted_in(found: InventoryReading) -> dict[str, Wanted]:
    """All nodes without mistakes in the inventory, with their boot hosts: of a pair, the one that answers first comes first."""
    serving: dict[str, list[tuple[bool, str]]] = {}
    made = {}
    for host, fleet in found.fleets.items():
        for node in fleet.nodes:
            if node.name in fleet.configs:
                serving.setdefault(node.name, []).append((network_of(node, fleet.networks).standby, host))
                made[node.name] = (node, fleet.configs[node.name])
    return {
        name: Wanted(
            mode=node.boot_mode,
            version=node.version,
            config=config_digest(config),
            boot_hosts=tuple(host for _standby, host in sorted(serving[name])),
            known_as=(*map(str, (node.address, *node.more_addresses)), *(mac.replace(":", "-") for mac in node.mac)),
        )
        for name, (node, config) in made.items()
    }


def names_of(nodes: list[str], wanted: Mapping[str, Wanted], hosts: list[str] | None) -> list[str]:
    """The nodes that are among *hosts*, or behind boot hosts that are."""
    if hosts is None:
        return nodes
    behind = {name for name, one in wanted.items() if set(one.boot_hosts) & set(hosts)}
    return [name for name in nodes if name in hosts or name in behind]


def answer_of(read: Mapping[str, Any] | None) -> Mapping[str, Any] | str:
    """What a boot host answered, or why it did not."""
    if not read:
        return "not asked"
    if "index" not in read:
        return str(read.get("msg") or "no answer")
    return {**read, "armings": by_word(read["armings"])}


__all__ = ("answer_of", "names_of", "wanted_in")
