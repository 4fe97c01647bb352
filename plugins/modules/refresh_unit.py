#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Has a running unit take up its files."""

from __future__ import annotations

DOCUMENTATION = r"""
module: refresh_unit
short_description: Have a running unit take up its files
description:
  - Holds what a unit noted of its files, when it last read them, against what is in them now, and restarts or reloads the unit
    when they differ. So a service takes up what a run changed that was killed before it came to that, and a run that changes
    nothing touches no service.
  - The unit's notes are what C(sha256sum) prints, in C(started) and C(loaded) of its runtime directory. It writes both in
    C(ExecStartPre), and C(loaded) in C(ExecReload) too, before it reads the files.
  - A unit that does not run is left alone; it reads its files when it starts.
version_added: 0.1.0
author:
  - The Kindling developers
attributes:
  check_mode:
    support: full
    description: Tells whether the unit would be restarted or reloaded.
  diff_mode:
    support: none
    description: There is nothing to differ.
options:
  name:
    description: The unit. Its runtime directory has its name, without the suffix.
    type: str
    required: true
  restart_for:
    description: The files that it reads at its start alone.
    type: list
    elements: path
    default: []
  reload_for:
    description: The files that it reads at a reload, too.
    type: list
    elements: path
    default: []
  restart:
    description: A restart is due, whatever the files say. In check mode they do not say yet what this run would write.
    type: bool
    default: false
  reload:
    description: A reload is due, whatever the files say.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Have dnsmasq take up its configuration and reservations
  kindling.flatcar.refresh_unit:
    name: kindling-dnsmasq.service
    restart_for: [/etc/kindling/dnsmasq.conf, /etc/systemd/system/kindling-dnsmasq.service]
    reload_for: [/srv/kindling/fleet/current/dnsmasq/dhcp-hosts]
    restart: "{{ ansible_check_mode and configuration is changed }}"
"""

RETURN = r"""
action:
  description: What was done to the unit.
  returned: success
  type: str
  choices: [none, reload, restart]
reasons:
  description: The files that the unit had read in another state.
  returned: success
  type: list
  elements: str
"""

from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.kindling.flatcar.plugins.module_utils import unit_notes


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "restart_for": {"type": "list", "elements": "path", "default": []},
            "reload_for": {"type": "list", "elements": "path", "default": []},
            "restart": {"type": "bool", "default": False},
            "reload": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    name, options = module.params["name"], module.params
    shown = _systemctl(module, "show", "--property=ActiveState,NeedDaemonReload", name)
    state = dict(line.split("=", 1) for line in shown.splitlines())
    notes = Path("/run", name.removesuffix(".service"))
    action, reasons = unit_notes.due(notes, state, options["restart_for"], options["reload_for"])
    if state["ActiveState"] == "active":
        action = "restart" if options["restart"] else "reload" if options["reload"] and action == "none" else action
    if not module.check_mode:
        if action == "restart":
            _systemctl(module, "daemon-reload")
        if action != "none":
            _systemctl(module, action, name)
    module.exit_json(changed=action != "none", action=action, reasons=reasons)


def _systemctl(module: AnsibleModule, *arguments: str) -> str:
    status, output, said = module.run_command(["systemctl", *arguments])
    if status != 0:
        module.fail_json(
            msg=f"systemctl {' '.join(arguments)} failed: {said.strip()}. "
            f"`journalctl -u {module.params['name']}` tells why; what it had read before is in force if it still runs."
        )
    return output


if __name__ == "__main__":
    main()
