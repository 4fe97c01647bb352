"""What a log line says about a node's way: pure functions from text to facts, and the progress that facts add up to."""

from __future__ import annotations

import re
import sys
from collections import deque
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

# One file of the product, which imports nothing: the lab does not install the collection
sys.path.insert(0, str(Path(__file__).parents[3] / "plugins" / "module_utils" / "_records"))

import records  # found by the line above

STAGES = ("firmware", "dhcp", "ipxe", "kernel", "ignition", "started", "installed", "disk", "done")

ROADS = {
    "ram": ("firmware", "dhcp", "ipxe", "kernel", "ignition", "done"),
    "disk": ("firmware", "dhcp", "ipxe", "disk", "done"),
    "install": STAGES,
}
"""The stages on the way of a node that boots into RAM, from its disk, or that is installed to its disk."""

LIMITS = {
    "firmware": 240.0, "dhcp": 240.0, "ipxe": 480.0, "kernel": 480.0, "ignition": 600.0, "started": 900.0,
    "installed": 600.0, "disk": 600.0,
}  # fmt: skip
"""Seconds that a node may stay in a stage, on a machine that is busy with other things, too: what ends a node's way is told by its
console and the journal, and this is for what tells nothing."""


@dataclass(frozen=True)
class Fact:
    """Something that happened to a node: who it was (by MAC or by address), the stage that it shows, and the details."""

    stage: str | None = None
    mac: str | None = None
    address: str | None = None
    detail: str = ""
    trouble: bool = False
    """May explain why the node did not get further."""
    fatal: bool = False
    """The node will not get any further."""
    leaves: bool = False
    """The node goes on to its next boot device: right or wrong, by the way that it should go."""
    source: str = "boot host"


# --- the boot host's journal ---------------------------------------------------------------------------------------

NODE_SCRIPT = re.compile(r"/ipxe/(?P<mac>[0-9a-f]{2}(?:-[0-9a-f]{2}){5})\.ipxe$")
REPORT = re.compile(r"/reports/[^/]+/(?P<stage>[a-z]+)$")
WEB = re.compile(r"\d{1,3}(?:\.\d{1,3}){3} \"")
"""Such a line is the web server's, wherever it begins; all others are dnsmasq's."""


def read_journal(message: str) -> Fact | None:
    """What a message of the boot host's dnsmasq or nginx says about a node, as the product itself reads it.

    At once: of a packet, only the line that names it is needed here.
    """
    web = WEB.search(message)
    listener = records.Listener()
    unit, text = ("kindling-web.service", message[web.start() :]) if web else ("kindling-dnsmasq.service", message)
    heard = next(iter((*listener.hear(0, unit, text), *listener.end())), None)
    return read_event(heard) if heard else None


def read_event(heard: records.Heard) -> Fact | None:
    """What the boot host has heard, as a fact about a node."""
    event, mac, address = heard.event, heard.mac or heard.claims or None, heard.address or None
    if event.hop == "http":
        return read_request(heard.address, event.file, event.status, event.who)
    if event.hop == "ipxe":
        return Fact(None, mac, address, f"iPXE: {event.file} failed with {event.why}", trouble=True)
    if event.hop == "ignition":
        return Fact("ignition", mac, address, f"Ignition: {event.file} failed: {event.why}", trouble=True)
    if event.hop == "tftp":
        sent = event.what == "sent"
        detail = f"TFTP: sent {event.file}" if sent else f"TFTP: {event.file} could not be sent"
        return Fact(address=address, detail=detail, trouble=not sent)
    if event.what == "ack":
        return Fact("dhcp", mac, event.address, event.address)
    if mac and event.why:
        return Fact(mac=mac, detail=f"DHCP{event.what.upper()}: {event.why}", trouble=True)
    return None


