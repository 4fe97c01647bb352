#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Asks a live boot host what its machines would boot, in the place of each of them."""

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
  - The action plugin of the same name reads the nodes from the inventory, prints a table, and fails when something that has to work
    does not.
version_added: 0.1.0
author:
  - The Kindling developers
requirements:
  - root on the host
  - iproute2 on the host
attributes:
  check_mode:
    support: full
    description: Nothing that lasts is changed, so it does the same.
  diff_mode:
    support: none
    description: There is nothing to differ.
options:
  hosts:
    description:
      - Nodes to try, and boot hosts of whose nodes one of each kind is tried, by what it boots and its board. All boot hosts when
        not given.
    type: list
    elements: str
  all_nodes:
    description: Try all nodes of these boot hosts, and not one of each kind.
    type: bool
    default: false
  networks:
    description: What the action plugin of the same name makes of the inventory and O(hosts). Tasks do not give it.
    type: list
    elements: dict
    suboptions:
      boot_host:
        description: Who serves it.
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
    description: This host's interface, where only one network is looked at. By default the one that has an address on it.
    type: str
  seconds:
    description: How long a server has for an answer.
    type: float
    default: 5
  format:
    description: How the result is printed.
    type: str
    choices: [text, json]
    default: text
  output:
    description: A file on the controller to write it to, instead of printing it.
    type: path
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
    _, output, _ = module.run_command(["ip", "-4", "-json", "address"], check_rc=True)
    network = ipaddress.IPv4Network(subnet)
    for interface in json.loads(output):
        addresses = (ipaddress.IPv4Address(entry["local"]) for entry in interface.get("addr_info", ()))
        if any(address in network for address in addresses):
            return interface["ifname"]
    return ""


if __name__ == "__main__":
    main()
