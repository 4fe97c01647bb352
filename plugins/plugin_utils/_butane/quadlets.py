# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``systemd.quadlets``: units of Podman's generator become files and links. Source: Butane's base translation."""

from __future__ import annotations

from . import paths
from .lowering import NODE_EXISTS, Lowering, Nodes
from .quadlet_names import template_of
from .report import Path
from .structure import Object

_SYSTEM_DIRECTORY = "/etc/containers/systemd"
_USERS_DIRECTORY = "/etc/containers/systemd/users"
_MODE = 0o644


def add_quadlets(config: Object, _path: Path, lowering: Lowering) -> None:
    """Appends a file or, for an instance of a template, a link for each quadlet, and a file for each drop-in."""
    quadlets = config.get("systemd", {}).get("quadlets", ())
    nodes = Nodes(config) if quadlets else None
    for index, quadlet in enumerate(quadlets):
        cause = ("systemd", "quadlets", index)
        name = quadlet.get("name", "")
        path = paths.join(_SYSTEM_DIRECTORY if quadlet.get("rootful") else _USERS_DIRECTORY, name)
        template = template_of(name)
        if template:
            _add(nodes, "links", {"path": path, "target": template}, cause, lowering)
        else:
            _add_file(nodes, path, quadlet, cause, lowering)
        for number, dropin in enumerate(quadlet.get("dropins", ())):
            dropin_path = f"{path}.d/{dropin.get('name', '')}"
            _add_file(nodes, dropin_path, dropin, (*cause, "dropins", number), lowering)


def _add_file(nodes: Nodes, path: str, source: Object, cause: Path, lowering: Lowering) -> None:
    contents: Object = {}
    if _put_contents(contents, source, cause, lowering):
        _add(nodes, "files", {"path": path, "contents": contents, "mode": _MODE}, cause, lowering)


def _put_contents(contents: Object, source: Object, cause: Path, lowering: Lowering) -> bool:
    if source.get("contents_local"):
        return lowering.put_file(contents, source["contents_local"], (*cause, "contents_local"))
    lowering.put_content(contents, source.get("contents", "").encode("utf-8", "surrogateescape"), cause)
    return True


def _add(nodes: Nodes, kind: str, node: Object, cause: Path, lowering: Lowering) -> None:
    where = nodes.add(kind, node)
    if where is None:
        lowering.refuse(cause, NODE_EXISTS)
        return
    lowering.lineage.made(where, cause)
    lowering.lineage.made((*where, "path"), (*cause, "name"))


__all__ = ("add_quadlets",)
