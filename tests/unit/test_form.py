"""The form of the plugins' code, as far as no linter of ours looks at it."""

from __future__ import annotations

import ast
import pathlib

ROOT = pathlib.Path(__file__).parents[2]


def test_nothing_is_called_underscore():
    """Ansible's own tests refuse it: other projects have a function of that name, which translates."""
    found = [
        f"{path.relative_to(ROOT)}:{place.lineno}"
        for path in sorted((ROOT / "plugins").rglob("*.py"))
        for place in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if (isinstance(place, ast.Name) and place.id == "_") or (isinstance(place, ast.arg) and place.arg == "_")
    ]
    assert found == [], "call what is not used by what it is, such as _separator"
