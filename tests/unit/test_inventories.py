"""The inventories that people copy are right."""

from __future__ import annotations

import pathlib

import pytest
from ansible.inventory.manager import InventoryManager
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar
from ansible.vars.manager import VariableManager
from ansible_collections.kindling.flatcar.plugins.module_utils.fleet import (
    build_configs,
    build_files,
    check_fleet,
    network_of,
)
from ansible_collections.kindling.flatcar.plugins.module_utils.networks import read_networks
from ansible_collections.kindling.flatcar.plugins.module_utils.node import node_variables, read_node

INVENTORIES = pathlib.Path(__file__).parent.parent.parent / "inventories"


class Inventory:
    def __init__(self, path: pathlib.Path) -> None:
        self.loader = DataLoader()
        self.inventory = InventoryManager(loader=self.loader, sources=[str(path)])
        self.variables = VariableManager(loader=self.loader, inventory=self.inventory)

    def hosts(self, group: str) -> dict[str, dict]:
        return {str(host): self._variables(host) for host in self.inventory.groups[group].get_hosts()}

    def _variables(self, host) -> dict:
        raw = self.variables.get_vars(host=host)
        templar = Templar(loader=self.loader, variables=raw)
        return {name: templar.template(raw[name]) for name in raw if name.startswith(("flatcar_", "kindling_"))}


@pytest.fixture(scope="module")
def example():
    return Inventory(INVENTORIES / "example")


def facts(networks):
    """A host whose interface has the first address of its network."""
    (network,) = networks
    return {"nic": {"device": network["interface"], "ipv4": {"address": network["subnet"].replace(".0/24", ".1")}}}


def test_the_example_has_two_racks_and_two_boot_hosts(example):
    assert len(example.hosts("boot_hosts")) == 2
    assert {variables["flatcar_rack"] for variables in example.hosts("flatcar_nodes").values()} == {"rack-a", "rack-b"}


def test_every_node_of_the_example_can_be_published(example):
    nodes = []
    for name, variables in example.hosts("flatcar_nodes").items():
        node, problems = read_node(name, {key: variables[key] for key in node_variables(variables)})
        assert problems == []
        nodes.append(node)
    for host, variables in example.hosts("boot_hosts").items():
        networks = read_networks(host, variables["kindling_networks"], facts(variables["kindling_networks"]))
        fleet = [node for node in nodes if network_of(node, networks)]
        assert len(fleet) == 2
        assert check_fleet(fleet, networks) == []
        configs, problems = build_configs(fleet)
        assert problems == []
        assert build_files(fleet, networks, lambda image: image["version"], configs)


def test_a_node_of_the_example_boots_its_disk_unless_its_file_says_otherwise(example):
    modes = {name: v.get("flatcar_boot_mode", "disk") for name, v in example.hosts("flatcar_nodes").items()}
    assert modes == {"a01": "ram", "a02": "disk", "b01": "ram", "b02": "disk"}
