"""Reading nodes.json, and comparing a node with it."""

from __future__ import annotations

import base64
import json
import subprocess
from dataclasses import asdict
from pathlib import Path

import pytest
from virtual_rack import nodes, readback
from virtual_rack.nodes import Disk, Node
from virtual_rack.readback import Found
from virtual_rack.system import LabError

ENTRY = {
    "name": "demo-bios",
    "mac": "52:54:00:77:00:AA",
    "firmware": "bios",
    "address": "10.77.0.11",
    "version": "9999.2.0",
}
NODE = Node(**{**ENTRY, "hostname": "n1", "users": ("core", "ops"), "files": {"/etc/a b": "one\ntwo\n"}})


def read(*entries: object) -> list[Node]:
    return nodes.parse(json.dumps({"boot_host": "boot-demo", "nodes": entries}))[1]


def test_hostname_users_and_files_may_be_absent():
    (node,) = read(ENTRY)
    assert node == Node("demo-bios", "52:54:00:77:00:aa", "bios", "10.77.0.11", "9999.2.0")


def test_everything_is_read():
    (node,) = read({**ENTRY, "hostname": "h", "users": ["core"], "files": {"/etc/x": "y"}})
    assert (node.hostname, node.users, node.files) == ("h", ("core",), {"/etc/x": "y"})


def test_a_machine_has_one_disk_and_one_network_card_unless_more_are_named():
    (one, more) = read(
        {**ENTRY, "serial": "s"},
        {
            **ENTRY,
            "name": "two",
            "mac": "52:54:00:77:00:12",
            "address": "10.77.0.12",
            "disks": [{"serial": "a", "bus": "nvme"}, {}],
            "nics": ["52:54:00:77:00:BB", "52:54:00:77:00:12"],
        },
    )
    assert (one.all_disks, one.all_nics) == ((Disk("s"),), ("52:54:00:77:00:aa",))
    assert more.all_disks == (Disk("a", "nvme"), Disk())
    assert more.all_nics == ("52:54:00:77:00:bb", "52:54:00:77:00:12")


def test_what_a_rack_remembers_of_its_machines_can_be_read_again():
    (node,) = read({**ENTRY, "disks": [{"serial": "a"}], "nics": [ENTRY["mac"]]})
    assert read(asdict(node)) == [node]


def test_every_problem_is_told_at_once():
    with pytest.raises(LabError) as told:
        read(
            {**ENTRY, "expect": "failure"},
            {**ENTRY, "name": "other", "address": "10.77.0", "firmware": "EFI"},
            {"name": "third"},
            {
                **ENTRY,
                "name": "sixth",
                "mac": "52:54:00:77:00:16",
                "address": "10.77.0.16",
                "road": "train",
                "order": "cd",
                "serial": "a,b",
            },
            {
                **ENTRY,
                "name": "seventh",
                "mac": "52:54:00:77:00:17",
                "address": "10.77.0.17",
                "serial": "s",
                "disks": [
                    {"serial": "a", "bus": "scsi", "size": 1},
                    {"serial": "a,b"},
                    {"serial": "a"},
                    {"bus": "nvme"},
                ],
                "nics": ["52:54:00:77:00:18"],
            },
            {
                **ENTRY,
                "name": "eighth",
                "mac": "52:54:00:77:00:19",
                "address": "10.77.0.19",
                "disks": 2,
                "nics": "52:54:00:77:00:19",
            },
            {
                **ENTRY,
                "name": "ninth",
                "mac": "52:54:00:77:00:20",
                "address": "10.77.0.20",
                "nics": ["52:54:00:77:00:20", "52:54:00:77:00:aa"],
            },
            {**ENTRY, "name": "fourth", "mac": "52-54-00-77-00-13", "address": "10.77.0.13", "users": "core"},
            7,
        )
    lines = str(told.value).splitlines()
    assert [line.strip().partition(":")[0] for line in lines[1:]] == [
        "nodes[0].expect",
        "nodes[1].firmware",
        "nodes[1].address",
        "nodes[2].mac",
        "nodes[2].firmware",
        "nodes[2].address",
        "nodes[2].version",
        "nodes[3].road",
        "nodes[3].order",
        "nodes[3].serial",
        "nodes[4].disks",
        "nodes[4].disks[0].size",
        "nodes[4].disks[0].bus",
        "nodes[4].disks[1].serial",
        "nodes[4].disks[3].serial",
        "nodes[4].disks",
        "nodes[4].nics",
        "nodes[5].disks",
        "nodes[5].nics",
        "nodes[7].mac",
        "nodes[7].users",
        "nodes[8].is no object",
        "nodes[1].mac",
        "nodes[6].mac",
    ]


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"nodes": []}', '{"nodes": {}}'])
def test_no_nodes_at_all(text):
    with pytest.raises(LabError):
        nodes.parse(text)


def test_a_missing_file_is_named(tmp_path: Path):
    with pytest.raises(LabError, match=r"nodes\.json: No such file"):
        nodes.read(tmp_path / "nodes.json")


def answers(**files: str | None) -> str:
    def line(kind: str, name: str, text: str | None) -> str:
        return f"{kind}\t{name}\t{'-' if text is None else base64.b64encode(text.encode()).decode()}\n"

    return (
        line("hostname", "", "n1\n")
        + line("version", "", "9999.2.0\n")
        + line("user", "core", "uid=500(core)\n")
        + line("user", "ops", "uid=1000(ops)\n")
        + "".join(line("file", path, text) for path, text in files.items())
    )


def test_a_node_as_it_should_be():
    assert readback.differences(NODE, readback.read(answers(**{"/etc/a b": "one\ntwo\n"}))) == []


def test_an_empty_file_is_not_a_missing_one():
    node = Node(**{**ENTRY, "files": {"/etc/empty": ""}})
    found = readback.read("version\t\t" + base64.b64encode(b"9999.2.0").decode() + "\nfile\t/etc/empty\t\n")
    assert readback.differences(node, found) == []
    found.files["/etc/empty"] = None
    assert readback.differences(node, found) == ["/etc/empty: there is no such file"]


def test_every_difference_is_told():
    found = Found("n2", "9999.2.1", {"core": "uid=500(core)", "ops": None}, {"/etc/a b": "one\nthree\n"})
    assert readback.differences(NODE, found) == [
        "image: 9999.2.1 instead of 9999.2.0",
        "hostname: n2 instead of n1",
        "user ops: there is none",
        "/etc/a b: other content\n    --- expected\n    +++ found\n    @@ -1,2 +1,2 @@\n     one\n    -two\n    +three",
    ]


def test_a_missing_line_end_is_a_difference():
    (told,) = readback.differences(
        Node(**{**ENTRY, "files": {"/x": "a\n"}}), Found(version="9999.2.0", files={"/x": "a"})
    )
    assert told == "/x: other content\n    (the line ends differ)"


def test_a_shell_understands_the_question(tmp_path: Path):
    there = tmp_path / "it's $here"
    there.write_text("content\n")
    node = Node(**{**ENTRY, "users": ("root", "no such; user"), "files": {str(there): "", str(tmp_path / "none"): ""}})
    done = subprocess.run(["sh", "-s"], input=readback.question(node), capture_output=True, text=True, check=True)
    found = readback.read(done.stdout)
    assert found.files == {str(there): "content\n", str(tmp_path / "none"): None}
    assert found.users["root"].startswith("uid=0(root)")
    assert found.users["no such; user"] is None
    assert found.hostname
