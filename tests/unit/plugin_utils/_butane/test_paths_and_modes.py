"""Cleaning paths as Go does, and modes that were meant to be octal."""

from __future__ import annotations

import pytest
from ansible_collections.kindling.flatcar.plugins.plugin_utils._butane.modes import looks_decimal
from ansible_collections.kindling.flatcar.plugins.plugin_utils._butane.paths import clean, join
from hypothesis import given
from hypothesis import strategies as st


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("", "."),
        ("/", "/"),
        ("//a", "/a"),
        ("///a", "/a"),
        ("/a/", "/a"),
        ("/a/./b", "/a/b"),
        ("/a/../b", "/b"),
        ("/..", "/"),
        ("a/..", "."),
        ("../a", "../a"),
    ],
)
def test_clean(path, expected):
    assert clean(path) == expected


@given(st.text(alphabet="/.a", max_size=20))
def test_cleaning_again_changes_nothing(path):
    assert clean(clean(path)) == clean(path)


def test_join_goes_on_where_python_would_start_anew():
    assert join("/etc", "/passwd") == "/etc/passwd"
    assert join("", "a") == "a"


@pytest.mark.parametrize("mode", [644, 600, 755, 640, 4755, 440, 400, 700, 777])
def test_decimal_file_modes(mode):
    assert looks_decimal(mode, directory=False)


@pytest.mark.parametrize("mode", [0, 0o644, 0o755, 0o600, 0o4755, 0o777, 888, 1755, 12345, -644, 10])
def test_other_file_modes(mode):
    assert not looks_decimal(mode, directory=False)


@pytest.mark.parametrize("mode", [755, 700, 1777, 2775, 750])
def test_decimal_directory_modes(mode):
    assert looks_decimal(mode, directory=True)


@pytest.mark.parametrize("mode", [0o755, 0o700, 644, 4755, 600])
def test_other_directory_modes(mode):
    assert not looks_decimal(mode, directory=True)
