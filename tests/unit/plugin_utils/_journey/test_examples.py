"""Each rule has a recorded example: what a boot host logged of a machine, and what is concluded from it."""

from __future__ import annotations

import pathlib
import re

import pytest
import yaml
from ansible_collections.kindling.flatcar.plugins.module_utils._journey import journey as host
from ansible_collections.kindling.flatcar.plugins.module_utils._records import records
from ansible_collections.kindling.flatcar.plugins.plugin_utils._journey.hops import BY_NAME
from ansible_collections.kindling.flatcar.plugins.plugin_utils._journey.journey import Machine
from ansible_collections.kindling.flatcar.plugins.plugin_utils._journey.judge import judged
from ansible_collections.kindling.flatcar.plugins.plugin_utils._journey.rules import RULES
from ansible_collections.kindling.flatcar.plugins.plugin_utils._journey.text import line_of, text_of

HERE = pathlib.Path(__file__).parent
PIECES = yaml.safe_load((HERE / "pieces.yml").read_text())
EXAMPLES = {path.stem: yaml.safe_load(path.read_text()) for path in sorted((HERE / "examples").glob("*.yml"))}
FAULTS = {name: example for name, example in EXAMPLES.items() if "cause" in example}

MAC, ADDRESS, START = "52:54:00:12:a0:01", "10.10.0.11", 1_800_000_000.0
RESERVATION = f"{MAC},id:*,{ADDRESS},a01"
MACHINE = Machine("a01", (MAC,), ADDRESS, None, "10.10.0.0/24 (rack a)", "boot-a")


def lines(pieces):
    for piece in pieces:
        if piece in PIECES:
            yield from lines(PIECES[piece])
        else:
            yield piece


def entries_of(pieces):
    clock = START
    for number, line in enumerate(lines(pieces)):
        seconds, unit, message = line.split(" ", 2)
        clock = round(clock + float(seconds), 3)
        yield records.Entry(f"c{number}", clock, f"kindling-{unit}.service", message)


def journey_of(example, tmp_path):
    """What the modules and the action make of it, without a boot host."""
    entries = list(entries_of(example["log"]))
    machines = records.read_machines("\n".join(example.get("published", [RESERVATION])))
    heard = host.heard(tmp_path / "none", lambda _cursor: iter(entries), machines, [MAC], example.get("seconds", 0))
    now = (entries[-1].when if entries else START) + example["quiet"]
    heard |= {"silent": [], "connected": [], "now": now, **example.get("heard", {})}
    reports = {}
    if "failed" in example:
        reports["failed"] = {"when": now, "message": example["failed"], "log": example.get("failed_log", "")}
    if "installed" in example:
        reports["installed"] = {"when": now - example["installed"]}
    arming = {"number": 1, "node": "a01", "reports": reports}
    answer = {"armings": {"a01": [arming]} if reports else {}, "put_aside": {}, "published": None}
    status = {"drift": example.get("drift", []), "stage": next(iter(reports), None)}
    machine = Machine(**{**vars(MACHINE), "mode": example["mode"], "login": example.get("login", True)})
    return judged([machine], {"boot-a": heard}, {"boot-a": answer}, status)


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example(name, tmp_path):
    example = EXAMPLES[name]
    journey = journey_of(example, tmp_path)
    causes = [cause["rule"] for cause in journey["causes"]]
    assert (journey["state"], journey["hop"]) == (example["state"], example["hop"]), causes
    if "cause" in example:
        assert example["cause"] in causes[: example.get("among", 1)], causes
    else:
        assert causes == []
    for text in (text_of(journey), line_of(journey)):
        assert "{" not in text
        assert "(not known)" not in text


