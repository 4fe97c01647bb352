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


def network(**options):
    (made,) = files({**NIC_A, **options}).values()
    return made.removeprefix(match(A)).removeprefix("\n")


@pytest.mark.parametrize(
    ("dhcp", "said"),
    [
        (False, ""),
        (True, "DHCP=ipv4 [DHCPv4] ClientIdentifier=mac"),
        ("ipv4", "DHCP=ipv4 [DHCPv4] ClientIdentifier=mac"),
        ("ipv6", "DHCP=ipv6 [DHCPv6] DUIDType=link-layer"),
        ("both", "DHCP=yes [DHCPv4] ClientIdentifier=mac [DHCPv6] DUIDType=link-layer"),
    ],
)
def test_dhcp_of_both_families_knows_the_machine_by_its_mac(dhcp, said):
    assert " ".join(network(dhcp=dhcp).split()) == f"[Network] {said or 'DHCP=no LinkLocalAddressing=no'}"


def test_a_gateway_of_each_family():
    made = network(addresses=["10.2.0.11/24", "2001:db8::11/64"], gateway=["10.2.0.254", "2001:db8::1"])
    assert "Gateway=10.2.0.254\nGateway=2001:db8::1\n" in made
    assert "[Route]" not in made


@pytest.mark.parametrize("gateway", ["fe80::1", {"address": "fe80::1"}, ["10.2.0.254", "fe80::1"]])
def test_a_link_local_gateway_is_on_no_network(gateway):
    assert "Gateway=fe80::1\n" in network(addresses=["10.2.0.11/24", "2001:db8::11/64"], gateway=gateway)


def test_a_gateway_that_is_on_the_link_alone():
    made = network(addresses=["192.0.2.7/32"], gateway={"address": "10.0.0.1", "on_link": True})
    assert made == ("[Network]\nDHCP=no\nAddress=192.0.2.7/32\n\n[Route]\nGateway=10.0.0.1\nGatewayOnLink=yes\n")


def test_routes():
    routes = [
        {"to": "10.20.0.0/16", "via": "10.2.0.253", "metric": 50},
        {"to": "192.0.2.0/24"},
        {"to": "0.0.0.0/0", "via": "10.9.9.9", "on_link": True},
        {"to": "2001:db8:20::/48", "via": "fe80::2"},
    ]
    made = network(addresses=["10.2.0.11/24"], routes=routes)
    assert made.split("\n\n")[1:] == [
        "[Route]\nDestination=10.20.0.0/16\nGateway=10.2.0.253\nMetric=50",
        "[Route]\nDestination=192.0.2.0/24",
        "[Route]\nDestination=0.0.0.0/0\nGateway=10.9.9.9\nGatewayOnLink=yes",
        "[Route]\nDestination=2001:db8:20::/48\nGateway=fe80::2\n",
    ]


def test_a_route_by_a_router_that_dhcp_makes_known():
    assert "Gateway=10.7.0.1\nGatewayOnLink=yes\n" in network(
        dhcp=True, routes=[{"to": "10.20.0.0/16", "via": "10.7.0.1"}]
    )


