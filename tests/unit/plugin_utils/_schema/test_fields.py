"""Tables of variables: every mistake at its own place, and none of their values where they are secret."""

from __future__ import annotations

import pickle
import sys

import pytest
from ansible.errors import AnsibleError
from ansible_collections.kindling.flatcar.plugins.plugin_utils._schema import fields
from ansible_collections.kindling.flatcar.plugins.plugin_utils._schema.fields import (
    Field,
    ListOf,
    MappingOf,
    Record,
    read_fields,
)

POINT = Record((Field("x", fields.integer(0, 9), "x", required=True), Field("y", fields.integer(0, 9), "y", default=0)))


def read(reader, value, **traits):
    typed, problems = read_fields((Field("v", reader, "a value", **traits),), {"v": value}, "host")
    return typed["v"], [(problem.path, problem.message) for problem in problems]


def test_records_and_lists_are_typed():
    assert read(ListOf(POINT), [{"x": 1}, {"x": 2, "y": 3}]) == (({"x": 1, "y": 0}, {"x": 2, "y": 3}), [])
    assert read(fields.one_or_more(POINT), {"x": 1}) == (({"x": 1, "y": 0},), [])
    assert read(MappingOf(fields.line, POINT), {"a": {"x": 1}}) == ({"a": {"x": 1, "y": 0}}, [])


def test_every_mistake_inside_is_told_at_its_place():
    _, problems = read(ListOf(POINT), [{"x": 10, "z": 1}, "no", {"y": "1"}])
    assert problems == [
        ("v[0].x", "expected a whole number from 0 to 9, got 10"),
        ("v[0].z", "unknown option; known are x, y"),
        ("v[1]", "expected a mapping with x, got 'no'"),
        ("v[2].x", "missing: x"),
        ("v[2].y", "expected a whole number from 0 to 9, got '1'"),
    ]


def test_a_secret_row_hides_what_is_inside():
    assert read(ListOf(POINT), [{"x": "hidden"}], secret=True)[1] == [("v[0].x", "expected a whole number from 0 to 9")]


def test_long_values_are_cut_and_containers_left_out():
    assert read(fields.boolean, "x" * 200)[1] == [("v", f"expected true or false, got '{'x' * 79}...")]
    assert read(fields.boolean, ["x"])[1] == [("v", "expected true or false")]


def test_what_ansible_cannot_place_is_placed_by_its_key():
    key = "v"
    _, (problem,) = read_fields((Field("v", fields.text, "a text"),), {key: True}, "host")
    assert problem.value is key


def test_off_is_off_even_where_yaml_says_false():
    assert read(fields.choice("on", "off"), False) == ("off", [])
    assert read(fields.choice("yes", "no"), False)[1] == [("v", "expected yes or no, got False")]


@pytest.mark.parametrize(
    ("reader", "value", "text"),
    [
        (fields.address_range, "10.0.0.10-10.0.0.20", "10.0.0.10-10.0.0.20"),
        (fields.address_range, "10.0.0.10", "10.0.0.10"),
        (fields.server, "ntp.example.com", "ntp.example.com"),
        (fields.server, "fd00:0::1", "fd00::1"),
        (fields.interface_address, "10.0.0.1/24", "10.0.0.1/24"),
    ],
)
def test_readers(reader, value, text):
    assert str(reader(value)) == text


@pytest.mark.parametrize(
    ("reader", "value"),
    [
        (fields.address_range, "10.0.0.20-10.0.0.10"),
        (fields.address_range, 7),
        (fields.server, "a_b"),
        (fields.server, 10),
        (fields.line, "a\nb"),
        (fields.line, ""),
        (fields.text, 5),
        (fields.url, "ftp://x/"),
        (fields.sha256, "abc"),
        (fields.word("mount point"), "/a//b"),
        (fields.word("mount point"), "/"),
        (fields.interface_address, "10.0.0.1"),
        (fields.any_address, "10.0.0"),
        (fields.mapping, []),
        (fields.integer(0, 5), True),
    ],
)
def test_readers_refuse(reader, value):
    with pytest.raises(ValueError, match=r"^expected "):
        reader(value)


def test_a_controller_without_netaddr_is_told_so_once_in_one_sentence(monkeypatch):
    """The error comes back whole out of the processes that read nodes."""
    monkeypatch.setattr(fields, "netaddr", None)
    with pytest.raises(AnsibleError) as missing:
        fields.mac("52:54:00:12:34:56")
    sentence = f"{sys.executable} -m pip install netaddr"
    assert str(missing.value).endswith(sentence)
    assert str(pickle.loads(pickle.dumps(missing.value))).endswith(sentence)  # noqa: S301  # our own
