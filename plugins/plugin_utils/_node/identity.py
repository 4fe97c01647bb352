# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A machine's identity and location: rack, slot, MAC, address and names."""

from __future__ import annotations

import re
import string
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from .._schema import fields
from .._schema.fields import Field
from .layer import Layer, file

if TYPE_CHECKING:
    from .node import Node

_PLACEHOLDERS = ("name", "rack", "slot")
_NUMBER_WIDTH = re.compile(r"(0?[1-9])?")


def _hostname_pattern(value: Any) -> str:
    expected = 'expected a pattern of {rack}, {slot} and {name}, such as "{rack}-{slot:02}"'
    try:
        parts = list(string.Formatter().parse(fields.line(value)))
    except ValueError:
        raise ValueError(expected) from None
    for _text, placeholder, width, conversion in parts:
        if placeholder is None:
            continue
        if placeholder not in _PLACEHOLDERS or conversion or not _NUMBER_WIDTH.fullmatch(width):
            raise ValueError(expected)
        if width and placeholder != "slot":
            raise ValueError(f"{expected}; a width is for {{slot}} alone")
    return str(value)


FIELDS = (
    Field(
        "flatcar_rack",
        fields.word("rack"),
        "the rack that the machine stands in, as a boot host's networks name it",
        required=True,
    ),
    Field("flatcar_slot", fields.integer(0, 9999), "the machine's place in the rack, for the pattern of its name"),
    Field(
        "flatcar_mac",
        fields.one_or_more(fields.mac),
        "the MAC address that the machine boots from, or a list; where Kindling gives addresses, one that has none of its own is "
        "not answered, because two NICs would have the same address",
        required=True,
    ),
    Field(
        "flatcar_address", fields.address, "the IPv4 address that the machine gets on its rack's network", required=True
    ),
    Field(
        "flatcar_more_addresses",
        fields.one_or_more(fields.address),
        "the addresses of the other NICs in `flatcar_mac`, in their order, on the same network",
        default=(),
    ),
    Field(
        "flatcar_hostname",
        fields.hostname,
        "the host name; made by the pattern, or the inventory name up to its first dot",
    ),
    Field(
        "flatcar_hostname_pattern",
        _hostname_pattern,
        "a pattern for host names with `{rack}`, `{slot}` and `{name}` (the inventory name), such as `{rack}-{slot:02}`",
    ),
    Field("flatcar_domain", fields.domain, "the domain of its full name; DNS uses the network's when not given"),
)


def check(typed: Mapping[str, Any], given: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Conflicts between NICs and addresses: the variable, and what to do."""
    macs, more = typed["flatcar_mac"] or (), typed["flatcar_more_addresses"] or ()
    if len(more) >= max(len(macs), 1):
        yield (
            "flatcar_more_addresses",
            f"expected at most {max(len(macs) - 1, 0)}, one for each NIC in flatcar_mac but the first, got {len(more)}",
        )
    every = [typed["flatcar_address"], *more]
    if len(set(every)) < len(every):
        yield "flatcar_more_addresses", "expected an address of its own for each NIC: one of these occurs twice"


def hostname_depends_on(given: Mapping[str, Any]) -> set[str]:
    """The variables that must be right before the host name can be derived."""
    own = {"flatcar_hostname", "flatcar_hostname_pattern"}
    return own | {"flatcar_rack", "flatcar_slot"} if given.get("flatcar_hostname_pattern") else own


def hostname_of(name: str, typed: Mapping[str, Any]) -> str:
    """The host name derived from a node's typed variables. Raises ``ValueError`` with what is wrong with it.

    It depends on the node alone, never on its place in a list: adding a machine renames no other.
    """
    if typed["flatcar_hostname"]:
        return typed["flatcar_hostname"]
    short = name.split(".")[0]
    pattern = typed["flatcar_hostname_pattern"]
    if not pattern:
        return _checked(short, "missing, and the inventory name cannot be used")
    if typed["flatcar_slot"] is None and "{slot" in pattern:
        raise ValueError(f"missing: flatcar_hostname_pattern is {pattern}, so the machine needs a flatcar_slot")
    made = pattern.format(name=short, rack=typed["flatcar_rack"], slot=typed["flatcar_slot"])
    return _checked(made, f"flatcar_hostname_pattern makes {made!r}")


def _checked(hostname: str, subject: str) -> str:
    try:
        return fields.hostname(hostname)
    except ValueError as error:
        raise ValueError(f"{subject}: {error}") from None


def layers(node: Node) -> list[Layer]:
    full = f"{node.hostname}.{node.domain}" if node.domain else node.hostname
    variables = ("flatcar_hostname", "flatcar_hostname_pattern", "flatcar_slot", "flatcar_domain")
    return [Layer(variables, {"storage": {"files": [file("/etc/hostname", f"{full}\n", overwrite=True)]}})]


__all__ = ("FIELDS", "check", "hostname_depends_on", "hostname_of", "layers")
