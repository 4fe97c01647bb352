"""What the pages say is what the code does."""

from __future__ import annotations

import importlib.util
import pathlib

import pytest
import yaml

ROOT = pathlib.Path(__file__).parent.parent.parent
ROLES = sorted(path.name for path in (ROOT / "roles").iterdir())

_spec = importlib.util.spec_from_file_location("docs", ROOT / "tests" / "docs.py")
docs = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(docs)


def test_the_tables_of_variables_are_current():
    assert docs.current(docs.PAGE.read_text()) == docs.tables(), "run python3 tests/docs.py"


@pytest.mark.parametrize("role", ROLES)
def test_a_roles_defaults_are_those_that_its_specification_names(role):
    defaults = yaml.safe_load((ROOT / "roles" / role / "defaults" / "main.yml").read_text()) or {}
    specs = yaml.safe_load((ROOT / "roles" / role / "meta" / "argument_specs.yml").read_text())["argument_specs"]
    options = specs["main"]["options"]
    assert {name: option["default"] for name, option in options.items() if "default" in option} == defaults


@pytest.mark.parametrize("role", ROLES)
def test_a_roles_variables_have_the_roles_name(role):
    specs = yaml.safe_load((ROOT / "roles" / role / "meta" / "argument_specs.yml").read_text())["argument_specs"]
    assert all(name.startswith(f"{role}_") for spec in specs.values() for name in spec["options"])
