"""What the role's dnsmasq tells machines, by their firmware, in each mode, on networks with other servers and relays."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from pathlib import Path

import pytest
from ansible_collections.kindling.flatcar.plugins.plugin_utils._network.networks import read_networks
from ansible_collections.kindling.flatcar.plugins.plugin_utils._node import read_node
from ansible_collections.kindling.flatcar.plugins.plugin_utils._publish.tree import build_files

pytestmark = pytest.mark.slow

CLIENT = Path(__file__).with_name("client.py")
#: Where `make unit` unpacks other DHCP servers: installed, they would start on this machine
UNPACKED = Path(__file__).parents[4] / ".cache" / "dhcp-servers"
PATH = f"{UNPACKED}/usr/sbin:{os.environ['PATH']}:/usr/sbin"

KNOWN, CHOOSY, ELSEWHERE, STRANGER = (f"52:54:00:77:00:{last}" for last in ("11", "12", "21", "99"))
HOSTS = f"""\
{KNOWN},id:*,10.77.0.11,n1
{CHOOSY},id:*,10.77.0.12,n2
{ELSEWHERE},id:*,10.78.0.21,n3
"""

SUPPORTED = {
    "BIOS": "undionly.kpxe",
    "UEFI x64": "snponly.efi",
    "UEFI x64 (code 9)": "snponly.efi",
    "UEFI arm64": "ipxe-arm64.efi",
    "UEFI x64 HTTP": "http://10.77.0.1/programs/snponly.efi",
    "UEFI arm64 HTTP": "http://10.77.0.1/programs/ipxe-arm64.efi",
}
REFUSED = {
    "UEFI IA32": "ia32-uefi-is-not-supported.efi",
    "UEFI IA32 HTTP": "http://10.77.0.1/programs/ia32-uefi-is-not-supported.efi",
}
SCRIPT = "http://10.77.0.1/boot.ipxe"
FACTS = {"lan0": {"device": "lan0", "ipv4": {"address": "10.77.0.1"}}}


ASK_DNS = """
import socket, struct, sys
name = b"".join(bytes([len(part)]) + part.encode() for part in sys.argv[1].split(".")) + bytes(1)
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
    asking.settimeout(5)
    asking.sendto(struct.pack(">6H", 1, 256, 1, 0, 0, 0) + name + struct.pack(">2H", 1, 1), ("10.77.0.1", 53))
    print(socket.inet_ntoa(asking.recv(512)[-4:]))
"""


class Rack:
    """A boot host's two dnsmasq with the role's configurations, and clients on its network."""

    def __init__(self, room, conf):
        self.room, self.conf = room, conf

    def serve(self, *networks, host="boot", files=None, **variables):
        """Starts them; DHCP's process, its log and its reservations, those in a generation's *files* if given."""
        state = self.room.directory / host
        state.mkdir(exist_ok=True)
        files = files or {"dnsmasq/dhcp-hosts": HOSTS, "dnsmasq/dns-hosts": "10.77.0.11 n1.rack.test n1\n"}
        for name in ("dhcp-hosts", "dns-hosts"):
            (state / name).write_text(files[f"dnsmasq/{name}"])
        (state / "undionly.kpxe").write_text("program")
        variables |= {"dnsmasq_reservations_dir": state, "dnsmasq_tftp_dir": state}
        for name in ("dnsmasq.conf", "tftp.conf"):
            text = self.conf(*networks, template=f"{name}.j2", **variables)
            (state / name).write_text(text.replace("/run/kindling-dnsmasq", str(state)))
            self.room.run("dnsmasq", "--test", f"--conf-file={state}/{name}")
        pid, log = self.start(state / "dnsmasq.conf", host)
        self.tftp_and_dns, self.tftp_log = self.start(state / "tftp.conf", host)
        if any(network.get("mode") != "none" for network in networks):
            self.room.wait_for_port(host, 67)
        self.room.wait_for_port(host, 69)
        return pid, log, state

    def start(self, config, host):
        return self.room.start("dnsmasq", "--keep-in-foreground", f"--conf-file={config}", "--pid-file", host=host)

    def ask(self, *questions, expected=None, host="client", seconds=1.0, interface="lan0"):
        """Everybody's answers to each question; a question is a MAC address, a firmware and what else it says.

        One answer to each is waited for, or as many as are *expected* to all of them, and then for *seconds* whether there
        are more.
        """
        given = [{"mac": mac, "firmware": kind, **more} for mac, kind, more in map(_full, questions)]
        asked = self.room.directory / "questions.json"
        expected = len(questions) if expected is None else expected
        told = {"interface": interface, "questions": given, "expected": expected, "seconds": seconds}
        asked.write_text(json.dumps(told))
        command = ["env", f"PYTHONPATH={self.room.path}", sys.executable, str(CLIENT), str(asked)]
        done = self.room.run(*command, host=host)
        return json.loads(done.stdout)

    def wait_until_read_again(self, name, log):
        again = (
            f"for i in $(seq 1200); do [ $(grep -c 'read .*/{name}' {log}) -ge 2 ] && exit; sleep 0.05; done; exit 1"
        )
        self.room.run("sh", "-c", again)

    def fetch(self):
        """The boot program by TFTP, as a client gets it; empty if nobody answers."""
        url = "tftp://10.77.0.1/undionly.kpxe"
        return self.room.run("curl", "-sS", "--max-time", "5", url, host="client", check=False).stdout

    def address_of(self, name):
        """What the boot host's DNS says; empty if nobody answers."""
        done = self.room.run(sys.executable, "-c", ASK_DNS, name, host="client", check=False)
        return done.stdout.strip()


