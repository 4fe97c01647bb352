"""The output: what vanishes, what stays, and its text."""

from __future__ import annotations

import json

import pytest
from ansible_collections.kindling.flatcar.plugins.plugin_utils._butane import dumps, translate
from hypothesis import given
from hypothesis import strategies as st

HEADER = {"variant": "flatcar", "version": "1.1.0"}


def translated(**sections):
    result = translate({**HEADER, **sections})
    assert result.report.ok, str(result.report)
    del result.config["ignition"]["version"]
    return {section: value for section, value in result.config.items() if value}


@pytest.mark.parametrize(
    "empty",
    [
        {"storage": {}},
        {"storage": {"files": []}},
        {"systemd": {"units": None}},
        {"ignition": {"proxy": {"no_proxy": []}, "security": {"tls": {}}}},
        {"kernel_arguments": {"should_exist": []}},
    ],
)
def test_what_is_empty_vanishes(empty):
    assert translated(**empty) == {}


def test_empty_objects_stay_in_lists():
    files = [{"path": "/a", "contents": {}, "append": [{}], "user": {}}]
    assert translated(storage={"files": files})["storage"]["files"] == [{"path": "/a", "append": [{}]}]


def test_zero_false_and_nothing_stay():
    users = [{"name": "", "uid": 0, "system": False, "gecos": ""}]
    assert translated(passwd={"users": users})["passwd"]["users"] == users


def test_required_names_are_written_if_absent():
    assert translated(passwd={"groups": [{"gid": 5}]})["passwd"]["groups"] == [{"gid": 5, "name": ""}]


def test_zero_partition_numbers_are_left_out():
    partitions = [{"number": 0, "label": "a"}, {"number": 2}]
    disks = translated(storage={"disks": [{"device": "/dev/a", "partitions": partitions}]})["storage"]["disks"]
    assert disks[0]["partitions"] == [{"label": "a"}, {"number": 2}]


def test_what_is_not_utf8_becomes_a_replacement_character():
    contents = b"[A]\nX=\xe2\x82 \xff \xe2\x82\xac"
    unit = translated(systemd={"units": [{"name": "a.service", "contents": contents}]})["systemd"]["units"][0]
    assert unit["contents"] == "[A]\nX=\ufffd\ufffd \ufffd €"


def test_dumps_is_json_with_html_escaped():
    config = {"a": '<&>\u2028\u2029 é \\ "', "b": [], "c": {"d": 1}}
    text = dumps(config)
    assert json.loads(text) == config
    assert "\\u003c\\u0026\\u003e\\u2028\\u2029 é" in text
    assert text.endswith("}\n")
    assert '\n  "c": {\n    "d": 1\n  }' in text


json_values = st.recursive(
    st.one_of(st.text(), st.integers(), st.booleans()),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=5), inner, max_size=4)),
)


@given(st.dictionaries(st.text(max_size=5), json_values, max_size=4))
def test_dumps_is_what_pythons_own_encoder_prints(config):
    printed = json.dumps(config, indent=2, ensure_ascii=False)
    for character in "<>&\u2028\u2029":
        printed = printed.replace(character, f"\\u{ord(character):04x}")
    assert dumps(config) == printed + "\n"
