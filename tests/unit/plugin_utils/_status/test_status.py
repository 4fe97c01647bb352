"""What is said of a node, out of what the inventory, its boot hosts and itself say."""

from __future__ import annotations

import pytest
from ansible_collections.kindling.flatcar.plugins.plugin_utils._status.status import (
    Wanted,
    by_word,
    served_by,
    served_lines,
    status_of,
    strangers,
    text,
)

INSTALL = Wanted(mode="install", version="9999.2.0", config="c" * 64, boot_hosts=("boot-a",))
RAM = Wanted(mode="ram", version="current", config="c" * 64, boot_hosts=("boot-a", "boot-b"))
INDEX = {"mode": "install", "version": "9999.2.0", "config": "c" * 64}
RUNS = {"version": "9999.2.0", "config": "c" * 64, "when": 1_800_000_300}


def told(index=INDEX, armings=(), reports=None):
    return {
        "index": {"n": index} if index else {},
        "armings": by_word(armings),
        "reports": {"n": reports} if reports else {},
    }


def an_arming(number=1, armed=False, half_written=False, node="n", **reports):
    return {
        "number": number,
        "node": node,
        "address": "10.0.0.11",
        "more_addresses": [],
        "macs": ["52-54-00-00-00-0a"],
        "when": 1_800_000_000,
        "until": 1_800_007_200,
        "armed": armed,
        "half_written": half_written,
        "reports": reports,
    }


def test_a_node_that_runs_what_is_wanted():
    status = status_of("n", INSTALL, {"boot-a": told(armings=[an_arming(installed={"when": 1}, running=RUNS)])})
    assert (status["stage"], status["when"], status["drift"]) == ("running", "2027-01-15T08:05:00Z", [])
    assert status["version"] == {"wanted": "9999.2.0", "published": "9999.2.0", "reported": "9999.2.0"}


def test_a_node_that_is_armed():
    status = status_of("n", INSTALL, {"boot-a": told(armings=[an_arming(armed=True)])})
    assert status["armed_until"] == "2027-01-15T10:00:00Z"
    assert status["drift"] == ["has not reported that it runs"]


def test_a_new_arming_does_not_hide_what_runs_meanwhile():
    armings = [an_arming(2, armed=True, started={"when": 1_800_000_900}), an_arming(1, running=RUNS)]
    status = status_of("n", INSTALL, {"boot-a": told(armings=armings)})
    assert (status["stage"], status["version"]["reported"]) == ("started", "9999.2.0")


@pytest.mark.parametrize(
    ("index", "arming", "drift"),
    [
        (None, None, "not published: run site.yml"),
        (INDEX | {"mode": "disk"}, None, "published as disk: run site.yml"),
        (INDEX | {"config": "d" * 64}, None, "changed since it was published: run site.yml"),
        (INDEX | {"version": "9999.1.0"}, None, "changed since it was published: run site.yml"),
        (INDEX, an_arming(running=RUNS | {"version": "9999.1.0"}), "runs another version"),
        (INDEX, an_arming(running=RUNS | {"config": "d" * 64}), "runs another config"),
        (INDEX, an_arming(half_written=True, started={"when": 1}), "its disk is half-written: run install.yml"),
        (INDEX, None, "has not reported that it runs"),
    ],
)
def test_drift(index, arming, drift):
    read = {"boot-a": told(index, [arming] if arming else ())}
    assert drift in status_of("n", INSTALL, read)["drift"]


def test_a_channel_is_what_the_boot_host_resolved_it_to():
    read = {"boot-a": told(INDEX | {"mode": "ram"}, reports={"running": RUNS}), "boot-b": told(None)}
    status = status_of("n", RAM, read)
    assert (status["version"]["wanted"], status["drift"]) == ("9999.2.0", [])


def test_of_a_pair_that_which_answers_is_believed():
    read = {"boot-a": "cannot be reached", "boot-b": told(INDEX | {"mode": "ram"}, reports={"running": RUNS})}
    status = status_of("n", RAM, read)
    assert (status["stage"], status["drift"]) == ("running", [])
    assert status["unreachable"] == ["boot-a: cannot be reached"]


def test_a_boot_host_that_does_not_answer_is_said_of_its_nodes():
    status = status_of("n", INSTALL, {"boot-a": "cannot be reached", "boot-b": told()})
    assert status["unreachable"] == ["boot-a: cannot be reached"]
    assert status["drift"] == ["unknown: none of its boot hosts answers"]
    assert status["config"]["wanted"] == "c" * 64


def test_a_node_with_mistakes_is_shown_as_it_is_published():
    status = status_of("n", None, {"boot-a": told(armings=[an_arming(running=RUNS)])})
    assert (status["boot_host"], status["stage"]) == ("boot-a", "running")
    assert status["drift"] == ["the inventory has mistakes: see validate.yml"]


def test_nothing_is_asked_of_a_machine_on_its_own_disk():
    wanted = Wanted(mode="disk", version="current", config="c" * 64, boot_hosts=("boot-a",))
    index = {"mode": "disk", "version": "current", "config": "c" * 64}
    assert status_of("n", wanted, {"boot-a": told(index)})["drift"] == []


def test_a_row_is_one_line():
    arming = an_arming(running=RUNS | {"version": "9\n" * 500, "config": "x"})
    rows = text([status_of("n", INSTALL, {"boot-a": told(armings=[arming])})])
    assert len(rows) == 2
    assert not [cell for cell in rows[1] if "\n" in cell or len(cell) > 80]


