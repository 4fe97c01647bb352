# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a node's final config asks of Flatcar and cannot have, by the tables of ``facts``.

Each finding is a path in the node's Butane and a message with the remedy.
"""

from __future__ import annotations

import functools
import posixpath
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from ansible_collections.kindling.flatcar.plugins.module_utils._ipxe import ipxe
from ansible_collections.kindling.flatcar.plugins.module_utils._routes import routes

from .._disks.storage import Storage, Use
from .._flatcar import facts
from .._flatcar.reboot_window import why_no_window
from .._node import Node, kernel_line
from .configs import Config, content, text_of

Found = Iterator[tuple[str, str]]

_IN_IMAGE = {row.path: row for row in facts.IN_IMAGE}
_UNITS = {name: row for row in facts.UNITS for name in row.names}
_KERNEL_ARGUMENTS = "flatcar_kernel_arguments"
_UNIT_FOLDER = "/etc/systemd/system/"
_NODES = ("directories", "files", "links")
_FOLDER_LINKS = tuple((f"{link}/", f"{target}/") for link, target in facts.FOLDER_LINKS.items())

#: The longest URLs of configs that Kindling uses: with the longest address and their tokens, and signed.
_HOST = "http://255.255.255.255"
_TOKEN = "t" * 43
_SERVED = routes.config_url(_HOST, _TOKEN)
_ARMED = routes.url(routes.order_url(_HOST, _TOKEN, signature=f"{'s' * 22}/{'9' * 10}"), routes.INSTALL_CONFIG)


class Written(NamedTuple):
    """A file, a directory or a link of a config: the entry by its place, and where Ignition writes it."""

    kind: str
    place: str
    entry: Mapping[str, Any]
    path: str
    there: str


def mistakes(node: Node, configs: Sequence[Config], storage: Storage) -> Found:
    """All of them, nested configs included."""
    mounts = _mounts(configs)
    written = [(config, list(_written(config))) for config in configs]
    for config, entries in written:
        yield from _unwritable(node, config, entries, mounts)
        yield from _in_the_image(config, entries)
        yield from _twice(config, entries)
        yield from _units(node, config, entries)
        yield from _names(config, entries)
        yield from _restarts(config, entries)
    yield from _two_configs(written)
    yield from _kernel_line(node, configs)
    yield from _labels(node, storage)


def _written(config: Config) -> Iterator[Written]:
    for kind in _NODES:
        for place, entry in config.entries("storage", kind):
            path = entry.get("path", "")
            yield Written(kind, place, entry, path, _resolved(path))


# Places and files ---------------------------------------------------------------------------------------------------------------


def _mounts(configs: Iterable[Config]) -> set[str]:
    found = (entry.get("path") for config in configs for _path, entry in config.entries("storage", "filesystems"))
    return {path.rstrip("/") for path in found if path and path != "/"}


@functools.lru_cache(maxsize=4096)
def _resolved(path: str) -> str:
    """Where Ignition writes: it follows the image's links to folders, but not a link as the last component."""
    for link, target in _FOLDER_LINKS:
        if path.startswith(link):
            return _resolved(target + path.removeprefix(link))
    return path


def _is_below(path: str, folder: str) -> bool:
    return path == folder or path.startswith(f"{folder}/")


@functools.lru_cache(maxsize=4096)
def _place_of(there: str) -> facts.Place | None:
    return next((row for row in facts.UNWRITABLE if _is_below(there, row.path)), None)


def _unwritable(node: Node, config: Config, entries: Iterable[Written], mounts: Collection[str]) -> Found:
    for one in entries:
        row = _place_of(one.there)
        if row is None or (node.boot_mode == "ram" and not row.in_ram):
            continue
        if not any(_is_below(one.path, mount) or _is_below(one.there, mount) for mount in mounts):
            yield config.at(
                f"{one.place}.path", f"{one.path} cannot be written: on Flatcar, {row.path} {row.why}: {row.instead}"
            )


