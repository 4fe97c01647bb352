"""What somebody on the rack's network can do to DHCP who is nobody of the inventory's, or forges who he is.

The role's own dnsmasq behind the role's own limits, as its unit loads them.
"""

from __future__ import annotations

import json
import re
import secrets
from collections import Counter

import pytest
from ansible_collections.kindling.flatcar.plugins.module_utils._dnsmasq import put_aside
from ansible_collections.kindling.flatcar.plugins.plugin_utils._network.networks import read_networks
from ansible_collections.kindling.flatcar.plugins.plugin_utils._node import read_node
from ansible_collections.kindling.flatcar.plugins.plugin_utils._publish.tree import build_files
from test_answers import FACTS, KNOWN, STRANGER, Rack, second_network, told

pytestmark = pytest.mark.slow

BOOT = "10.77.0.1"
MINE = "10.77.0.11"
QUARANTINE = "10.77.0.200-10.77.0.250"


@pytest.fixture
def rack(room, dnsmasq_conf):
    room.host("boot", f"{BOOT}/24")
    room.host("client", f"{MINE}/24")
    return Rack(room, dnsmasq_conf)


@pytest.fixture
def limit(rack, dnsmasq_conf, boot_network, dnsmasq_role):
    """Has the boot host limit strangers, as its unit does before it starts dnsmasq."""

    def load(network=None, **variables):
        state = rack.room.directory / "boot"
        state.mkdir(exist_ok=True)
        network = network or boot_network()
        variables |= {"dnsmasq_reservations_dir": str(state)}
        (state / "known.nft").write_text(files_of(network)["dnsmasq/known.nft"])
        text = dnsmasq_conf(network, template="strangers.nft.j2", **variables)
        (state / "strangers.nft").write_text(text)
        command = dnsmasq_role(
            "{{ __dnsmasq_set_limits }}", **variables, __dnsmasq_strangers=str(state / "strangers.nft")
        )
        rack.room.run("sh", "-c", command, host="boot")

    return load


def files_of(network):
    nodes = [
        read_node(
            "n1", {"flatcar_mac": KNOWN, "flatcar_address": MINE, "flatcar_rack": "a", "flatcar_boot_mode": "disk"}
        )[0]
    ]
    networks = read_networks("boot", [network], FACTS)
    return build_files(
        nodes, networks, lambda _: "9999.2.0", {"n1": {"ignition": {"version": "3.3.0"}}}, bytes(32), lambda _: ()
    )


def asked_by(log):
    """How often dnsmasq has heard whom."""
    return Counter(re.findall(r"DHCPDISCOVER\(lan0\) ([0-9a-f:]{17})", log.read_text()))


def test_one_stranger_is_heard_as_often_as_a_machine_asks_and_no_more(rack, limit, boot_network):
    limit()
    _, log, _ = rack.serve(boot_network())
    rack.ask(*[(STRANGER, "BIOS")] * 500, expected=0, seconds=0.1)
    assert told(rack.ask((KNOWN, "BIOS"))[0])[0] == MINE
    assert 20 <= asked_by(log)[STRANGER] <= 30


def test_strangers_with_new_faces_are_heard_together_no_more(rack, limit, boot_network):
    limit(dnsmasq_strangers_per_second=1)
    _, log, _ = rack.serve(boot_network())
    faces = [f"02:{secrets.token_bytes(5).hex(':')}" for _ in range(1000)]
    rack.ask(*[(face, "BIOS") for face in faces], expected=0, seconds=0.1)
    assert told(rack.ask((KNOWN, "BIOS"))[0])[0] == MINE
    heard = asked_by(log)
    assert 150 <= sum(number for mac, number in heard.items() if mac != KNOWN) <= 300


def test_a_machine_of_the_inventory_is_never_a_stranger(rack, limit, boot_network):
    limit(dnsmasq_strangers_per_second=1)
    rack.serve(boot_network())
    answers = rack.ask(*[(KNOWN, "BIOS")] * 60)
    assert {told(found)[0] for found in answers} == {MINE}


