"""A virtual machine's disks and network cards."""

from __future__ import annotations

import bz2
from itertools import pairwise
from pathlib import Path

import pytest
from virtual_rack import machine, power
from virtual_rack.machine import Machine
from virtual_rack.nodes import Disk, Node
from virtual_rack.system import LabError

MAC, OTHER = "52:54:00:77:00:11", "52:54:00:77:00:12"
PLAIN = Node("n1", MAC, "bios", "10.77.0.11", "9999.2.0")
RICH = Node(
    "n1", MAC, "uefi", "10.77.0.11", "9999.2.0", disks=(Disk("a", "nvme"), Disk("b")), nics=(OTHER, MAC)
)  # fmt: skip


@pytest.fixture
def rack(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(machine.paths, "STATE", tmp_path)
    monkeypatch.setattr(machine, "OVMF_VARIABLES", tmp_path / "vars")
    (tmp_path / "vars").touch()
    return "r1"


def devices(node: Node, first: str) -> list[str]:
    """What the machine has that its firmware can boot from, or that is on its network."""
    words = Machine("r1", node).command(first)
    chosen = [word for flag, word in pairwise(words) if flag == "-device"]
    return [word for word in chosen if word != "virtio-rng-pci"]


@pytest.mark.parametrize(
    ("node", "first", "expected"),
    [
        (
            PLAIN,
            "network",
            [
                f"virtio-net-pci,netdev=lan-t525400770011,mac={MAC},bootindex=1",
                "virtio-blk-pci,drive=disk2,bootindex=2",
            ],
        ),
        (
            PLAIN,
            "disk",
            [
                f"virtio-net-pci,netdev=lan-t525400770011,mac={MAC},bootindex=2",
                "virtio-blk-pci,drive=disk1,bootindex=1",
            ],
        ),
        (
            RICH,
            "network",
            [
                f"virtio-net-pci,netdev=lan-t525400770012,mac={OTHER},romfile=",
                f"virtio-net-pci,netdev=lan-t525400770011,mac={MAC},bootindex=1,romfile=",
                "nvme,drive=disk2,bootindex=2,serial=a",
                "virtio-blk-pci,drive=disk3,bootindex=3,serial=b",
            ],
        ),
        (
            RICH,
            "disk",
            [
                f"virtio-net-pci,netdev=lan-t525400770012,mac={OTHER},romfile=",
                f"virtio-net-pci,netdev=lan-t525400770011,mac={MAC},bootindex=3,romfile=",
                "nvme,drive=disk1,bootindex=1,serial=a",
                "virtio-blk-pci,drive=disk2,bootindex=2,serial=b",
            ],
        ),
    ],
)
def test_the_firmware_tries_one_network_card_and_all_disks_in_their_order(rack, node, first, expected):
    assert devices(node, first) == expected


def test_a_disks_digest_is_that_of_what_is_on_it(rack):
    there = Machine(rack, PLAIN)
    there.furnish()
    (disk,) = there.disks
    empty = machine.digest(disk)
    with disk.open("r+b") as file:
        file.seek(5_000_000)
        file.write(bytes(100))
        assert machine.digest(disk) == empty
        file.seek(machine.DISK_BYTES - 1)
        file.write(b"x")
    written = machine.digest(disk)
    assert written != empty
    assert disk.stat().st_blocks < 1 << 14
    there.put_in(disk)
    assert machine.digest(disk) == empty


@pytest.mark.parametrize("suffix", ["", ".bz2"])
def test_a_disk_with_an_image_is_put_in_alone(rack, tmp_path, suffix):
    there = Machine(rack, RICH)
    there.furnish()
    first, second = there.disks
    empty = machine.digest(first)
    content = b"a" + bytes(3 << 20) + b"b"
    image = tmp_path / f"image{suffix}"
    image.write_bytes(bz2.compress(content) if suffix else content)
    there.put_in(second, image)
    assert (machine.digest(first), second.stat().st_size) == (empty, machine.DISK_BYTES)
    with second.open("rb") as file:
        assert file.read(len(content)) == content
    assert second.stat().st_blocks < 1 << 14


@pytest.mark.parametrize(("text", "expected"), [("n1", ("n1", None)), ("n1.rack/2", ("n1.rack", 2))])
def test_a_disk_is_named_by_its_machine_and_its_number(text, expected):
    assert power.disk_name(text) == expected


@pytest.mark.parametrize("text", ["n1/0", "n1/two", "n1/1/2"])
def test_what_is_no_disks_name(text):
    with pytest.raises(LabError, match="NODE/1"):
        power.disk_name(text)
