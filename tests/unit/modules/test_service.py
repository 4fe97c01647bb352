"""What the module does to a service, by what systemd or s6 says of it, and to its user and files."""

from __future__ import annotations

import grp
import hashlib
import json
import os
import pwd

import pytest
from ansible.module_utils.testing import patch_module_args
from ansible_collections.kindling.flatcar.plugins.module_utils._host import services, users
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
    for name in ("systemctl", "s6-svc", "useradd"):
        (tmp_path / name).write_text(SYSTEMCTL)
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr(services, "RUNTIME", tmp_path)

    def module(states=None, check=False, **options):
        for unit, state in (states or {NAME: UP}).items():
            (tmp_path / unit).write_text("".join(f"{key}={value}\n" for key, value in state.items()))
        (tmp_path / "log").write_text("")
        arguments = {"name": NAME, "_ansible_check_mode": check, **options}
        with patch_module_args(arguments), pytest.raises(SystemExit):
            service.main()
        result = json.loads(capsys.readouterr().out)
        done = [line for line in (tmp_path / "log").read_text().splitlines() if not line.startswith("useradd ")]
        assert done == ([] if check else result["actions"])
        assert result["changed"] == bool(result["actions"] or result["paths"])
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


def test_check_mode_goes_by_what_would_be_written(run, entry, tmp_path):
    files = {"restart_for": [f"{tmp_path}/start"], "reload_for": [f"{tmp_path}/live"]}
    assert run(check=True, entries=[entry("live")], **files)["actions"] == [f"systemctl reload {NAME}"]
    assert f"systemctl restart {NAME}" in run(check=True, entries=[entry("start")], **files)["actions"]
    assert run(check=True, entries=[entry("other")], **files)["actions"] == []
    assert not (tmp_path / "live").exists()
    result = run(entries=[entry("live")], **files)
    assert (result["paths"], result["actions"]) == ([f"{tmp_path}/live"], [f"systemctl reload {NAME}"])


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
    ("written", "option"), [(["run"], "-r"), (["live"], "-h"), (["live", "run"], "-r"), ([], None)]
)
def test_under_s6_it_is_told_of_what_was_written(run, entry, tmp_path, written, option):
    files = {"restart_for": [f"{tmp_path}/run"], "reload_for": [f"{tmp_path}/live"], "supervised": str(tmp_path)}
    for number, supervised in enumerate((False, True)):
        if supervised:
            (tmp_path / "supervise").mkdir()
            (tmp_path / "supervise" / "control").touch()
        entries = [entry(name, f"text {number}") for name in written]
        expected = [f"s6-svc {option} {tmp_path}"] if option and supervised else []
        assert run(entries=entries, **files)["actions"] == expected


# Its user and its files ----------------------------------------------------------------------------------------------------

OWN = {"owner": pwd.getpwuid(os.getuid()).pw_name, "group": grp.getgrgid(os.getgid()).gr_name}


@pytest.fixture
def entry(tmp_path):
    """A file of whoever runs the tests."""

    def make(name, content="text\n", **described):
        return {"path": str(tmp_path / name), "content": content, **OWN, **described}

    return make


@pytest.fixture
def place(tmp_path):
    """A directory that is given its mode last."""
    return {"path": str(tmp_path / "place"), "mode": "0750", **OWN}


def test_a_new_service_is_laid_down_and_started_in_one_go_and_then_left_alone(run, entry, place, tmp_path):
    told = {"entries": [entry("file")], "directories": [place], "restart_for": [f"{tmp_path}/file"]}
    paths = [f"{tmp_path}/file", f"{tmp_path}/place/"]
    planned = run({NAME: ABSENT}, check=True, _ansible_diff=True, **told)
    assert not (tmp_path / "file").exists()
    result = run({NAME: ABSENT}, _ansible_diff=True, **told)
    assert planned == result
    assert result["paths"] == paths
    assert [part["after_header"] for part in result["diff"]] == paths
    assert result["actions"][-1] == f"systemctl start {NAME}"
    (tmp_path / "kindling-test").mkdir()
    digest = "b9e68e1bea3e5b19ca6b2f98b73a54b73daafaa250484902e09982e07a12e733"
    (tmp_path / "kindling-test" / "started").write_text(f"{digest}  {tmp_path}/file\n")
    assert run(**told)["changed"] is False


def test_check_mode_shows_a_directory_once_that_is_needed_before_the_service_runs(run, place, tmp_path):
    told = {"entries": [place | {"state": "directory", "once": True}], "directories": [place]}
    for check in (True, False):
        assert run({NAME: ABSENT}, check, **told)["paths"] == [f"{tmp_path}/place/"]


