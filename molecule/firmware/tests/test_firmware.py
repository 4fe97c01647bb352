"""Real firmware finds its machine's script: by HTTP boot, behind a relay, beside another DHCP server, on arm64."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

PROJECT = Path(__file__).parents[3]
LAB = PROJECT / "tests" / "lab" / "lab.py"
INVENTORY = Path(__file__).parents[1] / "hosts.yml"
NODES = yaml.safe_load(INVENTORY.read_text())["flatcar_nodes"]["hosts"]


def boot(rack, name, kind, *options):
    """What the boot host said of the machine on its way to its own script."""
    node = NODES[name]
    command = [sys.executable, str(LAB), "firmware", rack, kind, node["flatcar_mac"], node["flatcar_address"], *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stdout, done.stderr
    told = json.loads(done.stdout)
    print(f"{name}: {told['seconds']} s")
    assert told["found"], json.dumps(told, indent=1)
    return told["said"]


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
def test_firmware_starts_its_program_and_is_led_to_the_machines_script(rack, name, kind, options, program):
    said = boot(rack, name, kind, *options)
    assert saw(said, program)
    assert saw(said, "GET /boot.ipxe ")


def test_a_bios_beside_another_server_is_led_there_too():
    """QEMU's BIOS has an iPXE of its own, which needs no program."""
    assert saw(boot("fw13", "bios-13", "bios"), "GET /boot.ipxe ")


def test_the_proxy_gave_nobody_an_address():
    journal = [sys.executable, str(LAB), "ssh", "fw13", "sudo journalctl --no-pager -o cat -u kindling-dnsmasq"]
    said = subprocess.run(journal, capture_output=True, text=True, check=True).stdout
    assert "PXE(lan0) " in said
    assert "DHCPOFFER(lan0) 10." not in said


def answered(rack, mac):
    """Whether a machine gets an address by DHCP on the rack's network."""
    script = f"""
        trap 'ip link delete client' EXIT
        ip link add client address {mac} type veth peer name port
        ip link set port master br0 up
        ip link set client up
        udhcpc -f -q -n -t 3 -T 1 -i client -s /bin/true
    """
    asked = [sys.executable, str(LAB), "exec", rack, "--", "sh", "-ec", script]
    return subprocess.run(asked, capture_output=True, check=False).returncode == 0


def test_a_changed_network_leaves_no_range_and_no_lease_behind(tmp_path):
    """The last test of this file: the rack is without DHCP afterwards."""
    mac = NODES["http-12"]["flatcar_mac"]
    assert answered("fw12", mac)
    networks = yaml.safe_load(INVENTORY.read_text())["boot_hosts"]["hosts"]["boot-fw12"]["kindling_networks"]
    networks[0]["mode"] = "none"
    changed = tmp_path / "changed.yml"
    changed.write_text(yaml.safe_dump({"boot_hosts": {"hosts": {"boot-fw12": {"kindling_networks": networks}}}}))
    limit = ["--limit", "localhost,boot-fw12", "-e", f"lab_dir={PROJECT / '.cache' / 'lab'}"]
    done = subprocess.run(
        ["ansible-playbook", "-i", str(INVENTORY), "-i", str(changed), *limit, str(PROJECT / "playbooks" / "site.yml")],
        capture_output=True,
        text=True,
        env={**os.environ, "ANSIBLE_CONFIG": str(PROJECT / "ansible.cfg"), "ANSIBLE_NOCOLOR": "1"},
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert not answered("fw12", mac)
    leases = [sys.executable, str(LAB), "ssh", "fw12", "sudo cat /run/kindling-dnsmasq/leases"]
    assert "10.77.0." not in subprocess.run(leases, capture_output=True, text=True, check=False).stdout
