"""What goes wrong in the middle of an installation costs no data, and leaves no machine on half a disk.

The tests follow one another: each finds the machines as the one before has left them.
"""

import json
import sys

RACK = "in13"


def test_what_is_on_a_disk_is_not_lost_and_no_other_batch_is_begun(room):
    disk = room.state / f"node-{room.bios}.disk"
    room.done("exec", room.rack, "--", "mkfs.ext4", "-q", "-F", disk)
    before = room.digests()
    not_begun = room.status(room.uefi)
    said = room.install(f"rack_{room.rack}", "-e", "install_batch=1", expected=2)
    assert "holds data that is not Flatcar's" in said
    assert f"The end of {room.bios}'s log" in said
    status = room.status(room.bios)
    assert (status["stage"], status["armed_until"]) == ("failed", None)
    assert room.status(room.uefi) == not_begun
    found = room.boot({room.bios: "disk"})[room.bios]
    assert found["stage"] == "ipxe", found["reason"]
    assert room.digests() == before


def test_a_disk_that_may_be_wiped_is(room):
    room.install(f"rack_{room.rack}", "-e", "install_batch=2", "-e", "flatcar_wipe=any")
    room.off(*room.machines)
    before = room.digests()
    room.boots_from_disk(*room.machines)
    assert room.digests() == before


def test_a_power_failure_in_the_middle_leaves_no_machine_on_half_a_disk(room, until):
    """One is still armed and installed from the start; the other's arming is ended, and it is kept from its disk."""
    before = room.digests()
    room.arm(f"rack_{room.rack}")
    found = room.boot(dict.fromkeys(room.machines, "install"), "--until", "started", "--keep")
    assert {node["stage"] for node in found.values()} == {"started"}
    until(lambda: not before.items() & room.digests().items(), "both disks to be written to")
    room.off(*room.machines)
    assert {room.status(name)["stage"] for name in room.machines} == {"started"}
    said = room.play("playbooks/disarm.yml", "--limit", room.uefi)
    assert "its disk is half-written" in said
    half = room.digests(room.uefi)
    found = room.boot({room.bios: "install", room.uefi: "disk"})
    assert (found[room.bios]["verdict"], found[room.bios]["stage"]) == ("ok", "done")
    assert (found[room.uefi]["verdict"], found[room.uefi]["stage"]) == ("failed", "ipxe")
    assert "was begun and has not ended" in found[room.uefi]["reason"]
    assert room.digests(room.uefi) == half
    room.install(room.uefi)
    assert (room.status(room.uefi)["stage"], room.status(room.uefi)["drift"]) == ("running", [])


def test_a_magic_packet_wakes_a_machine(room, inventory, until):
    """From the rack's own network, which such a packet does not leave."""
    room.off(room.uefi)
    wol = {"power_bmc": {"type": "wol", "address": "10.77.0.255"}, "power_macs": [room.nodes[room.uefi]["mac"]]}
    role = ("-m", "ansible.builtin.include_role", "-a", "name=kindling.flatcar.power", "-e", json.dumps(wol))
    settings = (
        f"ANSIBLE_CONFIG={room.state.parents[2] / 'ansible.cfg'}",
        f"ANSIBLE_PYTHON_INTERPRETER={sys.executable}",
    )
    room.done("exec", room.rack, "--", "env", *settings, "ansible", "-i", inventory, "-c", "local", room.uefi, *role)
    until(lambda: room.done("power", room.rack, "state", room.uefi) == f"{room.uefi}: on\n", "the machine to be on")
    room.off(room.uefi)
