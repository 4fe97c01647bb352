"""Which machines acceptance.yml tries, and what it says of what it found."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from ansible_collections.kindling.flatcar.plugins.action.boot_probe import _chosen
from ansible_collections.kindling.flatcar.plugins.plugin_utils._output.probe_report import as_text, masked, verdict

NODES = [
    SimpleNamespace(name=name, boot_mode=mode, board=board)
    for name, mode, board in (
        ("a1", "ram", "amd64-usr"),
        ("a2", "ram", "amd64-usr"),
        ("a3", "disk", "amd64-usr"),
        ("a4", "ram", "arm64-usr"),
    )
]
ROW = {
    "node": "a1",
    "mac": "52:54:00:00:00:01",
    "code": 7,
    "firmware": "UEFI x64",
    "needed": True,
    "address": "10.0.0.11",
    "server": "10.0.0.1",
    "program": "tftp://10.0.0.1/snponly.efi",
    "size": 1234567,
    "end": "starts k",
    "followed": True,
    "steps": [{"url": f"http://10.0.0.1/ignition/{'t' * 43}.ign", "size": 99, "error": ""}],
    "problems": [],
    "remarks": [],
}
STRANGER = ROW | {"node": "", "needed": False, "address": "", "program": "", "steps": []}


def network(*rows, **changes):
    found = {
        "boot_host": "boot",
        "subnet": "10.0.0.0/24",
        "interface": "eth1",
        "rows": list(rows),
        "stranger": STRANGER,
    }
    return found | changes


@pytest.mark.parametrize(
    ("wanted", "chosen"),
    [
        (["few"], ["a1", "a3", "a4"]),
        (["all"], ["a1", "a2", "a3", "a4"]),
        (["a2"], ["a2"]),
        (["few", "a2"], ["a1", "a2", "a3", "a4"]),
    ],
)
def test_one_machine_of_each_kind_or_those_that_are_named(wanted, chosen):
    assert [node.name for node in _chosen(NODES, wanted)] == chosen


def test_what_has_to_work_and_does_not_is_a_failure():
    assert verdict(ROW) == "ok"
    assert verdict(ROW | {"problems": ["one", "two"]}) == "FAILED: one; two"
    assert verdict(ROW | {"problems": ["one"], "needed": False}) == "not needed"
    assert verdict(ROW | {"followed": False, "remarks": ["it is on"]}) == "ok as far as seen: it is on"


def test_the_table_has_every_row_and_url_and_no_secret():
    text = as_text(masked([network(ROW, ROW | {"code": 0, "firmware": "BIOS", "size": None})]))
    assert "a1    UEFI x64 [7]  10.0.0.11  tftp://10.0.0.1/snponly.efi (1,234,567 bytes)  starts k  ok" in text
    assert "a1    BIOS [0]" in text
    assert "http://10.0.0.1/ignition/(token).ign  99 bytes" in text
    assert "t" * 43 not in text
    assert "A machine that is not in the inventory gets no answer." in text


def test_a_network_that_nobody_stands_on_is_told():
    assert "has no address on 10.0.0.0/24" in as_text([network(interface="")])
