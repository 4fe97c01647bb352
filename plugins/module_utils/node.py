"""A node: what the inventory says of one machine, typed and checked, and the Butane config that it becomes."""

from __future__ import annotations

import functools
import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from . import fields
from .fields import Field, read_fields, unknown_names
from .merge import merge
from .problems import Problem

#: The raw escape hatch: these variables are Butane themselves.
FRAGMENT = re.compile(r"flatcar_butane(_\w+)?")

#: Names of the role ``flatcar_images``, which share the prefix of the node variables.
NOT_OF_NODES = re.compile(r"flatcar_images(_\w+)?")

CHANNELS = ("stable", "beta", "alpha", "lts")
CHANNEL_BY_DIGIT = dict(zip("0123", ("alpha", "beta", "stable", "lts"), strict=True))

_VERSION = re.compile(r"(\d+)\.([0-3])\.(\d+)")
_LTS_STREAM = re.compile(r"lts-20\d\d")
_KERNEL_ARGUMENT = re.compile(r"[!-~]+")


def _channel(value: Any) -> str:
    if value in CHANNELS or (isinstance(value, str) and _LTS_STREAM.fullmatch(value)):
        return str(value)
    raise ValueError(f"expected {', '.join(CHANNELS)} or a stream such as lts-2024")


def _version(value: Any) -> str:
    if value == "current" or (isinstance(value, str) and _VERSION.fullmatch(value)):
        return str(value)
    raise ValueError("expected current or an exact release such as 4593.2.5, in quotes")


def _kernel_argument(value: Any) -> str:
    """One word: the iPXE script and the kernel split their lines at blanks, and iPXE expands ``${``."""
    if not isinstance(value, str) or not _KERNEL_ARGUMENT.fullmatch(value) or "${" in value:
        raise ValueError("expected one kernel argument without blanks, such as console=ttyS0,115200n8")
    return str(value)


def _user(value: Any) -> Mapping:
    """A user as Butane writes it; the transpiler checks what is inside."""
    if not isinstance(value, Mapping) or not isinstance(value.get("name"), str):
        raise ValueError("expected a mapping with a name, as in Butane's passwd.users")
    return value


NODE = (
    Field(
        "flatcar_rack",
        fields.text,
        "the rack that the machine stands in, as a boot host's networks name it",
        required=True,
    ),
    Field(
        "flatcar_mac",
        fields.one_or_more(fields.mac),
        "the MAC address that the machine boots from, or a list",
        required=True,
    ),
    Field(
        "flatcar_address", fields.address, "the IPv4 address that the machine gets on its rack's network", required=True
    ),
    Field("flatcar_hostname", fields.hostname, "the host name; the inventory name up to its first dot when not given"),
    Field("flatcar_domain", fields.domain, "the domain of its full name; DNS takes the network's when not given"),
    Field(
        "flatcar_boot_mode",
        fields.choice("disk", "ram"),
        "disk: the machine's own disk; ram: Flatcar in RAM",
        default="disk",
    ),
    Field("flatcar_board", fields.choice("amd64-usr", "arm64-usr"), "the machine's architecture", default="amd64-usr"),
    Field("flatcar_channel", _channel, "the release channel; an exact version knows its own", default="stable"),
    Field("flatcar_version", _version, "an exact release, or the channel's current one", default="current"),
    Field("flatcar_kernel_arguments", fields.list_of(_kernel_argument), "more words for the kernel's line", default=()),
    Field("flatcar_users", fields.list_of(_user), "users, each as in Butane's passwd.users", default=()),
    Field("flatcar_authorized_keys", fields.list_of(fields.text), "SSH keys that may log in as core", default=()),
)


@dataclass(frozen=True)
class Node:
    """One machine of the fleet, checked as far as it can be without looking at the others."""

    name: str
    rack: str
    mac: tuple[str, ...]
    address: ipaddress.IPv4Address
    hostname: str
    domain: str | None
    boot_mode: str
    board: str
    channel: str
    version: str
    kernel_arguments: tuple[str, ...]
    users: tuple[Mapping, ...]
    authorized_keys: tuple[str, ...]
    fragments: tuple[Mapping, ...]

    def image(self) -> dict[str, str]:
        """The release that this machine asks for."""
        return {"board": self.board, "channel": self.channel, "version": self.version}


def node_variables(variables: Mapping[str, Any]) -> list[str]:
    """The names in *variables* that speak of a node."""
    return [name for name in variables if name.startswith("flatcar_") and not NOT_OF_NODES.fullmatch(name)]


def read_node(name: str, variables: Mapping[str, Any]) -> tuple[Node | None, list[Problem]]:
    """The node *name* out of its variables, or None and all that is wrong with them."""
    fragments = {
        key: value for key, value in sorted(variables.items()) if FRAGMENT.fullmatch(key) and value is not None
    }
    names = [key for key in node_variables(variables) if key not in fragments and not FRAGMENT.fullmatch(key)]
    typed, problems = read_fields(NODE, variables, name)
    problems += unknown_names(names, [field.name for field in NODE], name)
    problems += [
        Problem(name, key, "expected a Butane config as a mapping", value)
        for key, value in fragments.items()
        if not isinstance(value, Mapping)
    ]
    own = {key.removeprefix("flatcar_"): value for key, value in typed.items()}
    try:
        own["hostname"] = own["hostname"] or fields.hostname(name.split(".")[0])
    except ValueError as error:
        message = f"missing, and the inventory name does not serve: {error}"
        problems.append(Problem(name, "flatcar_hostname", message, variables))
    channel = _channel_of(own["version"], own["channel"])
    if variables.get("flatcar_channel") and channel != own["channel"]:
        message = f"{own['version']} is a release of {channel}, not of {own['channel']}: change it or leave it out"
        problems.append(Problem(name, "flatcar_channel", message, variables["flatcar_channel"]))
    own["channel"] = channel
    if problems:
        return None, problems
    return Node(name=name, fragments=tuple(fragments.values()), **own), []


def _channel_of(version: str, channel: str) -> str:
    """An exact version names its channel in its middle digit; an LTS stream keeps its own name."""
    exact = _VERSION.fullmatch(version)
    if not exact:
        return channel
    named = CHANNEL_BY_DIGIT[exact.group(2)]
    return channel if channel.startswith(f"{named}-") else named


def to_butane(node: Node) -> dict[str, Any]:
    """The node's whole Butane config.

    Three layers, the later over the earlier: what every node has, what its ``flatcar_`` variables say, and its
    fragments in the order of their variables' names.
    """
    return functools.reduce(merge, node.fragments, merge(_common(node), _from_variables(node)))


def _common(node: Node) -> dict[str, Any]:
    hostname = {
        "path": "/etc/hostname",
        "mode": 0o644,
        "overwrite": True,
        "contents": {"inline": f"{node.hostname}.{node.domain}\n" if node.domain else f"{node.hostname}\n"},
    }
    return {"variant": "flatcar", "version": "1.1.0", "storage": {"files": [hostname]}}


def _from_variables(node: Node) -> dict[str, Any]:
    core = [{"name": "core", "ssh_authorized_keys": list(node.authorized_keys)}] if node.authorized_keys else []
    users = merge(core, list(node.users), "passwd.users")
    return {"passwd": {"users": users}} if users else {}


__all__ = ("FRAGMENT", "NODE", "Node", "node_variables", "read_node", "to_butane")
