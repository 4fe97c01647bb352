# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A node's final Ignition config, and the configs in it that are merged into it or replace it."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from .._butane.data_urls import content_of
from .._butane.encode import encode
from .._butane.inner_config import inner_findings, parse_once, read_config
from .._butane.report import ERROR
from .._butane.schema import CONFIG, SPECS
from .._node.node import Node
from .._node.releases import ignition_of

_VERSION = re.compile(r"3\.([0-9])\.0(-experimental)?")


class Config(NamedTuple):
    """``path`` leads to it in the node's Butane; it is empty for the outermost. ``json`` is in Ignition's words."""

    path: str
    json: Mapping[str, Any]

    def at(self, inner: str, message: str) -> tuple[str, str]:
        """The path in the node's Butane of what is at *inner* in this config, and *message*."""
        return (self.path, f"{message} (in the config there: {inner})") if self.path else (inner, message)

    def kernel_arguments(self) -> Iterable[str]:
        return (self.json.get("kernelArguments") or {}).get("shouldExist") or ()

    def entries(self, section: str, kind: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """Those of a list, each with its path."""
        entries = self.json.get(section, {}).get(kind)
        if entries:
            place = f"{section}.{_in_butane(kind)}"
            yield from ((f"{place}.{number}", entry) for number, entry in enumerate(entries))


def configs_in(node: Node, config: Mapping[str, Any]) -> tuple[list[Config], list[tuple[str, str]]]:
    """*config* and all configs in it, the outermost first; and what is wrong with those that are not configs: the path, and why.

    Configs located elsewhere cannot be read, and are not included.
    """
    found, wrong = [], []
    waiting = deque([Config("", config)])
    while waiting:
        outer = waiting.popleft()
        found.append(outer)
        for place, resource in inner_configs(outer.json):
            if not str(resource.get("source", "")).startswith("data:"):
                continue
            path = outer.path or place
            try:
                waiting.append(Config(path, _read(node, resource)))
            except ValueError as error:
                wrong.append(outer.at(place, f"not an Ignition config: {error}"))
    return found, wrong


def inner_configs(config: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The configs that *config* takes in, each by its path and as a resource."""
    inner = (config.get("ignition") or {}).get("config") or {}
    yield from ((f"ignition.config.merge.{number}", one) for number, one in enumerate(inner.get("merge") or ()))
    if inner.get("replace"):
        yield "ignition.config.replace", inner["replace"]


def has_unread(configs: Iterable[Config]) -> bool:
    """Whether one of them refers to a config located elsewhere."""
    sources = (
        resource.get("source") or "data:" for config in configs for _path, resource in inner_configs(config.json)
    )
    return not all(source.startswith("data:") for source in sources)


def _read(node: Node, resource: Mapping[str, Any]) -> Mapping[str, Any]:
    """Raises ``ValueError``."""
    try:
        text = content_of(resource["source"], resource.get("compression")).decode()
        parsed = parse_once(text)
    except UnicodeDecodeError:
        raise ValueError("expected JSON, in UTF-8") from None
    except ValueError as error:
        raise ValueError(f"expected JSON ({error})") from None
    config = read_config(CONFIG, parsed, SPECS[-1])
    version = config.get("ignition", {}).get("version")
    if not isinstance(version, str) or not _VERSION.fullmatch(version):
        raise ValueError(f"expected ignition.version to be 3.0.0 or newer, such as 3.3.0, got {version!r}")
    _check_version(node, version)
    _check_rules(text, version)
    return encode(CONFIG, config, SPECS[-1])  # Ignition accepts names in any case; what follows needs the exact one


def _check_rules(text: str, version: str) -> None:
    """As the transpiler checks an inline config; it knows no rules for versions that it does not generate."""
    for spec in SPECS:
        found = inner_findings(CONFIG, text, spec) if spec.ignition == version else ()
        errors = [one for one in found if one.severity == ERROR]
        if errors:
            raise ValueError("; ".join(f"{'.'.join(map(str, one.inner or ()))}: {one.message}" for one in errors))


def _check_version(node: Node, version: str) -> None:
    ignition = ignition_of(node.version, node.channel)
    found = _VERSION.fullmatch(version)
    if ignition and version != ignition.experimental and (found[2] or int(found[1]) > ignition.spec[1]):
        newest = ".".join(map(str, ignition.spec))
        raise ValueError(
            f"ignition.version is {version}, but Ignition {ignition.version} in this machine's release reads up to {newest}"
        )


def content(resource: Mapping[str, Any]) -> bytes | None:
    """The content of a resource; None if it is elsewhere, or damaged."""
    try:
        return content_of(resource.get("source") or "data:,", resource.get("compression"))
    except ValueError:
        return None


def text_of(entry: Mapping[str, Any]) -> str:
    """The contents of a file's entry, where they are known."""
    return (content(entry.get("contents") or {}) or b"").decode("utf-8", "replace")


def _in_butane(kind: str) -> str:
    return re.sub("[A-Z]", lambda found: f"_{found[0].lower()}", kind)


__all__ = ("Config", "configs_in", "content", "has_unread", "inner_configs", "text_of")
