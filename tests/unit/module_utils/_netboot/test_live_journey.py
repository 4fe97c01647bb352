"""Faults injected for real: emulated machines on the roles' own dnsmasq and nginx, and what their journeys say of where and why."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from ansible_collections.kindling.flatcar.plugins.module_utils._ipxe import ignition_failure, ipxe
from ansible_collections.kindling.flatcar.plugins.module_utils._journey import journey
from ansible_collections.kindling.flatcar.plugins.module_utils._netboot.transfer import AGENT
from ansible_collections.kindling.flatcar.plugins.module_utils._records import records
from ansible_collections.kindling.flatcar.plugins.plugin_utils._journey.journey import Machine
from ansible_collections.kindling.flatcar.plugins.plugin_utils._journey.judge import judged
from boot_host import ADDRESS, TOKEN, BootHost
from test_live_records import log_of

pytestmark = pytest.mark.slow

HERE = Path(__file__).parent
ELSEWHERE = "10.8.0.5"
SMALL = 20_000  # a file that is sent before its reader can have gone

#: By what is wrong: the mode, the hop at which the boot ends, its state, and the cause that ranks first, or none.
FAULTS = {
    "silent-after-config": ("ram", "config", "stopped", "ignition-refuses"),
    "own-disk": ("disk", "script", "fine", None),
    "kernel-404": ("ram", "script", "stopped", "kernel-missing"),
    "initrd-404": ("ram", "kernel", "stopped", "initrd-missing"),
    "initrd-broken-off": ("ram", "kernel", "stopped", "transfer-breaks"),
    "config-404": ("ram", "initrd", "stopped", "config-gone"),
    "script-of-nobody": ("ram", "script", "stopped", "unknown"),
    "another-address": ("ram", "script", "stopped", "misplaced"),
    "wrong-network": ("ram", "firmware", "stopped", "wrong-network"),
    "unknown-mac": ("ram", None, "never seen", "other-mac"),
    "no-packet": ("ram", None, "never seen", "does-not-boot-from-network"),
    "tftp-blocked": ("ram", "address", "stopped", "tftp-blocked"),
    "program-missing": ("ram", "address", "stopped", "program-missing"),
    "another-server-first": ("ram", "firmware", "stopped", "other-dhcp-server"),
    "address-taken": ("ram", "address", "stopped", "address-taken"),
    "tftp-stalls": ("ram", "address", "stopped", "tftp-stalls"),
    "other-architecture": ("ram", "program", "stopped", "program-of-other-architecture"),
    "silent-after-initrd": ("ram", "initrd", "stopped", "memory-silent"),
    "config-out-of-reach": ("ram", "system", "stopped", "ignition-blocked"),
    "ignition-fails": ("ram", "config", "stopped", "ignition-misses-disk"),
}
#: Only these send packets of a whole boot.
BOOTING = (*list(FAULTS)[:8], "wrong-network", "program-missing", "ignition-fails")
NUMBERS = {name: number for number, name in enumerate(FAULTS, 0x20)}


def mac_of(name):
    return f"52:54:00:09:77:{NUMBERS[name]:02x}"


def address_of(name):
    return f"10.9.0.{NUMBERS[name]}"


class FaultyBootHost(BootHost):
    def publish(self):
        super().publish()
        self.put(self.images / "amd64-usr/1.0.0" / ipxe.KERNEL, bytes(SMALL))
        self.put(self.images / "amd64-usr/1.0.0" / ipxe.INITRD, bytes(SMALL))
        self.put(self.images / "amd64-usr/2.0.0" / ipxe.KERNEL, bytes(SMALL))
        self.put(self.images / "amd64-usr/3.0.0" / ipxe.KERNEL, bytes(SMALL))
        self.put(self.images / "amd64-usr/3.0.0" / ipxe.INITRD, bytes(30_000_000))
        for name in ("silent-after-config", "wrong-network", "ignition-fails"):
            self.have_in_ram(name, mac_of(name), address_of(name), TOKEN[:-2] + f"{NUMBERS[name]:02}")
        self.give_script(mac_of("own-disk"), address_of("own-disk"), ipxe.disk_script("own-disk"))
        for name, version in (
            ("kernel-404", "0.0.0"),
            ("initrd-404", "2.0.0"),
            ("initrd-broken-off", "3.0.0"),
            ("config-404", "1.0.0"),
            ("silent-after-initrd", "1.0.0"),
            ("config-out-of-reach", "1.0.0"),
        ):
            images = f"http://{self.address}/images/amd64-usr/{version}"
            config = f"http://{self.address}/ignition/{TOKEN[:-2]}{NUMBERS[name]:02}.ign"
            self.give_script(mac_of(name), address_of(name), ipxe.ram_script(name, version, images, config, []))
        misplaced = f"misplaced/{mac_of('another-address').replace(':', '-')}.ipxe"
        self.put(self.web / misplaced, ipxe.misplaced_script("another-address", "10.9.0.99"))
        reserved = {name: (mac_of(name), address_of(name)) for name in FAULTS if name != "unknown-mac"}
        reserved["wrong-network"] = (mac_of("wrong-network"), ELSEWHERE)
        self.reserve(reserved)

    @property
    def machines(self):
        return records.read_machines((self.directory / "dnsmasq/dhcp-hosts").read_text())


def boot(room, names, place="rack"):
    """Emulated UEFI machines, all at once, as far as each comes."""
    told = [{"name": name, "mac": mac_of(name), "address": address_of(name), "halt": None} for name in names]
    files = {word: str(room.directory / f"{place}.{word}") for word in ("halted", "go", "result")}
    given = room.directory / f"{place}.json"
    given.write_text(json.dumps({"machines": told, **files}))
    room.run("env", f"PYTHONPATH={room.path}", sys.executable, HERE / "downloading_machines.py", given, host="rack")


def fetch(room, name, *urls, agent="iPXE/1.21.1"):
    """As the machine, without anything after that."""
    told = ("--silent", "--show-error", "--max-time", "60", "--interface", address_of(name), "--user-agent", agent)
    for url in urls:
        room.run("curl", *told, "--output", "/dev/null", url, host="rack")


def have_address(room, name, firmware="UEFI x64", **more):
    start = {"mac": mac_of(name), "firmware": firmware, **more}
    ask(room, start)
    ask(room, {**start, "message": "REQUEST", "server": ADDRESS, "wanted": address_of(name)})


def boot_up_to_its_release(room, name):
    have_address(room, name)
    have_address(room, name, ipxe=True)
    script, images = f"ipxe/{mac_of(name).replace(':', '-')}.ipxe", "images/amd64-usr/1.0.0"
    fetch(room, name, f"tftp://{ADDRESS}/snponly.efi")
    fetch(
        room,
        name,
        *(
            f"http://{ADDRESS}/{path}"
            for path in ("boot.ipxe", script, f"{images}/{ipxe.KERNEL}", f"{images}/{ipxe.INITRD}")
        ),
    )


#: Reads a file's first block by TFTP, and ends the transfer with an error, as firmware does that gives up.
STALLS = """
import socket, sys
own = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
own.bind((sys.argv[1], 0))
own.settimeout(60)
own.sendto(b"\\0\\1snponly.efi\\0octet\\0", (sys.argv[2], 69))
_block, server = own.recvfrom(2000)
own.sendto(b"\\0\\5\\0\\0gave up\\0", server)
"""


def fail_in_ignition(room, name):
    """What its kernel's line brings, run as by systemd in an initrd; the machine's address is one of many here."""
    programs = room.directory / "initrd"
    programs.mkdir()
    said = "Ignition failed: create partitions failed: failed to wait on disks devs: device unit dev-vdz.device timeout"
    for program, does in {"journalctl": f"echo '{said}'", "systemctl": "true", "sleep": "true"}.items():
        (programs / program).write_text(f"#!/bin/sh\n{does}\n")
        (programs / program).chmod(0o755)
    (programs / ".curlrc").write_text(f"interface = {address_of(name)}\n")
    command = ignition_failure.drop_in(f"http://{ADDRESS}").partition("-c '")[2].rpartition("'")[0]
    command = command.replace("%n", "ignition-disks.service").replace("%p", "ignition-disks").replace("$$", "$")
    where = (f"PATH={programs}:/usr/bin:/bin", f"HOME={programs}", "SERVICE_RESULT=exit-code")
    room.run("env", *where, "/bin/bash", "-c", command, host="rack")


def ask(room, *questions):
    """Single packets of machines; see client.py."""
    given = room.directory / "questions.json"
    told = {"interface": "lan0", "questions": questions, "expected": 0, "seconds": 0.5}
    given.write_text(json.dumps(told))
    room.run("env", f"PYTHONPATH={room.path}", sys.executable, HERE / "client.py", given, host="rack")


@pytest.fixture(scope="module")
def rack(shared_room):
    shared_room.host("rack", *(f"{address_of(name)}/24" for name in FAULTS))
    boot_host = FaultyBootHost(shared_room)
    boot(shared_room, [name for name in BOOTING if name != "program-missing"])
    fail_in_ignition(shared_room, "ignition-fails")
    boot_up_to_its_release(shared_room, "silent-after-initrd")
    boot_up_to_its_release(shared_room, "config-out-of-reach")
    have_address(shared_room, "other-architecture", "BIOS")
    fetch(shared_room, "other-architecture", f"tftp://{ADDRESS}/snponly.efi")
    have_address(shared_room, "tftp-stalls")
    shared_room.run(sys.executable, "-c", STALLS, address_of("tftp-stalls"), ADDRESS, host="rack")
    (boot_host.tftp / "snponly.efi").unlink()
    boot(shared_room, ["program-missing"], "missing")
    asked = []
    for name in ("tftp-blocked", "address-taken", "another-server-first"):
        start = {"mac": mac_of(name), "firmware": "UEFI x64"}
        asked.append(start)
        server = "10.9.0.250" if name == "another-server-first" else ADDRESS
        asked.append({**start, "message": "REQUEST", "server": server, "wanted": address_of(name)})
    for question in asked:
        ask(shared_room, question)
    taken = {"mac": mac_of("address-taken"), "firmware": "UEFI x64", "message": "DECLINE", "server": ADDRESS}
    ask(shared_room, {**taken, "wanted": address_of("address-taken")})
    # One digit from what the inventory says
    ask(shared_room, {"mac": mac_of("unknown-mac").replace(":77:", ":78:"), "firmware": "UEFI x64"})
    boot_host.lines_before_systems = len(boot_host.log.read_text().splitlines())
    have_address(shared_room, "config-out-of-reach", "plain")
    return boot_host


def in_order(boot_host):
    """dnsmasq's lines have no times, so all of them come first: those of systems are later than what iPXE fetched."""
    entries, end = log_of(boot_host), len(boot_host.log.read_text().splitlines())
    before = getattr(boot_host, "lines_before_systems", end)
    late = [entry._replace(when=entry.when + 1000) for entry in entries[before:end]]
    return [*entries[:before], *entries[end:], *late]


