"""A node's variables: typed, completed, or refused with every reason; and the Butane that they become."""

from __future__ import annotations

import pytest
from ansible_collections.kindling.flatcar.plugins.plugin_utils._node import read_node, to_butane

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEtpbmRsaW5nIHRlc3Qga2V5OiBvcGVucyBub3RoaW5n"

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
        (
            {"flatcar_boot_program": "grub"},
            "flatcar_boot_program",
            "expected snponly, undionly, ipxe, or a mapping with file",
        ),
        ({"flatcar_boot_program": {"file": "x.efi"}}, "flatcar_boot_program.sha256", "missing: its SHA-256"),
        (
            {"flatcar_boot_program": {"file": "x", "sha256": "0"}},
            "flatcar_boot_program.sha256",
            "64 hexadecimal digits",
        ),
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
        ({"flatcar_slot": 3.5}, "flatcar_slot", "expected a whole number from 0 to 9999, got 3.5"),
        ({"flatcar_slot": True}, "flatcar_slot", "expected a whole number"),
        (
            {"flatcar_hostname_pattern": "{rack.name}"},
            "flatcar_hostname_pattern",
            "expected a pattern of {rack}, {slot}",
        ),
        ({"flatcar_hostname_pattern": "{slot!r}"}, "flatcar_hostname_pattern", "expected a pattern"),
        ({"flatcar_hostname_pattern": "{rack:02}"}, "flatcar_hostname_pattern", "a width is for {slot} alone"),
        ({"flatcar_hostname_pattern": "{rack"}, "flatcar_hostname_pattern", "expected a pattern"),
        ({"flatcar_hostname_pattern": "r-{slot}"}, "flatcar_hostname", "so the machine needs a flatcar_slot"),
        (
            {"flatcar_hostname_pattern": "{rack}", "flatcar_rack": "Rack A"},
            "flatcar_hostname",
            "flatcar_hostname_pattern makes 'Rack A': expected a host name",
        ),
        ({"flatcar_boot_mode": "install"}, "flatcar_install_disk", "missing: flatcar_boot_mode is install"),
        ({"flatcar_install_disk": "/dev/sda"}, "flatcar_install_disk", "expected a disk by its stable id"),
        ({"flatcar_install_disk": "/dev/disk/by-id/x-part1"}, "flatcar_install_disk", "not a partition of one"),
        ({"flatcar_install_disk_min_gib": 8}, "flatcar_install_disk_min_gib", "expected a whole number from 10"),
        ({"flatcar_wipe": "all"}, "flatcar_wipe", "expected flatcar or any, got 'all'"),
        ({"flatcar_wipe": True}, "flatcar_wipe", "expected flatcar or any"),
        ({"flatcar_other_flatcar_disks": True}, "flatcar_other_flatcar_disks", "expected refuse or allow"),
        ({"flatcar_install_boot_entry": "yes"}, "flatcar_install_boot_entry", "expected true or false"),
        ({"flatcar_local_boot": "reboot"}, "flatcar_local_boot", "or the URL of a boot program, got 'reboot'"),
        ({"flatcar_local_boot": "http://b/${serial}.efi"}, "flatcar_local_boot", "or the URL of a boot program"),
        (
            {"flatcar_local_boot": "chain", "flatcar_board": "arm64-usr"},
            "flatcar_local_boot",
            "is for amd64-usr alone",
        ),
        ({"flatcar_serve_secrets": "yes"}, "flatcar_serve_secrets", "expected true or false"),
        ({"flatcar_bmc": "10.1.0.201"}, "flatcar_bmc", "expected a mapping with type"),
        (
            {"flatcar_bmc": {"address": "10.1.0.201"}},
            "flatcar_bmc.type",
            "missing: the protocol of the machine's service processor",
        ),
        ({"flatcar_bmc": {"type": "ilo"}}, "flatcar_bmc.type", "expected redfish or ipmi or wol"),
        (
            {"flatcar_bmc": {"type": "redfish", "address": "10.1.0.201"}},
            "flatcar_bmc",
            "expected user, password with the type redfish",
        ),
        ({"flatcar_bmc": {"type": "wol", "user": "a"}}, "flatcar_bmc", "the type wol has no user: leave it out"),
        (
            {"flatcar_bmc": {"type": "ipmi", "address": "b", "user": "a", "password": "hunter2", "system": "1"}},
            "flatcar_bmc",
            "the type ipmi has no system: leave it out",
        ),
        ({"flatcar_bmc": {"type": "wol", "mac": "x"}}, "flatcar_bmc.mac", "expected a MAC address"),
        ({"flatcar_bmc": {"type": "wol", "port": 0}}, "flatcar_bmc.port", "expected a whole number from 1 to 65535"),
        ({"flatcar_console": "tty S0"}, "flatcar_console", "expected a console such as ttyS0,115200n8"),
        ({"flatcar_password_hashes": {"core": "hunter2"}}, "flatcar_password_hashes.core", "not the password itself"),
        ({"flatcar_password_hashes": {"Core": "*"}}, "flatcar_password_hashes.Core", "expected a user's name"),
        ({"flatcar_time_zone": "Europe/Berln"}, "flatcar_time_zone", "expected a time zone such as Europe/Berlin"),
        ({"flatcar_ntp": "a b"}, "flatcar_ntp", "expected the name or the address of a host"),
        ({"flatcar_update_strategy": "of"}, "flatcar_update_strategy", "expected reboot or etcd-lock or off"),
        ({"flatcar_update_window": "04:00"}, "flatcar_update_window_length", "a window needs a start and a length"),
        (
            {"flatcar_update_strategy": False, "flatcar_update_window": "04:00", "flatcar_update_window_length": "1h"},
            "flatcar_update_window",
            "flatcar_update_strategy is off, which never reboots",
        ),
        ({"flatcar_update_window": "Thu 4:00"}, "flatcar_update_window", "expected a time such as 04:00 or Thu 04:00"),
        (
            {"flatcar_update_strategy": "disabled", "flatcar_update_server": "http://u/v1/"},
            "flatcar_update_server",
            "which asks no server",
        ),
        ({"flatcar_update_server": "u.example.com"}, "flatcar_update_server", "expected a URL"),
        (
            {"flatcar_sysexts": [{"name": "docker", "url": "https://x/y.raw"}]},
            "flatcar_sysexts[0].sha256",
            "missing: the SHA-256",
        ),
        ({"flatcar_containers": [{"name": "x"}]}, "flatcar_containers[0].image", "missing: the image"),
        (
            {"flatcar_containers": [{"name": "x", "image": "y", "comand": ["z"]}]},
            "flatcar_containers[0].comand",
            "unknown option; did you mean command?",
        ),
        ({"flatcar_units": [{"contents": "x"}]}, "flatcar_units[0]", "expected a mapping with a name"),
        ({"flatcar_swap": "/dev/sdb"}, "flatcar_swap", "expected a stable device name"),
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


