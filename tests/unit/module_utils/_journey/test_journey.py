"""What a boot host has heard of machines up to now, and what it is at present."""

from __future__ import annotations

import json

import pytest
from ansible_collections.kindling.flatcar.plugins.module_utils._journey import journey
from ansible_collections.kindling.flatcar.plugins.module_utils._netboot.transfer import AGENT
from ansible_collections.kindling.flatcar.plugins.module_utils._records import records
from hypothesis import given
from hypothesis import strategies as st

NODE, NEIGHBOUR, STRANGER = "52:54:00:77:00:11", "52:54:00:77:00:12", "02:00:00:00:00:01"
MACHINES = records.read_machines(f"{NODE},id:*,10.77.0.11,n1\n")
START = 1_800_000_000.0
PXE = "PXEClient:Arch:00007:UNDI:003016"


class Log(list):
    """Lines with their times, read from a cursor on as the journal is."""

    def say(self, when, *messages, unit="dnsmasq"):
        for message in messages:
            self.append(records.Entry(f"c{len(self):04}", START + when, f"kindling-{unit}.service", message))

    def boots(self, when, mac=NODE, runs=True):
        self.say(when, f"7 vendor class: {PXE}", f"7 DHCPDISCOVER(lan0) {mac} ", f"7 DHCPOFFER(lan0) 10.77.0.11 {mac} ")
        self.say(when + 1, '10.77.0.11 "GET /boot.ipxe HTTP/1.1" 200 9 "iPXE/1"', unit="web")
        if runs:
            self.say(when + 2, '10.77.0.11 "PUT /reports/(token)/running HTTP/1.1" 201 0 "curl/8"', unit="web")

    def __call__(self, cursor):
        return iter([entry for entry in self if entry.cursor >= cursor])


@pytest.fixture
def log():
    return Log()


def heard(directory, log, since=0.0, macs=(NODE,)):
    return journey.heard(directory, log, MACHINES, macs, since)


def test_what_is_recorded_and_what_the_log_has_since_are_one(tmp_path, log):
    log.boots(0)
    records.take(tmp_path, log, MACHINES, 4)
    state = (tmp_path / records.STATE).read_bytes()
    log.say(60, '10.77.0.11 "GET /images/x.cpio.gz HTTP/1.1" 200 9 "iPXE/1"', unit="web")
    (boot,) = heard(tmp_path, log)["boots"][NODE]
    assert [event["file"] for event in boot["events"] if event["hop"] == "http"] == [
        "/boot.ipxe",
        "/reports/(token)/running",
        "/images/x.cpio.gz",
    ]
    assert (tmp_path / records.STATE).read_bytes() == state, "it only reads"


def test_where_nothing_is_recorded_all_of_the_log_is_read(tmp_path, log):
    log.boots(0)
    assert len(heard(tmp_path / "none", log)["boots"][NODE]) == 1


def test_the_last_boot_or_all_since_then_and_the_last_that_went_well_before(tmp_path, log):
    for when, runs in ((0, True), (10_000, False), (20_000, False)):
        log.boots(when, runs=runs)
    found = heard(tmp_path, log)
    # Both are alike, and so one line
    assert [(boot["begun"], boot["again"]) for boot in found["boots"][NODE]] == [(START + 10_000, [START + 20_000])]
    assert found["good"][NODE]["begun"] == START
    found = heard(tmp_path, log, since=START + 15_000)
    assert [boot["boots"] for boot in found["boots"][NODE]] == [2]
    assert found["good"][NODE]["begun"] == START
    assert heard(tmp_path, log, since=START + 90_000)["boots"][NODE] == []


def test_boots_that_an_acceptance_run_tries_are_not_the_machines(tmp_path, log):
    log.boots(0)
    log.say(500, f"7 vendor class: {PXE}", f"7 DHCPDISCOVER(lan0) {NODE} ", f"7 DHCPOFFER(lan0) 10.77.0.11 {NODE} ")
    log.say(501, f'10.77.0.11 "GET /boot.ipxe HTTP/1.1" 200 9 "{AGENT}"', unit="web")
    assert [boot["begun"] for boot in heard(tmp_path, log)["boots"][NODE]] == [START]


def test_who_may_be_the_machine_that_was_never_seen(tmp_path, log):
    for mac in (STRANGER, NEIGHBOUR):
        log.say(0, f"7 vendor class: {PXE}", f"7 DHCPDISCOVER(lan0) {mac} ignored")
        log.say(1, "no address range available for DHCP request via 10.9.0.1")
    found = heard(tmp_path, log)
    assert [(one["mac"], one["differs"], one["vendor"]) for one in found["near"][NODE]] == [(NEIGHBOUR, 1, PXE)]
    assert [one["where"] for one in found["unserved"]] == ["via 10.9.0.1"]


@pytest.mark.parametrize(
    ("mac", "differs"),
    [(NODE, 0), ("52:54:00:77:00:12", 1), ("52:54:00:77:10:01", 2), ("52:54:00:77:00:ff", 2), ("52:45:00:77:00:11", 1)],
)
def test_how_many_digits_differ(mac, differs):
    assert journey.differing(NODE, mac) == differs


SOCKETS = """\
udp   UNCONN 0      0           0.0.0.0%lan0:67      0.0.0.0:*
udp   UNCONN 0      0              10.77.0.1:69      0.0.0.0:*
tcp   LISTEN 0      4096           10.77.0.1:80      0.0.0.0:*
tcp   ESTAB  0      1048576        10.77.0.1:80   10.77.0.11:49152
tcp   ESTAB  0      0              10.77.0.1:22   10.77.0.99:40000
tcp   TIME-WAIT 0   0              10.77.0.1:80   10.77.0.98:40000
"""


def test_what_listens_and_who_is_being_sent_to():
    assert journey.present(SOCKETS) == {"silent": [], "connected": ["10.77.0.11"]}
    assert journey.present("")["silent"] == ["dhcp", "tftp", "http"]


def test_the_log_of_a_container():
    lines = [
        "2027-01-15T08:00:00.123456789Z dnsmasq-dhcp[7]: 11 DHCPDISCOVER(lan0) 52:54:00:77:00:11 ignored",
        '2027-01-15T09:00:01+01:00 10.77.0.11 "GET /boot.ipxe HTTP/1.1" 200 9 "iPXE/1"',
        "no time",
        "2027-99-99T08:00:00Z not a day",
    ]
    found = list(journey.entries_of_text(lines))
    assert [(entry.unit, round(entry.when - START)) for entry in found] == [
        ("kindling-dnsmasq.service", 0),
        ("kindling-web.service", 1),
    ]


@given(st.lists(st.text()))
def test_whatever_is_in_a_log_or_a_table_of_sockets(lines):
    list(journey.entries_of_text(lines))
    assert json.dumps(journey.present("\n".join(f"tcp LISTEN 0 0 x:{number} y" for number, _ in enumerate(lines))))
