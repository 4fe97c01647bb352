"""Armings: all of a batch or none, whatever happens while they are made; nothing half-written is forgotten."""

from __future__ import annotations

import dataclasses
import errno
import json
import os
import shutil
import signal
import stat
import sys
import time
from pathlib import Path

import pytest
from ansible_collections.kindling.flatcar.plugins.module_utils._arming import arming
from ansible_collections.kindling.flatcar.plugins.module_utils._arming.gates import GateError
from ansible_collections.kindling.flatcar.plugins.module_utils._host.locks import locked
from ansible_collections.kindling.flatcar.plugins.module_utils._routes import routes
from armed_room import make_places, publish, withdraw
from repetition import repetitions

SECRET = "0123456789abcdefghijABCDEFGHIJ0123456789"  # noqa: S105 nobody's
MACHINES = {
    "a": ("10.0.0.11", "52-54-00-00-00-0a"),
    "b": ("10.0.0.12", "52-54-00-00-00-0b"),
    "c": ("10.0.0.13", "52-54-00-00-00-0c"),
    "d": ("10.0.0.14", "52-54-00-00-00-0d"),
}


def order(node, number=1, address=None, macs=None, name=None, digest="d" * 32, witness=False):
    token = f"{node}{number}".ljust(43, "-")
    names = (routes.UNFINISHED,) if witness else (*arming.SERVED, routes.UNFINISHED)
    return arming.Order(
        token=token,
        node=name or node,
        address=address or MACHINES[node][0],
        macs=macs or (MACHINES[node][1],),
        digest=digest,
        network="10.0.0.0-24",
        limit=600,
        script=f"chain /armed/{routes.UNSIGNED}/{token}/install.ipxe",
        files=dict.fromkeys(names, f"/armed/{routes.UNSIGNED}/{token}/ of {node}"),
        about={"version": "9999.2.0"},
        witness=witness,
    )


@pytest.fixture
def places(tmp_path):
    return make_places(tmp_path, tmp_path / "published")


def arm(places, *orders, seconds=3600, who="tester", **options):
    publish(places, *orders)
    return arming.arm(places, orders, who, SECRET, seconds, **options)


def report(places, ordered, stage, content="{}"):
    """As the web server does: a new file in the place of whatever was there."""
    directory = places.reports / ordered.token
    directory.mkdir(exist_ok=True)
    new = directory / ".new"
    new.write_text(content)
    new.replace(directory / stage)


# What the web server makes of the files; tests/unit/roles/web asks the real one.


def token_for(places, node):
    """The arming that the machine's script names."""
    address, mac = MACHINES[node]
    scripts = [places.installs / "scripts" / folder / f"{mac}.ipxe" for folder in (address, "half-written")]
    return next((path.readlink().parts[-2] for path in scripts if path.exists()), None)


def is_armed(places, node):
    token = token_for(places, node)
    return bool(token) and gate(places, token) and (places.armed / token / "order").is_file() and awaited(places, token)


def is_kept_from_its_disk(places, node):
    token = token_for(places, node)
    if not token or not (places.armed / token / routes.UNFINISHED).exists():
        return False
    if any(reported(places, token, stage) for stage in ("installed", "running")):
        return False
    return reported(places, token, "started") or (places.armed / token / "half-written").exists()


def gate(places, token):
    return (places.armed / token / "gate").is_file()


def awaited(places, token):
    return all(os.access(places.reports / token / stage, os.X_OK) for stage in routes.ENDS)


def reported(places, token, stage):
    path = places.reports / token / stage
    return path.exists() and not os.access(path, os.X_OK)


def armed(places):
    return {node for node in MACHINES if is_armed(places, node)}


def test_a_machine_is_armed_from_now_on_until_then(places):
    before = int(time.time())
    until = arm(places, order("a"))
    assert before + 3600 <= until <= time.time() + 3600
    assert armed(places) == {"a"}
    signature = arming.sign(SECRET, order("a").token, "10.0.0.0-24", until)
    text = (places.armed / order("a").token / "install.ipxe").read_text()
    assert text == f"/armed/{signature}/{order('a').token}/ of a"


