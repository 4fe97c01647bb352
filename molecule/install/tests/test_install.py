"""Machines are installed when somebody says so, once; and boot from their own disks for ever, whatever their firmware tries first.

The tests follow one another: each finds the machines as the one before has left them.
"""

from concurrent.futures import ThreadPoolExecutor

from repetition import repetitions

RACK = "in12"
MARK = "/etc/mark"


def test_a_machine_that_nobody_armed_is_left_alone(room):
    """Its mode is install, it boots from the network, and its disk is empty: it is sent there all the same."""
    before = room.digests(room.bios)
    found = room.boot({room.bios: "disk"})[room.bios]
    assert (found["stage"], "nothing to boot" in found["reason"]) == ("ipxe", True), found["reason"]
    assert room.digests(room.bios) == before


def test_armed_machines_are_switched_on_by_their_service_processors_and_installed(room):
    said = room.install(f"rack_{room.rack}", "-e", "install_batch=2")
    for name in room.machines:
        told = [line.split()[1] for line in said.splitlines() if line.startswith(f"{name}: ")]
        assert told[-3:] == ["started", "installed", "running"], said
        status = room.status(name)
        assert (status["stage"], status["armed_until"], status["drift"]) == ("running", None, [])
        assert status["version"]["reported"] == status["version"]["wanted"]
        assert status["config"]["reported"] == status["config"]["wanted"]
        room.on_node(name, f"echo kept > {MARK}; sync")


def test_the_config_is_gone_from_the_boot_host_once_a_machine_is_installed(room):
    assert room.on_boot_host("find /srv/kindling/installs/armed -name 'install.*'") == (0, "")


def test_a_boot_host_that_is_made_anew_knows_its_machines_again(room, until):
    """From the inventory and the kept key."""
    key = room.on_boot_host("cat /srv/kindling/fleet/key")[1].strip()
    lost = "/srv/kindling/fleet /srv/kindling/installs /etc/kindling /run/kindling-armed"
    assert (
        room.on_boot_host(f"sh -c 'systemctl stop kindling-web kindling-tftp kindling-dnsmasq && rm -r {lost}'")[0] == 0
    )
    room.publish("-e", f"fleet_key={key}")
    for name in room.machines:
        assert room.status(name)["drift"] == ["has not reported that it runs"]
        room.on_node(name, "systemctl restart kindling-report")
        until(lambda name=name: room.status(name)["drift"] == [], f"{name} to be known again")
        assert room.status(name)["stage"] == "running"


def test_boots_from_the_network_leave_the_disks_as_they_are(room):
    room.off(*room.machines)
    before = room.digests()
    for _ in range(repetitions(2, 10)):
        room.boots_from_disk(*room.machines)
    assert room.digests() == before


def test_what_they_are_is_what_the_inventory_says_and_what_they_keep_is_kept(room):
    found = room.boot(dict.fromkeys(room.machines, "disk"), files={MARK: "kept\n"})
    assert {name: (node["verdict"], node["stage"]) for name, node in found.items()} == dict.fromkeys(
        room.machines, ("ok", "done")
    )


def test_an_arming_that_expires_changes_nothing(room, until):
    before = room.digests(room.uefi)
    room.install(room.uefi, "-e", "install_expires=60", "-e", "install_power=false", "-e", "install_wait=false")
    until(lambda: room.status(room.uefi)["armed_until"] is None, "the arming to expire")
    room.boots_from_disk(room.uefi)
    assert room.digests(room.uefi) == before


def test_machines_with_each_others_tokens_are_installed_by_neither(room):
    before = room.digests()
    room.arm(f"rack_{room.rack}")
    scripts = [room.script(name) for name in room.machines]
    one, other = (room.on_boot_host(f"readlink {script}")[1].strip() for script in scripts)
    assert one != other
    for script, target in zip(scripts, (other, one), strict=True):
        assert room.on_boot_host(f"ln -sfn {target} {script}")[0] == 0
    room.boots_from_disk(*room.machines)
    assert room.digests() == before
    room.play("playbooks/disarm.yml", "--limit", f"rack_{room.rack}")
    room.boots_from_disk(*room.machines)
    assert room.digests() == before


def test_only_the_machine_that_is_armed_again_is_installed_again(room, until):
    before = room.digests(room.uefi)
    with ThreadPoolExecutor() as beside:
        installed = beside.submit(room.install, room.bios)
        until(
            lambda: installed.done() or room.on_boot_host(f"test -e {room.script(room.bios)}")[0] == 0,
            "the machine to be armed",
        )
        room.boots_from_disk(room.uefi)
        installed.result()
    assert room.digests(room.uefi) == before
    assert room.status(room.bios)["stage"] == "running"
    found = room.boot({room.bios: "disk"}, files={MARK: "kept\n"})[room.bios]
    assert found["differences"] == [f"{MARK}: there is no such file"]
