# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The output of a playbook, for people and for programs: verbatim, outside of Ansible's own lines."""

from __future__ import annotations

import json
import pathlib
from collections.abc import Mapping
from typing import Any

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


__all__ = ("OUTPUT_OPTIONS", "emit")
