# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a boot host's log says of each machine's boots, kept in a few lines of its own.

The log is bounded as a whole: whoever causes many lines pushes everybody else's out. So a timer extracts from it what was seen
of each machine, as events (hop, what, when), and keeps them boot by boot: a file for each MAC address of the inventory, and one
for everything in progress, including strangers. Each is bounded by itself.

The contents of a log come from others: a line that is not understood is skipped, and what is kept of one is short and printable.
A record holds what was sent in a machine's name; whoever forges its MAC or IP address is in it, too.

Needs only the standard library; runs on the boot host, where this file is also the program that the timer starts.
"""

from __future__ import annotations

import argparse
import errno
import fcntl
import itertools
import json
import os
import re
import subprocess
import sys
import types
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

STATE = "state.json"
#: The same as in `_routes`, which a single file cannot import.
_FIRST_SCRIPT, _SCRIPTS, _IMAGES, _PROGRAMS = "/boot.ipxe", "/ipxe/", "/images/", "/programs/"
_FAILURES = "/failures/"
_LOCK = "lock"
#: Stands before anything that a machine has said: inside a string, a quotation mark is escaped.
_MARK = re.compile(r'"mark":(\d{1,15}(?:\.\d{1,20})?)[,}]')
_FILE = re.compile(r"(?:[0-9a-f]{2}-){5}[0-9a-f]{2}\.jsonl")

#: How much is kept: boots of a machine, times of identical boots, events of a boot (as many first as last), strangers, and among
#: these as many that came back.
BOOTS, AGAIN, EVENTS, STRANGERS, RETURNED = 64, 200, 48, 4096, 3072
#: How many boots are left of too many, so that not every new one causes all the others to be rewritten.
_THINNED = 48
_ADDRESSES = 8192
_UNSERVED = 16
_TEXT = 120  # characters
_MESSAGE_LENGTH = 200
_LONG = 65_536  # bytes of a boot's line
_ENTRIES = 200_000  # that are read before they are written

#: A firmware's request counts as a new one after so many seconds of silence. A stranger has come back after so many.
_RETRY, _RETURN = 300, 600
#: Within how many seconds dnsmasq has logged all of a packet.
_BURST = 2
#: A day; the most that a log's clock may advance between two lines, so that one that jumps does not age anything.
_STEP = 86_400
_WEEK = 7 * 86_400

_DHCP, _TFTP_AND_DNS, _WEB = "kindling-dnsmasq.service", "kindling-tftp.service", "kindling-web.service"
#: Half of dnsmasq's lines are of no use here. They are recognised by their beginnings, which no machine can influence.
_NOISE = (
    r"^(?!(dnsmasq[a-z-]*\[[0-9]+\]: )?[0-9]+ "
    r"(available DHCP range|requested options|next server|broadcast response|sent size:(?! *[0-9]+ option: 67 )))"
)
_JOURNALCTL = (
    *("journalctl", "--output=json", "--output-fields=MESSAGE,_SYSTEMD_UNIT", "--no-pager", "--quiet"),
    f"--grep={_NOISE}",
    *(f"_SYSTEMD_UNIT={unit}" for unit in (_DHCP, _TFTP_AND_DNS, _WEB)),
)


class RecordsError(Exception):
    """Nothing can be recorded; what is recorded stays, and the log is read on from there next time."""


# Events from lines --------------------------------------------------------------------------------------------------------


class Event(NamedTuple):
    """What was seen, without its time; fields that are unknown are empty."""

    hop: str
    """``dhcp``, ``tftp``, ``http``, ``ipxe`` or ``ignition``."""
    what: str
    """DHCP's message (``discover``, ``offer``, ``nak``; a proxy's ``pxe``), or for an address ``put aside`` or ``not given``;
    TFTP's ``sent``, ``not found`` or ``failed``; HTTP's method. ``failed`` for what an iPXE script or Ignition says that it could
    not do."""
    who: str = ""
    """Who asks by DHCP: ``firmware``, ``ipxe`` or ``system``. For HTTP, the program that it claims to be."""
    address: str = ""
    file: str = ""
    """The boot program that DHCP names, the file that was requested, the step at which an iPXE script failed, or Ignition's
    stage."""
    why: str = ""
    """dnsmasq's reason, iPXE's error number, or Ignition's message."""
    vendor: str = ""
    name: str = ""
    tags: str = ""
    """dnsmasq's tags, which show the architecture, and whether it knows the machine."""
    status: int = 0
    size: int = 0
    broken: bool = False
    """Whether the web server could not send all of its answer."""
    script: str = ""
    """Which script was the answer: ``own``, ``ordered``, ``unknown``, ``misplaced``, …"""
    subnet: str = ""
    """The network that a refused request came from."""


