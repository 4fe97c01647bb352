"""The table itself: what every row promises."""

from __future__ import annotations

import importlib

import pytest
from ansible_collections.kindling.flatcar.plugins.plugin_utils._butane import translate
from ansible_collections.kindling.flatcar.plugins.plugin_utils._butane.check import rule_findings
from ansible_collections.kindling.flatcar.plugins.plugin_utils._butane.decode import Decoder
from ansible_collections.kindling.flatcar.plugins.plugin_utils._butane.limits import Budget
from ansible_collections.kindling.flatcar.plugins.plugin_utils._butane.schema import (
    CONFIG,
    DEFAULT_VERSION,
    NODE_FIELDS,
    SPECS,
)
from ansible_collections.kindling.flatcar.plugins.plugin_utils._butane.structure import (
    Form,
    Scalar,
    Scope,
    Spec,
    Structure,
    fields_of,
    shape_of,
    walk,
)


def structures(root: Structure = CONFIG):
    yield root
    for field in root.fields:
        if isinstance(field.type, Structure):
            yield from structures(field.type)


ALL = list({id(struct): struct for struct in structures()}.values())


def go_name(json_name: str) -> str:
    """How Go names the field of a JSON name, on which the order of the output rests."""
    special = {"ssh": "SSH", "uid": "UID", "gid": "GID", "uuid": "UUID", "url": "URL", "guid": "GUID"}
    for prefix, upper in special.items():
        if json_name == prefix or (prefix == "ssh" and json_name.startswith(prefix)):
            return upper + json_name[len(prefix) :]
    return json_name[0].upper() + json_name[1:]


@pytest.mark.parametrize("struct", ALL, ids=lambda struct: struct.name)
def test_rows_stand_in_the_order_of_the_output(struct):
    names = [go_name(field.json_name) for field in struct.fields if field.form is not Form.BUTANE]
    own = names[len(NODE_FIELDS) :] if struct.fields[: len(NODE_FIELDS)] == NODE_FIELDS else names
    assert own == sorted(own)


@pytest.mark.parametrize("struct", ALL, ids=lambda struct: struct.name)
def test_names_are_unique_and_snake_case(struct):
    names = [field.name for field in struct.fields]
    assert len(set(names)) == len(names)
    assert all(name == name.lower() and " " not in name for name in names)


@pytest.mark.parametrize("struct", ALL, ids=lambda struct: struct.name)
def test_fields_begin_in_a_version_that_exists(struct):
    assert {field.since for field in struct.fields} <= {spec.version for spec in SPECS}


def test_the_default_is_a_version():
    assert DEFAULT_VERSION in {spec.version for spec in SPECS}


@pytest.mark.parametrize(
    ("name", "json_name"),
    [
        ("size_mib", "sizeMiB"),
        ("start_mib", "startMiB"),
        ("type_guid", "typeGuid"),
        ("ssh_authorized_keys", "sshAuthorizedKeys"),
        ("http_headers", "httpHeaders"),
        ("path", "path"),
    ],
)
def test_names_in_json(name, json_name):
    assert json_name in {field.json_name for struct in ALL for field in struct.fields if field.name == name}


def test_a_new_version_is_a_row(monkeypatch):
    row = Spec("1.3.0", ignition="3.8.0")
    monkeypatch.setattr(importlib.import_module(translate.__module__), "SPECS", (*SPECS, row))
    config = {
        "variant": "flatcar",
        "version": "1.3.0",
        "storage": {"luks": [{"device": "/dev/a", "cex": {"enabled": True}}]},
    }
    assert translate(config).checked() == {
        "ignition": {"version": "3.8.0"},
        "storage": {"luks": [{"cex": {"enabled": True}, "device": "/dev/a", "name": ""}]},
    }


NEWER = {
    "1.0.0": {"contents_local", "ssh_authorized_keys_local", "discard", "open_options", "advertisement"},
    "1.1.0": {"quadlets", "cex", "dir_mode", "file_mode"},
}


@pytest.mark.parametrize(("older", "newer"), [("1.0.0", "1.1.0"), ("1.1.0", "1.2.0-experimental")])
def test_a_version_adds_these_fields(older, newer):
    specs = {spec.version: spec for spec in SPECS}
    added = {
        field.name
        for struct in ALL
        for field in set(fields_of(struct, specs[newer], Form.BUTANE))
        - set(fields_of(struct, specs[older], Form.BUTANE))
    }
    assert NEWER[older] <= added
    assert added - NEWER[older] <= {"user", "group"}  # of trees


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.version)
@pytest.mark.parametrize("struct", ALL, ids=lambda struct: struct.name)
def test_the_walker_reads_every_row(struct, spec):
    """One value for each field, in a list where the row says so, comes through as it is."""
    sample = {Scalar.STRING: "s", Scalar.INT: 1, Scalar.BOOL: True}
    raw = {}
    for field in fields_of(struct, spec, Form.BUTANE):
        value = {} if isinstance(field.type, Structure) else sample[field.type]
        raw[field.name] = [value] if field.many else value
    decoder = Decoder(spec, Budget())
    assert decoder.decode(struct, raw) == raw
    assert not decoder.errors
    assert not decoder.warnings


@pytest.mark.parametrize("struct", ALL, ids=lambda struct: struct.name)
def test_what_is_required_is_missed(struct):
    """And the rules of other fields are not asked about None."""
    required = {field.name for field in struct.fields if field.required}
    for spec in SPECS:
        found = rule_findings([(shape_of(struct, spec, Form.IGNITION), {}, ())], Scope(spec))
        assert required <= {finding.where[0] for finding in found if finding.where}


def test_walks_pass_over_objects_that_nothing_is_asked_of():
    config = {
        "passwd": {"users": [{"name": "core"}]},
        "storage": {"files": [{"path": "/a", "user": {"id": 1}, "contents": {"verification": {"hash": "x"}}}]},
    }
    places = {form: [path for _shape, _obj, path in walk(CONFIG, config, SPECS[-1], form)] for form in Form}
    file = ("storage", "files", 0)
    assert places[Form.BUTANE] == [(), ("passwd",), ("passwd", "users", 0), ("storage",), file, (*file, "contents")]
    assert set(places[Form.IGNITION]) - set(places[Form.BUTANE]) == {(*file, "contents", "verification")}
