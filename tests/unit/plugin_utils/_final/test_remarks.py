"""What people should know: who can log in, and what an example has in place of their own."""

from __future__ import annotations

import base64
import json
import pathlib

import pytest
import yaml
from ansible_collections.kindling.flatcar.plugins.plugin_utils._final.remarks import is_nobodys
from ansible_collections.kindling.flatcar.plugins.plugin_utils._schema.words import EXAMPLES_KEY, authorized_key

EXAMPLE = pathlib.Path(__file__).parents[4] / "inventories" / "example"
HASH = f"$6$salt${'h' * 86}"
LOCKED = "*"
INSTALLED = {"boot_mode": "install", "install_disk": "/dev/disk/by-id/wwn-0x5000c500a1b2c3d4"}


def user(**more):
    return {"passwd": {"users": [{"name": "ops", **more}]}}


def nested(inner):
    text = base64.b64encode(json.dumps({"ignition": {"version": "3.3.0"}, **inner}).encode()).decode()
    return {"ignition": {"config": {"merge": [{"source": f"data:;base64,{text}"}]}}}


@pytest.mark.parametrize("mode", [{"boot_mode": "ram"}, INSTALLED], ids=["ram", "install"])
@pytest.mark.parametrize(
    "butane",
    [None, user(), user(password_hash=LOCKED), user(password_hash=f"!{HASH}"), user(ssh_authorized_keys=["# x"])],
)
def test_a_machine_that_nobody_can_log_in_to_is_a_warning(told, mode, butane):
    ((path, message, placeholder),) = told(butane, **mode)
    assert (path, placeholder) == ("flatcar_authorized_keys", False)
    assert "nobody can log in to this machine" in message


def test_somebody_can_log_in(told, key):
    ways = [
        {"authorized_keys": [key]},
        {"password_hashes": {"core": HASH}},
        {"kernel_arguments": ["flatcar.autologin=ttyS0"]},
        {"butane": user(ssh_authorized_keys=[key])},
        {"butane": user(password_hash=HASH)},
        {"butane": nested({"passwd": {"users": [{"name": "ops", "sshAuthorizedKeys": [key]}]}})},
        {
            "butane": {
                "storage": {"files": [{"path": "/home/core/.ssh/authorized_keys.d/site", "contents": {"inline": key}}]}
            }
        },
        {
            "butane": {
                "storage": {"files": [{"path": "/etc/ssh/sshd_config.d/10-ca.conf", "contents": {"inline": "x"}}]}
            }
        },
    ]
    for way in ways:
        assert told(boot_mode="ram", **way) == []
    assert told(boot_mode="disk") == []
    elsewhere = {"ignition": {"config": {"merge": [{"source": "http://10.0.0.1/a.ign"}]}}}
    assert told(elsewhere, **INSTALLED) == []


# Placeholders -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "nobodys"),
    [
        ("https://extensions.example.com/a.raw", True),
        ("https://example.org", True),
        ("http://files.example:8080/x", True),
        ("https://EXAMPLE.net./a", True),
        ("registry.example.com/a:1", True),
        ("https://a.invalid/x", True),
        ("https://example.com.evil.test/x", False),
        ("https://myexample.com/x", False),
        ("http://10.0.0.1/example.com", False),
        ("ghcr.io/flatcar/hello", False),
        ("https://files.test/x", False),
        ("nginx", False),
    ],
)
def test_names_for_examples_are_nobodys(url, nobodys):
    assert is_nobodys(url) == nobodys


def test_the_examples_placeholders_are_told_apart(told):
    key = yaml.safe_load((EXAMPLE / "group_vars" / "flatcar_nodes.yml").read_text())["flatcar_authorized_keys"][0]
    sysext = yaml.safe_load((EXAMPLE / "host_vars" / "b01.yml").read_text())["flatcar_sysexts"][0]
    found = told(boot_mode="ram", authorized_keys=[key], sysexts=[sysext])
    assert [path for path, _, _ in found] == [
        "flatcar_authorized_keys: $.passwd.users.0.ssh_authorized_keys.0",
        "flatcar_sysexts: $.storage.files.1.contents.source",
        "flatcar_sysexts: $.storage.files.1.contents.verification.hash",
    ]
    assert all(placeholder for _, _, placeholder in found)


def test_an_older_copy_of_the_examples_key_is_told_apart_too():
    assert authorized_key(f"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA{EXAMPLES_KEY}0000 you@example.com")


@pytest.mark.parametrize(
    ("variables", "path"),
    [
        ({"update_server": "http://nebraska.example.com/v1/update/"}, "flatcar_update_server"),
        ({"containers": [{"name": "a", "image": "registry.example.com/a:1"}]}, "flatcar_containers[0].image"),
    ],
)
def test_variables_have_placeholders_too(told, key, variables, path):
    assert [(found, placeholder) for found, _, placeholder in told(authorized_keys=[key], **variables)] == [
        (path, True)
    ]


def test_no_updates_are_had_by_their_variable(told, key):
    butane = {"systemd": {"units": [{"name": "update-engine.service", "mask": True}]}}
    ((_, message, placeholder),) = told(butane, authorized_keys=[key])
    assert "flatcar_update_strategy: disabled switches updates off" in message
    assert not placeholder
    assert told(butane, boot_mode="ram", authorized_keys=[key]) == []


@pytest.mark.parametrize(
    ("more", "path", "message"),
    [
        ({"groups": ["sudo", "developers"]}, "groups.1", "no group developers"),
        ({"primary_group": "staff"}, "primary_group", "no group staff"),
        ({"shell": "/bin/zsh"}, "shell", "no /bin/zsh, and sshd refuses users"),
        ({"shell": "/usr/bin/fish"}, "shell", "use /bin/bash"),
    ],
)
def test_an_account_needs_what_the_image_has_not(told, key, more, path, message):
    ((found, said, placeholder),) = told(user(**more), authorized_keys=[key])
    assert found == f"flatcar_butane: $.passwd.users.1.{path}"
    assert message in said
    assert not placeholder


def test_an_account_has_what_the_config_makes(told, key):
    own = {
        "name": "ops",
        "groups": ["sudo", "docker", "developers", "ops"],
        "primary_group": "developers",
        "shell": "/opt/bin/zsh",
    }
    butane = {"passwd": {"users": [own], "groups": [{"name": "developers"}]}}
    assert told(butane, authorized_keys=[key]) == []


def test_a_root_file_system_that_is_none_is_a_warning(told, key):
    disk = INSTALLED["install_disk"]
    ((path, message, _),) = told(swap=f"{disk}-part9", authorized_keys=[key], **INSTALLED)
    assert path == "flatcar_swap: $.storage.filesystems.0.device"
    assert "is the root file system of the installed system, and swap cannot be" in message
    assert told(swap=f"{disk}-part10", authorized_keys=[key], **INSTALLED) == []
    raid = {"name": "root", "level": "raid1", "devices": ["/dev/disk/by-partlabel/a", "/dev/disk/by-partlabel/b"]}
    elsewhere = {"device": "/dev/md/root", "format": "ext4", "label": "ROOT"}
    butane = {"storage": {"raid": [raid], "filesystems": [elsewhere]}}
    assert told(butane, swap=f"{disk}-part9", authorized_keys=[key], **INSTALLED) == []
