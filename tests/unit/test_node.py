"""A node's variables: typed, completed, or refused with every reason; and the Butane that they become."""

from __future__ import annotations

import pytest
from ansible_collections.kindling.flatcar.plugins.module_utils.node import read_node, to_butane

RIGHT = {"flatcar_rack": "a", "flatcar_mac": "52-54-00-AA-BB-01", "flatcar_address": "10.1.0.11"}


def node(**variables):
    found, problems = read_node("n1.rack-a", RIGHT | variables)
    assert problems == []
    return found


def test_the_least_that_a_node_needs():
    least = node()
    assert (least.mac, str(least.address), least.hostname) == (("52:54:00:aa:bb:01",), "10.1.0.11", "n1")


def test_a_node_boots_its_own_disk_unless_it_is_told_otherwise():
    assert node().boot_mode == "disk"


@pytest.mark.parametrize(
    ("variables", "channel"),
    [
        ({}, "stable"),
        ({"flatcar_channel": "beta"}, "beta"),
        ({"flatcar_version": "4790.0.0"}, "alpha"),
        ({"flatcar_version": "4757.1.0"}, "beta"),
        ({"flatcar_version": "4593.2.5"}, "stable"),
        ({"flatcar_version": "4081.3.10"}, "lts"),
        ({"flatcar_version": "4081.3.10", "flatcar_channel": "lts-2024"}, "lts-2024"),
    ],
)
def test_an_exact_version_knows_its_channel(variables, channel):
    assert node(**variables).image()["channel"] == channel


@pytest.mark.parametrize(
    ("variables", "path", "message"),
    [
        ({"flatcar_rack": None}, "flatcar_rack", "missing: the rack that the machine stands in"),
        ({"flatcar_mac": "52:54:00"}, "flatcar_mac", "expected a MAC address"),
        ({"flatcar_mac": 5254}, "flatcar_mac", "expected a MAC address"),
        ({"flatcar_mac": []}, "flatcar_mac", "expected at least one item"),
        (
            {"flatcar_mac": ["52:54:00:aa:bb:01", "ff:ff:ff:ff:ff:ff"]},
            "flatcar_mac[1]",
            "expected the address of one",
        ),
        ({"flatcar_mac": "00:00:00:00:00:00"}, "flatcar_mac", "empty address"),
        ({"flatcar_address": "10.1.0.11/24"}, "flatcar_address", "expected an IPv4 address"),
        ({"flatcar_address": "10.1.0.011"}, "flatcar_address", "expected an IPv4 address"),
        ({"flatcar_hostname": "Node_1"}, "flatcar_hostname", "expected a host name"),
        ({"flatcar_boot_mode": "rma"}, "flatcar_boot_mode", "expected disk or ram or install, got 'rma'"),
        ({"flatcar_board": "amd64"}, "flatcar_board", "expected amd64-usr or arm64-usr"),
        ({"flatcar_version": 4593.2}, "flatcar_version", "in quotes"),
        ({"flatcar_channel": "edge"}, "flatcar_channel", "or a stream such as lts-2024"),
        (
            {"flatcar_channel": "beta", "flatcar_version": "4593.2.5"},
            "flatcar_channel",
            "is a release of stable, not of beta",
        ),
        ({"flatcar_kernel_arguments": "quiet"}, "flatcar_kernel_arguments", "expected a list"),
        ({"flatcar_kernel_arguments": ["a b"]}, "flatcar_kernel_arguments[0]", "without blanks"),
        ({"flatcar_kernel_arguments": ["a\nboot"]}, "flatcar_kernel_arguments[0]", "without blanks"),
        ({"flatcar_kernel_arguments": ["${net0/mac}"]}, "flatcar_kernel_arguments[0]", "without blanks"),
        ({"flatcar_users": [{"groups": ["sudo"]}]}, "flatcar_users[0]", "expected a mapping with a name"),
        ({"flatcar_butane_site": "text"}, "flatcar_butane_site", "expected a Butane config as a mapping"),
        ({"flatcar_boot_mod": "ram"}, "flatcar_boot_mod", "unknown variable; did you mean flatcar_boot_mode?"),
    ],
)
def test_mistakes_are_named(variables, path, message):
    found, problems = read_node("n1", RIGHT | variables)
    assert found is None
    assert [problem.path for problem in problems] == [path]
    assert message in problems[0].message


def test_all_mistakes_come_at_once():
    _, problems = read_node("N_1", {"flatcar_adress": "10.1.0.11"})
    assert [problem.path for problem in problems] == [
        "flatcar_rack",
        "flatcar_mac",
        "flatcar_address",
        "flatcar_adress",
        "flatcar_hostname",
    ]


def test_variables_of_the_role_flatcar_images_are_not_a_nodes():
    assert node(flatcar_images_dir="/srv", flatcar_images="x")


def test_variables_become_butane():
    butane = to_butane(
        node(
            flatcar_domain="rack.test",
            flatcar_authorized_keys=["ssh-ed25519 AAAA"],
            flatcar_users=[{"name": "ops", "groups": ["sudo"]}, {"name": "core", "shell": "/bin/bash"}],
        )
    )
    assert butane["storage"]["files"][0]["contents"] == {"inline": "n1.rack.test\n"}
    assert butane["passwd"]["users"] == [
        {"name": "core", "ssh_authorized_keys": ["ssh-ed25519 AAAA"], "shell": "/bin/bash"},
        {"name": "ops", "groups": ["sudo"]},
    ]


def test_fragments_are_laid_over_the_variables_in_the_order_of_their_names():
    def motd(text):
        return {"storage": {"files": [{"path": "/etc/motd", "contents": {"inline": text}}]}}

    butane = to_butane(
        node(
            flatcar_butane_20_rack=motd("rack"),
            flatcar_butane_10_site=motd("site"),
            flatcar_butane={"version": "1.0.0", **motd("first")},
        )
    )
    assert butane["version"] == "1.0.0"
    assert [(file["path"], file["contents"]["inline"]) for file in butane["storage"]["files"]] == [
        ("/etc/hostname", "n1\n"),
        ("/etc/motd", "rack"),
    ]
