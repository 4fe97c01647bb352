"""What `site.yml` does before it publishes, and on a boot host where a rollback is held."""

from __future__ import annotations

import json
import pathlib
import types

import pytest
import yaml
from ansible.errors import AnsibleActionFail
from ansible_collections.kindling.flatcar.plugins.action import publish as action_of_publish
from ansible_collections.kindling.flatcar.plugins.action.publish import ActionModule, _summary
from ansible_collections.kindling.flatcar.plugins.module_utils._generation.generation import part_of, parts_of
from ansible_collections.kindling.flatcar.plugins.plugin_utils._inventory.reader import Fleet
from ansible_collections.kindling.flatcar.plugins.plugin_utils._network.networks import read_networks
from ansible_collections.kindling.flatcar.plugins.plugin_utils._node import read_node

ROOT = pathlib.Path(__file__).parents[3]
from ansible_collections.kindling.flatcar.plugins.plugin_utils._checkout.checkout import Checkout, Judgement
from ansible_collections.kindling.flatcar.plugins.plugin_utils._inventory.reader import InventoryReading
from ansible_collections.kindling.flatcar.plugins.plugin_utils._schema.problem import Problem

OLD, NEW = {"node": "a", "disk": "first"}, {"node": "a", "disk": "second"}
ARMING = {"node": "a", "about": OLD, "until": 2000, "macs": ["52-54-00-00-00-0a"]}
OPTIONS = {"path": "/srv/kindling/fleet", "key": "00" * 32}


@pytest.fixture
def held(monkeypatch):
    """Holds what is served, where the inventory has an *order* for the machine that is armed; what was run on the boot host."""

    def hold(order, failed=False):
        ran = []
        action = ActionModule.__new__(ActionModule)
        action._variables, action._display = None, types.SimpleNamespace(warning=lambda _: None)
        action._task, action._places = types.SimpleNamespace(delegate_to=None), {}
        answers = {"generation": {"armings": [ARMING], "key": "00" * 32}, "arming": {"failed": failed}}

        def run(module_name, module_args, task_vars):
            module = module_name.rpartition(".")[2]
            if module == "arming":
                ran.append(module_args)
            return answers[module]

        action._connection = types.SimpleNamespace(_play_context=types.SimpleNamespace(no_log=False))
        action._execute_module = run
        index = {"nodes": {"a": {"mode": "install", "order": order}}}
        action._files = lambda *_: {"index.json": json.dumps(index)}
        monkeypatch.setattr(
            action_of_publish, "places_of_armings", lambda *_: {"installs_dir": "/srv/kindling/installs"}
        )
        return action._hold(None, OPTIONS, {"inventory_hostname": "boot-a"}), ran

    return hold


def test_an_arming_for_what_the_inventory_says_no_more_ends_though_nothing_is_published(held):
    done, (ran,) = held(NEW)
    assert done == {"changed": True, "ended": ["a"]}
    assert (ran["state"], ran["machines"], ran["installs_dir"]) == ("disarmed", ["a"], "/srv/kindling/installs")


def test_one_for_what_it_says_stays(held):
    assert held(OLD) == ({"changed": False, "ended": []}, [])


def test_one_that_cannot_be_ended_is_a_failure(held):
    with pytest.raises(AnsibleActionFail, match="boot-a: the module arming failed"):
        held(NEW, failed=True)


@pytest.mark.parametrize("lost", [["a: /dev/disk/by-id/data: it is formatted"], []])
def test_what_is_refused_is_there_for_programs_too(monkeypatch, tmp_path, lost):
    action = ActionModule.__new__(ActionModule)
    action._ask = lambda *_: {"texts": {}}
    monkeypatch.setattr(action_of_publish.diff, "newly_lost_unasked", lambda *_: lost)
    refusal = tmp_path / "refusal.json"
    given = ({}, {}, OPTIONS | {"refusal_file": str(refusal)}, {})
    if lost:
        with pytest.raises(AnsibleActionFail, match=lost[0]):
            action._refuse_losses(*given)
        assert json.loads(refusal.read_text()) == {"losses": lost}
    else:
        action._refuse_losses(*given)
        assert not refusal.exists()


@pytest.mark.parametrize("changed", [0, 1, 3])
def test_only_those_parts_of_the_manifest_cross_the_network_that_differ(changed):
    ours = {f"web/{number}": "a" * 64 for number in range(2000)}
    theirs = ours | {f"web/{number}": "b" * 64 for number in range(changed)} | {"web/gone": "c" * 64}
    if not changed:
        del theirs["web/gone"]
    asked = []

    def ask(arguments, _task_vars):
        asked.append(arguments["manifest"])
        return {"manifest": {path: sha256 for path, sha256 in theirs.items() if part_of(path) in asked[-1]}}

    action = ActionModule.__new__(ActionModule)
    action._ask = ask
    assert action._manifest_there(ours, parts_of(theirs), OPTIONS, {}) == theirs
    assert [len(parts) <= changed + 1 for parts in asked] == ([True] if changed else [])


def test_site_yml_is_told_what_other_dhcp_servers_have_to_reserve():
    (play,) = [play for play in yaml.safe_load((ROOT / "playbooks/site.yml").read_text()) if "post_tasks" in play]
    (task,) = play["post_tasks"]
    entry = {"interface": "lan0", "subnet": "10.1.0.0/24", "address": "10.1.0.1", "racks": ["a"]}
    place = {"flatcar_rack": "a", "flatcar_mac": "52:54:00:00:00:0a", "flatcar_address": "10.1.0.11"}
    node, _ = read_node("n1", place)
    told = {}
    for mode in ("authoritative", "proxy"):
        networks = read_networks("boot-a", [entry | {"mode": mode}])
        told[mode] = _summary(Fleet(networks, (node,), {}, None))["to_reserve"]
    assert told["authoritative"] == []
    assert "52:54:00:00:00:0a" in "".join(told["proxy"])
    assert "__checked.to_reserve" in task["ansible.builtin.debug"]["msg"]
    assert task["when"] == "__checked.to_reserve | length > 0"


@pytest.mark.parametrize("kind", ["problems", "placeholders"])
def test_what_is_only_a_placeholder_is_not_published(monkeypatch, kind):
    said = (Problem("n1", "flatcar_authorized_keys", "this is the example's key"),)
    found = {"nodes": (), "fleets": {}, "problems": (), "warnings": (Problem("n1", "x", "only a warning"),)}
    monkeypatch.setattr(
        action_of_publish, "read_inventory", lambda *_, **_more: InventoryReading(**found | {kind: said})
    )
    monkeypatch.setattr(action_of_publish, "judge", lambda *_: Judgement())
    monkeypatch.setattr(action_of_publish, "_look", lambda _: Checkout())
    action = ActionModule.__new__(ActionModule)
    action._variables = None
    with pytest.raises(AnsibleActionFail, match="n1: flatcar_authorized_keys: this is the example's key") as refused:
        action._check(
            {"hosts": [], "known": {}, "older": False},
            {"inventory_hostname": "b", "hostvars": {"b": {"ansible_facts": {}}}},
        )
    assert "only a warning" not in str(refused.value)
