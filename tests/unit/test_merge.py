"""Fragments merge by key: nothing is repeated, and nothing is lost by accident."""

from __future__ import annotations

import copy

import pytest
from ansible_collections.kindling.flatcar.plugins.module_utils.merge import merge
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
    ],
)
def test_merge(earlier, later, merged):
    before = copy.deepcopy((earlier, later))
    assert merge(earlier, later) == merged
    assert (earlier, later) == before


paths = st.lists(st.sampled_from(["/a", "/b", "/c", "/d"]), unique=True)


@given(paths, paths)
def test_every_path_survives_exactly_once(earlier, later):
    merged = merge(files(*({"path": path} for path in earlier)), files(*({"path": path} for path in later)))
    assert sorted(entry["path"] for entry in merged["storage"]["files"]) == sorted({*earlier, *later})
