"""Work is spread over processes that share memory, and over fewer of them where memory is scarce."""

from __future__ import annotations

import gc
import os

import pytest
from ansible_collections.kindling.flatcar.plugins.plugin_utils._inventory import parallel

GB = 1024**3


@pytest.mark.parametrize(
    ("free", "own", "processes"),
    [
        (None, 100_000_000, 8),
        (8 * GB, GB // 2, 8),
        (2 * GB, GB // 2, 4),
        (GB, GB // 2, 2),
        (GB, GB, 1),
        (GB // 3, GB, 1),
        (GB // 4, 1000, 4),
    ],
)
def test_a_process_may_take_as_much_as_this_one(monkeypatch, free, own, processes):
    started = []

    class StopError(Exception):
        pass

    def start(number, **_how):
        started.append(number)
        raise StopError

    monkeypatch.setattr(parallel, "_cores", lambda: 16)
    monkeypatch.setattr(parallel, "free_memory", lambda: free)
    monkeypatch.setattr(parallel, "own_memory", lambda: own)
    monkeypatch.setattr(parallel, "ProcessPoolExecutor", start)
    if processes == 1:
        assert parallel.parallel_map(str, range(1000)) == [str(number) for number in range(1000)]
        assert started == []
    else:
        with pytest.raises(StopError):
            parallel.parallel_map(str, range(1000))
        assert started == [processes]


def test_the_collector_of_a_fork_leaves_the_heap_alone(monkeypatch):
    """It would write to all objects, and a page that is written to is copied."""
    monkeypatch.setattr(parallel, "_cores", lambda: 2)
    monkeypatch.setattr(parallel, "free_memory", lambda: None)
    before, tracked = gc.get_freeze_count(), len(gc.get_objects())
    assert tracked > 10_000
    inside = parallel.parallel_map(
        lambda _item: (os.getpid(), gc.get_freeze_count(), len(gc.get_objects())), range(100)
    )
    assert all(
        process != os.getpid() and frozen > tracked / 2 and left < tracked / 2 for process, frozen, left in inside
    )
    assert gc.get_freeze_count() == before
