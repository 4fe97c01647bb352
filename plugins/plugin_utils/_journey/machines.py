# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The machines of an inventory, as their boot hosts serve them."""

from __future__ import annotations

from collections.abc import Mapping

from .._inventory.reader import Fleet
from .._publish.config import can_be_entered
from .._publish.places import network_of
from .journey import Machine


def machines_in(fleets: Mapping[str, Fleet]) -> dict[str, list[Machine]]:
    """Each node as each of its boot hosts serves it: of a pair, the one that answers first comes first."""
    serving: dict[str, list[tuple[bool, Machine]]] = {}
    for host, fleet in fleets.items():
        for node in fleet.nodes:
            network = network_of(node, fleet.networks)
            config = fleet.configs.get(node.name)
            machine = Machine(
                name=node.name,
                macs=tuple(node.mac),
                address=str(node.address),
                mode=node.boot_mode,
                network=f"{network.subnet} (rack {node.rack})",
                boot_host=host,
                login=config is None or can_be_entered(node, config),
            )
            serving.setdefault(node.name, []).append((network.standby, machine))
    return {
        name: [machine for _standby, machine in sorted(there, key=lambda one: one[0])]
        for name, there in serving.items()
    }


__all__ = ("machines_in",)