def read_request(address: str, path: str, status: int, agent: str) -> Fact | None:
    """What a line of the web server's log says about a node."""
    if (found := REPORT.search(path)) and status in (201, 204):
        told = found["stage"]
        return Fact(told if told in STAGES else None, None, address, f"reports {told}", fatal=told == "failed")
    detail = f"HTTP {status} {path}" + (f" for {agent}" if agent not in ("", "-") else "")
    script = NODE_SCRIPT.search(path)
    mac = script["mac"].replace("-", ":") if script else None
    if status >= 400:
        # Ignition's own request shows that Ignition runs, whatever the answer was.
        stage = "ignition" if agent.startswith("Ignition/") else None
        return Fact(stage, mac, address, detail, trouble=True)
    if path.endswith(".ipxe"):
        return Fact("ipxe", mac, address, f"GET {path}")
    if path.endswith("/flatcar_production_pxe_image.cpio.gz"):
        return Fact("kernel", None, address, f"GET {path}")
    if agent.startswith("Ignition/"):
        return Fact("ignition", None, address, f"GET {path}")
    return Fact(None, mac, address, detail)


# --- the node's serial console -------------------------------------------------------------------------------------

CONTROL = re.compile(r"\x1b\[[0-9;?=]*[A-Za-z]|\x1b[()][A-Z0-9]|\x1b[78cM=>]|[\x00-\x08\x0b-\x1f\x7f]")
PROMPT = re.compile(r"^\S+ login:\s*$")
FAILURE_LINE = re.compile(r"STANDIN-FAILURE(?:: (?P<text>.*)|-END)$")
DISK = re.compile(r"STANDIN-DISK: (?P<text>.*)$")
END_OF_ROAD = (
    (re.compile(r"STANDIN-FAILURE-END|[Ee]ntering emergency mode|You are in emergency mode|Press Enter for maintenance"),
     "ignition", "emergency mode"),
    (re.compile(r"Kernel panic - not syncing: (?P<text>.*)"), "kernel", "kernel panic"),
    (re.compile(r"Kindling: (?P<text>.*(?:begun and has not ended).*)"), None, ""),
    (re.compile(r"(?P<text>No bootable device\.|Nothing to boot.*|No bootable option or device was found.*)"),
     None, "there was nothing to boot"),
)  # fmt: skip
NEXT_DEVICE = (
    (re.compile(r"Kindling: (?P<text>.*(?:not in the inventory|going on to its own disk|boots its own disk).*)"), ""),
    (re.compile(r"No more network devices"), "iPXE gave up"),
    (re.compile(r'BdsDxe: failed to (?:load|start) \w+ "UEFI PXEv4[^"]*".*: (?P<text>[A-Z].*)'),
     "the firmware's network boot failed"),
)  # fmt: skip


def clean(text: str) -> str:
    """A line of the console without what is meant for a terminal."""
    return CONTROL.sub("", text).rstrip()


def read_serial(line: str) -> Fact | None:
    """What a (clean) line of a node's serial console says."""
    if PROMPT.match(line):
        return Fact("done", detail="login prompt", source="node")
    if (found := FAILURE_LINE.search(line)) and found["text"]:
        return Fact(detail=found["text"], trouble=True, source="node")
    if found := DISK.search(line):
        return Fact("disk", detail=found["text"], source="node")
    for pattern, stage, what in END_OF_ROAD:
        if found := pattern.search(line):
            return Fact(stage, detail=in_words(what, found), fatal=True, source="node")
    for pattern, what in NEXT_DEVICE:
        if found := pattern.search(line):
            return Fact(detail=in_words(what, found), leaves=True, source="node")
    return None


def in_words(what: str, found: re.Match[str]) -> str:
    """What happened, and what the line says of it."""
    return ": ".join(part for part in (what, found.groupdict().get("text")) if part)


class SerialText:
    """Cuts the console's bytes into clean lines; a prompt counts as a line although no line end follows it."""

    def __init__(self) -> None:
        self._rest = ""

    @property
    def rest(self) -> str:
        """What is on the last line as yet."""
        return clean(self._rest)

    def feed(self, data: bytes) -> list[str]:
        """The lines that are complete with this data."""
        pieces = re.split(r"[\r\n]+", self._rest + data.decode("utf-8", "replace"))
        self._rest = pieces.pop()
        lines = [line for line in map(clean, pieces) if line]
        if PROMPT.match(self.rest):
            lines.append(self.rest)
            self._rest = ""
        return lines


# --- progress ------------------------------------------------------------------------------------------------------


