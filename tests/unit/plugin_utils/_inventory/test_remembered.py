"""What was checked is what is published, and is not read a second time, unless something has changed in between."""

from __future__ import annotations

import json
import os

import pytest
from ansible.template import trust_as_template
from ansible_collections.kindling.flatcar.plugins.plugin_utils._ansible import run_memory
from ansible_collections.kindling.flatcar.plugins.plugin_utils._inventory import reader
from ansible_collections.kindling.flatcar.plugins.plugin_utils._inventory.boot_hosts import HostFacts
from ansible_collections.kindling.flatcar.plugins.plugin_utils._inventory.hostvars import Variables
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
    loaded.manager.set_nonpersistent_facts(host, {name: trust_as_template(value) for name, value in values.items()})


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
        ("boot-a", {"clock": "time.test"}, ["looks"]),
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
    _change(loaded, "plain", flatcar_address="10.1.0.11")
    with pytest.raises(reader.InventoryError, match=r"plain: flatcar_address: 10\.1\.0\.11 already belongs to looks"):
        _published(loaded)


@pytest.mark.parametrize("mistake", [{"flatcar_typo": 1}, {"flatcar_time_zone": "{{ nowhere }}"}])
def test_nothing_is_remembered_where_something_is_wrong(inventory, run_memory_open, mistake):
    hosts = HOSTS["hosts"] | {"wrong": _node(4, **mistake)}
    loaded = inventory({"hosts.yml": json.dumps({"flatcar_nodes": HOSTS | {"hosts": hosts}})})
    assert loaded.read_inventory(for_later=True, **{"boot-a": FACTS}).problems
    assert [run_memory.Kept().get(name) for name in hosts] == [None] * 4
