"""Emulated machines and the guard against real DHCP servers, on a switch of their own."""

from __future__ import annotations

import time

import pytest

pytestmark = pytest.mark.slow

NETWORK = {"interface": "lan0", "address": "10.9.0.1", "mode": "authoritative", "other_dhcp_servers": []}
RANGE = "--dhcp-range=10.9.0.100,10.9.0.199,1h"


@pytest.fixture
def look(room):
    """What the guard finds from the boot host's place."""
    room.host("boot", "10.9.0.1/24")

    def call(seconds=1.2, peers=(), **changes):
        return room.module("dhcp_servers", "boot", networks=[NETWORK | changes], peers=peers, seconds=seconds)

    return call


def test_a_quiet_network(look):
    result = look()
    assert (result["changed"], result["servers"]) == (False, [])
    assert "failed" not in result


def test_a_strangers_server_stops_the_run_by_its_address_and_notes_no_lease(room, look):
    room.host("site", "10.9.0.2/24")
    _, log = room.dnsmasq("site", RANGE, "--dhcp-boot=old.0")
    result = look()
    assert result["failed"]
    assert "lan0: 10.9.0.2 (" in result["msg"]
    assert "other_dhcp_servers" in result["msg"]
    (server,) = result["servers"]
    assert server["offered"].startswith("10.9.0.1")
    assert server["boot_file"] == "old.0"
    leases = room.directory / "site.leases"
    assert not leases.exists() or leases.read_text() == ""
    assert "DHCPREQUEST" not in log.read_text()


def test_it_may_belong_there(room, look):
    room.host("site", "10.9.0.2/24")
    room.dnsmasq("site", RANGE)
    result = look(other_dhcp_servers=["10.9.0.2"])
    assert "failed" not in result
    assert [server["address"] for server in result["servers"]] == ["10.9.0.2"]


def test_one_that_belongs_there_hides_no_other(room, look):
    for number in (2, 3):
        room.host(f"site{number}", f"10.9.0.{number}/24")
        room.dnsmasq(f"site{number}", RANGE)
    result = look(other_dhcp_servers=["10.9.0.2"])
    assert "10.9.0.3" in result["msg"]
    assert "10.9.0.2" not in result["msg"]
    assert len(result["servers"]) == 2


def test_a_proxy_is_found_too(room, look):
    room.host("pxe", "10.9.0.2/24")
    room.dnsmasq(
        "pxe", "--dhcp-range=10.9.0.0,proxy", "--pxe-service=x86PC,theirs,theirs.0", "--pxe-service=X86-64_EFI,t,t.efi"
    )
    result = look()
    assert "10.9.0.2 (" in result["msg"]
    assert "answers PXE clients as a proxy" in result["msg"]


def test_beside_a_proxy_a_server_with_addresses_belongs(room, look):
    room.host("site", "10.9.0.2/24")
    room.dnsmasq("site", RANGE)
    result = look(mode="proxy")
    assert "failed" not in result
    assert "warnings" not in result
    assert "10.9.0.2" in look(mode="proxy", other_dhcp_servers=["10.9.0.3"])["msg"]


def test_a_proxy_alone_is_warned_of(look):
    result = look(mode="proxy")
    assert "failed" not in result
    assert "no DHCP server answers on lan0" in str(result["warnings"])


def test_who_answers_nobody_looks_for_nobody(room, look):
    room.host("site", "10.9.0.2/24")
    room.dnsmasq("site", RANGE)
    assert look(mode="none")["servers"] == []


def test_the_boot_hosts_own_answer_is_no_strangers(room, look):
    """As it comes back to a boot host by way of a relay."""
    room.host("site", "10.9.0.2/24")
    room.dnsmasq("site", RANGE)
    assert "failed" not in look(address="10.9.0.2")


def test_the_other_one_of_a_pair_belongs_there(room, look):
    room.host("peer", "10.9.0.2/24")
    room.dnsmasq("peer", RANGE)
    assert "failed" not in look(peers=["10.9.0.2"])


def test_without_a_cable_nobody_is_waited_for(room, look):
    room.run("ip", "link", "set", "boot", "down")
    begun = time.monotonic()
    result = look(seconds=1000)
    assert time.monotonic() - begun < 500
    assert "lan0 has no link" in str(result["warnings"])
    assert "failed" not in result
