# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What runs on a machine besides the image: system extensions, containers and other units."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from .._schema import fields
from .._schema.fields import Field, Record
from .access import named
from .layer import Layer, link, unit_text

if TYPE_CHECKING:
    from .node import Node

_NAME = fields.word("name")
_LISTS_OF_WORDS = fields.list_of(fields.line)

SYSEXT = Record(
    (
        Field("name", _NAME, "its name, as the image's own metadata says it", required=True),
        Field("url", fields.url, "where the node fetches it from", required=True),
        Field("sha256", fields.sha256, "the SHA-256 that it has to have", required=True),
    )
)

CONTAINER = Record(
    (
        Field("name", _NAME, "the container's name, and its unit's", required=True),
        Field("image", fields.word("container image"), "the image", required=True),
        Field(
            "arguments",
            _LISTS_OF_WORDS,
            "words for `docker run` before the image, such as `--publish=80:80`",
            default=(),
        ),
        Field("command", _LISTS_OF_WORDS, "words for the container itself, after the image", default=()),
    )
)

FIELDS = (
    Field("flatcar_sysexts", fields.list_of(SYSEXT), "system extensions, each pinned by its SHA-256", default=()),
    Field("flatcar_containers", fields.list_of(CONTAINER), "containers that run always, each as a unit", default=()),
    Field(
        "flatcar_units",
        fields.list_of(named("systemd.units")),
        "systemd units, each as in Butane's `systemd.units`",
        default=(),
    ),
)


def layers(node: Node) -> list[Layer]:
    made = []
    if node.sysexts:
        made.append(Layer(("flatcar_sysexts",), {"storage": _extensions(node.sysexts)}))
    units = [_container(container) for container in node.containers]
    for variable, entries in (("flatcar_containers", units), ("flatcar_units", list(node.units))):
        if entries:
            made.append(Layer((variable,), {"systemd": {"units": entries}}))
    return made


def _extensions(sysexts: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Each below /opt/extensions under its own file name, and a link by its bare name, as flatcar.org recommends."""
    files, links = [], []
    for sysext in sysexts:
        path = f"/opt/extensions/{sysext['name']}/{posixpath.basename(urlsplit(sysext['url']).path) or sysext['name']}"
        contents = {"source": sysext["url"], "verification": {"hash": f"sha256-{sysext['sha256'].lower()}"}}
        files.append({"path": path, "mode": 0o644, "contents": contents})
        links.append(link(f"/etc/extensions/{sysext['name']}.raw", path))
    return {"files": files, "links": links}


def _container(container: Mapping[str, Any]) -> dict[str, Any]:
    name = container["name"]
    run = ("--rm", f"--name={name}", *container["arguments"], container["image"], *container["command"])
    text = unit_text(
        {
            "Unit": [
                ("Description", f"Container {name}"),
                ("Requires", "docker.service"),
                ("Wants", "network-online.target"),
                ("After", "docker.service network-online.target"),
            ],
            "Service": [
                ("TimeoutStartSec", 0),  # the first start pulls the image
                ("ExecStartPre", f"-/usr/bin/docker rm --force {name}"),
                ("ExecStart", f"/usr/bin/docker run {' '.join(map(_word, run))}"),
                ("ExecStop", f"/usr/bin/docker stop {name}"),
                ("Restart", "always"),
                ("RestartSec", 5),
            ],
            "Install": [("WantedBy", "multi-user.target")],
        }
    )
    return {"name": f"{name}.service", "enabled": True, "contents": text}


def _word(word: str) -> str:
    """One word of a command line as systemd.service(5) quotes it: nothing in it is expanded."""
    plain = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return f'"{plain}"' if any(character in " \t'\";\\" for character in word) else plain


__all__ = ("CONTAINER", "FIELDS", "SYSEXT", "layers")