@dataclass(frozen=True)
class Heard:
    """An event with its time, in seconds since 1970, and the MAC or IP address that identifies its machine."""

    when: float
    event: Event
    mac: str = ""
    address: str = ""
    claims: str = ""
    """The MAC address that a requested URL names."""
    seconds: float = 0
    """How long the answer took, if that is known."""


@dataclass
class Packet:
    """What dnsmasq logs of one DHCP packet: its lines come one after the other."""

    number: str = ""
    said: dict[str, str] = field(default_factory=dict)
    messages: list[tuple[float, str, str, str, str]] = field(default_factory=list)
    """Time, message, MAC address, IP address, and the rest of the line."""

    def is_over(self, heard: Heard) -> bool:
        """dnsmasq logs all of a packet before it answers, so whatever its client does next is logged after that."""
        return any(
            address == heard.address or heard.when - when > _BURST
            for when, _what, _mac, address, _rest in self.messages
        )


_OWN_PREFIX = re.compile(r"dnsmasq[a-z-]{0,8}\[\d{1,10}\]: ")
_OF_A_PACKET = re.compile(r"(\d{1,10}) (\S.*)")
_ADDRESS = r"\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}"
_MESSAGE = re.compile(
    rf"(DHCP[A-Z]{{3,20}}|PXE)\([^ ()]{{1,15}}\) (?:({_ADDRESS}) )?((?:[0-9a-f]{{2}}:){{5}}[0-9a-f]{{2}})(?: (.*))?"
)
_SAID = ("available DHCP subnet", "vendor class", "user class", "client provides name", "tags", "bootfile name")
_BOOT_FILE = re.compile(r"sent size: {0,3}\d{1,3} option: 67 bootfile-name  (.*)")
_OF_AN_ADDRESS = (
    ("put aside", re.compile(rf"disabling DHCP static address ({_ADDRESS}) (for .*)")),
    ("not given", re.compile(rf"not using configured address ({_ADDRESS}) because (.*)")),
)
#: File names come from clients: what counts is the end of the line.
_TFTP = (
    ("sent", re.compile(rf"sent (.*) to ({_ADDRESS})")),
    ("failed", re.compile(rf"failed sending (.*) to ({_ADDRESS})")),
    ("not found", re.compile(rf"file (.*) not found for ({_ADDRESS})")),
)
#: The end is missing from lines of earlier versions.
_HTTP = re.compile(
    rf'({_ADDRESS}) "([^"]*)" (\d{{3}}) (\d{{1,15}}) "([^"]*)"(?: (\d{{1,9}}\.\d{{3}}) (whole|broken) ([a-z-]{{1,20}})$)?'
)
_REQUEST = re.compile(r"([A-Z]{3,10}) ([^ ?]*)\S* HTTP/\d\.\d")
_TOKEN = re.compile(r"[A-Za-z0-9_-]{43,}")
_ANSWERS = ("offer", "ack")
_UNSERVED_REQUEST = re.compile(r"no address range available for DHCP request (.*)")
_DASHED_MAC = r"(?:[0-9a-f]{2}-){5}[0-9a-f]{2}"
_FAILURE = re.compile(rf"{_FAILURES}([a-z]{{1,12}})/({_DASHED_MAC})/((?:0x)?[0-9a-f]{{1,8}})")
#: Blanks come as plus signs; nginx has replaced what is long enough for a token.
_IGNITION_FAILURE = re.compile(
    rf"GET {_FAILURES}ignition-([a-z-]{{1,20}})\?([A-Za-z0-9_.:/+()-]{{0,{_MESSAGE_LENGTH}}}) HTTP/\d\.\d"
)
_OWN_SCRIPT = re.compile(rf"{_SCRIPTS}(?:own/)?({_DASHED_MAC})\.ipxe")


