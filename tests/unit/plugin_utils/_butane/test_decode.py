"""The walker on mappings: types, null, unknown keys, and what stands elsewhere than where it counts."""

from __future__ import annotations

import pytest
from ansible_collections.kindling.flatcar.plugins.plugin_utils._butane import translate
from ansible_collections.kindling.flatcar.plugins.plugin_utils._butane.decode import Decoder
from ansible_collections.kindling.flatcar.plugins.plugin_utils._butane.limits import Budget
from ansible_collections.kindling.flatcar.plugins.plugin_utils._butane.schema import CONFIG, SPECS
from ansible_collections.kindling.flatcar.plugins.plugin_utils._butane.yaml_text import read


def decode(raw, version="1.1.0"):
    decoder = Decoder(next(spec for spec in SPECS if spec.version == version), Budget())
    return decoder.decode(CONFIG, raw), decoder


def places(findings):
    return [(".".join(map(str, finding.where)), finding.message) for finding in findings]


def test_null_is_nothing_where_a_value_or_a_list_belongs():
    config, decoder = decode({"passwd": {"users": None}, "variant": None})
    assert config == {"passwd": {}}
    assert not decoder.warnings


def test_null_is_nothing_and_odd_where_an_object_belongs():
    config, decoder = decode({"storage": None})
    assert config == {"storage": {}}
    assert [finding.where for finding in decoder.warnings] == [("storage",)]
    assert "context tree does not match" in decoder.warnings[0].message


def test_null_in_a_list_is_dropped():
    config, decoder = decode({"passwd": {"users": [{"name": "a", "groups": ["x", None, "y"]}]}})
    assert config["passwd"]["users"] == [{"name": "a", "groups": ["x", "y"]}]
    assert not decoder.warnings


def test_behind_a_null_objects_move_up_and_keys_are_looked_for_where_they_were():
    raw = {"passwd": {"users": [{"name": "a"}, None, {"name": "b", "nope": 1}, {"name": "c", "nope": 1}]}}
    config, decoder = decode(raw)
    assert [user["name"] for user in config["passwd"]["users"]] == ["a", "b", "c"]
    assert [finding.where for finding in decoder.warnings] == [
        ("passwd", "users", 1),
        ("passwd", "users", 2, "nope"),
    ]


def test_unknown_keys_of_any_type_are_warned_about():
    _config, decoder = decode({"nope": {"deep": 1}, 5: 1, None: 2, True: 3, "storage": {"fils": []}})
    assert places(decoder.warnings) == [
        ("nope", "unused key nope"),
        ("5", "unused key 5"),
        ("null", "unused key null"),
        ("true", "unused key true"),
        ("storage.fils", "unused key fils"),
    ]


@pytest.mark.parametrize("place", ["value", "key"])
def test_a_number_that_python_does_not_print_is_reported(place):
    huge = int("0x" + "f" * 5000, 16)
    raw = {"variant": "flatcar", "version": "1.1.0", **({"passwd": huge} if place == "value" else {huge: 1})}
    (entry,) = translate(raw, origin_of=lambda _value: None).report
    assert "a number of thousands of digits" in entry.message


def test_keys_of_a_newer_version_are_unknown():
    raw = {"systemd": {"units": [{"name": "a.service", "contents_local": "a"}]}}
    assert places(decode(raw, "1.0.0")[1].warnings) == [("systemd.units.0.contents_local", "unused key contents_local")]
    assert not decode(raw, "1.1.0")[1].warnings


def test_all_wrong_types_are_reported():
    raw = {
        "storage": {"files": [{"path": {}, "mode": "0644", "overwrite": 1, "append": {}}, "/etc/x"], "disks": "sda"},
        "passwd": [],
    }
    _config, decoder = decode(raw)
    assert places(decoder.errors) == [
        ("storage.files.0.path", "must be a string, not a mapping"),
        ("storage.files.0.mode", "must be an integer, not the string '0644': write it as 0644, without quotes"),
        ("storage.files.0.overwrite", "must be true or false, not the number 1"),
        ("storage.files.0.append", "must be a list, not a mapping"),
        ("storage.files.1", "must be a mapping, not the string '/etc/x'"),
        ("storage.disks", "must be a list, not the string 'sda'"),
        ("passwd", "must be a mapping, not a list"),
    ]


def test_wrong_types_hide_warnings():
    report = translate({"variant": "flatcar", "version": "1.1.0", "nope": 1, "passwd": []}).report
    assert [entry.path for entry in report] == ["$.passwd"]


def test_an_alias_of_a_mapping_works_but_its_keys_are_not_looked_at():
    text = "storage:\n  files:\n    - &f {path: /a, user: &u {id: 1, nope: 2}}\n    - {path: /b, user: *u}\n"
    config, decoder = decode(read(text))
    assert config["storage"]["files"][1]["user"] == {"id": 1}
    assert [finding.where for finding in decoder.warnings] == [
        ("storage", "files", 0, "user", "nope"),
        ("storage", "files", 1, "user"),
    ]


def test_an_alias_of_a_list_is_not_looked_into():
    text = "storage:\n  files: &f [{path: /a}]\n  directories: *f\n"
    config, decoder = decode(read(text))
    assert config["storage"]["directories"] == [{"path": "/a"}]
    assert not decoder.warnings


def test_merge_keys_work_and_are_warned_about():
    config, decoder = decode(read("passwd:\n  users:\n    - &u {name: a, uid: 1}\n    - {<<: *u, name: b}\n"))
    assert config["passwd"]["users"][1] == {"name": "b", "uid": 1}
    assert places(decoder.warnings) == [("passwd.users.1.<<", "unused key <<")]


@pytest.mark.parametrize(
    ("text", "place", "message"),
    [
        (
            "storage: {files: [{path: /a, path: /b}]}",
            "storage.files.0.path",
            'mapping key "path" already defined at line 1',
        ),
        ("storage: {[a]: 1}", "storage", "a key must be a single value, not a list"),
        ("storage: {<<: x}", "storage.<<", "map merge requires map or sequence of maps as the value"),
    ],
)
def test_malformed_mappings(text, place, message):
    assert places(decode(read(text))[1].errors) == [(place, message)]


def test_a_mapping_that_contains_itself_ends():
    raw = {"variant": "flatcar", "version": "1.1.0"}
    raw["storage"] = raw
    raw["files"] = [raw]
    assert translate(raw).config is None
