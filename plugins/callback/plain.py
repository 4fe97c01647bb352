# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ansible's own output, with each failure once and without the playbook's lines around it."""

from __future__ import annotations

DOCUMENTATION = r"""
name: plain
type: stdout
short_description: Ansible's default output, with each failure once
description:
  - Ansible prints a failure twice, as an error with the lines of the playbook around the task, and as the task's result. Somebody
    who has to fix an inventory has no use for the lines of a correct playbook.
  - This callback prints only the result. With C(-vvv) nothing is left out.
version_added: 0.1.0
author:
  - Kindling developers (@kindling-flatcar)
extends_documentation_fragment:
  - default_callback
  - result_format_callback
requirements:
  - stdout_callback in the configuration
"""

from typing import Any

from ansible import constants
from ansible.plugins.callback.default import CallbackModule as Default

_ALL = 3

#: Keys of a failure that say no more than its message; the second line is for `assert`.
_BESIDE_THE_MESSAGE = frozenset(
    {"changed", "exception", "failed", "invocation", "msg", "warnings", "deprecations"}
) | frozenset({"assertion", "evaluated_to"})


class CallbackModule(Default):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "stdout"
    CALLBACK_NAME = "kindling.flatcar.plain"

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        if self._display.verbosity < _ALL and result.result.get("msg"):
            result.result.pop("exception", None)
            if self._is_a_message_alone(result.result) and not result.task.loop:
                self._print_message(result, ignore_errors)
                return
        super().v2_runner_on_failed(result, ignore_errors)

    def v2_runner_item_on_failed(self, result: Any) -> None:
        if self._display.verbosity < _ALL and result.result.get("msg"):
            result.result.pop("exception", None)
        super().v2_runner_item_on_failed(result)

    def _is_a_message_alone(self, result: dict[str, Any]) -> bool:
        return all(key in _BESIDE_THE_MESSAGE or key.startswith("_ansible_") for key in result)

    def _print_message(self, result: Any, ignore_errors: bool) -> None:
        """As it was written: in a result's YAML or JSON its lines are wrapped and its quotes doubled."""
        if self._last_task_banner != result.task._uuid:
            self._print_task_banner(result.task)
        self._handle_warnings_and_exception(result)
        text = f"fatal: [{self.host_label(result)}]: FAILED! => {str(result.result['msg']).strip()}"
        stderr = self.get_option("display_failed_stderr")
        self._display.display(text, color=constants.COLOR_ERROR, stderr=stderr)
        if ignore_errors:
            self._display.display("...ignoring", color=constants.COLOR_SKIP)