def test_domains_and_router_advertisements():
    domains = ["rack.example.com", "~corp.example.com", "~."]
    made = network(addresses=["10.2.0.11/24"], domains=domains, accept_ra=False)
    assert "IPv6AcceptRA=no\nDomains=rack.example.com ~corp.example.com ~.\n" in made
    assert "Domains=rack.example.com\n" in network(dhcp=True, domains="rack.example.com")


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
        ([{"name": "a"}], "[0]", "expected one of mac, bond, vlan, bridge, which gives its type; got none"),
        ([{**NIC_A, "bridge": {}}], "[0]", "got mac and bridge"),
        ([{**NIC_A, "name": "A"}], "[0].name", "expected a name of at most 15"),
        ([NIC_A, {**NIC_B, "name": "a"}], "[1].name", "a occurs twice"),
        ([NIC_A, {**NIC_A, "name": "b"}], "[1].mac", "occurs twice: a NIC has one entry"),
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
        ([{**NIC_A, "addresses": ["10.1.0.11"]}], "[0].addresses[0]", "with its prefix length"),
        ([{**NIC_A, "mtu": 90}], "[0].mtu", "expected a whole number from 576"),
        ([{**NIC_A, "dhpc": True}], "[0].dhpc", "unknown option; did you mean dhcp?"),
        (
            [{**NIC_A, "dhcp": "dhcp6"}],
            "[0].dhcp",
            "expected true (which is ipv4), false, ipv4 or ipv6 or both; anything",
        ),
        (
            [{**NIC_A, "addresses": ["10.1.0.11/24"], "gateway": ["10.1.0.1", "10.1.0.2"]}],
            "[0].gateway",
            "at most one IPv4 and one IPv6 gateway: make the other one a route with a metric",
        ),
        (
            [{**NIC_A, "addresses": ["10.1.0.11/24"], "gateway": "10.9.0.1"}],
            "[0].gateway",
            "can still be reached with {address: '10.9.0.1', on_link: true}",
        ),
        ([{**NIC_A, "addresses": ["10.1.0.11/24"], "gateway": "10.1.0.11"}], "[0].gateway", "on the network of one"),
        ([{**NIC_A, "addresses": ["fd00::1/64"], "gateway": "fe80::1%a"}], "[0].gateway", "without %"),
        (
            [{**NIC_A, "addresses": ["10.1.0.11/24"], "gateway": "0.0.0.0"}],
            "[0].gateway",
            "expected the address of a router",
        ),
        (
            [{**NIC_A, "addresses": ["10.1.0.11/24"], "gateway": ["10.1.0.1", {"address": "fe80::1", "onlink": True}]}],
            "[0].gateway[1].onlink",
            "did you mean on_link?",
        ),
        ([{**NIC_A, "gateway": "fe80::1"}], "[0]", "expected dhcp or addresses beside gateway and routes"),
        (
            [{**NIC_A, "dhcp": True, "routes": [{"to": "10.1.1.1/16"}]}],
            "[0].routes[0].to",
            "expected a network such as",
        ),
        (
            [{**NIC_A, "dhcp": "ipv6", "routes": [{"to": "10.2.0.0/16", "via": "10.1.0.1"}]}],
            "[0].routes[0]",
            "or on_link: true, to reach 10.1.0.1 anyway",
        ),
        (
            [{**NIC_A, "dhcp": True, "routes": [{"to": "10.2.0.0/16", "via": "fe80::1"}]}],
            "[0].routes[0]",
            "expected a router of IPv4 for 10.2.0.0/16; anything else",
        ),
        (
            [{**NIC_A, "dhcp": True, "routes": [{"to": "10.2.0.0/16", "on_link": True}]}],
            "[0].routes[0]",
            "expected via",
        ),
        ([{**NIC_A, "dhcp": True, "domains": ["Rack"]}], "[0].domains[0]", "so that only its names are looked up here"),
        (
            [{**NIC_A, "dhcp": True, "zz": 1}],
            "[0].zz",
            "unknown option; inventories/README.md lists all. Anything else that systemd-networkd knows goes into a drop-in file",
        ),
        (
            [NIC_A, {"name": "x", "bond": {"members": "a", "mode": "balance-rr"}}],
            "[1].bond.mode",
            "balance-xor; anything else that systemd-networkd knows goes into a drop-in file by flatcar_butane",
        ),
        (
            [{**NIC_A, "dns": "10.1.0.1", "domains": "a.test"}, NIC_B, BOND],
            "[0]",
            "give bond0 dns and domains instead",
        ),
        (
            [NIC_A, {"name": "x", "bond": {"members": "a", "mode": "active-backup", "lacp_rate": "fast"}}],
            "[1]",
            "expected lacp_rate only with the mode 802.3ad",
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
