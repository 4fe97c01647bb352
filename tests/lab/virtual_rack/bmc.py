"""The machines' service processors: sushy-tools' Redfish emulator, in front of the rack's machines; and Wake-on-LAN.

One process serves all machines of a rack, each as a system with the machine's name, at the management network's first
address. What a request switches is the machine's plug, so that it is off within a moment, whatever runs on it.
"""

from __future__ import annotations

import importlib.util
import ipaddress
import socket
import ssl
import sys
from pathlib import Path

from . import network, paths, power, processes, rack
from .system import LabError, require_programs, require_root, run, say, wait_until, write_file

HOST = str(next(rack.SUBNET.hosts()))
USER, PASSWORD = "operator", "virtual-rack"  # of emulated machines on an emulated network
FIRST_PORT = 8400

MAGIC = b"\xff" * 6
EVERY_PROTOCOL = 3


def port(address: str) -> int:
    """The port of a rack's emulator: racks that are up at once have different management addresses."""
    return FIRST_PORT + int(ipaddress.IPv4Address(address)) % 256


def start(rack_name: str) -> None:
    """Start the rack's service processors, unless they run."""
    require_root()
    require_programs("openssl")
    address = rack.require_up(rack_name)
    power.machines(rack_name)
    if importlib.util.find_spec("sushy_tools") is None:
        raise LabError(f"sushy-tools is not installed for {sys.executable}: run this by the Python of `make setup`")
    state = paths.rack_state(rack_name)
    make_certificate(state)
    program = [sys.executable, str(paths.LAB / "lab.py")]
    if processes.running(state, "bmc") is None:
        processes.start(state, "bmc", [*program, "bmc", rack_name, "--serve", "redfish"])
    if processes.running(state, "wake") is None:
        processes.start(state, "wake", network.inside(rack_name, *program, "bmc", rack_name, "--serve", "wake"))

    def answers() -> bool:
        for name in ("bmc", "wake"):
            if processes.running(state, name) is None:
                raise LabError(
                    f"the rack's {name} ended: {(state / f'{name}.log').read_text(errors='replace').strip()}"
                )
        with socket.socket() as tried:
            return tried.connect_ex((HOST, port(address))) == 0

    wait_until(answers, "the service processors to listen", 30)
    say(
        f"rack {rack_name}: Redfish of its machines at https://{HOST}:{port(address)}, user {USER}, password {PASSWORD}"
    )


def make_certificate(state: Path) -> None:
    """A certificate of the emulator's own, as service processors have them."""
    if not (state / "bmc.crt").exists():
        run(
            "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "3650",
            "-subj", "/CN=service processors", "-addext", f"subjectAltName=IP:{HOST}",
            "-keyout", state / "bmc.key", "-out", state / "bmc.crt",
        )  # fmt: skip


def serve(rack_name: str, what: str) -> None:
    """Be one of the processes; does not return."""
    if what == "wake":
        listen_for_magic_packets(rack_name)
    else:
        serve_redfish(rack_name)


def serve_redfish(rack_name: str) -> None:
    """The Redfish emulator."""
    import bcrypt  # only this process has it
    from sushy_tools.emulator import main as emulator

    from .redfish import Plugs

    state = paths.rack_state(rack_name)
    hashed = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(rounds=4)).decode()
    write_file(state / "bmc.users", f"{USER}:{hashed}\n", 0o600)
    plugs = Plugs(rack_name)
    emulator.Application.systems = property(lambda _self: plugs)
    emulator.app.configure(extra_config={"SUSHY_EMULATOR_AUTH_FILE": str(state / "bmc.users")})
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(state / "bmc.crt", state / "bmc.key")
    emulator.app.run(host=HOST, port=port(rack.settings(rack_name)[1]), ssl_context=context, threaded=True)


def listen_for_magic_packets(rack_name: str) -> None:
    """Switch a machine on when somebody sends its magic packet to the rack's switch."""
    heard = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(EVERY_PROTOCOL))
    heard.bind((network.BRIDGE, 0))
    while True:
        if (mac := magic_mac(heard.recv(2048))) is not None:
            for name, each in power.machines(rack_name).items():
                if mac in each.node.all_nics:
                    print(f"magic packet for {name}", flush=True)
                    power.switch(rack_name, "on", [name])


def magic_mac(frame: bytes) -> str | None:
    """The MAC address that a magic packet, somewhere in a frame, wakes."""
    place = frame.find(MAGIC, 6)  # past the frame's own destination, which may be the broadcast address
    while place != -1:
        mac = frame[place + 6 : place + 12]
        if len(mac) == 6 and frame[place + 6 : place + 6 + 16 * 6] == mac * 16:
            return mac.hex(":")
        place = frame.find(MAGIC, place + 1)
    return None
