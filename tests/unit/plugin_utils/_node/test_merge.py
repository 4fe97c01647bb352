"""Fragments merge by key: nothing is repeated, and nothing is lost by accident."""

from __future__ import annotations

import copy
import re

import pytest
from ansible_collections.kindling.flatcar.plugins.plugin_utils._node.merge import MergeError, merge
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
            "'b' is not in the list",
        ),
        (
            {"kernel_arguments": {"should_exist": ["a"]}},
            {"kernel_arguments": {"should_exist": [{"$delete": "a", "b": 1}]}},
            "kernel_arguments.should_exist",
            "and nothing else",
        ),
        ({}, files({"path": "/a"}, {"path": "/a", "mode": 1}), "storage.files[/a]", "stands twice in one list"),
    ],
)
def test_misuse_is_refused_and_left_out(earlier, later, place, message):
    found = []
    merged = merge(earlier, later, refuse=lambda *misuse: found.append(misuse))
    assert [(where, message in what) for where, what, _ in found] == [(place, True)]
    assert "$delete" not in str(merged)
    with pytest.raises(MergeError, match=re.escape(f"{place}: ")):
        merge(earlier, later)


paths = st.lists(st.sampled_from(["/a", "/b", "/c", "/d"]), unique=True)


@given(paths, paths)
def test_every_path_survives_exactly_once(earlier, later):
    merged = merge(files(*({"path": path} for path in earlier)), files(*({"path": path} for path in later)))
    assert sorted(entry["path"] for entry in merged["storage"]["files"]) == sorted({*earlier, *later})
