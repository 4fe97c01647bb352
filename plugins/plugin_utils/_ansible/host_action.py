"""What actions need of ``ActionBase`` and Ansible has no public name for: sending a file, and asking for secrets.

All such names are here; ``tests/unit/plugin_utils/_ansible`` fails when Ansible changes them.
"""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase


class HostAction(ActionBase):
    """An action that runs the collection's modules on a boot host."""

    def send(self, name: str, content: bytes) -> str:
        """Have *content* in a file on the host that none but its owner reads, in Ansible's own temporary directory; its path.

        Never in a module's arguments, which everybody on the host sees.
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
        """What the collection's *module* returns; raises ``AnsibleActionFail`` where it has failed.

        With *secret*, a connection does not print the answer either, whatever its verbosity.
        """
        with self._unlogged() if secret else contextlib.nullcontext():
            answer = self._execute_module(
                module_name=f"kindling.flatcar.{module}", module_args=dict(arguments), task_vars=task_vars
            )
        if answer.get("failed"):
            host = self._task.delegate_to or task_vars["inventory_hostname"]
            raise AnsibleActionFail(f"{host}: {answer.get('msg', f'the module {module} failed')}")
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