class Listener:
    """Turns lines of the log, in their order, into events."""

    def __init__(self, packet: Packet | None = None) -> None:
        self.packet = packet or Packet()
        """Its lines may not all have been read: it continues with the next line."""

    def hear(self, when: float, unit: str, message: str) -> Iterator[Heard]:
        if unit == _WEB:
            yield from self._beside_dhcp(_http(when, message))
            return
        message = message[found.end() :] if (found := _OWN_PREFIX.match(message)) else message
        if unit == _TFTP_AND_DNS:
            yield from self._beside_dhcp(_by_address(when, message))
            return
        if found := _OF_A_PACKET.fullmatch(message):
            number, text = found.groups()
            if number != self.packet.number or text.startswith("available DHCP subnet: "):
                yield from self.end()
                self.packet = Packet(number)
            self._of_packet(when, text)
            return
        yield from self.end()
        yield from _by_address(when, message)

    def _beside_dhcp(self, events: Iterable[Heard]) -> Iterator[Heard]:
        """Another process logs these, also between the lines of a packet."""
        for heard in events:
            if self.packet.is_over(heard):
                yield from self.end()
            yield heard

    def _of_packet(self, when: float, text: str) -> None:
        if found := _MESSAGE.fullmatch(text):
            kind, address, mac, rest = found.groups("")
            if len(self.packet.messages) < 4:
                self.packet.messages.append((when, kind.removeprefix("DHCP").lower(), mac, address, rest.strip()))
        elif found := _BOOT_FILE.fullmatch(text):
            self.packet.said["bootfile name"] = clean(found[1])
        else:
            key, _separator, value = text.partition(": ")
            if key in _SAID:
                self.packet.said[key] = clean(value)

    def end(self) -> Iterator[Heard]:
        """All of the packet's lines have been read."""
        packet, self.packet = self.packet, Packet()
        said = packet.said.get
        tags = said("tags", "")
        vendor = said("vendor class", "")
        who = "system"
        if said("user class", "").startswith("iPXE") or "ipxe" in tags.split(", "):
            who = "ipxe"
        elif vendor.startswith(("PXEClient", "HTTPClient")):
            who = "firmware"
        for when, what, mac, address, rest in packet.messages:
            if what in _ANSWERS:
                event = Event("dhcp", what, who, address, said("bootfile name", ""), name=clean(rest))
            else:
                name = said("client provides name", "")
                program = said("bootfile name", "") if what == "pxe" else ""
                subnet = said("available DHCP subnet", "") if rest else ""
                event = Event("dhcp", what, who, address, program, clean(rest), vendor, name, tags, subnet=subnet)
            yield Heard(when, event, mac=mac)


def _by_address(when: float, message: str) -> Iterator[Heard]:
    for what, pattern in _OF_AN_ADDRESS:
        if found := pattern.fullmatch(message):
            yield Heard(when, Event("dhcp", what, address=found[1], why=clean(found[2])), address=found[1])
            return
    for what, pattern in _TFTP:
        if found := pattern.fullmatch(message):
            yield Heard(when, Event("tftp", what, file=clean(found[1])), address=found[2])
            return
    if found := _UNSERVED_REQUEST.fullmatch(message):
        yield Heard(when, Event("dhcp", "unserved", why=clean(found[1], 40)))


def _http(when: float, message: str) -> Iterator[Heard]:
    if found := _HTTP.match(message):
        address, request, status, size, agent, seconds, whole, script = found.groups()
        if failed := _IGNITION_FAILURE.fullmatch(request):
            event = Event("ignition", "failed", file=failed[1], why=" ".join(failed[2].replace("+", " ").split()))
            yield Heard(when, event, address=address)
            return
        method, path = asked.groups() if (asked := _REQUEST.fullmatch(request)) else ("malformed", "")
        if failed := _FAILURE.fullmatch(path):
            event = Event("ipxe", "failed", clean(agent, 40), file=failed[1], why=failed[3])
            yield Heard(when, event, address=address, claims=failed[2].replace("-", ":"))
            return
        event = Event(
            *("http", method, clean(agent, 40)),
            file=clean(_TOKEN.sub("(token)", path)),
            status=int(status),
            size=int(size),
            broken=whole == "broken",
            script="" if script in (None, "-") else script,
        )
        yield Heard(when, event, address=address, claims=_asked_for(event), seconds=float(seconds or 0))


def _asked_for(event: Event) -> str:
    """The MAC address whose script was requested: it is the machine's own, whatever its IP address."""
    found = _OWN_SCRIPT.fullmatch(event.file) if event.hop == "http" else None
    return found[1].replace("-", ":") if found else ""


def clean(text: str, length: int = _TEXT) -> str:
    """A string from a client, short and printable."""
    text = text[:length]
    return text if text.isprintable() else "".join(char if char.isprintable() else "?" for char in text)


# Boots from events --------------------------------------------------------------------------------------------------------

_FIRMWARE, _PROGRAM, _IPXE, _SCRIPT, _RELEASE = range(5)

#: What differs between two times that the same event was seen.
_OF_A_TIME = ("at", "last", "times", "seconds")


def _reached(event: Event) -> int:
    """How far a machine has come if this is seen of it."""
    if event.hop == "dhcp":
        return _FIRMWARE if event.who in ("firmware", "") else _IPXE
    if event.hop == "ipxe":
        return _IPXE
    if event.hop == "ignition":
        return _RELEASE
    if event.hop == "tftp":
        return _PROGRAM if event.what == "sent" else _FIRMWARE
    if event.file.startswith(_PROGRAMS):
        return _PROGRAM
    if event.file.startswith(_IMAGES):
        return _RELEASE
    return _SCRIPT if event.file.startswith(_SCRIPTS) else _IPXE


