"""One of a pair of boot hosts is switched off while its rack boots: every machine still boots, by the other one."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from boot_host import BootHost
from repetition import repetitions

pytestmark = pytest.mark.slow

MACHINES = Path(__file__).with_name("machines.py")
FIRST, SPARE = "10.9.0.1", "10.9.0.2"

#: Where machines are when it happens, and how often one has to start anew: where nothing of ours runs on it yet that could ask
#: another boot host, its firmware does so; and Ignition knows one URL.
STAGES = {
    "switched on": 0,
    "offered an address": 1,
    "has an address": 1,
    "has iPXE": 0,
    "iPXE has an address": 1,
    "has its script": 0,
    "has its kernel": 0,
    "has its release": 1,
    "has its config": 0,
}
OF_EACH = repetitions(3, 8)


@pytest.fixture
def rack():
    names = [f"{stage} {number}" for stage in STAGES for number in range(OF_EACH)]
    return {name: (f"52:54:00:0a:00:{n:02x}", f"10.9.0.{n}") for n, name in enumerate(names, 30)}


@pytest.fixture
def pair(room, rack, clock):
    """Both boot hosts, each with its own tokens, as its own key makes them."""

    class OneOfPair(BootHost):
        def __init__(self, *, other, token, **more):
            self.other, self.token = other, token
            super().__init__(room, peer="other", **more)

        def publish(self):
            super().publish()
            for name, (mac, address) in rack.items():
                self.have_in_ram(name, mac, address, self.token, f"http://{self.other}/boot.ipxe")
            self.reserve({name.replace(" ", "-"): ends for name, ends in rack.items()})

    return (
        OneOfPair(name="boot", address=FIRST, other=SPARE, token="F" * 43),
        OneOfPair(name="spare", address=SPARE, other=FIRST, token="S" * 43, standby=True),
    )


def test_all_machines_boot_though_a_boot_host_is_switched_off_while_they_do(room, rack, pair):
    room.host("clients", *(f"{address}/24" for _, address in rack.values()))
    given = {name: str(room.directory / name) for name in ("halted", "go", "result")}
    machines = [
        {"name": name, "mac": mac, "address": address, "halt": name.rpartition(" ")[0]}
        for name, (mac, address) in rack.items()
    ]
    asked = room.directory / "machines.json"
    asked.write_text(json.dumps({**given, "machines": machines}))
    _, log = room.start("env", f"PYTHONPATH={room.path}", sys.executable, str(MACHINES), str(asked), host="clients")
    room.wait_for_file(given["halted"])
    # The plug is pulled: nobody is told
    room.run("ip", "link", "set", "boot", "down")
    Path(given["go"]).touch()
    room.wait_for_file(given["result"])
    outcomes = json.loads(Path(given["result"]).read_text())
    assert outcomes.keys() == rack.keys(), log.read_text()
    for name, outcome in outcomes.items():
        stage = name.rpartition(" ")[0]
        config = outcome["config"]
        assert config and config["name"] == name, f"{name}: {outcome}"
        assert config["from"].startswith(f"http://{FIRST if stage == 'has its config' else SPARE}/"), name
        assert outcome["starts"] == 1 + STAGES[stage], f"{name}: {outcome}"
