"""What an existing DHCP server is told: all that it needs, in words that it takes."""

from __future__ import annotations

import json

import pytest
from ansible_collections.kindling.flatcar.plugins.plugin_utils._network.dhcp_options import SERVERS, printed, wanted
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


@pytest.mark.parametrize("server", SERVERS)
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
    assert "52:54:00:77:00:11" in text.lower()
    assert "10.77.0.14" not in text


def test_a_machine_of_two_macs_has_one_address_by_either(known):
    assert "hardware ethernet 52:54:00:77:00:13; fixed-address 10.77.0.12;" in SERVERS["isc"][0](known)
    made = json.loads(SERVERS["kea"][0](known))
    assert made["ip-reservations-unique"] is False
    assert "dhcp-host=52:54:00:77:00:12,52:54:00:77:00:13,id:*,10.77.0.12,n2\n" in SERVERS["dnsmasq"][0](known)


def test_what_cannot_be_told_is_named():
    (network,) = read_networks("boot", [NETWORK])
    text = printed(network, [node("n1", 11, flatcar_boot_program="ipxe"), node("n2", 12)], DEFAULTS, "dnsmasq")
    assert text.startswith("# 10.77.0.0/24: a, mode none\n")
    assert "# Not told below: n1 chose a boot program of their own (flatcar_boot_program)" in text
    assert "Kea" not in text
