"""What root reads in a directory that another user may write neither keeps it waiting nor leads it elsewhere."""

from __future__ import annotations

import os
import stat

import pytest
from ansible_collections.kindling.flatcar.plugins.module_utils._dnsmasq import leases
from ansible_collections.kindling.flatcar.plugins.module_utils._host import unit_notes
from ansible_collections.kindling.flatcar.plugins.module_utils._host.foreign import read_plain
from ansible_collections.kindling.flatcar.plugins.module_utils._records import records

ODD = {
    "pipe": os.mkfifo,
    "socket": lambda path: os.mknod(path, stat.S_IFSOCK | 0o600),
    "link": lambda path: path.symlink_to("/etc/hostname"),
    "link to itself": lambda path: path.symlink_to(path),
    "directory": os.mkdir,
    "nothing": lambda path: None,
}


@pytest.fixture(params=ODD)
def odd(request, tmp_path):
    path = tmp_path / "read"
    ODD[request.param](path)
    return path


def test_what_is_no_plain_file_has_no_content(odd):
    assert read_plain(odd, 100) is None
    assert leases.read_file(odd) == ""
    assert unit_notes.due(odd.parent, "active", False, ["/nowhere"], []) == ("none", [])


def test_a_plain_file_is_read_as_far_as_it_may_be_long(tmp_path):
    path = tmp_path / "read"
    path.write_bytes(b"1 52:54:00:00:00:01 10.0.0.1 \xff *\n")
    assert read_plain(path, 3) == b"1 5"
    assert [str(lease.address) for lease in leases.read_leases(leases.read_file(path))] == ["10.0.0.1"]


@pytest.mark.parametrize("name", [unit_notes.STARTED, unit_notes.LOADED])
@pytest.mark.parametrize("kind", ODD)
def test_a_unit_whose_notes_are_none_reads_its_files_anew(tmp_path, kind, name):
    ODD[kind](tmp_path / name)
    file = tmp_path / "file"
    file.write_text("a")
    assert unit_notes.due(tmp_path, "active", False, [str(file)], [])[0] == "restart"


@pytest.mark.parametrize("kind", ODD)
def test_records_that_are_no_files_are_none(tmp_path, kind):
    ODD[kind](tmp_path / records.STATE)
    ODD[kind](tmp_path / "52-54-00-00-00-01.jsonl")
    assert records.recorded(tmp_path, ["52:54:00:00:00:01"])["boots"] == {"52:54:00:00:00:01": []}