def _full(question):
    mac, kind, *more = question
    return mac, kind, more[0] if more else {}


@pytest.fixture
def rack(room, dnsmasq_conf):
    room.host("boot", "10.77.0.1/24")
    room.host("client", "10.77.0.11/24")
    return Rack(room, dnsmasq_conf)


def told(answers):
    """Address, boot server and program of the only answer; None when nobody answered."""
    if not answers:
        return None
    (answer,) = answers
    return answer["address"], answer["next_server"], answer["file"]


def names(answers):
    return [answer["message"] for answer in answers]


IPXE = {"ipxe": True}


def second_network(rack, *hosts_and_addresses, nic="lan1"):
    """Gives hosts one more interface, on a switch of its own."""
    rack.room.run("ip", "link", "add", f"br-{nic}", "type", "bridge", "stp_state", "0", "forward_delay", "0")
    rack.room.run("ip", "link", "set", f"br-{nic}", "up")
    for host, address in zip(hosts_and_addresses[::2], hosts_and_addresses[1::2], strict=True):
        rack.room.run("ip", "link", "add", f"{host}-{nic}", "type", "veth", "peer", "name", nic, "netns", host)
        rack.room.run("ip", "link", "set", f"{host}-{nic}", "master", f"br-{nic}", "up")
        rack.room.run("ip", "-n", host, "link", "set", nic, "up")
        rack.room.run("ip", "-n", host, "address", "add", address, "dev", nic)


def test_every_firmware_is_told_what_it_can_start(rack, boot_network):
    rack.serve(boot_network())
    wanted = SUPPORTED | REFUSED
    answers = rack.ask(*((KNOWN, kind) for kind in wanted))
    assert {kind: told(found) for kind, found in zip(wanted, answers, strict=True)} == {
        kind: ("10.77.0.11", answers[0][0]["server"] if "http" not in file else found[0]["next_server"], file)
        for (kind, file), found in zip(wanted.items(), answers, strict=True)
    }
    assert {found[0]["vendor_class"] for kind, found in zip(wanted, answers, strict=True) if "HTTP" in kind} == {
        "HTTPClient"
    }
    ipxe = rack.ask(*((KNOWN, kind, IPXE) for kind in SUPPORTED))
    assert {told(found)[2] for found in ipxe} == {SCRIPT}


def test_only_known_machines_are_answered_and_only_at_home(rack, boot_network):
    rack.serve(boot_network())
    asked = (STRANGER, "BIOS"), (STRANGER, "plain"), (ELSEWHERE, "UEFI x64")
    assert rack.ask(*asked, expected=0) == [[], [], []]


