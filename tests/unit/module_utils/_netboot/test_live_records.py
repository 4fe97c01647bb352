"""What the roles' own dnsmasq and nginx log of machines, in records."""

from __future__ import annotations

import pytest
from ansible_collections.kindling.flatcar.plugins.module_utils._records import records
from boot_host import ADDRESS, MACHINES, TOKEN, BootHost
from test_live_probe import probe

pytestmark = pytest.mark.slow

MAC, ITS_ADDRESS = MACHINES["ram"]


@pytest.fixture
def boot_host(room):
    room.host("tester", "10.9.0.250/24")
    room.host("machine")
    return BootHost(room)


def log_of(boot_host):
    """As the journal tells it; the files have no times, so all of dnsmasq's is told first."""
    said = [("dnsmasq", line) for line in boot_host.log.read_text().splitlines()]
    said += [("tftp", line) for line in boot_host.tftp_log.read_text().splitlines()]
    said += [("web", line) for line in (boot_host.directory / "access.log").read_text().splitlines()]
    return [
        records.Entry(f"c{number}", 1e9 + number / 100, f"kindling-{unit}.service", line)
        for number, (unit, line) in enumerate(said)
    ]


def test_a_machines_boot_and_a_strangers_visit(boot_host, room, tmp_path):
    probe(room, "ram", codes=(7,))
    room.run("ip", "-n", "machine", "address", "add", f"{ITS_ADDRESS}/24", "dev", "lan0")
    from_it = ("curl", "--silent", "--globoff", "--max-time", "20", "--interface", ITS_ADDRESS)
    agent = 'x" 200 1 "\x1b[2J'
    room.run(*from_it, "--user-agent", agent, f"http://{ADDRESS}/%1b[2J/{TOKEN}?x", host="machine")
    room.run(*from_it, f"tftp://{ADDRESS}/nothing%0a.x", host="machine", check=False)
    machines = records.read_machines((boot_host.directory / "dnsmasq/dhcp-hosts").read_text())
    place = tmp_path / "records"
    place.mkdir()
    entries = log_of(boot_host)
    for seen in (entries, entries[-1:]):
        records.take(place, lambda _, seen=seen: seen, machines, 4)
    found = records.recorded(place)
    events = [event for boot in found["boots"][MAC] for event in boot["events"]]
    dhcp = [event for event in events if event["hop"] == "dhcp"]
    asked = {event["vendor"]: event for event in dhcp if event["what"] == "discover" and event["who"] == "firmware"}
    assert "efi-x64" in asked["PXEClient:Arch:00007:UNDI:003016"]["tags"].split(", ")
    answers = {
        (event["who"], event["what"], event["address"], event.get("file")) for event in dhcp if "address" in event
    }
    assert ("firmware", "offer", ITS_ADDRESS, "snponly.efi") in answers
    assert ("ipxe", "offer", ITS_ADDRESS, f"http://{ADDRESS}/boot.ipxe") in answers
    assert any(event["hop"] == "tftp" and event["what"] == "sent" for event in events)
    paths = {event["file"]: event["status"] for event in events if event["hop"] == "http"}
    assert paths["/ignition/(token).ign"] == 200
    assert paths["/boot.ipxe"] == 200
    assert paths["(encoded)"] == 404
    assert any(event["hop"] == "tftp" and event["what"] == "not found" for event in events)
    # The probe asks as somebody whom nobody knows, too
    assert found["strangers"]
    kept = (place / records.STATE).read_text()
    assert TOKEN not in kept
    assert "\x1b" not in kept
