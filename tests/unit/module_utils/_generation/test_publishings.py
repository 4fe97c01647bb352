"""What a boot host remembers of its publishings, and what nobody has to believe of it."""

from __future__ import annotations

import json
import stat

import pytest
from ansible_collections.kindling.flatcar.plugins.module_utils._generation import publishings

A, B = "a" * 40, "b" * 40


def checkout(commit=A, says="s1", **changes):
    return {"who": "ada on desk", "commit": commit, "dirty": False, "says": says, "newest": 10.0, **changes}


def test_each_publishing_raises_the_number(tmp_path):
    for name in ("one", "two", "one"):
        publishings.add(tmp_path, name, checkout(says=name), "then")
    assert publishings.publishing_of(tmp_path, "one")["number"] == 3
    assert publishings.publishing_of(tmp_path, "two")["number"] == 2
    assert publishings.numbers(tmp_path) == {"one": 3, "two": 2}


def test_it_is_for_root_alone(tmp_path):
    publishings.add(tmp_path, "one", checkout(), "then")
    assert stat.S_IMODE((tmp_path / publishings.FILE).stat().st_mode) == 0o600


def test_a_publishing_is_noted_even_if_nothing_is_known_of_its_checkout(tmp_path):
    publishings.add(tmp_path, "one", {}, "then")
    found = publishings.publishing_of(tmp_path, "one")
    assert (found["number"], found["commit"], found["says"]) == (1, None, [])
    assert "an unknown user from an unknown commit" in publishings.in_words(found)


def test_what_comes_to_the_same_is_remembered_beside_who_published_it(tmp_path):
    publishings.add(tmp_path, "one", checkout(), "then")
    publishings.confirm(tmp_path, "one", checkout(B, "s2", who="bob on lap"), "later")
    found = publishings.publishing_of(tmp_path, "one")
    assert (found["commit"], found["who"], found["number"]) == (A, "ada on desk", 1)
    assert (found["again"]["commit"], found["again"]["who"]) == (B, "bob on lap")
    assert found["says"] == ["s1", "s2"]
    assert publishings.in_words(found) == (
        "published at then by ada on desk from commit aaaaaaaaaaaa (number 1); "
        "the same from commit bbbbbbbbbbbb at later by bob on lap"
    )


def test_what_was_never_published_is_not_confirmed(tmp_path):
    publishings.confirm(tmp_path, "one", checkout(), "then")
    assert not (tmp_path / publishings.FILE).exists()


def test_it_does_not_grow_without_end(tmp_path):
    for number in range(210):
        publishings.add(tmp_path, f"g{number}", checkout(), "then")
    for number in range(30):
        publishings.confirm(tmp_path, "g209", checkout(says=f"s{number}"), "then")
    kept = json.loads((tmp_path / publishings.FILE).read_text())
    assert (len(kept), kept[-1]["number"], len(kept[-1]["says"])) == (200, 210, 20)


@pytest.mark.parametrize(
    "text", ["", "{", "[1]", '[{"number": 1}]', "null", '{"a": 1}', '[{"number": "x", "says": 3}]']
)
def test_a_file_that_is_not_what_was_written_there_stops_nobody(tmp_path, text):
    (tmp_path / publishings.FILE).write_text(text)
    assert publishings.publishing_of(tmp_path, "one") is None
    assert publishings.numbers(tmp_path) == {}
    publishings.add(tmp_path, "one", checkout(), "then")
    assert publishings.publishing_of(tmp_path, "one")["number"] == 1


def test_no_text_of_others_reaches_a_terminal_as_it_is(tmp_path):
    publishings.add(tmp_path, "one", checkout(commit="--upload-pack=x", who="eve\x1b]0;x\x07\nRED\u202e"), "then")
    found = publishings.publishing_of(tmp_path, "one")
    assert found["commit"] is None
    assert found["who"] == "eve?]0;x??RED?"
    told = publishings.in_words({**found, "who": "e\x1b[31m", "at": "now\n", "commit": "\x1b" * 40})
    assert told.isprintable()
