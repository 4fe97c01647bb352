"""The role that switches machines on, against service processors that the test plays."""

from __future__ import annotations

import base64
import http.server
import json
import os
import pathlib
import re
import socket
import ssl
import subprocess
import sys
import threading

import pytest
import yaml

pytestmark = pytest.mark.slow

ROOT = pathlib.Path(__file__).parents[4]
SYSTEM = "/redfish/v1/Systems/1"
PASSWORD = "correct horse"  # noqa: S105 - of nothing


class Processor:
    """Speaks as much Redfish as the role asks for, over TLS; it sees that the machine is off one question late."""

    def __init__(self, certificate, on, boots_from=None, systems=("1",)):
        self.on, self.late, self.did, self.boot = on, 0, [], "None"
        self.boots_from, self.systems = boots_from, systems
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*certificate)
        processor = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def answer(self, status, data):
                body = json.dumps(data).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def known(self):
                given = self.headers.get("Authorization", "").removeprefix("Basic ")
                if base64.b64decode(given) == f"admin:{PASSWORD}".encode():
                    return True
                self.answer(401, {"error": {"message": "who are you"}})
                return False

            def do_GET(self):
                if self.path.rstrip("/") == "/redfish/v1":
                    self.answer(200, {"Systems": {"@odata.id": "/redfish/v1/Systems"}, "Vendor": "Test"})
                elif self.known():
                    self.answer(200, processor.tell(self.path.rstrip("/")))

            def do_PATCH(self):
                if self.known():
                    boot = self.read()["Boot"]
                    processor.boot = boot["BootSourceOverrideTarget"]
                    processor.did.append(f"{boot['BootSourceOverrideEnabled']} {processor.boot}")
                    self.answer(200, {})

            def do_POST(self):
                if self.known():
                    processor.reset(self.read()["ResetType"])
                    self.answer(200, {})

            def read(self):
                return json.loads(self.rfile.read(int(self.headers["Content-Length"])))

            def log_message(self, *_):
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def tell(self, path):
        if path == "/redfish/v1/Systems":
            return {"Members": [{"@odata.id": f"{path}/{system}"} for system in self.systems]}
        seen_on = self.on or self.late > 0
        self.late = max(0, self.late - 1)
        reset = {"target": f"{SYSTEM}/Actions/ComputerSystem.Reset"}
        reset["ResetType@Redfish.AllowableValues"] = ["On", "ForceOff", "ForceRestart"]
        return {
            "Id": path.rpartition("/")[2],
            "PowerState": "On" if seen_on else "Off",
            "Boot": {"BootSourceOverrideTarget": self.boot, "BootSourceOverrideEnabled": "Disabled"}
            | ({"BootSourceOverrideTarget@Redfish.AllowableValues": self.boots_from} if self.boots_from else {}),
            "Actions": {"#ComputerSystem.Reset": reset},
        }

    def reset(self, kind):
        self.did.append(kind)
        self.late = 1 if kind == "ForceOff" else 0
        self.on = kind != "ForceOff"

    def close(self):
        self._server.shutdown()
        self._server.server_close()


def redfish(processor, **more):
    bmc = {"type": "redfish", "address": "127.0.0.1", "port": processor.port, "user": "admin", "password": PASSWORD}
    return {"power_bmc": bmc | {"verify_tls": False} | more}


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tls")
    files = folder / "tls.pem", folder / "tls.key"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=bmc", "-days", "2"]
    subprocess.run([*command, "-out", files[0], "-keyout", files[1]], check=True, capture_output=True)
    return files


