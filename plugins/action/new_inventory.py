# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes a new inventory out of a few answers."""

from __future__ import annotations

import pathlib
import re
from collections.abc import Mapping
from typing import Any, ClassVar

from ansible_collections.kindling.flatcar.plugins.plugin_utils._ansible.refusal import Refused
from ansible_collections.kindling.flatcar.plugins.plugin_utils._inventory.action import InventoryAction
from ansible_collections.kindling.flatcar.plugins.plugin_utils._inventory.mistakes import describe
from ansible_collections.kindling.flatcar.plugins.plugin_utils._new.new_inventory import files_of
from ansible_collections.kindling.flatcar.plugins.plugin_utils._schema.problem import InventoryError


class ActionModule(InventoryAction):
    _requires_connection = False
    arguments: ClassVar = {
        "path": {"type": "path", "required": True},
        "answers": {"type": "dict", "required": True},
        "key_file": {"type": "path"},
        "machines": {"type": "str", "default": ""},
        "machines_file": {"type": "path"},
    }

    def act(self, options: Mapping[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        place = pathlib.Path(options["path"])
        if place.exists() and (not place.is_dir() or any(place.iterdir())):
            raise Refused(
                f"{place} is there already, and nothing in it was changed: name another folder, or move it away"
            )
        machines = _read(options["machines_file"]) if options["machines_file"] else _lines(options["machines"])
        key = _read(options["key_file"]).strip() if options["key_file"] else options["answers"].get("new_key")
        try:
            files = files_of(options["answers"] | {"new_key": key}, machines)
        except InventoryError as invalid:
            raise Refused(f"{describe(invalid.problems)}\nNothing was written.") from None
        if not self._task.check_mode:
            for name, text in files.items():
                path = place / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, encoding="utf-8")
        return {"changed": True, "files": [str(place / name) for name in files]}


def _lines(machines: str) -> str:
    """On a command line, machines have blanks or semicolons between them: a shell ends its command at a bare semicolon."""
    return "\n".join(re.split(r"[;\s]+", machines))


def _read(path: str) -> str:
    try:
        return pathlib.Path(path).expanduser().read_text(encoding="utf-8-sig")
    except (OSError, ValueError) as error:
        raise Refused(f"{path} cannot be read: {error}. Nothing was written.") from None
