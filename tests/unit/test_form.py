"""The form of the plugins' code, as far as no linter of ours looks at it."""

from __future__ import annotations

import ast
import pathlib

import yaml

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


LICENCE = """\
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""


def test_every_file_says_its_licence_first():
    lacking = [
        str(path.relative_to(ROOT))
        for path in sorted((ROOT / "plugins").rglob("*.py"))
        if (text := path.read_text(encoding="utf-8")).strip()
        and not text.removeprefix("#!/usr/bin/python\n").startswith(LICENCE)
    ]
    assert lacking == [], f"put these lines first:\n{LICENCE}"


def test_every_role_says_since_when_it_is_there():
    for path in ROOT.glob("roles/*/meta/argument_specs.yml"):
        for name, entry in yaml.safe_load(path.read_text())["argument_specs"].items():
            assert entry.get("version_added"), f"{path.relative_to(ROOT)}: {name} needs version_added"
