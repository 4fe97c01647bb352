# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sugar: what Butane writes for the author. The table names the rewrite of each structure."""

from __future__ import annotations

import re

from .lowering import Lowering
from .mount_units import add_mount_units
from .quadlets import add_quadlets
from .report import Path
from .structure import Object
from .trees import add_trees

_LINE_END = re.compile(r"\r?\n")


def embed_contents(resource: Object, path: Path, lowering: Lowering) -> None:
    """``inline`` and ``local`` become a data URL."""
    if "inline" in resource:
        lowering.put_content(resource, resource["inline"].encode("utf-8", "surrogateescape"), path)
        lowering.lineage.made((*path, "source"), (*path, "inline"))
    elif "local" in resource and lowering.put_file(resource, resource["local"], (*path, "local")):
        lowering.lineage.made((*path, "source"), (*path, "local"))


def read_contents(unit: Object, path: Path, lowering: Lowering) -> None:
    """``contents_local`` of a unit or drop-in becomes its contents; '' names no file."""
    local = unit.get("contents_local")
    content = lowering.read(local, (*path, "contents_local")) if local else None
    if content is not None:
        unit["contents"] = content.decode("utf-8", "surrogateescape")
        lowering.lineage.made((*path, "contents"), (*path, "contents_local"))


def read_authorized_keys(user: Object, path: Path, lowering: Lowering) -> None:
    """The lines of local files follow the keys that are listed."""
    local_files = user.get("ssh_authorized_keys_local")
    if not local_files:
        return
    here = (*path, "ssh_authorized_keys_local")
    if not lowering.files.given:
        lowering.read("", here)
        return
    keys = user.setdefault("ssh_authorized_keys", [])
    for index, local in enumerate(local_files):
        content = lowering.read(local, (*here, index)) or b""
        for line in filter(None, _LINE_END.split(content.decode("utf-8", "surrogateescape"))):
            lowering.budget.visit(here)
            lowering.lineage.made((*path, "ssh_authorized_keys", len(keys)), (*here, index))
            keys.append(line)


__all__ = (
    "add_mount_units",
    "add_quadlets",
    "add_trees",
    "embed_contents",
    "read_authorized_keys",
    "read_contents",
)
