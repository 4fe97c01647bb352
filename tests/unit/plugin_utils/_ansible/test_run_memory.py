"""What one task of a run keeps for a later one, each in a fork of its own."""

from __future__ import annotations

import errno
import multiprocessing
import os

import pytest
from ansible_collections.kindling.flatcar.plugins.plugin_utils._ansible import run_memory

ITEMS = {"n1": b"first", "n2": b"", "ä": bytes(range(256)) * 4000}


@pytest.fixture(autouse=True)
def no_memory(monkeypatch):
    monkeypatch.setattr(run_memory, "_file", None)
    yield
    if run_memory._file is not None:
        os.close(run_memory._file)


def in_a_fork(function):
    fork = multiprocessing.get_context("fork")
    answers = fork.SimpleQueue()
    process = fork.Process(target=lambda: answers.put(function()))
    process.start()
    answer = answers.get()
    process.join()
    return answer


def kept(*names):
    there = run_memory.Kept()
    return {name: there.get(name) for name in names if there.get(name) is not None}


def test_what_one_fork_keeps_another_has():
    run_memory.open_run_memory()
    in_a_fork(lambda: run_memory.keep(ITEMS.items()))
    assert in_a_fork(lambda: kept(*ITEMS, "other")) == ITEMS
    assert kept("n1") == {"n1": b"first"}


def test_it_is_opened_once_and_keeps_what_was_kept_last():
    for number in range(3):
        run_memory.open_run_memory()
        assert in_a_fork(lambda: kept("n")) == ({"n": b"%d" % (number - 1)} if number else {})
        run_memory.keep([("n", b"%d" % number), (f"only {number}", b"x")])
    assert kept("n", "only 1", "only 2") == {"n": b"2", "only 2": b"x"}


def test_what_is_not_kept_whole_is_not_kept():
    def broken():
        yield "n", b"new"
        raise ValueError

    run_memory.open_run_memory()
    run_memory.keep([("n", b"old")])
    with pytest.raises(ValueError, match=r"^$"):
        run_memory.keep(broken())
    assert kept(*ITEMS, "n") == {}


def test_what_two_keep_at_once_is_not_mixed():
    """A task that keeps the same names while another one does, or while it is read."""
    run_memory.open_run_memory()

    def with_another():
        yield "n1", b"ours"
        run_memory.keep([("n1", b"them"), ("n2", b"them")])
        yield "n2", b"ours"

    run_memory.keep(with_another())
    assert kept("n1", "n2") == {"n2": b"ours"}  # the other one has replaced the first
    before = run_memory.Kept()
    run_memory.keep([("n1", b"later"), ("n2", b"later")])
    assert before.get("n2") is None


@pytest.mark.parametrize("call", ["pwrite", "ftruncate", "memfd_create"])
def test_without_room_nothing_is_kept(monkeypatch, call):
    def full(*_arguments):
        raise OSError(errno.ENOSPC, "full")

    if call != "memfd_create":
        run_memory.open_run_memory()
    monkeypatch.setattr(os, call, full)
    run_memory.open_run_memory()
    run_memory.keep(ITEMS.items())
    assert kept(*ITEMS, "n") == {}


def test_without_it_nothing_is_kept(monkeypatch):
    run_memory.keep(ITEMS.items())
    assert kept(*ITEMS, "n") == {}
    monkeypatch.delattr(os, "memfd_create", raising=False)
    run_memory.open_run_memory()
    run_memory.keep(ITEMS.items())
    assert kept(*ITEMS, "n") == {}


def test_no_other_program_inherits_it():
    run_memory.open_run_memory()
    assert not os.get_inheritable(run_memory._file)
