"""YAML text: what plain scalars mean, positions, keys, aliases, and the limits on what a text may stand for."""

from __future__ import annotations

import math

import pytest
from ansible_collections.kindling.flatcar.plugins.plugin_utils._butane import limits, translate, yaml_text
from ansible_collections.kindling.flatcar.plugins.plugin_utils._butane.report import Origin
from ansible_collections.kindling.flatcar.plugins.plugin_utils._butane.yaml_text import YamlError, read


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("~", None),
        ("Null", None),
        ("TRUE", True),
        ("False", False),
        ("yes", "yes"),
        ("0", 0),
        ("0644", 0o644),
        ("0o644", 0o644),
        ("-0644", -0o644),
        ("0x1F", 31),
        ("0b101", 5),
        ("+12", 12),
        ("1_000", 1000),
        ("089", 89.0),
        ("1.5", 1.5),
        (".5", 0.5),
        ("5.", 5.0),
        ("1e3", 1000.0),
        ("18446744073709551615", (1 << 64) - 1),
        ("18446744073709551616", float(1 << 64)),
        ("-.inf", -math.inf),
        ("1e999", "1e999"),
        ("0x" + "f" * 20, "0x" + "f" * 20),
        ("12:30", "12:30"),
        ("1.2.3", "1.2.3"),
        ("2026-01-02", "2026-01-02"),
        ("'12'", "12"),
        ("!!str 12", "12"),
        ("! 12", "12"),
        ("!!int '12'", 12),
        ("!!float 3", 3.0),
        ("!!binary aGk=", "hi"),
        ("!custom text", "text"),
    ],
)
def test_meaning_of_scalars(text, value):
    scalar = read(text)
    assert (scalar.value, type(scalar.value)) == (value, type(value))


def test_nan():
    assert math.isnan(read(".NaN").value)


def test_a_number_of_thousands_of_digits_is_text():
    assert read("1" * 5000).value == "1" * 5000


def test_only_the_first_document_counts():
    assert read("a\n---\n[unclosed").value == "a"


def test_nothing():
    assert read("# only a comment\n") is None


def test_an_alias_of_a_scalar_is_that_scalar():
    mapping = read("a: &x 5\n*x : *x\n")
    assert (mapping["5"].target.value, mapping["a"].value) == (5, 5)


def test_positions_count_from_one_and_in_characters():
    mapping = read("a:\n  é: [x, {b: c}]\n")
    inner = mapping["a"]
    (key,) = inner
    assert mapping.origin == Origin("<text>", 1, 1)
    assert key.origin == Origin("<text>", 2, 3)
    assert inner["é"][1].origin == Origin("<text>", 2, 10)
    assert inner["é"][1]["b"].origin == Origin("<text>", 2, 14)


def test_places_are_made_when_somebody_asks(monkeypatch):
    made = []
    monkeypatch.setattr(yaml_text, "Origin", lambda *place: made.append(place) or Origin(*place))
    mapping = read("a: [1, {b: 2}]\nc: &x 3\nd: *x\n")
    assert not made
    assert mapping["a"].origin == Origin("<text>", 1, 4)
    assert made == [("<text>", 1, 4)]


def test_keys_that_are_repeated_are_kept_apart():
    mapping = read("a: 1\nb: 2\na: 3\nb: 4\na: 5\n")
    assert {key: value.value for key, value in mapping.items()} == {"a": 1, "b": 2}
    assert [(key, key.origin.line) for key in mapping.repeated] == [("a", 3), ("b", 4), ("a", 5)]


def test_explicit_keys_win_over_merged_ones_and_near_ones_over_far():
    mapping = read("- &a {x: 1, y: 1}\n- &b {y: 2, z: 2}\n- {<<: [*a, *b], x: 3}\n")[2]
    assert {key: value.value for key, value in mapping.items()} == {"x": 3, "y": 1, "z": 2}
    assert list(mapping.own) == ["<<", "x"]


@pytest.mark.parametrize(
    "text",
    [
        "a: [",
        "a: @x",
        "*nowhere",
        "&a [*a]",
        "&a {b: *a}",
        "!!int x",
        "!!binary '!'",
        "\x00",
        "a: \x07",
        b"\xff\xfe\xff",
        "\ud800",
    ],
)
def test_what_is_not_yaml(text):
    with pytest.raises(YamlError) as caught:
        read(text)
    assert caught.value.message


@pytest.mark.parametrize("text", ["[" * 100_000, "{a: " * 100_000, "- " * 100_000, "? " * 100_000])
def test_depth_is_limited(text):
    # The parser's own limit, where it has one, comes before ours
    with pytest.raises(YamlError, match=r"nested deeper|nesting depth"):
        read(text)


def test_size_is_limited(monkeypatch):
    monkeypatch.setattr(yaml_text, "MAX_TEXT_BYTES", 10)
    with pytest.raises(YamlError, match="longer than 10 bytes"):
        read("a: 123456789")


def test_the_number_of_values_is_limited(monkeypatch):
    monkeypatch.setattr(yaml_text, "MAX_VALUES", 100)
    with pytest.raises(YamlError, match="more than 100 values"):
        read("[" + "a," * 200 + "]")


def test_merging_is_paid_for(monkeypatch):
    monkeypatch.setattr(yaml_text, "MAX_VALUES", 1000)
    base = "- &b {" + ", ".join(f"k{n}: 1" for n in range(100)) + "}\n"
    read(base)
    with pytest.raises(YamlError, match="more than 1000 values"):
        read(base + "- {<<: *b}\n" * 20)


def test_aliases_of_aliases_stand_for_more_than_is_allowed(monkeypatch):
    """A text of 500 bytes that means a billion users."""
    monkeypatch.setattr(limits, "MAX_VALUES", 10_000)
    lines = ["variant: flatcar", "version: 1.1.0", "storage:", "  disks:", "    - &d0", "      device: /dev/a"]
    lines += ["      partitions: &p [" + "{number: 1}, " * 100 + "]"]
    lines += ["    - {device: /dev/b, partitions: *p}"] * 200
    result = translate("\n".join(lines))
    assert result.config is None
    assert "holds more than" in result.report.errors[0].message


def test_both_loaders_compose_the_same(monkeypatch):
    """PyYAML may lack its C parser."""
    text = "a: [1, &x {b: 'c', d: *y}, ~]\n".replace("*y", "1.5") + "e: *x\n"
    fast = repr_of(read(text))
    monkeypatch.setattr(yaml_text, "_LOADER", yaml_text.yaml.SafeLoader)
    assert repr_of(read(text)) == fast


def test_without_the_library_only_mappings_are_read(monkeypatch):
    monkeypatch.setattr(yaml_text, "yaml", None)
    (entry,) = translate("variant: flatcar\nversion: 1.1.0\n").report
    assert entry.message.endswith("needs the Python library PyYAML")
    assert translate({"variant": "flatcar", "version": "1.1.0"}).config


def repr_of(value):
    if isinstance(value, yaml_text.Mapping):
        return value.origin, [(key, key.origin, repr_of(member)) for key, member in value.items()]
    if isinstance(value, yaml_text.Sequence):
        return value.origin, [repr_of(element) for element in value]
    if isinstance(value, yaml_text.Alias):
        return value.origin, repr_of(value.target)
    return value.origin, value.text, value.value
