#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reports what a boot host has heard of machines up to now."""

from __future__ import annotations

DOCUMENTATION = r"""
module: journey_info
short_description: Report what a boot host has heard of machines' boots up to now
description:
  - Reads what the role P(kindling.flatcar.records#role) has recorded, and what the log has since then. Changes nothing.
  - Where nothing is recorded, reads all of the log; in a container, the log that its engine has, if that is given as a file.
  - All of it was sent under a machine's MAC or IP address, by whoever used that address. Strings are short and printable.
version_added: 0.1.0
author:
  - Kindling developers (@kindling-flatcar)
extends_documentation_fragment:
  - kindling.flatcar.attributes.read_only
options:
  macs:
    description: The MAC addresses of the machines to report on. All machines that are published when not given.
    type: list
    elements: str
  seconds:
    description: Boots that began in the last so many seconds. The last boot, whenever it was, when V(0).
    type: int
    default: 0
  records:
    description: The directory in which the role P(kindling.flatcar.records#role) keeps the records of machines' boots.
    type: path
    default: /var/lib/kindling/records
  reservations:
    description: dnsmasq's file of reservations, which says which machines there are.
    type: path
    default: /srv/kindling/fleet/current/dnsmasq/dhcp-hosts
  log:
    description:
      - A file to read in place of the journal, with a time before each line, as C(podman logs --timestamps) prints it.
    type: path
"""

EXAMPLES = r"""
- name: How far did a machine get?
  kindling.flatcar.journey_info:
    macs: ["52:54:00:12:34:56"]
"""

RETURN = r"""
boots:
  description:
    - The boots of each machine by MAC address, oldest first, as M(kindling.flatcar.boot_records_info) returns them. Those that
      C(acceptance.yml) has tried in its place are left out.
  returned: success
  type: dict
good:
  description: The last boot of each machine before these after which it reported that it runs, or null.
  returned: success
  type: dict
near:
  description:
    - For each machine that was not seen, those in no inventory whose MAC address is nearly the same, the nearest first. Each has
      C(mac), C(differs) (how many digits differ), C(first), C(last), C(times) and C(vendor).
  returned: success
  type: dict
unserved:
  description: DHCP requests from networks that the boot host does not serve, as M(kindling.flatcar.boot_records_info) returns them.
  returned: success
  type: list
  elements: dict
silent:
  description: Which of C(dhcp), C(tftp) and C(http) nothing listens for now.
  returned: success
  type: list
  elements: str
connected:
  description: The addresses that have a connection to the web server now.
  returned: success
  type: list
  elements: str
now:
  description: The boot host's time, in seconds since 1970.
  returned: success
  type: float
until:
  description: The time of the last line of the log that was read.
  returned: success
  type: float
"""

import time
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.kindling.flatcar.plugins.module_utils._journey import journey
from ansible_collections.kindling.flatcar.plugins.module_utils._records import records
from ansible_collections.kindling.flatcar.plugins.module_utils._routes import host_paths, routes


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "macs": {"type": "list", "elements": "str"},
            "seconds": {"type": "int", "default": 0},
            "records": {"type": "path", "default": host_paths.RECORDS},
            "reservations": {
                "type": "path",
                "default": f"{host_paths.FLEET}/{host_paths.CURRENT}/{routes.DHCP_HOSTS}",
            },
            "log": {"type": "path"},
        },
        supports_check_mode=True,
    )
    wrong = [mac for mac in module.params["macs"] or () if not records.is_mac(mac)]
    if wrong:
        module.fail_json(
            msg=f"macs: expected MAC addresses such as 52:54:00:12:34:56, got {', '.join(map(repr, wrong))}"
        )
    try:
        found = _heard(module.params)
    except (records.RecordsError, OSError) as error:
        module.fail_json(msg=f"what was heard cannot be read: {error}")
    _status, sockets, _errors = module.run_command(list(journey.SOCKETS))
    module.exit_json(changed=False, now=time.time(), **found, **journey.present(sockets))


def _heard(params: dict) -> dict:
    try:
        machines = records.read_machines(Path(params["reservations"]).read_text(encoding="utf-8"))
    except FileNotFoundError:  # nothing is published yet
        machines = records.Machines({}, {})
    directory, macs = Path(params["records"]), params["macs"]
    since = time.time() - params["seconds"] if params["seconds"] else 0
    if not params["log"]:
        return journey.heard(directory, records.journal, machines, macs, since)
    with Path(params["log"]).open(encoding="utf-8", errors="replace") as lines:
        return journey.heard(directory, lambda _cursor: journey.entries_of_text(lines), machines, macs, since)


if __name__ == "__main__":
    main()
