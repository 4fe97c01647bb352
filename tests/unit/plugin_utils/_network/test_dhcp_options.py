"""What an existing DHCP server is told: all that it needs, in words that it takes."""

from __future__ import annotations

import json

import pytest
from ansible_collections.kindling.flatcar.plugins.plugin_utils._network.dhcp_options import (
    SERVERS,
    printed,
    to_reserve,
    wanted,
)
from ansible_collections.kindling.flatcar.plugins.plugin_utils._network.networks import read_networks
from ansible_collections.kindling.flatcar.plugins.plugin_utils._node import read_node

DEFAULTS = {"bios": "undionly.kpxe", "efi-x64": "snponly.efi"}
NETWORK = {"interface": "lan0", "subnet": "10.77.0.0/24", "address": "10.77.0.1", "racks": ["a"], "mode": "none"}


def node(name, number, **variables):
    place = {"flatcar_rack": "a", "flatcar_mac": f"52:54:00:77:00:{number}", "flatcar_address": f"10.77.0.{number}"}
    return read_node(name, place | variables)[0]


@pytest.fixture
def known():
    (network,) = read_networks("boot", [NETWORK])
    nodes = [node("n2", 12, flatcar_mac=["52:54:00:77:00:12", "52:54:00:77:00:13"]), node("n1", 11)]
    return wanted(network, [*nodes, node("z", 14, flatcar_rack="other")], DEFAULTS)


#: Those that tell machines what to boot, too; the others are for mode proxy alone.
TELL_ALL = ["isc", "kea", "dnsmasq", "mikrotik", "windows"]


@pytest.mark.parametrize("server", TELL_ALL)
def test_every_server_is_told_every_firmware_and_every_machine(known, server):
    text = SERVERS[server][0](known)
    for needed in (
        "undionly.kpxe",
        "snponly.efi",
        "http://10.77.0.1/programs/snponly.efi",
        "HTTPClient",
        "ia32-uefi-is-not-supported.efi",
        "http://10.77.0.1/boot.ipxe",
        "iPXE",
        "10.77.0.11",
        "10.77.0.12",
    ):
        assert needed in text, needed
    assert "52:54:00:77:00:11" in text.lower().replace("-", ":")
    assert "10.77.0.14" not in text


def network_of(**more):
    (network,) = read_networks("boot", [NETWORK | more])
    return network


@pytest.mark.parametrize("server", SERVERS)
def test_beside_a_proxy_a_server_is_told_reservations_and_nothing_to_boot(server):
    text = SERVERS[server][0](wanted(network_of(mode="proxy"), [node("n1", 11)], DEFAULTS))
    assert "52:54:00:77:00:11" in text.lower().replace("-", ":")
    assert "10.77.0.11" in text
    for told in (
        "undionly",
        "boot.ipxe",
        "HTTPClient",
        "next-server",
        "user-class",
        "10.77.0.1/",
        "option:client-arch",
    ):
        assert told not in text, told
    said = printed(network_of(mode="proxy"), [node("n1", 11, flatcar_boot_program="ipxe")], DEFAULTS, server)
    assert "# Reservations alone: what to boot is told by this boot host" in said
    assert "Not included below" not in said


@pytest.mark.parametrize("server", ["opnsense", "pfsense", "unifi"])
def test_servers_that_know_no_ipxe_are_told_which_mode_they_need(server):
    said = printed(network_of(), [node("n1", 11)], DEFAULTS, server)
    assert "it cannot tell iPXE from firmware, so the network needs mode: proxy" in said
    assert "undionly" not in said


def test_an_authoritative_network_has_nothing_to_tell_and_says_so():
    said = printed(network_of(mode="authoritative"), [node("n1", 11)], DEFAULTS)
    assert said.startswith("# 10.77.0.0/24: a, mode authoritative\n# The boot host gives the addresses here")
    for word in ("other_dhcp_servers", "mode: proxy", "mode: none"):
        assert word in said
    assert "52:54" not in said


