"""What a generation changed, in the words of a list."""

from __future__ import annotations

import json

import pytest
from ansible_collections.kindling.flatcar.plugins.module_utils._generation import outline

ENTRY = {"mode": "ram", "version": "1.0.0", "config": "c1", "macs": ["m"], "address": "10.0.0.1"}


@pytest.fixture
def generation(tmp_path):
    def write(name, nodes, networks=("10.0.0.0-24",)):
        for network in networks:
            (tmp_path / name / "web/reporters/token" / network).mkdir(parents=True)
        (tmp_path / name / "index.json").write_text(json.dumps({"nodes": nodes}))
        return outline.read(tmp_path / name)

    return write


def test_nodes_and_networks_that_come_and_go(generation):
    before = generation("before", {"a": ENTRY, "b": ENTRY})
    after = generation("after", {"b": ENTRY, "c": ENTRY, "d": ENTRY}, ["10.0.0.0-24", "10.9.0.0-16"])
    assert outline.changed(before, after) == "c, d added; a removed; network 10.9.0.0/16 added"


def test_releases_modes_and_the_rest_by_what_they_are(generation):
    before = generation("before", dict.fromkeys("abc", ENTRY))
    nodes = {name: ENTRY | {"version": "2.0.0", "config": "c2"} for name in "ab"}
    after = generation("after", nodes | {"c": ENTRY | {"mode": "disk", "macs": ["n"]}})
    assert outline.changed(before, after) == "a, b: release 1.0.0 -> 2.0.0, config; c: ram -> disk, MAC addresses"


def test_many_nodes_and_kinds_are_counted(generation):
    names = [f"n{number:03}" for number in range(60)]
    before = generation("before", dict.fromkeys(names, ENTRY))
    after = generation("after", {name: ENTRY | {"version": f"2.0.{int(name[1:]) % 6}"} for name in names})
    told = outline.changed(before, after)
    assert "other changes" in told
    assert len(told) < 600
    assert outline.changed(generation("none", {}), after).endswith("n009 and 50 more added")


def test_what_is_not_in_the_index_is_told_as_no_change_of_nodes(generation):
    assert (
        outline.changed(generation("one", {"a": ENTRY}), generation("two", {"a": ENTRY}))
        == "the nodes' entries are identical"
    )


@pytest.mark.parametrize("text", [None, "", "{", "[]", "{}"])
def test_without_an_index_there_is_nothing_to_tell(generation, tmp_path, text):
    (tmp_path / "old").mkdir()
    if text is not None:
        (tmp_path / "old/index.json").write_text(text)
    assert outline.read(tmp_path / "old") is None
    assert outline.changed(None, generation("after", {"a": ENTRY})) == ""


def test_control_characters_are_told_as_question_marks(generation):
    after = generation("after", {"a\x1b[2J": ENTRY, "b": ENTRY | {"version": "2\n3"}})
    assert outline.changed(generation("before", {"b": ENTRY}), after).isprintable()
