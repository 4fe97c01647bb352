"""Which values a typed field accepts: from a mapping, and from YAML text where what was written counts."""

from __future__ import annotations

import datetime

import pytest
from ansible_collections.kindling.flatcar.plugins.plugin_utils._butane.structure import Scalar
from ansible_collections.kindling.flatcar.plugins.plugin_utils._butane.values import (
    WrongTypeError,
    convert,
    describe,
    is_null,
    is_plain,
)
from ansible_collections.kindling.flatcar.plugins.plugin_utils._butane.yaml_text import read
from hypothesis import given
from hypothesis import strategies as st

LARGEST, SMALLEST = (1 << 63) - 1, -(1 << 63)


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("text", "text"),
        ("", ""),
        (1000, "1000"),
        (True, "true"),
        (False, "false"),
        (3.5, "3.5"),
        (datetime.date(2026, 1, 2), "2026-01-02"),
        (b"caf\xc3\xa9", "café"),
        (b"\xff", "\udcff"),
    ],
)
def test_strings(raw, expected):
    assert convert(raw, Scalar.STRING) == expected


class Tagged(str):
    """As Ansible marks its strings."""


@given(st.one_of(st.text(st.characters()), st.text().map(Tagged), st.integers(), st.none()), st.sampled_from(Scalar))
def test_a_plain_value_is_converted_to_itself(raw, wanted):
    if is_plain(raw, wanted):
        assert convert(raw, wanted) is raw


def test_most_values_are_plain_and_no_marked_ones():
    assert is_plain("text", Scalar.STRING)
    assert not is_plain(Tagged("text"), Scalar.STRING)
    assert type(convert(Tagged("text"), Scalar.STRING)) is str


@pytest.mark.parametrize("raw", [["a"], {"a": 1}, (), object(), "\ud800", 1 << 80])
def test_no_strings(raw):
    with pytest.raises(WrongTypeError):
        convert(raw, Scalar.STRING)


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (0, 0),
        (-5, -5),
        (LARGEST, LARGEST),
        (420.9, 420),
        (-420.9, -420),
        (float("-inf"), SMALLEST),
        (SMALLEST - 1, SMALLEST),
        (float(1 << 63), SMALLEST),
    ],
)
def test_integers(raw, expected):
    assert convert(raw, Scalar.INT) == expected


@pytest.mark.parametrize("raw", [True, "0644", "", LARGEST + 1, float("nan"), float("inf"), 1e30, [], {}])
def test_no_integers(raw):
    with pytest.raises(WrongTypeError):
        convert(raw, Scalar.INT)


@pytest.mark.parametrize("word", ["y", "Y", "yes", "Yes", "YES", "on", "On", "ON"])
def test_words_for_true(word):
    assert convert(word, Scalar.BOOL) is True


@pytest.mark.parametrize("word", ["n", "N", "no", "No", "NO", "off", "Off", "OFF"])
def test_words_for_false(word):
    assert convert(word, Scalar.BOOL) is False


@pytest.mark.parametrize("raw", ["true", "false", "yEs", "", 0, 1, 1.0, [], {}])
def test_no_booleans(raw):
    with pytest.raises(WrongTypeError):
        convert(raw, Scalar.BOOL)


@pytest.mark.parametrize("written", ["1000", "0644", "true", "3.50", "2026-01-02", "1_000", "0x1F"])
def test_text_keeps_what_was_written(written):
    assert convert(read(written), Scalar.STRING) == written


def test_values_of_text_count_for_other_types():
    assert convert(read("0644"), Scalar.INT) == 0o644
    assert convert(read("'yes'"), Scalar.BOOL) is True


@pytest.mark.parametrize("raw", [None, read("~"), read("null")])
def test_null(raw):
    assert is_null(raw)


@pytest.mark.parametrize("raw", ["", 0, False, [], read("''")])
def test_not_null(raw):
    assert not is_null(raw)


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (None, "null"),
        ({}, "a mapping"),
        ([], "a list"),
        (True, "true"),
        ("x", "the string 'x'"),
        (4, "the number 4"),
        (object, "a value of type type"),
        (read("'x'"), "the string 'x'"),
    ],
)
def test_descriptions(raw, expected):
    assert describe(raw) == expected


def test_a_long_value_is_not_repeated_in_a_message():
    assert len(describe("x" * 10_000)) < 100
