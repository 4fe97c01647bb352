# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Configs in local files, to merge or as a replacement: those in Butane are translated on the way.

The reference puts whatever is in the file into the config, and Ignition refuses it on the machine.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path as FilePath
from typing import Any, NamedTuple

from .data_urls import data_url
from .encode import dumps
from .files import FilesDir, LocalFileError
from .report import Origin
from .translate import translate

_NEITHER = "expected an Ignition config (JSON) or a Butane config (YAML with variant and version)"


class Refused(NamedTuple):
    """The path in the node's Butane, what is wrong there, and where in the local file."""

    path: str
    message: str
    origin: Origin | None


def with_local_configs(
    butane: Mapping[str, Any], files_dir: str | os.PathLike | None
) -> tuple[Mapping[str, Any], list[Refused]]:
    """*butane* with its local Butane configs replaced by data URLs of their Ignition form; and what is wrong with such files."""
    inner = _mapping(_mapping(butane.get("ignition")).get("config"))
    if not inner or not files_dir:
        return butane, []
    refused: list[Refused] = []
    made = dict(inner)
    if isinstance(inner.get("merge"), list | tuple):
        made["merge"] = [
            _translated(entry, f"ignition.config.merge.{number}", files_dir, refused)
            for number, entry in enumerate(inner["merge"])
        ]
    if "replace" in inner:
        made["replace"] = _translated(inner["replace"], "ignition.config.replace", files_dir, refused)
    return {**butane, "ignition": {**butane["ignition"], "config": made}}, refused


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _translated(entry: Any, path: str, files_dir: str | os.PathLike, refused: list[Refused]) -> Any:
    local = _mapping(entry).get("local")
    if not isinstance(local, str) or {"inline", "source"} & entry.keys():
        return entry
    try:
        content = FilesDir(files_dir).read(local)
    except LocalFileError:  # the transpiler reports it
        return entry
    if entry.get("compression") or _is_json(content):
        return entry
    result = translate(content, files_dir=files_dir, strict=True)
    if result.config is None:
        file = str(FilePath(files_dir, local).resolve())
        for found in result.report:
            origin = found.origin and Origin(file, found.origin.line, found.origin.column)
            refused.append(Refused(f"{path}.local", f"{local}: {found.path}: {found.message}. {_NEITHER}", origin))
        return entry
    source, compressed = data_url(dumps(result.config).encode(), may_compress=True)
    kept = {key: value for key, value in entry.items() if key != "local"}
    return {**kept, "source": source, "compression": "gzip" if compressed else ""}


def _is_json(content: bytes) -> bool:
    try:
        return isinstance(json.loads(content), dict)
    except (ValueError, RecursionError):
        return False


__all__ = ("Refused", "with_local_configs")