def test_secrets_are_for_the_group_alone(places):
    arm(places, order("a"))
    directory = places.armed / order("a").token
    modes = {
        path.name: stat.S_IMODE(path.stat().st_mode)
        for path in (directory, *directory.iterdir())
        if not path.is_symlink()
    }
    assert modes == {
        directory.name: 0o750,
        "arming.json": 0o600,
        "script.ipxe": 0o640,
        "install.ipxe": 0o640,
        "install.ign": 0o640,
        "unfinished.ipxe": 0o640,
        "from": 0o750,
    }
    assert stat.S_IMODE((places.installs / "log").stat().st_mode) & 0o027 == 0


def test_the_log_tells_who_armed_what_when_and_until_when_and_no_token(places):
    until = arm(places, order("a"), order("b"), who="eve on desk")
    arming.disarm(places, ["a"], "bob on desk")
    text = (places.installs / "log").read_text()
    lines = [json.loads(line) for line in text.splitlines()]
    assert [(line["what"], line["node"], line["who"]) for line in lines] == [
        ("armed", "a", "eve on desk"),
        ("armed", "b", "eve on desk"),
        ("disarmed", "a", "bob on desk"),
    ]
    assert lines[0]["until"] == until
    assert lines[0]["macs"] == ["52-54-00-00-00-0a"]
    assert order("a").token not in text


def test_arming_again_ends_the_former_arming(places):
    arm(places, order("a", 1), order("b", 1))
    arm(places, order("a", 2))
    assert armed(places) == {"a", "b"}
    assert token_for(places, "a") == order("a", 2).token
    assert not gate(places, order("a", 1).token)
    assert not (places.armed / order("a", 1).token).exists()


@pytest.mark.parametrize("change", [{"name": "renamed"}, {"address": "10.0.0.99"}, {"macs": ("52-54-00-00-00-ff",)}])
def test_a_machine_that_was_renamed_or_moved_or_replaced_has_one_arming(places, change):
    arm(places, order("a", 1))
    arm(places, order("a", 2, **change))
    assert not gate(places, order("a", 1).token)
    scripts = [str(path.readlink()) for path in (places.installs / "scripts").glob("*/*")]
    assert scripts == [f"../../armed/{order('a', 2).token}/script.ipxe"]


def test_all_of_a_machines_addresses_lead_to_its_arming(places):
    macs = ("52-54-00-00-00-01", "52-54-00-00-00-02")
    arm(places, order("a", macs=macs))
    assert {path.name for path in (places.installs / "scripts" / "10.0.0.11").iterdir()} == {f"{m}.ipxe" for m in macs}


def test_disarming(places):
    arm(places, order("a"), order("b"))
    assert arming.would_disarm(places, ["a", "c"]) == ["a"]
    assert arming.disarm(places, ["a", "c"], "tester") == {"a": "disarmed"}
    assert armed(places) == {"b"}
    assert token_for(places, "a") is None
    assert not (places.armed / order("a").token / "install.ign").exists()
    assert arming.disarm(places, ["a", "c"], "tester") == {}
    assert arming.would_disarm(places, ["a", "c"]) == []


def test_a_half_written_disk_is_remembered_until_an_install_ends_or_somebody_says_to_forget_it(places):
    arm(places, order("a", 1))
    report(places, order("a", 1), "started")
    assert arming.disarm(places, ["a"], "tester") == {"a": "half-written"}
    assert (armed(places), is_kept_from_its_disk(places, "a")) == (set(), True)
    arm(places, order("a", 2), again=True)
    arm(places, order("a", 3), again=True)
    assert arming.disarm(places, ["a"], "tester") == {"a": "half-written"}
    assert is_kept_from_its_disk(places, "a")
    assert arming.would_disarm(places, ["a"]) == []
    assert arming.would_disarm(places, ["a"], forget=True) == ["a"]
    assert arming.disarm(places, ["a"], "tester", forget=True) == {"a": "forgotten"}
    assert not is_kept_from_its_disk(places, "a")
    assert arming.disarm(places, ["a"], "tester", forget=True) == {}


