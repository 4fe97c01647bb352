"""One thing is said by a variable or by a fragment, never by both otherwise."""

from __future__ import annotations

import pytest

INSTALL = "[Install]\nWantedBy=multi-user.target\n"
UPDATE_CONF = "/etc/flatcar/update.conf"


def file(path, text, **more):
    return {"storage": {"files": [{"path": path, "contents": {"inline": text}, **more}]}}


@pytest.mark.parametrize(
    ("variables", "butane", "message"),
    [
        (
            {"hostname": "a01"},
            file("/etc/hostname", "b01\n"),
            "/etc/hostname is already made by flatcar_hostname, and this replaces it",
        ),
        (
            {"domain": "rack.test"},
            file("/etc/hostname", "n1\n"),
            "is already made by flatcar_domain, and this replaces it",
        ),
        (
            {"update_strategy": "off"},
            file(UPDATE_CONF, "GROUP=beta\n"),
            f"{UPDATE_CONF} is already made by flatcar_update_strategy, and this replaces it",
        ),
        (
            {"update_strategy": "off", "update_group": "beta"},
            file(UPDATE_CONF, "GROUP=stable\n", overwrite=True),
            "is already made by flatcar_update_strategy and flatcar_update_group, and this replaces it",
        ),
        (
            {"ntp": "ntp.test"},
            file("/etc/systemd/timesyncd.conf.d/10-kindling.conf", "[Time]\nNTP=x\n"),
            "is already made by flatcar_ntp, and this replaces it",
        ),
        (
            {"time_zone": "UTC"},
            {"storage": {"links": [{"path": "/etc/localtime", "target": "../usr/share/zoneinfo/Europe/Berlin"}]}},
            "/etc/localtime is already made by flatcar_time_zone, and this replaces it",
        ),
        (
            {"containers": [{"name": "web", "image": "nginx"}]},
            {
                "systemd": {
                    "units": [{"name": "web.service", "contents": f"[Service]\nExecStart=/opt/bin/web\n{INSTALL}"}]
                }
            },
            "web.service is already made by flatcar_containers, and this replaces it",
        ),
    ],
)
def test_a_fragment_does_not_take_a_variables_place(wrong, variables, butane, message):
    ((path, said),) = wrong(butane, **variables)
    assert path.startswith("flatcar_butane: $.")
    assert message in said
    assert f"`{said.partition('made by ')[2].split()[0].rstrip(',')}: ~`" in said


@pytest.mark.parametrize(
    ("variables", "butane"),
    [
        ({"hostname": "a01"}, file("/etc/hostname", "a01\n")),
        ({"hostname": "a01"}, {"storage": {"files": [{"path": "/etc/hostname", "mode": 0o600}]}}),
        ({"hostname": "a01"}, {"storage": {"files": [{"path": "/etc/hostname", "$delete": True}]}}),
        ({"update_strategy": "off"}, file("/etc/motd.d/a", "x")),
        ({}, file(UPDATE_CONF, "GROUP=beta\n", overwrite=True)),
        (
            {"containers": [{"name": "web", "image": "nginx"}]},
            {
                "systemd": {
                    "units": [{"name": "web.service", "dropins": [{"name": "a.conf", "contents": "[Service]\nA=b\n"}]}]
                }
            },
        ),
        (
            {"units": [{"name": "a.service", "contents": "[Service]\nExecStart=/opt/bin/a\n"}]},
            {"systemd": {"units": [{"name": "a.service", "contents": "[Service]\nExecStart=/opt/bin/b\n"}]}},
        ),
    ],
)
def test_what_does_not_contradict_is_taken(wrong, variables, butane):
    assert wrong(butane, **variables) == []


def test_a_name_that_no_variable_says_is_a_warning(told, key):
    ((path, message, placeholder),) = told(file("/etc/hostname", "mine\n"), authorized_keys=[key])
    assert path == "flatcar_butane: $.storage.files.0.contents"
    assert "will call itself mine, but DHCP and DNS call it n1" in message
    assert not placeholder
    assert told(file("/etc/hostname", "n1.rack.test\n"), authorized_keys=[key]) == []
