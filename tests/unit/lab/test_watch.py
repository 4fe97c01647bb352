"""From log lines to a node's stage: the lines are real ones."""

from __future__ import annotations

import pytest
from virtual_rack import watch
from virtual_rack.watch import Fact, Progress

MAC = "52:54:00:77:00:11"
ADDRESS = "10.77.0.11"
IPXE = "iPXE/1.0.0+git-20190125.36a4c85-5.1"
IGNITION = "Ignition/Debian 2.14.0+ds1-1+b6"


@pytest.mark.parametrize(
    ("message", "stage", "mac", "address", "detail"),
    [
        (f"dnsmasq-dhcp[613]: 2333455032 DHCPACK(lan0) {ADDRESS} {MAC} demo-bios", "dhcp", MAC, ADDRESS, ADDRESS),
        (f"2333455032 DHCPACK(lan0) {ADDRESS} {MAC}", "dhcp", MAC, ADDRESS, ADDRESS),
        (f"1 DHCPDISCOVER(lan0) {MAC} ignored", None, MAC, None, "DHCPDISCOVER: ignored"),
        (f"1 DHCPDISCOVER(lan0) {MAC} no address available", None, MAC, None, "DHCPDISCOVER: no address available"),
        (f"1 DHCPNAK(lan0) {ADDRESS} {MAC} address in use", None, MAC, None, "DHCPNAK: address in use"),
        (
            f"dnsmasq-tftp[613]: sent /srv/tftp/snponly.efi to {ADDRESS}",
            None,
            None,
            ADDRESS,
            "TFTP: sent /srv/tftp/snponly.efi",
        ),
        (
            f"file /srv/tftp/no.efi not found for {ADDRESS}",
            None,
            None,
            ADDRESS,
            "TFTP: /srv/tftp/no.efi could not be sent",
        ),
        (f'{ADDRESS} "GET /boot.ipxe HTTP/1.1" 200 147 "{IPXE}"', "ipxe", None, ADDRESS, "GET /boot.ipxe"),
        (
            f'{ADDRESS} "GET /ipxe/52-54-00-77-00-11.ipxe HTTP/1.1" 200 600 "{IPXE}"',
            "ipxe",
            MAC,
            ADDRESS,
            "GET /ipxe/52-54-00-77-00-11.ipxe",
        ),
        (
            f'2026-11-23T06:20:40+00:00 {ADDRESS} "GET /images/amd64-usr/9999.2.0/flatcar_production_pxe_image.cpio.gz HTTP/1.1"'
            f' 200 69579592 "{IPXE}"',
            "kernel",
            None,
            ADDRESS,
            "GET /images/amd64-usr/9999.2.0/flatcar_production_pxe_image.cpio.gz",
        ),
        (
            f'{ADDRESS} "GET /ignition/(token).ign HTTP/1.1" 200 954 "{IGNITION}"',
            "ignition",
            None,
            ADDRESS,
            "GET /ignition/(token).ign",
        ),
        (
            f'{ADDRESS} "GET /ignition/(token).ign HTTP/1.1" 404 153 "{IGNITION}"',
            "ignition",
            None,
            ADDRESS,
            f"HTTP 404 /ignition/(token).ign for {IGNITION}",
        ),
        (
            f'{ADDRESS} "PUT /reports/abc_-/installed HTTP/1.1" 201 0 "curl/7.88.1"',
            "installed",
            None,
            ADDRESS,
            "reports installed",
        ),
        (f'{ADDRESS} "PUT /reports/a/failed HTTP/1.1" 204 0 "curl/7.88.1"', None, None, ADDRESS, "reports failed"),
        (
            f'{ADDRESS} "PUT /reports/a/started HTTP/1.1" 403 0 "curl/7.88.1"',
            None,
            None,
            ADDRESS,
            "HTTP 403 /reports/a/started for curl/7.88.1",
        ),
        (f'{ADDRESS} "GET /images/x HTTP/1.1" 404 153 "-"', None, None, ADDRESS, "HTTP 404 /images/x"),
        (
            f'{ADDRESS} "GET /failures/kernel/{MAC.replace(":", "-")}/0x2d0c618e HTTP/1.1" 404 153 "{IPXE}" 0.000 whole -',
            None,
            MAC,
            ADDRESS,
            "iPXE: kernel failed with 0x2d0c618e",
        ),
    ],
)
def test_a_line_of_the_boot_hosts_journal(message, stage, mac, address, detail):
    fact = watch.read_journal(message)
    assert fact is not None
    assert (fact.stage, fact.mac, fact.address, fact.detail) == (stage, mac, address, detail)


@pytest.mark.parametrize(
    "message",
    [
        "dnsmasq-dhcp[613]: 2333455032 sent size:  4 option:  1 netmask  255.255.255.0",
        f"2333455032 DHCPREQUEST(lan0) {ADDRESS} {MAC}",
        f"2333455032 DHCPDISCOVER(lan0) {MAC}",
        f"2333455032 DHCPOFFER(lan0) {ADDRESS} {MAC}",
        "Started kindling-web.service - Scripts, configs and images for Kindling's racks.",
        "",
    ],
)
def test_other_lines_say_nothing(message):
    assert watch.read_journal(message) is None


