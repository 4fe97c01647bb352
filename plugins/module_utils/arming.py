"""Armings: which machines may be installed now. Runs on the boot host; needs the standard library alone.

The web server asks the file system at every request, and gives an installer only if all of this is there: the files of the
arming; a URL signed for it, for the address that asks and for a time that is not over; a gate, an empty file in memory; and
no report that the install ended. Whatever is missing, the machine boots its own disk.

Gates are one directory that one rename replaces: that rename arms all machines of a batch and ends all armings that they had,
and whoever is killed before it has armed nothing. They are forgotten when the boot host starts anew, because its clock may be
wrong then, and a clock that was put back would bring an arming of last month to life.

Nothing of ours runs when a machine reports. So every run first settles what happened since: see ``_settle``.
"""

from __future__ import annotations

import base64
import contextlib
import fcntl
import gzip
import hashlib
import json
import os
import re
import shutil
import stat
import tempfile
import time
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

#: What a machine reports, in the order in which it gets there.
STAGES = ("started", "failed", "installed", "running")

#: Stands in scripts where the boot host, whose secret and clock count, fills in signature and time.
UNSIGNED = "SIGNATURE/EXPIRES"

#: Files of an arming that the web server gives to an armed machine alone.
SERVED = ("install.ipxe", "install.ign")

#: Served as long as an install was begun and not ended: the machine's disk is half-written.
UNFINISHED = "unfinished.ipxe"

_RECORD = "arming.json"
_SCRIPT = "script.ipxe"
_HALF_WRITTEN = "half-written"
_NEW = ".new-"
_GATES = "gates-"
_TOKEN = re.compile(r"[A-Za-z0-9_-]{43}")
_ADDRESS = re.compile(r"[0-9a-f.:]{2,45}")
_MAC = re.compile(r"[0-9a-f]{2}(-[0-9a-f]{2}){5}")
_SECRET = re.compile(r'^set \$secure_link_secret "?([A-Za-z0-9]{32,})"?;$', re.MULTILINE)
_REPORT_BYTES = 16 << 10
_TEXT, _LOG = 200, 4000  # characters that are believed of a report's values
_KEYS = ("hostname", "version", "config", "message", "log")


class ArmingError(Exception):
    """Nothing was armed, and nothing that was armed before was changed."""


@dataclass(frozen=True)
class Places:
    """``installs`` is kept, ``live`` is memory that a restart of the host empties; *gid* is the web server's group."""

    installs: Path
    live: Path
    gid: int

    @property
    def armed(self) -> Path:
        return self.installs / "armed"

    @property
    def reports(self) -> Path:
        return self.installs / "reports"


@dataclass(frozen=True)
class Order:
    """One machine to arm. ``files`` are texts by name; ``script`` is what the machine is given instead of its own.

    ``macs`` are written with hyphens. ``about`` is kept with the arming, for people and for `status`.
    """

    token: str
    node: str
    address: str
    macs: tuple[str, ...]
    script: str
    files: Mapping[str, str]
    about: Mapping[str, str]


@dataclass(frozen=True)
class Arming:
    """An arming as it was recorded. ``number`` counts all armings of the boot host: clocks jump, it does not."""

    token: str
    number: int
    node: str
    address: str
    macs: tuple[str, ...]
    who: str
    when: int
    until: int
    about: Mapping[str, str]


# --- shipping ------------------------------------------------------------------------------------------------------


def pack(orders: Iterable[Order]) -> bytes:
    """*orders* as one compressed archive."""
    return gzip.compress(json.dumps([vars(order) for order in orders]).encode(), 6)


