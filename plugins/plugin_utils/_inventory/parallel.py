# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Work spread over the controller's cores."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any, TypeVar

from ansible.errors import AnsibleError

Item = TypeVar("Item")
Result = TypeVar("Result")

#: A process with fewer items than this costs more than it saves.
_WORTH_A_PROCESS = 50

#: Each process takes memory of its own.
_MOST = 8


def parallel_map(function: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
    """The results of *function* for all *items*, in their order.

    Processes are forks, as Ansible's own workers are, so that *function* may hold an inventory; results are sent back.
    """
    items = list(items)
    processes = min(_cores(), _MOST, len(items) // _WORTH_A_PROCESS)
    if processes < 2:
        return [function(item) for item in items]
    forks = ProcessPoolExecutor(
        processes, mp_context=multiprocessing.get_context("fork"), initializer=_inherit, initargs=(function,)
    )
    try:
        with forks as pool:
            return list(pool.map(_call, items, chunksize=-(-len(items) // (processes * 4))))
    except BrokenProcessPool:
        raise AnsibleError(
            "A process that read the inventory was killed, perhaps for lack of memory. Nothing was changed."
        ) from None


def _cores() -> int:
    """The cores that this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


_inherited: Callable[[Any], Any]


def _inherit(function: Callable[[Any], Any]) -> None:
    global _inherited  # inherited by the fork: the function cannot be sent to it with every item
    _inherited = function


def _call(item: Any) -> Any:
    return _inherited(item)


__all__ = ("parallel_map",)
