"""What `site.yml` does on a boot host where a rollback is held."""

from __future__ import annotations

import json
import types

import pytest
from ansible.errors import AnsibleActionFail
from ansible_collections.kindling.flatcar.plugins.action import fleet as action_of_fleet
from ansible_collections.kindling.flatcar.plugins.action.fleet import ActionModule

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
        answers = {"boot_tree": {"armings": [ARMING], "key": "00" * 32}, "arming": {"failed": failed}}

        def run(module_name, module_args, task_vars):
            module = module_name.rpartition(".")[2]
            if module == "arming":
                ran.append(module_args)
            return answers[module]

        action._connection = types.SimpleNamespace(_play_context=types.SimpleNamespace(no_log=False))
        action._execute_module = run
        index = {"nodes": {"a": {"mode": "install", "order": order}}}
        action._files = lambda *_: {"index.json": json.dumps(index)}
        monkeypatch.setattr(action_of_fleet, "directories", lambda *_: {"installs_dir": "/srv/kindling/installs"})
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
