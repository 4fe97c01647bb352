# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What people should know about a node's final config, although Flatcar accepts it."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from .._disks.storage import Storage
from .._flatcar import facts
from .._node import Node, kernel_line
from .._schema.words import EXAMPLES_KEY
from .configs import Config, text_of
from .contents import certificates


class Remark(NamedTuple):
    """``path`` is that in the node's Butane, or a variable. A ``placeholder`` is not published."""

    path: str
    message: str
    placeholder: bool = False


def remarks(node: Node, configs: Sequence[Config], unread: bool) -> Iterator[Remark]:
    """*unread*: some configs cannot be read here, and may contain whatever is missing."""
    if not can_be_entered(node, configs, unread):
        yield Remark(
            "flatcar_authorized_keys",
            "nobody can log in to this machine: no user has an SSH key or a password. Set "
            "flatcar_authorized_keys, with which core logs in",
        )
    yield from _placeholders_of_variables(node)
    yield from _no_root(node, configs)
    for config in configs:
        yield from _placeholders(config)
        yield from _certificates(config)
        yield from _masked_updates(node, config)
        yield from _accounts(config, configs)
        yield from _other_name(node, config)


# Logins -----------------------------------------------------------------------------------------------------------------------

_BY_KERNEL = re.compile(r"(?:flatcar|coreos)\.autologin(?:=.*)?|sshkey=.*")
_KEYS_ELSEWHERE = re.compile(r".*/authorized_keys.*|/etc/ssh/.*")


def can_be_entered(node: Node, configs: Sequence[Config], unread: bool) -> bool:
    """By a key, by a password, by the kernel command line, by whatever files tell sshd to read, or by what cannot be read here."""
    if unread or node.boot_mode == "disk":
        return True
    users = (user for config in configs for _path, user in config.entries("passwd", "users"))
    if any(_may_log_in(user) for user in users):
        return True
    arguments = (word for config in configs for word in config.kernel_arguments())
    if any(_BY_KERNEL.fullmatch(word) for word in (*kernel_line(node), *arguments)):
        return True
    return any(
        _KEYS_ELSEWHERE.fullmatch(entry.get("path", ""))
        for config in configs
        for _path, entry in config.entries("storage", "files")
    )


def _may_log_in(user: Mapping[str, Any]) -> bool:
    keys = any(line.strip() and not line.startswith("#") for line in user.get("sshAuthorizedKeys") or ())
    return user.get("shouldExist") is not False and (keys or (user.get("passwordHash") or "").startswith("$"))


# Placeholders -----------------------------------------------------------------------------------------------------------------

_EXAMPLES_DIGEST = re.compile(r"(?:sha256-|sha512-)?(?:(?:0123456789abcdef){4,8}|(?P<one>[0-9a-fA-F])(?P=one){63,127})")
#: Reserved names that nothing resolves (RFC 2606, RFC 6761).
_NOBODYS = re.compile(r"(?:.+\.)?(?:example\.(?:com|net|org)|example|invalid)\.?", re.IGNORECASE)


def is_nobodys(url: str) -> bool:
    """Whether the host of *url*, a URL or an image name, is reserved for examples."""
    try:
        host = urlsplit(url if "://" in url else f"//{url}").hostname or ""
    except ValueError:
        return False
    return bool(_NOBODYS.fullmatch(host))


def _placeholders(config: Config) -> Iterator[Remark]:
    for place, user in config.entries("passwd", "users"):
        for number, line in enumerate(user.get("sshAuthorizedKeys") or ()):
            if EXAMPLES_KEY in line:
                said = "this is the example's key, which opens nothing: replace it with your own"
                yield Remark(*config.at(f"{place}.ssh_authorized_keys.{number}", said), placeholder=True)
    for place, entry in config.entries("storage", "files"):
        resource = entry.get("contents") or {}
        source, digest = resource.get("source") or "", (resource.get("verification") or {}).get("hash") or ""
        if source.startswith("http") and is_nobodys(source):
            said = f"nobody answers at {urlsplit(source).hostname}, a name reserved for examples: replace it with your own URL"
            yield Remark(*config.at(f"{place}.contents.source", said), placeholder=True)
        if _EXAMPLES_DIGEST.fullmatch(digest):
            said = "this digest is the example's, which no file has: replace it with that of your own file (`sha256sum FILE`)"
            yield Remark(*config.at(f"{place}.contents.verification.hash", said), placeholder=True)


