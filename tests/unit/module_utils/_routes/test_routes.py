"""Each place of what a boot host serves and keeps is said once."""

from __future__ import annotations

import ast
import pathlib
import re

import pytest
import yaml
from ansible_collections.kindling.flatcar.plugins.module_utils._routes import host_paths, routes

ROOT = pathlib.Path(__file__).parents[4]
#: A program of a single file, which imports nothing; its test compares what it has.
ALONE = {"records.py"}
CODE = [path for path in (ROOT / "plugins").rglob("*.py") if path.name not in {"routes.py", *ALONE}]
TEMPLATES = [*(ROOT / "roles").glob("*/templates/*.j2")]
SAID = re.compile(
    r"boot\.ipxe|unknown\.ipxe|over\.ipxe|unfinished\.ipxe|install\.i(pxe|gn)\b(?!\$)|index\.json|arming\.json|dhcp-hosts(?!file)|dns-hosts|known\.nft"
    r"|(?<![\w.-])(ipxe|ignition|nearby|orders|reporters|taken|armed|reports|images|programs)/(?!releases)"
)


def texts(path):
    """What *path* says, without its comments and its documentation."""
    tree = ast.parse(path.read_text())
    documentation = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and {"DOCUMENTATION", "EXAMPLES", "RETURN"} & {
            target.id for target in node.targets if isinstance(target, ast.Name)
        }:
            documentation |= {id(inner) for inner in ast.walk(node.value)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in documentation:
            yield node.lineno, node.value


@pytest.mark.parametrize("path", CODE, ids=lambda path: path.stem)
def test_code_takes_places_from_routes(path):
    # Sentences are for people: what is a place there stands for no other
    assert [(line, text) for line, text in texts(path) if SAID.search(text) and " " not in text] == []


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_templates_take_places_from_routes(path):
    lines = re.sub(r"\{#.*?#\}", "", path.read_text(), flags=re.DOTALL).splitlines()
    said = [line for line in lines if SAID.search(line) and not line.lstrip().startswith("#")]
    assert said == []


def test_templates_have_every_place_by_its_name():
    assert routes.for_templates()["first_script"] == "boot.ipxe"
    used = {name for path in TEMPLATES for name in re.findall(r"\broutes\.(\w+)", path.read_text())}
    assert used <= routes.for_templates().keys()


@pytest.mark.parametrize(
    ("path", "of_a_node"),
    [
        (routes.script_file("10.0.0.1", "52:54:00:00:00:01"), True),
        (routes.config_file("t" * 43, "10.0.0.1"), True),
        (routes.nearby_file("t" * 43, "10.0.0.0-24"), True),
        (routes.order_file("10.0.0.1", "d"), True),
        (routes.reporter_file("t" * 43, "10.0.0.0-24", "10.0.0.1"), True),
        (routes.taken_file("10.0.0.1"), True),
        (f"{routes.SHOWN}/10.0.0.1.yml", True),
        (routes.served(routes.FIRST_SCRIPT), False),
        (routes.served(routes.UNKNOWN_SCRIPT), False),
        (routes.INDEX, False),
        (routes.KNOWN, False),
    ],
)
def test_what_is_of_a_node_is_known_by_its_place(path, of_a_node):
    assert routes.is_of_a_node(path) is of_a_node


def test_a_config_is_known_by_its_address():
    assert routes.address_of_config(routes.config_file("t" * 43, "10.0.0.1")) == "10.0.0.1"
    assert routes.address_of_config(routes.script_file("10.0.0.1", "52:54:00:00:00:01")) is None


@pytest.mark.parametrize("place", routes.BY_TOKEN)
def test_tokens_are_hidden_wherever_they_stand(place):
    token = "Ab-_" * 10 + "xyz"
    assert token not in routes.without_tokens(f"web/{place}/{token}/x and http://10.0.0.1/{place}/{token}.ign")


def defaults(name):
    return {
        variable: value
        for path in (ROOT / "roles").glob(f"*/{name}")
        for variable, value in (yaml.safe_load(path.read_text()) or {}).items()
        if isinstance(value, str) and value.startswith(("/srv/", "/run/", "/var/", "/etc/kindling"))
    }


def test_roles_have_the_same_defaults():
    """A role names its neighbours' places, too; what a person moves is said where they are read."""
    assert defaults("defaults/main.yml") == host_paths.ROLE_DEFAULTS


@pytest.mark.parametrize("path", CODE, ids=lambda path: path.stem)
def test_code_takes_places_of_a_boot_host_from_one_file(path):
    if path.name == "host_paths.py":
        return
    said = [(line, text) for line, text in texts(path) if re.match(r"/(srv|run|var/lib)/kindling", text)]
    assert [one for one in said if path.name != "words.py"] == []  # whose forms have examples
