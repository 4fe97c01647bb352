"""What is written for systemd-networkd, read by the real one: it says which lines it does not understand."""

from __future__ import annotations

import os
import pathlib
import shutil
import subprocess

import pytest
from ansible_collections.kindling.flatcar.plugins.plugin_utils._install.installer import ASKS_BY_MAC
from ansible_collections.kindling.flatcar.plugins.plugin_utils._node import read_node, to_butane

NETWORKD = pathlib.Path("/lib/systemd/systemd-networkd")
MACS = [f"52:54:00:00:00:0{number}" for number in range(1, 10)]

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or not NETWORKD.exists() or not shutil.which("unshare"),
    reason="needs systemd-networkd, and root for a network and a /run of its own",
)

INTERFACES = [
    {"name": "a", "mac": MACS[0], "dhcp": "both", "mtu": 9000, "domains": ["a.test", "~b.test", "~."]},
    {
        "name": "b",
        "mac": MACS[1],
        "addresses": ["10.2.0.11/24", "2001:db8::11/64"],
        "gateway": ["10.2.0.254", "fe80::1"],
        "dns": ["10.2.0.1", "2001:db8::53"],
        "accept_ra": False,
    },
    {
        "name": "c",
        "mac": MACS[2],
        "addresses": ["192.0.2.7/32"],
        "gateway": {"address": "10.0.0.1", "on_link": True},
        "routes": [
            {"to": "10.20.0.0/16", "via": "10.0.0.2", "on_link": True, "metric": 50},
            {"to": "198.51.100.0/24"},
            {"to": "::/0", "via": "fe80::2"},
        ],
    },
    {"name": "d", "mac": MACS[3]},
    {"name": "e", "mac": MACS[4]},
    {"name": "bond0", "bond": {"members": ["d", "e"], "lacp_rate": "fast", "hash": "layer3+4"}, "dhcp": "ipv6"},
    {"name": "v", "vlan": {"id": 30, "link": "bond0"}},
    {"name": "br0", "bridge": {"members": ["v"]}, "dhcp": True, "routes": [{"to": "10.9.0.0/16", "via": "10.8.0.1"}]},
]

#: In a /run of its own; it says "Enumeration completed" once it has read all files.
SCRIPT = f"""
mount -t tmpfs none /run
mkdir -p /run/systemd
cp -r "$1" /run/systemd/network
chmod -R a+rX /run/systemd/network
exec {NETWORKD}
"""


def files_of(**variables):
    place = {"flatcar_rack": "a", "flatcar_mac": MACS[0], "flatcar_address": "10.1.0.11"}
    node, problems = read_node("n1", place | variables)
    assert problems == []
    entries = to_butane(node)["storage"]["files"]
    below = "/etc/systemd/network/"
    return {
        entry["path"].removeprefix(below): entry["contents"]["inline"]
        for entry in entries
        if entry["path"].startswith(below)
    }


def said_of(folder: pathlib.Path) -> list[str]:
    """All that it says of the files."""
    command = ["unshare", "--net", "--mount", "sh", "-euc", SCRIPT, "sh", folder]
    environment = {"SYSTEMD_LOG_LEVEL": "debug", "SYSTEMD_LOG_TARGET": "console", "PATH": os.environ["PATH"]}
    lines = []
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment) as process:
        try:
            for line in process.stderr:
                lines.append(line)
                if "Enumeration completed" in line:
                    break
            else:
                pytest.skip(f"systemd-networkd does not run here: {lines[-1:]}")
        finally:
            process.kill()
    return [line.strip() for line in lines if "/network/" in line and "Registering" not in line]


def laid(folder, files):
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def test_the_real_one_understands_every_line(tmp_path):
    files = files_of(flatcar_interfaces=INTERFACES)
    assert len(files) == len(INTERFACES) + 3
    assert said_of(laid(tmp_path, files)) == []


def test_the_real_one_reads_what_an_installation_lays_over_flatcars_file_for_all_nics(tmp_path):
    """Flatcar's own file of that name matches every NIC that no other file is for."""
    path, text = ASKS_BY_MAC
    name = path.removeprefix("/etc/systemd/network/")
    default = {"zz-default.network": "[Match]\nName=*\n[Network]\nDHCP=yes\n"}
    assert said_of(laid(tmp_path / "right", default | {name: text})) == []
    (said,) = said_of(laid(tmp_path / "wrong", default | {name: text.replace("mac", "nobody")}))
    assert f"{name}:2: Failed to parse client identifier type" in said


def test_it_would_tell_one_that_it_does_not(tmp_path):
    (said,) = said_of(laid(tmp_path, {"10-a.network": "[Match]\nName=a\n[Network]\nDHPC=yes\n"}))
    assert "Unknown key" in said
