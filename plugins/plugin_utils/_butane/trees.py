# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``storage.trees``: the files and links of local directories become nodes. Source: Butane's base translation."""

from __future__ import annotations

import os

from . import paths
from .files import Kind, LocalFileError, LocalNode
from .lowering import NODE_EXISTS, Lowering, Nodes
from .report import Path
from .structure import Object

_EXECUTABLE, _PLAIN = 0o755, 0o644
_NOT_A_NODE = "trees may only contain files, directories, and symlinks"


def add_trees(config: Object, _path: Path, lowering: Lowering) -> None:
    """Appends the contents of the trees, or fills listed nodes that are empty. Each problem is reported at its tree."""
    trees = config.get("storage", {}).get("trees", ())
    nodes = Nodes(config) if trees else None
    for index, tree in enumerate(trees):
        grower = _Grower(tree, ("storage", "trees", index), nodes, lowering)
        try:
            for local in lowering.files.walk(tree["local"]):
                grower.plant(local)
        except LocalFileError as failure:
            lowering.refuse(grower.cause, str(failure))
        if not lowering.files.given:
            break


class _Grower:
    """Creates the nodes of one tree."""

    def __init__(self, tree: Object, cause: Path, nodes: Nodes, lowering: Lowering) -> None:
        self.cause = cause
        self._tree = tree
        self._nodes = nodes
        self._lowering = lowering
        self._owner = {field: tree[field] for field in ("group", "user") if tree.get(field)}
        self._lists_directories = bool(self._owner) or "dir_mode" in tree

    def plant(self, local: LocalNode) -> None:
        self._lowering.budget.visit(self.cause)
        path = paths.clean(f"{self._tree.get('path') or '/'}/{local.below}")
        if local.kind is Kind.DIRECTORY:
            if self._lists_directories:
                self._add("directories", {"path": path, "mode": self._tree.get("dir_mode", _EXECUTABLE)})
        elif local.kind is Kind.FILE:
            self._plant_file(local, path)
        elif local.kind is Kind.LINK:
            self._plant_link(local, path)
        else:
            self._lowering.refuse(self.cause, _NOT_A_NODE)

    def _plant_file(self, local: LocalNode, path: str) -> None:
        listed = self._nodes.find("files", path)
        if listed and listed[0].get("contents", {}).get("source"):
            self._lowering.refuse(self.cause, NODE_EXISTS)
            return
        contents: Object = listed[0].setdefault("contents", {}) if listed else {}
        if not self._lowering.put_file_at(contents, local.location, self.cause):
            return
        mode = self._tree.get("file_mode", _EXECUTABLE if local.executable else _PLAIN)
        if not listed:
            self._add("files", {"path": path, "contents": contents, "mode": mode})
            return
        file, where = listed
        self._lowering.lineage.made((*where, "contents", "source"), self.cause)
        if "mode" not in file:
            file["mode"] = mode
            self._lowering.lineage.made((*where, "mode"), self.cause)

    def _plant_link(self, local: LocalNode, path: str) -> None:
        target = os.readlink(local.location)  # noqa: PTH115  (pathlib would make `re` of `./re`)
        listed = self._nodes.find("links", path)
        if not listed:
            self._add("links", {"path": path, "target": target})
            return
        link, where = listed
        if link.get("target"):
            self._lowering.refuse(self.cause, NODE_EXISTS)
            return
        link["target"] = target
        self._lowering.lineage.made((*where, "target"), self.cause)

    def _add(self, kind: str, node: Object) -> None:
        where = self._nodes.add(kind, {**node, **self._owner})
        if where is None:
            self._lowering.refuse(self.cause, NODE_EXISTS)
        else:
            self._lowering.lineage.made(where, self.cause)


__all__ = ("add_trees",)
