#!/usr/bin/env python3
"""A storm: a thousand machines are switched on at once, and one boot host answers them all.

The boot host is dnsmasq and nginx with the configurations that the roles write for so many nodes, in a network namespace. The
machines are emulated in another one, each with its own MAC address and its own IP address: as UEFI firmware they ask for an
address, fetch iPXE by TFTP, as iPXE they ask again, and fetch first script, own script and Ignition config. They are as patient
as the real ones: firmware asks again after 4, 8, 16 and 32 seconds, iPXE after 1, 2, 4 and 8. All are switched on within a
second, as one order to their management controllers does it.

Then the image: bytes per second of one download at a time, from the same nginx and from one as Debian configures it, in turns.

Limits are those of the project's issue: everybody through within 60 s, nobody refused. The image shall come at least 0.9 times as
fast as from the other nginx. With --standby the boot host is the one of a pair that answers later, and its peer is off;
this machine's kernel should then have net.core.rmem_default=8388608, as the role has it on a standby, and a time daemon.

With --busy, so many processes compute on the boot host all the while. dnsmasq and nginx then have the priorities that their units
give them, for which root has to run this.

    python3 tests/bench/storm.py [--machines N] [--spread S] [--busy N] [--size BYTES] [--rounds N] [--standby]
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import pathlib
import random
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import time

from memory import family

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests/unit/module_utils/_netboot"))

SUBNET, CLIENTS = "10.9.0.0/20", "clients"
SECONDS_LIMIT, RATIO_LIMIT = 60.0, 0.9
FIRMWARE_WAITS, IPXE_WAITS, TFTP_WAITS = (4, 8, 16, 32), (1, 2, 4, 8), (1, 2, 4, 4, 4)
BLOCK = 1468

DEBIANS_NGINX = """
worker_processes auto;
error_log stderr;
events { worker_connections 768; }
http {
  sendfile on;
  tcp_nopush on;
  types_hash_max_size 2048;
  default_type application/octet-stream;
  access_log {log};
  gzip on;
  # Debian's own places lie in /var/lib, which is an empty one here
  client_body_temp_path {scratch}/body;
  proxy_temp_path {scratch}/proxy;
  fastcgi_temp_path {scratch}/fastcgi;
  uwsgi_temp_path {scratch}/uwsgi;
  scgi_temp_path {scratch}/scgi;
  server { listen 10.9.0.1:8080; root {root}; }
}
"""


class RefusedError(Exception):
    """A machine was refused, or lost patience."""


class Storm:
    """All machines. ``waits`` counts how often one had to ask again."""

    def __init__(self, machines: dict[str, tuple[str, str]], token: str, spread: float) -> None:
        from ansible_collections.kindling.flatcar.plugins.module_utils._netboot import firmware, packet, wire

        self._packet, self._firmware = packet, firmware
        self._machines, self._token, self._spread = machines, token, spread
        self._wire = wire.Wire("lan0", wire.own_mac("lan0"))
        self._waiting: dict[tuple[int, int], asyncio.Future] = {}
        self.repeats = 0

    async def run(self) -> dict:
        asyncio.get_running_loop().add_reader(self._wire, self._hear)
        begun = time.monotonic()
        outcomes = await asyncio.gather(*(self._boot(name) for name in self._machines))
        total = time.monotonic() - begun
        seconds = [outcome for outcome in outcomes if isinstance(outcome, float)]
        refused = [outcome for outcome in outcomes if isinstance(outcome, str)]
        return {"seconds": seconds, "refused": refused, "repeats": self.repeats, "total": total}

    async def _boot(self, name: str) -> float | str:
        mac, address = self._machines[name]
        await asyncio.sleep(random.uniform(0, self._spread))
        begun = time.monotonic()
        kind = next(one for one in self._firmware.FIRMWARES if one.code == 7)
        try:
            offer = await self._dhcp(kind, mac, address, FIRMWARE_WAITS)
            await self._tftp(address, offer.boot_file)
            first = (await self._dhcp(kind.as_ipxe(), mac, address, IPXE_WAITS)).boot_file
            await self._get(address, "/" + first.rpartition("/")[2])
            await self._get(address, f"/ipxe/{mac.replace(':', '-')}.ipxe")
            await self._config(name, address)
        except (RefusedError, OSError) as error:
            return f"{name}: {error}"
        return time.monotonic() - begun

    async def _config(self, name: str, address: str) -> None:
        config = json.loads(await self._get(address, f"/ignition/{self._token}.ign"))
        if config["name"] != name:
            raise RefusedError(f"was given the config of {config['name']}")

    def _hear(self) -> None:
        for answer in self._wire.heard():
            waiting = self._waiting.pop((answer.packet.xid, answer.packet.message), None)
            if waiting is not None and not waiting.done():
                waiting.set_result(answer.packet)

    async def _dhcp(self, kind, mac: str, address: str, waits: tuple[int, ...]):
        raw = self._packet.mac_bytes(mac)
        xid = int.from_bytes(os.urandom(4), "big")
        message = self._packet.Message
        offer = await self._ask(self._firmware.discover(kind, raw, xid), (message.OFFER,), waits)
        lease = await self._ask(self._firmware.request(kind, raw, offer), (message.ACK, message.NAK), waits)
        if lease.message == message.NAK or str(lease.yours) != address:
            raise RefusedError(f"DHCP says {message(lease.message).name}, and {lease.yours}")
        return lease

    async def _ask(self, question, messages: tuple[int, ...], waits: tuple[int, ...]):
        for number, wait in enumerate(waits):
            self.repeats += number > 0
            waiting = asyncio.get_running_loop().create_future()
            self._waiting |= {(question.xid, message): waiting for message in messages}
            self._wire.send(question)
            with contextlib.suppress(TimeoutError):
                # RFC 2131: a second more or less, so that those who were lost together do not come together again
                return await asyncio.wait_for(waiting, wait + random.uniform(-1, 1) / 2)
        raise RefusedError("no answer by DHCP")

    async def _tftp(self, address: str, name: str) -> None:
        transfer = Transfer(name)
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(lambda: transfer, local_addr=(address, 0))
        with contextlib.closing(transport):
            for number, wait in enumerate(TFTP_WAITS):
                self.repeats += number > 0
                transfer.ask()
                # Once it has begun, it is awaited as long as it goes on
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(asyncio.shield(transfer.begun), wait)
                    break
            else:
                raise RefusedError("no answer by TFTP")
            await asyncio.wait_for(transfer.done, SECONDS_LIMIT)

    async def _get(self, address: str, path: str) -> bytes:
        reader, writer = await asyncio.open_connection("10.9.0.1", 80, local_addr=(address, 0))
        with contextlib.closing(writer):
            writer.write(f"GET {path} HTTP/1.0\r\n\r\n".encode())
            head, _, body = (await reader.read()).partition(b"\r\n\r\n")
        if b" 200 " not in head.partition(b"\r\n")[0]:
            raise RefusedError(f"{path}: {head[:40]!r}")
        return body


class Transfer(asyncio.DatagramProtocol):
    """One boot program by TFTP, as firmware fetches it."""

    def __init__(self, name: str) -> None:
        loop = asyncio.get_running_loop()
        self.begun, self.done = loop.create_future(), loop.create_future()
        words = (name.encode(), b"octet", b"blksize", str(BLOCK).encode(), b"tsize", b"0")
        self._question = b"\0\1" + b"\0".join(words) + b"\0"
        self._next = 1

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:
        self._transport = transport

    def ask(self) -> None:
        self._transport.sendto(self._question, ("10.9.0.1", 69))

    def datagram_received(self, data: bytes, sender: tuple[str, int]) -> None:
        kind = data[1]
        if not self.begun.done():
            self.begun.set_result(None)
        if self.done.done():
            return
        if kind == 6:
            self._transport.sendto(b"\0\4\0\0", sender)
        elif kind == 3:
            self._transport.sendto(b"\0\4" + data[2:4], sender)
            if int.from_bytes(data[2:4], "big") == self._next:
                self._next += 1
                if len(data) < BLOCK + 4:
                    self.done.set_result(None)
        else:
            self.done.set_exception(RefusedError(f"TFTP says {data[4:40]!r}"))


def machines_of(number: int) -> dict[str, tuple[str, str]]:
    """Names with MAC addresses and addresses."""
    found = {}
    for index in range(number):
        high, low = divmod(index + 256, 250)
        found[f"n{index:04}"] = (f"52:54:01:00:{high:02x}:{low:02x}", f"10.9.{high}.{low + 2}")
    return found


def prepare(machines: dict[str, tuple[str, str]], size: int, directory: pathlib.Path, **network):
    """The room with the boot host and the clients' host; files for every machine, and a large image."""
    from boot_host import TOKEN, BootHost
    from room import Room

    class Large(BootHost):
        def publish(self) -> None:
            super().publish()
            self.put(self.tftp / "snponly.efi", os.urandom(230_000))
            self.reserve(machines)
            for name, (mac, address) in machines.items():
                self.have_in_ram(name, mac, address, padding="x" * 20_000)
            with (self.images / "amd64-usr/1.0.0/large").open("wb") as image:
                for _ in range(size >> 20):
                    image.write(bytes(1 << 20))

    room = Room(directory)
    room.host(CLIENTS)
    batch = directory / "addresses"
    lines = [f"address add {address}/20 dev lan0\n" for _, address in machines.values()]
    batch.write_text("".join(lines))
    room.run("ip", "-batch", batch, host=CLIENTS)
    host = Large(room, SUBNET, **network)
    return room, host, TOKEN


