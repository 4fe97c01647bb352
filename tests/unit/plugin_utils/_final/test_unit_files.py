"""Units as systemd reads them."""

from __future__ import annotations

import pytest


@pytest.fixture
def wrong_unit(wrong):
    def messages(name, text, dropins=()):
        own = [{"name": f"{n}.conf", "contents": dropin} for n, dropin in enumerate(dropins)]
        unit = {"name": name, **({"contents": text} if text else {}), "dropins": own}
        return [message for _, message in wrong({"systemd": {"units": [unit]}})]

    return messages


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        (
            "a.service",
            "[Servce]\nExecStart=/opt/bin/a\n",
            "ignores the section [Servce]: expected [Unit], [Install], [Service]; did you",
        ),
        ("a.service", "[service]\nExecStart=/opt/bin/a\n", "did you mean [Service]?"),
        ("a.service", "[Container]\nImage=a\n", "ignores the section [Container]"),
        ("a.service", "[Timer]\nOnBootSec=1\n", "ignores the section [Timer]"),
        (
            "a.service",
            "ExecStart=/opt/bin/a\n[Service]\nExecStart=/opt/bin/a\n",
            "precedes the first section, here 'ExecStart=",
        ),
        ("a.service", "# a\n\n  hello\n[Service]\nExecStart=/opt/bin/a\n", "precedes the first section, here 'hello'"),
        ("a.service", "hello\n", "precedes the first section"),
        ("a.service", "[Unit]\nDescription=a\n", "does not start a.service: [Service] has none of ExecStart="),
        ("a.service", "[Unit]\nExecStart=/opt/bin/a\n", "does not start a.service"),
        ("a@.service", "[Service]\nType=oneshot\n", "does not start a@.service"),
        ("a.timer", "[Timer]\nUnit=a.service\n", "[Timer] has none of On…="),
        ("a.path", "[Path]\nUnit=a.service\n", "[Path] has none of Path…=, DirectoryNotEmpty="),
        ("a.socket", "[Socket]\nAccept=yes\n", "[Socket] has none of Listen…="),
        ("srv.mount", "[Mount]\nWhere=/srv\n", "[Mount] has none of What="),
        ("srv.automount", "[Automount]\nTimeoutIdleSec=1\n", "[Automount] has none of Where="),
        ("a.swap", "[Swap]\nPriority=1\n", "[Swap] has none of What="),
    ],
)
def test_a_unit_that_systemd_would_not_start_is_refused(wrong, wrong_unit, name, text, message):
    (said,) = wrong_unit(name, text)
    assert message in said
    file = {"path": f"/etc/systemd/system/{name}", "contents": {"inline": text}}
    ((path, also),) = wrong({"storage": {"files": [file]}})
    assert (path, also) == ("flatcar_butane: $.storage.files.1.contents", said)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.service", "# a comment\n; another \\\n  that goes on\n\n[Service]\nExecStart=/opt/bin/a \\\n  -v\n"),
        ("a.service", "[Unit]\nSuccessAction=reboot\n\n[Service]\nExecStop=/opt/bin/a\n\n[X-Site]\nOwner=ops\n"),
        ("a.timer", "[Timer]\nOnCalendar=daily\n\n[Install]\nWantedBy=timers.target\n"),
        ("a.path", "[Path]\nPathChanged=/etc/a\n"),
        ("a.socket", "[Socket]\nListenStream=80\n"),
        ("a.slice", "[Slice]\nMemoryMax=1G\n"),
        ("a.target", "[Unit]\nDescription=a\n"),
        ("srv.mount", "[Mount]\nWhat=/dev/disk/by-partlabel/a\nWhere=/srv\n"),
    ],
)
def test_a_right_unit_is_taken(wrong_unit, name, text):
    assert wrong_unit(name, text) == []


def test_a_dropin_may_say_what_a_unit_does(wrong_unit):
    assert wrong_unit("a.service", "[Service]\nType=oneshot\n", ["[Service]\nExecStart=/opt/bin/a\n"]) == []
    assert "did you mean [Service]?" in wrong_unit("docker.service", "", ["[Serivce]\nA=b\n"])[0]


def test_what_is_no_unit_is_not_read_as_one(wrong):
    files = [
        {"path": "/etc/systemd/network/10-a.network", "contents": {"inline": "[Match]\nName=a\n"}},
        {"path": "/etc/systemd/system/a.service.d/x.txt", "contents": {"inline": "hello"}},
        {"path": "/etc/containers/systemd/a.container", "contents": {"inline": "[Container]\nImage=a\n"}},
    ]
    assert wrong({"storage": {"files": files}}) == []