def test_a_nodes_program_is_its_own(rack, boot_network):
    rack.serve(boot_network(), dnsmasq_program_choices={"program-ipxe": [CHOOSY]})
    kinds = ("BIOS", "UEFI x64", "UEFI arm64", "UEFI x64 HTTP")
    assert [told(found)[2] for found in rack.ask(*((CHOOSY, kind) for kind in kinds))] == [
        "ipxe.pxe",
        "ipxe.efi",
        "ipxe-arm64.efi",
        "http://10.77.0.1/programs/ipxe.efi",
    ]
    assert told(rack.ask((KNOWN, "UEFI x64"))[0])[2] == "snponly.efi"


def test_changed_reservations_need_no_restart(rack, boot_network):
    """dnsmasq 2.90 dies of a reservation with a tag here, when the machine has asked before."""
    pid, log, state = rack.serve(boot_network(), dnsmasq_program_choices={"program-ipxe": [CHOOSY]})
    rack.ask((CHOOSY, "UEFI x64"), (KNOWN, "BIOS"))
    (state / "dhcp-hosts").write_text(HOSTS.replace("10.77.0.12", "10.77.0.13"))
    rack.room.run("kill", "-HUP", str(pid))
    rack.wait_until_read_again("dhcp-hosts", log)
    assert told(rack.ask((CHOOSY, "UEFI x64"))[0])[::2] == ("10.77.0.13", "ipxe.efi")


ODD_NAMES = ("101", "4d", "ignore", "infinite", "0x1", "d", "12d4", "set", "2001-db8")


def test_a_machine_may_have_any_name(rack, boot_network):
    """As those that dnsmasq reads in a reservation as something else."""
    macs = [f"52:54:00:77:01:{number:02x}" for number, _ in enumerate(ODD_NAMES)]
    nodes = [
        read_node(name, {"flatcar_rack": "a", "flatcar_mac": mac, "flatcar_address": f"10.77.0.{number}"})[0]
        for number, (name, mac) in enumerate(zip(ODD_NAMES, macs, strict=True), 31)
    ]
    files = build_files(
        nodes, read_networks("boot", [boot_network()], FACTS), None, {name: {} for name in ODD_NAMES}, b"", lambda _: ()
    )
    _, log, _ = rack.serve(boot_network(), files=files)
    asked = [{"message": "REQUEST", "server": "10.77.0.1", "wanted": str(node.address)} for node in nodes]
    answers = rack.ask(*((mac, "plain", more) for mac, more in zip(macs, asked, strict=True)))
    assert [names(found) for found in answers] == [["ACK"]] * len(nodes)
    said = Path(log).read_text()
    for node, mac in zip(nodes, macs, strict=True):
        assert f"DHCPACK(lan0) {node.address} {mac} {node.name}\n" in said
    assert re.findall(r"sent size: +4 option: 51 lease-time +(\S+)", said) == ["1h"] * len(nodes)
    assert re.findall(r"option: 12 hostname +(\S+)", said) == list(ODD_NAMES)


def test_no_machine_gives_itself_a_name(rack, boot_network):
    """Nor does a NIC of a node's that has none in its reservation, whoever says that he has it."""
    second = "52:54:00:77:00:13"
    files = {"dnsmasq/dhcp-hosts": f"{KNOWN},id:*,10.77.0.11,n1\n{second},id:*,10.77.0.13\n", "dnsmasq/dns-hosts": ""}
    _, _, state = rack.serve(boot_network(quarantine="10.77.0.200-10.77.0.250"), files=files)
    asked = {"server": "10.77.0.1", "message": "REQUEST", "name": "vault"}
    ours = [(KNOWN, "10.77.0.11"), (second, "10.77.0.13"), (STRANGER, "10.77.0.200")]
    answers = rack.ask(*((mac, "BIOS", asked | {"wanted": address}) for mac, address in ours))
    assert [names(found) for found in answers] == [["ACK"]] * 3
    leases = [line.split() for line in (state / "leases").read_text().splitlines()]
    assert {(words[1], words[3]) for words in leases} == {(KNOWN, "n1"), (second, "*"), (STRANGER, "*")}


