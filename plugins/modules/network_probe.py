#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Asks a network's boot host what machines would boot there, in the place of each of them."""

from __future__ import annotations

DOCUMENTATION = r"""
module: network_probe
short_description: Try what given machines on networks would boot
description:
  - Runs emulated machines on networks, from a host attached to them, and reports how far each kind of firmware gets.
  - The action plugin M(kindling.flatcar.boot_probe) calls this module; there is rarely a reason to call it directly.
version_added: 0.1.0
author:
  - Kindling developers (@kindling-flatcar)
extends_documentation_fragment:
  - kindling.flatcar.attributes
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
  networks:
    description: The networks, and the machines on each.
    type: list
    elements: dict
    required: true
    suboptions:
      boot_host:
        description: The boot host that serves it.
        type: str
        required: true
      subnet:
        description: The network in CIDR form, by which this host's interface is found.
        type: str
        required: true
      nodes:
        description: The machines to try.
        type: list
        elements: dict
        required: true
        suboptions:
          name:
            description: Its name.
            type: str
            required: true
          mac:
            description: Its MAC address.
            type: str
            required: true
          address:
            description: The address that is reserved for it.
            type: str
            required: true
          codes:
            description: The architecture codes (DHCP option 93) that have to work for it.
            type: list
            elements: int
            required: true
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
  kindling.flatcar.network_probe:
    networks:
      - boot_host: boot-a
        subnet: 192.168.10.0/24
        nodes: [{name: a01, mac: "52:54:00:00:00:01", address: 192.168.10.11, codes: [0, 7]}]
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

import ipaddress
import json

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.kindling.flatcar.plugins.module_utils._netboot.packet import PacketError, mac_bytes
from ansible_collections.kindling.flatcar.plugins.module_utils._netboot.probe import Prober, Target


def main() -> None:
    node = {
        "name": {"type": "str", "required": True},
        "mac": {"type": "str", "required": True},
        "address": {"type": "str", "required": True},
        "codes": {"type": "list", "elements": "int", "required": True},
    }
    network = {
        "boot_host": {"type": "str", "required": True},
        "subnet": {"type": "str", "required": True},
        "nodes": {"type": "list", "elements": "dict", "required": True, "options": node},
    }
    module = AnsibleModule(
        argument_spec={
            "networks": {"type": "list", "elements": "dict", "required": True, "options": network},
            "interface": {"type": "str"},
            "seconds": {"type": "float", "default": 5},
        },
        supports_check_mode=True,
    )
    module.get_bin_path("ip", required=True)
    found = []
    for wanted in module.params["networks"]:
        seen = {"boot_host": wanted["boot_host"], "subnet": wanted["subnet"], "rows": [], "stranger": None}
        seen["interface"] = module.params["interface"] or _interface_on(module, wanted["subnet"])
        if seen["interface"]:
            seen |= _look(module, seen["interface"], wanted)
        found.append(seen)
    module.exit_json(changed=False, networks=found)


def _look(module: AnsibleModule, interface: str, wanted: dict) -> dict:
    try:
        targets = [_target(node) for node in wanted["nodes"]]
        prober = Prober(interface, module.params["seconds"])
        rows = [row.as_data() for row in prober.rows(targets)]
        return {"rows": rows, "stranger": prober.strangers("a stranger").as_data()}
    except (PacketError, ipaddress.AddressValueError, OSError) as error:
        module.fail_json(msg=f"{interface}, for {wanted['subnet']} of {wanted['boot_host']}: {error}")


def _target(node: dict) -> Target:
    address = ipaddress.IPv4Address(node["address"])
    return Target(node["name"], mac_bytes(node["mac"]), address, tuple(node["codes"]))


def _interface_on(module: AnsibleModule, subnet: str) -> str:
    """The first interface with an address on the network."""
    _code, output, _error = module.run_command(["ip", "-4", "-json", "address"], check_rc=True)
    network = ipaddress.IPv4Network(subnet)
    for interface in json.loads(output):
        addresses = (ipaddress.IPv4Address(entry["local"]) for entry in interface.get("addr_info", ()))
        if any(address in network for address in addresses):
            return interface["ifname"]
    return ""


if __name__ == "__main__":
    main()
