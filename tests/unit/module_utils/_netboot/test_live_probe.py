"""The acceptance run against a real boot host, as the roles configure one: from another host on the rack's switch."""

from __future__ import annotations

import time

import pytest
from ansible_collections.kindling.flatcar.plugins.module_utils._ipxe import ipxe
from ansible_collections.kindling.flatcar.plugins.plugin_utils._output.probe_report import as_text, masked, verdict
from boot_host import ADDRESS, INITRD, KERNEL, MACHINES, PROGRAMS, TOKEN, BootHost

pytestmark = pytest.mark.slow


@pytest.fixture
def boot_host(room):
    room.host("tester", "10.9.0.250/24")
    return BootHost(room)


def probe(room, *names, codes=(0, 7, 9), host="tester", seconds=5, **changes):
    nodes = [{"name": name, "mac": MACHINES[name][0], "address": MACHINES[name][1], "codes": codes} for name in names]
    wanted = {"boot_host": "boot", "subnet": "10.9.0.0/24", "nodes": nodes} | changes
    result = room.module("network_probe", host, networks=[wanted], seconds=seconds)
    assert "networks" in result, result
    (network,) = result["networks"]
    return network


def by_code(network):
    return {row["code"]: row for row in network["rows"]}


@pytest.fixture(scope="module")
def healthy(shared_room):
    """A boot host that is as it should be, and what a probe of two of its machines finds: one in RAM, one with its disk."""
    shared_room.host("tester", "10.9.0.250/24")
    boot_host = BootHost(shared_room)
    boot_host.found = probe(shared_room, "ram", "disk")
    return boot_host


def rows_of(network, name):
    return {row["code"]: row for row in network["rows"] if row["node"] == name}


def test_every_kind_of_firmware_and_every_url_behind_it(healthy):
    rows = rows_of(healthy.found, "ram")
    for code, program in ((0, "undionly.kpxe"), (7, "snponly.efi"), (9, "snponly.efi")):
        row = rows[code]
        assert verdict(row) == "ok", row
        assert (row["address"], row["program"]) == (MACHINES["ram"][1], f"tftp://{ADDRESS}/{program}")
        assert row["size"] == PROGRAMS[program]
        assert row["end"] == f"starts {ipxe.KERNEL}, Ignition 3.4.0"
        sizes = {step["url"].rpartition("/")[2]: step["size"] for step in row["steps"]}
        assert (sizes[ipxe.KERNEL], sizes[ipxe.INITRD]) == (KERNEL, INITRD)
    assert {verdict(rows[code]) for code in (6, 11, 15, 19)} == {"not needed"}
    assert (healthy.found["interface"], healthy.found["stranger"]["address"]) == ("lan0", "")


def test_nothing_is_left_behind(healthy):
    assert healthy.leases() == []
    assert f"DHCPACK(lan0) {MACHINES['ram'][1]}" in healthy.log.read_text()


def test_a_machine_that_boots_its_disk(healthy):
    row = rows_of(healthy.found, "disk")[7]
    assert (row["end"], verdict(row)) == ("its own disk", "ok")


def test_the_table(healthy):
    text = as_text(masked([healthy.found]))
    assert "ram   UEFI x64 [7]" in text
    assert "/ignition/(token).ign" in text
    assert TOKEN not in text
    assert "A machine that is not in the inventory gets no answer." in text


def test_a_machine_that_is_on_is_left_alone(room, boot_host):
    mac, address = MACHINES["ram"]
    room.host("running")
    room.run("ip", "-n", "running", "link", "set", "lan0", "address", mac)
    room.run("ip", "-n", "running", "address", "add", f"{address}/24", "dev", "lan0")
    row = by_code(probe(room, "ram"))[7]
    assert (row["address"], row["followed"]) == (address, False)
    assert verdict(row) == "ok as far as seen: the machine is on: its URLs were left alone"
    assert "DHCPREQUEST" not in boot_host.log.read_text()
    # The switch still knows where that machine is
    assert f"{mac} dev running" in room.run("bridge", "fdb", "show", "br", "br0").stdout


def test_another_machine_at_its_address_is_a_failure(room, boot_host):
    room.host("thief", f"{MACHINES['ram'][1]}/24")
    assert "which is another machine" in verdict(by_code(probe(room, "ram"))[7])


def test_what_is_missing_is_told_with_its_url(room, boot_host):
    (boot_host.images / "amd64-usr/1.0.0" / ipxe.INITRD).unlink()
    row = by_code(probe(room, "ram"))[0]
    assert f"/images/amd64-usr/1.0.0/{ipxe.INITRD}: the server answers 404" in verdict(row)
    assert row["end"] == "its own disk"


