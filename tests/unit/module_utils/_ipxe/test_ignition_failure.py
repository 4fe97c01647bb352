"""How Ignition's failure gets to the boot host: a word on the kernel's command line."""

from __future__ import annotations

import base64
import os
import re
import shutil
import subprocess

import pytest
from ansible_collections.kindling.flatcar.plugins.module_utils._ipxe import ignition_failure, ipxe
from ansible_collections.kindling.flatcar.plugins.module_utils._records import records

BASE = "http://10.1.0.1"
CONFIG = f"{BASE}/ignition/{'t' * 43}.ign"
NAME = "systemd.set_credential_binary=systemd.unit-dropin.ignition-.service:"


def line_of(script):
    """The kernel's, as iPXE expands it."""
    lines = script.splitlines()
    telling = next((line.removeprefix("set telling ") for line in lines if line.startswith("set telling ")), "")
    return next(line for line in lines if line.startswith("kernel ")).replace("${telling}", telling)


def script(arguments=()):
    return ipxe.ram_script("n1", "1.0.0", f"{BASE}/images", CONFIG, arguments)


def test_the_kernels_line_brings_the_drop_in():
    word = next(word for word in line_of(script()).split() if word.startswith(NAME))
    assert base64.b64decode(word.removeprefix(NAME), validate=True).decode() == ignition_failure.drop_in(BASE)


def test_so_does_the_installers():
    url = f"{BASE}/armed/SIGNATURE/EXPIRES/{'t' * 43}/install.ign"
    assert NAME in line_of(ipxe.install_script("n1", "1.0.0", f"{BASE}/images", url, [], []))


@pytest.mark.parametrize("length", [10, 1000, 1100, 1200, 1300, 1700])
def test_the_operators_words_come_first(length):
    line = line_of(script(["x" * length])).partition(f"{ipxe.KERNEL} ")[2].removesuffix(" || goto again")
    assert "x" * length in line
    assert len(line) <= 2047
    assert (NAME in line) == (length < 1150)


def test_systemd_reads_the_drop_in_as_it_is_meant():
    """A backslash would be an escape, a single % a specifier, a single $ a variable of systemd's own."""
    text = ignition_failure.drop_in(BASE)
    assert "\\" not in text
    assert set(re.findall(r"%(.)", text)) == {"n", "p"}
    assert not re.findall(r"(?<!\$)\$(?!\$)", text.replace("$$", ""))
    section, command, end = text.split("\n")
    assert (section, end) == ("[Service]", "")
    assert re.fullmatch(r"ExecStopPost=-/bin/bash -c '[^']+'", command)


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="needs systemd")
@pytest.mark.parametrize(("end", "wrong"), [("", False), ("ExecStopPost='unbalanced\n", True)])
def test_systemd_takes_it_for_a_drop_in_of_each_of_ignitions_units(tmp_path, end, wrong):
    units = ("ignition-fetch-offline.service", "ignition-files.service")
    for unit in units:
        (tmp_path / unit).write_text("[Unit]\nDescription=x\n[Service]\nType=oneshot\nExecStart=/bin/true\n")
    drop_in = tmp_path / "ignition-.service.d/50-credential.conf"
    drop_in.parent.mkdir()
    drop_in.write_text(ignition_failure.drop_in(BASE) + end)
    command = ["systemd-analyze", "verify", "--man=no", *units]
    where = {**os.environ, "SYSTEMD_UNIT_PATH": f"{tmp_path}:"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=where)
    found = [line for line in done.stderr.splitlines() if str(drop_in) in line]
    assert bool(found) == wrong, done.stderr


def told(tmp_path, message, result="exit-code", stage="disks"):
    """The requests of the drop-in's own command, where curl says what it is told and the rest is as in an initrd."""
    unit = f"ignition-{stage}.service"
    command = ignition_failure.drop_in(BASE).partition("-c '")[2].rpartition("'")[0]
    command = command.replace("%n", unit).replace("%p", unit.removesuffix(".service")).replace("$$", "$")
    programs = tmp_path / "programs"
    programs.mkdir(exist_ok=True)
    (tmp_path / "log").write_text(message)
    for name, does in {
        "journalctl": f'case "$*" in *{unit}*) cat {tmp_path}/log;; esac',
        "curl": f'printf "%s\\n" "$2" >> {tmp_path}/asked',
        "systemctl": f'echo "$*" >> {tmp_path}/started',
        "sleep": "true",
    }.items():
        (programs / name).write_text(f"#!/bin/sh\n{does}\n")
        (programs / name).chmod(0o755)
    where = {"PATH": f"{programs}:/usr/bin:/bin", "SERVICE_RESULT": result}
    subprocess.run(["/bin/bash", "-c", command], env=where, check=True)
    asked = tmp_path / "asked"
    return asked.read_text().splitlines() if asked.exists() else []


def heard(url):
    request = f'10.1.0.11 "GET {url.removeprefix(BASE)} HTTP/1.1" 404 146 "curl/8" 0.000 whole -'
    (found,) = records.Listener().hear(1.0, "kindling-web.service", request)
    return found.event


LOG = """\
Ignition 2.22.0
disks: createPartitions: op(1): [failed]   waiting for devices [/dev/vdz]
CRITICAL : Ignition failed: create partitions failed: failed to wait on disks devs: device unit dev-vdz.device timeout
"""


@pytest.mark.slow
def test_a_failure_is_told_once_with_its_stage_and_reason(tmp_path):
    (url,) = told(tmp_path, LOG)
    assert url.startswith(f"{BASE}/failures/ignition-disks?create+partitions+failed")
    event = heard(url)
    assert (event.hop, event.what, event.file) == ("ignition", "failed", "disks")
    assert event.why.endswith("device unit dev-vdz.device timeout")
    assert (tmp_path / "started").read_text() == "--no-block start systemd-networkd\n"


@pytest.mark.slow
def test_a_stage_that_went_well_tells_nothing(tmp_path):
    assert told(tmp_path, LOG, result="success") == []


@pytest.mark.slow
@pytest.mark.parametrize(
    "message",
    [
        "",
        "Ignition failed: " + "t" * 43 + " and " + "u" * 200,
        'Ignition failed: "GET /x" 200 \\" `reboot` $(reboot) ${x} %41 ?a#b&c=d ../../e é \x1b[2J',
        "Ignition failed: " + "a b " * 500,
        "Ignition failed: one\nIgnition failed: two\nnot this",
        "Ignition failed: -",
        "Ignition failed: *",
    ],
)
def test_whatever_it_says_the_request_is_short_and_harmless(tmp_path, message):
    (url,) = told(tmp_path, message, stage="fetch-offline")
    assert re.fullmatch(r"[A-Za-z0-9_.:/+?-]{1,240}", url)
    assert not re.search(r"[A-Za-z0-9_-]{43}", url)
    assert heard(url).hop == "ignition"


@pytest.mark.slow
def test_it_tells_no_secret_of_a_url(tmp_path):
    said = "Ignition failed: GET https://who:secret1@files/a?key=secret2&b: timeout; https://secret3@files/b?secret4"
    (url,) = told(tmp_path, said)
    assert "files/a" in url
    assert "timeout" in url
    assert "secret" not in url


@pytest.mark.slow
def test_the_last_reason_counts(tmp_path):
    (url,) = told(tmp_path, "Ignition failed: one\nIgnition failed: two\nnot this")
    assert url.endswith("?two")
