#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes the files of a service, or of several, and runs them with these."""

from __future__ import annotations

DOCUMENTATION = r"""
module: service
short_description: Write a service's files, and run it with them
description:
  - Creates the user that a service runs as, writes its files together as M(kindling.flatcar.file_tree) does, and enables and starts
    its unit, in one round trip. O(others) run with it from the same files.
  - Restarts or reloads a unit that has not read the current state of its files. A run that changes nothing touches no service.
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
  - kindling.flatcar.tree
attributes:
  check_mode:
    support: full
    details: Reports what would be done. Nothing is validated, since a validator may write.
  diff_mode:
    support: full
    details: Shows the user, each content that changes, and owner, group and mode if they do. Files with O(entries[].once) are never
      shown. RV(actions) lists what is done to the service.
options:
  name:
    description: The unit, a service or a timer. A service's runtime directory has the unit's name without the suffix.
    type: str
    required: true
  supervised:
    description: The directory where s6 supervises the service. Without it, systemd runs the unit O(name).
    type: path
  user:
    description:
      - The system user that it runs as, without a home or a shell, and with a group of the same name. Created before the files.
    type: str
  entries:
    default: []
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
  instead_of:
    description: A unit of the distribution to disable, unless it is running and thus in use.
    type: str
  others:
    description:
      - Services that O(entries) are for as well. Their users are created before the files, too. They are brought up in this order,
        after O(name).
      - If O(name) wants and follows them, systemd has started them by then, for instance as soon as O(name) has given up a port of
        theirs.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: The unit.
        type: str
        required: true
      supervised:
        description: The directory where s6 supervises the service.
        type: path
      user:
        description: The system user that it runs as.
        type: str
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
  directories:
    description:
      - Directories that are given owner, group and mode last, after the services run with their files. Until then they belong to
        whoever it ran as before.
    type: list
    elements: dict
    default: []
    suboptions:
      path:
        description: Where it is. Missing parents are created, with access for everybody.
        type: path
        required: true
      owner:
        description: Who owns it.
        type: str
        default: root
      group:
        description: The group that owns it.
        type: str
        default: root
      mode:
        description: The mode, in octal digits.
        type: str
        default: "0755"
"""

EXAMPLES = r"""
- name: Write dnsmasq's configuration, and run it with that
  kindling.flatcar.service:
    name: kindling-dnsmasq.service
    user: kindling-dhcp
    entries:
      - path: /etc/kindling/dnsmasq.conf
        content: "{{ lookup('ansible.builtin.template', 'dnsmasq.conf.j2') }}"
      - path: /etc/systemd/system/kindling-dnsmasq.service
        content: "{{ lookup('ansible.builtin.template', 'kindling-dnsmasq.service.j2') }}"
    restart_for: [/etc/kindling/dnsmasq.conf, /etc/systemd/system/kindling-dnsmasq.service]
    reload_for: [/srv/kindling/fleet/current/dnsmasq/dhcp-hosts]
"""

RETURN = r"""
paths:
  description: What changed, or in check mode would, by its path; directories end in a slash. The user is C(user NAME).
  returned: success
  type: list
  elements: str
actions:
  description: What was done to the services, as C(systemctl) commands, each with its unit.
  returned: success
  type: list
  elements: str
reasons:
  description: The files that have changed since a service read them.
  returned: success
  type: list
  elements: str
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.kindling.flatcar.plugins.module_utils._host import file_tree, services, users

#: Of each service
OPTIONS = {
    "name": {"type": "str", "required": True},
    "supervised": {"type": "path"},
    "user": {"type": "str"},
    "restart_for": {"type": "list", "elements": "path", "default": []},
    "reload_for": {"type": "list", "elements": "path", "default": []},
}


def main() -> None:
    module = AnsibleModule(
        argument_spec=OPTIONS
        | {
            "entries": file_tree.ENTRIES | {"default": []},
            "awaits_packages": {"type": "bool", "default": False},
            "instead_of": {"type": "str"},
            "others": {"type": "list", "elements": "dict", "default": [], "options": OPTIONS},
            "directories": file_tree.DIRECTORIES | {"default": []},
        },
        supports_check_mode=True,
    )
    run = _Run(module)
    try:
        run.create_users()
        run.lay_down(file_tree.entries_of(module.params["entries"]))
        run.bring_up()
        run.lay_down(file_tree.entries_of(module.params["directories"], state="directory"))
    except (file_tree.TreeError, _FailedError, OSError) as error:
        module.fail_json(msg=str(error), **run.result())
    module.exit_json(**run.result())


class _FailedError(Exception):
    """A command failed."""


class _Run:
    """The steps, and what they changed so far."""

    def __init__(self, module: AnsibleModule) -> None:
        self._module, self._dry = module, module.check_mode
        main = {name: module.params[name] for name in (*OPTIONS, "instead_of")}
        self._described = [main, *module.params["others"]]
        self._users = [described["user"] for described in self._described if described["user"]]
        self._changes: list[file_tree.Change] = []
        self._commands: list[services.Command] = []
        self._reasons: list[str] = []

    def create_users(self) -> None:
        for user in self._users:
            command, change = users.due(user)
            if change:
                program = self._module.get_bin_path(command[0], required=True)  # in /usr/sbin, which not every PATH has
                self._do((program, *command[1:]), f"The user {user} could not be created or changed")
                self._changes.append(change)

    def lay_down(self, entries: list[file_tree.Entry]) -> None:
        changes = file_tree.lay_down(entries, self._dry, self._module.params["awaits_packages"], self._users)
        # Check mode finds again what it has found missing before
        self._changes += [change for change in changes if change not in self._changes]

    def bring_up(self) -> None:
        for described in self._described:
            options = {name: value for name, value in described.items() if name != "user"}
            self._bring_up(services.Service(**options))

    def _bring_up(self, service: services.Service) -> None:
        hint = f"`journalctl -u {service.name}` says why; if it still runs, it uses what it read before"
        written = [change.path for change in self._changes]
        due, reasons = services.due(service, written, self._dry, lambda *command: self._output(command, hint))
        self._reasons += reasons
        for command in due:
            self._do(command, hint)
            self._commands.append(command)

    def result(self) -> dict:
        shown = {"diff": [change.as_diff() for change in self._changes]} if self._module._diff else {}
        return {
            "changed": bool(self._changes or self._commands),
            "paths": [change.path for change in self._changes],
            "actions": [" ".join(command) for command in self._commands],
            "reasons": self._reasons,
            **shown,
        }

    def _do(self, command: services.Command, hint: str) -> None:
        if not self._dry:
            self._output(command, hint)

    def _output(self, command: services.Command, hint: str) -> str:
        status, output, said = self._module.run_command(list(command))
        if status != 0:
            raise _FailedError(f"{' '.join(command)} failed: {said.strip()}. {hint}.")
        return output


if __name__ == "__main__":
    main()
