"""What the pages say is what the code does."""

from __future__ import annotations

import ast
import importlib.util
import pathlib

import pytest
import yaml
from ansible_collections.kindling.flatcar.plugins.plugin_utils._network.networks import NETWORK

ROOT = pathlib.Path(__file__).parent.parent.parent
PLUGINS = sorted(
    path for kind in ("filter", "lookup", "modules") for path in (ROOT / "plugins" / kind).glob("[!_]*.py")
)
ROLES = sorted(path.name for path in (ROOT / "roles").iterdir())

_spec = importlib.util.spec_from_file_location("docs", ROOT / "tests" / "docs.py")
docs = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(docs)


def test_the_tables_of_variables_are_current():
    assert docs.current() == docs.tables(), "run python3 tests/docs.py"
    assert docs.SCHEMA.read_text(encoding="utf-8") == docs.schema(), "run python3 tests/docs.py"


@pytest.mark.parametrize("plugin", PLUGINS, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_a_plugins_documentation_is_yaml(plugin):
    texts = {
        statement.targets[0].id: ast.literal_eval(statement.value)
        for statement in ast.parse(plugin.read_text()).body
        if isinstance(statement, ast.Assign) and statement.targets[0].id in ("DOCUMENTATION", "EXAMPLES", "RETURN")
    }
    read = {name: yaml.safe_load(text) for name, text in texts.items()}
    assert read["DOCUMENTATION"].get("module", read["DOCUMENTATION"].get("name")) == plugin.stem
    assert read["EXAMPLES"]


@pytest.mark.parametrize("role", ROLES)
def test_a_roles_defaults_are_those_that_its_specification_names(role):
    defaults = yaml.safe_load((ROOT / "roles" / role / "defaults" / "main.yml").read_text()) or {}
    specs = yaml.safe_load((ROOT / "roles" / role / "meta" / "argument_specs.yml").read_text())["argument_specs"]
    options = specs["main"]["options"] if "main" in specs else _all_options(specs)
    assert {name: option["default"] for name, option in options.items() if "default" in option} == defaults


def _all_options(specs):
    return {name: option for spec in specs.values() for name, option in spec["options"].items()}


@pytest.mark.parametrize("role", ROLES)
def test_a_roles_variables_have_the_roles_name(role):
    specs = yaml.safe_load((ROOT / "roles" / role / "meta" / "argument_specs.yml").read_text())["argument_specs"]
    assert all(name.startswith(f"{role}_") for spec in specs.values() for name in spec["options"])


@pytest.mark.parametrize("role", ROLES)
def test_a_role_takes_every_word_of_a_network(role):
    words = {field.name: {} for field in NETWORK}
    specs = yaml.safe_load((ROOT / "roles" / role / "meta" / "argument_specs.yml").read_text())["argument_specs"]
    options = [
        option for spec in specs.values() for name, option in spec["options"].items() if name == f"{role}_networks"
    ]
    assert all(option.get("options", words).keys() == words.keys() for option in options)


def _tasks(value):
    """Every task of a file of tasks or plays, those inside of blocks too."""
    for entry in value if isinstance(value, list) else []:
        yield entry
        for inner in ("tasks", "pre_tasks", "post_tasks", "handlers", "block", "rescue", "always"):
            yield from _tasks(entry.get(inner))


@pytest.mark.parametrize("path", sorted([*ROOT.glob("playbooks/*.yml"), *ROOT.glob("roles/*/[th]a*/*.yml")]), ids=str)
def test_no_task_loops_over_nodes(path):
    for task in _tasks(yaml.safe_load(path.read_text())):
        assert not [key for key in task if key.startswith("with_")], task
        looped = [str(task["loop"])] if "loop" in task else []
        assert not [text for text in looped if "node" in text or "hostvars" in text or "groups" in text], task
        # A play over nodes: its tasks are for all of them together, or for a batch
        hosts = str(task.get("hosts", ""))
        if "flatcar_nodes" in hosts and "'boot_hosts', limit=" not in hosts:
            assert "serial" in task or all(entry.get("run_once") for entry in task["tasks"]), task