def test_an_install_that_ended_ends_that(places):
    arm(places, order("a", 1))
    report(places, order("a", 1), "started")
    arm(places, order("a", 2), again=True)
    assert is_kept_from_its_disk(places, "a")
    report(places, order("a", 2), "started")
    report(places, order("a", 2), "installed")
    assert not is_kept_from_its_disk(places, "a")
    arm(places, order("a", 3))
    assert not is_kept_from_its_disk(places, "a")


@pytest.mark.parametrize("stage", ["installed", "failed"])
def test_what_is_over_leaves_the_disk_and_its_reports_stay(places, stage):
    arm(places, order("a"))
    report(places, order("a"), stage)
    arming.settle(places)
    assert not {path.name for path in (places.armed / order("a").token).iterdir()} & set(arming.SERVED)
    assert reported(places, order("a").token, stage)
    assert not gate(places, order("a").token)
    assert token_for(places, "a") is None


def test_an_arming_that_expired_leaves_too(places, monkeypatch):
    arm(places, order("a"), seconds=60)
    arming.settle(places)
    assert armed(places) == {"a"}
    later = time.time() + 61
    monkeypatch.setattr(arming.time, "time", lambda: later)
    arming.settle(places)
    assert armed(places) == set()
    assert not (places.armed / order("a").token / "install.ign").exists()
    # and does not come back with the clock
    monkeypatch.undo()
    arming.settle(places)
    assert armed(places) == set()


def test_a_restart_of_the_boot_host_forgets_all_gates_and_no_half_written_disk(places):
    arm(places, order("a"), order("b"))
    report(places, order("a"), "started")
    shutil.rmtree(places.gates.live)
    assert armed(places) == set()
    assert is_kept_from_its_disk(places, "a")
    arming.settle(places)
    assert armed(places) == set()
    assert is_kept_from_its_disk(places, "a")
    assert token_for(places, "b") is None
    arm(places, order("b", 2))
    assert armed(places) == {"b"}


def test_the_system_that_runs_has_a_place_for_its_reports_however_often_it_is_armed(places):
    arm(places, order("a", 1))
    report(places, order("a", 1), "installed")
    for number in (2, 3, 4):
        arm(places, order("a", number))
    tokens = {path.name for path in places.armed.iterdir()}
    assert tokens == {order("a", 1).token, order("a", 4).token}


def test_what_is_told_of_a_machine(places):
    arm(places, order("a", 1), who="eve")
    report(places, order("a", 1), "started", '{"hostname": "a"}')
    report(places, order("a", 1), "installed")
    report(places, order("a", 1), "running", '{"version": "9999.2.0", "config": "abc"}')
    arm(places, order("a", 2), order("b", 1))
    told = arming.read(places)
    assert [one["node"] for one in told] == ["b", "a", "a"]
    _, newest, former = told
    assert (newest["armed"], newest["reports"], newest["about"]) == (True, {}, {"version": "9999.2.0"})
    assert (former["armed"], former["who"], list(former["reports"])) == (
        False,
        "eve",
        ["started", "installed", "running"],
    )
    running = former["reports"]["running"]
    assert (running["version"], running["config"]) == ("9999.2.0", "abc")
    assert abs(running["when"] - time.time()) < 60
    for words in (["b"], [MACHINES["b"][0]], [MACHINES["b"][1]]):
        assert [one["node"] for one in arming.read(places, words)] == ["b"]


@pytest.mark.parametrize(
    ("content", "believed"),
    [
        (b'{"hostname": "a", "version": "9999.2.0", "other": "x"}', {"hostname": "a", "version": "9999.2.0"}),
        (b'{"serial": "S 1"}', {"serial": "S 1"}),
        (b'{"hostname": "a\\u001b[2Jb\\u202e"}', {"hostname": "a?[2Jb?"}),
        (b'{"hostname": ["a"], "version": {"a": 1}, "config": null, "log": 7}', {"log": "7"}),
        (b'{"message": "' + b"x" * 1000 + b'end"}', {"message": "x" * 197 + "end"}),
        (b'{"log": "' + b"x" * 9000 + b'\\nend"}', {"log": "x" * 3996 + "\nend"}),
        (b'{"hostname": "a"}' + b" " * (16 << 10), {}),
        (b"[" * 16000, {}),
        (b"\xff\xfe", {}),
        (b"", {}),
        (b"[]", {}),
        (b"not JSON", {}),
        (b'{"hostname": "{{ lookup(1) }}"}', {"hostname": "{{ lookup(1) }}"}),
    ],
)
def test_a_report_is_believed_as_far_as_it_can_be_shown(places, content, believed):
    directory = places.reports / order("a").token
    directory.mkdir()
    (directory / "running").write_bytes(content)
    read = arming.read_reports(places, order("a").token)["running"]
    assert {key: value for key, value in read.items() if key != "when"} == believed


