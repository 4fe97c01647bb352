"""A boot host's networks: completed from its facts, refused with every reason at once."""

from __future__ import annotations

import pytest
from ansible_collections.kindling.flatcar.plugins.plugin_utils._network.networks import read_networks
from ansible_collections.kindling.flatcar.plugins.plugin_utils._schema.problem import InventoryError

FACTS = {
    "lan0": {"device": "lan0", "ipv4": {"address": "10.1.0.1"}, "ipv4_secondaries": [{"address": "10.2.0.1"}]},
    "br_lan": {"device": "br-lan", "ipv4": {"address": "10.3.0.1"}},
    "wan0": {"device": "wan0"},
    "distribution": "Debian",
}


def network(**changes):
    return {"interface": "lan0", "subnet": "10.1.0.0/24", "racks": ["a"]} | changes


def problems(*networks):
    with pytest.raises(InventoryError) as caught:
        read_networks("boot", list(networks), FACTS)
    return [(problem.path, problem.message) for problem in caught.value.problems]


def test_a_network_is_completed_from_the_interface():
    (printed,) = [n.printable() for n in read_networks("boot", [network(racks="a", domain="rack.test")], FACTS)]
    assert printed == {
        "interface": "lan0",
        "cidr": "10.1.0.0/24",
        "subnet": "10.1.0.0",
        "netmask": "255.255.255.0",
        "racks": ["a"],
        "address": "10.1.0.1",
        "gateway": None,
        "dns": ["10.1.0.1"],
        "ntp": [],
        "domain": "rack.test",
        "other_dhcp_servers": [],
        "peer": None,
        "standby": False,
        "mode": "authoritative",
        "tag": "net-10.1.0.0",
        "own": ["10.1.0.1", "10.2.0.1"],
        "quarantine": None,
        "routes": ["10.1.0.1/32", "0.0.0.0"],
        "nearby": [],
    }


def test_a_second_address_and_a_hyphenated_interface_are_found():
    second, hyphen = read_networks(
        "boot",
        [network(subnet="10.2.0.0/24"), network(interface="br-lan", subnet="10.3.0.0/24", racks=["b"])],
        FACTS,
    )
    assert (str(second.address), str(hyphen.address)) == ("10.2.0.1", "10.3.0.1")


@pytest.mark.parametrize(
    ("changes", "path", "message"),
    [
        ({"interface": "lan9"}, "interface", "has no interface lan9; it has br-lan, lan0, wan0"),
        ({"interface": "wan0"}, "interface", "it has no IPv4 address: configure it on the boot host first"),
        ({"subnet": "10.9.0.0/24"}, "interface", "does not have an address in 10.9.0.0/24; it has 10.1.0.1, 10.2.0.1"),
        ({"address": "10.1.0.7"}, "interface", "does not have 10.1.0.7"),
        ({"subnet": "10.1.0.5/24"}, "subnet", "expected an IPv4 network such as 10.0.0.0/24"),
        ({"peer": "boot-b"}, "address", "missing: a network with a peer needs it"),
        ({"standby": True}, "standby", "has no peer: set peer to the boot host that answers first"),
        ({"subnet": 7}, "subnet", "expected an IPv4 network"),
        ({"gateway": "10.9.0.1"}, "gateway", "outside 10.1.0.0/24"),
        ({"racks": []}, "racks", "expected at least one item"),
        ({"racks": None}, "racks", "missing: the racks"),
        ({"racks": ["a\nenable-tftp"]}, "racks[0]", "expected a rack's name"),
        ({"peer": "b\x1b[2J"}, "peer", "expected a name in the inventory"),
        ({"gatway": "10.1.0.254"}, "gatway", "unknown variable; did you mean gateway?"),
        ({"dns": ["10.1.0.2", "dns"]}, "dns[1]", "expected an IPv4 address"),
        ({"domain": "Rack A"}, "domain", "expected a domain such as"),
        ({"interface": "lan*"}, "interface", "expected the name of an interface"),
        ({"mode": "both"}, "mode", "expected authoritative or proxy or none"),
        ({"relay": "10.9.0.254"}, "relay", "outside 10.1.0.0/24"),
        ({"quarantine": "10.9.0.1-10.9.0.9"}, "quarantine", "outside 10.1.0.0/24"),
        ({"quarantine": "10.1.0.1-10.1.0.9", "address": "10.1.0.1"}, "quarantine", "holds 10.1.0.1, which is not free"),
        ({"quarantine": "10.1.0.200-10.1.0.255"}, "quarantine", "holds 10.1.0.255, which is not free"),
        (
            {"quarantine": "10.1.0.200-10.1.0.250", "mode": "proxy"},
            "quarantine",
            "the boot host gives no addresses here: mode is proxy",
        ),
        (
            {"subnet": "10.9.0.0/24", "relay": "10.9.0.254", "address": "10.1.0.7"},
            "interface",
            "does not have 10.1.0.7",
        ),
    ],
)
def test_mistakes_are_named(changes, path, message):
    ((found_path, found_message),) = problems(network(**changes))
    assert found_path == f"kindling_networks[0].{path}"
    assert message in found_message


