# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What actions need from ``ActionBase`` without a public name in Ansible: sending a file, and handling secrets.

All such names are here; ``tests/unit/plugin_utils/_ansible`` fails when Ansible changes them.
"""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase

from .refusal import Refused


class HostAction(ActionBase):
    """An action that runs the collection's modules on a boot host."""

    def send(self, name: str, content: bytes) -> str:
        """Write *content* to a file in Ansible's temporary directory on the host, readable by its owner only; returns its path.

        Never pass it in a module's arguments, which everybody on the host can see.
        """
        shell = self._connection._shell
        remote = shell.join_path(shell.tmpdir or self._make_tmp_path(), name)
        with tempfile.NamedTemporaryFile(prefix="kindling-") as local:
            Path(local.name).write_bytes(content)
            self._transfer_file(local.name, remote)
        self._fixup_perms2((shell.tmpdir, remote))
        return remote

    def ask(
        self, module: str, arguments: Mapping[str, Any], task_vars: Mapping[str, Any], *, secret: bool = False
    ) -> dict[str, Any]:
        """Run the collection's *module* and return its result; raises ``Refused`` if it failed.

        With *secret*, the result is not printed either, whatever the connection's verbosity.
        """
        with self._unlogged() if secret else contextlib.nullcontext():
            answer = self._execute_module(
                module_name=f"kindling.flatcar.{module}", module_args=dict(arguments), task_vars=task_vars
            )
        if answer.get("failed"):
            host = self._task.delegate_to or task_vars["inventory_hostname"]
            raise Refused(f"{host}: {answer.get('msg', f'the module {module} failed')}")
        return answer

    @contextlib.contextmanager
    def _unlogged(self) -> Iterator[None]:
        connection = self._connection._play_context
        before, connection.no_log = connection.no_log, True
        try:
            yield
        finally:
            connection.no_log = before


__all__ = ("HostAction",)
