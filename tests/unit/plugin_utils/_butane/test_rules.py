"""Rules whose answer is computed, not looked up; the rest of the rules are held to the reference by its own cases."""

from __future__ import annotations

from collections import Counter

import pytest
from ansible_collections.kindling.flatcar.plugins.plugin_utils._butane import translate
from ansible_collections.kindling.flatcar.plugins.plugin_utils._butane.rules.disks import partitions_fit_together
from ansible_collections.kindling.flatcar.plugins.plugin_utils._butane.rules.nodes import MOST_OFTEN, paths_avoid_links
from hypothesis import given
from hypothesis import strategies as st


def complaints(version="1.1.0", **sections):
    result = translate({"variant": "flatcar", "version": version, **sections})
    return [(entry.path, entry.message) for entry in result.report]


spans = st.lists(st.tuples(st.integers(0, 12), st.integers(0, 5)), max_size=6)


@given(spans)
def test_overlap_is_found_where_comparing_all_pairs_finds_it(partitions):
    disk = {
        "device": "/dev/a",
        "partitions": [
            {"number": number, "start_mib": start, "size_mib": size}
            for number, (start, size) in enumerate(partitions, start=1)
        ],
    }
    found = [finding.where[1] for finding in partitions_fit_together(disk, None)]
    assert found == first_overlap_of_all_pairs(partitions)


def first_overlap_of_all_pairs(partitions):
    last = [start + size - 1 if size else start for start, size in partitions]
    for one, (start, _size) in enumerate(partitions):
        for other, (other_start, _other_size) in enumerate(partitions):
            if one != other and start and other_start and start <= last[other] and other_start <= last[one]:
                return [other]
    return []


def test_many_partitions_are_compared_in_time():
    partitions = [{"number": n, "start_mib": n, "size_mib": 1} for n in range(1, 50_000)]
    assert list(partitions_fit_together({"device": "/dev/a", "partitions": partitions}, None)) == []


def test_a_disk_without_a_name_has_only_that_problem():
    partitions = [{"number": 1}, {"number": 1, "label": "a"}]
    found = complaints(storage={"disks": [{"partitions": partitions}]})
    assert ("$.storage.disks.0.device", "disk device is required") in found
    assert "partition numbers collide" not in {message for _path, message in found}


def test_a_number_is_no_label():
    partitions = [{"number": 5}, {"label": "5"}]
    assert complaints(storage={"disks": [{"device": "/dev/a", "partitions": partitions}]}) == []


@given(st.lists(st.text("/ab", max_size=6), max_size=5), st.lists(st.text("/ab", max_size=8), max_size=5))
def test_links_above_are_found_where_comparing_prefixes_finds_them(links, files):
    storage = {"links": [{"path": path} for path in links], "files": [{"path": path} for path in files]}
    found = Counter(finding.where for finding in paths_avoid_links(storage, None))
    expected = Counter(
        (kind, index)
        for kind, paths in (("files", files), ("links", links))
        for index, path in enumerate(paths)
        for link in links
        if path.startswith(link + "/")
    )
    assert found == {where: min(count, MOST_OFTEN) for where, count in expected.items()}


@pytest.mark.parametrize(
    ("name", "warned"),
    [
        ("t@i.service", True),
        ("t@@.service", True),
        ("t@i@j.service", True),
        ("t@.service", False),
        ("@i.service", False),
        ("t@i.timer", False),
        ("other@i.service", False),
    ],
)
def test_instances_of_templates_that_cannot_be_enabled(name, warned):
    units = [{"name": "t@.service", "contents": "[Service]\nA=1"}]
    if name != "t@.service":
        units.append({"name": name, "enabled": True})
    messages = [message for _path, message in complaints(systemd={"units": units})]
    assert bool(messages) == warned
    assert all(message.startswith('template unit "t@.service" for ') for message in messages)


@pytest.mark.parametrize(
    ("advertisement", "accepted"),
    [
        ("", True),
        ('{"keys": [1.5e3, null, "x"]}', True),
        ("NaN", False),
        ("[1] 2", False),
        ("1e999", False),
        ("1" * 5000, False),
        ("[" * 100_000, False),
    ],
)
def test_advertisements(advertisement, accepted):
    tang = {"url": "http://t", "thumbprint": "x", "advertisement": advertisement}
    luks = [{"name": "a", "device": "/dev/a", "clevis": {"tang": [tang]}}]
    found = complaints("1.2.0-experimental", storage={"luks": luks})
    assert (found == []) == accepted


