# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The hosts that a play works on, if the limit leaves any."""

from __future__ import annotations

DOCUMENTATION = r"""
name: hosts
short_description: The hosts of a play, refused if --limit leaves none of them
description:
  - Ansible skips a play that C(--limit) leaves without hosts, and exits successfully. As the value of C(hosts) in every play of a
    playbook, this makes it an error that says which hosts the playbook works on.
  - Lets the play's tasks keep what they have read of the inventory in the controller's memory, for later tasks of the same run.
  - So are an inventory that is not given or does not exist, one with unreadable files, and C(--tags).
  - A limit excludes the controller, too. A play on C(localhost) that accepts other hosts in its limit then runs for those, and
    needs C(connection=local) and tasks with C(run_once), even if the limit contains C(localhost).
version_added: 0.1.0
author:
  - Kindling developers (@kindling-flatcar)
options:
  _terms:
    description: The pattern of the play's hosts.
    required: true
  limit:
    description: The pattern that the limit has to leave at least one host of. The play's own when not given.
    type: str
"""

EXAMPLES = r"""
- name: Check the boot hosts
  hosts: "{{ lookup('kindling.flatcar.hosts', 'boot_hosts') }}"

- name: Check the inventory, or some nodes of it
  hosts: "{{ lookup('kindling.flatcar.hosts', 'localhost', limit='flatcar_nodes:boot_hosts') }}"
  connection: local
"""

RETURN = r"""
_raw:
  description: The pattern.
  type: list
  elements: str
"""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ansible import context
from ansible.inventory.manager import InventoryManager
from ansible.plugins.lookup import LookupBase
from ansible_collections.kindling.flatcar.plugins.plugin_utils._ansible.run_memory import open_run_memory
from ansible_collections.kindling.flatcar.plugins.plugin_utils._files.check import unreadable
from ansible_collections.kindling.flatcar.plugins.plugin_utils._inventory.mistakes import listed, mistakes
from ansible_collections.kindling.flatcar.plugins.plugin_utils._inventory.sources import files_of, who_reads
from ansible_collections.kindling.flatcar.plugins.plugin_utils._output.stop import stop
from ansible_collections.kindling.flatcar.plugins.plugin_utils._schema.limits import nobody_left

_CONTROLLER = "localhost"
_WHICH = "Say which inventory: -i inventories/NAME (inventories/README.md says how to make one)"


class LookupModule(LookupBase):
    def run(self, terms: list[str], variables: Mapping[str, Any] | None = None, **kwargs: Any) -> list[str]:
        self.set_options(var_options=variables, direct=kwargs)
        (pattern,) = terms
        open_run_memory()
        if context.CLIARGS.get("syntax"):  # nothing is run, and no inventory is needed
            return [pattern]
        for message in (*_without_inventory(variables), *_with_tags(variables)):
            stop(message)
        limit = variables.get("ansible_limit")
        needed = self.get_option("limit") or pattern
        inventory = self._inventory(variables["groups"])
        self._check_files([str(host) for host in inventory.get_hosts(pattern)], variables)
        if not limit:
            return [pattern]
        everybody = inventory.get_hosts(needed)
        inventory.subset(limit)
        if not inventory.get_hosts(needed):
            if pattern == _CONTROLLER and inventory.get_hosts(_CONTROLLER):
                return [pattern]
            stop(nobody_left(limit, needed, [str(host) for host in everybody]))
        return [needed if pattern == _CONTROLLER else pattern]

    def _inventory(self, groups: Mapping[str, list[str]]) -> InventoryManager:
        """The inventory's hosts again, without the limit."""
        manager = InventoryManager(self._loader, parse=False)
        for group, hosts in groups.items():
            manager.add_group(group)
            for host in hosts:
                manager.add_host(host, group=group)
        return manager

    def _check_files(self, hosts: list[str], variables: Mapping[str, Any]) -> None:
        """Ansible reads the files of the play's hosts next, and says less about one that it cannot read."""
        sources = variables.get("ansible_inventory_sources") or ()
        files = files_of(sources, variables.get("playbook_dir"), self._loader)
        read = who_reads(hosts, variables["groups"])
        wrong = [error for error in files.unreadable if error.owner in read]
        if wrong:
            stop(f"The inventory cannot be read; nothing was done.\n{listed(mistakes(map(unreadable, wrong)))}")


def _without_inventory(variables: Mapping[str, Any]) -> Iterator[str]:
    """Ansible continues without an inventory that does not exist."""
    given = [str(source) for source in variables.get("ansible_inventory_sources") or ()]
    if not variables["groups"].keys() & {"boot_hosts", "flatcar_nodes"}:
        missing = [source for source in given if "," not in source and not Path(source).exists()]
        if missing:
            yield f"There is no inventory at {', '.join(missing)}. {_WHICH}"
        elif all(source == os.devnull or "," in source for source in given):
            yield f"No inventory is given. {_WHICH}"


def _with_tags(variables: Mapping[str, Any]) -> Iterator[str]:
    """Part of a playbook would leave out what the next part needs; with an unknown tag nothing at all would be done."""
    tags = [tag for tag in variables.get("ansible_run_tags") or () if tag not in ("all", "always")]
    if tags:
        yield f"--tags {','.join(tags)}: Kindling's playbooks have no parts that run alone. Omit --tags; nothing was done"