def _in_the_image(config: Config, entries: Iterable[Written]) -> Found:
    for one in entries:
        row = _IN_IMAGE.get(one.there)
        if row and not one.entry.get("overwrite") and not _fits(one.kind, one.entry, row):
            what = f"a link to {row.target}" if row.target else "a file"
            instead = f"; {row.instead}" if row.instead else ""
            yield config.at(
                f"{one.place}.path",
                f"Flatcar's image already has {one.path} ({what}), and Ignition fails on it: set overwrite: true to replace "
                f"it{instead}",
            )


def _fits(kind: str, entry: Mapping[str, Any], row: facts.ImageFile) -> bool:
    """Whether Ignition goes on where the image's file is (ignition: internal/exec/stages/files/filesystemEntries.go)."""
    if kind == "files":
        return not row.target and "source" not in entry.get("contents", {})
    return (
        kind == "links"
        and bool(row.target)
        and posixpath.normpath(entry.get("target", "")) == posixpath.normpath(row.target)
    )


def _twice(config: Config, entries: Iterable[Written]) -> Found:
    """Two paths of the same file, which Ignition refuses."""
    seen: dict[str, str] = {}
    for one in entries:
        first = seen.setdefault(one.there, one.path)
        if first != one.path:
            yield config.at(
                f"{one.place}.path", f"{one.path} is the same file as {first}, which is here too: leave one of them out"
            )


def _two_configs(written: Sequence[tuple[Config, Iterable[Written]]]) -> Found:
    """What two configs write differently: which one counts is seen on the machine only."""
    if len(written) < 2:
        return
    seen: dict[str, tuple[Any, str]] = {}
    for config, entries in written:
        for place, name, value in _values(config, entries):
            first, where = seen.setdefault(name, (value, config.path or "the node's own config"))
            if first != value:
                yield config.at(place, f"{name} is in {where} too, with other contents: leave one of them out")


def _values(config: Config, entries: Iterable[Written]) -> Iterator[tuple[str, str, Any]]:
    """What is written, by its name: contents are compared decoded, however they are given."""
    for one in entries:
        resource = one.entry.get("contents") or {}
        text = content(resource) if resource else None
        yield (
            f"{one.place}.path",
            one.there,
            (one.kind, text if text is not None else resource.get("source"), one.entry.get("target")),
        )
    for place, unit in config.entries("systemd", "units"):
        if unit.get("contents"):
            yield f"{place}.contents", f"the unit {unit.get('name')}", unit["contents"]


# Units ------------------------------------------------------------------------------------------------------------------------


def _units(node: Node, config: Config, entries: Iterable[Written]) -> Found:
    units = list(config.entries("systemd", "units"))
    enabled = {unit.get("name") for _path, unit in units if unit.get("enabled") and not unit.get("mask")}
    for place, unit in units:
        name = unit.get("name", "")
        if unit.get("mask"):
            yield from _masked(node, config, place, name, enabled)
        elif unit.get("contents"):
            yield from _replaced(node, config, f"{place}.contents", name)
    for one in entries:
        name = one.path.removeprefix(_UNIT_FOLDER)
        if one.kind == "directories" or name == one.path or "/" in name:
            continue
        if one.kind == "links" and one.entry.get("target") == "/dev/null":
            yield from _masked(node, config, one.place, name, enabled)
        else:
            yield from _replaced(node, config, f"{one.place}.path", name)


def _replaced(node: Node, config: Config, place: str, name: str) -> Found:
    if name in _UNITS and name not in node.replaced_units:
        yield config.at(
            place,
            f"{name} is a unit of Flatcar's image, and this replaces all of it: change it with a drop-in (dropins), give yours "
            f"another name, or confirm it: flatcar_replaced_units: [{name}]",
        )


def _masked(node: Node, config: Config, place: str, name: str, enabled: Collection[str | None]) -> Found:
    row = facts.ESSENTIAL.get(name)
    if row and name not in node.replaced_units and row.unless not in enabled:
        instead = f"enable {row.unless} too, or " if row.unless else ""
        yield config.at(
            place,
            f"{name} is masked, and {row.why}: {instead}do not mask it, or confirm it: flatcar_replaced_units: [{name}]",
        )


# Names, lines, windows ----------------------------------------------------------------------------------------------------------


