# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Documents the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: boot_probe
short_description: Try what the machines of a rack would boot, before they are switched on
description:
  - Runs emulated machines on the racks' networks, from a host that stands on them. For each node and each kind of firmware it asks
    for an address and a boot program, fetches that program, and follows iPXE's scripts to kernel, initrd and Ignition config.
  - This host stands in the place of a node for that time, by a network namespace with a macvlan that has the node's MAC address,
    and its address out of DHCP. Both are gone with the process, however it ends, and the lease is given back.
  - A node whose address somebody holds is not disturbed. It is only asked for what DHCP would tell it, from this host's own MAC
    address, and no offer is taken.
  - Reads the nodes from the inventory, prints a table, and fails when something that has to work does not.
version_added: 0.1.0
author:
  - Kindling developers (@kindling-flatcar)
extends_documentation_fragment:
  - kindling.flatcar.attributes
  - kindling.flatcar.output
requirements:
  - root on the host
  - iproute2 on the host
attributes:
  check_mode:
    support: full
    details: Nothing that lasts is changed, so it does the same.
  diff_mode:
    support: none
    details: There is nothing to differ.
options:
  nodes:
    description: The nodes to try, by name. V(few) is one of each kind, by what it boots and its board; V(all) is every node.
    type: list
    elements: str
    default: [few]
  interface:
    description: This host's interface, where only one network is looked at. By default the one that has an address on it.
    type: str
  seconds:
    description: How long a server has for an answer.
    type: float
    default: 5
"""

EXAMPLES = r"""
- name: Try what one machine would boot
  kindling.flatcar.boot_probe:
    nodes: [a01]
"""

RETURN = r"""
networks:
  description: What was found on each network.
  returned: success
  type: list
  elements: dict
  contains:
    boot_host:
      description: Who serves it.
      type: str
    subnet:
      description: The network.
      type: str
    interface:
      description: This host's interface on it; empty where it has none, so that nobody was asked.
      type: str
    rows:
      description: One for each node and kind of firmware, with its C(problems).
      type: list
      elements: dict
    stranger:
      description: What a machine is told that is not in the inventory.
      type: dict
"""