def unpack(archive: bytes) -> list[Order]:
    """The orders in an archive, checked as far as they become names of files."""
    orders = [Order(**entry | {"macs": tuple(entry["macs"])}) for entry in json.loads(gzip.decompress(archive))]
    for order in orders:
        if not (_TOKEN.fullmatch(order.token) and _ADDRESS.fullmatch(order.address)):
            raise ArmingError(f"{order.node}: its token or its address {order.address} is none")
        if not order.macs or not all(_MAC.fullmatch(mac) for mac in order.macs):
            raise ArmingError(
                f"{order.node}: expected MAC addresses with hyphens, got {', '.join(order.macs) or 'none'}"
            )
        if set(order.files) != {*SERVED, UNFINISHED}:
            raise ArmingError(
                f"{order.node}: expected {', '.join((*SERVED, UNFINISHED))}, got {', '.join(order.files)}"
            )
    return orders


def sign(secret: str, token: str, address: str, until: int) -> str:
    """What stands in place of ``UNSIGNED``: nginx's secure_link works out the same for the address that asks."""
    digest = hashlib.md5(f"{until} {token} {address} {secret}".encode(), usedforsecurity=False).digest()
    return f"{base64.urlsafe_b64encode(digest).decode().rstrip('=')}/{until}"


def read_secret(path: Path) -> str:
    """The secret out of the file that nginx includes."""
    try:
        found = _SECRET.search(path.read_text(encoding="ascii"))
    except (FileNotFoundError, UnicodeDecodeError):
        found = None
    if found is None:
        raise ArmingError(f"{path} does not hold the secret that the role web writes: run site.yml")
    return found[1]


# --- arming --------------------------------------------------------------------------------------------------------


def arm(places: Places, orders: Collection[Order], who: str, secret: str, seconds: int) -> int:
    """Arm all machines in *orders*, from now on for so many seconds; returns when that is over.

    What they had been armed with before ends at the same moment.
    """
    with _locked(places):
        armings = _settle(places)
        now = int(time.time())
        until = now + seconds
        history = _History(places, armings)
        last = max((arming.number for arming in armings), default=0)
        for number, order in enumerate(orders, last + 1):
            about = dict(order.about)
            arming = Arming(order.token, number, order.node, order.address, order.macs, who, now, until, about)
            signature = sign(secret, order.token, order.address, until)
            _write_arming(places, arming, _signed(order, signature), history.half_written(arming))
        _sync(places.armed)
        _log(places, [_entry("armed", who, now, order) | {"until": until} for order in orders])
        _settle(places, opened={order.token for order in orders})
    return until


def disarm(places: Places, nodes: Collection[str], who: str, forget: bool = False) -> dict[str, str]:
    """End the armings of *nodes*; says of each that there was something to say of what became of it.

    A machine whose disk is half-written is still told so instead of being sent to it, unless it is to be forgotten.
    """
    with _locked(places):
        armings = _settle(places)
        history = _History(places, armings)
        told, ended, gates = {}, [], _gates(places)
        for arming in history.latest:
            if arming.node not in nodes:
                continue
            half_written = history.half_written(arming)
            if arming.token in gates or (half_written and forget):
                ended.append(arming)
                told[arming.node] = "disarmed"
            if half_written:
                told[arming.node] = "forgotten" if forget else "half-written"
        _log(places, [_entry("disarmed", who, int(time.time()), arming) | {"forgotten": forget} for arming in ended])
        _settle(places, closed={arming.token for arming in ended})
        if forget:
            for arming in history.of(ended):
                _forget(places, arming)
            _settle(places)
    return told


def would_disarm(places: Places, nodes: Collection[str], forget: bool = False) -> list[str]:
    """Those of *nodes* for which ``disarm`` would change something."""
    history = _History(places, _armings(places))
    gates = _gates(places)
    return [
        arming.node
        for arming in history.latest
        if arming.node in nodes and (arming.token in gates or (forget and history.half_written(arming)))
    ]


def settle(places: Places) -> None:
    """Take what is over off the disk."""
    with _locked(places):
        _settle(places)


def _signed(order: Order, signature: str) -> dict[str, str]:
    unsigned, signed = f"/armed/{UNSIGNED}/{order.token}/", f"/armed/{signature}/{order.token}/"
    files = {_SCRIPT: order.script, **order.files}
    return {name: text.replace(unsigned, signed) for name, text in files.items()}


