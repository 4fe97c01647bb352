"""The users that services run as."""

from __future__ import annotations

import grp
import pwd

import pytest
from ansible_collections.kindling.flatcar.plugins.module_utils._host import users

HOME, SHELL = "/nonexistent", "/usr/sbin/nologin"


@pytest.fixture
def host(monkeypatch):
    """Has these users and groups."""

    def have(groups=(), **accounts):
        def user(name):
            home, shell = accounts[name]
            return pwd.struct_passwd((name, "x", 901, 901, "", home, shell))

        monkeypatch.setattr(pwd, "getpwnam", user)
        monkeypatch.setattr(grp, "getgrnam", dict.fromkeys(groups, ()).__getitem__)

    return have


def test_a_new_user_has_a_group_of_its_name_and_neither_home_nor_shell(host):
    host()
    command, change = users.due("kindling-x")
    assert command == (
        *("useradd", "--system", "--no-create-home", "--user-group"),
        *("--home-dir", HOME, "--shell", SHELL, "kindling-x"),
    )
    assert (change.path, change.before, change.after) == (
        "user kindling-x",
        "absent\n",
        f"home {HOME}, shell {SHELL}\n",
    )


def test_a_group_that_is_there_is_taken(host):
    host(groups=["kindling-x"])
    command, _change = users.due("kindling-x")
    assert command[3:5] == ("--gid", "kindling-x")


def test_one_that_is_as_it_should_be_needs_nothing(host):
    host(**{"kindling-x": (HOME, SHELL)})
    assert users.due("kindling-x") == ((), None)


@pytest.mark.parametrize(
    ("home", "shell", "options"),
    [
        (HOME, "/bin/sh", ("--shell", SHELL)),
        ("/home/x", SHELL, ("--home", HOME, "--shell", SHELL)),
        ("/home/x", "/bin/sh", ("--home", HOME, "--shell", SHELL)),
    ],
)
def test_one_that_was_changed_is_changed_back_and_shown(host, home, shell, options):
    host(**{"kindling-x": (home, shell)})
    command, change = users.due("kindling-x")
    assert command == ("usermod", *options, "kindling-x")
    assert change.before == f"home {home}, shell {shell}\n"
    assert change.after == f"home {HOME}, shell {SHELL}\n"
