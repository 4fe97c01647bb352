# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The output of a playbook, for people and for programs: verbatim, outside of Ansible's own lines."""

from __future__ import annotations

import json
import os
import pathlib
import stat
from collections.abc import Mapping
from typing import Any

import yaml
from ansible.errors import AnsibleActionFail
from ansible.utils.display import Display

from .._schema.words import visible

OUTPUT_OPTIONS = {
    "format": {"type": "str", "choices": ["text", "json"], "default": "text"},
    "output": {"type": "path"},
}


def _as_json(data: Any) -> str:
    shown = json.dumps(data, indent=2, ensure_ascii=False)
    return json.dumps(data, indent=2) if shown != visible(shown) else shown


def as_yaml(data: Any) -> str:
    """*data* as YAML, strings of several lines as blocks."""
    return yaml.dump(_plain(data), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=1 << 16)


class _Dumper(yaml.SafeDumper):
    """Strings of several lines as people write them."""

    def represent_text(self, text: str) -> yaml.ScalarNode:
        return self.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _Dumper.represent_text)


def _plain(value: Any) -> Any:
    """Without Ansible's tags and containers, which YAML does not know."""
    if isinstance(value, Mapping):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return next((kind(value) for kind in (bool, int, float, str) if isinstance(value, kind)), value)


def write_private(path: str, text: str) -> None:
    """Write *text* to a file that only its owner reads; a pipe or a terminal is written to as it is."""
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            if stat.S_ISREG(os.fstat(handle).st_mode):
                os.fchmod(handle, 0o600)
            file.write(text)
    except OSError as error:
        raise AnsibleActionFail(f"cannot write the output: {error}") from error


def emit(options: Mapping[str, Any], text: str, data: Any) -> None:
    """Print *text*, or *data* as JSON, or write it to the file that the options name."""
    shown = visible(text) if options["format"] == "text" else _as_json(data)
    if not options["output"]:
        Display().display(f"\n{shown}\n")
        return
    try:
        pathlib.Path(options["output"]).write_text(f"{shown}\n", encoding="utf-8")
    except OSError as error:
        raise AnsibleActionFail(f"cannot write the output: {error}") from error


__all__ = ("OUTPUT_OPTIONS", "as_yaml", "emit", "write_private")
