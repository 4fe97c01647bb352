"""A fleet: what is wrong with its nodes taken together, and the files that they boot."""

from __future__ import annotations

import dataclasses
import hashlib
import ipaddress
import json
import re

import pytest
from ansible_collections.kindling.flatcar.plugins.module_utils._arming import arming
from ansible_collections.kindling.flatcar.plugins.plugin_utils._butane import dumps
from ansible_collections.kindling.flatcar.plugins.plugin_utils._disks.owners import check_owners
from ansible_collections.kindling.flatcar.plugins.plugin_utils._network.networks import Network
from ansible_collections.kindling.flatcar.plugins.plugin_utils._node import read_node
from ansible_collections.kindling.flatcar.plugins.plugin_utils._publish.config import build_config
from ansible_collections.kindling.flatcar.plugins.plugin_utils._publish.places import check_fleet, check_racks
from ansible_collections.kindling.flatcar.plugins.plugin_utils._publish.tree import (
    build_files,
    config_token_of,
    report_token_of,
    wanted_images,
)
from ansible_collections.kindling.flatcar.plugins.plugin_utils._schema.fields import address_range

KEY = bytes(32)
NETWORK = Network(
    interface="lan0",
    subnet=ipaddress.IPv4Network("10.1.0.0/24"),
    racks=("a",),
    address=ipaddress.IPv4Address("10.1.0.1"),
    gateway=ipaddress.IPv4Address("10.1.0.254"),
    dns=(),
    ntp=(),
    domain="rack.test",
    reserved=(address_range("10.1.0.100-10.1.0.199"),),
)


def node(name, number, **variables):
    own = {"flatcar_rack": "a", "flatcar_mac": f"52:54:00:00:00:{number:02x}", "flatcar_address": f"10.1.0.{number}"}
    found, problems = read_node(name, own | variables)
    assert problems == []
    return found


def problems(*nodes):
    found = [*check_owners(nodes, []), *check_fleet(nodes, [NETWORK])]
    return [(problem.subject, problem.path, problem.message) for problem in found]


def versions(image):
    return "9999.2.0" if image["version"] == "current" else image["version"]


def build_configs(nodes):
    built = {node.name: build_config(node) for node in nodes}
    problems = [problem for _, found in built.values() for problem in found]
    return {name: config for name, (config, _) in built.items() if config is not None}, problems


def build(*nodes, key=KEY, network=NETWORK, signed_by=None):
    configs, found = build_configs(nodes)
    assert found == []
    return build_files(nodes, [network], versions, configs, key, lambda _: (), signed_by)


def index(*nodes):
    return json.loads(build(*nodes)["index.json"])["nodes"]


def test_right_nodes_have_no_problems():
    assert problems(node("n1", 11), node("n2", 12)) == []


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("10.2.0.11", "10.2.0.11 is outside a's network 10.1.0.0/24"),
        ("10.1.0.0", "10.1.0.0 is the network's own address: choose another"),
        ("10.1.0.255", "10.1.0.255 is the network's broadcast address: choose another"),
        ("10.1.0.1", "10.1.0.1 is the boot host's address: choose another"),
        ("10.1.0.254", "10.1.0.254 is the gateway's address: choose another"),
        ("10.1.0.150", "10.1.0.150 is reserved (10.1.0.100-10.1.0.199, by kindling_networks): choose another"),
    ],
)
def test_an_address_has_to_be_free_on_the_racks_network(address, message):
    assert problems(node("n1", 11, flatcar_address=address)) == [("n1", "flatcar_address", message)]


def test_nothing_belongs_to_two_nodes():
    twin = node("n2", 12, flatcar_mac="52-54-00-00-00-0B", flatcar_address="10.1.0.11", flatcar_hostname="n1")
    assert problems(node("n1", 11), twin) == [
        ("n2", "flatcar_mac", "52:54:00:00:00:0b already belongs to n1"),
        ("n2", "flatcar_address", "10.1.0.11 already belongs to n1"),
        ("n2", "flatcar_hostname", "n1 already belongs to n1"),
    ]


def nic(mac, *addresses):
    return [{"name": "nic", "mac": mac, "addresses": list(addresses)}]


