# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Ansible's own output, with each failure once and without the lines of the playbook that it stands in."""

from __future__ import annotations

DOCUMENTATION = r"""
name: plain
type: stdout
short_description: Ansible's default output, with each failure once
description:
  - Ansible prints a failure twice, as an error with the lines of the playbook around the task, and as the task's result. Who has to
    mend an inventory has no use for the lines of a playbook that is right.
  - This prints the result alone. With C(-vvv) nothing is left out.
version_added: 0.1.0
author:
  - The Kindling developers
extends_documentation_fragment:
  - default_callback
  - result_format_callback
requirements:
  - stdout_callback in the configuration
"""

from typing import Any

from ansible.plugins.callback.default import CallbackModule as Default

_ALL = 3

#: What a failure has besides its message; the last two are those of `assert`.
_BESIDE_THE_MESSAGE = ("exception", "assertion", "evaluated_to")


class CallbackModule(Default):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "stdout"
    CALLBACK_NAME = "kindling.flatcar.plain"

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        self._without_exception(result)
        super().v2_runner_on_failed(result, ignore_errors)

    def v2_runner_item_on_failed(self, result: Any) -> None:
        self._without_exception(result)
        super().v2_runner_item_on_failed(result)

    def v2_runner_on_unreachable(self, result: Any) -> None:
        self._without_exception(result)
        super().v2_runner_on_unreachable(result)

    def _without_exception(self, result: Any) -> None:
        """Where it has a message, that says all."""
        if self._display.verbosity < _ALL and result.result.get("msg"):
            for key in _BESIDE_THE_MESSAGE:
                result.result.pop(key, None)