@dataclass
class Progress:
    """How far a node came, when, and what was seen on the way. Seconds count from its power-on."""

    reached: dict[str, float] = field(default_factory=dict)
    road: str = "ram"
    mac: str | None = None
    """That of the network card from which the node boots; what others do is noted, and is no progress."""
    addresses: dict[str | None, str] = field(default_factory=dict)
    """The last address of each of its network cards, by MAC address: two may have the same."""
    disk_starts: list[str] = field(default_factory=list)
    """What its disk's boot loader said, each time: a kernel argument of a config costs one more start."""
    failure: str | None = None
    notes: deque[str] = field(default_factory=lambda: deque(maxlen=15))
    """What else the boot host saw of the node, and what the node complained about, each with its source."""
    console: deque[str] = field(default_factory=lambda: deque(maxlen=8))
    """The last lines of the serial console."""

    @property
    def stage(self) -> str:
        """The last stage that the node reached."""
        return max(self.reached, key=STAGES.index, default=STAGES[0])

    def apply(self, fact: Fact, seconds: float) -> bool:
        """Take a fact in; True when the node reached a new stage by it."""
        if fact.address:
            owner = fact.mac or next((mac for mac, known in self.addresses.items() if known == fact.address), self.mac)
            self.addresses[owner] = fact.address
        if fact.stage == "disk":
            self.disk_starts.append(fact.detail)
        if fact.stage == "dhcp" and self.mac and fact.mac not in (None, self.mac):
            self.note(f"network card {fact.mac} got {fact.detail}")
            return False
        # A prompt is the end only of the whole way: the firmware's, a shell's or the installer's is none.
        if fact.stage == "done" and self.stage != self.eve:
            return False
        advanced = fact.stage is not None and STAGES.index(fact.stage) > STAGES.index(self.stage)
        if advanced and fact.stage is not None:
            self.reached[fact.stage] = seconds
        astray = advanced and fact.stage not in ROADS[self.road] and not fact.fatal
        if astray:
            self.failure = self.failure or f"is not on its way at all: {fact.detail}"
        elif fact.fatal or (fact.leaves and not self.may_leave):
            self.failure = self.failure or fact.detail
        elif fact.trouble or (fact.stage is None and fact.detail):
            self.note(f"{fact.source}: {fact.detail}")
        return advanced

    def note(self, text: str) -> None:
        """Remember what may explain a failure later."""
        if text not in self.notes:
            self.notes.append(text)

    def spent(self, end: float) -> dict[str, float]:
        """Seconds in each stage that was reached, the last one until the end."""
        times = pairwise([*self.reached.values(), end])
        return {stage: left - came for stage, (came, left) in zip(self.reached, times, strict=True)}

    @property
    def address(self) -> str | None:
        """The last address that the network card has got from which the node boots."""
        return self.addresses.get(self.mac)

    @property
    def eve(self) -> str:
        """The last stage before the end."""
        return ROADS[self.road][-2]

    @property
    def may_leave(self) -> bool:
        """Whether the node may go on to its own disk: it should, or it is the installer that does."""
        return self.road == "disk" or (self.road == "install" and "ignition" in self.reached)

    def hear(self, line: str) -> None:
        """Remember a line of the console, unless it is remembered as a note."""
        if not FAILURE_LINE.search(line):
            self.console.append(line)

    def why(self) -> str:
        """The failure, with Ignition's own word for it when there is one."""
        blamed = [note[note.index("Ignition failed: ") :] for note in self.notes if "Ignition failed: " in note]
        return "; ".join([*([self.failure] if self.failure else []), *blamed[-1:]])

    def overdue(self, seconds: float, total: float) -> str | None:
        """Why the node's time is up, if it is."""
        stage = self.stage
        if stage == STAGES[-1] or stage not in ROADS[self.road]:
            return None
        following = ROADS[self.road][ROADS[self.road].index(stage) + 1]
        if seconds > total:
            return f"did not get to {following} within {total:.0f} s in total"
        limit = LIMITS[stage]
        if seconds - self.reached.get(stage, 0.0) > limit:
            return f"did not get from {stage} to {following} within {limit:.0f} s"
        return None
