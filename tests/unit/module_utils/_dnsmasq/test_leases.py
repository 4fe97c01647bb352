"""Which leases stand in the way of reservations."""

from __future__ import annotations

import socket
from ipaddress import IPv4Address

from ansible_collections.kindling.flatcar.plugins.module_utils._dnsmasq import leases
from ansible_collections.kindling.flatcar.plugins.module_utils._netboot import packet

RESERVATIONS = """\
52:54:00:00:00:01,52:54:00:00:00:02,id:*,10.0.0.1,n1
52:54:00:00:00:03,id:*,10.0.0.3,n3
"""
LEASES = """\
1795429787 52:54:00:00:00:01 10.0.0.1 n1 *
1795429787 52:54:00:00:00:02 10.0.0.1 n1 01:52:54:00:00:00:02
1795429787 52:54:00:00:00:03 10.0.0.4 n3 *
1795429787 52:54:00:00:00:09 10.0.0.9 * *
1795429787 52:54:00:00:00:99 10.0.0.3 n3 *
duid 00:01:00:01:2e
1795429787 1234 fd00::1 n1 00:01
"""


def test_a_lease_is_stale_when_it_stands_in_the_way_of_a_reservation():
    assert [(lease.mac[-2:], str(lease.address)) for lease in leases.stale(LEASES, RESERVATIONS)] == [
        ("03", "10.0.0.4"),
        ("99", "10.0.0.3"),
    ]


def test_no_lease_is_stale_in_an_empty_file():
    assert leases.stale("", RESERVATIONS) == []


def test_it_is_given_back_in_the_machines_name(monkeypatch):
    sent = []

    class Socket(socket.socket):
        def setsockopt(self, *arguments):
            sent.append(arguments)

        def sendto(self, data, address):
            sent.append((packet.decode(data), address))

    monkeypatch.setattr(socket, "socket", Socket)
    lease = leases.Lease("52:54:00:00:00:09", IPv4Address("10.0.0.9"))
    leases.give_back(lease, "lan0", IPv4Address("10.0.0.254"))
    bound, (message, address) = sent
    assert bound == (socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"lan0")
    assert address == ("10.0.0.254", 67)
    assert message.message == packet.Message.RELEASE
    assert message.server_id == IPv4Address("10.0.0.254")
    assert packet.mac_text(message.mac) == lease.mac