def test_a_rack_behind_a_relay_needs_no_address_of_the_boot_host_on_its_network():
    (behind,) = read_networks("boot", [network(subnet="10.9.0.0/24", relay="10.9.0.254")], FACTS)
    assert (str(behind.address), str(behind.gateway), str(behind.dns[0])) == ("10.1.0.1", "10.9.0.254", "10.1.0.1")
    (chosen,) = read_networks("boot", [network(subnet="10.9.0.0/24", relay="10.9.0.254", address="10.2.0.1")], FACTS)
    assert str(chosen.address) == "10.2.0.1"


def test_no_node_may_have_an_address_of_the_quarantine():
    (found,) = read_networks("boot", [network(quarantine="10.1.0.200-10.1.0.202")], FACTS)
    assert found.reserved == (found.quarantine,)
    assert found.printable()["quarantine"] == {
        "first": "10.1.0.200",
        "last": "10.1.0.202",
        "blocks": ["10.1.0.200/31", "10.1.0.202/32"],
    }


def test_a_proxy_has_its_interface_to_itself():
    proxy = network(subnet="10.2.0.0/24", racks=["b"], mode="proxy")
    ((path, message),) = problems(network(), proxy)
    assert path == "kindling_networks[0].interface"
    assert message.startswith("mode is proxy for 10.2.0.0/24 on lan0, so no other network may give DHCP there")
    both = read_networks("boot", [network(mode="none"), proxy], FACTS)
    assert [found.printable()["tag"] for found in both] == ["net-10.1.0.0", "lan0"]


def test_an_interface_answers_strangers_or_does_not():
    behind = {"subnet": "10.9.0.0/24", "relay": "10.9.0.254", "racks": ["b"]}
    ((path, message),) = problems(network(quarantine="10.1.0.200-10.1.0.202"), network(**behind))
    assert path == "kindling_networks[1].interface"
    assert message.startswith("10.1.0.0/24 on lan0 has a quarantine and this network has none")
    for harmless in ({"mode": "none"}, {"quarantine": "10.9.0.200-10.9.0.210"}):
        read_networks("boot", [network(quarantine="10.1.0.200-10.1.0.202"), network(**behind, **harmless)], FACTS)


def test_without_facts_all_is_checked_that_can_be():
    (found,) = read_networks("boot", [network(interface="lan9")])
    assert (found.address, found.dns) == (None, ())
    (found,) = read_networks("boot", [network(address="10.1.0.7")])
    assert str(found.dns[0]) == "10.1.0.7"
    with pytest.raises(InventoryError) as caught:
        read_networks(
            "boot", [network(gateway="10.9.0.1", reserved=["10.1.0.9-10.1.0.8"]), network(address="10.9.0.1")]
        )
    assert [problem.path for problem in caught.value.problems] == [
        "kindling_networks[0].reserved[0]",
        "kindling_networks[1].address",
    ]


def test_all_networks_are_checked_in_one_go():
    assert len(problems(network(interface="lan9"), network(subnet="x"), "no mapping")) == 3


def test_networks_do_not_overlap_or_share_a_rack():
    found = problems(network(), network(subnet="10.1.0.0/25", racks=["a", "b"]))
    assert found == [
        ("kindling_networks[1].subnet", "overlaps 10.1.0.0/24 of interface lan0"),
        ("kindling_networks[1].racks", "rack a stands on 10.1.0.0/24 already: a rack has one network"),
    ]


@pytest.mark.parametrize("value", [None, [], "lan0", {}])
def test_no_networks_are_refused(value):
    with pytest.raises(InventoryError, match="expected a list of the networks"):
        read_networks("boot", value, FACTS)
