#!/usr/bin/env python3
"""A thousand machines boot, while another one attacks the web server; and the same without it, in turns.

The boot host and the machines are those of `storm.py`. The hostile machine has an address of its own on the same network, and does
all of this at once, for as long as the machines boot:

* it keeps as many half-sent requests as it can hold, and begins each again that is ended;
* it sends reports a byte at a time: it is a node, so that its reports are taken;
* it asks for the image, again and again, and does not read it;
* it asks for scripts without end, fifty at a time on each connection.

The kernel lets one address hold 65,535 connections. Here it may be fewer: a process may have so many files open as `ulimit -Hn`
says, and four fifths of that is what is tried. What the hostile machine does is worked out by this machine's processors, which have
the boot host and the thousand to work out, too: so it is nice. A real one would bring its own.

Limits are those of the project's issue: nobody is refused, and all take at most 1.5 times as long as without it.

    python3 tests/bench/hostile.py [--machines N] [--spread S] [--rounds N]
"""

from __future__ import annotations

import argparse
import asyncio
import collections
import contextlib
import os
import pathlib
import resource
import socket
import statistics
import sys
import time

import storm

HOSTILE, ADDRESS, TOKEN = "hostile", "10.9.15.250", "h" * 43
RATIO_LIMIT = 1.5
SERVER = ("10.9.0.1", 80)
PORTS, BATCH, SLOW = 60_000, 50, 200
SECONDS_HELD, HEIGHT_WITHIN = 9, 60
IMAGE = 64 << 20
HALF_SENT = b"GET /boot.ipxe HTTP/1.1\r\nHost: boot\r\nX-Never: "
REPORT = f"PUT /reports/{TOKEN}/running HTTP/1.1\r\nHost: boot\r\nContent-Length: 16000\r\n\r\n".encode()
DOWNLOAD = b"GET /images/amd64-usr/1.0.0/large HTTP/1.1\r\nHost: boot\r\n\r\n"
QUESTIONS = b"GET /boot.ipxe HTTP/1.1\r\nHost: boot\r\n\r\n" * 50


def hold_half_sent(told: Told, most: int) -> None:
    """Begin requests, as many as *most* at a time, and begin each again when its time is over."""
    held = collections.deque()
    while True:
        for _ in range(BATCH):
            connection = socket.create_connection(SERVER, 60, (ADDRESS, 0))
            connection.sendall(HALF_SENT)
            held.append(connection)
        told.say(len(held))
        while len(held) > most:
            held.popleft().close()
        if len(held) == most:
            time.sleep(BATCH * SECONDS_HELD / most)


def drag(told: Told, most: int) -> None:
    """Reports that are sent by bytes, and images that are not read."""

    async def drag_one(beginning: bytes) -> None:
        while True:
            with contextlib.suppress(OSError):
                _, writer = await asyncio.open_connection(*SERVER, local_addr=(ADDRESS, 0), limit=1)
                with contextlib.closing(writer):
                    writer.write(beginning)
                    told.say(told.count + 1)
                    while not writer.is_closing():
                        await asyncio.sleep(5)
                        writer.write(b"x")
            told.say(told.count - 1)
            await asyncio.sleep(1)

    async def run() -> None:
        await asyncio.gather(*(drag_one(beginning) for beginning in (REPORT, DOWNLOAD) for _ in range(most)))

    asyncio.run(run())


def ask_endlessly(told: Told, most: int) -> None:
    """On one connection after the other; each is ended after a thousand requests."""
    while True:
        with contextlib.suppress(OSError), socket.create_connection(SERVER, 60, (ADDRESS, 0)) as connection:
            connection.sendall(QUESTIONS * 2)
            awaited = 0
            while came := connection.recv(1 << 20):
                answers = came.count(b"HTTP/1.1 200")
                told.say(told.count + answers)
                awaited += answers
                while awaited >= 50:
                    connection.sendall(QUESTIONS)
                    awaited -= 50


class Told:
    """A number that another process may read."""

    def __init__(self, place: pathlib.Path) -> None:
        self.count, self._file = 0, place.open("w")

    def say(self, count: int) -> None:
        self.count = count
        os.pwrite(self._file.fileno(), f"{count:<12}".encode(), 0)