def test_what_is_no_file_is_no_report(places, tmp_path):
    directory = places.reports / order("a").token
    directory.mkdir()
    (tmp_path / "secret").write_text('{"hostname": "secret"}')
    (directory / "started").symlink_to(tmp_path / "secret")
    (directory / "failed").mkdir()
    os.mkfifo(directory / "running")
    assert arming.read_reports(places, order("a").token) == {}


def test_nothing_is_made_or_given_away_where_somebody_put_a_link(places, tmp_path, monkeypatch):
    """As the web server's user may, within the directory that is its own."""
    outside = tmp_path / "outside"
    outside.mkdir(mode=0o755)
    before = outside.stat()
    make = arming.tempfile.mkdtemp

    def replaced(prefix, dir):
        made = make(prefix=prefix, dir=dir)
        if Path(dir) == places.reports:
            Path(made).rename(places.reports / "away")
            Path(made).symlink_to(outside)
        return made

    monkeypatch.setattr(arming.tempfile, "mkdtemp", replaced)
    given_away = []
    monkeypatch.setattr(arming.os, "chown", lambda path, *_, **__: given_away.append(os.path.realpath(path)))
    with pytest.raises(arming.ArmingError, match="was replaced while it was created"):
        arm(places, order("a"))
    assert list(outside.iterdir()) == []
    assert outside.stat().st_mode == before.st_mode
    assert str(outside) not in given_away


def test_rubbish_of_the_web_servers_user_keeps_nobody_from_arming_and_disarming(places):
    first = order("a")
    arm(places, first)
    shutil.rmtree(places.reports / first.token)
    (places.reports / first.token).symlink_to(first.token)
    (places.reports / ".new-link").symlink_to("/")
    (places.reports / ".new-file").touch()
    Path(os.fsdecode(os.fsencode(places.reports) + b"/\xff")).mkdir()
    assert arming.read_tokens(places, {}) == {}
    assert arming.disarm(places, None, "tester") == {}
    second = order("a", 2)
    arm(places, second)
    assert is_armed(places, "a")
    (places.reports / second.token / "failed").unlink()
    os.mknod(places.reports / second.token / "failed", stat.S_IFSOCK | 0o600)
    assert arming.read_reports(places, second.token) == {}
    arming.disarm(places, None, "tester")
    assert not is_armed(places, "a")


def test_machines_in_ram_are_found_by_the_hash_of_their_token(places):
    report(places, order("a"), "running", '{"hostname": "a"}')
    hashes = {arming.hashlib.sha256(order("a").token.encode()).hexdigest(): "a", "0" * 64: "b"}
    assert arming.read_tokens(places, hashes)["a"]["running"]["hostname"] == "a"
    assert set(arming.read_tokens(places, hashes)) == {"a"}


def test_an_archive_is_read_as_it_was_packed():
    assert arming.unpack(arming.pack([order("a"), order("b")])) == [order("a"), order("b")]


@pytest.mark.parametrize(
    "wrong",
    [
        {"token": "../../etc"},
        {"token": "a" * 42},
        {"address": "../.."},
        {"address": "10.0.0.1/../x"},
        {"macs": ()},
        {"macs": ("../x",)},
        {"digest": "../../x"},
        {"network": "../x"},
        {"files": {"../../x": ""}},
        {"files": {}},
    ],
)
def test_no_archive_writes_elsewhere(wrong):
    given = arming.Order(**vars(order("a")) | wrong)
    with pytest.raises(arming.ArmingError):
        arming.unpack(arming.pack([given]))


