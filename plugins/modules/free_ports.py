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
  unit:
    description: The service's own systemd unit, which may hold the ports.
    type: str
    required: true
  supervised:
    description: The directory where s6 supervises the service. Without it, systemd runs O(unit).
    type: path
"""

EXAMPLES = r"""
- name: Check that nothing else answers DHCP here
  kindling.flatcar.free_ports:
    ports: [{protocol: udp, port: 67}]
    networks: "{{ kindling_networks | kindling.flatcar.boot_networks(ansible_facts, inventory_hostname) }}"
    unit: kindling-dnsmasq.service
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
            "unit": {"type": "str", "required": True},
            "supervised": {"type": "path"},
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
    own = module.params["unit"]
    owns = _owned_under_s6(module) if module.params["supervised"] else _owned_under_systemd(module)
    strangers = [str(listener) for listener in found if not owns(listener.pid)]
    if strangers:
        module.fail_json(
            msg=f"{'; '.join(sorted(set(strangers)))}. {own} needs it on {', '.join(addresses)}: "
            "stop that service, or have it listen elsewhere. Nothing was changed."
        )
    module.exit_json(changed=False)


def _owned_under_systemd(module: AnsibleModule) -> Callable[[int | None], bool]:
    """Whether systemd started a process for the unit: its control group is named after the unit.

    In a container, root cannot see whose socket a service with capabilities holds: the service's own, while it runs.
    """
    unit = module.params["unit"]
    runs = module.run_command(["systemctl", "is-active", "--quiet", unit])[0] == 0

    def owns(pid: int | None) -> bool:
        if pid is None:
            return runs
        try:
            return f"/{unit}" in Path(f"/proc/{pid}/cgroup").read_text(encoding="ascii")
        except OSError:
            return False

    return owns


def _owned_under_s6(module: AnsibleModule) -> Callable[[int | None], bool]:
    """The same if s6 runs the service: it starts each one in a session of its own."""
    _code, status, _error = module.run_command(["s6-svstat", "-o", "up,pid", module.params["supervised"]])
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
