#!/usr/bin/env python3
"""Writes the tables of variables, which are code, into the page that documents them: ``python3 tests/docs.py``."""

from __future__ import annotations

import pathlib
import re
import sys

PAGE = pathlib.Path(__file__).parent.parent / "inventories" / "README.md"
PLACES = re.compile(r"(?P<begin><!-- (?P<name>\w+) -->\n)(?P<table>.*?)(?P<end><!-- /(?P=name) -->)", re.DOTALL)


def tables() -> dict[str, str]:
    from ansible_collections.kindling.flatcar.plugins.plugin_utils._network.networks import NETWORK
    from ansible_collections.kindling.flatcar.plugins.plugin_utils._node import NODE
    from ansible_collections.kindling.flatcar.plugins.plugin_utils._schema.fields import rows_of

    def below(rows, prefix=""):
        for row in rows:
            inner = rows_of(row.read)
            yield prefix + row.name, row
            yield from below(inner, f"{prefix}{row.name}.")

    def options(field):
        return f"Each of `{field.name}` has:\n\n{_table('option', below(rows_of(field.read)))}"

    return {
        "networks": _table("option", below(NETWORK)),
        "nodes": _table("variable", ((field.name, field) for field in NODE)),
        "options": "\n".join(options(field) for field in NODE if rows_of(field.read)),
    }


def _table(what: str, rows) -> str:
    lines = [f"| `{name}` | {_default(field)} | {field.doc} |" for name, field in rows]
    return "\n".join([f"| {what} | default | meaning |", "| --- | --- | --- |", *lines]) + "\n"


def _default(field) -> str:
    if field.required:
        return "needed"
    if isinstance(field.default, bool):
        return f"`{str(field.default).lower()}`"
    return f"`{field.default}`" if isinstance(field.default, str | int) else ""


def current(page: str) -> dict[str, str]:
    """The tables as the page has them now."""
    return {found["name"]: found["table"] for found in PLACES.finditer(page)}


def updated(page: str) -> str:
    made = tables()
    return PLACES.sub(lambda found: found["begin"] + made[found["name"]] + found["end"], page)


if __name__ == "__main__":
    sys.path.insert(0, str(PAGE.parent.parent / ".ansible" / "collections"))
    PAGE.write_text(updated(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
