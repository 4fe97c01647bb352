#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fails while another service holds a port."""

from __future__ import annotations

DOCUMENTATION = r"""
module: free_ports
short_description: Check that no other service holds the ports that a service needs
description:
  - Fails with the names of the services that hold one of the ports on the given networks. Changes nothing.
version_added: 0.1.0
author:
  - Kindling developers (@kindling-flatcar)
extends_documentation_fragment:
  - kindling.flatcar.attributes.read_only
  - kindling.flatcar.networks.read
requirements:
  - iproute2 on the host
options:
  ports:
    description: The ports.
    type: list
    elements: dict
    required: true
    suboptions:
      protocol:
        description: The transport protocol.
        type: str
        choices: [tcp, udp]
        required: true
      port:
        description: The port number.
        type: int
        required: true
  units:
    description: The systemd units that may hold the ports, because they need them.
    type: list
    elements: str
    required: true
  supervised:
    description: The directories where s6 supervises these services. Without any, systemd runs O(units).
    type: list
    elements: path
    default: []
"""

EXAMPLES = r"""
- name: Check that nothing else answers DHCP here
  kindling.flatcar.free_ports:
    ports: [{protocol: udp, port: 67}]
    networks: "{{ kindling_networks | kindling.flatcar.boot_networks(ansible_facts, inventory_hostname) }}"
    units: [kindling-dnsmasq.service]
"""

RETURN = r"""
"""

import os
from collections.abc import Callable
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.kindling.flatcar.plugins.module_utils._host import listeners


def main() -> None:
    port = {
        "protocol": {"type": "str", "choices": ["tcp", "udp"], "required": True},
        "port": {"type": "int", "required": True},
    }
    module = AnsibleModule(
        argument_spec={
            "ports": {"type": "list", "elements": "dict", "required": True, "options": port},
            "networks": {"type": "list", "elements": "dict", "required": True},
            "units": {"type": "list", "elements": "str", "required": True},
            "supervised": {"type": "list", "elements": "path", "default": []},
        },
        supports_check_mode=True,
    )
    module.get_bin_path(listeners.COMMAND[0], required=True)
    _code, output, _error = module.run_command(list(listeners.COMMAND), check_rc=True)
    networks = module.params["networks"]
    addresses = [network["address"] for network in networks]
    found = listeners.conflicts(
        listeners.parse(output),
        [(port["protocol"], port["port"]) for port in module.params["ports"]],
        addresses,
        [network["interface"] for network in networks],
    )
    units, supervised = module.params["units"], module.params["supervised"]
    owned = [_owned_under_s6(module, place) for place in supervised]
    owned = owned or [_owned_under_systemd(module, unit) for unit in units]
    strangers = [str(listener) for listener in found if not any(owns(listener.pid) for owns in owned)]
    if strangers:
        module.fail_json(
            msg=f"{'; '.join(sorted(set(strangers)))}. {' or '.join(units)} needs it on {', '.join(addresses)}: "
            "stop that service, or have it listen elsewhere. Nothing was changed."
        )
    module.exit_json(changed=False)


def _owned_under_systemd(module: AnsibleModule, unit: str) -> Callable[[int | None], bool]:
    """Whether systemd started a process for the unit: its control group is named after the unit.

    In a container, root cannot see whose socket a service with capabilities holds: the service's own, while it runs.
    """
    runs = module.run_command(["systemctl", "is-active", "--quiet", unit])[0] == 0

    def owns(pid: int | None) -> bool:
        if pid is None:
            return runs
        try:
            return f"/{unit}" in Path(f"/proc/{pid}/cgroup").read_text(encoding="ascii")
        except OSError:
            return False

    return owns


def _owned_under_s6(module: AnsibleModule, supervised: str) -> Callable[[int | None], bool]:
    """The same if s6 runs the service: it starts each one in a session of its own."""
    _code, status, _error = module.run_command(["s6-svstat", "-o", "up,pid", supervised])
    up, _separator, pid = status.strip().partition(" ")

    def owns(other: int | None) -> bool:
        if other is None:
            return up == "true"
        try:
            return os.getsid(other) == int(pid)
        except (OSError, ValueError):
            return False

    return owns


if __name__ == "__main__":
    main()
