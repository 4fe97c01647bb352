"""What the module does to a service, by what systemd or s6 says of it."""

from __future__ import annotations

import json

import pytest
from ansible.module_utils.testing import patch_module_args
from ansible_collections.kindling.flatcar.plugins.modules import service

NAME = "kindling-test.service"
UP = {"ActiveState": "active", "UnitFileState": "enabled", "NeedDaemonReload": "no"}
ABSENT = {"ActiveState": "inactive", "UnitFileState": "", "NeedDaemonReload": "no"}

#: Says what the test told it, and notes what it is told.
SYSTEMCTL = """\
#!/bin/sh
place=$(dirname "$0")
if [ "$1" = show ]; then
  shift 2
  first=yes
  for unit; do
    [ $first = yes ] || echo
    first=no
    cat "$place/$unit"
  done
else
  echo "$(basename "$0") $*" >> "$place/log"
fi
"""


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """Runs the module beside units in these states: what it says, and the commands that it ran."""
    for name in ("systemctl", "s6-svc"):
        (tmp_path / name).write_text(SYSTEMCTL)
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr(service, "RUNTIME", tmp_path)

    def module(states=None, check=False, **options):
        for unit, state in (states or {NAME: UP}).items():
            (tmp_path / unit).write_text("".join(f"{key}={value}\n" for key, value in state.items()))
        (tmp_path / "log").write_text("")
        arguments = {"name": NAME, "_ansible_check_mode": check, **options}
        with patch_module_args(arguments), pytest.raises(SystemExit):
            service.main()
        result = json.loads(capsys.readouterr().out)
        done = (tmp_path / "log").read_text().splitlines()
        assert done == ([] if check or result.get("failed") else result["actions"])
        assert result.get("failed") or result["changed"] == bool(result["actions"])
        return result

    return module


def test_one_that_runs_with_its_files_as_they_are_is_left_alone(run):
    assert run()["actions"] == []


@pytest.mark.parametrize("check", [False, True])
def test_a_new_one_is_enabled_and_started(run, check):
    assert run({NAME: ABSENT}, check)["actions"] == [
        "systemctl daemon-reload",
        f"systemctl enable {NAME}",
        f"systemctl start {NAME}",
    ]


def test_one_that_failed_or_was_stopped_is_started(run):
    for state in ("failed", "inactive"):
        assert run({NAME: UP | {"ActiveState": state}})["actions"][1:] == [f"systemctl start {NAME}"]


def test_one_that_was_disabled_is_enabled(run):
    assert f"systemctl enable {NAME}" in run({NAME: UP | {"UnitFileState": "disabled"}})["actions"]


def test_files_that_it_has_not_read_are_taken_up(run, tmp_path):
    (tmp_path / "file").touch()
    file = str(tmp_path / "file")
    assert run(reload_for=[file])["actions"] == [f"systemctl reload {NAME}"]
    result = run(restart_for=[file])
    assert result["actions"] == ["systemctl daemon-reload", f"systemctl restart {NAME}"]
    assert result["reasons"] == [file]


def test_one_of_its_units_that_systemd_has_not_read_takes_a_restart(run):
    units = ["/etc/systemd/system/kindling-test.service", "/etc/systemd/system/kindling-test.socket"]
    fresh = {NAME: UP, "kindling-test.socket": UP}
    assert run(fresh, restart_for=units)["actions"] == []
    stale = fresh | {"kindling-test.socket": UP | {"NeedDaemonReload": "yes"}}
    assert run(stale, restart_for=units)["actions"] == ["systemctl daemon-reload", f"systemctl restart {NAME}"]


def test_a_timer_takes_no_notes_and_is_started_anew_when_systemd_has_not_read_it(run):
    timer, service = "kindling-test.timer", "kindling-test.service"
    options = {"name": timer, "restart_for": [f"/etc/systemd/system/{timer}", f"/etc/systemd/system/{service}"]}
    static = UP | {"UnitFileState": "static", "ActiveState": "inactive"}
    assert run({timer: UP, service: static}, **options)["actions"] == []
    for stale in ({timer: UP | {"NeedDaemonReload": "yes"}}, {service: static | {"NeedDaemonReload": "yes"}}):
        done = run({timer: UP, service: static} | stale, **options)["actions"]
        assert done == ["systemctl daemon-reload", f"systemctl restart {timer}"]
    assert run({timer: ABSENT, service: ABSENT}, **options)["actions"][1:] == [
        f"systemctl enable {timer}",
        f"systemctl start {timer}",
    ]


def test_check_mode_goes_by_what_would_be_written(run):
    files = {"restart_for": ["/nosuch/start"], "reload_for": ["/nosuch/live"]}
    assert run(check=True, written=["/nosuch/live"], **files)["actions"] == [f"systemctl reload {NAME}"]
    assert f"systemctl restart {NAME}" in run(check=True, written=["/nosuch/start"], **files)["actions"]
    assert run(check=True, written=["/nosuch/other"], **files)["actions"] == []
    assert run(written=["/nosuch/live"], **files)["actions"] == [], "else the notes say it"


def test_one_that_is_another_roles_is_not_brought_up(run, tmp_path):
    (tmp_path / "file").touch()
    down = {NAME: ABSENT}
    assert run(down, bring_up=False, reload_for=[str(tmp_path / "file")])["actions"] == []
    disabled = {NAME: UP | {"UnitFileState": "disabled"}}
    assert run(disabled, bring_up=False, reload_for=[str(tmp_path / "file")])["actions"] == [f"systemctl reload {NAME}"]


@pytest.mark.parametrize(
    ("state", "stands_down"),
    [
        ({"ActiveState": "inactive", "UnitFileState": "enabled"}, True),
        ({"ActiveState": "active", "UnitFileState": "enabled"}, False),
        ({"ActiveState": "inactive", "UnitFileState": "disabled"}, False),
        (ABSENT, False),
    ],
)
def test_the_distributions_own_stands_down_unless_it_is_used(run, state, stands_down):
    result = run({NAME: UP, "other.service": UP | state}, instead_of="other.service")
    assert result["actions"] == (["systemctl disable other.service"] if stands_down else [])


def test_what_fails_is_told_with_what_to_do(run, tmp_path):
    (tmp_path / "systemctl").write_text("#!/bin/sh\necho no such bus >&2\nexit 1\n")
    result = run()
    assert "no such bus" in result["msg"]
    assert f"journalctl -u {NAME}" in result["msg"]


@pytest.mark.parametrize(
    ("written", "option"), [(["/run-script"], "-r"), (["/live"], "-h"), (["/live", "/run-script"], "-r"), ([], None)]
)
def test_under_s6_it_is_told_of_what_was_written(run, tmp_path, written, option):
    files = {"restart_for": ["/run-script"], "reload_for": ["/live"], "supervised": str(tmp_path), "written": written}
    assert run(**files)["actions"] == [], "nobody supervises it"
    (tmp_path / "supervise").mkdir()
    (tmp_path / "supervise" / "control").touch()
    assert run(**files)["actions"] == ([f"s6-svc {option} {tmp_path}"] if option else [])