def test_what_interfaces_have_counts_too():
    first = node("n1", 11, flatcar_interfaces=nic("52:54:00:00:01:01", "10.1.0.20/24", "fd00::1/64"))
    second = node("n2", 12, flatcar_interfaces=nic("52:54:00:00:01:01", "10.1.0.11/24", "10.1.0.1/24"))
    assert sorted(problems(first, second)) == [
        ("n2", "flatcar_address", "10.1.0.11 already belongs to n1"),
        ("n2", "flatcar_interfaces", "10.1.0.1 is the boot host's address: choose another"),
        ("n2", "flatcar_mac", "52:54:00:00:01:01 already belongs to n1"),
    ]


def test_a_machine_may_say_twice_what_is_its_own():
    own = nic("52:54:00:00:00:0b", "10.1.0.11/24")
    assert problems(node("n1", 11, flatcar_interfaces=own), node("n2", 12)) == []


def test_a_rack_has_a_boot_host():
    (problem,) = check_racks([node("n1", 11), node("n2", 12, flatcar_rack="z")], {"a", "b"})
    assert (problem.subject, problem.path) == ("n2", "flatcar_rack")
    assert problem.message == "z: no boot host has this rack in its kindling_networks; they have a, b"


def test_the_same_name_in_two_domains_is_no_mistake():
    assert problems(node("n1", 11), node("n2", 12, flatcar_hostname="n1", flatcar_domain="other.test")) == []


def test_only_nodes_that_boot_from_the_network_want_an_image():
    images = wanted_images(
        [
            node("n1", 11, flatcar_boot_mode="ram"),
            node("n2", 12, flatcar_boot_mode="ram"),
            node("n3", 13, flatcar_version="4790.0.0"),
        ]
    )
    assert images == [{"board": "amd64-usr", "channel": "stable", "version": "current", "install": False}]


def test_a_node_to_be_installed_wants_the_disk_image_too():
    install = {"flatcar_boot_mode": "install", "flatcar_install_disk": "/dev/disk/by-id/x"}
    images = wanted_images([node("n1", 11, flatcar_boot_mode="ram"), node("n2", 12, **install)])
    assert images == [{"board": "amd64-usr", "channel": "stable", "version": "current", "install": True}]


def test_a_node_in_ram_gets_a_script_and_its_config():
    files = build(node("n1", 11, flatcar_boot_mode="ram", flatcar_mac=["52:54:00:00:00:0b", "52:54:00:00:00:0c"]))
    script = files["web/ipxe/10.1.0.11/52-54-00-00-00-0b.ipxe"]
    assert script == files["web/ipxe/10.1.0.11/52-54-00-00-00-0c.ipxe"]
    assert "http://10.1.0.1/images/amd64-usr/9999.2.0/flatcar_production_pxe.vmlinuz " in script
    (token,) = re.findall(r" ignition\.config\.url=http://10\.1\.0\.1/ignition/([A-Za-z0-9_-]{43})\.ign ", script)
    config = json.loads(files[f"web/ignition/{token}/10.1.0.11.ign"])
    assert config["storage"]["files"][0]["contents"]["source"] == "data:,n1%0A"


def test_the_url_of_a_config_is_the_keys_the_nodes_and_the_contents():
    tokens = {
        config_token_of(key, name, text) for key in (KEY, b"\1" * 32) for name in ("n1", "n2") for text in ("{}", "{ }")
    }
    assert len(tokens) == 8
    assert config_token_of(KEY, "n1", "{}") == "tUe-RVHK9k1-17tJdmjRvrpL9nwofSCxUCBuYsi1wEU"
    rooms = [
        {path for path in build(node("n1", 11, flatcar_boot_mode="ram", **more)) if path.startswith("web/ignition/")}
        for more in ({}, {}, {"flatcar_time_zone": "UTC"})
    ]
    assert rooms[0] == rooms[1] != rooms[2]


def test_a_node_on_disk_is_sent_to_its_disk_and_has_nothing_to_fetch():
    files = build(node("n1", 11))
    assert "kernel" not in files["web/ipxe/10.1.0.11/52-54-00-00-00-0b.ipxe"]
    assert not [path for path in files if path.startswith("web/ignition/")]


def test_a_node_to_be_installed_is_sent_to_its_disk_for_now():
    install = build(node("n1", 11, flatcar_boot_mode="install", flatcar_install_disk="/dev/disk/by-id/x"))
    on_disk = build(node("n1", 11))
    assert [path for path in on_disk if on_disk[path] != install[path]] == ["index.json"]


