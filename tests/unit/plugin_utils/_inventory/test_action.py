"""What is wrong with an inventory refuses an action, described as everywhere else."""

from __future__ import annotations

from unittest import mock

import pytest
from ansible.plugins.action import ActionBase
from ansible_collections.kindling.flatcar.plugins.plugin_utils._ansible.refusal import Refused
from ansible_collections.kindling.flatcar.plugins.plugin_utils._inventory.action import InventoryAction
from ansible_collections.kindling.flatcar.plugins.plugin_utils._inventory.mistakes import describe
from ansible_collections.kindling.flatcar.plugins.plugin_utils._schema.problem import InventoryError, Problem

PROBLEMS = [Problem("n1", "flatcar_mac", "missing"), Problem("n2", "flatcar_rack", "missing")]


class Wrong(InventoryAction):
    arguments = {"name": {"type": "str"}}  # noqa: RUF012 - a test's own

    def act(self, options, task_vars):
        assert (options, task_vars) == ({"name": "a"}, {"known": 1})
        raise InventoryError(PROBLEMS)


def test_an_inventory_with_mistakes_refuses_the_action():
    action = Wrong(*([mock.MagicMock()] * 6))
    with (
        mock.patch.object(ActionBase, "run", return_value={}),
        mock.patch.object(ActionBase, "validate_argument_spec", return_value=(None, {"name": "a"})) as check,
        pytest.raises(Refused) as refused,
    ):
        action.run(task_vars={"known": 1})
    check.assert_called_once_with(argument_spec=Wrong.arguments)
    assert str(refused.value) == describe(PROBLEMS)