def _write_arming(places: Places, arming: Arming, files: Mapping[str, str], half_written: bool) -> None:
    """The arming's directory, complete before it has its name."""
    new = Path(tempfile.mkdtemp(prefix=_NEW, dir=places.armed))
    _write(new / _RECORD, json.dumps(vars(arming), indent=0), 0o600)
    for name, text in (*files.items(), *([(_HALF_WRITTEN, "")] if half_written else [])):
        _write(new / name, text, 0o640, places.gid)
    os.chown(new, -1, places.gid)
    new.chmod(0o750)
    _sync(new)
    new.rename(places.armed / arming.token)


def _forget(places: Places, arming: Arming) -> None:
    """Its directory loses its name first: what is left of a killed run is then known as such."""
    left = Path(tempfile.mkdtemp(prefix=_NEW, dir=places.armed))
    (places.armed / arming.token).rename(left)
    shutil.rmtree(left)
    shutil.rmtree(places.reports / arming.token, ignore_errors=True)


# --- what happened since -------------------------------------------------------------------------------------------


class _History:
    """All recorded armings, put in order by machine. Nodes are renamed and machines replaced: whoever has the name or a MAC
    address of an arming is the same machine."""

    def __init__(self, places: Places, armings: Iterable[Arming]) -> None:
        self._places = places
        self._by_key: dict[str, list[Arming]] = {}
        for arming in sorted(armings, key=lambda arming: arming.number):
            for key in _keys(arming):
                self._by_key.setdefault(key, []).append(arming)
        every = {arming.token: arming for line in self._by_key.values() for arming in line}
        self.latest = [arming for arming in every.values() if arming == self.of([arming])[-1]]

    def of(self, armings: Iterable[Arming]) -> list[Arming]:
        """All armings of the machines that *armings* are of, the latest last."""
        found = {a.token: a for arming in armings for key in _keys(arming) for a in self._by_key.get(key, ())}
        return sorted(found.values(), key=lambda arming: arming.number)

    def half_written(self, arming: Arming) -> bool:
        """Whether an install of the machine was begun, and none ended since."""
        half_written = False
        for former in self.of([arming]):
            if _reported(self._places, former, "installed"):
                half_written = False
            elif _reported(self._places, former, "started") or _file(self._places, former, _HALF_WRITTEN).exists():
                half_written = True
        return half_written

    def kept(self) -> set[str]:
        """The tokens of every machine's latest arming, and of the one that it was last installed by."""
        kept = {arming.token for arming in self.latest}
        for latest in self.latest:
            kept |= {a.token for a in [a for a in self.of([latest]) if _reported(self._places, a, "installed")][-1:]}
        return kept


def _keys(arming: Arming) -> tuple[str, ...]:
    return (f"node {arming.node}", *arming.macs)


def _settle(
    places: Places, opened: Collection[str] = frozenset(), closed: Collection[str] = frozenset()
) -> list[Arming]:
    """Open and close gates, and bring everything else into line with what happened; the armings that are left.

    In this order, whatever step it is killed before: what is known of half-written disks is written down where the machine
    will be pointed; machines are pointed to their latest arming; one rename switches the gates; what is over goes. A
    machine is pointed to an arming as long as that is open, or as long as its disk is half-written.
    """
    for left in places.armed.glob(f"{_NEW}*"):
        shutil.rmtree(left)
    history = _History(places, _armings(places))
    gates = _gates(places)
    wanted = (gates | set(opened)) - set(closed)
    armed = {arming.token for arming in history.latest if arming.token in wanted and _is_open(places, arming)}
    scripts = {}
    for arming in history.latest:
        half_written = history.half_written(arming)
        if half_written:
            _mark(places, arming)
        if half_written or arming.token in armed:
            scripts |= {Path(arming.address, f"{mac}.ipxe"): arming.token for mac in arming.macs}
    _point(places, scripts)
    if armed != gates:
        _switch(places, armed)
    return list(_take_away(places, history, armed))


