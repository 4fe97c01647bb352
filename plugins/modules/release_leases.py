#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Releases leases that conflict with reservations."""

from __future__ import annotations

DOCUMENTATION = r"""
module: release_leases
short_description: Release leases that conflict with reservations
description:
  - Releases, in the machine's name, each lease of the boot host's own dnsmasq whose address is now reserved for another machine, or
    whose machine now has another address. Otherwise dnsmasq would keep the address from the machine that has it reserved now, such
    as the same one with a new network card. Other leases, such as those of strangers in quarantine, are left alone.
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
    details: Reports which leases would end.
  diff_mode:
    support: none
    details: RV(released) lists what ended.
options:
  leases:
    description: dnsmasq's lease file. If there is none, there is nothing to do.
    type: path
    required: true
  reservations:
    description: dnsmasq's file of reservations.
    type: path
    required: true
"""

EXAMPLES = r"""
- name: Release the leases of machines that are gone
  kindling.flatcar.release_leases:
    leases: /run/kindling-dnsmasq/leases
    reservations: /srv/kindling/fleet/current/dnsmasq/dhcp-hosts
"""

RETURN = r"""
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

#: dnsmasq writes its lease file within a moment.
PATIENCE = 3.0


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "leases": {"type": "path", "required": True},
            "reservations": {"type": "path", "required": True},
        },
        supports_check_mode=True,
    )
    found = stale(module.params)
    left = [] if module.check_mode else end(module, found)
    for lease in left:
        module.warn(
            f"dnsmasq did not end the lease of {lease.mac} for {lease.address}: until it expires, nobody else gets "
            "the address"
        )
    released = [{"mac": lease.mac, "address": str(lease.address)} for lease in found if lease not in left]
    module.exit_json(changed=bool(released), released=released)


def stale(options: dict) -> list[leases.Lease]:
    held, reserved = Path(options["leases"]), Path(options["reservations"])
    return leases.stale(leases.read_file(held), reserved.read_text()) if reserved.exists() else []


def end(module: AnsibleModule, found: list[leases.Lease]) -> list[leases.Lease]:
    """Release them; returns those that are still there after a while."""
    for lease in found:
        _code, output, _error = module.run_command(["ip", "-json", "route", "get", str(lease.address)], check_rc=True)
        (route,) = json.loads(output)
        leases.give_back(lease, route["dev"], ipaddress.IPv4Address(route["prefsrc"]))
    deadline = time.monotonic() + PATIENCE
    left = found
    while left and time.monotonic() < deadline:
        time.sleep(0.05)
        left = [lease for lease in stale(module.params) if lease in found]
    return left


if __name__ == "__main__":
    main()