def _placeholders_of_variables(node: Node) -> Iterator[Remark]:
    named = [("flatcar_update_server", node.update_server or "")]
    named += [(f"flatcar_containers[{n}].image", one["image"]) for n, one in enumerate(node.containers)]
    for path, name in named:
        if name and is_nobodys(name):
            yield Remark(
                path, f"nobody answers at {name}, whose host is reserved for examples: replace it with your own", True
            )


# Others -----------------------------------------------------------------------------------------------------------------------

_SOON = datetime.timedelta(days=30)


def _certificates(config: Config) -> Iterator[Remark]:
    for place, name, end in certificates(config):
        now = datetime.datetime.now(datetime.UTC)
        if end < now + _SOON:
            when = "ended" if end < now else "ends"
            yield Remark(
                place,
                f"the certificate of {name} {when} on {end:%Y-%m-%d}: nobody trusts it then. Replace it with a newer one",
            )


def _masked_updates(node: Node, config: Config) -> Iterator[Remark]:
    """Source: docs: updates-releases/releases/update-strategies.md; it also marks the booted system as good."""
    for place, unit in config.entries("systemd", "units"):
        if node.boot_mode != "ram" and unit.get("name") == "update-engine.service" and unit.get("mask"):
            said = (
                "update-engine.service is masked: it also tells GRUB that the booted system is good. "
                "flatcar_update_strategy: disabled switches updates off"
            )
            yield Remark(*config.at(f"{place}.mask", said))


def _no_root(node: Node, configs: Sequence[Config]) -> Iterator[Remark]:
    """An installed system that loses its root file system without getting another one."""
    entries = [entry for config in configs for _path, entry in config.entries("storage", "filesystems")]
    made = any(entry.get("label") == facts.ROOT for entry in entries)
    if node.boot_mode == "ram" or made or not any(entry.get("format") in facts.NO_ROOT for entry in entries):
        return
    storage = Storage(node, configs[0].json)
    for use in storage.uses:
        own = [place for place in storage.places(use.device) if storage.is_own(place.disk)]
        if use.entry.get("format") in facts.NO_ROOT and any(place.number == facts.ROOT_NUMBER for place in own):
            kind = use.entry["format"]
            said = f"{use.device} is the root file system of the installed system, and {kind} cannot be: use one from 10 on"
            yield Remark(use.path, said)


def _accounts(config: Config, configs: Sequence[Config]) -> Iterator[Remark]:
    """Groups and shells that do not exist: a newer image may have them."""
    own = {group.get("name") for one in configs for _path, group in one.entries("passwd", "groups")}
    own |= {user.get("name") for one in configs for _path, user in one.entries("passwd", "users")}
    for place, user in config.entries("passwd", "users"):
        named = [("groups", number, name) for number, name in enumerate(user.get("groups") or ())]
        named += [("primary_group", None, user["primaryGroup"])] if user.get("primaryGroup") else []
        for field, number, name in named:
            if name not in facts.GROUPS | own:
                said = (
                    f"Flatcar's image has no group {name}, and Ignition fails without it: create it in `passwd.groups`"
                )
                path = f"{place}.{field}" if number is None else f"{place}.{field}.{number}"
                yield Remark(*config.at(path, said))
        folder, _separator, shell = (user.get("shell") or "").rpartition("/")
        if folder in facts.SHELL_FOLDERS and shell not in facts.SHELLS:
            said = f"Flatcar's image has no {folder}/{shell}, and sshd refuses users whose shell does not exist: use /bin/bash"
            yield Remark(*config.at(f"{place}.shell", said))


def _other_name(node: Node, config: Config) -> Iterator[Remark]:
    """Without any other source for the name, a fragment may set it; it then differs from the name in DNS."""
    for place, entry in config.entries("storage", "files"):
        if entry.get("path") != "/etc/hostname":
            continue
        name = text_of(entry).strip()
        if name and name.split(".")[0] != node.hostname:
            said = (
                f"the machine will call itself {name}, but DHCP and DNS call it {node.hostname}: set flatcar_hostname "
                "instead, which applies to all of them"
            )
            yield Remark(*config.at(f"{place}.contents", said))


__all__ = ("Remark", "can_be_entered", "is_nobodys", "remarks")