def test_a_machine_that_chose_another_server_is_left_to_it(rack, boot_network):
    rack.serve(boot_network())
    chosen = {"message": "REQUEST", "wanted": "10.77.0.11"}
    other, ours = rack.ask(
        (KNOWN, "plain", chosen | {"server": "10.77.0.9"}),
        (KNOWN, "plain", chosen | {"server": "10.77.0.1"}),
        expected=1,
    )
    assert (names(other), names(ours)) == ([], ["ACK"])


def test_a_lease_that_this_boot_host_never_gave_is_renewed_and_a_wrong_one_refused(rack, boot_network):
    rack.serve(boot_network())
    rebooting, renewing, wrong, strange = rack.ask(
        (CHOOSY, "plain", {"message": "REQUEST", "wanted": "10.77.0.12"}),
        (KNOWN, "plain", {"message": "REQUEST", "client": "10.77.0.11"}),
        (KNOWN, "plain", {"message": "REQUEST", "wanted": "10.77.0.99"}),
        (STRANGER, "plain", {"message": "REQUEST", "wanted": "10.77.0.99"}),
        expected=3,
    )
    assert (names(rebooting), names(renewing), names(wrong), names(strange)) == (["ACK"], ["ACK"], ["NAK"], [])


def test_strangers_in_quarantine_get_an_address_a_script_and_no_way_out(rack, boot_network):
    rack.serve(boot_network(quarantine="10.77.0.200-10.77.0.201", gateway="10.77.0.254"))
    stranger, ipxe, known = rack.ask((STRANGER, "UEFI x64"), (STRANGER, "UEFI x64", IPXE), (KNOWN, "BIOS"))
    assert stranger[0]["address"] in ("10.77.0.200", "10.77.0.201")
    assert (stranger[0]["router"], stranger[0]["dns"]) == ("None", "None")
    assert (stranger[0]["file"], ipxe[0]["file"]) == ("snponly.efi", SCRIPT)
    assert (known[0]["address"], known[0]["router"]) == ("10.77.0.11", "10.77.0.254")


@pytest.fixture
def site(rack):
    """Another DHCP server, which gives addresses to everybody and knows nothing of booting."""
    rack.room.host("site", "10.77.0.9/24")
    rack.room.dnsmasq("site", "--dhcp-range=10.77.0.100,10.77.0.150,255.255.255.0")


def test_beside_another_server_a_proxy_adds_what_to_boot(rack, site, boot_network):
    rack.serve(boot_network(mode="proxy"))
    kinds = [kind for kind in SUPPORTED if kind != "BIOS"] + list(REFUSED)
    answers = rack.ask(*((KNOWN, kind) for kind in kinds), expected=2 * len(kinds))
    for kind, found in zip(kinds, answers, strict=True):
        ours, other = sorted(found, key=lambda answer: answer["server"])
        assert (ours["address"], ours["file"]) == ("0.0.0.0", (SUPPORTED | REFUSED)[kind]), kind
        assert ours["vendor_class"] == ("HTTPClient" if "HTTP" in kind else "PXEClient"), kind
        assert other["address"].startswith("10.77.0.1") and not other["file"], kind
    # A BIOS reads the menu, and asks for its only line
    (bios, ipxe) = (
        [answer for answer in found if answer["server"] == "10.77.0.1"]
        for found in rack.ask((KNOWN, "BIOS"), (KNOWN, "BIOS", IPXE), expected=4)
    )
    assert bios[0]["menu"]
    assert ipxe[0]["file"] == SCRIPT