def storm(room, machines: dict, token: str, spread: float, collections: pathlib.Path) -> dict:
    """Runs this file again where the machines are."""
    given = room.directory / "storm.json"
    given.write_text(json.dumps({"machines": machines, "token": token, "spread": spread}))
    path = os.pathsep.join([str(collections), *sys.path])
    done = room.run("env", f"PYTHONPATH={path}", sys.executable, __file__, "--inside", given, host=CLIENTS)
    return json.loads(done.stdout)


def inside(given: pathlib.Path) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    told = json.loads(given.read_text())
    machines = {name: tuple(ends) for name, ends in told["machines"].items()}

    async def run() -> dict:
        return await Storm(machines, told["token"], told["spread"]).run()

    print(json.dumps(asyncio.run(run())))


@contextlib.contextmanager
def scratch():
    """A directory with this checkout in `collections`, as Ansible and Python find it."""
    from ansible.plugins.loader import init_plugin_loader

    with tempfile.TemporaryDirectory(prefix="bench-storm-") as name:
        directory = pathlib.Path(name)
        namespace = directory / "collections/ansible_collections/kindling"
        namespace.mkdir(parents=True)
        (namespace / "flatcar").symlink_to(ROOT, target_is_directory=True)
        init_plugin_loader([str(directory / "collections")])
        yield directory