def journey_of(boot_host, name, mode, quiet=4000.0):
    # What an emulated machine says that it is would be taken for an acceptance run
    entries = [entry._replace(message=entry.message.replace(AGENT, "iPXE/1.21.1")) for entry in in_order(boot_host)]
    sockets = boot_host.room.run(*journey.SOCKETS, host=boot_host.name).stdout
    heard = journey.heard(Path("/nowhere"), lambda _cursor: iter(entries), boot_host.machines, [mac_of(name)], 0)
    heard |= {"now": entries[-1].when + quiet, **journey.present(sockets)}
    address = ELSEWHERE if name == "wrong-network" else address_of(name)
    machine = Machine(name, (mac_of(name),), address, mode, "10.9.0.0/24 (rack a)", "boot")
    return judged([machine], {"boot": heard}, {}, {"drift": [], "stage": None})


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_named(rack, name):
    mode, hop, state, cause = FAULTS[name]
    found = journey_of(rack, name, mode)
    causes = [one["rule"] for one in found["causes"]]
    assert (found["hop"], found["state"], causes[:1]) == (hop, state, [cause] if cause else []), found


def test_what_a_script_could_not_do_is_in_the_log_with_ipxes_number(rack):
    log = (rack.directory / "access.log").read_text()
    assert f"/failures/kernel/{mac_of('kernel-404').replace(':', '-')}/0x2d0c618e HTTP/1.1" in log
    assert f"/failures/initrd/{mac_of('initrd-404').replace(':', '-')}/0x2d0c618e HTTP/1.1" in log


