"""Inventories as Ansible loads them."""

from __future__ import annotations

import pathlib

import pytest

BOOT_HOST = """\
boot_hosts:
  hosts:
    boot-a:
      kindling_networks:
        - interface: lan0
          subnet: 10.1.0.0/16
          racks: [a]
"""


class Inventory:
    """An inventory, and what an action plugin knows of it."""

    def __init__(self, path: pathlib.Path) -> None:
        # Not at the top: the collection can be imported only once pytest is configured
        from ansible.inventory.manager import InventoryManager
        from ansible.parsing.dataloader import DataLoader
        from ansible.vars.hostvars import HostVars
        from ansible.vars.manager import VariableManager
        from ansible_collections.kindling.flatcar.plugins.plugin_utils._inventory import (
            boot_hosts,
            hostvars,
            mistakes,
            reader,
        )

        self._reader, self._mistakes, self._boot_hosts = reader, mistakes, boot_hosts
        loader = DataLoader()
        manager = InventoryManager(loader=loader, sources=[str(path)])
        self.loader, self.manager = loader, VariableManager(loader=loader, inventory=manager)
        host_vars = HostVars(manager, self.manager, loader)
        groups = {name: [str(host) for host in group.get_hosts()] for name, group in manager.groups.items()}
        self.task_vars = {"hostvars": host_vars, "groups": groups, "ansible_inventory_sources": [str(path)]}
        self.variables = hostvars.Variables(self.task_vars, loader)

    def read_inventory(self, named=None, for_later=False, **known):
        facts = {host: known.get(host, self._boot_hosts.HostFacts()) for host in self.variables.group("boot_hosts")}
        return self._reader.read_inventory(self.variables, facts, named, for_later)

    def report(self):
        """The problems as programs read them."""
        return self._mistakes.as_data(self._mistakes.mistakes(self.read_inventory().problems))

    def text(self):
        """The problems as people read them."""
        return self._mistakes.listed(self._mistakes.mistakes(self.read_inventory().problems))

    def mistakes(self):
        """Each as its place in the inventory, its host, its path and its message."""
        return [
            (f"{pathlib.Path(m.file).name}:{m.line}", m.who(), m.path, m.message)
            for m in self._mistakes.mistakes(self.read_inventory().problems)
        ]


@pytest.fixture
def inventory(tmp_path):
    """Writes an inventory out of its files' texts and loads it; there is a boot host for rack a unless a text has one."""

    def write(files):
        for name, content in files.items():
            path = tmp_path / name
            path.parent.mkdir(exist_ok=True)
            path.write_text(content, encoding="utf-8")
        if not any("boot_hosts:" in content for content in files.values()):
            (tmp_path / "boot.yml").write_text(BOOT_HOST, encoding="utf-8")
        return Inventory(tmp_path)

    return write


@pytest.fixture(scope="session")
def load_inventory():
    return Inventory