#: What differs between boots of which nothing is wrong.
FIRMWARES = {
    "uefi": ["uefi has", "snponly", "ipxe asks and has"],
    "bios": ["bios asks and has", "undionly", "ipxe asks and has"],
    "uefi, asks twice": [
        "uefi asks",
        "uefi is offered",
        "uefi asks",
        "uefi is offered",
        "uefi takes it",
        "snponly",
        "ipxe asks and has",
    ],
    "uefi, iPXE asks twice": ["uefi has", "snponly", "ipxe asks and has", "ipxe asks and has"],
    "another DHCP server": [],
}
WAYS = {
    "ram": ["own script", "kernel", "initrd", "system has", "config", "runs"],
    "ram, second lease": ["own script", "kernel", "initrd", "system has", "system has", "config", "runs", "renews"],
    "ram, kernel again": ["own script", "kernel", "kernel", "initrd", "system has", "config", "config", "runs"],
    "ram, without DHCP": ["own script", "kernel", "initrd", "config", "runs"],
    "disk": ["own script"],
    "disk, renews": ["own script", "system has", "renews", "renews"],
    "install": [
        "ordered script",
        "kernel",
        "initrd",
        "system has",
        "installer's config",
        "begins to write",
        "is installed",
    ],
    "install, runs": [
        "ordered script",
        "kernel",
        "initrd",
        "system has",
        "installer's config",
        "begins to write",
        "is installed",
        "runs",
    ],
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("firmware", FIRMWARES)
@pytest.mark.parametrize("quiet", [1, 100_000])
def test_a_healthy_boot_names_no_fault(firmware, way, quiet, tmp_path):
    log = [*FIRMWARES[firmware], "first script", *WAYS[way]]
    journey = journey_of({"log": log, "mode": way.partition(",")[0], "quiet": quiet}, tmp_path)
    assert (journey["state"], journey["causes"]) == ("fine", [])


@pytest.mark.parametrize("firmware", FIRMWARES)
@pytest.mark.parametrize("way", WAYS)
def test_a_healthy_boot_names_no_fault_on_its_way(firmware, way, tmp_path):
    """However far it is, a second after its last line."""
    log = [*FIRMWARES[firmware], "first script", *WAYS[way]]
    for length in range(1, len(log) + 1):
        journey = journey_of({"log": log[:length], "mode": way.partition(",")[0], "quiet": 1}, tmp_path)
        assert (journey["state"] in ("fine", "under way"), journey["causes"]) == (True, []), log[:length]


def test_every_rule_has_an_example_in_which_it_ranks_as_it_says(tmp_path):
    shown = {example["cause"] for example in FAULTS.values()}
    assert shown <= {rule.name for rule in RULES}
    left = {rule.name for rule in RULES} - shown
    named = {cause["rule"] for example in FAULTS.values() for cause in journey_of(example, tmp_path)["causes"]}
    assert left - named == NOT_RECORDED


def test_the_list_of_faults_names_rules_and_tests_that_exist():
    tests = HERE.parents[2]
    text = (tests / "README.md").read_text().partition("## Faults that a journey names")[2].partition("\n## ")[0]
    rows = [
        [cell.strip() for cell in row.strip("| ").split(" | ")] for row in text.splitlines() if row.startswith("| ")
    ][2:]
    injections = "".join(path.read_text() for path in tests.rglob("test_live_journey.py"))
    for _fault, rules, where, _rank in rows:
        assert set(re.findall(r"`([a-z0-9-]+)`", rules)) <= {rule.name for rule in RULES}
        assert all(list(tests.rglob(f"**/{name}")) for name in re.findall(r"`([a-z_/-]+\.(?:py|yml))`", where)), where
        named = where.partition("`test_live_journey.py`: ")[2].split(", ")
        assert all(name in injections for name in named), where
    assert len(rows) >= 25


#: Rules that no example shows: they need more than a boot host's log, or are variants of one that is shown.
NOT_RECORDED = {"boot-host-unknown"}


def test_names_of_rules_are_unique_and_their_hops_exist():
    names = [rule.name for rule in RULES]
    assert len(names) == len(set(names))
    assert {hop for rule in RULES for hop in rule.after} <= {*BY_NAME, "nowhere"}


def test_a_guess_comes_after_what_is_proved():
    """A rule without anything that was seen never ends a boot by itself."""
    assert not [rule.name for rule in RULES if rule.final and not rule.seen]
    assert not [rule.name for rule in RULES if not rule.seen and not rule.missing]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_its_page_is_there(rule):
    page, _hash, anchor = rule.page.partition("#")
    text = (HERE.parents[3] / page).read_text()
    headings = [line.lstrip("# ") for line in text.splitlines() if line.startswith("#")]
    anchors = {
        "".join(char for char in head.lower().replace(" ", "-") if char.isalnum() or char in "-_") for head in headings
    }
    assert not anchor or anchor in anchors, sorted(anchors)