@pytest.mark.parametrize(
    ("path", "content", "says"),
    [
        (f"web/ignition/{TOKEN}/10.9.0.11.ign", None, "Ignition config: the server answers 404"),
        (f"web/ignition/{TOKEN}/10.9.0.11.ign", "<html>", "what is served as its Ignition config is not one"),
        ("tftp/snponly.efi", None, "tftp://10.9.0.1/snponly.efi: the TFTP server says"),
        ("web/boot.ipxe", None, "http://10.9.0.1/boot.ipxe: the server answers 404"),
        ("web/boot.ipxe", "#!ipxe\nfly\n", "the script uses 'fly', which this probe does not know"),
    ],
)
def test_what_is_wrong_is_found(room, boot_host, path, content, says):
    if content is None:
        (boot_host.directory / path).unlink()
    else:
        (boot_host.directory / path).write_text(content)
    assert says in verdict(by_code(probe(room, "ram"))[7])


@pytest.fixture
def beside_another(room):
    """A boot host that is a proxy, and the site's server, which gives the addresses."""
    room.host("tester", "10.9.0.250/24")
    room.host("site", "10.9.0.2/24")
    reserved = [f"--dhcp-host={mac},{address}" for mac, address in MACHINES.values()]
    room.dnsmasq("site", "--dhcp-range=10.9.0.0,static", *reserved)
    return BootHost(room, mode="proxy")


def test_a_proxy_beside_the_sites_server(room, beside_another):
    network = probe(room, "ram", codes=(0, 7, 9, 16))
    for row in network["rows"]:
        if row["needed"]:
            assert verdict(row) == "ok", row
            assert (row["address"], row["server"]) == (MACHINES["ram"][1], "10.9.0.2")
            assert row["end"] == f"starts {ipxe.KERNEL}, Ignition 3.4.0"


def test_a_stranger_in_quarantine(room):
    room.host("tester", "10.9.0.250/24")
    BootHost(room, quarantine="10.9.0.200-10.9.0.209")
    # dnsmasq looks for three seconds whether anybody has the address already
    network = probe(room, "ram", codes=(0, 7, 9, 16), seconds=20)
    assert network["stranger"]["address"].startswith("10.9.0.20")
    assert {verdict(row) for row in network["rows"] if row["needed"]} == {"ok"}


def test_nobody_answers(room, boot_host):
    room.stop(boot_host.dnsmasq)
    assert verdict(by_code(probe(room, "ram"))[7]) == "FAILED: no server offers it an address"


def test_another_address_than_its_own(room, boot_host):
    room.stop(boot_host.dnsmasq)
    room.host("site", "10.9.0.2/24")
    room.dnsmasq("site", "--dhcp-range=10.9.0.100,10.9.0.199,1h", "--dhcp-boot=x,,10.9.0.2")
    assert "instead of its own address 10.9.0.11" in verdict(by_code(probe(room, "ram"))[7])


def test_a_host_elsewhere_sees_nothing(room, boot_host):
    room.host("elsewhere", "10.8.0.250/24")
    network = probe(room, "ram", host="elsewhere")
    assert (network["interface"], network["rows"]) == ("", [])


def test_a_killed_run_leaves_nothing(room, boot_host):
    """The web server's processes stand still, so that the run is sure to be in the machine's place when it is killed."""
    nginx = room.run(
        "sh", "-c", f"echo {boot_host.nginx} $(cat /proc/{boot_host.nginx}/task/*/children)"
    ).stdout.split()
    room.run("kill", "-STOP", *nginx)
    nodes = [{"name": "ram", "mac": MACHINES["ram"][0], "address": MACHINES["ram"][1], "codes": [7]}]
    wanted = {"boot_host": "boot", "subnet": "10.9.0.0/24", "nodes": nodes}
    pid, _ = room.start_module("network_probe", "tester", networks=[wanted], seconds=30)
    wait_for(lambda: "DHCPACK(lan0) 10.9.0.11" in boot_host.log.read_text())
    (machine,) = room.run("cat", f"/proc/{pid}/task/{pid}/children").stdout.split()
    assert "kindling0" in room.run("cat", f"/proc/{machine}/net/dev").stdout
    room.run("kill", "-KILL", str(pid))
    wait_for(lambda: room.run("test", "-e", f"/proc/{machine}", check=False).returncode != 0)
    room.run("kill", "-CONT", *nginx)  # else its workers do not see that their master ends


def wait_for(condition):
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)
