"""Typed variables as tables: one row a variable, read by one function.

A table is the source for the checks and for the documentation. A row's reader takes the value from the inventory and
returns the typed one, or raises ``ValueError`` with what it expected.
"""

from __future__ import annotations

import difflib
import ipaddress
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from .problems import Problem

try:
    import netaddr
except ImportError as error:
    raise ImportError("Kindling needs the Python package netaddr on the controller: install it with pip") from error

Reader = Callable[[Any], Any]

_HEX_DIGIT = re.compile(r"[0-9a-fA-F]")
_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")


@dataclass(frozen=True)
class Field:
    """One variable: its name, how it is read, what it is for, and what it is when nobody sets it."""

    name: str
    read: Reader
    doc: str
    default: Any = None
    required: bool = False


def text(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError("expected a text that is not empty")
    return str(value)


def hostname(value: Any) -> str:
    """A host name without its domain (RFC 1123, section 2.1)."""
    if not isinstance(value, str) or not _LABEL.fullmatch(value):
        raise ValueError("expected a host name: lower-case letters, digits and inner hyphens, at most 63 of them")
    return str(value)


def domain(value: Any) -> str:
    if not isinstance(value, str) or len(value) > 253 or not all(map(_LABEL.fullmatch, value.split("."))):
        raise ValueError("expected a domain such as rack-a.example.com, in lower case")
    return str(value)


def address(value: Any) -> ipaddress.IPv4Address:
    try:
        return ipaddress.IPv4Address(value if isinstance(value, str) else "")
    except ValueError:
        raise ValueError("expected an IPv4 address such as 10.0.0.11") from None


def subnet(value: Any) -> ipaddress.IPv4Network:
    try:
        return ipaddress.IPv4Network(value if isinstance(value, str) and "/" in value else "")
    except ValueError:
        raise ValueError("expected an IPv4 network such as 10.0.0.0/24, its first address before the slash") from None


def mac(value: Any) -> str:
    """A unicast hardware address in any usual way of writing; lower case with colons comes back."""
    if not isinstance(value, str) or len(_HEX_DIGIT.findall(value)) != 12 or not netaddr.valid_mac(value):
        raise ValueError("expected a MAC address such as 52:54:00:12:34:56, in quotes")
    parsed = netaddr.EUI(value, dialect=netaddr.mac_unix_expanded)
    if parsed.words[0] & 1 or int(parsed) == 0:
        raise ValueError("expected the address of one machine, not a multicast, broadcast or empty address")
    return str(parsed)


def boolean(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError("expected true or false")
    return value


def mapping(value: Any) -> Mapping:
    if not isinstance(value, Mapping):
        raise ValueError("expected a mapping")
    return value


def choice(*choices: str) -> Reader:
    def read(value: Any) -> str:
        if value not in choices:
            raise ValueError(f"expected {' or '.join(choices)}")
        return str(value)

    return read


def list_of(read_item: Reader) -> Reader:
    def read(value: Any) -> tuple:
        if not isinstance(value, list | tuple):
            raise ValueError("expected a list")
        return tuple(_read_items(value))

    def _read_items(value: Iterable) -> Iterable:
        for number, item in enumerate(value):
            try:
                yield read_item(item)
            except ValueError as error:
                raise ValueError(f"item {number}: {error}") from None

    return read


def one_or_more(read_item: Reader) -> Reader:
    """A list, or its only item without the brackets."""
    read_list = list_of(read_item)

    def read(value: Any) -> tuple:
        if not isinstance(value, list | tuple):
            return (read_item(value),)
        if not value:
            raise ValueError("expected at least one item")
        return read_list(value)

    return read


def read_fields(
    table: Iterable[Field], values: Mapping[str, Any], subject: str, prefix: str = ""
) -> tuple[dict[str, Any], list[Problem]]:
    """Read every row of *table* out of *values*.

    Returns the typed values by name, and the problems. A value that is missing or wrong is its default, so that whoever
    reads on can look for further mistakes.
    """
    typed, problems = {}, []
    for field in table:
        typed[field.name] = field.default
        if values.get(field.name) is None:
            if field.required:
                problems.append(Problem(subject, prefix + field.name, f"missing: {field.doc}", values))
            continue
        value = values[field.name]
        try:
            typed[field.name] = field.read(value)
        except ValueError as error:
            problems.append(Problem(subject, prefix + field.name, f"{error}, got {value!r}", value))
    return typed, problems


def unknown_names(names: Iterable[str], known: Iterable[str], subject: str, prefix: str = "") -> list[Problem]:
    """A problem for each of *names* that is not *known*, with the nearest known name."""
    known = list(known)
    return [
        Problem(subject, prefix + name, "unknown variable" + _did_you_mean(name, known), name)
        for name in names
        if name not in known
    ]


def _did_you_mean(name: str, known: list[str]) -> str:
    nearest = difflib.get_close_matches(name, known, n=1)
    return f"; did you mean {nearest[0]}?" if nearest else f"; known are {', '.join(sorted(known))}"


__all__ = (
    "Field",
    "Reader",
    "address",
    "boolean",
    "choice",
    "domain",
    "hostname",
    "list_of",
    "mac",
    "mapping",
    "one_or_more",
    "read_fields",
    "subnet",
    "text",
    "unknown_names",
)