def test_the_boot_server_port_tells_known_machines_alone(rack, boot_network):
    rack.serve(boot_network(mode="proxy"))
    asked = {"boot_server": "10.77.0.1", "client": "10.77.0.11"}
    answers = rack.ask(
        (KNOWN, "BIOS", asked | {"item": "80000000"}),
        (KNOWN, "UEFI x64", asked),
        (KNOWN, "UEFI arm64", asked),
        (KNOWN, "UEFI x64", asked | IPXE),
        (STRANGER, "BIOS", asked | {"item": "80000000", "silent": True}),
        (STRANGER, "UEFI x64", asked | {"silent": True}),
    )
    assert [found[0]["file"] if found else None for found in answers] == [
        "undionly.kpxe", "snponly.efi", "ipxe-arm64.efi", SCRIPT, None, None,
    ]  # fmt: skip


def test_a_proxy_hijacks_nobody(rack, site, boot_network):
    rack.serve(boot_network(mode="proxy"))
    stranger, plain = rack.ask((STRANGER, "UEFI x64"), (KNOWN, "plain"))
    assert {answer["server"] for answer in (*stranger, *plain)} == {"10.77.0.9"}
    taken = {"message": "REQUEST", "server": "10.77.0.9", "wanted": stranger[0]["address"]}
    (confirmed,) = rack.ask((STRANGER, "UEFI x64", taken))
    assert [(answer["message"], answer["server"]) for answer in confirmed] == [("ACK", "10.77.0.9")]


def test_without_dhcp_of_ours_only_tftp_and_dns_answer(rack, boot_network):
    rack.serve(boot_network(mode="none"))
    asked = (KNOWN, "UEFI x64"), (KNOWN, "UEFI x64", IPXE), (KNOWN, "plain")
    assert rack.ask(*asked, expected=0) == [[], [], []]
    assert (rack.fetch(), rack.address_of("n1.rack.test")) == ("program", "10.77.0.11")


def test_dhcp_is_a_process_of_its_own_beside_tftp_and_dns(rack, boot_network):
    """Neither has a socket or an answer of the other's."""
    dhcp, _, state = rack.serve(boot_network())
    rack.room.stop(rack.tftp_and_dns)
    held = rack.room.run("ss", "-Hln4tu", host="boot").stdout.split()
    assert not [place for place in held if place.endswith((":53", ":69"))]
    assert told(rack.ask((KNOWN, "UEFI x64"))[0])[2] == "snponly.efi"
    rack.room.stop(dhcp)
    rack.start(state / "tftp.conf", "boot")
    rack.room.wait_for_port("boot", 69)
    assert (rack.fetch(), rack.address_of("n1.rack.test")) == ("program", "10.77.0.11")
    assert rack.ask((KNOWN, "UEFI x64"), expected=0, seconds=0.5) == [[]]


def test_names_come_from_the_inventory_however_leases_come_and_go(rack, boot_network):
    """DHCP's process enters no lease into DNS, and a reload of names needs nothing of DHCP's."""
    _, _, state = rack.serve(boot_network())
    rack.ask((KNOWN, "plain", {"message": "REQUEST", "server": "10.77.0.1", "wanted": "10.77.0.11"}))
    assert rack.address_of("n1.rack.test") == "10.77.0.11"
    (state / "dns-hosts").write_text("10.77.0.12 n2.rack.test n2\n")
    rack.room.run("kill", "-HUP", str(rack.tftp_and_dns))
    rack.wait_until_read_again("dns-hosts", rack.tftp_log)
    assert rack.address_of("n2.rack.test") == "10.77.0.12"


def test_an_authoritative_network_beside_a_proxied_one_is_as_without_it(rack, boot_network):
    second_network(rack, "boot", "10.78.0.1/24")
    rack.serve(boot_network(), boot_network(interface="lan1", subnet="10.78.0.0/24", racks=["b"], mode="proxy"))
    answers = rack.ask(*((KNOWN, kind) for kind in SUPPORTED))
    assert [told(found)[2] for found in answers] == list(SUPPORTED.values())
    assert not any(answer["menu"] for found in answers for answer in found)


