"""Fragments merge by key: nothing is repeated, and nothing is lost by accident."""

from __future__ import annotations

import copy
import re

import pytest
from ansible_collections.kindling.flatcar.plugins.plugin_utils._butane import schema
from ansible_collections.kindling.flatcar.plugins.plugin_utils._butane.structure import Structure, fields_of
from ansible_collections.kindling.flatcar.plugins.plugin_utils._node.merge import (
    GROWING,
    KEYS,
    ONE_OF,
    SETS,
    MergeError,
    merge,
)
from hypothesis import given
from hypothesis import strategies as st


def files(*entries):
    return {"storage": {"files": list(entries)}}


@pytest.mark.parametrize(
    ("earlier", "later", "merged"),
    [
        pytest.param({"version": "1.1.0"}, {"version": "1.0.0"}, {"version": "1.0.0"}, id="a scalar: the later wins"),
        pytest.param(
            files({"path": "/a", "mode": 420, "contents": {"inline": "x"}}),
            files({"path": "/b"}, {"path": "/a", "contents": {"inline": "y"}}),
            files({"path": "/a", "mode": 420, "contents": {"inline": "y"}}, {"path": "/b"}),
            id="files by path, field by field, in the place of the first",
        ),
        pytest.param(
            {"systemd": {"units": [{"name": "a.service", "dropins": [{"name": "1.conf", "contents": "x"}]}]}},
            {"systemd": {"units": [{"name": "a.service", "enabled": True, "dropins": [{"name": "2.conf"}]}]}},
            {
                "systemd": {
                    "units": [
                        {
                            "name": "a.service",
                            "dropins": [{"name": "1.conf", "contents": "x"}, {"name": "2.conf"}],
                            "enabled": True,
                        }
                    ]
                }
            },
            id="units and their drop-ins by name",
        ),
        pytest.param(
            {"passwd": {"users": [{"name": "core", "ssh_authorized_keys": ["k1"], "groups": ["docker"]}]}},
            {"passwd": {"users": [{"name": "core", "ssh_authorized_keys": ["k2", "k1"]}]}},
            {"passwd": {"users": [{"name": "core", "ssh_authorized_keys": ["k1", "k2"], "groups": ["docker"]}]}},
            id="keys are a set that grows",
        ),
        pytest.param(
            {"storage": {"raid": [{"name": "md0", "devices": ["/dev/a", "/dev/b"]}]}},
            {"storage": {"raid": [{"name": "md0", "devices": ["/dev/c", "/dev/d"]}]}},
            {"storage": {"raid": [{"name": "md0", "devices": ["/dev/c", "/dev/d"]}]}},
            id="members of an array are a whole that is replaced",
        ),
        pytest.param(files({"mode": 1}), files({"mode": 2}), files({"mode": 1}, {"mode": 2}), id="no key, no match"),
        pytest.param({"storage": "x"}, files({"path": "/a"}), files({"path": "/a"}), id="another type replaces"),
        pytest.param(
            files({"path": "/a", "mode": 1}),
            files({"path": "/a", "mode": None}),
            files({"path": "/a", "mode": None}),
            id="null unsets a field",
        ),
        pytest.param(
            files({"path": "/a"}), {"storage": {"files": None}}, files({"path": "/a"}), id="null keeps a list"
        ),
        pytest.param(files({"path": "/a"}), {"storage": None}, files({"path": "/a"}), id="null keeps a section"),
        pytest.param(
            files({"path": "/a"}, {"path": "/b"}),
            files({"path": "/a", "$delete": True}),
            files({"path": "/b"}),
            id="an entry that is deleted",
        ),
        pytest.param(
            {"systemd": {"units": [{"name": "a.service", "dropins": [{"name": "1.conf"}]}]}},
            {"systemd": {"units": [{"name": "a.service", "dropins": [{"name": "1.conf", "$delete": True}]}]}},
            {"systemd": {"units": [{"name": "a.service", "dropins": []}]}},
            id="an entry inside of another that is deleted",
        ),
        pytest.param(
            {"passwd": {"users": [{"name": "core", "groups": ["docker", "sudo"]}]}},
            {"passwd": {"users": [{"name": "core", "groups": [{"$delete": "docker"}, "wheel"]}]}},
            {"passwd": {"users": [{"name": "core", "groups": ["sudo", "wheel"]}]}},
            id="a value that is deleted from a set",
        ),
    ],
)
def test_merge(earlier, later, merged):
    before = copy.deepcopy((earlier, later))
    assert merge(earlier, later) == merged
    assert (earlier, later) == before


