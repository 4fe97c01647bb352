# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the module ``flatcar_image`` in the background on the boot host and shows its progress.

A module's output only appears when it has ended, and a download can take ten minutes. So the module writes its progress
to a small file, Ansible's own async wrapper keeps it running, and this plugin reads both now and then.
"""

from __future__ import annotations

import base64
import json
import secrets
import time
from typing import Any

from ansible.plugins.action import ActionBase
from ansible_collections.kindling.flatcar.plugins.module_utils._mirror.progress import (
    describe_mirrors,
    describe_progress,
)

MODULE = "kindling.flatcar.flatcar_image"

_TIME_LIMIT = 14400  # seconds, the module's default
_FIRST_LOOK = 1.0  # seconds; a run with nothing to fetch is over by then
_AGAIN = "What was served before is still served; run again to resume the download."


class ActionModule(ActionBase):
    """See the documentation of the module."""

    def run(self, tmp: None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result = super().run(tmp, task_vars)
        args = dict(self._task.args)
        interval = float(args.get("progress_interval", 5))
        if self._task.check_mode or interval <= 0:
            result.update(self._execute_module(module_name=MODULE, module_args=args, task_vars=task_vars))
            return self._told(result, task_vars)
        # Usually there is nothing to fetch, and so nothing to wait for in the background
        at_once = self._execute_module(module_name=MODULE, module_args=args | {"fetch": False}, task_vars=task_vars)
        if not at_once.get("pending"):
            result.update(at_once)
            return result
        args["progress_file"] = f"{args.get('work_dir')}/progress-{secrets.token_hex(8)}.json"
        job = self._start(args, task_vars)
        if "ansible_job_id" not in job:
            result.update(job)
            return result
        result.update(self._wait(job["ansible_job_id"], args, interval, task_vars))
        return self._told(result, task_vars)

    def _told(self, result: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        """The result, after reporting which mirrors delivered what."""
        if not self._task.check_mode and result.get("fetched"):
            for line in describe_mirrors(result["mirrors"]):
                self._tell(line, task_vars)
        return result

    def _tell(self, line: str, task_vars: dict[str, Any]) -> None:
        """Not to stdout: unless that is a terminal, lines only appear when they have filled a buffer."""
        self._display.display(f"{task_vars['inventory_hostname']}: {line}", stderr=True)

    def _start(self, args: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        self._task.async_val = int(args.get("time_limit", _TIME_LIMIT))
        try:
            return self._execute_module(module_name=MODULE, module_args=args, task_vars=task_vars, wrap_async=True)
        finally:
            self._task.async_val = 0

    def _wait(self, job: str, args: dict[str, Any], interval: float, task_vars: dict[str, Any]) -> dict[str, Any]:
        """Poll until the job has ended; its result, without the job's own fields."""
        before = None
        shown = ""
        pause = min(_FIRST_LOOK, interval)
        limit = int(args.get("time_limit", _TIME_LIMIT))
        give_up = time.monotonic() + limit + 60
        while True:
            time.sleep(pause)
            pause = interval
            status = self._job(job, "status", task_vars)
            lost = status.get("failed") and "finished" not in status
            if status.get("finished") or lost or time.monotonic() > give_up:
                break
            now = self._read_progress(args["progress_file"], task_vars)
            if now is None:
                continue
            line = describe_progress(now, before)
            before = now
            if line != shown:
                self._tell(line, task_vars)
                shown = line
        self._job(job, "cleanup", task_vars)
        if not status.get("finished"):
            status.update(failed=True, msg=f"The boot host lost track of the run. {_AGAIN}")
        elif status.get("msg") == "Timeout exceeded":  # of Ansible's async wrapper, which ended the module
            status["msg"] = f"The run did not end within {limit} s (flatcar_images_time_limit). {_AGAIN}"
        for key in ("ansible_job_id", "started", "finished", "results_file", "stdout_lines", "stderr_lines"):
            status.pop(key, None)
        if not status.get("stdout"):
            status.pop("stdout", None)
        if not status.get("stderr"):
            status.pop("stderr", None)
        return status

    def _job(self, job: str, mode: str, task_vars: dict[str, Any]) -> dict[str, Any]:
        directory = self._remote_expand_user(self.get_shell_option("async_dir", default="~/.ansible_async"))
        return self._execute_module(
            module_name="ansible.legacy.async_status",
            module_args={"jid": job, "mode": mode, "_async_dir": directory},
            task_vars=task_vars,
        )

    def _read_progress(self, path: str, task_vars: dict[str, Any]) -> dict[str, Any] | None:
        answer = self._execute_module(
            module_name="ansible.legacy.slurp", module_args={"src": path}, task_vars=task_vars
        )
        try:
            return json.loads(base64.b64decode(answer["content"]))
        except (KeyError, ValueError):
            return None
