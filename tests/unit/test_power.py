"""The role that switches machines on, against a service processor that the test plays."""

from __future__ import annotations

import base64
import http.server
import json
import os
import pathlib
import socket
import ssl
import subprocess
import sys
import threading

import pytest

pytestmark = pytest.mark.slow

ROOT = pathlib.Path(__file__).parents[2]
SYSTEM = "/redfish/v1/Systems/1"
PASSWORD = "correct horse"  # noqa: S105 - of nothing


class Processor:
    """Speaks as much Redfish as the role asks for, over TLS; it sees that the machine is off one question late."""

    def __init__(self, folder, on):
        self.on, self.late, self.did, self.boot = on, 0, [], "None"
        certificate, key = folder / "tls.pem", folder / "tls.key"
        command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=bmc", "-days", "2"]
        subprocess.run([*command, "-keyout", str(key), "-out", str(certificate)], check=True, capture_output=True)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
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
            return {"Members": [{"@odata.id": SYSTEM}]}
        seen_on = self.on or self.late > 0
        self.late = max(0, self.late - 1)
        reset = {"target": f"{SYSTEM}/Actions/ComputerSystem.Reset"}
        reset["ResetType@Redfish.AllowableValues"] = ["On", "ForceOff", "ForceRestart"]
        return {
            "Id": "1",
            "PowerState": "On" if seen_on else "Off",
            "Boot": {"BootSourceOverrideTarget": self.boot, "BootSourceOverrideEnabled": "Disabled"},
            "Actions": {"#ComputerSystem.Reset": reset},
        }

    def reset(self, kind):
        self.did.append(kind)
        self.late = 1 if kind == "ForceOff" else 0
        self.on = kind != "ForceOff"

    def close(self):
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def processor(tmp_path):
    started = []

    def start(on):
        started.append(Processor(tmp_path, on))
        return started[-1]

    yield start
    for one in started:
        one.close()


@pytest.fixture
def switch_on(tmp_path):
    def run(bmc, **options):
        role = {"include_role": {"name": "kindling.flatcar.power"}, "vars": {"power_bmc": bmc, **options}}
        play = {"hosts": "n1", "gather_facts": False, "tasks": [role]}
        (tmp_path / "play.yml").write_text(json.dumps([play]))
        return subprocess.run(
            [sys.executable, "-m", "ansible", "playbook", "-i", "n1,", "-vvv", str(tmp_path / "play.yml")],
            capture_output=True,
            text=True,
            cwd=ROOT,
            env={**os.environ, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "ANSIBLE_NOCOLOR": "1"},
            check=False,
        )

    return run


def said(done):
    """All that it printed, its lines not broken."""
    return " ".join(done.stdout.split())


def redfish(port, **more):
    bmc = {"type": "redfish", "address": "127.0.0.1", "port": port, "user": "admin", "password": PASSWORD}
    return bmc | {"verify_tls": False} | more


@pytest.mark.parametrize(("on", "did"), [(True, ["ForceOff", "On"]), (False, ["On"])])
def test_a_machine_boots_from_the_network_once(processor, switch_on, on, did):
    one = processor(on)
    done = switch_on(redfish(one.port))
    assert done.returncode == 0, done.stdout + done.stderr
    assert one.did == ["Once Pxe", *did]
    assert one.on
    assert PASSWORD not in done.stdout + done.stderr


def test_a_machine_starts_as_its_firmware_is_set(processor, switch_on):
    one = processor(True)
    assert switch_on(redfish(one.port, system="1"), power_network_boot=False).returncode == 0
    assert one.did == ["ForceOff", "On"]


@pytest.mark.parametrize(
    ("more", "message"),
    [({"verify_tls": True}, "certificate"), ({"password": f"{PASSWORD}!"}, "401"), ({"system": "2"}, "2 not found")],
)
def test_a_refusal_is_told_with_its_reason_and_without_the_password(processor, switch_on, more, message):
    one = processor(True)
    done = switch_on(redfish(one.port, **more))
    assert done.returncode == 2
    assert "n1: its flatcar_bmc (redfish) did not do it: " in said(done)
    assert message in said(done).rpartition("did not do it: ")[2]
    assert PASSWORD not in done.stdout + done.stderr
    assert one.did == []


def test_a_machine_without_a_service_processor_is_named(switch_on):
    done = switch_on({})
    assert done.returncode == 0
    assert "n1: switch it off and on by hand, and have it boot from the network (it has no flatcar_bmc)" in said(done)


def test_a_machine_is_woken(switch_on):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as nic:
        nic.bind(("127.0.0.1", 0))
        nic.settimeout(5)
        bmc = {"type": "wol", "address": "127.0.0.1", "port": nic.getsockname()[1]}
        assert switch_on(bmc, power_macs=["52:54:00:00:00:01"]).returncode == 0
        assert nic.recv(1000)[:102] == b"\xff" * 6 + bytes.fromhex("525400000001") * 16