def test_the_index_tells_what_is_published():
    ram = node("n1", 11, flatcar_boot_mode="ram", flatcar_mac=["52:54:00:00:00:0b", "52:54:00:00:00:0c"])
    assert index(ram, node("n2", 12, flatcar_version="4230.2.1"))["n1"] == {
        "mode": "ram",
        "rack": "a",
        "address": "10.1.0.11",
        "macs": ["52:54:00:00:00:0b", "52:54:00:00:00:0c"],
        "hostname": "n1",
        "board": "amd64-usr",
        "channel": "stable",
        "version": "9999.2.0",
        "config": hashlib.sha256(dumps(build_configs([ram])[0]["n1"]).encode()).hexdigest(),
        "token": hashlib.sha256(report_token_of(KEY, "n1").encode()).hexdigest(),
    }


def test_the_index_has_nodes_on_disk_with_what_they_ask_for():
    disk = index(node("n1", 11, flatcar_version="4230.2.1"))["n1"]
    assert (disk["mode"], disk["version"]) == ("disk", "4230.2.1")
    assert disk["config"] != index(node("n1", 11, flatcar_version="4230.2.1", flatcar_time_zone="UTC"))["n1"]["config"]


def test_a_node_to_install_has_an_order_where_the_web_server_looks_for_it():
    disk = "/dev/disk/by-id/ata-X_1-0001"
    install = {"flatcar_boot_mode": "install", "flatcar_install_disk": disk}
    order = index(node("n1", 11, **install))["n1"]["order"]
    assert (order["disk"], order["wipe"], order["version"], order["node"]) == (disk, "flatcar", "9999.2.0", "n1")
    assert f"web/orders/10.1.0.11/{arming.digest_of(order)}" in build(node("n1", 11, **install))


@pytest.mark.parametrize(
    "change",
    [
        {"flatcar_install_disk": "/dev/disk/by-id/ata-X_2-0001"},
        {"flatcar_install_disk_serial": "other"},
        {"flatcar_install_disk_min_gib": 20},
        {"flatcar_wipe": "any"},
        {"flatcar_time_zone": "UTC"},
        {"flatcar_mac": "52:54:00:00:00:ff"},
        {"flatcar_address": "10.1.0.99"},
        {"flatcar_boot_mode": "disk"},
        {"flatcar_version": "4230.2.1"},
        {"flatcar_kernel_arguments": ["quiet"]},
        {"flatcar_local_boot": "exit"},
    ],
)
def test_whatever_matters_to_an_order_changes_its_digest(change):
    install = {"flatcar_boot_mode": "install", "flatcar_install_disk": "/dev/disk/by-id/ata-X_1-0001"}
    orders = [
        {path for path in build(node("n1", 11, **(install | more))) if path.startswith("web/orders/")}
        for more in ({}, change)
    ]
    assert len(orders[0]) == 1
    assert orders[0] != orders[1]


@pytest.mark.parametrize(
    "change",
    [
        {"network": dataclasses.replace(NETWORK, peer="boot-b", peer_address=ipaddress.IPv4Address("10.1.0.2"))},
        {"signed_by": "5" * 64},
    ],
)
def test_what_the_boot_host_says_of_an_order_changes_its_digest_too(change):
    """Another boot host has to know of a half-written disk by now, or the image may be another signer's."""
    install = {"flatcar_boot_mode": "install", "flatcar_install_disk": "/dev/disk/by-id/ata-X_1-0001"}
    built = (build(node("n1", 11, **install), **more) for more in ({}, change))
    before, after = ({path for path in files if path.startswith("web/orders/")} for files in built)
    assert before != after


def test_the_boot_host_that_stands_by_has_no_orders():
    install = {"flatcar_boot_mode": "install", "flatcar_install_disk": "/dev/disk/by-id/ata-X_1-0001"}
    standby = dataclasses.replace(NETWORK, standby=True)
    assert not [path for path in build(node("n1", 11, **install), network=standby) if "/orders/" in path]


def test_what_a_node_reports_with_outlives_its_config():
    reporters = [
        {path for path in build(node("n1", 11, **more)) if path.startswith("web/reporters/")}
        for more in ({}, {"flatcar_boot_mode": "ram", "flatcar_time_zone": "UTC"})
    ]
    token = report_token_of(KEY, "n1")
    assert reporters == [{f"web/reporters/{token}/10.1.0.0-24/10.1.0.11"}] * 2
    config = build(node("n1", 11, flatcar_boot_mode="ram"))
    assert not [path for path in config if path.startswith(f"web/ignition/{token}")]


def test_addresses_that_nobody_else_reports_from_are_published():
    taken = {path.rpartition("/")[2] for path in build(node("n1", 11)) if path.startswith("web/taken/")}
    assert str(NETWORK.address) in taken
    assert "10.1.0.11" not in taken


