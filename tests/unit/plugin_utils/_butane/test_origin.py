"""Where in the inventory a value stands, as Ansible tells it to anybody who asks politely."""

from __future__ import annotations

import pytest
from ansible.parsing.dataloader import DataLoader
from ansible_collections.kindling.flatcar.plugins.plugin_utils._inventory.origin import Origin, origin_of

VARS = """\
---
node:
  name: rack1-node1
  port: 8080
  ratio: 1.5
  armed: true
  nothing: ~
  empty: {}
  day: 2026-01-02
  disks:
    - device: /dev/sda
    - [inner]
  text: |
    first
    second
"""


@pytest.fixture
def loaded(tmp_path):
    path = tmp_path / "vars.yml"
    path.write_text(VARS, encoding="utf-8")
    return str(path), DataLoader().load_from_file(str(path))["node"]


@pytest.mark.parametrize(
    ("pick", "line", "column"),
    [
        (lambda node: node["name"], 3, 9),
        (lambda node: node["port"], 4, 9),
        (lambda node: node["ratio"], 5, 10),
        (lambda node: node["day"], 9, 8),
        (lambda node: node["text"], 13, 9),
        (lambda node: list(node)[3], 6, 3),
        (lambda node: node, 3, 3),
        (lambda node: node["disks"], 11, 7),
        (lambda node: node["disks"][1], 12, 8),
    ],
)
def test_file_line_and_column(loaded, pick, line, column):
    path, node = loaded
    assert origin_of(pick(node)) == Origin(path, line, column)
    assert str(origin_of(pick(node))) == f"{path}:{line}:{column}"


@pytest.mark.parametrize("key", ["armed", "nothing", "empty"])
def test_what_ansible_does_not_know(loaded, key):
    assert origin_of(loaded[1][key]) is None


@pytest.mark.parametrize("value", ["plain", 5, 1.5, b"bytes", True, None, [], {}, [[]], object(), {1, 2}, float("nan")])
def test_values_from_nowhere(value):
    assert origin_of(value) is None


def test_a_list_that_contains_itself():
    value = []
    value.append(value)
    assert origin_of(value) is None