@pytest.mark.parametrize(
    ("line", "stage", "fatal", "detail"),
    [
        ("demo-bios login:", "done", False, "login prompt"),
        ("STANDIN-FAILURE: Ignition failed: resource not found", None, False, "Ignition failed: resource not found"),
        ("STANDIN-FAILURE-END", "ignition", True, "emergency mode"),
        ("Entering emergency mode. Exit the shell to continue.", "ignition", True, "emergency mode"),
        ("[    1.0] Kernel panic - not syncing: VFS: no root", "kernel", True, "kernel panic: VFS: no root"),
        ("No bootable device.", None, True, "there was nothing to boot: No bootable device."),
        (
            "Kindling: the installation of n1 was begun and has not ended; its disk is half written and not started",
            None,
            True,
            "the installation of n1 was begun and has not ended; its disk is half written and not started",
        ),
        (
            "STANDIN-DISK: first boot of 9999.2.0 on pc, with a config",
            "disk",
            False,
            "first boot of 9999.2.0 on pc, with a config",
        ),
    ],
)
def test_a_line_of_the_serial_console(line, stage, fatal, detail):
    fact = watch.read_serial(line)
    assert fact is not None
    assert (fact.stage, fact.fatal, fact.detail) == (stage, fatal, detail)


LEAVING = [
    (
        "Kindling: 52:54:00:77:00:99 is not in the inventory (serial , uuid 1); going on to its own disk",
        "52:54:00:77:00:99 is not in the inventory (serial , uuid 1); going on to its own disk",
    ),
    ("Kindling: n1 boots its own disk", "n1 boots its own disk"),
    ("No more network devices", "iPXE gave up"),
    (
        'BdsDxe: failed to load Boot0002 "UEFI PXEv4 (MAC:525400770014)" from PciRoot(0x0)/Pci(0x1,0x0)/MAC(525400770014,'
        "0x1)/IPv4(0.0.0.0,0x0,DHCP,0.0.0.0,0.0.0.0,0.0.0.0): Not Found",
        "the firmware's network boot failed: Not Found",
    ),
]


@pytest.mark.parametrize(("line", "detail"), LEAVING)
def test_who_leaves_the_network_has_failed_unless_it_should_boot_its_disk(line, detail):
    for road, failure in (("ram", detail), ("install", detail), ("disk", None)):
        progress = Progress({"firmware": 0.0, "ipxe": 1.0}, road)
        progress.apply(watch.read_serial(line), 2.0)
        assert progress.failure == failure


@pytest.mark.parametrize(
    "line", ["login: nobody", "Last login: Mon Nov 23", "boot.ipxe : 147 bytes [script]", "emergency"]
)
def test_a_console_line_that_only_looks_like_one(line):
    assert watch.read_serial(line) is None


def test_the_console_is_cut_into_clean_lines_wherever_the_data_is_cut():
    data = "\x1b[2J\x1b[01;01HiPXE initialising devices...ok\r\n\r\n\x1b[1miPXE\x1b[0m 1.0\r\nwüst\r\n"
    text = watch.SerialText()
    lines = [line for byte in data.encode() for line in text.feed(bytes([byte]))]
    assert lines[:2] == ["iPXE initialising devices...ok", "iPXE 1.0"]
    assert watch.SerialText().feed(data.encode())[2] == "wüst"


def test_a_prompt_needs_no_line_end():
    text = watch.SerialText()
    assert text.feed(b"\r\ndemo-bios login") == []
    assert text.feed(b": ") == ["demo-bios login:"]
    assert text.feed(b"\r\nnext\r\n") == ["next"]


def way(*stages: str, road: str = "ram") -> Progress:
    progress = Progress({"firmware": 0.0}, road)
    for seconds, stage in enumerate(stages, 1):
        assert progress.apply(Fact(stage), float(seconds))
    return progress


def test_stages_are_reached_once_and_in_order():
    progress = way("dhcp", "ipxe")
    assert not progress.apply(Fact("dhcp", address=ADDRESS), 9.0)  # iPXE's own DHCP, after the firmware's
    assert progress.reached == {"firmware": 0.0, "dhcp": 1.0, "ipxe": 2.0}
    assert progress.address == ADDRESS