def test_the_kernels_line_has_consoles_and_arguments():
    ram = node("n1", 11, flatcar_boot_mode="ram", flatcar_console="ttyS0", flatcar_kernel_arguments=["quiet"])
    assert ".ign console=ttyS0 quiet ||" in build(ram)["web/ipxe/10.1.0.11/52-54-00-00-00-0b.ipxe"]


def test_two_nics_never_hold_one_address():
    macs = ["52:54:00:00:00:0b", "52:54:00:00:00:1b"]
    files = build(node("n1", 11, flatcar_mac=macs))
    assert files["dnsmasq/dhcp-hosts"] == "52:54:00:00:00:0b,id:*,10.1.0.11,n1\n52:54:00:00:00:1b,ignore\n"
    files = build(node("n1", 11, flatcar_mac=macs, flatcar_more_addresses="10.1.0.21", flatcar_boot_mode="ram"))
    assert files["dnsmasq/dhcp-hosts"] == "52:54:00:00:00:0b,id:*,10.1.0.11,n1\n52:54:00:00:00:1b,id:*,10.1.0.21\n"
    assert files["web/ipxe/10.1.0.11/52-54-00-00-00-0b.ipxe"] == files["web/ipxe/10.1.0.21/52-54-00-00-00-1b.ipxe"]
    tops = ("web/ignition/", "web/nearby/")
    configs = {path.rpartition("/")[2]: text for path, text in files.items() if path.startswith(tops)}
    assert set(configs) == {"10.1.0.11.ign", "10.1.0.21.ign", "10.1.0.0-24"}
    assert len(set(configs.values())) == 1


def test_where_another_server_gives_addresses_all_nics_may_ask():
    proxy = dataclasses.replace(NETWORK, mode="proxy")
    files = build(node("n1", 11, flatcar_mac=["52:54:00:00:00:0b", "52:54:00:00:00:1b"]), network=proxy)
    assert files["dnsmasq/dhcp-hosts"] == "52:54:00:00:00:0b,52:54:00:00:00:1b,id:*,10.1.0.11,n1\n"


def test_the_addresses_of_other_nics_are_checked_as_the_first_is():
    macs = ["52:54:00:00:00:0b", "52:54:00:00:00:1b"]
    one = node("n1", 11, flatcar_mac=macs, flatcar_more_addresses="10.2.0.21")
    assert problems(one) == [("n1", "flatcar_more_addresses", "10.2.0.21 is outside a's network 10.1.0.0/24")]
    one = node("n1", 11, flatcar_mac=macs, flatcar_more_addresses="10.1.0.12")
    assert len(problems(one, node("n2", 12))) == len(problems(node("n2", 12), one)) == 1


def test_there_are_no_more_addresses_than_nics():
    own = {"flatcar_rack": "a", "flatcar_mac": "52:54:00:00:00:0b", "flatcar_address": "10.1.0.11"}
    _, found = read_node("n1", own | {"flatcar_more_addresses": ["10.1.0.12"]})
    assert [(problem.path, problem.message[:20]) for problem in found] == [
        ("flatcar_more_addresses", "expected at most 0, ")
    ]
    two = own | {"flatcar_mac": ["52:54:00:00:00:0b", "52:54:00:00:00:1b"], "flatcar_more_addresses": "10.1.0.11"}
    assert [problem.path for problem in read_node("n1", two)[1]] == ["flatcar_more_addresses"]


def test_every_node_has_one_address_and_a_name():
    files = build(node("n1", 11), node("n2", 12, flatcar_domain="other.test"))
    assert files["dnsmasq/dhcp-hosts"] == "52:54:00:00:00:0b,id:*,10.1.0.11,n1\n52:54:00:00:00:0c,id:*,10.1.0.12,n2\n"
    assert files["dnsmasq/dns-hosts"] == "10.1.0.11 n1.rack.test n1\n10.1.0.12 n2.other.test n2\n"


@pytest.mark.parametrize("name", ["101", "4d", "ignore", "infinite"])
def test_a_name_that_dnsmasq_would_not_take_for_one_ends_in_a_dot(name):
    """The process for DHCP knows no names of DNS that it could send instead."""
    files = build(node(name, 11))
    assert files["dnsmasq/dhcp-hosts"] == f"52:54:00:00:00:0b,id:*,10.1.0.11,{name}.\n"
    assert files["dnsmasq/dns-hosts"] == f"10.1.0.11 {name}.rack.test {name}\n"


