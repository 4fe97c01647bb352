"""Who holds a port, out of what ``ss`` prints."""

from __future__ import annotations

from ansible_collections.kindling.flatcar.plugins.module_utils._host.listeners import conflicts, parse

OUTPUT = """\
udp   UNCONN 0      0      0.0.0.0%lan0:67   0.0.0.0:*    users:(("dnsmasq",pid=7,fd=4))
udp   UNCONN 0      0         127.0.0.1:53   0.0.0.0:*    users:(("unbound",pid=8,fd=3))
tcp   LISTEN 0      511         0.0.0.0:80   0.0.0.0:*    users:(("nginx",pid=9,fd=5),("nginx",pid=10,fd=5))
tcp   LISTEN 0      128            [::]:22      [::]:*
tcp   LISTEN 0      4096              *:8080       *:*    users:(("app",pid=11,fd=3))
udp   UNCONN 0      0      [fe80::1]%lan0:69    [::]:*
"""


def held(ports, addresses=("10.0.0.1",), interfaces=("lan0",)):
    return [str(listener) for listener in conflicts(parse(OUTPUT), ports, addresses, interfaces)]


def test_lines_are_read():
    first, *_, last = parse(OUTPUT)
    assert (first.protocol, first.address, first.interface, first.port, first.process, first.pid) == (
        *("udp", "0.0.0.0", "lan0", 67),
        *("dnsmasq", 7),
    )
    assert (last.address, last.interface, last.port, last.pid) == ("fe80::1", "lan0", 69, None)


def test_a_port_on_every_address_is_in_the_way():
    assert held([("tcp", 80)]) == ["tcp port 80 is held by nginx (pid 9) on 0.0.0.0"]
    assert held([("tcp", 8080)]) == ["tcp port 8080 is held by app (pid 11) on *"]


def test_a_port_on_another_address_or_interface_is_not():
    assert held([("udp", 53)]) == []
    assert held([("udp", 67)], interfaces=["lan1"]) == []


def test_a_port_on_the_same_interface_is():
    assert held([("udp", 67)]) == ["udp port 67 is held by dnsmasq (pid 7) on 0.0.0.0%lan0"]


def test_the_other_protocol_is_not():
    assert held([("tcp", 67), ("udp", 80)]) == []