def test_without_the_secret_nothing_is_signed(tmp_path):
    path = tmp_path / "secure-link.conf"
    for text in (None, "", 'set $secure_link_secret "";\n', "something else\n"):
        if text is not None:
            path.write_text(text)
        with pytest.raises(arming.ArmingError, match=r"run site\.yml"):
            arming.read_secret(path)
    path.write_text(f'set $secure_link_secret "{SECRET}";\n')
    assert arming.read_secret(path) == SECRET


# --- killed --------------------------------------------------------------------------------------------------------

#: What a process does to files, as Python's audit hooks name it.
STEPS = {"open", "os.chmod", "os.chown", "os.link", "os.mkdir", "os.remove", "os.rename", "os.rmdir", "os.symlink"}


def killed_before_step(number, act):
    """Run *act* in a process that is killed before its step of this number; whether it was."""
    child = os.fork()
    if not child:
        taken = 0

        def step(event, _arguments):
            nonlocal taken
            if event in STEPS:
                taken += 1
                if taken > number:
                    os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(step)
        act()
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert status in (0, signal.SIGKILL)
    return status == signal.SIGKILL


#: What needs room on a disk. Removing, renaming and reading need none.
GROWING = {"os.link", "os.mkdir", "os.symlink"}


def full_from_step(number, act):
    """Run *act* in a process for which the disk is full from its step of this number on; whether it came to that, and whether it
    failed for it.
    """
    child = os.fork()
    if not child:
        taken = 0

        def step(event, arguments):
            nonlocal taken
            path, flags = (arguments[0], arguments[2]) if event == "open" else ("", 0)
            if event in GROWING or (isinstance(path, str) and flags & os.O_CREAT and not Path(path).exists()):
                taken += 1
                if taken > number:
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        sys.addaudithook(step)
        failed = False
        try:
            act()
        except (OSError, arming.ArmingError, GateError):
            failed = True
        os._exit(2 * (taken > number) + failed)
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    assert code in (0, 2, 3)
    return code >= 2, code == 3


@pytest.fixture
def a_room(places, tmp_path):
    """``a`` has a half-written disk, ``b`` is armed, ``c`` is new, ``d`` was installed; made anew for every step."""
    arm(places, order("a", 1), order("d", 1))
    for node, stage in (("a", "started"), ("d", "started"), ("d", "installed")):
        report(places, order(node, 1), stage)
    arming.disarm(places, ["a"], "tester")
    arm(places, order("b", 1))
    shutil.copytree(tmp_path, tmp_path.with_name("room"), symlinks=True)

    def again():
        shutil.rmtree(tmp_path)
        shutil.copytree(tmp_path.with_name("room"), tmp_path, symlinks=True)

    yield again
    shutil.rmtree(tmp_path.with_name("room"))


def steps(again, act):
    """Ways to be killed in *act*, one after the other, from the same room."""
    number = 0
    while killed_before_step(number, act):
        yield number
        again()
        number += repetitions(4, 1)
    assert number > 20, "the steps were not seen"


@pytest.mark.slow
def test_a_killed_run_arms_all_machines_or_none_and_the_next_run_heals(places, a_room):
    batch = [order(node, 2) for node in MACHINES]
    seen = set()
    for number in steps(a_room, lambda: arm(places, *batch, again=True)):
        now = armed(places)
        seen.add(frozenset(now))
        assert now in (set(), {"b"}, set(MACHINES)), number
        assert not (gate(places, order("b", 1).token) and gate(places, order("b", 2).token)), number
        assert [is_kept_from_its_disk(places, node) for node in "abcd"] == [True, False, False, False], number
        arming.settle(places)
        assert is_kept_from_its_disk(places, "a"), number
        assert armed(places) <= now, number
        arm(places, *(order(node, 3) for node in MACHINES), again=True)
        assert armed(places) == set(MACHINES)
        assert is_kept_from_its_disk(places, "a"), number
        assert not [path for path in places.armed.iterdir() if path.name.startswith(".")]
    assert seen >= {frozenset("b"), frozenset(MACHINES)}


