# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documents the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: boot_probe
short_description: Try what a rack's machines would boot, before they are powered on
description:
  - Runs emulated machines on the racks' networks, from a host attached to them. For each node and each kind of firmware it asks
    for an address and a boot program, fetches that program, and follows iPXE's scripts to kernel, initrd and Ignition config.
  - Meanwhile this host takes the node's place, in a network namespace with a macvlan that has the node's MAC address and gets its
    address by DHCP. Both are gone with the process, however it ends, and the lease is released.
  - A node whose address is in use is not disturbed. This host only asks, from its own MAC address, what DHCP would offer the node,
    and takes no offer.
  - Reads the nodes from the inventory, prints a table, and fails if something that has to work does not.
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
    details: Makes no lasting changes, so it does the same in check mode.
  diff_mode:
    support: none
    details: There is nothing to compare.
options:
  hosts:
    description:
      - Nodes to try, and boot hosts for which one node of each kind is tried, by what it boots and its board. All boot hosts when
        not given.
    type: list
    elements: str
  all_nodes:
    description: Try all nodes of these boot hosts instead of one of each kind.
    type: bool
    default: false
  interface:
    description: This host's interface, if only one network is tried. By default the one that has an address on it.
    type: str
  seconds:
    description: How long to wait for a server's answer.
    type: float
    default: 5
"""

EXAMPLES = r"""
- name: Try what one machine would boot
  kindling.flatcar.boot_probe:
    hosts: [a01]
"""

RETURN = r"""
networks:
  description: What was found on each network.
  returned: success
  type: list
  elements: dict
  contains:
    boot_host:
      description: The boot host that serves it.
      type: str
    subnet:
      description: The network.
      type: str
    interface:
      description: This host's interface on it; empty if it has none, in which case nothing was tried.
      type: str
    rows:
      description: One for each node and kind of firmware, with its C(problems).
      type: list
      elements: dict
    stranger:
      description: What a machine that is not in the inventory is offered.
      type: dict
"""