class Room:
    """Machines of all kinds, which one run of the role switches on."""

    def __init__(self, folder, certificate, nic):
        self.processors = {
            name: Processor(certificate, on=name != "halted")
            for name in ("running", "halted", "as-set", "untrusted", "unknown-user", "elsewhere")
        }
        self.processors |= {
            "by-http": Processor(certificate, on=False, boots_from=["None", "Hdd", "UefiHttp"]),
            "by-pxe": Processor(certificate, on=False, boots_from=["UefiHttp", "Pxe"]),
            "by-disk": Processor(certificate, on=False, boots_from=["Hdd", "Cd"]),
            "blades": Processor(certificate, on=False, systems=("1", "blade-2")),
        }
        of = {name: redfish(processor) for name, processor in self.processors.items()}
        of["as-set"] = redfish(self.processors["as-set"], system="1") | {"power_network_boot": False}
        of["untrusted"] = redfish(self.processors["untrusted"], verify_tls=True)
        of["unknown-user"] = redfish(self.processors["unknown-user"], password=f"{PASSWORD}!")
        of["elsewhere"] = redfish(self.processors["elsewhere"], system="2")
        of["bare"] = {"power_bmc": {}}
        waken = {"type": "wol", "address": "127.0.0.1", "port": nic.getsockname()[1]}
        of["asleep"] = {"power_bmc": waken, "power_macs": ["52:54:00:00:00:01"]}
        (folder / "hosts.json").write_text(json.dumps({"all": {"hosts": of}}))
        play = {"hosts": "all", "gather_facts": False, "tasks": [{"include_role": {"name": "kindling.flatcar.power"}}]}
        (folder / "play.yml").write_text(json.dumps([play]))
        done = subprocess.run(
            [sys.executable, "-m", "ansible", "playbook", "-i", folder / "hosts.json", "-vvv", folder / "play.yml"],
            capture_output=True,
            text=True,
            cwd=ROOT,
            env={**os.environ, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "ANSIBLE_NOCOLOR": "1"},
            check=False,
        )
        self.output = done.stdout + done.stderr
        self.said = " ".join(done.stdout.split())  # lines not broken

    def has_failed(self, name):
        (failed,) = re.findall(rf"^{name} +: .* failed=(\d)", self.output, re.MULTILINE)
        return failed == "1"

    def close(self):
        for processor in self.processors.values():
            processor.close()


@pytest.fixture(scope="module")
def nic():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asleep:
        asleep.bind(("127.0.0.1", 0))
        asleep.settimeout(60)
        yield asleep


@pytest.fixture(scope="module")
def room(tmp_path_factory, certificate, nic):
    made = Room(tmp_path_factory.mktemp("room"), certificate, nic)
    yield made
    made.close()


@pytest.mark.parametrize(("name", "did"), [("running", ["ForceOff", "On"]), ("halted", ["On"])])
def test_a_machine_boots_from_the_network_once(room, name, did):
    assert not room.has_failed(name), room.output
    assert room.processors[name].did == ["Once Pxe", *did]
    assert room.processors[name].on


@pytest.mark.parametrize(("name", "device"), [("by-http", "UefiHttp"), ("by-pxe", "Pxe")])
def test_a_machine_that_knows_http_boot_alone_boots_by_it(room, name, device):
    assert not room.has_failed(name), room.output
    assert room.processors[name].did == [f"Once {device}", "On"]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("by-disk", "it can be set to boot from Hdd, Cd, but not from the network"),
        ("blades", "it has several systems: set system in flatcar_bmc to the one that is this machine, of 1, blade-2"),
    ],
)
def test_what_a_service_processor_has_is_named(room, name, message):
    assert room.has_failed(name), room.output
    assert message in room.said.partition(f"{name}: its flatcar_bmc (redfish) failed: ")[2]
    assert room.processors[name].did == []


def test_a_machine_starts_as_its_firmware_is_set(room):
    assert not room.has_failed("as-set"), room.output
    assert room.processors["as-set"].did == ["ForceOff", "On"]


@pytest.mark.parametrize(
    ("name", "message"),
    [("untrusted", "certificate"), ("unknown-user", "401"), ("elsewhere", "2 not found (its systems are 1)")],
)
def test_a_refusal_is_told_with_its_reason(room, name, message):
    assert room.has_failed(name), room.output
    reason = room.said.partition(f"{name}: its flatcar_bmc (redfish) failed: ")[2]
    assert message in reason.partition(") failed: ")[0]
    assert room.processors[name].did == []


def test_ipmi_is_given_its_key_and_asked_for_uefi():
    """Nobody plays a service processor that speaks it."""
    boot, power = yaml.safe_load((ROOT / "roles/power/tasks/ipmi.yml").read_text())
    for options in (boot["community.general.ipmi_boot"], power["community.general.ipmi_power"]):
        assert options["key"] == "{{ __power.key | default(omit, true) }}"
    assert boot["community.general.ipmi_boot"]["uefiboot"] == "{{ __power.uefi | default(false, true) }}"


def test_no_password_is_told(room):
    assert room.has_failed("unknown-user")
    assert PASSWORD not in room.output


def test_a_machine_without_a_service_processor_is_named(room):
    assert not room.has_failed("bare"), room.output
    by_hand = "bare: switch it off and on by hand, and have it boot from the network (it has no flatcar_bmc)"
    assert by_hand in room.said


def test_a_machine_is_woken(room, nic):
    assert not room.has_failed("asleep"), room.output
    assert nic.recv(1000)[:102] == b"\xff" * 6 + bytes.fromhex("525400000001") * 16
