"""The lexer of unit files, with its buffer."""

from __future__ import annotations

import pytest
from ansible_collections.kindling.flatcar.plugins.plugin_utils._butane.units import (
    LINE_MAX,
    Option,
    UnitError,
    has_install_option,
    options_of,
)
from hypothesis import example, given
from hypothesis import strategies as st


@pytest.mark.parametrize(
    ("text", "options"),
    [
        ("", []),
        ("no section at all", []),
        ("[Unit]", []),
        ("[Unit]\nA=1\n  B = 2\n", [("Unit", "A"), ("Unit", "B")]),
        ("[A]\nX=1\n[B]\nY=2", [("A", "X"), ("B", "Y")]),
        ("noise # [Not]\nA\n[Yes]\nX=1", [("Yes", "X")]),
        ("[two\nlines]\nA=1", [("two\nlines", "A")]),
        ("[A]\n# comment [B]\n; another\nX=1", [("A", "X")]),
        ("[A]\n# goes on \\\nX=1\nY=2", [("A", "Y")]),
        ("[A]\n# goes on \\ \nX=1\nY=2", [("A", "Y")]),
        ("[A]\nX=1 \\\nY=2\nZ=3", [("A", "X"), ("A", "Z")]),
        ("[A]\nX=1 \\\n# in the value\nZ=3", [("A", "X"), ("A", "Z")]),
        ("[A]\nX=\\\n\nZ=3", [("A", "X"), ("A", "Z")]),
        ("[A]\nX=1\\", [("A", "X")]),
        ("[A]\n=value", [("A", "")]),
        ("[A]\n\u3000X=1", [("A", "X")]),
        ("[A]\r\nX=1\r\n", [("A", "X")]),
        ("[A]\nX=\udcff\n", [("A", "X")]),
    ],
)
def test_options(text, options):
    assert options_of(text) == [Option(*option) for option in options]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[A", "unable to find end of section"),
        ("[A] x", 'found garbage after section name : "x"'),
        ("[A] # comment", 'found garbage after section name : "# comment"'),
        ("[A]\nX", "EOF"),
        ("[A]\nX\n", "unexpected newline encountered while parsing option name"),
        ("[A]\nX\r=1", "unexpected newline encountered while parsing option name"),
        ("[A]\nX=" + "1" * LINE_MAX, "line too long (max 2048 bytes)"),
        ("x" * (LINE_MAX + 1), "line too long (max 2048 bytes)"),
        ("[A]\n" + "X" * LINE_MAX + "=1", "line too long (max 2048 bytes)"),
    ],
)
def test_refused(text, message):
    with pytest.raises(UnitError) as caught:
        options_of(text)
    assert str(caught.value) == message


def test_a_long_line_far_from_the_start_passes():
    """Reading a line tops the buffer up only when that line is not in it."""
    filler = "[A]\n" + "X=1\n" * 1000
    assert len(options_of(filler + "Y=" + "1" * 3000)) == 1001
    with pytest.raises(UnitError, match="line too long"):
        options_of("[A]\n" + "X=1\n" * 100 + "Y=" + "1" * 4000)


def test_a_line_longer_than_the_buffer_may_pass_too():
    filler = "[A]\n" + "X=1\n" * 1000
    assert options_of(filler + "# " + "c" * 10_000 + "\nY=1")[-1] == Option("A", "Y")


@pytest.mark.parametrize("shift", range(4))
def test_characters_across_the_end_of_the_buffer(shift):
    text = "[A]\n" + "#" * 100 + "\n" + "X=1\n" * 997 + "\n" * shift + "\u3000\u3000Yé=1\n"
    assert options_of(text)[-1] == Option("A", "Yé".encode().decode("utf-8", "surrogateescape"))


@pytest.mark.parametrize("length", [LINE_MAX - 1, LINE_MAX])
def test_the_limit_is_exact(length):
    line = "X=" + "1" * (length - 2)
    if length < LINE_MAX:
        assert options_of(f"[A]\n{line}\n") == [Option("A", "X")]
    else:
        with pytest.raises(UnitError, match="line too long"):
            options_of(f"[A]\n{line}\n")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[Install]\nWantedBy=x", True),
        ("[Install]\n", False),
        ("[install]\nWantedBy=x", False),
        ("[Unit]\nA=1", False),
    ],
)
def test_install_section(text, expected):
    assert has_install_option(text) is expected


@given(st.text(alphabet="[]#;=\\ \n\r\tAé\u2028\udcff", max_size=60))
@example("[A]\n\udce2")
def test_any_text_lexes_or_is_refused(text):
    try:
        options_of(text)
    except UnitError as refusal:
        assert str(refusal)


@given(st.lists(st.sampled_from(["[A]\n", "X=1\n", "#c\n", "y" * 900, "\n", "é" * 500, "=", "\\\n"]), max_size=30))
def test_long_texts_too(parts):
    text = "".join(parts)
    try:
        options_of(text)
    except UnitError as refusal:
        assert str(refusal)
