# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What runs on a machine besides the image: system extensions, containers and other units."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

from .._schema import fields, words
from .._schema.fields import Field, Invalid, Mistake, Record
from .access import named
from .layer import Layer, link, unit_text

if TYPE_CHECKING:
    from .node import Node

_NAME = fields.word("name")
_LISTS_OF_WORDS = fields.list_of(fields.line)

SYSEXT = Record(
    (
        Field("name", _NAME, "its name, as in the image's own metadata", required=True),
        Field("url", fields.url, "where the node fetches it from", required=True),
        Field("sha256", fields.sha256, "the SHA-256 that it has to have", required=True),
    ),
    beyond="Any other extension is a file below /opt/extensions and a link in /etc/extensions, by flatcar_butane",
)


def _setting(value: Any) -> str:
    """A number is the string that it was written as; true, yes and on can no longer be told apart."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if value == "":
        return ""
    try:
        return fields.line(value)
    except ValueError:
        raise ValueError(
            "expected a string of one line, in quotes; longer text goes into a file by flatcar_butane (storage.files) that "
            "volumes mounts into the container"
        ) from None


def _port(value: Any) -> str:
    port = words.read("published port", value)
    mapped = _Published.of(port)
    numbers = (*mapped.ports, *mapped.inside)
    if not all(1 <= number <= 65535 for number in numbers) or len(mapped.ports) != len(mapped.inside) or not numbers:
        raise ValueError("expected ports from 1 to 65535, and equally many of the machine and of the container")
    return port


class _Published(NamedTuple):
    """The machine's ports that a container publishes; ``address`` is empty for all of its addresses."""

    address: str
    protocol: str
    ports: range
    inside: range

    @classmethod
    def of(cls, port: str) -> _Published:
        numbers, _separator, protocol = port.partition("/")
        outside, _separator, inside = numbers.rpartition(":")
        address, _separator, outside = outside.rpartition(":")
        return cls(address, protocol or "tcp", _range(outside), _range(inside))

    def collides(self, other: _Published) -> bool:
        common = range(max(self.ports.start, other.ports.start), min(self.ports.stop, other.ports.stop))
        addresses = {self.address, other.address}
        return self.protocol == other.protocol and bool(common) and (len(addresses) == 1 or "" in addresses)


def _range(text: str) -> range:
    first, _separator, last = text.partition("-")
    return range(int(first), int(last or first) + 1)


def _check_containers(typed: Sequence[Mapping[str, Any]], given: Sequence[Any]) -> None:
    """Two containers on one port: the second would be restarted forever."""
    taken: list[tuple[_Published, str]] = []
    mistakes = []
    for number, container in enumerate(typed):
        for index, port in enumerate(container["ports"]):
            own = _Published.of(port)
            owner = next((name for other, name in taken if own.collides(other)), None)
            if owner:
                message = f"{port} uses a port of the machine that {owner} already has"
                mistakes.append(Mistake(f"[{number}].ports[{index}]", message, given[number]))
            taken.append((own, container["name"]))
    if mistakes:
        raise Invalid(mistakes)


CONTAINER = Record(
    (
        Field("name", _NAME, "the container's name, and its unit's", required=True),
        Field("image", fields.word("container image"), "the image", required=True),
        Field(
            "environment",
            fields.MappingOf(fields.word("environment name"), _setting),
            "its environment variables, such as `{LEVEL: debug}`",
            default={},
            secret=True,
        ),
        Field(
            "volumes",
            fields.list_of(fields.word("volume")),
            "directories of the machine, or volumes, and where it sees them, such as `/var/lib/data:/data:ro`",
            default=(),
        ),
        Field(
            "ports",
            fields.list_of(_port),
            "ports of the machine that are forwarded to its own, such as `8080:80` or `127.0.0.1:53:53/udp`",
            default=(),
        ),
        Field(
            "arguments",
            _LISTS_OF_WORDS,
            "more arguments for `docker run` before the image, such as `--network=host`",
            default=(),
        ),
        Field("command", _LISTS_OF_WORDS, "arguments for the container itself, after the image", default=()),
    ),
    beyond="Other options of docker go into arguments; other settings of the unit, into a drop-in of NAME.service in "
    "flatcar_butane (systemd.units, dropins)",
)

FIELDS = (
    Field("flatcar_sysexts", fields.list_of(SYSEXT), "system extensions, each pinned by its SHA-256", default=()),
    Field(
        "flatcar_containers",
        fields.ListOf(CONTAINER, check=_check_containers),
        "containers that always run, each as a unit",
        default=(),
    ),
    Field(
        "flatcar_units",
        fields.list_of(named("systemd.units")),
        "systemd units, each as in Butane's `systemd.units`",
        default=(),
    ),
    Field(
        "flatcar_replaced_units",
        fields.list_of(fields.word("unit")),
        "units of Flatcar's image that the config replaces or masks on purpose, such as `docker.service`; it is refused otherwise",
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
    named = (
        *(f"--env={key}={value}" for key, value in container["environment"].items()),
        *(f"--volume={volume}" for volume in container["volumes"]),
        *(f"--publish={port}" for port in container["ports"]),
    )
    run = ("--rm", f"--name={name}", *named, *container["arguments"], container["image"], *container["command"])
    text = unit_text(
        (
            "Unit",
            [
                ("Description", f"Container {name}"),
                ("Requires", "docker.service"),
                ("Wants", "network-online.target"),
                ("After", "docker.service network-online.target"),
            ],
        ),
        (
            "Service",
            [
                ("TimeoutStartSec", 0),  # the first start pulls the image
                ("ExecStartPre", f"-/usr/bin/docker rm --force {name}"),
                ("ExecStart", f"/usr/bin/docker run {' '.join(map(_word, run))}"),
                ("ExecStop", f"/usr/bin/docker stop {name}"),
                ("Restart", "always"),
                ("RestartSec", 5),
            ],
        ),
        ("Install", [("WantedBy", "multi-user.target")]),
    )
    return {"name": f"{name}.service", "enabled": True, "contents": text}


def _word(word: str) -> str:
    """One word of a command line as systemd.service(5) quotes it, without any expansion."""
    plain = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return f'"{plain}"' if any(character in " \t'\";\\" for character in word) else plain


__all__ = ("CONTAINER", "FIELDS", "SYSEXT", "layers")
