"""The inventories that people copy are right."""

from __future__ import annotations

import pathlib

import pytest
from ansible_collections.kindling.flatcar.plugins.plugin_utils._inventory.boot_hosts import HostFacts
from ansible_collections.kindling.flatcar.plugins.plugin_utils._publish.tree import build_files, wanted_images
from ansible_collections.kindling.flatcar.plugins.plugin_utils._schema.problem import InventoryError

EXAMPLE = pathlib.Path(__file__).parents[4] / "inventories" / "example"


def _facts(address):
    """A host whose provisioning interface has this address."""
    return {"nic": {"device": "enp2s0", "ipv4": {"address": address}}}


@pytest.fixture
def found(load_inventory):
    known = {"boot-a": HostFacts(_facts("10.10.0.1")), "boot-b": HostFacts(_facts("10.20.0.1"))}
    return load_inventory(EXAMPLE).read_inventory(**known)


def test_the_example_has_two_racks_and_two_boot_hosts_and_no_problems(found):
    assert found.problems == ()
    assert {host: [node.name for node in fleet.nodes] for host, fleet in found.fleets.items()} == {
        "boot-a": ["a01", "a02", "a03"],
        "boot-b": ["b01", "b02"],
    }


def test_the_example_is_valid_and_is_not_published(found):
    said = [(problem.subject, problem.path.partition(": ")[0]) for problem in found.placeholders]
    assert said == [
        *((name, "flatcar_authorized_keys") for name in ("a01", "a02", "a03")),
        ("b01", "flatcar_authorized_keys"),
        ("b01", "flatcar_sysexts"),
        ("b01", "flatcar_sysexts"),
        ("b02", "flatcar_authorized_keys"),
    ]
    assert all(problem.origin for problem in found.placeholders)
    assert found.warnings == ()
    with pytest.raises(InventoryError) as refused:
        found.publishable()
    assert refused.value.problems == found.placeholders


def test_every_node_of_the_example_can_be_published(found):
    for fleet in found.fleets.values():
        assert wanted_images(fleet.nodes)
        assert build_files(
            fleet.nodes, fleet.networks, lambda image: image["version"], fleet.configs, bytes(32), lambda _: ()
        )


def test_a_node_of_the_example_boots_its_disk_unless_its_file_says_otherwise(found):
    assert {node.name: node.boot_mode for node in found.nodes} == {
        "a01": "ram",
        "a02": "disk",
        "a03": "install",
        "b01": "ram",
        "b02": "disk",
    }


def test_the_example_names_the_machines_of_a_rack_by_their_slots(found):
    assert [node.hostname for node in found.nodes] == ["a01", "a02", "a03", "rack-b-01", "rack-b-02"]