@pytest.mark.slow
def test_on_a_full_disk_all_machines_are_armed_or_none_and_that_is_said(places, a_room):
    batch = [order(node, 2) for node in MACHINES]
    seen = set()
    for number in range(0, 1000, repetitions(4, 1)):
        came, failed = full_from_step(number, lambda: arm(places, *batch, again=True))
        now = armed(places)
        seen.add((failed, frozenset(now)))
        assert now in ((set(), {"b"}, set(MACHINES)) if failed else (set(MACHINES),)), number
        assert [is_kept_from_its_disk(places, node) for node in "abcd"] == [True, False, False, False], number
        if not came:
            break
        arm(places, *(order(node, 3) for node in MACHINES), again=True)
        assert armed(places) == set(MACHINES)
        assert not [path for path in places.armed.iterdir() if path.name.startswith(".")]
        a_room()
    assert seen >= {(True, frozenset("b")), (False, frozenset(MACHINES))}


def test_armings_end_although_nothing_can_be_noted(places, monkeypatch):
    arm(places, order("a", 1))
    with monkeypatch.context() as patch, pytest.raises(OSError, match="No space"):
        patch.setattr(
            arming, "_log", lambda *_: (_ for _ in ()).throw(OSError(errno.ENOSPC, "No space left on device"))
        )
        arming.disarm(places, None, "tester")
    assert armed(places) == set()


@pytest.mark.slow
def test_on_a_full_disk_armings_can_be_ended(places, a_room):
    for number in range(1000):
        came, _ = full_from_step(number, lambda: arming.disarm(places, ["a", "b"], "tester"))
        assert armed(places) == set(), number
        assert is_kept_from_its_disk(places, "a"), number
        if not came:
            break
        a_room()


@pytest.mark.slow
def test_a_killed_disarming_never_leaves_more_armed_and_the_next_run_heals(places, a_room):
    for number in steps(a_room, lambda: arming.disarm(places, ["a", "b"], "tester")):
        assert armed(places) <= {"b"}, number
        assert is_kept_from_its_disk(places, "a"), number
        arming.disarm(places, ["a", "b"], "tester")
        assert armed(places) == set()
        assert is_kept_from_its_disk(places, "a"), number


@pytest.mark.slow
def test_a_killed_forgetting_is_repeated(places, a_room):
    for number in steps(a_room, lambda: arming.disarm(places, ["a"], "tester", forget=True)):
        arming.disarm(places, ["a"], "tester", forget=True)
        assert (armed(places), is_kept_from_its_disk(places, "a")) == ({"b"}, False), number