def test_what_its_other_network_card_gets_is_noted_and_is_not_its_address():
    other = "52:54:00:77:00:12"
    progress = Progress({"firmware": 0.0}, mac=MAC)
    for message in (f"1 DHCPACK(lan0) 10.77.0.12 {other}", f"1 DHCPACK(lan0) {ADDRESS} {MAC}"):
        progress.apply(watch.read_journal(message), 1.0)
    assert progress.reached == {"firmware": 0.0, "dhcp": 1.0}
    progress.apply(watch.read_journal('10.77.0.12 "GET /boot.ipxe HTTP/1.1" 200 147 "iPXE"'), 2.0)
    assert (progress.stage, progress.address) == ("ipxe", ADDRESS)
    assert progress.addresses == {MAC: ADDRESS, other: "10.77.0.12"}
    assert list(progress.notes) == [f"network card {other} got 10.77.0.12"]


def test_two_network_cards_with_one_address_are_both_known():
    progress = Progress({"firmware": 0.0}, mac=MAC)
    for mac in (MAC, "52:54:00:77:00:12"):
        progress.apply(watch.read_journal(f"1 DHCPACK(lan0) {ADDRESS} {mac}"), 1.0)
    assert (progress.address, progress.addresses) == (ADDRESS, {MAC: ADDRESS, "52:54:00:77:00:12": ADDRESS})


def test_each_start_of_the_disk_is_told_though_it_is_one_stage():
    progress = way("dhcp", "ipxe", "disk", road="disk")
    for _ in range(2):
        assert not progress.apply(watch.read_serial("STANDIN-DISK: first boot of 1"), 9.0)
    assert progress.disk_starts == ["", "first boot of 1", "first boot of 1"]
    assert progress.apply(Fact("done"), 10.0)


def test_the_seconds_in_each_stage_add_up_to_the_whole():
    progress = Progress({"firmware": 0.0, "dhcp": 6.0, "ipxe": 6.5, "kernel": 10.0})
    assert progress.spent(12.5) == {"firmware": 6.0, "dhcp": 0.5, "ipxe": 3.5, "kernel": 2.5}


def test_a_prompt_before_ignition_is_not_the_end():
    progress = way("dhcp", "ipxe", "kernel")
    assert not progress.apply(Fact("done"), 5.0)
    assert progress.stage == "kernel"


def test_the_installers_prompt_is_not_the_end():
    progress = way("dhcp", "ipxe", "kernel", "ignition", "started", road="install")
    assert not progress.apply(Fact("done"), 6.0)
    progress.apply(watch.read_serial("Kindling: n1 boots its own disk"), 70.0)
    assert progress.apply(Fact("disk"), 80.0)
    assert progress.apply(Fact("done"), 99.0)
    assert progress.failure is None


@pytest.mark.parametrize(
    ("road", "before", "stage"),
    [("disk", "ipxe", "kernel"), ("disk", "ipxe", "ignition"), ("ram", "ipxe", "disk"), ("ram", "ignition", "disk")],
)
def test_another_way_than_its_own_is_a_failure(road, before, stage):
    progress = Progress({"firmware": 0.0, before: 1.0}, road)
    progress.apply(Fact(stage, detail="what it did"), 2.0)
    assert progress.failure == "is not on its way at all: what it did"
    assert progress.overdue(999.0, 300.0) is None or progress.stage in watch.ROADS[road]


def test_what_an_installed_system_fetches_is_no_detour():
    progress = Progress({"firmware": 0.0, "ipxe": 1.0, "disk": 2.0}, "disk")
    progress.apply(Fact("ignition", detail="GET /file"), 3.0)
    assert progress.failure is None


def test_a_failure_in_the_initrd_is_ignitions():
    progress = way("dhcp", "ipxe", "kernel")
    for line in ("STANDIN-FAILURE: CRITICAL : Ignition failed: no such disk", "STANDIN-FAILURE-END"):
        progress.apply(watch.read_serial(line), 30.0)
    assert progress.stage == "ignition"
    assert progress.why() == "emergency mode; Ignition failed: no such disk"


def test_what_may_explain_a_failure_is_kept_once():
    progress = way("dhcp")
    for _ in range(5):
        progress.apply(watch.read_journal(f"1 DHCPDISCOVER(lan0) {MAC} ignored"), 2.0)
    progress.hear("Nothing to boot")
    progress.hear("STANDIN-FAILURE: is a note already")
    assert list(progress.notes) == ["boot host: DHCPDISCOVER: ignored"]
    assert list(progress.console) == ["Nothing to boot"]


@pytest.mark.parametrize(
    ("progress", "seconds", "late"),
    [
        (way(), 239.0, None),
        (way(), 241.0, "did not get from firmware to dhcp within 240 s"),
        (way("dhcp"), 240.5, None),
        (way("dhcp", "ipxe"), 483.0, "did not get from ipxe to kernel within 480 s"),
        (way("dhcp", "ipxe", "kernel", "ignition"), 400.0, None),
        (way("dhcp", "ipxe", "kernel", "ignition"), 501.0, "did not get to done within 500 s in total"),
        (way("dhcp", "ipxe", "kernel", "ignition", "done"), 999.0, None),
    ],
)
def test_each_stage_has_a_limit_and_the_whole_has_one(progress, seconds, late):
    assert progress.overdue(seconds, 500.0) == late
