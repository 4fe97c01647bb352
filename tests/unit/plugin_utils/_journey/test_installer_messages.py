"""Whatever the installer can fail with is named: by the rule that is meant for it, and by no other.

``tests/unit/plugin_utils/_install`` and the scenario ``install`` inject these faults for real, and hold the messages to the script.
"""

from __future__ import annotations

import pathlib
import re

import pytest
from ansible_collections.kindling.flatcar.plugins.plugin_utils._journey.journey import Machine, journey_of

SCRIPT = pathlib.Path(__file__).parents[4] / "plugins/plugin_utils/_install/kindling-install.sh"
MACHINE = Machine("a01", ("52:54:00:12:a0:01",), "10.10.0.11", "install", "10.10.0.0/24 (rack a)", "boot-a")

#: By what is in a message: the rule that names it.
NAMED = {
    "is not there; this machine has": "disk-missing",
    "is no whole disk": "disk-other",
    "has the serial number": "disk-other",
    "fewer than": "disk-other",
    "is another disk": "disk-other",
    "every name of": "disk-other",
    "MiB of RAM": "little-memory-told",
    "sectors of": "disk-broken",
    "cannot be written: it is read-only": "disk-broken",
    "is mounted from": "disk-broken",
    "cannot be stopped": "disk-broken",
    "holds data that is not Flatcar's": "disk-foreign",
    "Flatcar is on another disk too": "disk-foreign",
    "first start would change disks": "disk-foreign",
    "cannot be fetched": "image-gone",
    "gpg does not take the key": "key-refused",
    "is no signature by any key": "key-refused",
}

#: What programs say that the installer starts; it is in the report's log.
FROM_PROGRAMS = {
    "cp: error writing '/dev/vda': No space left on device": "disk-full",
    "lbzip2: write: No space left on device": "disk-full",
    "dd: error writing '/dev/vda': Input/output error": "disk-broken",
    'gpg: BAD signature from "Flatcar Buildbot"': "signature-bad",
    "gpg: Can't check signature: No public key": "key-refused",
}


def messages():
    """Those that the script can fail with, with something in place of each variable."""
    said = re.findall(r'\bfail "((?:[^"\\]|\\.|\$\([^)]*\))*)"', SCRIPT.read_text())
    return [re.sub(r"\$\{[^}]*\}|\$\(\([^)]*\)\)|\$\([^)]*\)|\$\w+", "x", one) for one in said]


def causes(why):
    report = {"hop": "report", "what": "failed", "why": why, "at": 1.0}
    started = {"hop": "http", "what": "PUT", "file": "/reports/(token)/started", "status": 201, "at": 0.0, "last": 0.0}
    boot = {"begun": 0.0, "last": 1.0, "events": [started]}
    return [cause["rule"] for cause in journey_of(MACHINE, [boot], [report], 2.0)["causes"]]


def test_the_script_is_read():
    assert len(messages()) > 30
    assert not [one for one in NAMED if not any(one in said for said in messages())]


@pytest.mark.parametrize("message", messages())
def test_a_message_has_its_rule(message):
    named = {rule for part, rule in NAMED.items() if part in message} or {"install-failed"}
    assert causes(f"find: {message}") == sorted(named), message


@pytest.mark.parametrize(("said", "rule"), FROM_PROGRAMS.items())
def test_what_a_program_says_has_its_rule(said, rule):
    assert causes(f"write: flatcar-install has failed; the disk is half-written\n{said}") == [rule]
