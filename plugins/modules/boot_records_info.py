#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reports what is recorded of machines' boots."""

from __future__ import annotations

DOCUMENTATION = r"""
module: boot_records_info
short_description: Report what a boot host has recorded of machines' boots
description:
  - Reads what the role P(kindling.flatcar.records#role) has extracted from the log, for some or all machines. Changes nothing.
  - All of it was sent under a machine's MAC or IP address, by whoever used that address. Strings are short and printable.
version_added: 0.1.0
author:
  - Kindling developers (@kindling-flatcar)
extends_documentation_fragment:
  - kindling.flatcar.attributes.read_only
options:
  macs:
    description: The MAC addresses of the machines to report on. All machines and strangers when not given.
    type: list
    elements: str
  directory:
    description: Where the records are.
    type: path
    default: /var/lib/kindling/records
"""

EXAMPLES = r"""
- name: What is recorded of a machine?
  kindling.flatcar.boot_records_info:
    macs: ["52:54:00:12:34:56"]
"""

RETURN = r"""
boots:
  description: The boots of each machine by MAC address, oldest first. A machine without records has none.
  returned: success
  type: dict
  contains:
    begun:
      description: When it began, in seconds since 1970 by the log's clock.
      type: float
    last:
      description: When the machine was last heard from, before the next boot began.
      type: float
    boots:
      description: How many successive boots were identical; RV(boots.events) are those of the last one.
      type: int
    again:
      description: When the others of these began.
      type: list
      elements: float
    name:
      description: The node's name at that time.
      type: str
    left_out:
      description: How many events between the first and the last ones are left out.
      type: int
    events:
      description:
        - The events, in the order in which each was first seen. Each has C(hop) (V(dhcp), V(tftp), V(http), V(ipxe)), C(what),
          C(at), C(times) and C(last).
        - If known, it has C(who) (V(firmware), V(ipxe) or V(system) for DHCP, a program's name for HTTP), C(address),
          C(file), C(why), C(vendor), C(name), C(tags), C(status), C(size), C(broken) (whether the web server could not send all of
          it), C(script) (which script was the answer), C(subnet) (where a refused request came from) and C(seconds) (how long the
          last answer took).
        - A C(hop) of V(ipxe) is what an iPXE script says that it could not do. C(file) is the step, and C(why) iPXE's error number.
      type: list
      elements: dict
strangers:
  description:
    - Machines that are in no inventory, the most recently seen last. Each has C(mac), C(first), C(last), C(times), C(vendor),
      C(name) and C(address).
  returned: success
  type: list
  elements: dict
unserved:
  description:
    - DHCP requests from networks that the boot host does not serve, by where they came through. Each has C(where), C(first),
      C(times) and C(last).
  returned: success
  type: list
  elements: dict
until:
  description: The time of the last line of the log that was read.
  returned: success
  type: float
"""

from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.kindling.flatcar.plugins.module_utils._records import records
from ansible_collections.kindling.flatcar.plugins.module_utils._routes import host_paths


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "macs": {"type": "list", "elements": "str"},
            "directory": {"type": "path", "default": host_paths.RECORDS},
        },
        supports_check_mode=True,
    )
    directory, macs = Path(module.params["directory"]), module.params["macs"]
    wrong = [mac for mac in macs or () if not records.is_mac(mac)]
    if wrong:
        module.fail_json(
            msg=f"macs: expected MAC addresses such as 52:54:00:12:34:56, got {', '.join(map(repr, wrong))}"
        )
    if not directory.is_dir():
        module.fail_json(
            msg=f"{directory} does not exist: nothing has been recorded on this host yet. `site.yml` starts it, within a minute"
        )
    try:
        module.exit_json(changed=False, **records.recorded(directory, macs))
    except (records.RecordsError, OSError) as error:
        module.fail_json(msg=str(error))


if __name__ == "__main__":
    main()
