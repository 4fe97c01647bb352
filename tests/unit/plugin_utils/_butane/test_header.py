"""The header: lenient versions, unknown ones, other variants."""

from __future__ import annotations

import pytest
from ansible_collections.kindling.flatcar.plugins.plugin_utils._butane import translate
from ansible_collections.kindling.flatcar.plugins.plugin_utils._butane.header import (
    HeaderError,
    find_spec,
    normalized_version,
)
from ansible_collections.kindling.flatcar.plugins.plugin_utils._butane.schema import SPECS


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1.1.0", "1.1.0"),
        ("01.1.0", "1.1.0"),
        ("1.1.0-", "1.1.0"),
        ("1.1.0+", "1.1.0"),
        ("1.2.0-experimental", "1.2.0-experimental"),
        ("1.1.0+b.5", "1.1.0+b.5"),
        ("1.1", None),
        ("1.1.0.0", None),
        ("1.1.x", None),
        ("1.1.-1", None),
        ("1.1.0-a..b", None),
        ("1.1.9223372036854775808", None),
        ("", None),
        ("1.1.0\n", None),
        ("1.1.\u0660", None),
    ],
)
def test_versions(text, expected):
    assert normalized_version(text) == expected


@pytest.mark.parametrize(
    ("variant", "version", "field", "message"),
    [
        ("", "1.1.0", "variant", "error parsing variant; must be specified"),
        ("flatcar", "latest", "version", "error parsing version; must be a valid semver"),
        ("flatcar", "1.2.0", "version", "No translator exists for variant flatcar with version 1.2.0"),
        ("flatcar", "1.1.0+b", "version", "No translator exists for variant flatcar with version 1.1.0+b"),
        ("Flatcar", "1.1.0", "variant", "No translator exists for variant Flatcar with version 1.1.0"),
        ("fcos", "x", "version", "error parsing version; must be a valid semver"),
    ],
)
def test_refused_headers(variant, version, field, message):
    with pytest.raises(HeaderError) as caught:
        find_spec(variant, version, SPECS)
    assert (caught.value.field, caught.value.message) == (field, message)


@pytest.mark.parametrize(
    ("version", "ignition"), [("1.0.0", "3.3.0"), ("1.1.0", "3.4.0"), ("1.2.0-experimental", "3.7.0-experimental")]
)
def test_each_version_becomes_its_ignition(version, ignition):
    assert translate({"variant": "flatcar", "version": version}).config == {"ignition": {"version": ignition}}


@pytest.mark.parametrize("source", [None, [], "", "- a", 7, {}, {"variant": ["flatcar"]}, {"variant": "flatcar"}])
def test_no_header_no_config(source):
    result = translate(source)
    assert result.config is None
    assert len(result.report.errors) == 1
