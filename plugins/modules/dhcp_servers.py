#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fails while an unlisted DHCP server answers on a provisioning network."""

from __future__ import annotations

DOCUMENTATION = r"""
module: dhcp_servers
short_description: Find the DHCP servers on provisioning networks, and refuse those that do not belong there
description:
  - Asks for an address on each network, as a plain machine and as the firmware of each architecture, with a made-up MAC address,
    and lists the servers that offer one or a boot program. No offer is taken, so no server records a lease. Changes nothing.
  - Fails with the addresses of the servers that would compete with this boot host for the racks' machines, and says how the two
    can coexist.
  - The boot host's own C(address) and those in C(other_dhcp_servers) of a network belong there. With C(mode=proxy) and an empty
    C(other_dhcp_servers), so does any server that gives addresses, and the module warns when none answers. With C(mode=none) the
    boot host answers nobody, so no search is made.
  - A server that answers only known machines cannot be found this way.
version_added: 0.1.0
author:
  - Kindling developers (@kindling-flatcar)
extends_documentation_fragment:
  - kindling.flatcar.attributes.read_only
  - kindling.flatcar.networks.read
options:
  peers:
    description: The addresses of boot hosts that serve the same racks as this one.
    type: list
    elements: str
    default: []
  seconds:
    description:
      - How long servers have to answer. All networks are probed in parallel, and those without a cable are not waited for.
      - Some servers check for three seconds whether an address is in use before they offer it.
    type: float
    default: 5
"""

EXAMPLES = r"""
- name: Check that nobody else answers DHCP here
  kindling.flatcar.dhcp_servers:
    networks: "{{ kindling_networks | kindling.flatcar.boot_networks(ansible_facts, inventory_hostname) }}"
"""

RETURN = r"""
servers:
  description: Every server that answered, including those that belong there.
  returned: always
  type: list
  elements: dict
  contains:
    interface:
      description: The interface on which its answer arrived.
      type: str
    address:
      description: Its server identifier.
      type: str
    source:
      description: The source address of its packet, its relay's if it is behind one.
      type: str
    mac:
      description: The source MAC address of its packet.
      type: str
    offered:
      description: The address that it offered; empty for a proxy.
      type: str
    proxy:
      description: Whether it offers boot programs only.
      type: bool
    boot_file:
      description: The boot program that it names.
      type: str
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.kindling.flatcar.plugins.module_utils._netboot import servers


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "networks": {"type": "list", "elements": "dict", "required": True},
            "peers": {"type": "list", "elements": "str", "default": []},
            "seconds": {"type": "float", "default": 5},
        },
        supports_check_mode=True,
    )
    networks = [network for network in module.params["networks"] if network.get("mode") != "none"]
    connected = servers.connected(network["interface"] for network in networks)
    try:
        found = servers.find_servers(connected, module.params["seconds"])
    except OSError as error:
        module.fail_json(
            msg=f"cannot look for other DHCP servers on {', '.join(connected)}: {error}. Nothing was changed.",
            servers=[],
        )
    for remark in servers.remarks(found, networks, connected):
        module.warn(remark)
    strangers = servers.unwelcome(found, networks, module.params["peers"])
    listed = [server.as_data() for server in found]
    if strangers:
        module.fail_json(msg=servers.stop(strangers), servers=listed)
    module.exit_json(changed=False, servers=listed)


if __name__ == "__main__":
    main()