def prefer(host) -> None:
    """What systemd does before it starts the two services: here afterwards, and for the workers that nginx has by then."""
    for pid, role, unit in ((host.dnsmasq, "dnsmasq", "kindling-dnsmasq"), (host.nginx, "web", "kindling-web")):
        text = (ROOT / "roles" / role / "templates" / f"{unit}.service.j2").read_text()
        (nice,) = re.findall(r"^Nice=(-?\d+)$", text, re.MULTILINE) or ["0"]
        for process in family(pid):
            os.setpriority(os.PRIO_PROCESS, process, int(nice))


@contextlib.contextmanager
def busy(processes: int):
    """The boot host has something else to do, too."""
    started = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(processes)]
    try:
        yield
    finally:
        for process in started:
            process.kill()
            process.wait()


def download(room, url: str, size: int) -> float:
    """Bytes per second of one download."""
    done = room.run("curl", "-sSf", "-o", "/dev/null", "-w", "%{size_download} %{time_total}", url, host=CLIENTS)
    came, seconds = done.stdout.split()
    if int(came) != size:
        sys.exit(f"{url}: {came} of {size} bytes came")
    return size / float(seconds)


def image(room, host, size: int, rounds: int) -> tuple[float, float]:
    """Our nginx and Debian's, in turns, each first in every other round: the median of each."""
    scratch = room.directory / "plain"
    room.run("mkdir", scratch)
    given = {"{log}": room.directory / "plain.log", "{root}": host.images, "{scratch}": scratch}
    config = DEBIANS_NGINX
    for word, path in given.items():
        config = config.replace(word, str(path))
    host.put(room.directory / "plain.conf", config)
    room.start(
        *("/usr/sbin/nginx", "-c", room.directory / "plain.conf", "-g", "daemon off; pid /run/plain.pid;"), host="boot"
    )
    room.wait_for_port("boot", 8080, "t")
    ours, plain = [], []
    sides = [
        (ours, "http://10.9.0.1/images/amd64-usr/1.0.0/large"),
        (plain, "http://10.9.0.1:8080/amd64-usr/1.0.0/large"),
    ]
    for number in range(rounds):
        for measured, url in sides if number % 2 else reversed(sides):
            measured.append(download(room, url, size))
    return statistics.median(ours), statistics.median(plain)


