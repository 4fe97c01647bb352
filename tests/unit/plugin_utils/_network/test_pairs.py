"""Pairs of boot hosts: two that agree, or a refusal that says what to do."""

from __future__ import annotations

import pytest
from ansible_collections.kindling.flatcar.plugins.plugin_utils._network.networks import read_networks
from ansible_collections.kindling.flatcar.plugins.plugin_utils._network.pairs import (
    check_homes,
    check_overlaps,
    check_pairs,
    with_peers,
)
from ansible_collections.kindling.flatcar.plugins.plugin_utils._node import read_node


def network(**changes):
    return {"interface": "lan0", "subnet": "10.1.0.0/24", "racks": ["a"], "gateway": "10.1.0.254"} | changes


def first(**changes):
    return network(address="10.1.0.1", peer="boot-b") | changes


def second(**changes):
    return network(address="10.1.0.2", peer="boot-a", standby=True, interface="eth1") | changes


def read(**given):
    given = {host.replace("_", "-"): entries for host, entries in given.items()}
    return {host: read_networks(host, entries) for host, entries in given.items()}, given


def problems(**given):
    return [(p.subject, p.path.removeprefix("kindling_networks"), p.message) for p in check_pairs(*read(**given))]


def node(rack="a"):
    variables = {"flatcar_rack": rack, "flatcar_mac": "52:54:00:00:00:01", "flatcar_address": "10.1.0.11"}
    return read_node("n1", variables)[0]


def test_two_that_agree_are_a_pair():
    networks, given = read(boot_a=[first()], boot_b=[second()])
    assert check_pairs(networks, given) == []
    assert check_homes([node()], networks) == []
    assert [str(with_peers(host, networks)[0].peer_address) for host in networks] == ["10.1.0.2", "10.1.0.1"]


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (first(peer="boot-a"), network(racks=["b"]), [("boot-a", "[0].peer", "boot-a is this boot host itself")]),
        (first(peer="boot-c"), network(racks=["b"]), [("boot-a", "[0].peer", "boot-c is not in the group boot_hosts")]),
        (first(), network(), [("boot-a", "[0].peer", "boot-b does not name boot-a as its peer for a: set it on both")]),
        (
            first(),
            second(racks=["b"]),
            [
                ("boot-a", "[0].peer", "boot-b does not name boot-a as its peer for a: set it on both"),
                ("boot-b", "[0].peer", "boot-a does not name boot-b as its peer for b: set it on both"),
            ],
        ),
        (
            first(),
            second(standby=False),
            [("boot-b and boot-a are both first: set it to true on only one", "[0].standby")],
        ),
        (first(standby=True), second(), [("boot-a and boot-b are both on standby", "[0].standby")]),
        (
            first(),
            second(subnet="10.1.0.0/25", gateway="10.1.0.100"),
            [("another", "[0].subnet"), ("x", "[0].gateway")],
        ),
        (first(domain="x.test"), second(), [("another", "[0].domain")]),
        (first(), second(reserved=["10.1.0.9"]), [("another", "[0].reserved")]),
        (first(), second(racks=["a", "b"]), [("its peer boot-b has another: give both the same", "[0].racks")]),
        (
            first(),
            second(address="10.1.0.1"),
            [("10.1.0.1 is also boot-b's: each of a pair needs its own", "[0].address")],
        ),
    ],
)
def test_a_pair_that_does_not_agree_is_refused(one, other, expected):
    found = problems(boot_a=[one], boot_b=[other])
    assert found
    if len(expected[0]) == 3:
        assert [(host, path) for host, path, _ in found] == [(host, path) for host, path, _ in expected]
        assert all(message.startswith(text) for (_, _, message), (_, _, text) in zip(found, expected, strict=True))
    else:  # both sides are told
        assert sorted((host, path) for host, path, _ in found) == sorted(
            (host, path) for host in ("boot-a", "boot-b") for _, path in expected
        )


def test_the_order_of_racks_makes_no_difference():
    assert problems(boot_a=[first(racks=["a", "b"])], boot_b=[second(racks=["b", "a"])]) == []


def test_nothing_is_said_of_a_side_that_cannot_be_read():
    networks, given = read(boot_a=[first()])
    assert check_pairs(networks | {"boot-b": ()}, given | {"boot-b": [{"racks": 1}]}, ["boot-b"]) == []


def test_a_problem_is_placed_at_the_key_that_is_wrong():
    networks, given = read(boot_a=[first(standby=True)], boot_b=[second()])
    assert [problem.value for problem in check_pairs(networks, given)] == ["standby", "standby"]


def test_a_node_with_two_boot_hosts_that_are_no_pair_is_refused():
    networks, _ = read(boot_a=[network()], boot_b=[network()], boot_c=[network(racks=["c"])])
    (problem,) = check_homes([node(), node(rack="c")], networks)
    assert (problem.subject, problem.path, problem.value) == ("n1", "flatcar_rack", "a")
    assert problem.message == (
        "a is a rack of boot-a and of boot-b: take it out of the kindling_networks of all but one, or make two of them a pair "
        "by peer on both and standby on one"
    )


def test_a_pair_is_of_two():
    networks, _ = read(boot_a=[first()], boot_b=[second()], boot_c=[network()])
    (problem,) = check_homes([node()], networks)
    assert "boot-a and of boot-b and of boot-c" in problem.message


@pytest.mark.parametrize("subnet", ["10.1.0.0/24", "10.1.0.128/25", "10.0.0.0/8"])
def test_networks_of_two_boot_hosts_have_no_address_in_common(subnet):
    given = {"boot-a": [network()], "boot-b": [network(subnet=subnet, racks=["b"], gateway=None)]}
    networks, _ = read(**{host.replace("-", "_"): own for host, own in given.items()})
    (problem,) = check_overlaps(networks, given)
    assert (problem.subject, problem.path, problem.other) == ("boot-b", "kindling_networks[0].subnet", "10.1.0.0/24")
    assert problem.message.startswith(f"{subnet} overlaps 10.1.0.0/24 of boot-a: both would answer the same machines.")


@pytest.mark.parametrize(
    ("one", "other", "number"),
    [
        (network(), network(subnet="10.2.0.0/24", gateway=None), 0),
        (first(), second(), 0),
        (network(vrf="east"), network(vrf="west", racks=["b"]), 0),
        (network(vrf="east"), network(vrf="east", racks=["b"]), 1),
        (network(vrf="east"), network(racks=["b"]), 1),
    ],
)
def test_pairs_and_networks_behind_switches_of_their_own_may_overlap(one, other, number):
    assert len(check_overlaps(*read(boot_a=[one], boot_b=[other]))) == number
