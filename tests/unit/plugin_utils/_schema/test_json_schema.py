"""The schema of variables, as an editor uses it."""

from __future__ import annotations

import json
import pathlib

import jsonschema
import pytest
import yaml

ROOT = pathlib.Path(__file__).parents[4]
SCHEMA = json.loads((ROOT / "docs" / "inventory.schema.json").read_text())
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)
EXAMPLE = ROOT / "inventories" / "example"


def wrong(text):
    return [list(error.absolute_path) for error in VALIDATOR.iter_errors(yaml.safe_load(text))]


def test_it_is_a_schema():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("path", sorted(EXAMPLE.glob("*_vars/*.yml")), ids=lambda path: path.name)
def test_the_example_fits(path):
    assert wrong(path.read_text()) == []


@pytest.mark.parametrize(
    "text",
    [
        "flatcar_boot_mode: ram",
        "flatcar_boot_mode: '{{ mode }}'",
        "flatcar_mac: '52:54:00:12:a0:01'",
        "flatcar_mac: ['52:54:00:12:a0:01', '52:54:00:12:a0:02']",
        "flatcar_slot: 3",
        "flatcar_butane_20_rack: {storage: {}}",
        "something_else: 1",
        "fleet_keep: 3",
        "kindling_networks: [{interface: lan0, subnet: 10.0.0.0/24, racks: [a]}]",
        "",
    ],
)
def test_what_is_right_fits(text):
    assert wrong(text) == []


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("flatcar_adress: 10.0.0.1", []),
        ("flatcar_boot_mode: rom", ["flatcar_boot_mode"]),
        ("flatcar_slot: first", ["flatcar_slot"]),
        ("flatcar_install_boot_entry: 3", ["flatcar_install_boot_entry"]),
        (
            "kindling_networks: [{interface: lan0, subnet: 10.0.0.0/24, racks: [a], gatway: 10.0.0.1}]",
            ["kindling_networks", 0],
        ),
    ],
)
def test_what_an_editor_can_know_to_be_wrong_does_not(text, place):
    assert wrong(text) == [place]
