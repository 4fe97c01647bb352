"""What is said of another DHCP server on a rack's network."""

from __future__ import annotations

import pytest
from ansible_collections.kindling.flatcar.plugins.module_utils._netboot.servers import Server, stop


def server(address="10.0.0.254", proxy=False):
    offered = "" if proxy else "10.0.0.100"
    return Server("eth1", address, address, "52:54:00:00:00:fe", offered, proxy, "")


def test_the_stop_names_the_modes_and_what_each_needs():
    said = stop([server()])
    assert said.startswith("eth1: 10.0.0.254 (52:54:00:00:00:fe) answers DHCP, and offers 10.0.0.100. Either might")
    assert "Nothing was changed" in said
    ways = [line.removeprefix("  - ") for line in said.splitlines()[1:]]
    assert [way.partition(":")[0] for way in ways] == [
        "stop that server on this network",
        "mode",
        "mode",
        "if it answers none of the machines",
    ]
    proxy, none = ways[1:3]
    assert proxy.startswith("mode: proxy: ")
    assert "a reservation of each machine's flatcar_address" in proxy
    assert "without a relay" in proxy
    assert none.startswith("mode: none: ")
    assert "playbooks/dhcp_options.yml" in none
    assert ways[3].endswith("set other_dhcp_servers: [10.0.0.254]")


def test_beside_another_proxy_there_is_no_other_mode():
    said = stop([server(proxy=True)])
    assert "mode:" not in said
    assert "other_dhcp_servers: [10.0.0.254]" in said


@pytest.mark.parametrize("proxies", [(False, False), (True, False)])
def test_several_are_named_each_once(proxies):
    said = stop([server("10.0.0.254", proxies[0]), server("10.0.0.253", proxies[1]), server("10.0.0.253", proxies[1])])
    assert "[10.0.0.254, 10.0.0.253]" in said
    assert "mode: proxy" in said