def _names(config: Config, entries: Iterable[Written]) -> Found:
    for one in entries:
        name = text_of(one.entry).strip() if one.path == "/etc/hostname" else ""
        if len(name) > facts.LONGEST_NAME:
            yield config.at(
                f"{one.place}.contents",
                f"a machine's own name, with its domain, may have at most {facts.LONGEST_NAME} characters, and {name} has "
                f"{len(name)}: shorten flatcar_hostname, or leave flatcar_domain out: DNS uses the network's",
            )


def _kernel_line(node: Node, configs: Iterable[Config]) -> Found:
    lines = {}
    if node.boot_mode == "ram":
        lines["of the system in RAM"] = ipxe.kernel_line(_SERVED, kernel_line(node))
    else:
        own = (word for config in configs for word in config.kernel_arguments())
        lines["of the installed system"] = " ".join((facts.GRUB_LINE, *own))
    if node.boot_mode == "install":
        lines["of the installer"] = ipxe.kernel_line(_ARMED, kernel_line(node))
    for what, line in lines.items():
        length = len(line.encode())
        if length > facts.LONGEST_LINE:
            yield (
                _KERNEL_ARGUMENTS if node.given.get(_KERNEL_ARGUMENTS) else "kernel_arguments.should_exist",
                f"the kernel command line {what} has {length:,} characters with what Kindling and Flatcar add; the kernel takes "
                f"{facts.LONGEST_LINE:,}, and truncates the rest. Shorten flatcar_kernel_arguments, or put module options "
                "into /etc/modprobe.d",
            )
            return


_SETTING = re.compile(r"""^\s*(?:export\s+)?([A-Z_]+)=(["']?)(.*?)\2\s*$""", re.MULTILINE)


def _restarts(config: Config, entries: Iterable[Written]) -> Found:
    """What locksmithd cannot read in a file that was not made from variables."""
    for one in entries:
        if one.there != facts.UPDATE_CONF:
            continue
        said = {found[1]: found[3] for found in _SETTING.finditer(text_of(one.entry))}
        start, length = (
            said.get(f"LOCKSMITHD_REBOOT_WINDOW_{name}", said.get(f"REBOOT_WINDOW_{name}"))
            for name in ("START", "LENGTH")
        )
        why = why_no_window(start, length) if (start, length) != (None, None) else None
        if why:
            yield config.at(f"{one.place}.contents", why)
        strategy = said.get("REBOOT_STRATEGY") or facts.STRATEGIES[0]
        if strategy not in facts.STRATEGIES:
            yield config.at(
                f"{one.place}.contents",
                f"locksmithd does not know REBOOT_STRATEGY={strategy}, and never reboots: expected "
                f"{', '.join(facts.STRATEGIES)}",
            )


# Labels -----------------------------------------------------------------------------------------------------------------------


def _labels(node: Node, storage: Storage) -> Found:
    """Another partition or file system with a name by which Flatcar finds its own."""
    for use in storage.uses:
        for inner, label, where in _labelled(use):
            if label not in facts.LABELS or _may_have(label, node, storage, use, where):
                continue
            path = use.path if use.inner else f"{use.path.removesuffix('.device')}{inner}"
            yield (
                path,
                f"Flatcar finds its own {label} by this label, on any disk, and may use this one instead: choose another label"
                f"{f' (in the config there: {use.inner})' if use.inner else ''}",
            )


def _labelled(use: Use) -> Iterator[tuple[str, str, int | None]]:
    if use.kind == "disks":
        for number, partition in enumerate(use.entry.get("partitions", ())):
            if partition.get("should_exist") is not False:
                yield f".partitions.{number}.label", partition.get("label") or "", partition.get("number")
    elif use.kind in ("filesystems", "luks"):
        yield ".label", use.entry.get("label") or "", None


def _may_have(label: str, node: Node, storage: Storage, use: Use, number: int | None) -> bool:
    """In RAM, only the kernel's ``root=`` looks for any of these names; a root file system may be anywhere."""
    if label == facts.ROOT and (node.boot_mode == "ram" or use.kind != "disks"):
        return True
    if use.kind == "disks":
        return storage.is_own(use.device)
    return any(storage.is_own(place.disk) for place in storage.places(use.device))


__all__ = ("mistakes",)
