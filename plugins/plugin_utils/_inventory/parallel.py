# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Work spread over the controller's cores."""

from __future__ import annotations

import contextlib
import gc
import multiprocessing
import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any, TypeVar

from ansible.errors import AnsibleError

from .free_memory import free_memory, own_memory

Item = TypeVar("Item")
Result = TypeVar("Result")

#: A process with fewer items than this costs more than it saves.
_WORTH_A_PROCESS = 50

#: Each process takes memory of its own.
_MOST = 8

#: What a process takes at least, in bytes.
_LEAST = 64 * 1024 * 1024

#: Into how many parts the items of a process are divided: the fewer there are, the more results wait in memory at once.
_PARTS = 16


def parallel_map(function: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
    """The results of *function* for all *items*, in their order.

    Processes are forks, as Ansible's own workers are, so that *function* may hold an inventory; results are sent back. There are
    fewer of them where memory is scarce.
    """
    items = list(items)
    processes = min(_cores(), _MOST, len(items) // _WORTH_A_PROCESS, _room())
    if processes < 2:
        return [function(item) for item in items]
    forks = ProcessPoolExecutor(
        processes, mp_context=multiprocessing.get_context("fork"), initializer=_inherit, initargs=(function,)
    )
    try:
        with _frozen_heap(), forks as pool:
            return list(pool.map(_call, items, chunksize=-(-len(items) // (processes * _PARTS))))
    except BrokenProcessPool:
        raise AnsibleError(
            "A process that read the inventory was killed, perhaps for lack of memory. Nothing was changed."
        ) from None


def _cores() -> int:
    """The cores that this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _room() -> int:
    """How many processes fit into the memory that is free. At worst, each gets a copy of all that this one has."""
    free = free_memory()
    return _MOST if free is None else free // max(own_memory(), _LEAST)


@contextlib.contextmanager
def _frozen_heap() -> Iterator[None]:
    """The garbage collector of a fork would write to every object that the fork has inherited, and so copy its memory."""
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


_inherited: Callable[[Any], Any]


def _inherit(function: Callable[[Any], Any]) -> None:
    global _inherited  # inherited by the fork: the function cannot be sent to it with every item
    _inherited = function


def _call(item: Any) -> Any:
    return _inherited(item)


__all__ = ("parallel_map",)
