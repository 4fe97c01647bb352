"""Configs in configs: JSON as Go reads it, and the rules inside."""

from __future__ import annotations

import json

import pytest
from ansible_collections.kindling.flatcar.plugins.plugin_utils._butane import translate


def report(inner, version="1.1.0", where="merge"):
    text = inner if isinstance(inner, str) else json.dumps(inner)
    resource = {"inline": text}
    config = {"merge": [resource]} if where == "merge" else {"replace": resource}
    result = translate({"variant": "flatcar", "version": version, "ignition": {"config": config}})
    return [(entry.severity, entry.path, entry.message.partition(" (in the config at")[0]) for entry in result.report]


def inner(**sections):
    return {"ignition": {"version": "3.4.0"}, **sections}


def test_a_valid_one():
    assert report(inner(storage={"files": [{"path": "/a", "mode": 420}]})) == []


def test_names_match_in_any_case_but_are_noticed():
    assert report(inner(Storage={"files": [{"PATH": "rel"}]})) == [
        ("error", "$.storage.files.0.path", "path not absolute"),
        ("warning", "$.Storage", "unused key Storage"),
        ("warning", "$.storage.files.0.PATH", "unused key PATH"),
    ]


@pytest.mark.parametrize("where", ["merge", "replace"])
def test_rules_duplicates_and_unknown_keys(where):
    config = inner(
        storage={"disks": [{"device": "/dev/a", "partitions": [{"sizeMiB": 1, "label": "a:b"}]}]},
        passwd={"users": [{"name": "a"}, {"name": "a"}]},
        extra=1,
    )
    assert report(config, where=where) == [
        ("error", "$.storage.disks.0.partitions.0.label", "partition label will be truncated to text before the colon"),
        ("error", "$.passwd.users.1", "duplicate entry defined"),
        ("warning", "$.extra", "unused key extra"),
    ]


def test_paths_have_the_names_of_json():
    assert report(inner(ignition={"version": "3.4.0", "proxy": {"httpProxy": "x"}})) == [
        ("error", "$.ignition.proxy.httpProxy", "proxies must be http(s)")
    ]


def test_the_place_is_that_of_the_text():
    text = (
        "variant: flatcar\nversion: 1.1.0\nignition:\n  config:\n    replace:\n"
        '      inline: \'{"ignition": {"version": "3.4.0"}, "storage": {"files": [{"path": "a"}]}}\'\n'
    )
    (entry,) = translate(text).report
    assert entry.origin[1:] == (6, 15)
    assert entry.message == "path not absolute (in the config at $.ignition.config.replace.inline)"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "not json",
        "[]",
        '{"a": NaN}',
        '{"a": 1} trailing',
        '{"storage": []}',
        '{"storage": {"files": {}}}',
        '{"storage": {"files": [{"mode": 420.0}]}}',
        '{"storage": {"files": [{"mode": "420"}]}}',
        '{"storage": {"files": [{"mode": ' + "9" * 5000 + "}]}}",
        '{"storage": {"files": [{"path": 1}]}}',
        '{"storage": {"files": [{"overwrite": "yes"}]}}',
        '{"x": ' + "[" * 100_000,
    ],
)
def test_what_is_not_the_json_of_a_config(text):
    assert [entry[:2] for entry in report(text)] == [("error", "$"), ("error", "$.ignition.config.merge.0.inline")]


def test_null_is_nothing():
    assert report('{"ignition": {"version": "3.4.0"}, "storage": null, "passwd": {"users": [null]}}') == []


def test_another_version_is_not_looked_into():
    message = "skipping validation for the merge/replace ignition config due to an unkown version"
    assert report({"ignition": {"version": "3.0.0"}, "storage": {"files": [{"path": "a"}]}}) == [
        ("warning", "$.ignition.config.merge.0.version", message)
    ]


def test_no_version_is_an_error_among_others():
    assert report({"storage": {"files": [{"path": "a"}]}}) == [
        ("error", "$.ignition.version", "invalid config version (couldn't parse)"),
        ("error", "$.storage.files.0.path", "path not absolute"),
    ]


def test_clevis_is_allowed_inside():
    luks = [{"name": "a", "device": "/dev/a", "clevis": {"tpm2": True}}]
    assert report(inner(storage={"luks": luks})) == []


def test_lone_surrogates_are_text_somehow():
    unit = {"name": "\ud800.service", "contents": "[\ud800]\nA=\udcff", "enabled": True}
    assert [entry[0] for entry in report(inner(systemd={"units": [unit]}))] == ["warning"]


def test_a_local_config_is_not_looked_into(tmp_path):
    (tmp_path / "inner").write_text("not json")
    config = {"ignition": {"config": {"merge": [{"local": "inner"}]}}}
    assert translate({"variant": "flatcar", "version": "1.1.0", **config}, files_dir=tmp_path).report.ok