def test_labels_are_measured_in_bytes():
    filesystem = {"device": "/dev/a", "format": "xfs", "label": "é" * 6}
    assert complaints(storage={"filesystems": [filesystem]}) == []
    filesystem["label"] += "x"
    assert complaints(storage={"filesystems": [filesystem]}) == [
        ("$.storage.filesystems.0.label", "filesystem labels cannot be longer than 12 characters when using xfs")
    ]


@pytest.mark.parametrize(
    ("resource", "path", "message"),
    [
        (
            {"source": "", "verification": {"hash": None}, "http_headers": [{"name": "a"}]},
            "http_headers",
            "unable to parse url",
        ),
        ({"source": "http://[", "http_headers": [{"name": "a"}]}, "http_headers", "unable to parse url"),
        (
            {"source": "data:,", "http_headers": [{"name": "a"}]},
            "http_headers",
            "cannot use HTTP headers with this source scheme",
        ),
    ],
)
def test_headers_need_a_source_that_takes_them(resource, path, message):
    found = complaints(storage={"files": [{"path": "/a", "contents": resource}]})
    assert (f"$.storage.files.0.contents.{path}", message) in found


@pytest.mark.parametrize(
    ("clevis", "expected"),
    [
        ({"custom": {"pin": "", "needs_network": False}, "threshold": 1}, []),
        ({"custom": {"needs_network": True}}, ["custom.pin", "custom.config"]),
        ({"custom": {"pin": "x", "config": "y"}, "tpm2": True}, [""]),
        (
            {"tang": [{"url": "http://[", "thumbprint": "x"}, {"thumbprint": ""}]},
            ["tang.0.url", "tang.1.thumbprint", "tang.1.url"],
        ),
    ],
)
def test_clevis(clevis, expected):
    luks = [{"name": "a", "device": "/dev/a", "clevis": clevis}]
    found = complaints("1.2.0-experimental", storage={"luks": luks})
    assert [path for path, _message in found] == [f"$.storage.luks.0.clevis.{place}".rstrip(".") for place in expected]


@pytest.mark.parametrize(
    ("disk", "filesystem", "warned"),
    [
        ({"wipe_table": True}, {"wipe_filesystem": True}, False),
        ({"wipe_table": True}, {}, True),
        ({"wipe_table": False}, {}, False),
        ({"partitions": [{"number": 1}]}, {"wipe_filesystem": True}, True),
    ],
)
def test_filesystems_on_whole_disks(disk, filesystem, warned):
    storage = {
        "disks": [{"device": "/dev/a", **disk}],
        "filesystems": [{"device": "/dev/a", "format": "ext4", **filesystem}, {"device": "/dev/b", "format": "ext4"}],
    }
    assert [path for path, _message in complaints(storage=storage)] == ["$.storage.filesystems.0.device"] * warned


def test_a_template_that_does_not_lex_has_only_that_problem():
    units = [{"name": "t@.service", "contents": "[A"}, {"name": "t@i.service", "enabled": True}]
    assert [path for path, _message in complaints(systemd={"units": units})] == ["$.systemd.units.0.contents"]


def test_headers_of_a_config_to_merge_need_such_a_source_too():
    merge = [{"source": "s3://b/k", "http_headers": [{"name": "a", "value": "b"}]}]
    assert complaints(ignition={"config": {"merge": merge}}) == [
        ("$.ignition.config.merge.0.http_headers", "cannot use HTTP headers with this source scheme")
    ]


def test_a_dropin_of_a_quadlet_has_one_contents():
    quadlets = [{"name": "a.pod", "dropins": [{"name": "d.conf", "contents": "", "contents_local": "x"}]}]
    assert complaints("1.2.0-experimental", systemd={"quadlets": quadlets}) == [
        (
            "$.systemd.quadlets.0.dropins.0.contents_local",
            "only one of the following can be set: contents, contents_local",
        )
    ]
