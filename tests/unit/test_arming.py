"""Armings: all of a batch or none, whatever happens while they are made; nothing half-written is forgotten."""

from __future__ import annotations

import json
import os
import shutil
import signal
import stat
import sys
import time

import pytest
from ansible_collections.kindling.flatcar.plugins.module_utils import arming
from repetition import repetitions

SECRET = "0123456789abcdefghijABCDEFGHIJ0123456789"  # noqa: S105 nobody's
MACHINES = {
    "a": ("10.0.0.11", "52-54-00-00-00-0a"),
    "b": ("10.0.0.12", "52-54-00-00-00-0b"),
    "c": ("10.0.0.13", "52-54-00-00-00-0c"),
    "d": ("10.0.0.14", "52-54-00-00-00-0d"),
}


def order(node, number=1, address=None, macs=None, name=None):
    token = f"{node}{number}".ljust(43, "-")
    served = dict.fromkeys((*arming.SERVED, arming.UNFINISHED), f"/armed/{arming.UNSIGNED}/{token}/ of {node}")
    return arming.Order(
        token=token,
        node=name or node,
        address=address or MACHINES[node][0],
        macs=macs or (MACHINES[node][1],),
        script=f"chain /armed/{arming.UNSIGNED}/{token}/install.ipxe",
        files=served,
        about={"version": "9999.2.0"},
    )


@pytest.fixture
def places(tmp_path):
    for directory in ("installs/armed", "installs/scripts", "installs/reports"):
        (tmp_path / directory).mkdir(parents=True)
    return arming.Places(tmp_path / "installs", tmp_path / "run", os.getgid())


def arm(places, *orders, seconds=3600, who="tester"):
    return arming.arm(places, orders, who, SECRET, seconds)


def report(places, ordered, stage, content="{}"):
    directory = places.reports / ordered.token
    directory.mkdir(exist_ok=True)
    (directory / stage).write_text(content)


# What the web server makes of the files; tests/unit/web asks the real one.


def token_for(places, node):
    """The arming that the machine's script names."""
    address, mac = MACHINES[node]
    script = places.installs / "scripts" / address / f"{mac}.ipxe"
    return script.read_text().split("/")[-2] if script.exists() else None


def is_armed(places, node):
    token = token_for(places, node)
    return bool(token) and gate(places, token) and not any(reported(places, token, s) for s in ("installed", "failed"))


def is_kept_from_its_disk(places, node):
    token = token_for(places, node)
    if not token or not (places.armed / token / arming.UNFINISHED).exists() or reported(places, token, "installed"):
        return False
    return reported(places, token, "started") or (places.armed / token / "half-written").exists()


def gate(places, token):
    return (places.live / "armed" / token).exists()


def reported(places, token, stage):
    return (places.reports / token / stage).exists()


def armed(places):
    return {node for node in MACHINES if is_armed(places, node)}


def test_a_machine_is_armed_from_now_on_until_then(places):
    before = int(time.time())
    until = arm(places, order("a"))
    assert before + 3600 <= until <= time.time() + 3600
    assert armed(places) == {"a"}
    signature = arming.sign(SECRET, order("a").token, "10.0.0.11", until)
    text = (places.armed / order("a").token / "install.ipxe").read_text()
    assert text == f"/armed/{signature}/{order('a').token}/ of a"


def test_secrets_are_for_the_group_alone(places):
    arm(places, order("a"))
    directory = places.armed / order("a").token
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (directory, *directory.iterdir())}
    assert modes == {
        directory.name: 0o750,
        "arming.json": 0o600,
        "script.ipxe": 0o640,
        "install.ipxe": 0o640,
        "install.ign": 0o640,
        "unfinished.ipxe": 0o640,
    }
    assert stat.S_IMODE(places.live.stat().st_mode) == 0o750
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
    arm(places, order("a", 2))
    arm(places, order("a", 3))
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
    arm(places, order("a", 2))
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
    assert sorted(path.name for path in (places.armed / order("a").token).iterdir()) == [
        "arming.json",
        "script.ipxe",
        "unfinished.ipxe",
    ]
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
    shutil.rmtree(places.live)
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
    assert set(told) == {"a", "b"}
    newest, former = told["a"]
    assert (newest["armed"], newest["reports"], newest["about"]) == (True, {}, {"version": "9999.2.0"})
    assert (former["armed"], former["who"], list(former["reports"])) == (
        False,
        "eve",
        ["started", "installed", "running"],
    )
    running = former["reports"]["running"]
    assert (running["version"], running["config"]) == ("9999.2.0", "abc")
    assert abs(running["when"] - time.time()) < 60
    assert set(arming.read(places, ["b"])) == {"b"}


@pytest.mark.parametrize(
    ("content", "believed"),
    [
        (b'{"hostname": "a", "version": "9999.2.0", "other": "x"}', {"hostname": "a", "version": "9999.2.0"}),
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
    for number in steps(a_room, lambda: arm(places, *batch)):
        now = armed(places)
        seen.add(frozenset(now))
        assert now in (set(), {"b"}, set(MACHINES)), number
        assert not (gate(places, order("b", 1).token) and gate(places, order("b", 2).token)), number
        assert [is_kept_from_its_disk(places, node) for node in "abcd"] == [True, False, False, False], number
        arming.settle(places)
        assert is_kept_from_its_disk(places, "a"), number
        assert armed(places) <= now, number
        arm(places, *(order(node, 3) for node in MACHINES))
        assert armed(places) == set(MACHINES)
        assert is_kept_from_its_disk(places, "a"), number
        assert not [path for path in places.armed.iterdir() if path.name.startswith(".")]
    assert seen >= {frozenset("b"), frozenset(MACHINES)}


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


def test_what_happened_while_nobody_looked_is_settled(places):
    """An arming was recorded by a killed run, and the machine, still armed by the former one, began after that."""
    arm(places, order("a", 1))
    switch = arming._switch
    arming._switch = lambda *_: (_ for _ in ()).throw(KeyboardInterrupt)
    try:
        with pytest.raises(KeyboardInterrupt):
            arm(places, order("a", 2))
    finally:
        arming._switch = switch
    report(places, order("a", 1), "started")
    arming.settle(places)
    assert (armed(places), is_kept_from_its_disk(places, "a")) == (set(), True)