def test_each_interface_serves_its_own_rack(rack, boot_network):
    rack.room.host("far")
    second_network(rack, "boot", "10.78.0.1/24", "far", "10.78.0.99/24")
    rack.serve(boot_network(), boot_network(interface="lan1", subnet="10.78.0.0/24", racks=["b"]))
    asked = (KNOWN, "UEFI x64"), (ELSEWHERE, "UEFI x64")
    near = rack.ask(*asked, expected=1)
    far = rack.ask(*asked, expected=1, host="far", interface="lan1")
    assert [told(found) for found in (*near, *far)] == [
        ("10.77.0.11", "10.77.0.1", "snponly.efi"),
        None,
        None,
        ("10.78.0.21", "10.78.0.1", "snponly.efi"),
    ]


def test_an_interface_that_no_rack_is_on_is_left_alone(rack, boot_network):
    second_network(rack, "boot", "10.78.0.1/24")
    second_network(rack, "boot", "10.79.0.1/24", "client", "10.79.0.11/24", nic="lan2")
    rack.serve(boot_network(), boot_network(interface="lan1", subnet="10.78.0.0/24", racks=["b"]))
    assert rack.ask((KNOWN, "UEFI x64"), (KNOWN, "plain"), expected=0, interface="lan2") == [[], []]
    held = rack.room.run("ss", "-Hln4tu", host="boot").stdout.split()
    assert {place for place in held if place.endswith((":53", ":69"))} == {
        *("10.77.0.1:53", "10.77.0.1:69"),
        *("10.78.0.1:53", "10.78.0.1:69"),
    }


def test_each_rack_is_told_its_own_netmask_router_servers_and_domain(rack, boot_network):
    second_network(rack, "boot", "10.78.0.1/22", "client", "10.78.0.99/22")
    second = {"interface": "lan1", "subnet": "10.78.0.0/22", "racks": ["b"], "domain": "b.test"}
    told_there = {"gateway": "10.78.3.254", "dns": ["10.78.0.5"], "ntp": ["10.78.0.6"]}
    rack.serve(boot_network(), boot_network(**second, **told_there))
    ((here,),) = rack.ask((KNOWN, "UEFI x64"))
    ((there,),) = rack.ask((ELSEWHERE, "UEFI x64"), interface="lan1")
    names = ("address", "netmask", "router", "dns", "ntp", "domain")
    assert [[found[name] for name in names] for found in (here, there)] == [
        ["10.77.0.11", "255.255.255.0", "None", "10.77.0.1", "None", "rack.test"],
        ["10.78.0.21", "255.255.252.0", "10.78.3.254", "10.78.0.5", "10.78.0.6", "b.test"],
    ]


def test_a_vlan_is_a_network_as_any(rack, boot_network):
    for host, address in (("boot", "10.79.0.1/24"), ("client", "10.79.0.99/24")):
        tagged = ("link", "add", "link", "lan0", "name", "lan0.5", "type", "vlan", "id", "5")
        made = rack.room.run("ip", "-n", host, *tagged, check=False)
        if made.returncode:
            pytest.skip(f"this kernel has no VLANs: {made.stderr}")
        rack.room.run("ip", "-n", host, "link", "set", "lan0.5", "up")
        rack.room.run("ip", "-n", host, "address", "add", address, "dev", "lan0.5")
    _, _, state = rack.serve(boot_network(interface="lan0.5", subnet="10.79.0.0/24"))
    (state / "dhcp-hosts").write_text(f"{KNOWN},id:*,10.79.0.11,n1\n")
    rack.room.run("sh", "-c", "kill -HUP $(pidof dnsmasq)")
    (tagged,) = rack.ask((KNOWN, "UEFI x64"), interface="lan0.5")
    (untagged,) = rack.ask((KNOWN, "UEFI x64"), expected=0)
    assert (told(tagged), untagged) == (("10.79.0.11", "10.79.0.1", "snponly.efi"), [])


@pytest.fixture
def behind(rack):
    """A rack behind a router, whose relay marks requests (option 82) and takes its mark off the answers."""
    rack.room.host("router", "10.77.0.254/24")
    rack.room.host("far")
    second_network(rack, "router", "10.78.0.254/24", "far", "10.78.0.99/24")
    rack.room.run("ip", "-n", "boot", "route", "add", "10.78.0.0/24", "via", "10.77.0.254")
    relay = ["dhcrelay", "-4", "-d", "--no-pid", "-a", "-m", "append", "-id", "lan1", "-iu", "lan0", "10.77.0.1"]
    rack.room.start(*relay, host="router")
    rack.room.wait_for_port("router", 67)


