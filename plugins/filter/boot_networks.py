# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A boot host's provisioning networks, ready for templates."""

from __future__ import annotations

DOCUMENTATION = r"""
name: boot_networks
short_description: Complete a boot host's provisioning networks
description:
  - Checks the networks that a boot host is to serve, and completes them with its own addresses on their interfaces.
version_added: 0.1.0
author:
  - Kindling developers (@kindling-flatcar)
positional: _input, facts, host
options:
  _input:
    description: The networks as in the inventory (C(kindling_networks)).
    type: list
    elements: dict
    required: true
  facts:
    description: The boot host's C(ansible_facts).
    type: dict
    required: true
  host:
    description: The boot host's name, for messages.
    type: str
    required: true
"""

EXAMPLES = r"""
- name: Show the addresses that the boot host serves on
  ansible.builtin.debug:
    msg: "{{ kindling_networks | kindling.flatcar.boot_networks(ansible_facts, inventory_hostname) | map(attribute='address') }}"
"""

RETURN = r"""
_value:
  description:
    - The networks with C(interface), C(cidr), C(subnet) (its first address), C(netmask), C(racks), C(address), C(gateway), C(dns),
      C(ntp), C(domain), C(other_dhcp_servers), C(peer), C(standby), C(mode), C(tag) (dnsmasq's name for it), C(own) (all addresses
      of the interface) and C(quarantine) (the first and last address, and the blocks that make up the range).
  type: list
  elements: dict
"""

from collections.abc import Mapping
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.kindling.flatcar.plugins.plugin_utils._inventory.mistakes import describe
from ansible_collections.kindling.flatcar.plugins.plugin_utils._network.networks import read_networks
from ansible_collections.kindling.flatcar.plugins.plugin_utils._schema.problem import InventoryError


def boot_networks(networks: Any, facts: Mapping, host: str) -> list[dict]:
    try:
        return [network.printable() for network in read_networks(host, networks, facts)]
    except InventoryError as invalid:
        raise AnsibleFilterError(describe(invalid.problems)) from None


class FilterModule:
    def filters(self) -> dict:
        return {"boot_networks": boot_networks}