def _is_open(places: Places, arming: Arming) -> bool:
    """Whether the web server still honours it."""
    ended = any(_reported(places, arming, stage) for stage in ("installed", "failed"))
    return not ended and time.time() <= arming.until


def _mark(places: Places, arming: Arming) -> None:
    mark = _file(places, arming, _HALF_WRITTEN)
    if not mark.exists() and not _reported(places, arming, "started"):
        _write(mark, "", 0o640, places.gid)
        _sync(mark.parent)


def _point(places: Places, wanted: Mapping[Path, str]) -> None:
    """Let exactly these scripts be, each a link to that of its arming."""
    root = places.installs / "scripts"
    for script, token in wanted.items():
        path, target = root / script, f"../../armed/{token}/{_SCRIPT}"
        if not path.is_symlink() or str(path.readlink()) != target:
            path.parent.mkdir(mode=0o755, exist_ok=True)
            new = path.with_name(_NEW)
            new.unlink(missing_ok=True)
            new.symlink_to(target)
            new.replace(path)
            _sync(path.parent)
    _sync(root)
    for directory in root.iterdir():
        for script in directory.iterdir():
            if script.relative_to(root) not in wanted:
                script.unlink()
        with contextlib.suppress(OSError):  # it is not empty
            directory.rmdir()


def _switch(places: Places, tokens: Iterable[str]) -> None:
    """Let these and no others be armed, by one rename."""
    places.live.mkdir(mode=0o750, parents=True, exist_ok=True)
    os.chown(places.live, -1, places.gid)  # names of gates are tokens
    gates = Path(tempfile.mkdtemp(prefix=_GATES, dir=places.live))
    for token in tokens:
        (gates / token).touch()
    gates.chmod(0o755)
    new = places.live / _NEW
    new.unlink(missing_ok=True)
    new.symlink_to(gates.name)
    new.replace(places.live / "armed")
    for old in places.live.glob(f"{_GATES}*"):
        if old != gates:
            shutil.rmtree(old)


def _take_away(places: Places, history: _History, armed: Collection[str]) -> Iterator[Arming]:
    """Take away what is over; what is left of the armings."""
    kept = history.kept()
    for arming in history.of(history.latest):
        if arming.token not in armed:
            for name in SERVED:
                _file(places, arming, name).unlink(missing_ok=True)
        if arming.token in kept:
            yield arming
        else:
            _forget(places, arming)


def _armings(places: Places) -> list[Arming]:
    found = []
    for directory in places.armed.iterdir():
        if _TOKEN.fullmatch(directory.name):
            try:
                recorded = json.loads((directory / _RECORD).read_text(encoding="utf-8"))
                found.append(Arming(**recorded | {"macs": tuple(recorded["macs"])}))
            except (FileNotFoundError, ValueError, TypeError, KeyError) as damage:
                raise ArmingError(f"{directory} is damaged ({damage}): remove it, and arm its machine again") from None
    return found


def _gates(places: Places) -> set[str]:
    try:
        return {path.name for path in (places.live / "armed").iterdir()}
    except FileNotFoundError:
        return set()


def _file(places: Places, arming: Arming, name: str) -> Path:
    return places.armed / arming.token / name


def _reported(places: Places, arming: Arming, stage: str) -> bool:
    return (places.reports / arming.token / stage).is_file()


# --- the log -------------------------------------------------------------------------------------------------------


def _entry(what: str, who: str, when: int, machine: Order | Arming) -> dict[str, Any]:
    """A line of the log. It says nothing that would help anybody to be served: no token."""
    return {
        "when": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(when)),
        "what": what,
        "who": who,
        "node": machine.node,
        "address": machine.address,
        "macs": list(machine.macs),
    }