def test_a_relayed_rack_gets_its_own_addresses(rack, behind, boot_network):
    relayed = boot_network(subnet="10.78.0.0/24", racks=["b"], relay="10.78.0.254")
    rack.serve(boot_network(), relayed)
    far = rack.ask((ELSEWHERE, "UEFI x64"), (KNOWN, "UEFI x64"), expected=1, host="far", interface="lan1")
    assert [told(found) for found in far] == [("10.78.0.21", "10.77.0.1", "snponly.efi"), None]
    assert (far[0][0]["router"], far[0][0]["dns"]) == ("10.78.0.254", "10.77.0.1")
    chosen = {"message": "REQUEST", "server": far[0][0]["server"], "wanted": "10.78.0.21"}
    (confirmed,) = rack.ask((ELSEWHERE, "UEFI x64", chosen), host="far", interface="lan1")
    assert names(confirmed) == ["ACK"]
    assert told(rack.ask((KNOWN, "UEFI x64"))[0]) == ("10.77.0.11", "10.77.0.1", "snponly.efi")


def test_a_boot_host_may_serve_nothing_but_relayed_racks(rack, behind, boot_network):
    rack.serve(boot_network(subnet="10.78.0.0/24", racks=["b"], relay="10.78.0.254"))
    (far,) = rack.ask((ELSEWHERE, "UEFI x64 HTTP"), host="far", interface="lan1")
    assert told(far)[::2] == ("10.78.0.21", "http://10.77.0.1/programs/snponly.efi")
    assert rack.ask((KNOWN, "UEFI x64"), expected=0) == [[]]


@pytest.fixture
def pair(rack, boot_network, clock):
    """Two boot hosts for one rack, the second a standby: the process of the first, and the state of the second."""
    rack.room.host("spare", "10.77.0.2/24")
    first, _, _ = rack.serve(boot_network(address="10.77.0.1", peer="spare"))
    facts = {"lan0": {"device": "lan0", "ipv4": {"address": "10.77.0.2"}}}
    standby = boot_network(address="10.77.0.2", peer="boot", standby=True)
    second, _, state = rack.serve(standby, host="spare", facts=facts)
    return first, second, state


def test_a_standby_answers_later_and_neither_of_a_pair_refuses_what_the_other_gave(rack, pair):
    (offers,) = rack.ask((KNOWN, "UEFI x64"), expected=2)
    by_server = {offer["server"]: offer for offer in offers}
    assert {server: offer["address"] for server, offer in by_server.items()} == {
        "10.77.0.1": "10.77.0.11",
        "10.77.0.2": "10.77.0.11",
    }
    assert by_server["10.77.0.2"]["after"] > 0.9  # the delay begins when the question comes in
    chosen = {"message": "REQUEST", "wanted": "10.77.0.11"}
    for server in ("10.77.0.1", "10.77.0.2"):
        (answers,) = rack.ask((KNOWN, "UEFI x64", chosen | {"server": server}))
        assert [(answer["message"], answer["server"]) for answer in answers] == [("ACK", server)]


def test_a_machine_keeps_its_address_when_the_boot_host_that_gave_it_is_gone(rack, pair):
    chosen = {"message": "REQUEST", "server": "10.77.0.1", "wanted": "10.77.0.11"}
    rack.ask((KNOWN, "plain", chosen))
    rack.room.stop(pair[0])
    (rebound,) = rack.ask((KNOWN, "plain", {"message": "REQUEST", "client": "10.77.0.11"}))
    assert [(answer["message"], answer["server"]) for answer in rebound] == [("ACK", "10.77.0.2")]


