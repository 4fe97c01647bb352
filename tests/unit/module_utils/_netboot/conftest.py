"""Each test of real servers has a room of its own, unless it only looks."""

from __future__ import annotations

import configparser
import socket
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from room import Room

CLOCK = Path(__file__).parents[4] / "roles" / "dnsmasq" / "templates" / "kindling-dnsmasq.socket.j2"
SO_TIMESTAMP = 29


@pytest.fixture
def room(tmp_path):
    made = Room(tmp_path)
    yield made
    made.close()


@pytest.fixture(scope="module")
def shared_room(tmp_path_factory):
    """For tests that only look at what one of them has made."""
    made = Room(tmp_path_factory.mktemp("room"))
    yield made
    made.close()


@pytest.fixture
def clock():
    """The socket that a standby has from systemd, by the role's unit: it has the kernel note when packets come in."""
    unit = configparser.ConfigParser(interpolation=None)
    unit.read_string(CLOCK.read_text().partition("\n")[2])  # without the head, which Ansible makes
    # Looked at, because any socket on this machine that wants to know it has the kernel note it for all
    assert dict(unit["Socket"]) == {"listennetlink": "route 0", "timestamping": "us"}
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as made:
        made.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMP, 1)
        yield