def test_a_secret_is_never_repeated():
    unlikely = "correct horse battery staple"
    _, problems = read_node(
        "n1",
        RIGHT
        | {
            "flatcar_password_hashes": {"core": unlikely},
            "flatcar_users": unlikely,
            "flatcar_luks": [{"name": unlikely, "device": unlikely, "key": [unlikely]}],
        },
    )
    assert len(problems) == 5
    assert unlikely not in str([(problem.path, problem.message) for problem in problems])


def test_nothing_is_said_of_what_cannot_be_read():
    found, problems = read_node("n1", {"flatcar_rack": "a", "flatcar_mac": RIGHT["flatcar_mac"]}, ["flatcar_address"])
    assert (found, problems) == (None, [])
    _, problems = read_node("n1", RIGHT | {"flatcar_hostname_pattern": "n{slot}"}, ["flatcar_slot"])
    assert problems == []


@pytest.mark.parametrize(
    ("variables", "hostname"),
    [
        ({}, "n1"),
        ({"flatcar_hostname_pattern": "{rack}-{slot:02}", "flatcar_slot": 7}, "a-07"),
        ({"flatcar_hostname_pattern": "x{slot:3}", "flatcar_slot": 7, "flatcar_hostname": "own"}, "own"),
        ({"flatcar_hostname_pattern": "{name}-{rack}"}, "n1-a"),
    ],
)
def test_a_hostname_is_given_or_made(variables, hostname):
    assert node(**variables).hostname == hostname


def test_variables_of_the_role_flatcar_images_are_not_a_nodes():
    assert node(flatcar_images_dir="/srv", flatcar_images="x")


def test_variables_become_butane():
    butane = to_butane(
        node(
            flatcar_domain="rack.test",
            flatcar_authorized_keys=[KEY],
            flatcar_users=[{"name": "ops", "groups": ["sudo"]}, {"name": "core", "shell": "/bin/bash"}],
        )
    )
    assert butane["storage"]["files"][0]["contents"] == {"inline": "n1.rack.test\n"}
    assert butane["passwd"]["users"] == [
        {"name": "core", "ssh_authorized_keys": [KEY], "shell": "/bin/bash"},
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
