"""The network of a machine: what systemd-networkd is told, and what is refused."""

from __future__ import annotations

import pytest
from ansible_collections.kindling.flatcar.plugins.plugin_utils._butane import translate
from ansible_collections.kindling.flatcar.plugins.plugin_utils._node import read_node, to_butane

A, B = "52:54:00:00:00:0a", "52:54:00:00:00:0b"
RIGHT = {"flatcar_rack": "a", "flatcar_mac": A, "flatcar_address": "10.1.0.11"}
NIC_A, NIC_B = {"name": "a", "mac": A}, {"name": "b", "mac": B}
BOND = {"name": "bond0", "bond": {"members": ["a", "b"], "lacp_rate": "fast", "hash": "layer3+4"}}


def files(*interfaces):
    node, problems = read_node("n1", RIGHT | {"flatcar_interfaces": list(interfaces)})
    assert problems == []
    assert not translate(to_butane(node), strict=True).report.entries
    return {
        file["path"].removeprefix("/etc/systemd/network/10-"): file["contents"]["inline"]
        for file in to_butane(node)["storage"]["files"][1:]
    }


def match(mac):
    return f"[Match]\nPermanentMACAddress={mac}\nType=ether\nKind=!*\n"


def test_dhcp_keeps_one_address_by_the_mac():
    assert files({**NIC_A, "dhcp": True}) == {
        "a.network": f"{match(A)}\n[Network]\nDHCP=ipv4\n\n[DHCPv4]\nClientIdentifier=mac\n"
    }


def test_static():
    static = {
        "addresses": ["10.2.0.11/24", "fd00::11/64"],
        "gateway": "10.2.0.254",
        "dns": ["10.2.0.1", "10.2.0.2"],
        "mtu": 9000,
    }
    assert files({**NIC_B, **static}) == {
        "b.network": f"{match(B)}\n[Link]\nMTUBytes=9000\n\n[Network]\nDHCP=no\nAddress=10.2.0.11/24\n"
        "Address=fd00::11/64\nGateway=10.2.0.254\nDNS=10.2.0.1\nDNS=10.2.0.2\n"
    }


def test_a_bond_with_a_vlan_and_a_bridge_on_it():
    made = files(
        NIC_A,
        NIC_B,
        {**BOND, "dhcp": True},
        {"name": "storage", "vlan": {"id": 30, "link": "bond0"}},
        {"name": "br0", "bridge": {"members": ["storage"]}, "addresses": ["10.30.0.11/24"]},
    )
    member = "\n[Network]\nBond=bond0\nDHCP=no\nLinkLocalAddressing=no\n"
    assert made == {
        "a.network": match(A) + member,
        "b.network": match(B) + member,
        "bond0.netdev": f"[NetDev]\nName=bond0\nKind=bond\nMACAddress={A}\n\n[Bond]\nMode=802.3ad\nMIIMonitorSec=100ms\n"
        "LACPTransmitRate=fast\nTransmitHashPolicy=layer3+4\n",
        "bond0.network": "[Match]\nName=bond0\n\n[Network]\nVLAN=storage\nDHCP=ipv4\n\n[DHCPv4]\nClientIdentifier=mac\n",
        "storage.netdev": "[NetDev]\nName=storage\nKind=vlan\n\n[VLAN]\nId=30\n",
        "storage.network": "[Match]\nName=storage\n\n[Network]\nBridge=br0\nDHCP=no\nLinkLocalAddressing=no\n",
        "br0.netdev": f"[NetDev]\nName=br0\nKind=bridge\nMACAddress={A}\n\n[Bridge]\nSTP=no\n",
        "br0.network": "[Match]\nName=br0\n\n[Network]\nDHCP=no\nAddress=10.30.0.11/24\n",
    }


def test_a_bridge_without_members_has_no_address_of_a_nic():
    assert "MACAddress" not in files({"name": "br0", "bridge": {}})["br0.netdev"]


@pytest.mark.parametrize(
    ("interfaces", "path", "message"),
    [
        ([{"name": "a"}], "[0]", "expected one of mac, bond, vlan, bridge, which says what it is; got none"),
        ([{**NIC_A, "bridge": {}}], "[0]", "got mac and bridge"),
        ([{**NIC_A, "name": "A"}], "[0].name", "expected a name of at most 15"),
        ([NIC_A, {**NIC_B, "name": "a"}], "[1].name", "a is there twice"),
        ([NIC_A, {**NIC_A, "name": "b"}], "[1].mac", "is there twice: a NIC has one entry"),
        ([NIC_A, BOND], "[1].bond.members[1]", "expected the name of an interface above it in the list; they are a"),
        ([BOND, NIC_A, NIC_B], "[0].bond.members[0]", "they are none"),
        ([{"name": "v", "vlan": {"id": 4095, "link": "a"}}], "[0].vlan.id", "expected a whole number from 1 to 4094"),
        ([{"name": "v", "vlan": {"id": 5, "link": "a"}}], "[0].vlan.link", "expected the name of an interface above"),
        ([{**NIC_A, "dhcp": True}, NIC_B, BOND], "[0]", "give bond0 dhcp or addresses instead"),
        (
            [NIC_A, NIC_B, BOND, {"name": "br", "bridge": {"members": ["a"]}}],
            "[3].bridge.members[0]",
            "member of bond0",
        ),
        ([{**NIC_A, "addresses": ["10.1.0.11"]}], "[0].addresses[0]", "with the length of its network"),
        ([{**NIC_A, "addresses": ["10.1.0.11/24"], "gateway": "10.9.0.1"}], "[0]", "expected a gateway on the network"),
        ([{**NIC_A, "mtu": 90}], "[0].mtu", "expected a whole number from 576"),
        ([{**NIC_A, "dhpc": True}], "[0].dhpc", "unknown option; did you mean dhcp?"),
        (
            [NIC_A, {"name": "x", "bond": {"members": "a", "mode": "active-backup", "lacp_rate": "fast"}}],
            "[1]",
            "expected lacp_rate with the mode 802.3ad alone",
        ),
    ],
)
def test_mistakes_are_named(interfaces, path, message):
    node, problems = read_node("n1", RIGHT | {"flatcar_interfaces": interfaces})
    assert node is None
    found = {problem.path: problem.message for problem in problems}
    assert f"flatcar_interfaces{path}" in found
    assert message in found[f"flatcar_interfaces{path}"]
    assert len(found) == (2 if interfaces[0] is BOND else 1)