@pytest.fixture
def bare_rack(room):
    room.host("rack", *(f"{address_of(name)}/24" for name in FAULTS))
    return FaultyBootHost(room)


def test_a_web_server_that_is_down(bare_rack, room):
    room.stop(bare_rack.nginx)
    boot(room, ["silent-after-config"])
    found = journey_of(bare_rack, "silent-after-config", "ram", quiet=1)
    assert (found["hop"], found["state"], found["causes"][0]["rule"]) == ("ipxe", "stopped", "web-down")


def test_a_dhcp_server_that_is_down(bare_rack, room):
    room.stop(bare_rack.dnsmasq)
    ask(room, {"mac": mac_of("no-packet"), "firmware": "UEFI x64"})
    found = journey_of(bare_rack, "no-packet", "ram")
    assert (found["hop"], found["state"], found["causes"][0]["rule"]) == (None, "never seen", "dhcp-down")


def test_a_tftp_server_that_is_down(bare_rack, room):
    room.stop(bare_rack.tftp_and_dns)
    have_address(room, "tftp-blocked")
    found = journey_of(bare_rack, "tftp-blocked", "ram", quiet=1)
    assert (found["hop"], found["state"], found["causes"][0]["rule"]) == ("address", "stopped", "tftp-down")


@pytest.mark.parametrize(
    ("lost", "cause"), [("boot.ipxe", "first-script-missing"), ("ipxe/unknown.ipxe", "script-missing")]
)
def test_a_script_that_is_not_published(bare_rack, room, lost, cause):
    (bare_rack.web / lost).unlink()
    boot(room, ["script-of-nobody"])
    found = journey_of(bare_rack, "script-of-nobody", "ram", quiet=1)
    assert (found["hop"], found["state"], found["causes"][0]["rule"]) == ("ipxe", "stopped", cause)


def test_a_relay_from_a_network_that_is_not_served(bare_rack, room):
    ask(room, {"mac": "52:54:00:09:99:99", "firmware": "UEFI x64", "relay": "10.99.0.1"})
    found = journey_of(bare_rack, "no-packet", "ram")
    assert (found["state"], found["causes"][0]["rule"]) == ("never seen", "network-unserved")
