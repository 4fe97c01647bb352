"""A boot host as the machines of its rack see it."""

import json
import re

import pytest

STRANGER = "52:54:00:77:00:99"

#: The addresses of a rack's machines.
RAM, DISK = "10.77.0.11", "10.77.0.12"

#: DHCP options as a client sends them: 93 is the firmware's architecture, 77 the user class (here "iPXE").
BIOS, UEFI, UEFI_BYTE_CODE, IPXE = "0x5d:0000", "0x5d:0007", "0x5d:0009", "0x4d:69505845"


@pytest.mark.parametrize(
    ("options", "program"),
    [
        ([BIOS], "undionly.kpxe"),
        ([UEFI], "snponly.efi"),
        ([UEFI_BYTE_CODE], "snponly.efi"),
        ([BIOS, IPXE], "http://10.77.0.1/boot.ipxe"),
        ([UEFI, IPXE], "http://10.77.0.1/boot.ipxe"),
    ],
)
def test_a_known_machine_is_told_its_address_and_what_to_boot(rack, options, program):
    answer = rack.dhcp(rack.ram, *options)
    assert (answer["ip"], answer["siaddr"], answer["bootfile"]) == ("10.77.0.11", "10.77.0.1", program)
    assert answer["dns"] == "10.77.0.1"
    assert "router" not in answer


def test_a_machine_keeps_its_address_whatever_client_id_it_sends(rack):
    assert {
        rack.dhcp(rack.ram, f"0x3d:{client_id}")["ip"] for client_id in ("ff00aabb", "0052540077", "01525400770011")
    } == {"10.77.0.11"}


def test_strangers_are_limited_and_machines_of_the_inventory_are_none(host, rack):
    with host.sudo():
        table = host.check_output("nft list table inet kindling_dhcp")
    known = table[table.index("set known") : table.index("set heard")]
    assert [mac for mac in (rack.ram, rack.disk, STRANGER) if f"0x{mac.replace(':', '')}" in known] == [
        rack.ram,
        rack.disk,
    ]


def test_a_stranger_gets_no_answer(rack):
    assert rack.dhcp(STRANGER, UEFI) is None


@pytest.mark.parametrize("program", ["undionly.kpxe", "snponly.efi"])
def test_tftp_serves_debians_boot_programs(host, rack, program):
    digest = host.check_output(f"sha256sum /usr/lib/ipxe/{program}").split()[0]
    served = rack.run(f"curl -s tftp://10.77.0.1/{program} | sha256sum").stdout.split()[0]
    assert served == digest


def script_of(mac):
    return f"/ipxe/{mac.replace(':', '-')}.ipxe"


@pytest.fixture(scope="session")
def config(rack):
    """The path of the config of the machine in RAM, as its script has it."""
    _, script = rack.http(script_of(rack.ram), RAM)
    return re.search(r" ignition\.config\.url=http://10\.77\.0\.1(/ignition/[\w-]{43}\.ign) ", script)[1]


def test_tftp_serves_the_program_that_starts_a_disk(rack):
    assert rack.run("curl -s tftp://10.77.0.1/localboot-x64.efi | head -c 2").stdout == "MZ"


def test_every_machine_gets_its_own_script(rack):
    status, script = rack.http("/boot.ipxe")
    assert (status, script.splitlines()[0]) == (200, "#!ipxe")
    assert "flatcar_production_pxe.vmlinuz" in rack.http(script_of(rack.ram), RAM)[1]
    assert "boots its own disk" in rack.http(script_of(rack.disk), DISK)[1]


@pytest.mark.parametrize(
    ("machine", "address", "said"),
    [
        ("ram", DISK, f"but has the address ${{netX/ip}} and not {RAM}"),
        ("ram", "10.77.0.99", f"but has the address ${{netX/ip}} and not {RAM}"),
        ("disk", RAM, f"but has the address ${{netX/ip}} and not {DISK}"),
        (None, RAM, "is not in the inventory"),
    ],
)
def test_a_script_is_for_the_machine_that_has_the_address(rack, machine, address, said):
    """Every other machine is sent to its own disk, and its console says why."""
    status, script = rack.http(script_of(getattr(rack, machine) if machine else STRANGER), address)
    assert status == 200
    assert said in script
    assert "kernel" not in script