@dataclass
class Boot:
    """Events between two boots' beginnings, each once, with how often and when it was last seen."""

    begun: float
    name: str = ""
    last: float = 0
    mark: float = 0
    """When it was last seen, by the clock that nobody sets: see ``Book.elapsed``."""
    reached: int = 0
    asks: bool = False
    """Whether the machine asks this boot host by DHCP."""
    left_out: int = 0
    events: dict[Event, list] = field(default_factory=dict)
    """The first time, how often, the last time, and how long the answer took then."""

    def note(self, when: float, event: Event, seconds: float = 0) -> None:
        self.last = when
        self.reached = max(self.reached, _reached(event))
        self.asks = self.asks or event.hop == "dhcp"
        if known := self.events.get(event):
            known[1:] = known[1] + 1, when, seconds
            return
        self.events[event] = [when, 1, when, seconds]
        if len(self.events) > EVENTS:
            middle = list(self.events)[EVENTS // 2]
            self.left_out += self.events.pop(middle)[1]

    def as_data(self) -> dict[str, Any]:
        events = [
            {key: value for key, value in event._asdict().items() if value}
            | {"at": at, "times": times, "last": last}
            | ({"seconds": seconds} if seconds else {})
            for event, (at, times, last, seconds) in self.events.items()
        ]
        return {key: value for key, value in vars(self).items() if key != "events"} | {"events": events}

    @classmethod
    def of_data(cls, data: Mapping[str, Any]) -> Boot:
        events = {}
        for told in data["events"]:
            words = {key: value for key, value in told.items() if key not in _OF_A_TIME}
            events[Event(**words)] = [told["at"], told["times"], told["last"], told.get("seconds", 0)]
        own = {key: value for key, value in data.items() if key in cls.__dataclass_fields__}
        return cls(**{**own, "events": events})


def _begins(when: float, event: Event, boot: Boot | None) -> bool:
    """Whether a machine boots anew: its firmware asks, and is not just retrying because nobody answered.

    The NIC's own program may be iPXE, which asks again only in a new boot once it had its script. If another server answers DHCP,
    the request for iPXE's first script is what is seen first.
    """
    if boot is None:
        return True
    quiet = when - boot.last > _RETRY
    if event.hop == "dhcp":
        enough = {"firmware": _IPXE, "ipxe": _SCRIPT}.get(event.who)
        return enough is not None and event.what in ("discover", "pxe") and (boot.reached >= enough or quiet)
    return event.file == _FIRST_SCRIPT and not boot.asks and (boot.reached >= _RELEASE or quiet)


# Strangers ----------------------------------------------------------------------------------------------------------------


@dataclass
class Stranger:
    first: float
    mark: float
    last: float = 0
    times: int = 0
    vendor: str = ""
    name: str = ""
    address: str = ""


_NOBODY: Mapping[str, Stranger] = types.MappingProxyType({})


class Strangers:
    """Machines that are in no inventory, the most recent ones. Those that came back later are protected from those seen only once:
    the latter are dropped first, however many they are, until only ``RETURNED`` of the former are left."""

    def __init__(self, once: Mapping[str, Stranger] = _NOBODY, returned: Mapping[str, Stranger] = _NOBODY) -> None:
        self.once, self.returned = dict(once), dict(returned)

    def hear(self, mac: str, heard: Heard, elapsed: float) -> None:
        known = self.returned.pop(mac, None) or self.once.pop(mac, None) or Stranger(heard.when, elapsed)
        event = heard.event
        known.last = heard.when
        known.times += event.hop == "dhcp" and event.what not in _ANSWERS
        known.vendor, known.name = event.vendor or known.vendor, event.name or known.name
        known.address = event.address if event.what == "ack" else known.address
        (self.returned if elapsed - known.mark >= _RETURN else self.once)[mac] = known
        if len(self.returned) > RETURNED:
            oldest = next(iter(self.returned))
            self.once[oldest] = self.returned.pop(oldest)
            self.once[oldest].mark = elapsed
        if len(self.once) + len(self.returned) > STRANGERS:
            self.once.pop(next(iter(self.once)))

    def __contains__(self, mac: str) -> bool:
        return mac in self.once or mac in self.returned

    def as_data(self) -> dict[str, Any]:
        kinds = {"once": self.once, "returned": self.returned}
        return {kind: {mac: asdict(one) for mac, one in there.items()} for kind, there in kinds.items()}

    @classmethod
    def of_data(cls, data: Mapping[str, Any]) -> Strangers:
        kinds = ({mac: Stranger(**one) for mac, one in data[kind].items()} for kind in ("once", "returned"))
        return cls(*kinds)


# The book: everything in progress ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Machines:
    """The inventory's machines, from dnsmasq's file of reservations: names by MAC address, MAC addresses by IP address."""

    names: Mapping[str, str]
    addresses: Mapping[str, tuple[str, ...]]


_MAC = re.compile(r"(?:[0-9a-f]{2}:){5}[0-9a-f]{2}")


def is_mac(text: str) -> bool:
    return _MAC.fullmatch(text.lower()) is not None


def read_machines(reservations: str) -> Machines:
    """*reservations* has lines such as ``52:54:00:12:34:56,id:*,10.0.0.11,a01``, or ``…,ignore``. A name may end in a dot."""
    names, addresses = {}, {}
    for line in reservations.splitlines():
        words = line.strip().split(",")
        macs = tuple(word for word in words if _MAC.fullmatch(word))
        rest = [word for word in words if word not in macs and word not in ("id:*", "ignore")]
        own = [word for word in rest if re.fullmatch(_ADDRESS, word)]
        name = next((word for word in rest if word not in own), "")
        names |= dict.fromkeys(macs, name.removesuffix("."))
        for address in own:
            addresses[address] = addresses.get(address, ()) + macs
    return Machines(names, addresses)


@dataclass
class Book:
    cursor: str = ""
    clock: float = 0
    elapsed: float = 0
    """For how long it has recorded, by the log's own times: setting a clock back or forth does not age a record."""
    swept: float = 0
    packet: Packet = field(default_factory=Packet)
    boots: dict[str, Boot] = field(default_factory=dict)
    """Each machine's last one."""
    closed: list[tuple[str, Boot]] = field(default_factory=list)
    """Those that others have followed, until the next round has seen that they are in their machines' files."""
    holders: dict[str, str] = field(default_factory=dict)
    """MAC addresses by the address that DHCP gave them."""
    strangers: Strangers = field(default_factory=Strangers)
    unserved: dict[str, list] = field(default_factory=dict)
    """Requests from networks that this host does not serve, by where they came through: first time, how often, last time."""

    def read(self, entries: Iterable[Entry], machines: Machines, known: float = 0) -> int:
        """Take in the log's entries that are later than *known*; returns how many there were."""
        listener, number = Listener(self.packet), 0
        for entry in entries:
            number += 1
            if entry.when <= known:
                self.cursor = entry.cursor
                continue
            known = 0
            self.elapsed += min(max(entry.when - self.clock, 0), _STEP) if self.clock else 0
            self.clock, self.cursor = entry.when, entry.cursor
            for heard in listener.hear(entry.when, entry.unit, entry.message):
                self._note(heard, machines)
        self.packet = listener.packet
        for mac in [mac for mac in self.boots if mac not in machines.names]:
            self.closed.append((mac, self.boots.pop(mac)))
        return number

    def end_packet(self, machines: Machines) -> None:
        """dnsmasq has logged everything about a packet."""
        listener = Listener(self.packet)
        for heard in listener.end():
            self._note(heard, machines)
        self.packet = listener.packet

    def _note(self, heard: Heard, machines: Machines) -> None:
        mac, event = heard.mac or self._holder(heard.address, machines), heard.event
        if heard.claims in machines.names and heard.claims not in machines.addresses.get(heard.address, ()):
            mac, event = heard.claims, event._replace(address=heard.address)
        elif heard.claims in machines.names:
            mac = heard.claims
        if event.what == "unserved":
            self._note_unserved(heard.when, event.why)
        if not mac:
            return
        if event.what == "ack" and event.hop == "dhcp":
            self.holders.pop(event.address, None)
            self.holders[event.address] = mac
            if len(self.holders) > _ADDRESSES:
                self.holders.pop(next(iter(self.holders)))
        if mac not in machines.names:
            # A machine that is only known by IP address may have changed since
            if heard.mac or mac in self.strangers:
                self.strangers.hear(mac, heard, self.elapsed)
            return
        boot = self.boots.get(mac)
        if _begins(heard.when, event, boot):
            if boot:
                self.closed.append((mac, boot))
            boot = self.boots[mac] = Boot(heard.when, machines.names[mac])
        boot.mark = self.elapsed
        boot.note(heard.when, event, heard.seconds)

    def _note_unserved(self, when: float, where: str) -> None:
        first, times, _last = self.unserved.pop(where, (when, 0, when))
        self.unserved[where] = [first, times + 1, when]
        if len(self.unserved) > _UNSERVED:
            self.unserved.pop(next(iter(self.unserved)))

    def _holder(self, address: str, machines: Machines) -> str:
        """The machine that an address belongs to, by the MAC address that it was given to or that was seen last."""
        own, given = machines.addresses.get(address, ()), self.holders.get(address, "")
        if not own or given in own:
            return given
        return max(own, key=lambda mac: self.boots[mac].last if mac in self.boots else 0)

    def as_data(self) -> dict[str, Any]:
        return vars(self) | {
            "packet": asdict(self.packet),
            "boots": {mac: boot.as_data() for mac, boot in self.boots.items()},
            "closed": [(mac, boot.as_data()) for mac, boot in self.closed],
            "strangers": self.strangers.as_data(),
        }

    @classmethod
    def of_data(cls, data: Mapping[str, Any]) -> Book:
        packet = Packet(**data["packet"])
        packet.messages = [tuple(message) for message in packet.messages]
        made = {
            "packet": packet,
            "boots": {mac: Boot.of_data(boot) for mac, boot in data["boots"].items()},
            "closed": [(mac, Boot.of_data(boot)) for mac, boot in data["closed"]],
            "strangers": Strangers.of_data(data["strangers"]),
        }
        return cls(**{**data, **made})


# Files --------------------------------------------------------------------------------------------------------------------


def load(directory: Path) -> Book:
    state = _read(directory / STATE)
    if not state:
        return Book()
    try:
        return Book.of_data(json.loads(state))
    except (ValueError, KeyError, TypeError, AttributeError):
        raise RecordsError(
            f"{directory / STATE} is damaged: remove it. What the log still has is then read again; recorded boots "
            "stay, and strangers are forgotten"
        ) from None


def save(directory: Path, book: Book, weeks: int) -> None:
    """Write what was read, together with the position in the log, by one rename. Boots that are over go into files afterwards, and
    stay in the book until that is done, so that a run killed in between loses nothing, and the next round counts nothing twice."""
    oldest = book.elapsed - weeks * _WEEK
    book.closed = [(mac, boot) for mac, boot in book.closed if boot.mark >= oldest]
    _write(directory / STATE, _line(book.as_data()))
    file_closed(directory, book, weeks)


def file_closed(directory: Path, book: Book, weeks: int) -> None:
    """Write the boots that are over to their machines' files. Those that are there already are not written again."""
    oldest = book.elapsed - weeks * _WEEK
    for mac, boots in _by_mac(book).items():
        path = directory / f"{mac.replace(':', '-')}.jsonl"
        data = _read(path)
        last = data[-_LONG:].decode(errors="replace").splitlines()[-1:] if data.endswith(b"\n") else []
        if _has(last, boots[-1]):
            continue
        after = _added(last, boots)
        plain = not data or (data.endswith(b"\n") and after[: len(last)] == last)
        few = data.count(b"\n") + len(boots) <= BOOTS
        if plain and few and not any(json.dumps(boot.begun).encode() in data for boot in boots):
            _append(path, after[len(last) :])
        else:
            _write(path, _text(_bounded(_added(_lines(path), boots), oldest)))


def _by_mac(book: Book) -> dict[str, list[Boot]]:
    boots: dict[str, list[Boot]] = {}
    for mac, boot in book.closed:
        boots.setdefault(mac, []).append(boot)
    return boots


def sweep(directory: Path, book: Book, weeks: int) -> None:
    """Once a day: remove the files of machines that have not been seen for so long that all of their boots are too old."""
    if book.elapsed - book.swept < _STEP:
        return
    book.swept = book.elapsed
    for path in [path for path in directory.iterdir() if _FILE.fullmatch(path.name)]:
        lines = _lines(path)
        kept = _bounded(lines, book.elapsed - weeks * _WEEK)
        if not kept:
            path.unlink()
        elif kept != lines:
            _write(path, _text(kept))


def _added(lines: list[str], boots: Sequence[Boot]) -> list[str]:
    """Identical boots, such as those of a machine in a boot loop, are one line: the events of the last one, with how many they are
    and when they began. Either all of *boots* were added, or none."""
    if boots and _has(lines, boots[-1]):
        return lines
    lines = list(lines)
    for boot in boots:
        if _has(lines, boot):  # by a round before the state was lost
            continue
        told = boot.as_data() | {"boots": 1, "again": []}
        last = _data(lines[-1]) if lines else None
        if last and not boot.left_out and _course(last) == _course(told):
            again = [*last["again"], boot.begun][-AGAIN:]
            told |= {"begun": last["begun"], "boots": last["boots"] + 1, "again": again}
            lines.pop()
        lines.append(_line(told))
    return lines


def _has(lines: Iterable[str], boot: Boot) -> bool:
    said = json.dumps(boot.begun)
    likely = (_data(line) for line in lines if said in line)  # a line is long, and most are of other boots
    return any(told and boot.begun in (told["begun"], *told["again"]) for told in likely)


def _course(boot: Mapping[str, Any]) -> list:
    return [{key: value for key, value in event.items() if key not in _OF_A_TIME} for event in boot["events"]]


def _bounded(lines: list[str], oldest: float) -> list[str]:
    """Without those that are too old; of too many, the first of the day with most go, so that no day crowds out others."""
    kept = [(mark, line) for line in lines if (mark := _mark(line)) is not None and mark >= oldest]
    days = Counter(mark // _STEP for mark, _line in kept)
    while len(kept) > _THINNED:
        fullest = max(days, key=lambda day: (days[day], -day))
        days[fullest] -= 1
        del kept[next(number for number, (mark, _line) in enumerate(kept) if mark // _STEP == fullest)]
    return [line for _mark, line in kept]


def _mark(line: str) -> float | None:
    found = _MARK.search(line)
    return float(found[1]) if found else None


def _line(told: Mapping[str, Any]) -> str:
    return json.dumps(told, separators=(",", ":"))


def _data(line: str) -> dict[str, Any] | None:
    try:
        told = json.loads(line)
    except ValueError:
        return None
    return told if isinstance(told, dict) and {"begun", "again", "boots", "mark", "events"} <= told.keys() else None


def _lines(path: Path) -> list[str]:
    """Those that are complete: a killed run may have started the last one."""
    return _read(path).decode(errors="replace").rpartition("\n")[0].splitlines()


def _read(path: Path) -> bytes:
    """Root reads these, too: anything but a regular file neither blocks it nor leads elsewhere."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        if error.errno not in (errno.ENOENT, errno.ELOOP, errno.ENXIO):
            raise
        return b""
    try:
        with os.fdopen(handle, "rb", closefd=False) as file:
            return file.read()
    except IsADirectoryError:
        return b""
    finally:
        os.close(handle)


def _text(lines: Iterable[str]) -> str:
    return "".join(f"{line}\n" for line in lines)


def _append(path: Path, lines: Iterable[str]) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(_text(lines))


def _write(path: Path, text: str) -> None:
    new = path.with_name(f".{path.name}.new")
    handle = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)


# Reading back -------------------------------------------------------------------------------------------------------------


def up_to_date(directory: Path, log: Log, machines: Machines) -> Book:
    """What is recorded, and what the *log* has since then, which is not recorded here. If nothing is recorded, all of the log."""
    book = load(Path(directory))
    entries, _lost, again = _since(book.cursor, log)
    book.read(entries, machines, book.clock if again else 0)
    book.end_packet(machines)
    return book


def recorded(directory: Path, macs: Iterable[str] | None = None, book: Book | None = None) -> dict[str, Any]:
    """What is recorded, for programs: ``boots`` of each of *macs* (or of all machines), oldest first, and ``strangers``.

    *book* is what is known of everything in progress, if that is more than what is recorded.
    """
    directory = Path(directory)
    book = book or load(directory)
    closed = _by_mac(book)
    there = directory.iterdir() if directory.is_dir() else ()
    filed = {path.stem.replace("-", ":") for path in there if _FILE.fullmatch(path.name)}
    wanted = sorted(filed | set(closed) | set(book.boots)) if macs is None else [mac.lower() for mac in macs]
    boots = {}
    for mac in wanted:
        path = directory / f"{mac.replace(':', '-')}.jsonl"
        lines = _added(_lines(path), closed.get(mac, []))
        lines = _added(lines, [book.boots[mac]] if mac in book.boots else [])
        boots[mac] = [_shown(told) for told in map(_data, lines) if told]
    strangers = [
        {"mac": mac} | {key: value for key, value in asdict(one).items() if key != "mark"}
        for mac, one in {**book.strangers.once, **book.strangers.returned}.items()
        if macs is None or mac in wanted
    ]
    unserved = [
        {"where": where, "first": first, "times": times, "last": last}
        for where, (first, times, last) in book.unserved.items()
    ]
    strangers.sort(key=lambda one: one["last"])
    return {"boots": boots, "strangers": strangers, "unserved": unserved, "until": book.clock}


def misplaced(directory: Path) -> dict[str, tuple[str, float]]:
    """Where machines last requested their script from, if not from their address in the inventory, and when, by MAC address."""
    found = {}
    for mac, boot in load(Path(directory)).boots.items():
        asked = [(times[2], event) for event, times in boot.events.items() if _asked_for(event) == mac]
        when, last = max(asked, key=lambda one: one[0], default=(0, None))
        if last and last.address:
            found[mac] = (last.address, when)
    return found


def _shown(told: Mapping[str, Any]) -> dict[str, Any]:
    return {key: told[key] for key in ("begun", "last", "boots", "again", "name", "left_out", "events")}


# The log ------------------------------------------------------------------------------------------------------------------


class Entry(NamedTuple):
    cursor: str
    when: float
    unit: str
    message: str


#: Reads a log from a cursor on, or all of it: the cursor's entry is the first one, if the log still has it.
Log = Callable[[str], Iterable[Entry]]


def entries_of(lines: Iterable[bytes]) -> Iterator[Entry]:
    """What ``journalctl --output=json`` prints, a line for each entry."""
    for line in lines:
        try:
            told = json.loads(line.decode(errors="replace"))
            message = told["MESSAGE"]
            if not isinstance(message, str):  # bytes that are not text come as numbers
                message = bytes(message).decode(errors="replace")
            when = int(told["__REALTIME_TIMESTAMP"]) // 1000 / 1000
            yield Entry(str(told["__CURSOR"]), when, str(told["_SYSTEMD_UNIT"]), message)
        except (ValueError, KeyError, TypeError):
            continue


def take(directory: Path, log: Log, machines: Machines, weeks: int) -> list[str]:
    """Record what the *log* has since the last round; returns what there is to report about it."""
    book = load(directory)
    file_closed(directory, book, weeks)
    entries, lost, again = _since(book.cursor, log)
    book.cursor = "" if lost else book.cursor
    clock, rounds, number = book.clock, 0, _ENTRIES
    while number == _ENTRIES:
        before, filed = (book.cursor, book.packet), bool(book.closed)
        book.closed = []
        known = clock if again and book.clock == clock else 0
        number = book.read(itertools.islice(entries, _ENTRIES), machines, known)
        rounds += 1
        if not number and rounds == 1:  # no news for a minute
            book.end_packet(machines)
        if lost or book.closed or before != (book.cursor, book.packet):
            if filed:  # all at once, as a storm ends a boot of every machine: this state forgets them
                os.sync()
            sweep(directory, book, weeks)
            save(directory, book, weeks)
    return ["The log no longer has the last line that was recorded: continuing with what there is"] if lost else []


def _since(cursor: str, log: Log) -> tuple[Iterator[Entry], bool, bool]:
    """What comes after *cursor*; whether the log has lost it; and whether this is the whole log, because what is new is unknown."""
    entries = iter(log(cursor))
    first = next(entries, None)
    if not cursor or (first and first.cursor == cursor):
        return (entries if cursor or not first else itertools.chain([first], entries)), False, False
    return (itertools.chain([first], entries) if first else iter(log(""))), True, not first


def journal(cursor: str) -> Iterator[Entry]:
    """The log from *cursor* on, including that entry."""
    command = [*_JOURNALCTL, *([f"--cursor={cursor}"] if cursor else [])]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        yield from entries_of(process.stdout)
    # 1 also means that nothing was found
    if process.returncode not in (0, 1):
        raise RecordsError(f"{' '.join(command)} ended with status {process.returncode}")


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Record what the log says about machines' boots.")
    parser.add_argument("directory", type=Path)
    parser.add_argument("--reservations", type=Path, required=True)
    parser.add_argument("--weeks", type=int, required=True)
    told = parser.parse_args(arguments)
    try:
        with (told.directory / _LOCK).open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            for sentence in _round(told.directory, told.reservations, told.weeks):
                sys.stdout.write(f"{sentence}\n")
    except BlockingIOError:
        sys.stdout.write("Another round is under way\n")
    except (RecordsError, OSError) as error:
        sys.stderr.write(f"Nothing was recorded: {error}\n")
        return 1
    return 0


def _round(directory: Path, reservations: Path, weeks: int) -> list[str]:
    try:
        machines = read_machines(reservations.read_text(encoding="utf-8"))
    except FileNotFoundError:  # nothing is published yet
        machines = Machines({}, {})
    return take(directory, journal, machines, weeks)


__all__ = (
    *("AGAIN", "BOOTS", "EVENTS", "RETURNED", "STATE", "STRANGERS"),
    *("Book", "Boot", "Entry", "Event", "Heard", "Listener", "Machines", "RecordsError", "Strangers"),
    *("clean", "entries_of", "is_mac", "journal", "load", "misplaced", "read_machines", "recorded", "save", "take"),
    "up_to_date",
)

if __name__ == "__main__":
    raise SystemExit(main())
