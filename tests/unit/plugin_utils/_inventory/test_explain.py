"""Where each part of a node's config comes from."""

from __future__ import annotations

import pytest
import yaml
from ansible_collections.kindling.flatcar.plugins.plugin_utils._inventory.origin import origin_of
from ansible_collections.kindling.flatcar.plugins.plugin_utils._inventory.reader import read_node_alone
from ansible_collections.kindling.flatcar.plugins.plugin_utils._node import to_butane
from ansible_collections.kindling.flatcar.plugins.plugin_utils._node.provenance import source_at, traced_butane
from ansible_collections.kindling.flatcar.plugins.plugin_utils._publish.annotate import annotated, leaves, masked
from ansible_collections.kindling.flatcar.plugins.plugin_utils._schema.problem import InventoryError

HOSTS = """\
flatcar_nodes:
  vars:
    flatcar_rack: a
    flatcar_butane_10_site:
      storage:
        files:
          - path: /etc/a
            mode: 420
            contents:
              inline: |
                first
                second
          - path: /etc/b
      passwd:
        users:
          - name: core
            groups: [sudo, docker]
  hosts:
    n1:
      flatcar_mac: "52:54:00:00:00:01"
      flatcar_address: 10.1.0.11
      flatcar_hostname: web
      flatcar_time_zone: UTC
      flatcar_password_hashes: {core: $y$j9T$SSSSSSSSSSSSSSSSSSSSSS$hhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhh}
      flatcar_butane_40_host:
        storage:
          files:
            - {path: /etc/a, overwrite: true}
            - {path: /etc/b, $delete: true}
        passwd:
          users:
            - name: core
              groups: [{$delete: docker}]
"""


@pytest.fixture
def traced(inventory):
    variables = inventory({"hosts.yml": HOSTS}).variables
    host, fleet = read_node_alone("n1", variables)
    assert host == "boot-a"
    (node,) = fleet.nodes
    return node, traced_butane(node, origin_of)


def test_it_is_the_config_that_is_published(traced):
    node, config = traced
    shown = masked(config)
    assert shown["passwd"]["users"][0].pop("password_hash") == "(secret)"
    published = to_butane(node)
    assert published["passwd"]["users"][0].pop("password_hash").startswith("$y$")
    assert shown == published


def test_each_value_has_its_variable_and_line(traced):
    found = {".".join(leaf.path): (leaf.source.variable, leaf.source.origin) for leaf in leaves(traced[1])}
    lines = {path: (variable, origin and origin.line) for path, (variable, origin) in found.items()}
    assert lines == {
        "variant": ("", None),
        "version": ("", None),
        "storage.files.0.path": ("flatcar_hostname", 22),
        "storage.files.0.mode": ("flatcar_hostname", 22),
        "storage.files.0.contents.inline": ("flatcar_hostname", 22),
        "storage.files.0.overwrite": ("flatcar_hostname", 22),
        "storage.files.1.path": ("flatcar_butane_40_host", 28),
        "storage.files.1.mode": ("flatcar_butane_10_site", 8),
        "storage.files.1.contents.inline": ("flatcar_butane_10_site", 10),
        "storage.files.1.overwrite": ("flatcar_butane_40_host", 28),
        "passwd.users.0.name": ("flatcar_butane_40_host", 32),
        "passwd.users.0.password_hash": ("flatcar_password_hashes", 24),
        "passwd.users.0.groups.0": ("flatcar_butane_10_site", 17),
        "storage.links.0.path": ("flatcar_time_zone", 23),
        "storage.links.0.target": ("flatcar_time_zone", 23),
        "storage.links.0.overwrite": ("flatcar_time_zone", 23),
    }


def test_it_is_readable(traced):
    shown = annotated(traced[1], lambda source: source.variable.removeprefix("flatcar_") or "all")
    lines = [" ".join(line.split()) for line in shown.splitlines()]
    start = lines.index("- path: /etc/a # butane_40_host")
    assert lines[start : start + 7] == [
        "- path: /etc/a # butane_40_host",
        "mode: 0644 # butane_10_site",
        "contents:",
        "inline: | # butane_10_site",
        "first",
        "second",
        "overwrite: true # butane_40_host",
    ]
    assert 'password_hash: "(secret)" # password_hashes' in lines
    assert "$y$" not in shown


def test_it_is_yaml(traced):
    assert yaml.safe_load(annotated(traced[1], str)) == masked(traced[1])


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (["storage", "files", "1", "mode"], 8),
        (["storage", "files", "1", "nothing"], 28),
        (["storage", "files", "9"], 22),
        (["passwd"], 32),
    ],
)
def test_the_source_of_what_is_not_there_is_that_of_what_holds_it(traced, path, line):
    assert source_at(traced[1], path).origin.line == line


def test_there_is_nothing_to_say_of_nothing():
    assert source_at({}, ["storage"]) is None


def test_a_node_with_problems_is_not_explained(inventory):
    variables = inventory({"hosts.yml": HOSTS.replace("flatcar_hostname", "flatcar_hostnam")}).variables
    with pytest.raises(InventoryError, match="did you mean flatcar_hostname"):
        read_node_alone("n1", variables)
    variables = inventory({"hosts.yml": HOSTS.replace("flatcar_rack: a", "flatcar_rack: z")}).variables
    with pytest.raises(InventoryError, match="no boot host has this rack in its kindling_networks; they have a"):
        read_node_alone("n1", variables)
