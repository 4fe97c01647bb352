"""Which configs a release's Ignition reads."""

from __future__ import annotations

import pytest
from ansible_collections.kindling.flatcar.plugins.plugin_utils._butane.schema import SPECS
from ansible_collections.kindling.flatcar.plugins.plugin_utils._node.releases import (
    SPEC_OF_BUTANE,
    ignition_of,
    why_unreadable,
)

EXPERIMENTAL = "1.2.0-experimental"


@pytest.mark.parametrize(
    ("version", "channel", "ignition"),
    [
        ("4081.3.10", "lts", "2.19.0"),
        ("4230.2.4", "stable", "2.20.0"),
        ("4459.2.4", "stable", "2.22.0"),
        ("4593.2.5", "stable", "2.24.0"),
        ("current", "stable", "2.24.0"),
        ("current", "beta", "2.24.0"),
        ("current", "alpha", "2.24.0"),
        ("current", "lts", "2.19.0"),
        ("current", "lts-2024", "2.19.0"),
        ("4820.0.0", "alpha", "2.26.0"),
    ],
)
def test_ignition_by_release(version, channel, ignition):
    assert ignition_of(version, channel).version == ignition


def test_nothing_is_said_of_releases_out_of_support():
    assert ignition_of("3510.3.8", "lts") is None
    assert why_unreadable(EXPERIMENTAL, "3510.3.8", "lts") is None


@pytest.mark.parametrize("version", ["4081.3.10", "4593.2.5", "4820.0.0", "current"])
def test_stable_versions_of_butane_fit_every_supported_release(version):
    assert why_unreadable("1.0.0", version, "stable") is None
    assert why_unreadable("1.1.0", version, "stable") is None


@pytest.mark.parametrize(
    ("version", "channel", "message"),
    [
        ("4081.3.10", "lts", "but Ignition 2.19.0 of release 4081.3.10 reads up to 3.4 and 3.5.0-experimental"),
        ("4593.2.5", "stable", "but Ignition 2.24.0 of release 4593.2.5 reads up to 3.5 and 3.6.0-experimental"),
        ("current", "alpha", "but Ignition 2.24.0 of alpha's current release reads up to"),
    ],
)
def test_the_experimental_one_fits_only_the_newest(version, channel, message):
    assert message in why_unreadable(EXPERIMENTAL, version, channel)
    assert why_unreadable(EXPERIMENTAL, "4820.0.0", "alpha") is None


def test_versions_that_butane_does_not_have_are_left_to_the_transpiler():
    assert why_unreadable("9.9.9", "4593.2.5", "stable") is None


def test_the_table_has_the_versions_that_the_transpiler_has():
    assert {spec.version: spec.ignition for spec in SPECS} == SPEC_OF_BUTANE
