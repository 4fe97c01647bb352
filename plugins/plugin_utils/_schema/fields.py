# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Typed variables as tables: one row per variable, read by one function.

A table is the source for the checks and for the documentation. A row's reader takes the value from the inventory and returns the
typed one, or raises ``ValueError`` with what it expected; a reader of lists and mappings raises ``Invalid`` with everything that
is wrong inside.
"""

from __future__ import annotations

import contextlib
import difflib
import functools
import ipaddress
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from ansible.errors import AnsibleError

from . import words
from .problem import Problem

try:
    import netaddr
except ImportError:  # reported at first use: reading the documentation does not need it
    netaddr = None

Reader = Callable[[Any], Any]

_HEX_DIGIT = re.compile(r"[0-9a-fA-F]")
_SCOPE = re.compile(r"[A-Za-z0-9_.-]{1,15}")
_LONGEST_SHOWN = 80
_FEW = 12
_PREFIX = re.compile(r"^(flatcar|kindling)_")
_CLOSE = 0.7


@dataclass(frozen=True)
class Field:
    """One variable: its name, how it is read, what it is for, and its default.

    The value of a ``secret`` one is never repeated in a message.
    """

    name: str
    read: Reader
    doc: str
    default: Any = None
    required: bool = False
    secret: bool = False


class Mistake(NamedTuple):
    """What is wrong with a value, or with the part of it at ``path``.

    ``place`` is what has the place in the inventory, and ``shown`` the value itself, if repeating it helps.
    """

    path: str
    message: str
    place: Any
    shown: Any = None


class Invalid(ValueError):  # noqa: N818  (it stands for many mistakes, as ValueError does for one)
    """More than one mistake, or one that is deeper than the value itself."""

    def __init__(self, mistakes: Iterable[Mistake]) -> None:
        self.mistakes = tuple(mistakes)
        super().__init__("; ".join(f"{mistake.path}: {mistake.message}" for mistake in self.mistakes))


def text(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError("expected a non-empty string")
    return str(value)


def word(kind: str) -> Reader:
    """A string of the form that ``words.FORMS`` has for its *kind*."""
    return functools.partial(words.read, kind)


@dataclass(frozen=True)
class Integer:
    """Reads a whole number within bounds."""

    lowest: int
    highest: int

    def __call__(self, value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not self.lowest <= value <= self.highest:
            raise ValueError(f"expected a whole number from {self.lowest} to {self.highest}")
        return int(value)


integer = Integer


#: A string for one line of a file.
line = word("line")

#: A host name without its domain (RFC 1123, section 2.1).
hostname = word("label")


def domain(value: Any) -> str:
    try:
        labels = [hostname(label) for label in value.split(".")] if isinstance(value, str) else []
    except ValueError:
        labels = []
    if not labels or len(value) > 253:
        raise ValueError("expected a domain such as rack-a.example.com, in lower case")
    return str(value)


def server(value: Any) -> str:
    """A host by its name or address."""
    for read in (any_address, domain):
        with contextlib.suppress(ValueError):
            return str(read(value))
    raise ValueError("expected the name or the address of a host")


def address(value: Any) -> ipaddress.IPv4Address:
    try:
        return ipaddress.IPv4Address(value if isinstance(value, str) else "")
    except ValueError:
        raise ValueError("expected an IPv4 address such as 10.0.0.11") from None


def any_address(value: Any) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    try:
        return _of_an_interface(ipaddress.ip_address(value if isinstance(value, str) else ""))
    except ValueError:
        raise ValueError("expected an IPv4 or IPv6 address such as 10.0.0.11") from None


def _of_an_interface(address: Any) -> Any:
    """*address*, if what follows its ``%`` is the name of an interface: Python accepts any text there."""
    scope = getattr(address, "scope_id", None)
    if scope is not None and not _SCOPE.fullmatch(scope):
        raise ValueError
    return address


def interface_address(value: Any) -> ipaddress.IPv4Interface | ipaddress.IPv6Interface:
    """An address with its prefix length."""
    try:
        return _of_an_interface(ipaddress.ip_interface(value if isinstance(value, str) and "/" in value else ""))
    except ValueError:
        raise ValueError("expected an address with its prefix length, such as 10.0.0.11/24") from None


def any_network(value: Any) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    try:
        return ipaddress.ip_network(value if isinstance(value, str) and "%" not in value else "")
    except ValueError:
        raise ValueError(
            "expected a network such as 10.20.0.0/16 or 2001:db8:20::/48, its first address before the slash"
        ) from None


def subnet(value: Any) -> ipaddress.IPv4Network:
    try:
        return ipaddress.IPv4Network(value if isinstance(value, str) and "/" in value else "")
    except ValueError:
        raise ValueError("expected an IPv4 network such as 10.0.0.0/24, its first address before the slash") from None


class AddressRange(NamedTuple):
    first: ipaddress.IPv4Address
    last: ipaddress.IPv4Address

    def __str__(self) -> str:
        return str(self.first) if self.first == self.last else f"{self.first}-{self.last}"

    def holds(self, other: ipaddress.IPv4Address) -> bool:
        return self.first <= other <= self.last


def address_range(value: Any) -> AddressRange:
    """``10.0.0.100-10.0.0.199``, or one address."""
    first, _separator, last = value.replace(" ", "").partition("-") if isinstance(value, str) else ("", "", "")
    try:
        found = AddressRange(ipaddress.IPv4Address(first), ipaddress.IPv4Address(last or first))
    except ValueError:
        raise ValueError("expected an address, or a range such as 10.0.0.100-10.0.0.199") from None
    if found.first > found.last:
        raise ValueError("expected a range from the lower address to the higher one")
    return found


def mac(value: Any) -> str:
    """A unicast hardware address in any usual notation; returned in lower case with colons."""
    if netaddr is None:
        raise AnsibleError(
            "Kindling needs the Python package netaddr on the controller, but the Python that runs Ansible there lacks it: "
            f"{sys.executable} -m pip install netaddr"
        )
    if (
        not isinstance(value, str)
        or words.has_control(value)
        or len(_HEX_DIGIT.findall(value)) != 12
        or not netaddr.valid_mac(value)
    ):
        raise ValueError("expected a MAC address such as 52:54:00:12:34:56, in quotes")
    parsed = netaddr.EUI(value, dialect=netaddr.mac_unix_expanded)
    if parsed.words[0] & 1 or int(parsed) == 0:
        raise ValueError("expected the address of one machine, not a multicast, broadcast or empty address")
    return str(parsed)


url = word("URL")
sha256 = word("SHA-256")


def boolean(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError("expected true or false")
    return value


def mapping(value: Any) -> Mapping:
    if not isinstance(value, Mapping):
        raise ValueError("expected a mapping")
    return value


@dataclass(frozen=True)
class Choice:
    """Reads one of some words; ``beyond`` says how to do what they leave out."""

    choices: tuple[str, ...]
    beyond: str = ""

    def __call__(self, value: Any) -> str:
        if value is False and "off" in self.choices:  # YAML 1.1 reads off, without quotes, as false
            return "off"
        if value not in self.choices:
            raise ValueError(f"expected {' or '.join(self.choices)}{f'; {self.beyond}' if self.beyond else ''}")
        return str(value)


def choice(*choices: str, beyond: str = "") -> Reader:
    return Choice(choices, beyond)


@dataclass(frozen=True)
class ListOf:
    """Reads a list; ``lone`` accepts an only item without the brackets too, and requires at least one.

    ``check`` gets the typed items and the given ones, and raises ``ValueError`` for conflicts between items.
    """

    read_item: Reader
    lone: bool = False
    check: Callable[[tuple, Any], None] = lambda typed, given: None

    def __call__(self, value: Any) -> tuple:
        if not isinstance(value, list | tuple):
            if self.lone:
                return (self.read_item(value),)
            raise ValueError("expected a list")
        if self.lone and not value:
            raise ValueError("expected at least one item")
        typed = tuple(_read_parts((f"[{number}]", item, self.read_item) for number, item in enumerate(value)))
        self.check(typed, value)
        return typed


def list_of(read_item: Reader) -> Reader:
    return ListOf(read_item)


def one_or_more(read_item: Reader) -> Reader:
    """A list, or its only item without the brackets."""
    return ListOf(read_item, lone=True)


@dataclass(frozen=True)
class MappingOf:
    """Reads a mapping from any number of names to values of one kind."""

    read_key: Reader
    read_value: Reader

    def __call__(self, value: Any) -> dict[str, Any]:
        items = mapping(value).items()
        names = _read_parts((f".{key}", key, self.read_key) for key, _value in items)
        return dict(zip(names, _read_parts((f".{key}", item, self.read_value) for key, item in items), strict=True))


@dataclass(frozen=True)
class Record:
    """Reads a mapping by a table of its own; ``check`` raises ``ValueError`` for what single rows cannot express.

    ``beyond`` says how to do what the table has no row for.
    """

    rows: tuple[Field, ...]
    check: Callable[[Mapping[str, Any]], None] = lambda typed: None
    beyond: str = ""

    def __call__(self, value: Any) -> dict[str, Any]:
        if not isinstance(value, Mapping):
            needed = ", ".join(row.name for row in self.rows if row.required)
            raise ValueError(f"expected a mapping{f' with {needed}' if needed else ''}")
        typed, mistakes = _read_rows(self.rows, value, value)
        mistakes += map(self._with_a_way_out, _unknown(value, [row.name for row in self.rows], "option"))
        mistakes = [found._replace(path=f".{found.path}") for found in mistakes]
        mistakes = mistakes or _mistakes_of(self.check, typed, value)
        if mistakes:
            raise Invalid(mistakes)
        return typed

    def _with_a_way_out(self, found: Mistake) -> Mistake:
        guessed = "did you mean" in found.message
        return found if guessed or not self.beyond else found._replace(message=f"{found.message}. {self.beyond}")


@dataclass(frozen=True)
class ShortOr:
    """Reads a mapping by a table, or the value of its row ``short`` alone."""

    short: str
    record: Record

    def __call__(self, value: Any) -> dict[str, Any]:
        if isinstance(value, Mapping):
            return self.record(value)
        try:
            return self.record({self.short: value})
        except Invalid as invalid:
            raise Invalid(found._replace(path="", place=value) for found in invalid.mistakes) from None


@dataclass(frozen=True)
class WordOr:
    """Reads one of several words, or else a mapping by a table."""

    words: tuple[str, ...]
    record: Record

    def __call__(self, value: Any) -> str | dict[str, Any]:
        if isinstance(value, Mapping):
            return self.record(value)
        if value not in self.words:
            needed = ", ".join(row.name for row in self.record.rows if row.required)
            raise ValueError(f"expected {', '.join(self.words)}, or a mapping with {needed}")
        return str(value)


def rows_of(reader: Reader) -> tuple[Field, ...]:
    """The table of a reader of mappings, or of lists of them; empty for others."""
    if isinstance(reader, ListOf):
        return rows_of(reader.read_item)
    if isinstance(reader, WordOr | ShortOr):
        return reader.record.rows
    return reader.rows if isinstance(reader, Record) else ()


def _read_parts(parts: Iterable[tuple[str, Any, Reader]]) -> list:
    typed, mistakes = [], []
    for path, value, read in parts:
        try:
            typed.append(read(value))
        except ValueError as error:
            mistakes += [found._replace(path=path + found.path) for found in _mistakes_in(error, value)]
    if mistakes:
        raise Invalid(mistakes)
    return typed


def _mistakes_in(error: ValueError, value: Any) -> tuple[Mistake, ...]:
    return error.mistakes if isinstance(error, Invalid) else (Mistake("", str(error), value, value),)


def _mistakes_of(check: Callable[[Any], None], typed: Any, value: Any) -> list[Mistake]:
    try:
        check(typed)
    except ValueError as error:
        return [found._replace(place=value, shown=None) for found in _mistakes_in(error, value)]
    return []


def _read_rows(rows: Iterable[Field], values: Mapping[str, Any], home: Any) -> tuple[dict[str, Any], list[Mistake]]:
    """The typed values by name, and the mistakes. A missing or wrong value is replaced by its default."""
    typed, mistakes = {}, []
    for row in rows:
        typed[row.name] = row.default
        value = values.get(row.name)
        if value is None:
            if row.required:
                mistakes.append(Mistake(row.name, f"missing: {row.doc}", home))
            continue
        try:
            typed[row.name] = row.read(value)
        except ValueError as error:
            mistakes += [_in_row(found, row, values) for found in _mistakes_in(error, value)]
    return typed, mistakes


def _in_row(found: Mistake, row: Field, values: Mapping[str, Any]) -> Mistake:
    place = _place(values, row.name) if isinstance(found.place, bool) else found.place
    return Mistake(row.name + found.path, found.message, place, None if row.secret else found.shown)


def _place(values: Mapping, name: str) -> Any:
    """What has the place of a variable: its value, or its key as it is in the mapping. Ansible does not know the place of true,
    false and null."""
    value = values.get(name)
    return next((key for key in values if key == name), None) if value is None or isinstance(value, bool) else value


def read_fields(
    table: Iterable[Field], values: Mapping[str, Any], subject: str, prefix: str = "", home: Any = None
) -> tuple[dict[str, Any], list[Problem]]:
    """Read every row of *table* from *values*.

    Returns the typed values by name, and the problems. A missing or wrong value is replaced by its default, so that the caller
    can look for further mistakes. *home* has the place of what is missing.
    """
    typed, mistakes = _read_rows(table, values, home)
    return typed, [
        Problem(subject, prefix + found.path, found.message + _got(found.shown), found.place) for found in mistakes
    ]


def _got(shown: Any) -> str:
    """Lists and mappings are not repeated: they are long, and may hold secrets."""
    if not isinstance(shown, str | int | float):
        return ""
    seen = repr(shown)
    return f", got {seen if len(seen) <= _LONGEST_SHOWN else f'{seen[:_LONGEST_SHOWN]}...'}"


def unknown_names(values: Mapping[str, Any], known: Iterable[str], subject: str, prefix: str = "") -> list[Problem]:
    """A problem for each name in *values* that is not *known*, with the nearest known name."""
    return [
        Problem(subject, prefix + found.path, found.message, _place(values, found.path))
        for found in _unknown(values, list(known), "variable")
    ]


def _unknown(names: Iterable[str], known: list[str], kind: str) -> Iterator[Mistake]:
    for name in names:
        if name not in known:
            yield Mistake(name, f"unknown {kind}{_did_you_mean(name, known)}", name)


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The one of *known* that *name* resembles. A prefix that all of them share does not count."""
    wanted = _PREFIX.sub("", name)
    bare = {_PREFIX.sub("", one): one for one in known}
    near = difflib.get_close_matches(wanted, bare, n=1, cutoff=_CLOSE)
    same_letters = [one for one in bare if sorted(one) == sorted(wanted)]
    return next((bare[one] for one in (*same_letters, *near)), None)


def _did_you_mean(name: str, known: list[str]) -> str:
    near = nearest(str(name), known)
    if near:
        return f"; did you mean {near}?"
    return f"; known are {', '.join(sorted(known))}" if len(known) <= _FEW else "; inventories/README.md lists all"


__all__ = (
    "AddressRange",
    "Choice",
    "Field",
    "Integer",
    "Invalid",
    "ListOf",
    "MappingOf",
    "Mistake",
    "Reader",
    "Record",
    "ShortOr",
    "WordOr",
    "address",
    "address_range",
    "any_address",
    "any_network",
    "boolean",
    "choice",
    "domain",
    "hostname",
    "integer",
    "interface_address",
    "line",
    "list_of",
    "mac",
    "mapping",
    "nearest",
    "one_or_more",
    "read_fields",
    "rows_of",
    "server",
    "sha256",
    "subnet",
    "text",
    "unknown_names",
    "url",
    "word",
)
