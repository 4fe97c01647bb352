"""Real firmware finds its machine's script: by HTTP boot, behind a relay, beside another DHCP server, on arm64."""

import json
from pathlib import Path

import pytest
import yaml

HOSTS = yaml.safe_load(Path(__file__).parents[1].joinpath("hosts.yml").read_text())
NODES = HOSTS["flatcar_nodes"]["hosts"]


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


def test_a_bios_beside_another_server_is_led_there_too(boot):
    """QEMU's BIOS has an iPXE of its own, which needs no program."""
    assert saw(boot("fw13", "bios-13", "bios"), "GET /boot.ipxe ")


def test_the_proxy_gave_nobody_an_address(lab):
    said = lab("ssh", "fw13", "sudo journalctl --no-pager -o cat -u kindling-dnsmasq").stdout
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


def test_a_changed_network_leaves_no_range_and_no_lease_behind(answered, lab, play, state, tmp_path):
    """The last test of this file: the rack is without DHCP afterwards."""
    mac = NODES["http-12"]["flatcar_mac"]
    assert answered("fw12", mac)
    networks = HOSTS["boot_hosts"]["hosts"]["boot-fw12"]["kindling_networks"]
    networks[0]["mode"] = "none"
    changed = tmp_path / "changed.yml"
    changed.write_text(yaml.safe_dump({"boot_hosts": {"hosts": {"boot-fw12": {"kindling_networks": networks}}}}))
    limit = ("--limit", "localhost,boot-fw12")
    play("playbooks/site.yml", "-i", changed, *limit, "-e", f"lab_dir={state}")
    assert not answered("fw12", mac)
    leases = lab("ssh", "fw12", "sudo cat /run/kindling-dnsmasq/leases")
    assert "10.77.0." not in leases.stdout
