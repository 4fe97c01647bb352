#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Has dnsmasq use the published reservations."""

from __future__ import annotations

DOCUMENTATION = r"""
module: reservations
short_description: Have dnsmasq use the published reservations
description:
  - Has the boot host's own services for DHCP and DNS reload reservations and names that they have not read, as
    M(kindling.flatcar.service) finds out. One that does not run reads them when it starts.
  - Then releases, in the machine's name, each lease whose address is now reserved for another machine, or whose machine now has
    another address. Otherwise dnsmasq would keep the address from the machine that has it reserved now, such as the same one with a
    new network card. Other leases, such as those of strangers in quarantine, are left alone.
  - A machine that was removed and still runs keeps using its address until its lease would have expired; it gets no more answers.
version_added: 0.1.0
author:
  - Kindling developers (@kindling-flatcar)
extends_documentation_fragment:
  - kindling.flatcar.attributes
requirements:
  - iproute2 on the host
attributes:
  check_mode:
    support: full
    details: Reports what would be done, and which leases would end.
  diff_mode:
    support: none
    details: RV(released) lists what ended.
options:
  path:
    description: The directory that holds the generations and the symlink C(current).
    type: path
    default: /srv/kindling/fleet
  published:
    description: Whether this run has published other reservations, or in check mode would.
    type: bool
    default: false
  supervised:
    description: The directory where s6 supervises services, in directories of their names. Without it, systemd runs them.
    type: path
"""

EXAMPLES = r"""
- name: Have dnsmasq use the reservations
  kindling.flatcar.reservations:
    published: "{{ fleet is changed }}"
"""

RETURN = r"""
actions:
  description: What was done to the services, or in check mode would be, as commands.
  returned: success
  type: list
  elements: str
released:
  description: The leases that ended, or in check mode would end, each with C(mac) and C(address).
  returned: success
  type: list
  elements: dict
"""

import ipaddress
import json
import time
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.kindling.flatcar.plugins.module_utils._dnsmasq import leases
from ansible_collections.kindling.flatcar.plugins.module_utils._host import services
from ansible_collections.kindling.flatcar.plugins.module_utils._routes import host_paths, routes

LEASES = Path(host_paths.LEASES)
#: What each service reads at a reload: DHCP, and the nodes' names.
FILES = {"kindling-dnsmasq": (routes.DHCP_HOSTS, routes.KNOWN), "kindling-tftp": (routes.DNS_HOSTS,)}
#: dnsmasq writes its lease file within a moment.
PATIENCE = 3.0


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path", "default": host_paths.FLEET},
            "published": {"type": "bool", "default": False},
            "supervised": {"type": "path"},
        },
        supports_check_mode=True,
    )
    served = Path(module.params["path"], host_paths.CURRENT)
    actions = [action for name in FILES for action in load(module, name, served)]
    found = stale(served)
    left = [] if module.check_mode else end(module, found, served)
    for lease in left:
        module.warn(
            f"dnsmasq did not end the lease of {lease.mac} for {lease.address}: until it expires, nobody else gets "
            "the address"
        )
    released = [{"mac": lease.mac, "address": str(lease.address)} for lease in found if lease not in left]
    module.exit_json(changed=bool(actions or released), actions=actions, released=released)


def load(module: AnsibleModule, name: str, served: Path) -> list[str]:
    """Have the service reload its files if it has not read them; returns the commands."""
    files, unit, directory = (
        [str(served / file) for file in FILES[name]],
        f"{name}.service",
        module.params["supervised"],
    )
    supervised = f"{directory}/{name}" if directory else None
    service = services.Service(unit, reload_for=files, supervised=supervised, bring_up=False)
    written = files if module.params["published"] else []
    commands, _files = services.due(service, written, module.check_mode, lambda *command: _run(module, unit, command))
    for command in [] if module.check_mode else commands:
        _run(module, unit, command)
    return [" ".join(command) for command in commands]


def stale(served: Path) -> list[leases.Lease]:
    reserved = served / routes.DHCP_HOSTS
    return leases.stale(leases.read_file(LEASES), reserved.read_text()) if reserved.exists() else []


def end(module: AnsibleModule, found: list[leases.Lease], served: Path) -> list[leases.Lease]:
    """Release them; returns those that are still there after a while."""
    for lease in found:
        _code, output, _error = module.run_command(["ip", "-json", "route", "get", str(lease.address)], check_rc=True)
        (route,) = json.loads(output)
        leases.give_back(lease, route["dev"], ipaddress.IPv4Address(route["prefsrc"]))
    deadline = time.monotonic() + PATIENCE
    left = found
    while left and time.monotonic() < deadline:
        time.sleep(0.05)
        left = [lease for lease in stale(served) if lease in found]
    return left


def _run(module: AnsibleModule, unit: str, command: services.Command) -> str:
    status, output, said = module.run_command(list(command))
    if status != 0:
        module.fail_json(
            msg=f"{' '.join(command)} failed: {said.strip()}. `journalctl -u {unit}` says why; it uses the reservations that it "
            "read before."
        )
    return output


if __name__ == "__main__":
    main()
