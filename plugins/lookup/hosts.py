# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The hosts that a play works on, where the limit leaves any."""

from __future__ import annotations

DOCUMENTATION = r"""
name: hosts
short_description: The hosts of a play, refused where --limit leaves none of them
description:
  - Ansible skips a play that C(--limit) leaves no host of, and ends well. Put behind C(hosts) of every play of a playbook, this
    makes it an error that says which hosts the playbook works on.
  - A limit takes the controller away, too. A play on C(localhost) that takes other hosts as a limit runs for these then, and has to
    have C(connection=local) and tasks with C(run_once).
version_added: 0.1.0
author:
  - Kindling developers (@kindling-flatcar)
options:
  _terms:
    description: The pattern of the play's hosts.
    required: true
  limit:
    description: The pattern of which a limit has to leave at least one host. The play's own when not given.
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

from collections.abc import Mapping
from typing import Any

from ansible.errors import AnsibleError
from ansible.inventory.manager import InventoryManager
from ansible.plugins.lookup import LookupBase
from ansible_collections.kindling.flatcar.plugins.plugin_utils._schema.limits import nobody_left

_CONTROLLER = "localhost"


class LookupModule(LookupBase):
    def run(self, terms: list[str], variables: Mapping[str, Any] | None = None, **kwargs: Any) -> list[str]:
        self.set_options(var_options=variables, direct=kwargs)
        (pattern,) = terms
        limit = variables.get("ansible_limit")
        if not limit:
            return [pattern]
        needed = self.get_option("limit") or pattern
        inventory = self._inventory(variables["groups"])
        everybody = inventory.get_hosts(needed)
        inventory.subset(limit)
        if pattern == _CONTROLLER and inventory.get_hosts(_CONTROLLER):
            return [pattern]
        if not inventory.get_hosts(needed):
            raise AnsibleError(nobody_left(limit, needed, [str(host) for host in everybody]))
        return [needed if pattern == _CONTROLLER else pattern]

    def _inventory(self, groups: Mapping[str, list[str]]) -> InventoryManager:
        """The inventory's hosts again, without the limit."""
        manager = InventoryManager(self._loader, parse=False)
        for group, hosts in groups.items():
            manager.add_group(group)
            for host in hosts:
                manager.add_host(host, group=group)
        return manager