@pytest.mark.parametrize("known_as", ["10.0.0.11", "52-54-00-00-00-0a"])
def test_an_armed_machine_is_known_whatever_it_was_called(known_as):
    wanted = Wanted("install", "9999.2.0", "c" * 64, ("boot-a",), known_as=(known_as,))
    read = {"boot-a": told(armings=[an_arming(armed=True, node="former")])}
    assert status_of("n", wanted, read)["armed_until"] == "2027-01-15T10:00:00Z"
    assert strangers(read, {"n", known_as}) == []


def test_armed_machines_that_the_inventory_does_not_have_are_shown():
    read = {"boot-a": told(armings=[an_arming(1), an_arming(2, armed=True, node="gone")]), "boot-b": "not asked"}
    (status,) = strangers(read, {"n"})
    assert (status["node"], status["boot_host"], status["armed_until"]) == ("gone", "boot-a", "2027-01-15T10:00:00Z")
    assert status["drift"] == ["not in the inventory: disarm.yml -e disarm_machines=gone"]
    assert strangers(read, {"gone"}) == []


def test_an_installed_machine_reports_by_what_outlives_its_arming():
    status = status_of("n", INSTALL, {"boot-a": told(reports={"running": RUNS})})
    assert (status["stage"], status["drift"]) == ("running", [])


def test_a_node_whose_address_was_put_aside_is_named_with_the_way_out():
    answer = told(INDEX | {"address": "10.0.0.11"}) | {
        "put_aside": {"10.0.0.11": 1_800_000_600, "10.0.0.12": 1_800_000_000}
    }
    (_, found) = status_of("n", INSTALL, {"boot-a": answer})["drift"]
    assert found.startswith("its address was reported as taken: boot-a gives it to nobody until 2027-01-15 08:10,")
    assert "systemctl reload kindling-dnsmasq" in found


@pytest.mark.parametrize(("secure_boot", "why"), [("on", ": Secure Boot is on, and GRUB reads none then"), ("off", "")])
def test_a_system_that_was_started_without_its_kernel_arguments_is_told(secure_boot, why):
    report = RUNS | {"lost": "console=ttyS1 quiet ", "secure_boot": secure_boot}
    status = status_of("n", INSTALL, {"boot-a": told(reports={"running": report})})
    assert status["drift"] == [f"runs without its kernel arguments console=ttyS1 quiet{why}"]


PUBLISHED = {
    "number": 7,
    "generation": "5891b5b522d5df086d0ff0b110fbd9d2",
    "at": "2026-11-30T12:00:00Z",
    "who": "ada on desk",
    "commit": "a" * 40,
    "dirty": False,
    "says": ["s"],
    "newest": 1.0,
}


def test_what_a_boot_host_serves_has_a_commit_a_time_and_a_name():
    served = served_by({**told(), "generation": PUBLISHED["generation"], "published": PUBLISHED})
    assert (served["commit"], served["who"], served["when"], served["number"]) == (
        *("a" * 40, "ada on desk"),
        *("2026-11-30T12:00:00Z", 7),
    )
    assert list(served_lines({"boot-a": served})) == [
        "boot-a serves 5891b5b522d5, published at 2026-11-30T12:00:00Z by ada on desk from commit aaaaaaaaaaaa (number 7)"
    ]


def test_the_newest_commit_that_says_the_same_is_the_one_that_is_shown():
    again = {"at": "2026-12-01T12:00:00Z", "who": "bob", "commit": "b" * 40, "dirty": True, "newest": 2.0}
    served = served_by({**told(), "generation": "5891b5", "published": {**PUBLISHED, "again": again}})
    assert (served["commit"], served["with_uncommitted_changes"], served["who"]) == ("b" * 40, True, "ada on desk")


def test_of_a_boot_host_that_noted_nothing_that_is_said_and_of_one_that_does_not_answer_nothing():
    noted = served_by({**told(), "generation": "5891b5", "published": None})
    assert (noted["generation"], noted["commit"]) == ("5891b5", None)
    lines = list(served_lines({"boot-a": noted, "boot-b": served_by("unreachable"), "boot-c": served_by(told())}))
    assert lines == ["boot-a serves 5891b5, published before publishers were recorded"]


def test_a_machine_with_another_address_is_told_with_both():
    answer = told(INDEX | {"address": "10.0.0.11"}) | {
        "misplaced": {"n": {"address": "10.0.0.77", "when": 1_800_000_000}}
    }
    drift = status_of("n", INSTALL, {"boot-a": answer})["drift"]
    assert (
        "its machine has the address 10.0.0.77 (2027-01-15 08:00), but is served only at its flatcar_address 10.0.0.11: have the "
        "DHCP server reserve that for its MAC address"
    ) in drift


def test_the_serial_number_of_the_disk_is_that_which_was_written_last():
    armings = [
        an_arming(2, failed={"when": 30, "serial": "S3"}),
        an_arming(1, started={"when": 10, "serial": "S1"}, installed={"when": 20, "serial": "S2"}),
    ]
    assert status_of("n", INSTALL, {"boot-a": told(armings=armings)})["disk_serial"] == "S2"
    assert status_of("n", INSTALL, {"boot-a": told()})["disk_serial"] is None
