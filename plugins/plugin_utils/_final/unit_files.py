# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Units as systemd reads them: the sections that it knows, and the settings without which it starts nothing.

The transpiler has checked whether they can be parsed. Source: systemd.unit(5) and the pages that it names.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from .._butane.bounded_cache import bounded_cache
from .._butane.units import Option, UnitError, options_of
from .configs import Config, text_of


class Kind(NamedTuple):
    """``section`` is its own section; ``needs`` are settings there, one of which it must have."""

    section: str | None = None
    needs: re.Pattern[str] | None = None


KINDS: Mapping[str, Kind] = {
    "service": Kind("Service", re.compile("ExecStart|ExecStop|SuccessAction|BusName")),
    "socket": Kind("Socket", re.compile("Listen[A-Za-z]+")),
    "timer": Kind("Timer", re.compile("On[A-Za-z]+")),
    "path": Kind("Path", re.compile("Path[A-Za-z]+|DirectoryNotEmpty")),
    "mount": Kind("Mount", re.compile("What")),
    "automount": Kind("Automount", re.compile("Where")),
    "swap": Kind("Swap", re.compile("What")),
    "slice": Kind("Slice"),
    "scope": Kind("Scope"),
    "target": Kind(),
    "device": Kind(),
}

_COMMON = ("Unit", "Install")
_FOLDER = "/etc/systemd/system/"
_BEFORE = re.compile(r"\s*(?:[#;](?:[^\n]*\\ ?\n)*+[^\n]*\n\s*)*([^\s\[#;][^\n]*)")


def mistakes(config: Config) -> Iterator[tuple[str, str]]:
    for place, unit in config.entries("systemd", "units"):
        name = unit.get("name", "")
        dropins = [one.get("contents") or "" for one in unit.get("dropins") or ()]
        if unit.get("contents"):
            for message in _wrong(name, unit["contents"], tuple(dropins)):
                yield config.at(f"{place}.contents", message)
        for number, text in enumerate(dropins):
            for message in _wrong_sections(name, text):
                yield config.at(f"{place}.dropins.{number}.contents", message)
    for place, entry in config.entries("storage", "files"):
        name = entry.get("path", "").removeprefix(_FOLDER)
        if name != entry.get("path") and "/" not in name and _kind_of(name):
            text = text_of(entry)
            for message in _wrong(name, text, ()) if text else ():
                yield config.at(f"{place}.contents", message)


def _kind_of(name: str) -> Kind | None:
    return KINDS.get(name.rpartition(".")[2])


@bounded_cache
def _wrong(name: str, text: str, dropins: tuple[str, ...]) -> tuple[str, ...]:
    """Cached: many machines share a unit."""
    found = [*_wrong_sections(name, text)]
    kind = _kind_of(name)
    if found or not kind or not kind.needs:
        return tuple(found)
    try:
        options = [option for one in (text, *dropins) for option in options_of(one)]
    except UnitError:  # in a drop-in: reported already
        return ()
    if any(option.section == kind.section and kind.needs.fullmatch(option.name) for option in options):
        return ()
    return (f"systemd does not start {name}: [{kind.section}] has none of {_named(kind.needs)}",)


def _named(needs: re.Pattern[str]) -> str:
    return ", ".join(f"{one.replace('[A-Za-z]+', '…')}=" for one in needs.pattern.split("|"))


@bounded_cache
def _wrong_sections(name: str, text: str) -> tuple[str, ...]:
    kind = _kind_of(name)
    if not kind:
        return ()
    try:
        options = options_of(text)
    except UnitError as error:
        return (f"systemd cannot read it: {error}",)
    before = _BEFORE.match(text)
    if before:
        return (f"systemd ignores what precedes the first section, here {before[1].strip()[:40]!r}: begin with [Unit]",)
    known = [*_COMMON, *([kind.section] if kind.section else [])]
    return tuple(
        _unknown(section, known) for section in _sections(options) if section not in known and section[:2] != "X-"
    )


def _sections(options: list[Option]) -> list[str]:
    return list(dict.fromkeys(option.section for option in options))


def _unknown(section: str, known: list[str]) -> str:
    nearest = difflib.get_close_matches(section.capitalize(), known, n=1)
    advice = f"; did you mean [{nearest[0]}]?" if nearest else ""
    return f"systemd ignores the section [{section}]: expected {', '.join(f'[{one}]' for one in known)}{advice}"


__all__ = ("KINDS", "mistakes")
