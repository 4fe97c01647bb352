# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the inventory wants of its nodes, and what boot hosts answered about them, as playbooks that show both need it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from .._install import config_digest
from .._inventory.reader import Fleet
from .._publish.places import network_of
from .status import Wanted, by_word


def names_to_read(nodes: list[str], boot_hosts: Collection[str], limit: list[str] | None) -> list[str]:
    """The nodes of a *limit*, or all: which are behind a boot host is known only once they are read."""
    if limit is None or set(limit) & set(boot_hosts):
        return nodes
    asked = set(limit)
    return [name for name in nodes if name in asked]


def wanted_in(fleets: Mapping[str, Fleet]) -> dict[str, Wanted]:
    """The nodes without mistakes in the inventory, with their boot hosts: of a pair, the one that answers first comes first."""
    serving: dict[str, list[tuple[bool, str]]] = {}
    made = {}
    for host, fleet in fleets.items():
        for node in fleet.nodes:
            if node.name in fleet.configs:
                serving.setdefault(node.name, []).append((network_of(node, fleet.networks).standby, host))
                made[node.name] = (node, config_digest(fleet.configs[node.name]))
    return {
        name: Wanted(
            mode=node.boot_mode,
            version=node.version,
            config=digest,
            boot_hosts=tuple(host for _standby, host in sorted(serving[name])),
            known_as=(*map(str, (node.address, *node.more_addresses)), *(mac.replace(":", "-") for mac in node.mac)),
        )
        for name, (node, digest) in made.items()
    }


def names_of(nodes: list[str], wanted: Mapping[str, Wanted], hosts: list[str] | None) -> list[str]:
    """The nodes that are among *hosts*, or behind boot hosts that are."""
    if hosts is None:
        return nodes
    asked = set(hosts)
    behind = {name for name, one in wanted.items() if asked.intersection(one.boot_hosts)}
    return [name for name in nodes if name in asked or name in behind]


def answer_of(read: Mapping[str, Any] | None) -> Mapping[str, Any] | str:
    """What a boot host answered, or why it did not."""
    if not read:
        return "not asked"
    if "index" not in read:
        return str(read.get("msg") or "no answer")
    return {**read, "armings": by_word(read["armings"])}


__all__ = ("answer_of", "names_of", "names_to_read", "wanted_in")
