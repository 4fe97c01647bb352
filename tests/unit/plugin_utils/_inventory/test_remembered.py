"""What was checked is what is published, and is not read a second time, unless something has changed in between."""

from __future__ import annotations

import json
import os
import pickle

import pytest
from ansible.parsing.vault import EncryptedString, VaultLib, VaultSecret, VaultSecretsContext
from ansible.template import trust_as_template
from ansible_collections.kindling.flatcar.plugins.plugin_utils._ansible import run_memory
from ansible_collections.kindling.flatcar.plugins.plugin_utils._inventory import parallel, reader, remembered
from ansible_collections.kindling.flatcar.plugins.plugin_utils._inventory.boot_hosts import HostFacts
from ansible_collections.kindling.flatcar.plugins.plugin_utils._inventory.hostvars import Variables
from ansible_collections.kindling.flatcar.plugins.plugin_utils._inventory.packed import Packed
from ansible_collections.kindling.flatcar.plugins.plugin_utils._inventory.remembered import Remembered
from ansible_collections.kindling.flatcar.plugins.plugin_utils._publish.tree import build_files

FACTS = HostFacts({"lan0": {"device": "lan0", "ipv4": {"address": "10.1.0.1"}}})
NAMES = ["looks", "plain", "ram"]


def _node(last, **more):
    return {"flatcar_mac": f"52:54:00:00:00:0{last}", "flatcar_address": f"10.1.0.1{last}", **more}


HOSTS = {
    "vars": {"flatcar_rack": "a", "flatcar_domain": "{{ flatcar_rack }}.test", "zone": "UTC"},
    "hosts": {
        "looks": _node(1, flatcar_ntp="{{ hostvars['boot-a'].clock | default('ntp.test') }}"),
        "plain": _node(2, flatcar_time_zone="{{ zone }}"),
        "ram": _node(3, flatcar_boot_mode="ram", flatcar_kernel_arguments=["x={{ flatcar_address }}"]),
    },
}


@pytest.fixture
def run_memory_open(monkeypatch):
    monkeypatch.setattr(run_memory, "_file", None)
    run_memory.open_run_memory()
    yield
    os.close(run_memory._file)


@pytest.fixture
def checked(inventory, run_memory_open, monkeypatch):
    """An inventory that was checked in this run, and the nodes that were read since then."""
    loaded = inventory({"hosts.yml": json.dumps({"flatcar_nodes": HOSTS})})
    loaded.read_inventory(for_later=True, **{"boot-a": FACTS}).checked()
    read, real = [], reader.read_and_pack
    monkeypatch.setattr(
        reader, "read_and_pack", lambda name, *rest, **more: read.append(name) or real(name, *rest, **more)
    )
    return loaded, read


def _published(loaded, known=FACTS, **more):
    """As another task has it, which knows nothing from the first but what is kept."""
    variables = Variables(loaded.task_vars, loaded.loader)
    fleet = reader.fleet_of("boot-a", NAMES, variables, known)
    return build_files(fleet.nodes, fleet.networks, lambda image: "9999.2.0", fleet.configs, b"k" * 32, lambda node: [])


def _change(loaded, host, **values):
    trusted = {name: trust_as_template(value) if isinstance(value, str) else value for name, value in values.items()}
    loaded.manager.set_nonpersistent_facts(host, trusted)


def test_nothing_is_read_twice(checked):
    loaded, read = checked
    published = _published(loaded)
    assert read == []
    run_memory.keep([])
    assert _published(loaded) == published
    assert read == NAMES


@pytest.mark.parametrize(
    ("host", "values", "again"),
    [
        ("plain", {"flatcar_time_zone": "Europe/Berlin"}, ["plain"]),
        ("plain", {"zone": "Europe/Berlin"}, ["plain"]),
        ("plain", {"nothing_uses_it": "x"}, ["plain"]),
        ("ram", {"flatcar_boot_mode": "disk"}, ["ram"]),
        ("plain", {"vars": {"zone": "Europe/Berlin"}}, ["plain"]),
        ("boot-a", {"clock": "time.test"}, ["looks"]),
        ("boot-a", {"nothing_uses_it": "x"}, ["looks"]),
    ],
)
def test_whatever_changes_in_between_is_read_again(checked, host, values, again):
    loaded, read = checked
    _change(loaded, host, **values)
    published = _published(loaded)
    assert read == again
    run_memory.keep([])
    assert _published(loaded) == published


def test_facts_that_are_gathered_in_between_count(checked):
    loaded, read = checked
    loaded.manager.set_host_facts("plain", {"lan0": {"device": "lan0"}})
    loaded.manager.set_host_facts("boot-a", {"lan0": {"device": "lan0"}})
    published = _published(loaded)
    assert read == ["looks", "plain"]
    run_memory.keep([])
    assert _published(loaded) == published


def test_an_address_of_the_boot_host_that_changes_in_between_is_published(checked):
    loaded, read = checked
    facts = HostFacts({"lan0": {"device": "lan0", "ipv4": {"address": "10.1.0.9"}}})
    published = _published(loaded, facts)
    assert read == []
    assert any("http://10.1.0.9/" in text for text in published.values())
    assert not any("http://10.1.0.1/" in text for text in published.values())
    run_memory.keep([])
    assert _published(loaded, facts) == published


def test_groups_that_change_in_between_count(checked):
    loaded, read = checked
    inventory = loaded.manager._inventory
    inventory.add_group("late")
    inventory.add_host("new", group="late")
    _published(loaded)
    assert read == NAMES


