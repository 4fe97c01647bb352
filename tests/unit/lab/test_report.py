"""The table and the report."""

from __future__ import annotations

import json

from virtual_rack import report
from virtual_rack.nodes import Node
from virtual_rack.report import Result

OK = Result(
    "demo-bios", "52:54:00:77:00:11", "bios", "10.77.0.11", "9999.2.0", "done", "ok", "read back: hostname", 41.5
)
STOPPED = Result(
    "demo-uefi", "52:54:00:77:00:12", "uefi", None, None, "firmware", "failed", "did not get to dhcp", None,
    evidence=["console: No bootable device."],
)  # fmt: skip
DIFFERS = Result(
    "n3", "52:54:00:77:00:13", "bios", "10.77.0.13", "9999.2.0", "done", "failed", "not as it should be", 40.0,
    differences=["hostname: a instead of b"],
)  # fmt: skip


def test_the_table():
    assert report.table([OK, STOPPED, DIFFERS]).splitlines() == [
        "NODE       MAC                FIRMWARE  ADDRESS     IMAGE     SECONDS  VERDICT",
        "demo-bios  52:54:00:77:00:11  BIOS      10.77.0.11  9999.2.0  41.5     booted (read back: hostname)",
        "demo-uefi  52:54:00:77:00:12  UEFI      -           -         -        FAILED at firmware",
        "n3         52:54:00:77:00:13  BIOS      10.77.0.13  9999.2.0  40.0     FAILED: not as expected",
    ]


def test_only_failures_are_explained():
    assert report.explanations([OK]) == ""
    assert report.explanations([OK, STOPPED, DIFFERS]).splitlines() == [
        "demo-uefi stopped at firmware: did not get to dhcp",
        "  console: No bootable device.",
        "",
        "n3: not as it should be",
        "  hostname: a instead of b",
    ]


def test_the_report_for_programs():
    written = json.loads(json.dumps(report.as_json("demo", "boot-demo", [OK, STOPPED])))
    assert (written["rack"], written["boot_host"], written["ok"]) == ("demo", "boot-demo", False)
    assert [(node["stage"], node["verdict"]) for node in written["nodes"]] == [("done", "ok"), ("firmware", "failed")]
    assert report.as_json("demo", "boot-demo", [OK])["ok"] is True


def test_what_was_checked():
    node = Node("n", "m", "bios", "a", "v", hostname="h", users=("core", "ops"), files={"/x": ""})
    assert report.checked(node) == "read back: hostname, 2 users, 1 file"
    assert report.checked(Node("n", "m", "bios", "a", "v")) == "read back: image version"