WAYS = {way.__name__: way for way in (hold_half_sent, drag, ask_endlessly)}


@contextlib.contextmanager
def attacked(room, half_sent: int):
    """The attack is at its height when this is entered; yields what tells how far it has come."""
    started = {}
    for way, most in ((hold_half_sent, half_sent), (drag, SLOW), (ask_endlessly, 1)):
        place = room.directory / way.__name__
        place.write_text("0")
        command = ("nice", "-n", "10", sys.executable, __file__, "--attack", way.__name__, most, place)
        started[place] = room.start(*command, host=HOSTILE)

    def counts() -> dict[str, int]:
        return {place.name: int(place.read_text() or 0) for place in started}

    try:
        deadline = time.monotonic() + HEIGHT_WITHIN
        while counts()[hold_half_sent.__name__] < half_sent:
            if time.monotonic() > deadline:
                said = [pathlib.Path(log).read_text()[-500:] for _, log in started.values()]
                sys.exit(f"the attack does not get to its height: {counts()} {said}")
            time.sleep(0.5)
        yield counts
    finally:
        for pid, _ in started.values():
            room.stop(pid)


def measure(options, half_sent: int) -> tuple[list[dict], list[dict], dict]:
    """The storms without the attack, those with it, and what the last attack came to."""
    quiet, beside, counts = [], [], {}
    with storm.scratch() as directory:
        machines = storm.machines_of(options.machines)
        room, host, token = storm.prepare(machines, IMAGE, directory)
        room.host(HOSTILE, f"{ADDRESS}/20")
        host.put(host.web / f"reporters/{TOKEN}/10.9.0.0-20/{ADDRESS}", "")
        try:
            for _ in range(options.rounds):
                quiet.append(storm.storm(room, machines, token, options.spread, directory / "collections"))
                with attacked(room, half_sent) as told:
                    beside.append(storm.storm(room, machines, token, options.spread, directory / "collections"))
                    counts = told()
        finally:
            room.close()
    return quiet, beside, counts


def report(quiet: list[dict], beside: list[dict], counts: dict, machines: int) -> bool:
    print(f"load of the machine now: {os.getloadavg()[0]:.1f}")
    for name, count in counts.items():
        print(f"the hostile machine, {name}: {count}")
    print(f"{'':36}{'without':>10}{'with':>10}{'ratio':>8}{'limit':>8}")
    refused = [sum(len(outcome["refused"]) for outcome in side) for side in (quiet, beside)]
    print(f"{'refused':36}{refused[0]:>10}{refused[1]:>10}{'':8}{0:>8}  {'ok' if not refused[1] else 'NOT MET'}")
    fine = not refused[1]
    for name, limit, of in (
        ("all through after, s", RATIO_LIMIT, lambda outcome: outcome["total"]),
        ("half of them through after, s", None, lambda outcome: statistics.median(outcome["seconds"] or [0.0])),
        ("questions asked again", None, lambda outcome: outcome["repeats"]),
    ):
        without, with_it = (statistics.median(map(of, side)) for side in (quiet, beside))
        ratio = with_it / without if without else 1.0
        verdict = "" if limit is None else "ok" if ratio <= limit else "NOT MET"
        fine = fine and verdict != "NOT MET"
        print(f"{name:36}{without:>10.2f}{with_it:>10.2f}{ratio:>8.2f}{limit or '':>8}  {verdict}")
    for line in [line for outcome in (*quiet, *beside) for line in outcome["refused"]][:10]:
        print(f"  {line}")
    return fine and all(len(outcome["seconds"]) == machines for outcome in beside)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--machines", type=int, default=1000)
    parser.add_argument("--spread", type=float, default=1.0, help="seconds within which all are switched on")
    parser.add_argument("--rounds", type=int, default=3, help="storms of each kind")
    parser.add_argument("--attack", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    if options.attack:
        way, number, place = options.attack
        WAYS[way](Told(pathlib.Path(place)), int(number))
    half_sent = min(PORTS, most * 4 // 5)
    sys.exit(0 if report(*measure(options, half_sent), options.machines) else 1)


if __name__ == "__main__":
    main()
