#!/usr/bin/env python3
"""Writes the table of node variables, which is code, into the page that documents it: ``python3 tests/docs.py``."""

from __future__ import annotations

import pathlib
import re
import sys

PAGE = pathlib.Path(__file__).parent.parent / "inventories" / "README.md"
PLACE = re.compile(r"(?<=<!-- nodes -->\n).*(?=<!-- /nodes -->)", re.DOTALL)


def table() -> str:
    from ansible_collections.kindling.flatcar.plugins.module_utils.node import NODE

    rows = [f"| `{field.name}` | {_default(field)} | {field.doc} |" for field in NODE]
    return "\n".join(["| variable | default | meaning |", "| --- | --- | --- |", *rows]) + "\n"


def _default(field) -> str:
    if field.required:
        return "needed"
    return f"`{field.default}`" if isinstance(field.default, str) else ""


def current(page: str) -> str:
    """The table as the page has it now."""
    return PLACE.search(page).group()


if __name__ == "__main__":
    sys.path.insert(0, str(PAGE.parent.parent / ".ansible" / "collections"))
    PAGE.write_text(PLACE.sub(lambda _: table(), PAGE.read_text(encoding="utf-8")), encoding="utf-8")