def report(outcome: dict, wanted: int, ours: float, plain: float) -> bool:
    seconds, refused = sorted(outcome["seconds"]), outcome["refused"]
    print(f"load of the machine now: {os.getloadavg()[0]:.1f}")
    print(f"{'':36}{'measured':>10}{'limit':>8}")
    rows = [
        ("machines through", len(seconds), wanted, "", len(seconds) == wanted),
        ("refused", len(refused), 0, "", not refused),
        ("all through after", outcome["total"], SECONDS_LIMIT, "s", outcome["total"] <= SECONDS_LIMIT),
    ]
    if len(seconds) > 1:
        cuts = statistics.quantiles(seconds, n=100)
        rows += [(f"{share} % of the machines within", cuts[share - 1], None, "s", None) for share in (50, 90, 99)]
    rows += [
        ("questions asked again", outcome["repeats"], None, "", None),
        ("image, our nginx", ours / 1e6, None, "MB/s", None),
        ("image, nginx as Debian has it", plain / 1e6, None, "MB/s", None),
        ("ratio", ours / plain, RATIO_LIMIT, "", ours / plain >= RATIO_LIMIT),
    ]
    for name, value, limit, unit, fine in rows:
        shown = f"{value:.2f}" if isinstance(value, float) else str(value)
        verdict = "" if fine is None else "ok" if fine else "NOT MET"
        print(f"{name:36}{shown:>10}{'' if limit is None else limit:>8} {unit:5}{verdict}")
    for line in refused[:10]:
        print(f"  {line}")
    return all(fine is not False for *_, fine in rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--machines", type=int, default=1000)
    parser.add_argument("--spread", type=float, default=1.0, help="seconds within which all are switched on")
    parser.add_argument("--busy", type=int, default=0, help="processes that compute on the boot host meanwhile")
    parser.add_argument("--size", type=int, default=512 << 20, help="bytes of the image")
    parser.add_argument("--rounds", type=int, default=20, help="downloads of the image from each side")
    parser.add_argument("--standby", action="store_true", help="the boot host is the standby of one that is off")
    parser.add_argument("--inside", type=pathlib.Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.inside:
        inside(options.inside)
        return
    with scratch() as directory:
        machines = machines_of(options.machines)
        pair = {"peer": "one that is off", "standby": True} if options.standby else {}
        room, host, token = prepare(machines, options.size, directory, **pair)
        try:
            if options.busy:
                prefer(host)
            with busy(options.busy):
                outcome = storm(room, machines, token, options.spread, directory / "collections")
            ours, plain = image(room, host, options.size, options.rounds)
        finally:
            room.close()
        sys.exit(0 if report(outcome, options.machines, ours, plain) else 1)


if __name__ == "__main__":
    main()
