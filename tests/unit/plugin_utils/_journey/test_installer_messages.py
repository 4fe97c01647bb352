"""Whatever the installer can fail with is named: by the rule that is meant for it, and by no other.

``tests/unit/plugin_utils/_install`` and the scenario ``install`` inject these faults for real, and hold the messages to the script.
"""

from __future__ import annotations

import os
import pathlib
import re
import subprocess

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


def said_by(*command):
    """What a program that fails says; Flatcar's speak English."""
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "LC_ALL": "C"}, check=False)
    assert done.returncode != 0
    return f"write: flatcar-install has failed; the disk is half-written\n{done.stdout}{done.stderr}"


@pytest.mark.slow
def test_a_disk_that_is_full(tmp_path):
    (tmp_path / "image").write_bytes(bytes(100_000))
    assert causes(said_by("cp", "--no-target-directory", tmp_path / "image", "/dev/full")) == ["disk-full"]


@pytest.fixture
def signed(tmp_path):
    """An image with its signature, and the directory of who has signed it."""
    home, image = tmp_path / "gpg", tmp_path / "image"
    home.mkdir(mode=0o700)
    image.write_bytes(b"what was released")
    gpg = ("gpg", "--homedir", home, "--batch", "--quiet", "--passphrase", "", "--pinentry-mode", "loopback")
    subprocess.run([*gpg, "--quick-generate-key", "Releaser <r@example.com>", "ed25519", "sign", "never"], check=True)
    subprocess.run([*gpg, "--output", tmp_path / "image.sig", "--detach-sign", image], check=True)
    yield image, home
    subprocess.run(["gpgconf", "--homedir", home, "--kill", "all"], check=True)


@pytest.mark.slow
def test_an_image_that_was_changed(signed):
    image, home = signed
    image.write_bytes(b"what was released, and more")
    said = said_by("gpg", "--homedir", home, "--verify", f"{image}.sig", image)
    assert causes(said) == ["signature-bad"], said


@pytest.mark.slow
def test_an_image_of_somebody_else(signed, tmp_path):
    image, _home = signed
    (tmp_path / "other").mkdir(mode=0o700)
    said = said_by("gpg", "--homedir", tmp_path / "other", "--verify", f"{image}.sig", image)
    assert causes(said) == ["key-refused"], said
