"""What the module refuses before a run begins."""

from __future__ import annotations

import json

import pytest
from ansible.module_utils.testing import patch_module_args
from ansible_collections.kindling.flatcar.plugins.module_utils._generation import generation
from ansible_collections.kindling.flatcar.plugins.module_utils._generation.history import Entry, History
from ansible_collections.kindling.flatcar.plugins.modules import generation_rollback

NOTHING = History()
SERVED = History((Entry("a", None, None),))
HELD = SERVED.hold("a", "2026-11-01")


@pytest.fixture
def check(tmp_path, monkeypatch, capsys):
    """Runs the check on a boot host with this history: the result."""

    def run(history, **options):
        monkeypatch.setattr(generation, "served_history", lambda _root: (history, ["a"]))
        arguments = {"path": str(tmp_path), "state": "checked", **options}
        with patch_module_args(arguments), pytest.raises(SystemExit):
            generation_rollback.main()
        return json.loads(capsys.readouterr().out)

    return run


@pytest.mark.parametrize("hold", [None, True, False])
def test_what_is_served_and_not_held_is_published_or_held(check, hold):
    result = check(SERVED, hold=hold)
    assert (result["changed"], result["served"]) == (False, "a")


@pytest.mark.parametrize("hold", [True, False])
def test_a_rollback_is_held_or_ended_by_whoever_says_so(check, hold):
    assert "msg" not in check(HELD, hold=hold)


def test_a_rollback_is_not_undone_by_a_run_that_says_nothing_of_it(check):
    result = check(HELD)
    assert result["failed"]
    assert "Generation a has been held since 2026-11-01" in result["msg"]
    assert result["msg"].endswith("Nothing was changed.")


def test_where_nothing_is_served_there_is_nothing_to_hold(check):
    assert "there is nothing to hold: leave fleet_hold out" in check(NOTHING, hold=True)["msg"]
    for hold in (None, False):
        assert check(NOTHING, hold=hold)["served"] is None


def test_only_a_check_refuses(check):
    assert "msg" not in check(HELD, state="listed")
