# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the passes of the translation share: the files, the limits, the lineage and the errors."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path as FilePath
from typing import Any

from .data_urls import data_url
from .files import Encoded, FilesDir, LocalFileError
from .limits import Budget
from .lineage import Lineage
from .report import Path
from .structure import Finding, Form, Object, Shape, Spec, Structure, error, shape_of

NODE_LISTS = ("directories", "files", "links")
NODE_EXISTS = "matching filesystem node has existing contents or different type"


class Lowering:
    """One translation from the author's terms to Ignition's."""

    def __init__(self, spec: Spec, files: FilesDir, budget: Budget) -> None:
        self.spec = spec
        self.files = files
        self.budget = budget
        self.lineage = Lineage()
        self.errors: list[Finding] = []

    def lower(self, root: Structure, config: Object) -> None:
        """Applies the sugar of each object in place, members first."""
        self._lower(shape_of(root, self.spec, Form.BUTANE), config, ())

    def _lower(self, shape: Shape, obj: Object, path: Path) -> None:
        for member in shape.members(obj, path):
            self._lower(*member)
        for rewrite in shape.struct.sugar:
            rewrite(obj, path, self)

    def refuse(self, path: Path, message: str) -> None:
        self.errors.append(error(message, *path))

    def read(self, local: str, path: Path) -> bytes | None:
        """The content of a local file; None, and an error at the path, if it cannot be read."""
        try:
            return self.embed(self.files.read(local), path)
        except LocalFileError as failure:
            self.refuse(path, str(failure))
            return None

    def embed(self, content: bytes, path: Path) -> bytes:
        self.budget.embed(path, len(content))
        return content

    def put_content(self, resource: Object, content: bytes, path: Path) -> None:
        """The content becomes the resource's source."""
        self.embed(content, path)
        _put_source(resource, *data_url(content, may_compress=not _is_compressed(resource)))

    def put_file(self, resource: Object, local: str, path: Path) -> bool:
        """The content of a local file becomes the resource's source; False, and an error at the path, if it cannot be read."""
        return self._put_file(resource, self.files.encoded, local, path)

    def put_file_at(self, resource: Object, location: FilePath, path: Path) -> bool:
        """``put_file`` for a file of a tree."""
        return self._put_file(resource, self.files.encoded_at, location, path)

    def _put_file(self, resource: Object, encode: Callable[..., Encoded], file: str | FilePath, path: Path) -> bool:
        try:
            encoded = encode(file, may_compress=not _is_compressed(resource))
        except LocalFileError as failure:
            self.refuse(path, str(failure))
            return False
        self.budget.embed(path, encoded.size)
        _put_source(resource, encoded.source, encoded.compressed)
        return True


def _put_source(resource: Object, source: str, compressed: bool) -> None:
    resource["source"] = source
    if not _is_compressed(resource):
        resource["compression"] = "gzip" if compressed else ""


def _is_compressed(resource: Object) -> bool:
    """If a compression is given, the content is already compressed."""
    return bool(resource.get("compression"))


class Nodes:
    """The files, directories and links of a config by path; the last one if several share a path."""

    def __init__(self, config: Object) -> None:
        self._storage: Object = config.setdefault("storage", {})
        self._at: dict[str, tuple[str, int]] = {
            node.get("path", ""): (kind, index)
            for kind in NODE_LISTS
            for index, node in enumerate(self._storage.get(kind, ()))
        }

    def find(self, kind: str, path: str) -> tuple[Object, Path] | None:
        """The node of that kind at the path, and its place in the config."""
        found = self._at.get(path)
        if found is None or found[0] != kind:
            return None
        return self._storage[kind][found[1]], ("storage", *found)

    def add(self, kind: str, node: Object) -> Path | None:
        """Appends a node; returns its place in the config, None if its path is taken."""
        if node["path"] in self._at:
            return None
        siblings: list[Any] = self._storage.setdefault(kind, [])
        self._at[node["path"]] = (kind, len(siblings))
        siblings.append(node)
        return ("storage", kind, len(siblings) - 1)


__all__ = ("NODE_EXISTS", "Lowering", "Nodes")
