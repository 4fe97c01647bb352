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


def test_a_second_disk_with_flatcar_is_not_mixed_up_with_the_first(room):
    """Its labels are the same, and what is looked for by them may be found on either."""
    disk = f"{room.bios}/2"
    room.off(room.bios)
    room.done("disk", room.rack, "blank", room.bios)
    room.done("disk", room.rack, "preset", disk)
    before = room.digests(room.bios)
    said = room.install(room.bios, expected=2)
    assert "flatcar_other_flatcar_disks" in said
    assert (room.status(room.bios)["stage"], room.digests(room.bios)) == ("failed", before)
    room.off(room.bios)
    room.done("disk", room.rack, "blank", disk)
    room.done("exec", room.rack, "--", "mkfs.ext4", "-q", "-F", room.state / f"node-{room.bios}.disk")


def test_a_disk_that_may_be_wiped_is(room):
    allowed = ("-e", "flatcar_wipe=any")
    room.publish(*allowed)
    room.install(f"rack_{room.rack}", "-e", "install_batch=2", *allowed)
    room.publish()
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
    until(lambda: all(room.digests()[name] != before[name] for name in room.machines), "both disks to be written to")
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
    assert "has been installing since" in room.install(room.uefi, "-e", "install_timeout=1", expected=2)
    room.install(room.uefi, "-e", "install_again=true")
    assert (room.status(room.uefi)["stage"], room.status(room.uefi)["drift"]) == ("running", [])


def test_an_order_that_the_inventory_does_not_give_any_more_installs_nothing(room):
    """It was corrected after the machine was armed."""
    before = room.digests(room.bios)
    room.arm(room.bios)
    corrected = ("-e", json.dumps({"flatcar_install_disk_min_gib": 12}))
    said = room.publish(*corrected, "--check", "--diff")
    assert f"{room.bios}: its arming until" in said
    assert "smallest size was 10, is 12" in said
    room.publish(*corrected)
    assert room.status(room.bios)["armed_until"] is None
    room.publish()
    room.boots_from_disk(room.bios)
    assert room.digests(room.bios) == before


def test_a_boot_host_that_comes_back_from_a_backup_holds_no_healthy_machine(room, until):
    """The backup was made while the machine was installed; what it says then is as old."""
    room.off(room.bios)
    room.arm(room.bios)
    found = room.boot({room.bios: "install"}, "--until", "started", "--keep")
    assert found[room.bios]["stage"] == "started"
    assert room.on_boot_host("cp -a /srv/kindling/installs /root/backup")[0] == 0
    until(lambda: room.status(room.bios)["stage"] == "running", "the machine to run")
    assert room.on_boot_host("sh -c 'rm -rf /srv/kindling/installs && mv /root/backup /srv/kindling/installs'")[0] == 0
    assert "half-written" in room.status(room.bios)["drift"][0]
    room.on_node(room.bios, "systemctl restart kindling-report")
    until(lambda: room.status(room.bios)["drift"] == [], "the machine to say that it runs")
    room.off(room.bios)
    room.boots_from_disk(room.bios)


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