@pytest.mark.parametrize(
    ("earlier", "later", "place", "message"),
    [
        ({}, files({"path": "/a", "$delete": True}), "storage.files[/a]", "no such entry to delete"),
        (files({"path": "/a"}), files({"path": "/b", "$delete": True}), "storage.files[/b]", "no such entry to delete"),
        (
            files({"path": "/a"}),
            files({"path": "/a", "$delete": False}),
            "storage.files[/a]",
            "has its path and $delete: true",
        ),
        (
            files({"path": "/a"}),
            files({"path": "/a", "mode": 1, "$delete": True}),
            "storage.files[/a]",
            "and nothing else",
        ),
        (files({"path": "/a"}), files({"$delete": True}), "storage.files[None]", "has its path"),
        (
            files({"path": "/a", "contents": {"inline": "x"}}),
            files({"path": "/a", "contents": {"$delete": True}}),
            "storage.files[/a].contents",
            "where no entry of a list can be deleted",
        ),
        ({}, {"$delete": True}, "", "where no entry of a list can be deleted"),
        ({}, files({"path": "/a", "contents": {"$delete": True}}), "storage.files[/a].contents", "where no entry"),
        (
            {"kernel_arguments": {"should_exist": ["a"]}},
            {"kernel_arguments": {"should_exist": [{"$delete": "b"}]}},
            "kernel_arguments.should_exist",
            "'b' is not in the inherited list",
        ),
        (
            {"kernel_arguments": {"should_exist": ["a"]}},
            {"kernel_arguments": {"should_exist": [{"$delete": "a", "b": 1}]}},
            "kernel_arguments.should_exist",
            "and nothing else",
        ),
        ({}, files({"path": "/a"}, {"path": "/a", "mode": 1}), "storage.files[/a]", "occurs twice in one list"),
    ],
)
def test_misuse_is_refused_and_left_out(earlier, later, place, message):
    found = []
    merged = merge(earlier, later, refuse=lambda *misuse: found.append(misuse))
    assert [(where, message in what) for where, what, _, _ in found] == [(place, True)]
    assert "$delete" not in str(merged)
    with pytest.raises(MergeError, match=re.escape(f"{place}: ")):
        merge(earlier, later)


paths = st.lists(st.sampled_from(["/a", "/b", "/c", "/d"]), unique=True)


@given(paths, paths)
def test_every_path_survives_exactly_once(earlier, later):
    merged = merge(files(*({"path": path} for path in earlier)), files(*({"path": path} for path in later)))
    assert sorted(entry["path"] for entry in merged["storage"]["files"]) == sorted({*earlier, *later})


NEWEST = schema.SPECS[-1]

#: Lists of plain values whose items differ, and whose order means something: the later one stands alone.
ORDERED = {"storage.luks.open_options", "storage.raid.devices"}


def members(struct=schema.CONFIG, place=""):
    """Every field of the newest Butane, by its place."""
    for field in fields_of(struct, NEWEST, schema.BUTANE):
        here = f"{place}.{field.name}".removeprefix(".")
        yield here, field
        if isinstance(field.type, Structure):
            yield from members(field.type, here)


MEMBERS = dict(members())


def key_of(field):
    """The field by which Butane tells objects of a list apart, or None."""
    if not field.unique:
        return None
    return next(
        (
            name
            for name in (inner.name for inner in fields_of(field.type, NEWEST, schema.BUTANE))
            if field.unique.key({name: "probe"}) == "probe"
        ),
        None,
    )


def test_every_list_of_objects_that_butane_keys_has_its_key_and_no_other_list_is_lost():
    lists = {place: field for place, field in MEMBERS.items() if field.many and isinstance(field.type, Structure)}
    keyed = {place: key_of(field) for place, field in lists.items() if field.unique}
    assert len(keyed) > 20
    assert {place: KEYS.get(place) for place in keyed} == keyed
    assert set(lists) == set(KEYS) | GROWING


