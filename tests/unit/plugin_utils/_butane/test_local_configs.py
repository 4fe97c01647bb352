"""Local configs to be merged, or to replace: Butane is translated, Ignition is taken, and nothing else is."""

from __future__ import annotations

import json

import pytest
from ansible_collections.kindling.flatcar.plugins.plugin_utils._butane.data_urls import content_of
from ansible_collections.kindling.flatcar.plugins.plugin_utils._butane.local_configs import with_local_configs
from ansible_collections.kindling.flatcar.plugins.plugin_utils._node import read_node
from ansible_collections.kindling.flatcar.plugins.plugin_utils._publish.config import build_config

BUTANE = "variant: flatcar\nversion: {}\nstorage:\n  files:\n    - path: /etc/base\n      contents: {{local: text}}\n"
OWN = {"flatcar_rack": "a", "flatcar_mac": "52:54:00:aa:bb:01", "flatcar_address": "10.1.0.11"}


def build(folder, text, where="merge"):
    (folder / "base").write_text(text)
    (folder / "text").write_text("hello")
    entry = {"local": "base"}
    config = {"merge": [entry]} if where == "merge" else {"replace": entry}
    node, problems = read_node("n1", {**OWN, "flatcar_butane": {"ignition": {"config": config}}})
    assert problems == []
    return build_config(node, str(folder))


@pytest.mark.parametrize("where", ["merge", "replace"])
@pytest.mark.parametrize(("version", "spec"), [("1.0.0", "3.3.0"), ("1.1.0", "3.4.0")])
def test_butane_is_translated_on_the_way(tmp_path, where, version, spec):
    config, problems = build(tmp_path, BUTANE.format(version), where)
    assert problems == []
    inner = config["ignition"]["config"][where]
    inner = inner[0] if where == "merge" else inner
    merged = json.loads(content_of(inner["source"], inner.get("compression")))
    assert merged["ignition"]["version"] == spec
    assert merged["storage"]["files"][0]["contents"]["source"] == "data:,hello"


def test_ignition_is_taken_as_it_is(tmp_path):
    text = '{"ignition": {"version": "3.2.0"},\n "storage": {"files": [{"path": "/etc/a"}]}}'
    config, problems = build(tmp_path, text)
    assert problems == []
    (inner,) = config["ignition"]["config"]["merge"]
    assert content_of(inner["source"], inner.get("compression")).decode() == text


@pytest.mark.parametrize(
    ("text", "message", "line"),
    [
        ("not json", "a config must be a mapping", 1),
        ("storage: {}\n", "variant; must be specified", 1),
        (BUTANE.format("1.1.0").replace("path: /etc/base", "path: etc/base"), "path not absolute", 5),
        (BUTANE.format("1.1.0").replace("local: text", "local: missing"), "missing", 6),
        (BUTANE.format("1.1.0") + "  filez: []\n", "unused key filez", 7),
        ("a: [\n", "Error unmarshaling yaml", 2),
    ],
)
def test_what_is_neither_is_refused_with_its_own_line(tmp_path, text, message, line):
    _, problems = build(tmp_path, text)
    assert {problem.path for problem in problems} == {"flatcar_butane: $.ignition.config.merge.0.local"}
    assert message in problems[0].message
    assert problems[0].message.startswith("base: $")
    assert (problems[0].origin.file, problems[0].origin.line) == (str(tmp_path / "base"), line)


@pytest.mark.parametrize(
    "text", ["{}", '{"ignition": {"version": "2.3.0"}}', '{"ignition": {"version": "3.3.0"}, "storage": 1}']
)
def test_json_that_is_no_config_of_this_ignition_is_refused(tmp_path, text):
    _, (problem,) = build(tmp_path, text)
    assert problem.path == "flatcar_butane: $.ignition.config.merge.0"
    assert "not an Ignition config" in problem.message


@pytest.mark.parametrize(
    "butane",
    [
        {},
        {"ignition": None},
        {"ignition": {"config": 7}},
        {"ignition": {"config": {"merge": 7, "replace": 7}}},
        {"ignition": {"config": {"merge": [7, {"local": 7}, {"local": "none"}, {"local": "base", "inline": ""}]}}},
    ],
)
def test_what_the_transpiler_refuses_is_left_to_it(tmp_path, butane):
    (tmp_path / "base").write_text("not json")
    made, refused = with_local_configs(butane, tmp_path)
    assert (made == butane, refused) == (True, [])
