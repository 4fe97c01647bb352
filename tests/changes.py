#!/usr/bin/env python3
"""Writes what the roles change on a boot host, which is data, to where people read it: ``python3 tests/changes.py``."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[1]
DATA = ROOT / "docs" / "changes.yml"

#: Where it stands, and what it stands between.
_TABLE = re.compile(r"(<!-- changes -->\n).*?(<!-- /changes -->\n)", re.DOTALL)
_HEAD = re.compile(r"(\n# Changes on boot hosts:\n)(?:# [- ].*\n)*(#\n)")
_WIDTH = 128

Changes = Mapping[str, Any]


def read() -> dict[str, Changes]:
    """What each role changes, in their order."""
    return {row["role"]: row for row in yaml.safe_load(DATA.read_text(encoding="utf-8"))}


def together(changes: Iterable[Changes]) -> dict[str, list[str]]:
    """The same of several roles, for people: a line for each kind of thing."""
    merged: dict[str, list[str]] = {}
    for row in changes:
        for kind, values in row.items():
            if kind != "role":
                named = (
                    [f"{name} ({value})" for name, value in values.items()] if isinstance(values, Mapping) else values
                )
                merged.setdefault(kind, []).extend(named)
    return {kind: sorted(values) for kind, values in merged.items()}


#: What each kind is called, and what is said besides.
KINDS = {
    "packages": ("Debian packages", ", and those that they depend on"),
    "users": ("system users, each with a group of its name", ""),
    "package_users": ("system users that Debian's packages make, and nothing here uses", ""),
    "paths": ("files and directories", ""),
    "units": ("units in /etc/systemd/system", ""),
    "enabled": ("start with the host", ""),
    "package_enabled": ("units of Debian's packages that start with the host, and nothing here needs", ""),
    "disabled": ("does not start with the host any more, unless it runs already", ""),
    "tables": ("tables in the packet filter, while the service runs", ""),
    "sysctls": ("kernel settings", ""),
}


def table(changes: Changes) -> str:
    """For a role's page."""
    merged = together([changes])
    rows = [
        f"| {what} | {', '.join(_code(value) for value in merged[kind])}{besides} |\n"
        for kind, (what, besides) in KINDS.items()
        if kind in merged
    ]
    return "".join(["| on the boot host, by default | |\n| --- | --- |\n", *rows])


def _code(value: str) -> str:
    name, space, rest = value.partition(" (")
    return f"`{name}`{space}{rest}"


def head(changes: Iterable[Changes]) -> str:
    """For a playbook, as comments."""
    merged = together(changes)
    lines = [
        textwrap.fill(
            f"{what}: {', '.join(merged[kind])}{besides}",
            _WIDTH,
            initial_indent="# - ",
            subsequent_indent="#   ",
            break_long_words=False,
            break_on_hyphens=False,
        )
        for kind, (what, besides) in KINDS.items()
        if kind in merged
    ]
    return "".join(f"{line}\n" for line in lines)


def pages() -> dict[Path, str]:
    """Each page that has some of it, as it shall be."""
    roles = read()
    made = {
        ROOT / "playbooks" / "site.yml": (_HEAD, head(roles.values())),
        ROOT / "playbooks" / "images.yml": (_HEAD, head([roles["flatcar_images"]])),
        **{ROOT / "roles" / role / "README.md": (_TABLE, table(changes)) for role, changes in roles.items()},
    }
    return {page: _replaced(page, *text) for page, text in made.items()}


def _replaced(page: Path, place: re.Pattern[str], text: str) -> str:
    before = page.read_text(encoding="utf-8")
    if len(place.findall(before)) != 1:
        raise ValueError(f"{page} has no place, or several, for what is changed: {place.pattern}")
    return place.sub(lambda found: found[1] + text + found[2], before)


if __name__ == "__main__":
    for page, text in pages().items():
        page.write_text(text, encoding="utf-8")
