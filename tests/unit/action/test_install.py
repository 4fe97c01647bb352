"""What `install.yml` does to machines that are being installed already, batch by batch."""

from __future__ import annotations

import types

import pytest
from ansible_collections.kindling.flatcar.plugins.action.install import ActionModule, _expected_serial

TERMS = {"node": "a", "address": "10.0.0.11", "more_addresses": [], "macs": ["52-54-00-00-00-0a"]}
PLAN = {"wanted": {"a": {"terms": TERMS}}, "home": {"a": "boot-a"}, "peers": {"a": "boot-b"}}
RUNNING = {"number": 7, "when": 1000}


def an_arming(under_way):
    return TERMS | RUNNING | {"under_way": under_way, "left_half_written": []}


@pytest.fixture
def run():
    """An action on the boot host *host*, where the machine's install is under way now or not; and what was armed there."""

    def make(host, under_way):
        action = ActionModule.__new__(ActionModule)
        action._host, action._task = host, types.SimpleNamespace(check_mode=False)
        armed = []
        answer = {"armings": [an_arming(under_way)], "index": {}, "images": {}}
        action._module = lambda **_: answer
        action._info = lambda _machines: answer
        action._published = lambda *_: answer
        action._orders = lambda names, *_: armed.extend(names)
        action._machines = lambda names: armed.extend(names) or ()
        action._send_orders = lambda *_, **__: {"until": 2000}
        action._tell = lambda *_: None
        return action, armed

    return make


def options(told, again=False):
    checked = [{"nodes": {"a": {"under_way": RUNNING if told else None}}}]
    return {"nodes": ["a"], "plan": PLAN, "checked": checked, "again": again}


@pytest.mark.parametrize(("told", "now"), [(True, True), (True, False), (False, True)])
def test_a_machine_that_is_being_installed_is_waited_for_and_not_armed_once_more(run, told, now):
    """Also where its install has ended when the run comes to its batch: the run has said that it is not installed now."""
    action, armed = run("boot-a", now)
    done = action._arm(options(told))
    assert (armed, done) == ([], {"changed": False, "armings": {"a": RUNNING}, "armed": []})


@pytest.mark.parametrize(("told", "now"), [(True, True), (True, False), (False, True)])
def test_the_other_boot_host_of_a_pair_keeps_what_it_knows_of_an_install_that_runs(run, told, now):
    action, armed = run("boot-b", now)
    assert action._witness(options(told)) == {"changed": False}
    assert armed == []


@pytest.mark.parametrize(("told", "again"), [(False, False), (True, True)])
def test_others_are_armed_and_so_are_those_of_which_somebody_says_so(run, told, again):
    for host, command in (("boot-a", "_arm"), ("boot-b", "_witness")):
        action, armed = run(host, told)
        assert getattr(action, command)(options(told, again))["changed"]
        assert armed == ["a"]


@pytest.mark.parametrize(
    ("said", "former", "new_disk", "told"),
    [
        (None, None, False, "any"),
        (None, "S1", False, "S1, as before"),
        (None, "S1", True, "any"),
        ("S2", "S1", False, "S2"),
    ],
)
def test_which_serial_number_the_disk_has_to_have_is_told(said, former, new_disk, told):
    assert _expected_serial({"serial": said}, former, new_disk) == told