@pytest.mark.parametrize("message", ["DECLINE", "RELEASE"])
def test_nobody_takes_a_machines_address_from_it(rack, limit, boot_network, message):
    limit()
    _, log, _ = rack.serve(boot_network())
    forged = {"message": message, "server": BOOT, "client": MINE} | ({"wanted": MINE} if message == "DECLINE" else {})
    rack.ask((KNOWN, "BIOS", forged), expected=0, seconds=0.1)
    assert told(rack.ask((KNOWN, "BIOS"))[0])[0] == MINE
    assert "DHCPDECLINE" not in log.read_text()


def test_a_stranger_in_quarantine_boots_as_ever(rack, limit, boot_network):
    network = boot_network(quarantine=QUARANTINE)
    limit(network)
    rack.serve(network)
    for more in ({}, {"ipxe": True}):
        (found,) = rack.ask((STRANGER, "BIOS", more))
        assert told(found)[0].startswith("10.77.0.2")


def test_no_machine_waits_for_strangers_addresses(rack, boot_network):
    """A ping for each would be three seconds in which dnsmasq hears nobody: fifteen for these."""
    rack.serve(boot_network(quarantine=QUARANTINE))
    faces = [f"02:00:00:00:00:0{number}" for number in range(5)]
    *others, (own,) = rack.ask(*((face, "BIOS") for face in faces), (KNOWN, "BIOS"))
    assert len(others) == 5
    assert own["after"] < 9


def send(rack, address, port, *datagrams, times=500, to=BOOT):
    """Sends UDP from *address*, which the client has from now on."""
    rack.room.run("ip", "address", "replace", f"{address}/24", "dev", "lan0", host="client")
    script = (
        "import socket; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); "
        f"s.bind(({address!r}, 0)); [s.sendto(d, ({to!r}, {port})) for _ in range({times}) for d in {datagrams!r}]"
    )
    rack.room.run("python3", "-c", script, host="client")


def heard_by(rack, host):
    """How many datagrams its filter let through: that were taken in, for no port, or too much at once for one."""
    counted = "import re; print(sum(map(int, re.findall(r'^Udp: (\\d+) (\\d+) (\\d+)', open('/proc/net/snmp').read(), re.M)[0])))"
    return int(rack.room.run("python3", "-c", counted, host=host).stdout)


QUERY = b"\0\1\1\0\0\1\0\0\0\0\0\0\2n1\4rack\4test\0\0\1\0\1"
FETCH = b"\0\1nothing\0octet\0"


def fetched(rack, address):
    """What TFTP has logged by the time it has come to a last request, from *address*."""
    send(rack, address, 69, FETCH.replace(b"nothing", b"own"), times=1)
    last = f"for i in $(seq 1200); do grep -q 'own not found' {rack.tftp_log} && exit; sleep 0.05; done; exit 1"
    rack.room.run("sh", "-c", last)
    return rack.tftp_log.read_text()


def test_who_fetches_by_tftp_without_end_is_not_served_without_end(rack, limit, boot_network):
    limit()
    rack.serve(boot_network())
    send(rack, MINE, 69, FETCH)
    assert told(rack.ask((KNOWN, "BIOS"))[0])[0] == MINE
    assert 30 <= fetched(rack, "10.77.0.99").count("nothing not found") <= 70


def test_strangers_with_many_addresses_leave_tftp_to_machines(rack, limit, boot_network):
    limit(dnsmasq_strangers_per_second=1)
    rack.serve(boot_network())
    for last in range(100, 110):
        send(rack, f"10.77.0.{last}", 69, FETCH, times=50)
    assert 0 < fetched(rack, MINE).count("nothing not found") <= 250