def test_a_config_is_for_the_machine_that_has_the_address_and_knows_its_name(rack, config):
    status, text = rack.http(config, RAM)
    assert status == 200
    (hostname,) = [file for file in json.loads(text)["storage"]["files"] if file["path"] == "/etc/hostname"]
    assert hostname["contents"]["source"] == f"data:,{rack.name}-ram%0A"


@pytest.mark.parametrize("address", [DISK, "10.77.0.99", "10.77.0.254"])
def test_nobody_else_gets_it_even_by_its_name(rack, config, address):
    assert rack.http(config, address)[0] == 404


def test_nor_does_the_machine_itself_by_another_name(rack, config):
    token = config.removeprefix("/ignition/").removesuffix(".ign")
    wrong = token[:-1] + ("A" if token[-1] != "A" else "B")
    for path in (
        f"/ignition/{wrong}.ign",
        "/ignition/config.ign",
        f"/ignition/{token}/{RAM}.ign",
        f"/ignition/{token}",
    ):
        assert rack.http(path, RAM)[0] == 404


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/ignition/",
        "/ignition/10.77.0.11.ign",
        "/ignition/..%2fignition%2f10.77.0.11.ign",
        "/ipxe/..%2fignition/10.77.0.11.ign",
        "/ipxe/",
        "/images/",
        "/images/amd64-usr/",
        "/images/amd64-usr/9999.2.0/",
        "/images../fleet/current/web/ignition/10.77.0.11.ign",
        "/images/../ignition/10.77.0.11.ign",
        "/images.partial/lock",
        "/dnsmasq/dhcp-hosts",
    ],
)
def test_there_is_no_way_around(rack, path):
    assert rack.http(path, "10.77.0.11")[0] in (403, 404)


def test_a_release_is_served_as_it_was_verified(host, rack):
    _, text = rack.http("/images/amd64-usr/9999.2.0/version.txt")
    assert "FLATCAR_VERSION=9999.2.0" in text


def test_the_machines_have_names(rack):
    answer = rack.run(f"busybox nslookup {rack.name}-ram.rack.test 10.77.0.1").stdout
    assert "10.77.0.11" in answer.split("Name:")[1]


def test_a_machines_whole_way_is_in_the_journal(host, rack):
    rack.dhcp(rack.ram, UEFI)
    rack.http(script_of(rack.ram), RAM)
    with host.sudo():
        journal = host.check_output("journalctl --no-pager -o cat -u 'kindling-*'")
    assert f"DHCPACK(lan0) 10.77.0.11 {rack.ram}" in journal
    assert f'"GET {script_of(rack.ram)} HTTP/1.1" 200' in journal


def test_and_in_the_records_which_name_it_and_the_stranger(host, rack):
    rack.dhcp(rack.ram, UEFI)
    rack.http(script_of(rack.ram), RAM)
    rack.dhcp(STRANGER, UEFI)
    with host.sudo():
        for _ in range(2):  # the second one knows that dnsmasq says no more of the last packet
            host.check_output("systemctl start kindling-records.service")
        state = json.loads(host.file("/var/lib/kindling/records/state.json").content_string)
    boot = state["boots"][rack.ram]
    assert boot["name"] == f"{rack.name}-ram"
    events = {(event["hop"], event["what"], event.get("file")) for event in boot["events"]}
    assert ("http", "GET", script_of(rack.ram)) in events
    assert {what for hop, what, _ in events if hop == "dhcp"} >= {"discover", "offer"}
    assert STRANGER in state["strangers"]["once"] | state["strangers"]["returned"]


def test_the_journal_has_no_tokens(host, rack, config):
    rack.http(config, RAM)
    with host.sudo():
        journal = host.check_output("journalctl --no-pager -o cat -u 'kindling-*'")
    assert '"GET /ignition/(token).ign HTTP/1.1" 200' in journal
    assert config.removeprefix("/ignition/").removesuffix(".ign") not in journal