def test_what_happened_while_nobody_looked_is_settled(places, monkeypatch):
    """An arming was recorded by a killed run, and the machine, still armed by the former one, began before that."""
    arm(places, order("a", 1))
    with monkeypatch.context() as patch:
        patch.setattr(type(places.gates), "open", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            arm(places, order("a", 2))
    report(places, order("a", 1), "started")
    arming.settle(places)
    assert (armed(places), is_kept_from_its_disk(places, "a")) == (set(), True)


# --- an order is for what the inventory says now ---------------------------------------------------------------------


def test_what_is_not_published_is_not_armed(places):
    with pytest.raises(arming.ArmingError, match=r"run site\.yml"):
        arming.arm(places, [order("a")], "tester", SECRET, 3600)
    assert (armed(places), list(places.armed.iterdir())) == (set(), [])


def test_what_is_published_no_more_is_ended_for_good(places):
    """Also where somebody goes back to what was published when it was armed, before anybody has settled."""
    arm(places, order("a"), order("b", digest="e" * 32))
    withdraw(places, order("a"))
    assert armed(places) == {"b"}
    arming.settle(places)
    publish(places, order("a"))
    assert armed(places) == {"b"}
    assert not (places.armed / order("a").token / "install.ign").exists()


@pytest.mark.parametrize("seconds", [-1, 0, 59, 24 * 3600 + 1, 100 * 365 * 24 * 3600])
def test_an_arming_lasts_from_a_minute_to_a_day(places, seconds):
    with pytest.raises(arming.ArmingError, match="60 to 86400"):
        arm(places, order("a"), seconds=seconds)
    assert armed(places) == set()


@pytest.mark.parametrize("known_as", ["a", *MACHINES["a"]])
def test_a_machine_is_disarmed_by_any_of_its_names(places, known_as):
    arm(places, order("a"), order("b"))
    assert arming.disarm(places, [known_as], "tester") == {"a": "disarmed"}
    assert armed(places) == {"b"}


def test_all_machines_are_disarmed_those_that_nobody_knows_too(places):
    arm(places, order("a"), order("b", name="of-last-week"))
    assert arming.disarm(places, None, "tester") == {"a": "disarmed", "of-last-week": "disarmed"}
    assert armed(places) == set()


def test_a_machine_with_an_address_for_each_nic_is_armed_at_all_of_them(places):
    two = dataclasses.replace(
        order("a"), macs=("52-54-00-00-00-0a", "52-54-00-00-00-1a"), more_addresses=("10.0.0.21",)
    )
    arm(places, two)
    for address in ("10.0.0.11", "10.0.0.21"):
        assert len(list((places.installs / "scripts" / address).iterdir())) == 2
        assert (places.armed / two.token / "from" / "10.0.0.0-24" / address).exists()
    assert arming.disarm(places, ["10.0.0.21"], "tester") == {"a": "disarmed"}


def test_another_machine_at_the_address_ends_the_arming(places):
    arm(places, order("a"))
    arm(places, order("b", address=MACHINES["a"][0]))
    assert not gate(places, order("a").token)


# --- locks ---


def test_a_lock_is_for_root_alone_and_waiting_for_it_ends_with_a_sentence(places, monkeypatch):
    (places.installs / ".lock").touch(0o644)
    monkeypatch.setattr(arming, "_PATIENCE", 0.2)
    with (
        locked(places.installs / ".lock"),
        pytest.raises(arming.ArmingError, match=r"another run has held .*/\.lock for more than 0\.2 s"),
    ):
        arm(places, order("a"))
    assert stat.S_IMODE((places.installs / ".lock").stat().st_mode) == 0o600
    arm(places, order("a"))


# --- time ----------------------------------------------------------------------------------------------------------


def test_the_end_of_what_keeps_the_gates_ends_the_armings_whatever_the_clock_says(places, monkeypatch):
    arm(places, order("a"), order("b"))
    for batch in places.gates.live.iterdir():
        shutil.rmtree(batch)
    monkeypatch.setattr(arming.time, "time", lambda: 0)
    assert armed(places) == set()
    arming.settle(places)
    assert armed(places) == set()


def test_gates_that_were_closed_one_by_one_leave_nothing_that_is_kept(places):
    arm(places, order("a"), order("b"))
    arming.disarm(places, ["a"], "tester")
    assert len(list(places.gates.live.iterdir())) == 1
    arming.disarm(places, ["b"], "tester")
    assert list(places.gates.live.iterdir()) == []


@pytest.mark.parametrize("lost", ["a report's place", "all places", "what was reported", "the right to read"])
def test_what_is_lost_opens_nothing(places, lost):
    arm(places, order("a"))
    directory = places.reports / order("a").token
    report(places, order("a"), "installed")
    if lost == "a report's place":
        (directory / "running").unlink()
    elif lost == "what was reported":
        (directory / "installed").unlink()
    elif lost == "all places":
        shutil.rmtree(directory)
    else:
        shutil.move(directory, directory.with_name("elsewhere"))
    assert armed(places) == set()
    arming.settle(places)
    assert (armed(places), gate(places, order("a").token)) == (set(), False)


# --- an install that has begun ---------------------------------------------------------------------------------------


def test_an_install_that_has_begun_is_not_replaced_unless_somebody_says_so(places):
    arm(places, order("a", 1))
    report(places, order("a", 1), "started")
    with pytest.raises(arming.ArmingError, match=r"a has been installing since .* install_again=true"):
        arm(places, order("b"), order("a", 2))
    assert armed(places) == {"a"}
    assert [one["under_way"] for one in arming.read(places)] == [True]
    arm(places, order("a", 2), again=True)
    assert token_for(places, "a") == order("a", 2).token


@pytest.mark.parametrize("stage", routes.ENDS)
def test_one_that_has_ended_is_not_under_way(places, stage):
    arm(places, order("a", 1))
    report(places, order("a", 1), "started")
    report(places, order("a", 1), stage)
    arm(places, order("a", 2))
    assert armed(places) == {"a"}


def test_one_that_can_run_no_more_is_not_under_way(places, monkeypatch):
    arm(places, order("a", 1))
    report(places, order("a", 1), "started")
    later = time.time() + order("a").limit + 1
    passed = arming._clock_offset()
    monkeypatch.setattr(arming.time, "time", lambda: later)
    monkeypatch.setattr(arming, "_clock_offset", lambda: passed)
    assert not arming.read(places)[0]["under_way"]
    arm(places, order("a", 2))
    assert token_for(places, "a") == order("a", 2).token


def test_a_clock_that_is_set_forward_ends_no_install(places, monkeypatch):
    arm(places, order("a", 1))
    report(places, order("a", 1), "started")
    later = time.time() + 10 * order("a").limit
    monkeypatch.setattr(arming.time, "time", lambda: later)
    assert arming.read(places)[0]["under_way"]


def test_a_disk_that_was_announced_and_not_written_is_whole(places):
    arm(places, order("a", 1))
    for stage in ("started", "failed", "untouched"):
        report(places, order("a", 1), stage)
    assert not arming.read(places)[0]["half_written"]
    arming.settle(places)
    assert token_for(places, "a") is None


def test_one_that_was_half_written_before_stays_so(places):
    arm(places, order("a", 1))
    report(places, order("a", 1), "started")
    arm(places, order("a", 2), again=True)
    for stage in ("started", "failed", "untouched"):
        report(places, order("a", 2), stage)
    arming.settle(places)
    assert arming.read(places)[0]["half_written"]
    assert is_kept_from_its_disk(places, "a")


def test_which_disk_was_left_half_written_is_known_over_other_orders(places):
    """What nobody recognizes on another disk is not what an installation has left there."""
    disks = ({"disk": f"/dev/disk/by-id/{name}", "serial": None} for name in ("first", "second", "second", "third"))
    for number, about in enumerate(disks, 1):
        one = dataclasses.replace(order("a", number), about=about)
        arm(places, one, again=True)
        if number != 3:
            report(places, one, "started")
    arming.settle(places)
    left = arming.read(places)[0]["left_half_written"]
    assert [one["disk"].rsplit("/")[-1] for one in left] == ["first", "second", "third"]
    assert left[0]["macs"] == [MACHINES["a"][1]]
    report(places, one, "installed")
    assert arming.read(places)[0]["left_half_written"] == []


def test_a_mark_that_says_no_disk_is_one_all_the_same(places):
    arm(places, order("a"))
    (places.armed / order("a").token / "half-written").write_text("")
    assert arming.read(places)[0]["half_written"]


def test_a_half_written_disk_is_known_whatever_address_its_machine_has_now(places):
    arm(places, order("a"))
    report(places, order("a"), "started")
    arming.settle(places)
    assert (places.installs / "scripts" / "half-written" / f"{MACHINES['a'][1]}.ipxe").exists()
    report(places, order("a"), "installed")
    arming.settle(places)
    assert not (places.installs / "scripts" / "half-written").exists()


def test_whoever_runs_has_no_half_written_disk(places):
    """Its boot host came back from a backup that is older than the end of the install."""
    arm(places, order("a"))
    report(places, order("a"), "started")
    arming.settle(places)
    assert is_kept_from_its_disk(places, "a")
    report(places, order("a"), "running")
    assert not is_kept_from_its_disk(places, "a")
    arming.settle(places)
    assert token_for(places, "a") is None


def test_the_other_boot_host_of_a_pair_gives_no_installer_and_knows_a_half_written_disk(places):
    arming.arm(places, [order("a", witness=True)], "tester", SECRET, 3600)
    assert (armed(places), is_kept_from_its_disk(places, "a")) == (set(), False)
    assert token_for(places, "a") == order("a").token
    report(places, order("a"), "started")
    assert is_kept_from_its_disk(places, "a")
    arming.settle(places)
    assert is_kept_from_its_disk(places, "a")
    report(places, order("a"), "installed")
    arming.settle(places)
    assert token_for(places, "a") is None
