"""Whom a limit leaves, and whether somebody has meant them."""

from __future__ import annotations

import pathlib
import re

import pytest
import yaml
from ansible.inventory.manager import split_host_pattern
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.loader import lookup_loader
from ansible_collections.kindling.flatcar.plugins.plugin_utils._schema.limits import are_meant, nobody_left

#: `new.yml` works on no inventory: it writes one.
PLAYBOOKS = sorted(
    path for path in (pathlib.Path(__file__).parents[4] / "playbooks").glob("*.yml") if path.stem != "new"
)
NODES = ["a01", "a02", "b01"]
GROUPS = {"all": ["boot-a", *NODES], "boot_hosts": ["boot-a"], "flatcar_nodes": NODES, "rack_a": ["a01", "a02"]}


@pytest.mark.parametrize(
    "limit",
    ["", " ", ",", "all", "*", "flatcar_nodes", "all:!x", "!boot_hosts", "@nodes.txt", "rack_a,b01", "a*,b*", "~.*", "[ab]*",
     "a01,a02", "a01,a02,b*", "a[01:02],b01", "a01,a02,b01x"],
)  # fmt: skip
def test_all_nodes_are_not_meant_by_a_pattern_a_group_a_file_or_nothing(limit):
    assert not are_meant(split_host_pattern(limit), NODES, NODES, GROUPS)


@pytest.mark.parametrize("limit", ["a01,a02,b01", "b01:a02:a01", "a01, a02, b01", "a01,a02,b01,rack_a"])
def test_all_nodes_are_meant_by_their_names(limit):
    assert are_meant(split_host_pattern(limit), NODES, NODES, GROUPS)


@pytest.mark.parametrize("limit", ["a01", "rack_a", "a*", "@some.txt", "all:!b01"])
def test_some_nodes_are_meant_however_they_are_said(limit):
    assert are_meant(split_host_pattern(limit), ["a01", "a02"], NODES, GROUPS)


def test_the_only_node_is_meant_by_its_name_alone():
    assert are_meant(["a01"], ["a01"], ["a01"], GROUPS)
    assert not are_meant(["rack_a"], ["a01"], ["a01"], GROUPS)


def test_a_name_that_is_a_groups_too_is_not_a_nodes():
    assert not are_meant(["a01"], ["a01"], ["a01"], {"a01": ["a01"]})


def lookup(pattern, said=None, **options):
    variables = {"groups": GROUPS} | ({} if said is None else {"ansible_limit": said})
    return lookup_loader.get("kindling.flatcar.hosts", loader=DataLoader()).run(
        [pattern], variables=variables, **options
    )


@pytest.mark.parametrize(
    ("pattern", "limit", "options", "hosts"),
    [
        ("boot_hosts", None, {}, "boot_hosts"),
        ("boot_hosts", "", {}, "boot_hosts"),
        ("boot_hosts", "boot-a", {}, "boot_hosts"),
        ("boot_hosts", "a01,boot-a", {}, "boot_hosts"),
        ("boot_hosts", "a01", {"limit": "flatcar_nodes:boot_hosts"}, "boot_hosts"),
        ("localhost", None, {"limit": "flatcar_nodes"}, "localhost"),
        ("localhost", "localhost,boot-a", {"limit": "flatcar_nodes"}, "localhost"),
        ("localhost", "rack_a", {"limit": "flatcar_nodes"}, "flatcar_nodes"),
        ("localhost", "localhost,a01", {"limit": "flatcar_nodes"}, "flatcar_nodes"),
        ("localhost", "boot-a", {"limit": "flatcar_nodes:boot_hosts"}, "flatcar_nodes:boot_hosts"),
    ],
)
def test_a_play_has_its_hosts_or_those_of_the_limit(pattern, limit, options, hosts):
    assert lookup(pattern, limit, **options) == [hosts]


@pytest.mark.parametrize(
    ("pattern", "limit", "options", "message"),
    [
        ("boot_hosts", "a01", {}, "--limit a01 leaves none of the hosts that this playbook works on, those of boot_hosts: boot-a."),
        ("boot_hosts", "all:!boot-a", {}, "those of boot_hosts: boot-a."),
        ("flatcar_nodes", "boot-a", {}, "those of flatcar_nodes: a01, a02, b01."),
        ("localhost", "boot-a", {"limit": "flatcar_nodes"}, "those of flatcar_nodes: a01, a02, b01."),
        ("localhost", "a01", {}, "those of localhost"),
        ("nosuch", "a01", {}, "this playbook works on the hosts of nosuch, and the inventory has none. Nothing was done"),
    ],
)  # fmt: skip
def test_a_limit_that_leaves_nobody_is_a_mistake(pattern, limit, options, message, capsys):
    with pytest.raises(SystemExit):
        lookup(pattern, limit, **options)
    assert message in " ".join(capsys.readouterr().err.split())


def test_a_room_of_hosts_is_not_listed():
    assert "n0, n1, n2, n3, n4, n5, n6, n7, n8, n9 and 4,990 more." in nobody_left(
        "x", "y", [f"n{n}" for n in range(5000)]
    )


@pytest.mark.parametrize("path", PLAYBOOKS, ids=lambda path: path.stem)
def test_every_play_of_every_playbook_looks_whom_the_limit_leaves(path):
    for play in yaml.safe_load(path.read_text()):
        if "ansible.builtin.import_playbook" in play:
            assert path.with_name(play["ansible.builtin.import_playbook"]) in PLAYBOOKS
        else:
            assert re.fullmatch(r"\{\{ lookup\('kindling\.flatcar\.hosts', .*\) \}\}", play["hosts"]), play["name"]