def test_a_vaulted_value_that_changes_in_between_is_published(inventory, run_memory_open, monkeypatch):
    """Its text is in no variable as it is written: only what is encrypted differs."""
    vault = VaultLib([("default", VaultSecret(b"a password"))])
    monkeypatch.setattr(VaultSecretsContext, "_current", VaultSecretsContext(vault.secrets))

    def sealed(text):
        return EncryptedString(ciphertext=vault.encrypt(text, vault.secrets[0][1]).decode())

    loaded = inventory({"hosts.yml": json.dumps({"flatcar_nodes": HOSTS})})
    loaded.manager.set_nonpersistent_facts("plain", {"flatcar_time_zone": sealed("UTC"), "flatcar_serve_secrets": True})
    loaded.read_inventory(for_later=True, **{"boot-a": FACTS}).checked()
    assert run_memory.Kept().get("plain")
    loaded.manager.set_nonpersistent_facts("plain", {"flatcar_time_zone": sealed("Europe/Berlin")})
    fleet = reader.fleet_of("boot-a", NAMES, Variables(loaded.task_vars, loaded.loader), FACTS)
    assert next(node for node in fleet.nodes if node.name == "plain").time_zone == "Europe/Berlin"


def test_a_host_that_is_gone_in_between_counts(checked):
    loaded, _read = checked
    inventory = loaded.manager._inventory
    inventory._inventory.remove_host(inventory.get_host("boot-a"))
    assert Remembered(Variables(loaded.task_vars, loaded.loader), None).reading("looks") is None


def test_disks_that_only_own_lines_give_up_are_read_again(inventory, run_memory_open):
    """A value that is the same in another place does not mean the same."""
    disk = "/dev/disk/by-id/wwn-0x5000c500000000aa"
    ram = _node(3, flatcar_boot_mode="ram", flatcar_ram_disks=[disk])
    loaded = inventory({"hosts.yml": json.dumps({"flatcar_nodes": HOSTS | {"hosts": HOSTS["hosts"] | {"ram": ram}}})})
    loaded.read_inventory(for_later=True, **{"boot-a": FACTS}).checked()
    assert run_memory.Kept().get("plain")
    assert run_memory.Kept().get("ram") is None


def test_who_looks_at_very_many_hosts_is_read_again(inventory, run_memory_open, monkeypatch):
    """To note them all, for each node, would take the square of their number."""
    monkeypatch.setattr(remembered, "_MOST_SEEN", 0)
    loaded = inventory({"hosts.yml": json.dumps({"flatcar_nodes": HOSTS})})
    loaded.read_inventory(for_later=True, **{"boot-a": FACTS}).checked()
    assert [run_memory.Kept().get(name) is not None for name in NAMES] == [False, True, True]


def test_large_files_are_not_remembered_for_each_node(inventory, run_memory_open, monkeypatch):
    monkeypatch.setattr(remembered, "_LARGEST", 10)
    loaded = inventory({"hosts.yml": json.dumps({"flatcar_nodes": HOSTS})})
    loaded.read_inventory(for_later=True, **{"boot-a": FACTS}).checked()
    assert [run_memory.Kept().get(name) for name in NAMES] == [None, None, None]


def test_it_is_the_same_in_many_processes(inventory, run_memory_open, monkeypatch):
    monkeypatch.setattr(parallel, "_WORTH_A_PROCESS", 1)
    monkeypatch.setattr(parallel, "_cores", lambda: 3)
    monkeypatch.setattr(parallel, "_room", lambda: 3)
    loaded = inventory({"hosts.yml": json.dumps({"flatcar_nodes": HOSTS})})
    loaded.read_inventory(for_later=True, **{"boot-a": FACTS}).checked()
    published = _published(loaded)
    run_memory.keep([])
    assert _published(loaded) == published


def test_what_is_remembered_is_small(checked):
    """What the inventory gave has gone into everything else, and is not kept beside it."""
    _hosts, _digest, reading = pickle.loads(run_memory.Kept().get("plain"))  # noqa: S301 - our own
    assert (reading.node.given, reading.node.fragments) == ({}, {})
    assert isinstance(reading.built[None].config, Packed)


def test_other_files_of_the_controller_are_read_anew(checked, tmp_path):
    loaded, read = checked
    _published(loaded, FACTS._replace(files_dir=str(tmp_path)))
    assert read == NAMES


def test_a_change_that_is_wrong_is_refused(checked):
    loaded, _read = checked
    _change(loaded, "plain", flatcar_time_zone="{{ nowhere }}")
    with pytest.raises(reader.InventoryError, match="plain: flatcar_time_zone: its template fails"):
        _published(loaded)


def test_a_change_that_two_nodes_share_is_refused(checked):
    loaded, _read = checked
    _change(loaded, "looks", flatcar_address="10.1.0.12")
    with pytest.raises(
        reader.InventoryError, match=r"plain: flatcar_address: 10\.1\.0\.12 already belongs to looks"
    ) as refused:
        _published(loaded)
    (problem,) = refused.value.problems
    assert problem.value == "10.1.0.12"  # by which its place is found, though what the inventory gave was not kept


@pytest.mark.parametrize("mistake", [{"flatcar_typo": 1}, {"flatcar_time_zone": "{{ nowhere }}"}])
def test_nothing_is_remembered_where_something_is_wrong(inventory, run_memory_open, mistake):
    hosts = HOSTS["hosts"] | {"wrong": _node(4, **mistake)}
    loaded = inventory({"hosts.yml": json.dumps({"flatcar_nodes": HOSTS | {"hosts": hosts}})})
    assert loaded.read_inventory(for_later=True, **{"boot-a": FACTS}).problems
    assert [run_memory.Kept().get(name) for name in hosts] == [None] * 4
