"""Texts out of vaults are found wherever a config says them."""

from __future__ import annotations

import json

import pytest
from ansible_collections.kindling.flatcar.plugins.plugin_utils._butane import dumps, translate
from ansible_collections.kindling.flatcar.plugins.plugin_utils._publish.leaks import Secret, leaks

TEXT = "correct horse"
KEY = "-----BEGIN KEY-----\nAAAAB3NzaC1yc2EAAAADAQAB\nxyz=\n-----END KEY-----\n"


def found(butane, *texts, words=()):
    config = translate({"variant": "flatcar", "version": "1.1.0", **butane}, strict=True).checked()
    return [place for _, place in leaks(config, words, [Secret("v", text) for text in texts or (TEXT,)])]


def file(text):
    return {"storage": {"files": [{"path": "/etc/x", "contents": {"inline": text}}]}}


@pytest.mark.parametrize(
    ("butane", "place"),
    [
        (file(f"password={TEXT}\n"), "storage.files[/etc/x].contents"),
        (file(f"{'a' * 5000}{TEXT}"), "storage.files[/etc/x].contents"),
        (file(f"\x00\x01{TEXT}"), "storage.files[/etc/x].contents"),
        (
            {"storage": {"files": [{"path": "/a", "append": [{"inline": TEXT}]}]}},
            "storage.files[/a].append[0]",
        ),
        (
            {"systemd": {"units": [{"name": "a.service", "contents": f"[Service]\nEnvironment=P={TEXT}\n"}]}},
            "systemd.units[a.service].contents",
        ),
        (
            {"systemd": {"units": [{"name": "a.service", "dropins": [{"name": "b.conf", "contents": f"# {TEXT}"}]}]}},
            "systemd.units[a.service].dropins[b.conf].contents",
        ),
        (
            {"storage": {"luks": [{"name": "l", "device": "/dev/md/x", "key_file": {"inline": TEXT}}]}},
            "storage.luks[l].keyFile",
        ),
        ({"passwd": {"users": [{"name": "core", "gecos": TEXT}]}}, "passwd.users[core].gecos"),
        (
            {"ignition": {"config": {"merge": [{"inline": dumps(translate({"variant": "flatcar", "version": "1.1.0",
             **file(TEXT)}).checked())}]}}},
            "ignition.config.merge[0].storage.files[/etc/x].contents",
        ),
    ],
)  # fmt: skip
def test_a_secret_is_found_where_it_is(butane, place):
    assert found(butane)[0].endswith(place.rpartition("merge[0].")[2])


def test_a_config_may_have_lists_of_words():
    keys = {"passwd": {"users": [{"name": "core", "ssh_authorized_keys": ["ssh-ed25519 AAAA a", f"ssh-rsa {TEXT}"]}]}}
    assert found(keys) == ["passwd.users[core].sshAuthorizedKeys[1]"]


def test_it_is_found_in_the_kernels_line():
    assert found({}, "hunter2", words=["quiet", "password=hunter2"]) == ["the kernel command line"]


def test_a_key_that_a_template_has_indented_is_found():
    indented = "".join(f"    {line}\n" for line in KEY.splitlines())
    assert found(file(f"key: |\n{indented}"), KEY) == ["storage.files[/etc/x].contents"]


def test_what_is_not_there_is_not_found():
    assert found(file("nothing"), TEXT, KEY) == []
    assert found({"passwd": {"users": [{"name": "core", "password_hash": "$y$hash"}]}}, "$y$hash") == []


def test_what_stands_anywhere_is_no_secret():
    assert found(file("abc"), "abc", "", "\n") == []


def test_what_nobody_can_read_is_passed_over():
    broken = {"compression": "gzip", "source": "data:;base64,AAAA"}
    config = json.loads(json.dumps({"storage": {"files": [{"path": "/x", "contents": broken}]}}))
    assert list(leaks(config, [], [Secret("v", TEXT)])) == []