def test_the_order_of_the_nodes_makes_no_difference():
    nodes = [node("n1", 11, flatcar_boot_mode="ram"), node("n2", 12)]
    assert build(*nodes) == build(*reversed(nodes))


def test_a_problem_of_the_merged_config_names_the_variable_that_it_comes_from():
    _, found = build_configs([node("n1", 11, flatcar_units=[{"name": "x"}])])
    assert [problem.path for problem in found] == ["flatcar_units: $.systemd.units.0.name"]


def test_all_that_cannot_be_merged_is_named_with_what_the_transpiler_refuses():
    _, found = build_configs(
        [
            node(
                "n1",
                11,
                flatcar_butane_10={"storage": {"files": [{"path": "/x", "$delete": True}, {"path": "rel"}]}},
                flatcar_butane_20={"$delete": True},
            )
        ]
    )
    assert [problem.path for problem in found] == [
        "flatcar_butane_10: storage.files[/x]",
        "flatcar_butane_20",
        "flatcar_butane_10: $.storage.files.1.path",
    ]


def test_configs_that_the_transpiler_refuses_are_all_named():
    configs, found = build_configs(
        [
            node("n1", 11, flatcar_butane={"storage": {"files": [{"path": "relative"}]}}),
            node("n2", 12, flatcar_butane={"systemd": {"units": [{"name": "no-extension"}]}}),
            node("n3", 13),
        ]
    )
    assert [(problem.subject, problem.path) for problem in found] == [
        ("n1", "flatcar_butane: $.storage.files.1.path"),
        ("n2", "flatcar_butane: $.systemd.units.0.name"),
    ]
    assert list(configs) == ["n3"]


def test_a_machine_goes_to_its_disk_by_the_method_that_it_names():
    files = build(node("n1", 11, flatcar_local_boot="chain"), node("n2", 12, flatcar_local_boot="exit"))
    scripts = {path.split("/")[2]: text for path, text in files.items() if path.startswith("web/ipxe/10.")}
    assert "chain http://10.1.0.1/programs/localboot-x64.efi || goto no_disk\n" in scripts["10.1.0.11"]
    assert scripts["10.1.0.12"].endswith(":disk\nexit\n")


def test_a_machine_with_another_address_is_told_its_own_by_each_of_its_nics():
    macs = ["52:54:00:00:00:0b", "52:54:00:00:00:0c"]
    files = build(node("n1", 11, flatcar_mac=macs, flatcar_more_addresses="10.1.0.21", flatcar_local_boot="exit"))
    told = {path: text for path, text in files.items() if path.startswith("web/misplaced/")}
    assert list(told) == [f"web/misplaced/{mac.replace(':', '-')}.ipxe" for mac in macs]
    for text, address in zip(told.values(), ("10.1.0.11", "10.1.0.21"), strict=True):
        assert f"is n1, but has the address ${{netX/ip}} and not {address}\n" in text
        assert text.endswith(":disk\nexit\n")
    assert "half written" in files["web/ipxe/waiting.ipxe"]


def test_a_node_of_a_pair_asks_the_other_boot_host_where_its_own_is_gone():
    pair = dataclasses.replace(NETWORK, peer="boot-b", peer_address=ipaddress.IPv4Address("10.1.0.2"))
    ram, path = node("n1", 11, flatcar_boot_mode="ram"), "web/ipxe/10.1.0.11/52-54-00-00-00-0b.ipxe"
    assert (
        "chain --replace --timeout 60000 http://10.1.0.2/boot.ipxe || set why ${errno}\n"
        in build(ram, network=pair)[path]
    )
    assert "10.1.0.2" not in build(ram)[path]
    assert "10.1.0.2" not in build(node("n1", 11), network=pair)[path]


def test_a_node_in_ram_reports_that_it_runs_and_its_digest_is_of_its_own_config():
    ram = node("n1", 11, flatcar_boot_mode="ram")
    files = build(ram)
    (served,) = [json.loads(text) for path, text in files.items() if path.endswith(".ign")]
    own = build_configs([ram])[0]["n1"]
    assert [unit["name"] for unit in served["systemd"]["units"]] == ["kindling-report.service", "kindling-report.timer"]
    assert served["storage"]["files"][: len(own["storage"]["files"])] == own["storage"]["files"]
    index = json.loads(files["index.json"])["nodes"]["n1"]
    assert index["config"] == hashlib.sha256(dumps(own).encode()).hexdigest()
