"""What two machines cannot both have, wherever in the inventory they stand."""

from __future__ import annotations

import pytest
from ansible_collections.kindling.flatcar.plugins.plugin_utils._disks.owners import Segment, check_owners
from ansible_collections.kindling.flatcar.plugins.plugin_utils._network.networks import read_networks
from ansible_collections.kindling.flatcar.plugins.plugin_utils._node import read_node

ENTRY = {"interface": "lan0", "subnet": "10.1.0.0/24", "racks": ["a"], "address": "10.1.0.1", "gateway": "10.1.0.254"}
WWN, OTHER_WWN = "/dev/disk/by-id/wwn-0x5000c500a1b2c3d4", "/dev/disk/by-id/wwn-0x5000c500a1b2c3d5"


def node(number, **variables):
    own = {"flatcar_rack": "a", "flatcar_mac": f"52:54:00:00:00:{number:02x}", "flatcar_address": f"10.1.0.{number}"}
    found, problems = read_node(f"n{number}", own | {f"flatcar_{key}": value for key, value in variables.items()})
    assert problems == []
    return found


def segments(**changes):
    entry = {key: value for key, value in (ENTRY | changes).items() if value is not None}
    return [Segment("boot-a", network, entry) for network in read_networks("boot-a", [entry])]


def problems(*nodes, reached_at=None, **changes):
    found = check_owners(nodes, segments(**changes), reached_at)
    return [(problem.subject, problem.path, problem.message) for problem in found]


def test_nodes_that_share_nothing_are_right():
    assert problems(node(11, install_disk=WWN), node(12, install_disk=OTHER_WWN), node(13)) == []


def test_a_disk_is_installed_for_one_machine_whatever_it_is_called():
    san = "/dev/disk/by-id/dm-uuid-mpath-35000c500a1b2c3d4"
    assert problems(node(11, install_disk=WWN), node(12, install_disk=WWN), node(13, install_disk=san)) == [
        ("n12", "flatcar_install_disk", f"{WWN} already belongs to n11: a disk is installed for one machine"),
        (
            "n13",
            "flatcar_install_disk",
            f"{san} already belongs to n11, which calls it {WWN}: a disk is installed for one machine",
        ),
    ]


def test_a_serial_number_and_a_name_that_ends_in_it_are_one_disk():
    ata = "/dev/disk/by-id/ata-EXAMPLE_SSD_S3EXAMPLE0003"
    by_serial, by_name = {"install_disk_serial": "S3EXAMPLE0003"}, {"install_disk": ata}
    (found,) = problems(node(11, **by_serial), node(12, **by_name))
    assert found[:2] == ("n12", "flatcar_install_disk")
    (found,) = problems(node(11, **by_name), node(12, **by_serial))
    assert found[:2] == ("n12", "flatcar_install_disk_serial")
    assert "S3EXAMPLE0003 already belongs to n11" in found[2]


def test_two_nodes_with_one_serial_number_are_told_once():
    serial = {"install_disk_serial": "S1"}
    assert problems(node(11, **serial, install_disk=WWN), node(12, **serial, install_disk=OTHER_WWN), node(13)) == [
        ("n12", "flatcar_install_disk_serial", "S1 already belongs to n11")
    ]


def test_virtual_machines_may_call_their_disks_alike():
    assert problems(*(node(number, install_disk="/dev/disk/by-id/virtio-root") for number in (11, 12))) == []


def redfish(address, **more):
    return {"bmc": {"type": "redfish", "address": address, "user": "ops", "password": "x", **more}}