def test_every_list_of_plain_values_that_differ_grows_or_has_an_order():
    plain = {
        place
        for place, field in MEMBERS.items()
        if field.many and field.unique and not isinstance(field.type, Structure)
    }
    assert plain | {"passwd.users.ssh_authorized_keys_local"} == SETS | ORDERED


def test_whatever_says_contents_in_several_ways_is_known():
    ways = ({"inline", "local", "source"}, {"contents", "contents_local"})
    found = {}
    for place, field in MEMBERS.items():
        if isinstance(field.type, Structure):
            names = {inner.name for inner in fields_of(field.type, NEWEST, schema.BUTANE)}
            found[place] = next((one for one in ways if one <= names), None)
    found = {place: one for place, one in found.items() if one}
    assert {place: set(words) for place, words in ONE_OF.items()} == found


def nested(place, value):
    for step in reversed(place.split(".")):
        value = {step: value}
    return value


@pytest.mark.parametrize("place", sorted(place for place in KEYS if not place.startswith(tuple(GROWING))))
def test_entries_with_another_key_are_kept_and_one_with_the_same_is_changed(place):
    """Whatever holds the list is one entry in both, found by its own key."""
    key = KEYS[place]
    first, second = ({key: number, "x": number} for number in (1, 2))
    above = [other for other in KEYS if place.startswith(f"{other}.")]

    def config(entry):
        made, here = [entry], place
        for other in sorted(above, reverse=True):
            made, here = [nested(here.removeprefix(f"{other}."), made) | {KEYS[other]: "same"}], other
        return nested(here, made)

    assert str(first)[1:-1] in str(merge(config(first), config(second)))
    assert merge(config(first), config({key: 1, "x": 3})) == config({key: 1, "x": 3})


def test_what_is_appended_adds_up():
    first, second = {"inline": "a"}, {"inline": "b"}
    appended = files({"path": "/a", "append": [first]})
    assert merge(appended, files({"path": "/a", "append": [first, second]})) == files(
        {"path": "/a", "append": [first, second]}
    )
    assert merge(appended, files({"path": "/a", "append": None})) == files({"path": "/a", "append": None})


def contents(**words):
    return files({"path": "/a", "contents": words})


HASH = {"hash": "sha256-x"}
WAYS = [(a, b) for a in ("inline", "local", "source") for b in ("inline", "local", "source")]


@pytest.mark.parametrize(("before", "after"), [(a, b) for a, b in WAYS if a != b])
def test_contents_said_in_another_way_are_refused_until_the_inherited_ones_are_taken_away(before, after):
    found = []
    earlier = contents(**{before: "x"})
    merged = merge(earlier, contents(**{after: "y"}), refuse=lambda *misuse: found.append(misuse))
    assert merged == earlier
    ((place, message, entry, inherited),) = found
    assert place == f"storage.files[/a].contents.{after}"
    assert message == f"{before} is inherited, and cannot be combined with it: remove it with `{before}: ~`"
    assert (entry, inherited) == ("y", "x")
    assert merge(earlier, contents(**{after: "y", before: None})) == contents(**{before: None, after: "y"})


def test_a_unit_of_a_local_file_over_one_of_text_is_refused():
    units = ({"systemd": {"units": [{"name": "a.service", way: "x"}]}} for way in ("contents", "contents_local"))
    with pytest.raises(MergeError, match=r"units\[a.service\].contents_local: contents is inherited"):
        merge(*units)


@pytest.mark.parametrize(
    ("fact", "value", "away"),
    [("verification", HASH, {"hash": None}), ("compression", "gzip", None)],
)
@pytest.mark.parametrize("way", ["inline", "local", "source"])
def test_what_is_said_of_contents_is_not_inherited_by_others(way, fact, value, away):
    earlier = contents(**{way: "x", fact: value})
    with pytest.raises(MergeError, match=f"{way}: {fact}.* is inherited, and belongs to other contents"):
        merge(earlier, contents(**{way: "y"}))
    assert merge(earlier, contents(**{way: "y", fact: away}))
    assert merge(earlier, contents(**{way: "x"})) == earlier
    assert merge(contents(**{way: "x"}), contents(**{fact: value})) == earlier
    assert merge(contents(**{fact: value}), contents(**{way: "x"})) == earlier
