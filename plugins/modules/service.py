#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs a service with the current state of its files."""

from __future__ import annotations

DOCUMENTATION = r"""
module: service
short_description: Run a service with the current state of its files
description:
  - Enables and starts a unit, and restarts or reloads it if it has not read the current state of its files. A run that changes
    nothing touches no service.
  - A unit records what it has read, so changes of a run that was killed before it restarted the service are picked up by the next
    one. The record is the output of C(sha256sum), in C(started) and C(loaded) in its runtime directory. The unit writes both in
    C(ExecStartPre), and C(loaded) in C(ExecReload) as well, before it reads the files.
  - A timer keeps no record. Only systemd reads it, and reports whether it has read the current state of its units, O(restart_for).
  - An s6 service keeps no record. It is restarted or reloaded for what this run has written, and brought up by whoever runs s6.
version_added: 0.1.0
author:
  - Kindling developers (@kindling-flatcar)
extends_documentation_fragment:
  - kindling.flatcar.attributes
attributes:
  check_mode:
    support: full
    details: Reports what would be done.
  diff_mode:
    support: none
    details: There is nothing to compare.
options:
  name:
    description: The unit, a service or a timer. A service's runtime directory has the unit's name without the suffix.
    type: str
    required: true
  supervised:
    description: The directory where s6 supervises the service. Without it, systemd runs the unit O(name).
    type: path
  restart_for:
    description: The files that it reads only when it starts, including its units.
    type: list
    elements: path
    default: []
  reload_for:
    description: The files that it also reads on a reload.
    type: list
    elements: path
    default: []
  written:
    description: The files that this run has written; in check mode, those that it would write, which the record cannot show.
    type: list
    elements: path
    default: []
  bring_up:
    description: Enable and start it. If false, a stopped service is left alone; it reads its files when it starts.
    type: bool
    default: true
  instead_of:
    description: A unit of the distribution to disable, unless it is running and thus in use.
    type: str
"""

EXAMPLES = r"""
- name: Run dnsmasq with its configuration and reservations
  kindling.flatcar.service:
    name: kindling-dnsmasq.service
    restart_for: [/etc/kindling/dnsmasq.conf, /etc/systemd/system/kindling-dnsmasq.service]
    reload_for: [/srv/kindling/fleet/current/dnsmasq/dhcp-hosts]
    written: "{{ configuration.paths }}"
"""

RETURN = r"""
actions:
  description: What was done, as C(systemctl) commands, each with its unit.
  returned: success
  type: list
  elements: str
reasons:
  description: The files that have changed since the service read them.
  returned: success
  type: list
  elements: str
"""

from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.kindling.flatcar.plugins.module_utils._host import unit_notes

RUNTIME = Path("/run")


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "supervised": {"type": "path"},
            "restart_for": {"type": "list", "elements": "path", "default": []},
            "reload_for": {"type": "list", "elements": "path", "default": []},
            "written": {"type": "list", "elements": "path", "default": []},
            "bring_up": {"type": "bool", "default": True},
            "instead_of": {"type": "str"},
        },
        supports_check_mode=True,
    )
    commands, reasons = _under_s6(module.params) if module.params["supervised"] else _under_systemd(module)
    if not module.check_mode:
        for command in commands:
            _run(module, *command)
    module.exit_json(changed=bool(commands), actions=[" ".join(command) for command in commands], reasons=reasons)


def _under_s6(options: dict) -> tuple[list[tuple[str, ...]], list[str]]:
    """The commands that are due, and the files that they are due for."""
    action, reasons = unit_notes.due_for(options["written"], options["restart_for"], options["reload_for"])
    if action == "none" or not Path(options["supervised"], "supervise", "control").exists():
        return [], []
    return [("s6-svc", {"restart": "-r", "reload": "-h"}[action], options["supervised"])], reasons


def _under_systemd(module: AnsibleModule) -> tuple[list[tuple[str, ...]], list[str]]:
    options = module.params
    name, restart_for, reload_for = options["name"], options["restart_for"], options["reload_for"]
    units = {name, *unit_notes.units(restart_for)}
    states = _show(module, [*units, *filter(None, [options["instead_of"]])])
    state = states[name]
    outdated = any(states[unit]["NeedDaemonReload"] == "yes" for unit in units)
    notes = RUNTIME / name.removesuffix(".service") if name.endswith(".service") else None
    action, reasons = unit_notes.due(notes, state["ActiveState"], outdated, restart_for, reload_for)
    if module.check_mode and action != "restart" and unit_notes.runs(state["ActiveState"]):
        planned, files = unit_notes.due_for(options["written"], restart_for, reload_for)
        action, reasons = (planned, files) if planned != "none" else (action, reasons)
    commands = []
    if options["bring_up"] and state["UnitFileState"] != "enabled":
        commands.append(("systemctl", "enable", name))
    if options["bring_up"] and not unit_notes.runs(state["ActiveState"]):
        commands.append(("systemctl", "start", name))
    elif action != "none":
        commands.append(("systemctl", action, name))
    if commands and commands[-1][1] != "reload":
        commands.insert(0, ("systemctl", "daemon-reload"))
    return [*_stand_down(options["instead_of"], states), *commands], reasons


def _stand_down(unit: str | None, states: dict[str, dict[str, str]]) -> list[tuple[str, ...]]:
    off = unit and states[unit]["UnitFileState"] == "enabled" and not unit_notes.runs(states[unit]["ActiveState"])
    return [("systemctl", "disable", unit)] if off else []


def _show(module: AnsibleModule, units: list[str]) -> dict[str, dict[str, str]]:
    shown = _run(module, "systemctl", "show", "--property=ActiveState,UnitFileState,NeedDaemonReload", *units)
    blocks = shown.strip().split("\n\n")
    return {
        unit: dict(line.split("=", 1) for line in block.splitlines()) for unit, block in zip(units, blocks, strict=True)
    }


def _run(module: AnsibleModule, *command: str) -> str:
    status, output, said = module.run_command(list(command))
    if status != 0:
        module.fail_json(
            msg=f"{' '.join(command)} failed: {said.strip()}. "
            f"`journalctl -u {module.params['name']}` says why; if it still runs, it uses what it read before."
        )
    return output


if __name__ == "__main__":
    main()
