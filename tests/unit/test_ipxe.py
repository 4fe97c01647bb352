"""Every script that a machine can get, read as iPXE reads it."""

from __future__ import annotations

import re

import pytest
from ansible_collections.kindling.flatcar.plugins.module_utils import ipxe

SCRIPTS = {
    "first": ipxe.first_script(),
    "unknown": ipxe.unknown_script(),
    "disk": ipxe.disk_script("n1"),
    "ram": ipxe.ram_script(
        "n1", "9999.2.0", "http://b/images/amd64-usr/9999.2.0", "http://b/ignition/config.ign", ["quiet"]
    ),
}

#: iPXE's commands that may be false or fail: where the script goes on then has to be said.
MAY_FAIL = ("chain", "boot", "initrd", "iseq", "kernel", "sanboot")


@pytest.fixture(params=SCRIPTS)
def script(request):
    return SCRIPTS[request.param]


def test_it_is_a_script(script):
    assert script.startswith("#!ipxe\n")
    assert script.endswith("\n")


def test_every_goto_has_its_label(script):
    assert set(re.findall(r"goto (\w+)", script)) <= set(re.findall(r"^:(\w+)$", script, re.MULTILINE))


def test_a_command_that_fails_never_ends_the_script(script):
    for line in script.splitlines():
        if line.startswith(MAY_FAIL):
            assert "||" in line, line


def test_it_ends_at_the_machines_own_disk(script):
    assert script.endswith(ipxe.LOCAL_DISK)
    assert "\nexit\n" not in script, "a bare exit ends in the set-up screen of UEFI firmware"


def test_only_the_script_for_ram_fetches_a_kernel():
    assert [name for name, script in SCRIPTS.items() if "kernel " in script] == ["ram"]


def test_the_kernels_line_names_the_initrd_as_the_initrd_is_named():
    (kernel,) = re.findall(r"^kernel .*$", SCRIPTS["ram"], re.MULTILINE)
    (initrd,) = re.findall(r"^initrd --name (\S+) ", SCRIPTS["ram"], re.MULTILINE)
    assert f" initrd={initrd} " in kernel
    assert " flatcar.first_boot=1 ignition.config.url=http://b/ignition/config.ign quiet " in kernel