def test_windows_tells_ipxe_before_firmware_and_http_boot_apart(known):
    lines = SERVERS["windows"][0](known).splitlines()
    policies = [line for line in lines if line.startswith("Add-DhcpServerv4Policy")]
    assert '-UserClass EQ,"kindling-ipxe" -ProcessingOrder 1' in policies[0]
    assert [line.rpartition(" ")[2] for line in policies] == [str(number) for number in range(1, len(policies) + 1)]
    assert 'Add-DhcpServerv4Class -Name "kindling-efi-x64-7" -Type Vendor -Data "PXEClient:Arch:00007"' in lines
    reserved = '-ScopeId 10.77.0.0 -IPAddress 10.77.0.11 -ClientId "52-54-00-77-00-11" -Name "n1"'
    assert f"Add-DhcpServerv4Reservation {reserved}" in lines
    http = [line for line in lines if '-PolicyName "kindling-efi-x64-http-16"' in line]
    assert [line.split("-OptionId ")[1] for line in http] == [
        '66 -Value "10.77.0.1"',
        '67 -Value "http://10.77.0.1/programs/snponly.efi"',
        '60 -Value "HTTPClient"',
    ]


def test_opnsense_imports_its_reservations(known):
    assert SERVERS["opnsense"][0](known).splitlines() == [
        "host,domain,ip,client_id,hwaddr,lease_time,ignore,set_tag,descr,aliases",
        "n1,,10.77.0.11,,52:54:00:77:00:11,,,,,",
        "n2,,10.77.0.12,,52:54:00:77:00:12,,,,,",
    ]


def test_kea_knows_a_machine_by_its_mac_whatever_its_client_id(known):
    assert json.loads(SERVERS["kea"][0](known))["subnet4"][0]["match-client-id"] is False


@pytest.mark.parametrize(("mode", "boots"), [("proxy", False), ("none", True)])
def test_what_has_to_be_reserved_is_told_with_what_prints_it(mode, boots):
    title, *lines, end = to_reserve([network_of(mode=mode)], [node("n1", 11), node("n2", 12)])
    assert title.startswith(f"10.77.0.0/24 has mode {mode}: its DHCP server has to reserve, for machines")
    assert [line.split() for line in lines] == [
        ["52:54:00:77:00:11", "10.77.0.11", "n1"],
        ["52:54:00:77:00:12", "10.77.0.12", "n2"],
    ]
    assert end.startswith("playbooks/dhcp_options.yml prints them")
    assert ("what it has to announce for booting" in end) == boots


def test_of_many_machines_the_first_are_listed():
    nodes = [node(f"n{number}", number) for number in range(10, 70)]
    lines = to_reserve([network_of(mode="proxy")], nodes)
    assert len(lines) == 53
    assert lines[-2] == "  and 10 more"


def test_where_the_boot_host_gives_the_addresses_nothing_has_to_be_reserved():
    assert to_reserve([network_of(mode="authoritative")], [node("n1", 11)]) == []


def test_a_machine_of_two_macs_has_one_address_by_either(known):
    assert "hardware ethernet 52:54:00:77:00:13; fixed-address 10.77.0.12;" in SERVERS["isc"][0](known)
    made = json.loads(SERVERS["kea"][0](known))
    assert made["ip-reservations-unique"] is False
    assert "dhcp-host=52:54:00:77:00:12,52:54:00:77:00:13,id:*,10.77.0.12,n2\n" in SERVERS["dnsmasq"][0](known)


def test_what_cannot_be_told_is_named():
    (network,) = read_networks("boot", [NETWORK])
    text = printed(network, [node("n1", 11, flatcar_boot_program="ipxe"), node("n2", 12)], DEFAULTS, "dnsmasq")
    assert text.startswith("# 10.77.0.0/24: a, mode none\n")
    assert "# Not included below: n1 chose a boot program of their own (flatcar_boot_program)" in text
    assert "Kea" not in text
