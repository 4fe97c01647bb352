"""What a journey says beyond its causes."""

from __future__ import annotations

import pytest
from ansible_collections.kindling.flatcar.plugins.plugin_utils._journey.evidence import described, size_in_words
from ansible_collections.kindling.flatcar.plugins.plugin_utils._journey.following import Following
from ansible_collections.kindling.flatcar.plugins.plugin_utils._journey.ipxe_errors import explained
from ansible_collections.kindling.flatcar.plugins.plugin_utils._journey.journey import Machine, journey_of
from ansible_collections.kindling.flatcar.plugins.plugin_utils._journey.judge import judged
from ansible_collections.kindling.flatcar.plugins.plugin_utils._journey.text import text_of

MACHINE = Machine("a01", ("52:54:00:12:a0:01",), "10.10.0.11", "ram", "10.10.0.0/24 (rack a)", "boot-a")
NOW = 1_800_000_000.0


def event(hop, what, at=0.0, **more):
    return {"hop": hop, "what": what, "at": NOW + at, "last": NOW + at, "times": 1, **more}


def boot(*events, begun=0.0):
    return {
        "begun": NOW + begun,
        "last": max(one["last"] for one in events),
        "boots": 1,
        "again": [],
        "events": list(events),
    }


ASKS = event("dhcp", "discover", who="firmware", vendor="PXEClient:Arch:00007")
HAS = event("dhcp", "ack", 1, who="firmware", address="10.10.0.11", file="snponly.efi")
SENT = event("tftp", "sent", 2, file="/srv/kindling/tftp/snponly.efi")
RUNS = event("http", "PUT", 60, file="/reports/(token)/running", status=201)


@pytest.mark.parametrize(
    ("number", "words"),
    [
        ("0x2d0c613b", "404 Not Found"),  # BIOS
        ("0x2d0c618e", "404 Not Found"),  # UEFI
        ("2d0c618e", "https://ipxe.org/err/2d0c61"),
        ("0x410c6193", "403"),
        ("0x0f0a6039", "reset"),
        ("0x4c126035", "nobody answered in time"),
        ("0x31018034", "not enough memory"),
        ("0x7f000000", "not in Kindling's table"),
        ("0x0", "no error number"),
        ("", "no error number"),
        ("rubbish", "no error number"),
        ("f" * 20, "no error number"),
    ],
)
def test_ipxes_errors(number, words):
    assert words in explained(number)


@pytest.mark.parametrize(
    ("size", "words"), [(0, "0 bytes"), (999, "999 bytes"), (61_235_200, "61.2 MB"), (4e9, "4.0 GB")]
)
def test_sizes(size, words):
    assert size_in_words(size) == words


@pytest.mark.parametrize(
    ("fact", "words"),
    [
        (
            event("dhcp", "discover", who="firmware", why="ignored"),
            "DHCP discover of the firmware ignored (at 08:00:00)",
        ),
        (event("tftp", "sent", file="/x"), "TFTP: sent /x (at 08:00:00)"),
        (
            event("http", "GET", file="/x", status=200, size=5, broken=True, seconds=61.5) | {"times": 3},
            "GET /x: 200, 5 bytes, 61.5 s, broken off (3 times, last at 08:00:00)",
        ),
        (
            event("http", "GET", file="/x", status=404, address="10.0.0.9"),
            "GET /x: 404, 0 bytes (from 10.0.0.9, at 08:00:00)",
        ),
    ],
)
def test_evidence(fact, words):
    assert described(fact) == words


def test_what_changed_since_a_boot_that_went_well():
    good = boot(
        ASKS,
        HAS,
        SENT,
        event("http", "GET", 3, file="/images/amd64-usr/1.0.0/flatcar_production_pxe.vmlinuz", status=200),
        RUNS,
    )
    other = event("tftp", "sent", 100, file="/srv/kindling/tftp/undionly.kpxe")
    journey = journey_of(MACHINE, [boot(ASKS, HAS, other)], [], NOW + 9000, good)
    assert journey["changed"] == ["boot program: snponly.efi, now undionly.kpxe"]
    assert "boot program: snponly.efi, now undionly.kpxe" in text_of(journey)


def told(boots, **more):
    return {
        "boots": {MACHINE.macs[0]: boots},
        "good": {},
        "near": {},
        "unserved": [],
        "silent": [],
        "connected": [],
        "now": NOW + 9000,
        **more,
    }


def test_of_a_pair_the_one_counts_that_has_seen_the_machine_last():
    other = Machine(**{**vars(MACHINE), "boot_host": "boot-b"})
    heard = {"boot-a": told([boot(ASKS)]), "boot-b": told([boot(ASKS, HAS)])}
    journey = judged([MACHINE, other], heard, {}, {"drift": [], "stage": None})
    assert (journey["boot_host"], journey["hop"]) == ("boot-b", "address")


def test_a_boot_host_that_does_not_answer_is_no_fault_of_the_machine():
    journey = judged([MACHINE], {"boot-a": "unreachable"}, {}, {"drift": [], "stage": None})
    assert journey["causes"][0]["rule"] == "boot-host-unknown"
    assert "unreachable" in text_of(journey)


def test_published_since_a_boot_that_went_well():
    good = boot(ASKS, RUNS)
    answer = {
        "armings": {},
        "generation": "0123456789abcdef",
        "published": {"at": "2027-01-15T09:00:00Z", "who": "eve"},
    }
    heard = {"boot-a": told([boot(ASKS, begun=5000)], good={MACHINE.macs[0]: good})}
    journey = judged([MACHINE], heard, {"boot-a": answer}, {"drift": [], "stage": None})
    assert journey["changed"] == ["published since then: generation 0123456789ab at 2027-01-15T09:00:00Z by eve"]


def test_machines_are_followed_until_they_run():
    following = Following([MACHINE])
    assert list(following.news(None)) == []
    (line,) = following.news(told([boot(ASKS, HAS)], now=NOW + 5))
    assert line.startswith("a01: 08:00:01 the firmware has an address (under way)")
    assert list(following.news(told([boot(ASKS, HAS)], now=NOW + 6))) == []
    assert following.left == ["a01"]
    (line,) = following.news(told([boot(ASKS, HAS, RUNS)], now=NOW + 70))
    assert (following.left, following.summary()) == ([], "all of them are done")
    assert "it reports that it runs" in line


def test_one_that_is_being_installed_is_followed_on():
    installed = event("http", "PUT", 60, file="/reports/(token)/installed", status=201)
    ordered = event("http", "GET", 5, file="/ipxe/52-54-00-12-a0-01.ipxe", status=200, script="ordered")
    following = Following([MACHINE])
    list(following.news(told([boot(ASKS, ordered, installed)], now=NOW + 70)))
    assert following.left == ["a01"]