def test_there_is_no_way_around_by_ipv6(rack, limit, boot_network):
    """dnsmasq listens there too, and no machine of the inventory asks there."""
    for host, last in (("boot", 1), ("client", 2)):
        rack.room.run("ip", "address", "add", f"fd00::{last}/64", "dev", "lan0", "nodad", host=host)
    limit()
    rack.serve(boot_network())
    script = (
        "import socket; s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM); "
        f"[s.sendto({FETCH!r}, ('fd00::1', 69)) for _ in range(100)]"
    )
    rack.room.run("python3", "-c", script, host="client")
    assert "nothing not found" not in fetched(rack, MINE)


def test_strangers_have_few_names_looked_up(rack, limit, boot_network):
    limit()
    rack.serve(boot_network())
    before = heard_by(rack, "boot")
    send(rack, "10.77.0.99", 53, QUERY, times=2000)
    strangers = heard_by(rack, "boot") - before
    before = heard_by(rack, "boot")
    send(rack, MINE, 53, QUERY, times=900)
    assert strangers < 600
    assert heard_by(rack, "boot") - before >= 900


def test_what_the_boot_host_leads_elsewhere_is_not_limited(rack, limit, boot_network):
    """Other people's machines may have it as their router."""
    limit()
    rack.room.host("far")
    second_network(rack, "boot", "10.78.0.1/24", "far", "10.78.0.2/24")
    rack.room.run("sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward", host="boot")
    rack.room.run("ip", "route", "add", "10.77.0.0/24", "via", "10.78.0.1", host="far")
    rack.room.run("ip", "route", "add", "10.78.0.0/24", "via", BOOT, host="client")
    send(rack, "10.77.0.99", 53, QUERY, times=1000, to="10.78.0.2")
    assert heard_by(rack, "far") >= 1000


def test_without_anybody_known_nobody_is_limited(rack, limit, boot_network, dnsmasq_role):
    """Such as what was published before there were limits: in doubt, machines are answered."""
    limit()
    state = rack.room.directory / "boot"
    (state / "known.nft").unlink()
    own = {"dnsmasq_reservations_dir": str(state), "__dnsmasq_strangers": str(state / "strangers.nft")}
    rack.room.run("sh", "-c", dnsmasq_role("{{ __dnsmasq_set_limits }}", **own), host="boot")
    assert rack.room.run("nft", "list", "ruleset", host="boot").stdout.strip() == ""


def test_loading_again_and_taking_away_leave_the_hosts_own_filters(rack, limit, dnsmasq_role):
    rack.room.run("nft", "add", "table", "inet", "of_somebody_else", host="boot")
    limit()
    limit()
    assert rack.room.run("nft", "list", "tables", host="boot").stdout.split("\n")[:2] == [
        "table inet of_somebody_else",
        "table inet kindling_dhcp",
    ]
    rack.room.run("sh", "-c", dnsmasq_role("{{ __dnsmasq_lift_all }}"), host="boot")
    assert rack.room.run("nft", "list", "tables", host="boot").stdout.strip() == "table inet of_somebody_else"


def test_an_address_that_a_forger_has_put_aside_is_told_and_given_again_after_a_reload(rack, boot_network):
    """Without the limits, as whoever gets around them has it."""
    pid, log, _ = rack.serve(boot_network())
    rack.ask((KNOWN, "BIOS", {"message": "DECLINE", "server": BOOT, "wanted": MINE}), expected=0, seconds=0.1)
    assert rack.ask((KNOWN, "BIOS"), expected=0, seconds=0.5) == [[]]
    assert set(put_aside.read(journal(log))) == {MINE}
    rack.room.run("kill", "-HUP", str(pid))
    assert told(rack.ask((KNOWN, "BIOS"))[0])[0] == MINE
    assert put_aside.read(journal(log)) == {}


def journal(log):
    """A log as the journal tells it."""
    messages = [line.partition(": ")[2] for line in log.read_text().splitlines()]
    return [json.dumps({"MESSAGE": message, "__REALTIME_TIMESTAMP": "0"}) for message in messages]