def test_what_is_not_valid_touches_neither_files_nor_service(run, entry, place, tmp_path):
    told = {"entries": [entry("file", validate=["false", "{file}"])], "directories": [place]}
    result = run({NAME: ABSENT}, **told)
    assert result["failed"]
    assert "failed to validate; what was there before stays" in result["msg"]
    assert result["actions"] == []
    assert not (tmp_path / "place").exists()


def test_directories_are_given_away_after_the_service_has_its_files(run, place, tmp_path):
    """Until then the service that still runs reads in them what is not to be given out twice."""
    (tmp_path / "place").mkdir(mode=0o700)
    (tmp_path / "systemctl").write_text(
        f"{SYSTEMCTL}\n[ $1 = show ] || stat -c %a {tmp_path}/place >> {tmp_path}/modes\n"
    )
    assert run({NAME: ABSENT}, directories=[place])["paths"] == [f"{tmp_path}/place/"]
    assert set((tmp_path / "modes").read_text().split()) == {"700"}
    assert (tmp_path / "place").stat().st_mode & 0o777 == 0o750


def test_a_service_that_fails_is_told_with_what_was_changed_before(run, entry, place, tmp_path):
    (tmp_path / "systemctl").write_text(SYSTEMCTL.replace("else", 'elif [ "$1" = start ]; then\n  exit 1\nelse'))
    result = run({NAME: ABSENT}, entries=[entry("file")], directories=[place], _ansible_diff=True)
    assert result["failed"]
    assert f"systemctl start {NAME} failed" in result["msg"]
    assert [part["after_header"] for part in result["diff"]] == result["paths"] == [f"{tmp_path}/file"]
    assert result["actions"] == ["systemctl daemon-reload", f"systemctl enable {NAME}"]
    assert not (tmp_path / "place").exists()


def test_its_user_is_created_first_and_check_mode_goes_by_the_name(run, entry, place, tmp_path):
    owned = {"owner": "nosuch", "group": "nosuch"}
    told = {"user": "nosuch", "entries": [entry("file", **owned)], "directories": [place | owned]}
    result = run(check=True, **told)
    assert result["paths"] == ["user nosuch", f"{tmp_path}/file", f"{tmp_path}/place/"]
    result = run(**told)  # this useradd creates nobody
    assert "no user or group nosuch" in result["msg"]
    assert (tmp_path / "log").read_text().splitlines() == [f"useradd {' '.join(users.due('nosuch')[0][1:])}"]


def test_a_user_that_is_as_it_should_be_is_left_alone(run, monkeypatch):
    there = pwd.getpwuid(os.getuid())
    monkeypatch.setattr(users, "HOME", there.pw_dir)
    monkeypatch.setattr(users, "SHELL", there.pw_shell)
    assert run(user=there.pw_name)["changed"] is False


# Others with the same files ------------------------------------------------------------------------------------------------

OTHER = "kindling-other.service"


def test_others_are_brought_up_after_it_in_the_same_run(run, entry, tmp_path):
    told = {
        "user": "nosuch",
        "others": [{"name": OTHER, "user": "neither"}],
        "entries": [entry("file", owner="neither")],
    }
    result = run({NAME: ABSENT, OTHER: ABSENT}, check=True, **told)
    assert result["paths"] == ["user nosuch", "user neither", f"{tmp_path}/file"]
    assert result["actions"] == [
        f"systemctl {action}"
        for name in (NAME, OTHER)
        for action in ("daemon-reload", f"enable {name}", f"start {name}")
    ]


@pytest.mark.parametrize("check", [False, True])
def test_each_is_restarted_for_its_own_files_alone(run, entry, tmp_path, check):
    digest = hashlib.sha256(b"text\n").hexdigest()
    for name, file in ((NAME, "mine"), (OTHER, "others")):
        (tmp_path / file).write_text("text\n")
        (tmp_path / name.removesuffix(".service")).mkdir()
        (tmp_path / name.removesuffix(".service") / "started").write_text(f"{digest}  {tmp_path}/{file}\n")
    told = {"restart_for": [f"{tmp_path}/mine"], "others": [{"name": OTHER, "restart_for": [f"{tmp_path}/others"]}]}
    states = {NAME: UP, OTHER: UP}
    assert run(states, check, **told)["actions"] == []
    result = run(states, check, entries=[entry("others", "new\n")], **told)
    assert result["actions"] == ["systemctl daemon-reload", f"systemctl restart {OTHER}"]
    assert result["reasons"] == [f"{tmp_path}/others"]


def test_what_fails_names_the_service_that_it_is_of(run, tmp_path):
    (tmp_path / "systemctl").write_text(SYSTEMCTL.replace("else", 'elif [ "$1" = start ]; then\n  exit 1\nelse'))
    result = run({NAME: UP, OTHER: UP | {"ActiveState": "failed"}}, others=[{"name": OTHER}])
    assert result["failed"]
    assert f"systemctl start {OTHER} failed" in result["msg"]
    assert f"journalctl -u {OTHER}" in result["msg"]
