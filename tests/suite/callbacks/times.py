"""Tells the suite what Ansible's playbooks and their tasks took. It prints nothing: what playbooks say is read by tests."""

from __future__ import annotations

DOCUMENTATION = r"""
name: times
type: aggregate
short_description: Write down what playbooks and tasks took
description:
  - Adds a line for each task and each playbook to the file that the environment variable E(KINDLING_TIMES) names.
requirements:
  - to be named in E(ANSIBLE_CALLBACKS_ENABLED)
"""

import time
from pathlib import Path

from ansible.plugins.callback import CallbackBase
from kindling_times import note


class CallbackModule(CallbackBase):
    """A task lasts until the next one begins."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "times"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self) -> None:
        super().__init__()
        self._playbook, self._begun = "", 0.0
        self._task, self._task_begun = "", 0.0
        self._tasks = 0

    def v2_playbook_on_start(self, playbook) -> None:
        self._playbook, self._begun = Path(playbook._file_name).name, time.monotonic()

    def v2_playbook_on_task_start(self, task, is_conditional) -> None:
        self._end_task()
        self._task, self._task_begun = task.get_name(), time.monotonic()
        self._tasks += 1

    def v2_playbook_on_handler_task_start(self, task) -> None:
        self.v2_playbook_on_task_start(task, False)

    def v2_playbook_on_stats(self, stats) -> None:
        self._end_task()
        note("playbook", self._playbook, time.monotonic() - self._begun, tasks=self._tasks)

    def _end_task(self) -> None:
        if self._task:
            note("task", self._task, time.monotonic() - self._task_begun)
            self._task = ""
