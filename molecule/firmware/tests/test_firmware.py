"""Real firmware finds its machine's script: by HTTP boot, behind a relay, beside another DHCP server, on arm64."""

import json
from pathlib import Path

import pytest
import yaml

HOSTS = yaml.safe_load(Path(__file__).parents[1].joinpath("hosts.yml").read_text())
NODES = HOSTS["flatcar_nodes"]["hosts"]
NETWORKS = HOSTS["boot_hosts"]["hosts"]["boot-fw12"]["kindling_networks"]


@pytest.fixture
def boot(lab):
    """Follows a machine to its own script; what the boot host said of it on the way."""

    def run(rack, name, kind, *options):
        node = NODES[name]
        done = lab("firmware", rack, kind, node["flatcar_mac"], node["flatcar_address"], *options)
        assert done.stdout, done.stderr
        told = json.loads(done.stdout)
        print(f"{name}: {told['seconds']} s")
        assert told["found"], json.dumps(told, indent=1)
        return told["said"]

    return run


FW12, FW13 = (pytest.mark.parametrize("rack", [rack]) for rack in ("fw12", "fw13"))


def saw(said, text):
    return any(text in line for line in said)


@pytest.mark.parametrize(
    ("rack", "name", "kind", "options", "program"),
    [
        ("fw12", "http-12", "uefi-http", [], "GET /programs/snponly.efi "),
        ("fw12", "drivers-12", "uefi", [], "/ipxe.efi to 10.77.0.22"),
        ("fw12", "far-12", "uefi", ["--switch", "br1"], "/snponly.efi to 10.78.0.23"),
        ("fw13", "uefi-13", "uefi", [], "/snponly.efi to 10.77.0.32"),
        ("fw13", "http-13", "uefi-http", [], "GET /programs/snponly.efi "),
        ("fw13", "arm64-13", "arm64", [], "/ipxe-arm64.efi to 10.77.0.34"),
    ],
)
def test_firmware_starts_its_program_and_is_led_to_the_machines_script(boot, rack, name, kind, options, program):
    said = boot(rack, name, kind, *options)
    assert saw(said, program)
    assert saw(said, "GET /boot.ipxe ")


@FW13
def test_a_bios_beside_another_server_is_led_there_too(boot, rack):
    """QEMU's BIOS has an iPXE of its own, which needs no program."""
    assert saw(boot(rack, "bios-13", "bios"), "GET /boot.ipxe ")


@FW13
def test_the_proxy_gave_nobody_an_address(lab, rack):
    said = lab("ssh", rack, "sudo journalctl --no-pager -o cat -u kindling-dnsmasq").stdout
    assert "PXE(lan0) " in said
    assert "DHCPOFFER(lan0) 10." not in said


@pytest.fixture
def answered(lab):
    """Tells whether a machine gets an address by DHCP on the rack's network."""

    def ask(rack, mac):
        script = f"""
            trap 'ip link delete client' EXIT
            ip link add client address {mac} type veth peer name port
            ip link set port master br0 up
            ip link set client up
            udhcpc -f -q -n -t 3 -T 1 -i client -s /bin/true
        """
        return lab("exec", rack, "--", "sh", "-ec", script).returncode == 0

    return ask


@pytest.fixture
def publish(play, state, tmp_path):
    """Publishes to boot-fw12 with another first network, and with other boot hosts beside it."""

    def run(first, **others):
        networks = {"boot-fw12": [first, *NETWORKS[1:]], **others}
        changed = tmp_path / "changed.yml"
        hosts = {name: {"kindling_networks": own} for name, own in networks.items()}
        changed.write_text(yaml.safe_dump({"boot_hosts": {"hosts": hosts}}))
        limit = ("--limit", "localhost,boot-fw12")
        play("playbooks/site.yml", "-i", changed, *limit, "-e", f"lab_dir={state}")

    return run


@pytest.fixture
def state_of(lab):
    """What systemd says of a unit on boot-fw12."""
    return lambda unit: lab("ssh", "fw12", f"systemctl is-active {unit}").stdout.strip()


@FW12
def test_a_standby_of_a_pair_has_the_kernel_note_when_packets_come_in(rack, answered, publish, state_of):
    first = NETWORKS[0] | {"address": "10.77.0.2", "peer": "boot-fw12"}
    assert state_of("kindling-dnsmasq.socket") == "inactive"
    standby = NETWORKS[0] | {"address": "10.77.0.1", "peer": "boot-first", "standby": True}
    publish(standby, **{"boot-first": [first]})
    assert state_of("kindling-dnsmasq.socket") == "active"
    assert state_of("kindling-dnsmasq.service") == "active"
    assert answered(rack, NODES["http-12"]["flatcar_mac"])


@FW12
def test_a_changed_network_leaves_no_range_no_lease_and_no_standby_behind(rack, answered, lab, publish, state_of):
    """The last test of this rack: it is without DHCP afterwards."""
    mac = NODES["http-12"]["flatcar_mac"]
    assert answered(rack, mac)
    publish(NETWORKS[0] | {"mode": "none"})
    assert not answered(rack, mac)
    leases = lab("ssh", rack, "sudo cat /run/kindling-dnsmasq/leases")
    assert "10.77.0." not in leases.stdout
    assert state_of("kindling-dnsmasq.socket") == "inactive"