def ipmi(address, **more):
    return {"bmc": {"type": "ipmi", "address": address, "user": "ops", "password": "x", **more}}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (redfish("10.99.0.11"), redfish("10.99.0.11")),
        (redfish("10.99.0.11"), redfish("10.99.0.11", port=443)),
        (redfish("10.99.0.11"), redfish("10.99.0.11", system="2")),
        (redfish("10.99.0.11", system="2"), redfish("10.99.0.11")),
        (redfish("10.99.0.11", system="1"), redfish("10.99.0.11", system="1")),
        (redfish("10.99.0.11", port=8443), redfish("10.99.0.11", port=8443)),
        (ipmi("10.99.0.11"), ipmi("10.99.0.11", port=623)),
        (redfish("10.99.0.11"), ipmi("10.99.0.11")),
        (redfish("10.99.0.11"), redfish("10.99.11")),
        (redfish("10.99.0.11"), redfish("0x0a63000b")),
        (redfish("10.99.0.11"), redfish("::ffff:10.99.0.11")),
        (redfish("2001:db8::11"), redfish("2001:DB8:0:0::11")),
        (redfish("bmc-a.example.com"), ipmi("bmc-a.example.com")),
    ],
)
def test_a_service_processor_switches_one_machine(one, other):
    ((name, path, message),) = problems(node(11, **one), node(12, **other))
    assert (name, path) == ("n12", "flatcar_bmc.address")
    assert "is already n11's service processor: n12 would switch n11 off and on" in message


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (redfish("10.99.0.11", system="1"), redfish("10.99.0.11", system="2")),
        (redfish("10.99.0.11", port=8443), redfish("10.99.0.11", port=8444)),
        (redfish("10.99.0.11"), redfish("10.99.0.12")),
        (redfish("10.99.0.11", port=8443), ipmi("10.99.0.11", port=8443)),
        ({"bmc": {"type": "wol"}}, {"bmc": {"type": "wol", "address": "10.1.0.255"}}),
    ],
)
def test_what_leads_to_two_machines_is_right(one, other):
    assert problems(node(11, **one), node(12, **other)) == []


def wakes(mac):
    return {"bmc": {"type": "wol", "mac": mac}}


def test_a_packet_wakes_the_machine_that_is_meant():
    own = "52:54:00:00:00:0b"
    assert problems(node(12, **wakes(own)), node(11, **wakes(own))) == [
        ("n12", "flatcar_bmc.mac", f"{own} already belongs to n11: n11 would wake instead of this one")
    ]
    spare = "52:54:00:00:01:01"
    ((name, path, message),) = problems(node(11, **wakes(spare)), node(12, **wakes(spare)))
    assert (name, path) == ("n12", "flatcar_bmc.mac")
    assert "already belongs to n11" in message


@pytest.mark.parametrize(
    ("address", "whose"),
    [
        ("10.1.0.11", "n11's own address"),
        ("10.9.0.1", "n11's own address"),
        ("n11", "n11's own name"),
        ("n11.rack.test", "n11's own name"),
        ("10.1.0.1", "the boot host boot-a's address"),
        ("192.0.2.10", "the boot host boot-a's address"),
        ("10.1.0.254", "the gateway's address"),
        ("10.1.0.253", "the relay's address"),
    ],
)
@pytest.mark.parametrize("kind", [redfish, ipmi])
def test_a_service_processor_has_an_address_of_its_own(address, whose, kind):
    nic = {"name": "nic", "mac": "52:54:00:00:01:01", "addresses": ["10.9.0.1/24"]}
    found = problems(
        node(11, interfaces=[nic]),
        node(12, **kind(address)),
        reached_at={"boot-a": "192.0.2.10"},
        domain="rack.test",
        relay="10.1.0.253",
    )
    assert found == [
        ("n12", "flatcar_bmc.address", f"{address} is {whose}: a service processor needs an address of its own")
    ]


def test_a_machines_own_address_is_not_its_service_processors_either():
    ((name, _, message),) = problems(node(11, **redfish("10.1.0.11")))
    assert (name, message.partition(":")[0]) == ("n11", "10.1.0.11 is n11's own address")


def test_addresses_in_a_routing_domain_of_its_own_are_others_outside_of_it():
    processor = node(12, rack="b", **redfish("10.1.0.11"))
    assert problems(node(11), processor, vrf="east") == []
    assert len(problems(node(11), processor)) == 1
    assert len(problems(node(11), node(12, **redfish("10.1.0.11")), vrf="east")) == 1


def test_both_places_are_told():
    def other(*nodes, **changes):
        (problem,) = check_owners(nodes, segments(**changes))
        return problem.value, problem.other

    assert other(node(11, install_disk=WWN), node(12, install_disk=WWN)) == (WWN, WWN)
    assert other(node(11, **redfish("10.99.0.11")), node(12, **redfish("10.99.11"))) == ("10.99.11", "10.99.0.11")
    assert other(node(11), node(12, **wakes("52-54-00-00-00-0B"))) == ("52-54-00-00-00-0B", "52:54:00:00:00:0b")
    assert other(node(12, **redfish("10.1.0.254"))) == ("10.1.0.254", "10.1.0.254")