def _log(places: Places, entries: Iterable[Mapping[str, Any]]) -> None:
    lines = "".join(f"{json.dumps(entry)}\n" for entry in entries)
    handle = os.open(places.installs / "log", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o640)
    with os.fdopen(handle, "w") as file:
        file.write(lines)
        file.flush()
        os.fsync(file.fileno())


# --- reading -------------------------------------------------------------------------------------------------------


def read(places: Places, names: Collection[str] | None = None) -> dict[str, list[dict[str, Any]]]:
    """What is recorded of the nodes *names*, or of all: their armings, the latest first, each with what was reported."""
    history = _History(places, _armings(places))
    gates, latest = _gates(places), {arming.token for arming in history.latest}
    told: dict[str, list[dict[str, Any]]] = {}
    for arming in sorted(history.of(history.latest), key=lambda arming: -arming.number):
        if names is not None and arming.node not in names:
            continue
        told.setdefault(arming.node, []).append(
            {
                "number": arming.number,
                "who": arming.who,
                "when": arming.when,
                "until": arming.until,
                "about": dict(arming.about),
                "armed": arming.token in gates and arming.token in latest and _is_open(places, arming),
                "half_written": arming.token in latest and history.half_written(arming),
                "reports": read_reports(places, arming.token),
            }
        )
    return told


def read_tokens(places: Places, hashes: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """The reports of nodes in RAM, by node; *hashes* are the SHA-256 of their tokens, and the nodes that have them."""
    found = {}
    for directory in places.reports.iterdir():
        node = hashes.get(hashlib.sha256(directory.name.encode()).hexdigest())
        if node:
            found[node] = read_reports(places, directory.name)
    return found


def read_reports(places: Places, token: str) -> dict[str, dict[str, Any]]:
    """What came with *token*, by stage; ``when`` is when the boot host wrote it, whatever the machine's clock says.

    Not the time of the file's content: whoever PUTs a file may set that.
    """
    reports = {}
    for stage in STAGES:
        try:
            handle = os.open(places.reports / token / stage, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except OSError:
            continue
        try:
            status = os.fstat(handle)
            if stat.S_ISREG(status.st_mode):
                reports[stage] = {**_believed(os.read(handle, _REPORT_BYTES + 1)), "when": int(status.st_ctime)}
        finally:
            os.close(handle)
    return reports


def _believed(content: bytes) -> dict[str, str]:
    """A report's texts. Anybody may have written it who has had a machine in hands: it is shown, and nothing more."""
    try:
        report = json.loads(content) if len(content) <= _REPORT_BYTES else None
    except (ValueError, RecursionError):
        report = None
    if not isinstance(report, dict):
        return {}
    texts = {key: str(report[key]) for key in _KEYS if isinstance(report.get(key), str | int)}
    return {key: _printable(text, _LOG if key == "log" else _TEXT) for key, text in texts.items()}


def _printable(text: str, longest: int) -> str:
    """The end of *text*, where a log says what went wrong, without what a terminal would obey."""
    return "".join(letter if letter.isprintable() or letter == "\n" else "?" for letter in text[-longest:])


# --- files ---------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def _locked(places: Places) -> Iterator[None]:
    """One run after the other: each takes a moment, and the lock ends with the process that holds it."""
    with (places.installs / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _write(path: Path, text: str, mode: int, gid: int = -1) -> None:
    with path.open("x", encoding="utf-8") as file:
        os.fchown(file.fileno(), -1, gid)
        os.fchmod(file.fileno(), mode)
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def _sync(directory: Path) -> None:
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


__all__ = (
    "SERVED",
    "STAGES",
    "UNFINISHED",
    "UNSIGNED",
    "Arming",
    "ArmingError",
    "Order",
    "Places",
    "arm",
    "disarm",
    "pack",
    "read",
    "read_reports",
    "read_secret",
    "read_tokens",
    "settle",
    "sign",
    "unpack",
    "would_disarm",
)
