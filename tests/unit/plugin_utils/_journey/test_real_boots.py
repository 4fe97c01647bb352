"""What boot hosts of the lab's virtual racks have logged, judged at each moment: machines with both firmwares, that run from RAM or
from their disk, are slow, ask twice, are installed, have two NICs; and some that were switched off in the middle.

``real`` has those lines of each log that concern machines, with the seconds since the first one, or as podman prints a container's.
"""

from __future__ import annotations

import functools
import pathlib
from collections import Counter

import pytest
from ansible_collections.kindling.flatcar.plugins.module_utils._journey.journey import entries_of_text
from ansible_collections.kindling.flatcar.plugins.module_utils._records import records
from ansible_collections.kindling.flatcar.plugins.plugin_utils._journey.journey import Machine, journey_of
from ansible_collections.kindling.flatcar.plugins.plugin_utils._journey.nics import begun, boots_of

HERE = pathlib.Path(__file__).parent
START = 1_800_000_000.0

#: The machines of each log: their MAC addresses, their addresses, and their mode.
RACKS = {
    "debian-12": {
        "bios": (("52:54:00:77:12:11",), ("10.77.0.11",), "install"),
        "uefi": (("52:54:00:77:12:12",), ("10.77.0.12",), "install"),
    },
    "debian-13": {
        "bios, two NICs": (("52:54:00:77:13:11", "52:54:00:77:13:21"), ("10.77.0.11", "10.77.0.21"), "install"),
        "uefi": (("52:54:00:77:13:12",), ("10.77.0.12",), "install"),
    },
    "debian-12-ram": {
        "bios": (("52:54:00:77:00:11",), ("10.77.0.11",), "ram"),
        "uefi": (("52:54:00:77:00:12",), ("10.77.0.12",), "ram"),
        "its config does not fit": (("52:54:00:77:00:13",), ("10.77.0.13",), "ram"),
    },
    "container": {
        "bios": (("52:54:00:77:00:11",), ("10.77.0.11",), "install"),
        "uefi": (("52:54:00:77:00:12",), ("10.77.0.12",), "ram"),
    },
}

#: What has happened to a machine, by log, machine and number of its boot: it was switched off again and again before its disk could
#: start, or in the middle of an installation.
FAULTS = {
    ("debian-12", "uefi", 9): "disk-does-not-start",
    ("debian-13", "uefi", 5): "half-written",
}


def entries(rack):
    text = (HERE / "real" / f"{rack}.log").read_text()
    if rack == "container":
        return list(entries_of_text(text.splitlines()))
    return [
        records.Entry(f"c{number}", START + float(seconds), f"kindling-{unit}.service", message)
        for number, (seconds, unit, message) in enumerate(line.split(" ", 2) for line in text.splitlines())
    ]


def known(rack):
    pairs = [
        (mac, address)
        for macs, addresses, _mode in RACKS[rack].values()
        for mac, address in zip(macs, addresses, strict=True)
    ]
    return records.read_machines("".join(f"{mac},id:*,{address}\n" for mac, address in pairs))


def recorded(book, macs):
    every = [(mac, boot.as_data()) for mac, boot in (*book.closed, *book.boots.items()) if mac in macs]
    return {mac: [boot for its, boot in every if its == mac] for mac in macs}


def owner_of(rack, request):
    """The machine whose request to the web server a line is."""
    machines = RACKS[rack].items()
    return next(
        (name for name, (_macs, has, _mode) in machines if request.startswith(tuple(f'{one} "' for one in has))), None
    )


@functools.cache
def judged(rack):
    """By machine and boot: the states and causes that it had a second after each of its lines on the web server, and at its end."""
    machines, book, found = known(rack), records.Book(), {}
    for entry in entries(rack):
        book.read([entry], machines)
        owner = owner_of(rack, entry.message)
        if owner is None:
            continue
        macs, addresses, mode = RACKS[rack][owner]
        boots = boots_of(macs, recorded(book, macs))
        journey = journey_of(Machine(owner, macs, addresses[0], mode), boots, (), entry.when + 1)
        number = len(boots) - 1
        found.setdefault((owner, number), []).append(
            (journey["state"], journey["hop"], tuple(cause["rule"] for cause in journey["causes"]))
        )
    return found


BOOTS = [(rack, *boot) for rack in RACKS for boot in judged(rack)]


@pytest.mark.parametrize(("rack", "owner", "number"), BOOTS)
def test_a_healthy_boot_names_no_fault_at_any_moment(rack, owner, number):
    moments = judged(rack)[owner, number]
    causes = {causes for _state, _hop, causes in moments if causes}
    expected = FAULTS.get((rack, owner, number))
    assert causes == ({(expected,)} if expected else set()), moments
    assert expected or {state for state, _hop, _causes in moments} <= {"fine", "under way"}


def test_there_are_forty_of_them_and_of_each_kind():
    healthy = [(rack, owner, number) for rack, owner, number in BOOTS if (rack, owner, number) not in FAULTS]
    ends = Counter(judged(rack)[owner, number][-1][1] for rack, owner, number in healthy)
    assert len(healthy) >= 40
    assert {"running", "installed", "script"} <= ends.keys()


def test_a_config_that_does_not_fit_is_named_once_the_machine_is_silent():
    macs, addresses, mode = RACKS["debian-12-ram"]["its config does not fit"]
    book = records.Book()
    book.read(entries("debian-12-ram"), known("debian-12-ram"))
    boots = boots_of(macs, recorded(book, macs))
    journey = journey_of(Machine("broken", macs, addresses[0], mode), boots, (), boots[-1]["last"] + 1000)
    assert (journey["state"], journey["hop"], journey["causes"][0]["rule"]) == ("stopped", "config", "ignition-refuses")


def test_what_a_second_nic_fetches_belongs_to_the_boot_by_the_first():
    ends = {number: moments[-1][1] for (owner, number), moments in judged("debian-13").items() if "two" in owner}
    assert "running" in ends.values()
    macs, _addresses, _mode = RACKS["debian-13"]["bios, two NICs"]
    book = records.Book()
    book.read(entries("debian-13"), known("debian-13"))
    boots = boots_of(macs, recorded(book, macs))
    assert [begun(boot) for boot in boots] == sorted(begun(boot) for boot in boots)
    assert all(any(event.get("who") == "ipxe" for event in boot["events"]) for boot in boots)


def test_a_nic_whose_own_program_is_ipxe_boots_anew_each_time():
    """Such firmware never asks as firmware."""
    numbers = [number for owner, number in judged("debian-12") if owner == "bios"]
    assert len(numbers) > 10
