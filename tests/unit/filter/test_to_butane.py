"""The filter as templates call it."""

from __future__ import annotations

import pytest
from ansible.errors import AnsibleError
from ansible_collections.kindling.flatcar.plugins.filter.to_butane import FilterModule

to_butane = FilterModule().filters()["to_butane"]
RIGHT = {"flatcar_rack": "a", "flatcar_mac": "52:54:00:00:00:01", "flatcar_address": "10.1.0.11"}


def test_a_nodes_variables_become_its_config():
    made = to_butane({"inventory_hostname": "n1", "other": 1, **RIGHT})
    assert made["variant"] == "flatcar"
    assert made["storage"]["files"][0]["contents"]["inline"] == "n1\n"


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("text", "expects a node's variables"),
        ({**RIGHT, "flatcar_typo": 1}, "flatcar_typo: unknown variable"),
        ({**RIGHT, "flatcar_butane": {"$delete": True}}, r"flatcar_butane: \$delete is used where"),
    ],
)
def test_what_is_wrong_is_told(value, message):
    with pytest.raises(AnsibleError, match=message):
        to_butane(value)
