"""A machine that the install script can run on, and its boot hosts."""

from __future__ import annotations

import json
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))

from machine import BootHost, Machine, signed_image


@pytest.fixture
def boot_host():
    host = BootHost()
    yield host
    host.close()


@pytest.fixture
def machine(tmp_path, boot_host):
    # Not at the top: the collection can be imported only once pytest is configured
    from test_build import build, files, node

    def make(**variables):
        made = build(node(**variables), hosts=[boot_host.url], key=signed_image()[0])
        return Machine(tmp_path, files(json.loads(made.config)), boot_host)

    return make


@pytest.fixture
def pair(machine, boot_host):
    """A machine of two boot hosts, of which the second does not decide."""
    peer = BootHost()
    one = machine()
    conf = one.install / "install.conf"
    conf.write_text(f"{conf.read_text()}boot_host={peer.url}\n")
    yield one, peer
    peer.close()