def test_a_standby_alone_keeps_up_with_a_rack(rack, pair):
    """The delay counts from a question's arrival: it is waited for once, not by one machine after the other."""
    first, second, state = pair
    rack.room.stop(first)
    macs = [f"52:54:00:78:00:{last:02x}" for last in range(100)]
    (state / "dhcp-hosts").write_text("".join(f"{mac},id:*,10.77.0.{100 + n}\n" for n, mac in enumerate(macs)))
    rack.room.run("kill", "-HUP", str(second))
    answers = rack.ask(*((mac, "UEFI x64") for mac in macs))
    assert [told(found)[0] for found in answers] == [f"10.77.0.{100 + n}" for n in range(100)]
    assert max(found[0]["after"] for found in answers) < 50


@pytest.fixture
def foreign_words(boot_network):
    """What a site's own server is told of the network, by the server's name."""
    from ansible_collections.kindling.flatcar.plugins.plugin_utils._network.dhcp_options import SERVERS, wanted
    from ansible_collections.kindling.flatcar.plugins.plugin_utils._network.networks import read_networks
    from ansible_collections.kindling.flatcar.plugins.plugin_utils._node import read_node

    (network,) = read_networks("boot", [boot_network(mode="none", address="10.77.0.1")])
    place = {"flatcar_rack": "a", "flatcar_mac": KNOWN, "flatcar_address": "10.77.0.11"}
    programs = {"bios": "undionly.kpxe", "efi-x64": "snponly.efi", "efi-arm64": "ipxe-arm64.efi"}
    known = wanted(network, [read_node("n1", place)[0]], programs)
    return {name: write(known) for name, (write, _) in SERVERS.items()}


def unpacked(program):
    libraries = ":".join(map(str, UNPACKED.glob("**/*-linux-gnu")))
    return "env", f"LD_LIBRARY_PATH={libraries}", shutil.which(program, path=PATH)


def start_isc(room, words):
    (room.directory / "leases").touch()
    (room.directory / "dhcpd.conf").write_text(words)
    files = ["-cf", f"{room.directory}/dhcpd.conf", "-lf", f"{room.directory}/leases"]
    room.start(*unpacked("dhcpd"), "-4", "-f", "-d", "--no-pid", *files, "lan0", host="site")


def start_kea(room, words):
    plain = {
        "interfaces-config": {"interfaces": ["lan0"]},
        "lease-database": {"type": "memfile", "persist": False},
    }
    (room.directory / "kea.json").write_text(json.dumps({"Dhcp4": plain | json.loads(words)}))
    places = [f"{name}={room.directory}" for name in ("KEA_PIDFILE_DIR", "KEA_LOCKFILE_DIR")]
    room.start("env", *places, *unpacked("kea-dhcp4"), "-c", f"{room.directory}/kea.json", host="site")


def start_dnsmasq(room, words):
    (room.directory / "site.conf").write_text(words)
    room.dnsmasq("site", "--dhcp-range=10.77.0.0,static,255.255.255.0", f"--conf-file={room.directory}/site.conf")


@pytest.mark.parametrize(
    ("name", "program", "start"),
    [("isc", "dhcpd", start_isc), ("kea", "kea-dhcp4", start_kea), ("dnsmasq", "dnsmasq", start_dnsmasq)],
)
def test_an_existing_server_sends_machines_here_once_it_is_told(rack, foreign_words, name, program, start):
    if shutil.which(program, path=PATH) is None:
        pytest.skip(f"{program} is not there: `make unit` unpacks it")
    rack.room.host("site", "10.77.0.9/24")
    start(rack.room, foreign_words[name])
    rack.room.wait_for_port("site", 67)
    wanted = SUPPORTED | REFUSED
    answers = rack.ask(*((KNOWN, kind) for kind in wanted))
    assert [told(found)[2] for found in answers] == list(wanted.values())
    assert {told(found)[0] for found in answers} == {"10.77.0.11"}
    assert {told(found)[1] for (kind, found) in zip(wanted, answers, strict=True) if "HTTP" not in kind} == {
        "10.77.0.1"
    }
    assert {found[0]["vendor_class"] for kind, found in zip(wanted, answers, strict=True) if "HTTP" in kind} == {
        "HTTPClient"
    }
    ipxe = rack.ask(*((KNOWN, kind, IPXE) for kind in SUPPORTED))
    assert {told(found)[2] for found in ipxe} == {SCRIPT}
