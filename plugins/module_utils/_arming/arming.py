# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Armings: which machines may be installed now. Runs on the boot host; needs only the standard library.

The web server checks the file system at every request, and serves an installer only if all of this exists: the files of the
arming; a URL signed for it, for the requesting address and for a time that is not over; its gate (see ``gates``); its order, an
empty file of the served generation that exists as long as the inventory says what it said when the machine was armed; and
the placeholders of the reports that end an install, which those reports replace. If anything is missing, the machine boots its
own disk.

None of our code runs when a machine reports. So every run first settles what has happened since: see ``_settle``.
"""

from __future__ import annotations

import base64
import contextlib
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
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from .._host import durable
from .._host.foreign import NO_FILE, plain_file
from .._host.locks import locked
from .._routes import routes
from .gates import Gates, new_batch

#: The shortest and the longest time that machines may be armed, in seconds.
SHORTEST, LONGEST = 60, 24 * 3600

#: Files of an arming that the web server serves only to an armed machine.
SERVED = (routes.INSTALL_SCRIPT, routes.INSTALL_CONFIG)

_SCRIPT = "script.ipxe"
_NEW = ".new-"
_TOKEN = re.compile(r"[A-Za-z0-9_-]{43}")
_ADDRESS = re.compile(r"[0-9a-f.:]{2,45}")
_MAC = re.compile(r"[0-9a-f]{2}(-[0-9a-f]{2}){5}")
_DIGEST = re.compile(r"[0-9a-f]{32}")
_NETWORK = re.compile(r"[0-9a-f.:]{2,45}-[0-9]{1,3}")
_SECRET = re.compile(r'^set \$secure_link_secret "?([A-Za-z0-9]{32,})"?;$', re.MULTILINE)
_PATIENCE = 60  # seconds to wait for another run that arms or disarms
_REPORT_BYTES = 16 << 10
_TEXT, _LOG = 200, 4000  # characters that are kept of a report's values
_KEYS = ("hostname", "version", "config", "serial", "lost", "secure_boot", "message", "log")


class ArmingError(Exception):
    """Nothing was armed, and nothing that was armed before was changed."""


@dataclass(frozen=True)
class Places:
    """``installs`` is persistent; ``published`` is what the web server serves; *gid* is the web server's group."""

    installs: Path
    published: Path
    gates: Gates
    gid: int

    @property
    def armed(self) -> Path:
        return self.installs / routes.ARMED

    @property
    def reports(self) -> Path:
        return self.installs / routes.REPORTS


@dataclass(frozen=True, kw_only=True)
class _Machine:
    """What an order and its arming have in common: the machine, and what was ordered for it.

    ``macs`` are written with hyphens; ``limit`` is the number of seconds after which a started install has ended, one way or the
    other. The other boot host of a pair is a ``witness``: it serves no installer, and accepts the reports. ``about`` is kept for
    people and for `status`. ``serial`` is the serial number that the disk has to have, as found by the last installation.
    """

    token: str
    node: str
    address: str
    macs: tuple[str, ...]
    about: Mapping[str, Any]
    limit: int = 0
    witness: bool = False
    more_addresses: tuple[str, ...] = ()
    serial: str | None = None


@dataclass(frozen=True, kw_only=True)
class Order(_Machine):
    """One machine to arm. ``files`` are contents by name; ``script`` is what the machine gets instead of its own.

    ``digest`` covers everything that matters to the order; ``network`` is the node's, from which reports are accepted, such as
    ``10.0.0.0-24``.
    """

    digest: str
    network: str
    script: str
    files: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Arming(_Machine):
    """An arming as it was recorded. ``number`` counts all armings of the boot host: clocks jump, it does not. ``boot`` and
    ``offset`` later show how far the clock has jumped since."""

    number: int
    who: str
    when: int
    until: int
    boot: str = ""
    offset: int = 0


# --- shipping ------------------------------------------------------------------------------------------------------


def pack(orders: Iterable[Order]) -> bytes:
    """*orders* as one compressed archive."""
    return gzip.compress(json.dumps([vars(order) for order in orders]).encode(), 6)


def unpack(archive: bytes) -> list[Order]:
    """The orders in an archive; everything in them that becomes a file name is checked."""
    orders = [Order(**_with_tuples(entry)) for entry in json.loads(gzip.decompress(archive))]
    for order in orders:
        if not (_TOKEN.fullmatch(order.token) and all(map(_ADDRESS.fullmatch, (order.address, *order.more_addresses)))):
            raise ArmingError(f"{order.node}: its token or its address {order.address} is not valid")
        if not order.macs or not all(_MAC.fullmatch(mac) for mac in order.macs):
            raise ArmingError(
                f"{order.node}: expected MAC addresses with hyphens, got {', '.join(order.macs) or 'none'}"
            )
        if not (_DIGEST.fullmatch(order.digest) and _NETWORK.fullmatch(order.network)):
            raise ArmingError(f"{order.node}: its digest or its network {order.network} is not valid")
        expected = {routes.UNFINISHED} if order.witness else {*SERVED, routes.UNFINISHED}
        if set(order.files) != expected:
            raise ArmingError(
                f"{order.node}: expected {', '.join(sorted(expected))}, got {', '.join(order.files) or 'nothing'}"
            )
    return orders


def _with_tuples(entry: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that are lists in JSON."""
    return {key: tuple(value) if isinstance(value, list) else value for key, value in entry.items()}


def digest_of(terms: Mapping[str, Any]) -> str:
    """The name that an order is published under: 32 hexadecimal digits for everything that matters to it."""
    return hashlib.sha256(json.dumps(terms, sort_keys=True).encode()).hexdigest()[:32]


def sign(secret: str, token: str, network: str, until: int) -> str:
    """What replaces ``routes.UNSIGNED``: nginx's secure_link computes the same for the network that the request comes from."""
    digest = hashlib.md5(f"{until} {token} {network} {secret}".encode(), usedforsecurity=False).digest()
    return f"{base64.urlsafe_b64encode(digest).decode().rstrip('=')}/{until}"


def read_secret(path: Path) -> str:
    """The secret from the file that nginx includes."""
    try:
        found = _SECRET.search(path.read_text(encoding="ascii"))
    except (FileNotFoundError, UnicodeDecodeError):
        found = None
    if found is None:
        raise ArmingError(f"{path} does not hold the secret that the role web writes: run site.yml")
    return found[1]


# --- arming --------------------------------------------------------------------------------------------------------


def arm(places: Places, orders: Collection[Order], who: str, secret: str, seconds: int, again: bool = False) -> int:
    """Arm all machines in *orders* for so many seconds from now; returns when that is over.

    Their earlier armings are ended. Raises ``ArmingError``, with nothing changed, for a machine whose order is not published,
    and, unless *again*, for one that is being installed.
    """
    if not SHORTEST <= seconds <= LONGEST:
        raise ArmingError(f"machines are armed for {SHORTEST} to {LONGEST} seconds, not for {seconds}")
    with _locked(places):
        armings = _settle(places)
        _check(places, armings, orders, again)
        now = int(time.time())
        until = now + seconds
        batch = new_batch(seconds)
        history = _History(places, armings)
        last = max((arming.number for arming in armings), default=0)
        for number, order in enumerate(orders, last + 1):
            arming = _recorded(order, number, who, now, until)
            signature = sign(secret, order.token, order.network, until)
            links = {
                routes.GATE: places.gates.place(batch, order.token),
                routes.ORDER: places.published / routes.ORDERS / order.address / order.digest,
            }
            _write_arming(places, arming, order, _signed(order, signature), links, history.left_half_written(arming))
            _hold_places(places, order.token)
        durable.sync(places.reports)
        durable.sync(places.armed)
        _log(places, [_entry("armed", who, now, order) | {"until": until} for order in orders])
        words = {word for order in orders for word in _words(order)}
        former = [arming.token for arming in armings if words.intersection(_words(arming))]
        tokens = [order.token for order in orders if not order.witness]
        _settle(places, closed=former, opening=(batch, tokens))
    return until


def _check(places: Places, armings: Iterable[Arming], orders: Collection[Order], again: bool) -> None:
    for order in orders:
        if not order.witness and not (places.published / routes.ORDERS / order.address / order.digest).is_file():
            raise ArmingError(f"{order.node}: the order is not what is published: run site.yml, then try again")
    if again:
        return
    words = {word: order.node for order in orders for word in _words(order)}
    for arming in armings:
        if words.keys() & set(_words(arming)) and _is_under_way(places, arming):
            raise ArmingError(
                f"{arming.node} has been installing since {_clock(_when_started(places, arming))}: wait for it, or replace "
                "its order with -e install_again=true"
            )


def _recorded(order: Order, number: int, who: str, now: int, until: int) -> Arming:
    boot, offset = _clock_offset()
    ordered = {field.name: getattr(order, field.name) for field in fields(_Machine)}
    return Arming(**ordered, number=number, who=who, when=now, until=until, boot=boot, offset=offset)


def disarm(places: Places, words: Collection[str] | None, who: str, forget: bool = False) -> dict[str, str]:
    """End the armings of the machines that *words* name, by node name, MAC address with hyphens or IP address, or of all
    machines; returns what became of those that had one, by node name.

    A machine whose disk is half-written still gets the script that says so instead of its disk, unless that is to be forgotten.
    """
    with _locked(places):
        history = _History(places, _settle(places))
        told, ended, gates = {}, [], places.gates.tokens()
        for arming in history.latest:
            if not _is_meant(arming, words):
                continue
            half_written = history.half_written(arming)
            if arming.token in gates or (half_written and forget):
                ended.append(arming)
                told[arming.node] = "disarmed"
            if half_written:
                told[arming.node] = "forgotten" if forget else "half-written"
        try:
            _log(
                places, [_entry("disarmed", who, int(time.time()), arming) | {"forgotten": forget} for arming in ended]
            )
        finally:  # even on a full disk
            _settle(places, closed={arming.token for arming in ended})
        if forget:
            for arming in history.of(ended):
                _forget(places, arming)
            _settle(places)
    return told


def would_disarm(places: Places, words: Collection[str] | None, forget: bool = False) -> list[str]:
    """The nodes for which ``disarm`` would change something."""
    history = _History(places, _armings(places))
    gates = places.gates.tokens()
    return [
        arming.node
        for arming in history.latest
        if _is_meant(arming, words) and (arming.token in gates or (forget and history.half_written(arming)))
    ]


def settle(places: Places) -> None:
    """Remove what is over from the disk, and close the gates of orders that are not published."""
    with _locked(places):
        _settle(places)


def _words(machine: _Machine) -> tuple[str, ...]:
    """Everything by which somebody may know a machine."""
    return (machine.node, machine.address, *machine.more_addresses, *machine.macs)


def _is_meant(arming: Arming, words: Collection[str] | None) -> bool:
    return words is None or any(word in words for word in _words(arming))


def _signed(order: Order, signature: str) -> dict[str, str]:
    unsigned, signed = (f"{routes.order_url('', order.token, text)}/" for text in (routes.UNSIGNED, signature))
    files = {_SCRIPT: order.script, **order.files}
    return {name: text.replace(unsigned, signed) for name, text in files.items()}


def _write_arming(
    places: Places,
    arming: Arming,
    order: Order,
    files: Mapping[str, str],
    links: Mapping[str, Path],
    half_written: list[dict[str, Any]],
) -> None:
    """The arming's directory, complete before it has its name."""
    new = Path(tempfile.mkdtemp(prefix=_NEW, dir=places.armed))
    _write(new / routes.RECORD, json.dumps(vars(arming), indent=0), 0o600)
    marks = {routes.HALF_WRITTEN: json.dumps(half_written)} if half_written else {}
    marks |= {routes.WITNESS: ""} if order.witness else {}
    for name, text in (files | marks).items():
        _write(new / name, text, 0o640, places.gid)
    for name, target in ({} if order.witness else links).items():
        (new / name).symlink_to(target)
    network = new / routes.FROM / order.network
    network.mkdir(parents=True)
    for address in (order.address, *order.more_addresses):
        _write(network / address, "", 0o640, places.gid)
    for directory in (new, network.parent, network):
        os.chown(directory, -1, places.gid)
        directory.chmod(0o750)
    durable.sync(new)
    new.rename(places.armed / arming.token)


def _hold_places(places: Places, token: str) -> None:
    """The placeholders of the reports that end the install, which the web server may replace.

    They are complete before they get their names: one that is not executable yet would pass for a report. The web server's user
    may put a link in place of any name here, so nothing is created or chowned by path.
    """
    owner = places.reports.stat()
    new = Path(tempfile.mkdtemp(prefix=_NEW, dir=places.reports))
    directory = _open_own(new)
    try:
        for stage in routes.ENDS:
            place = os.open(stage, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o700, dir_fd=directory)
            try:
                os.fchmod(place, 0o700)
                os.fchown(place, owner.st_uid, owner.st_gid)
                os.fsync(place)
            finally:
                os.close(place)
        os.fchown(directory, owner.st_uid, owner.st_gid)
        os.fsync(directory)
    finally:
        os.close(directory)
    new.rename(places.reports / token)


def _open_own(directory: Path) -> int:
    """The directory that was just created, and nothing else that has taken its name since."""
    try:
        handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        handle = None
    if handle is not None:
        if os.fstat(handle).st_uid == os.geteuid():
            return handle
        os.close(handle)
    raise ArmingError(
        f"{directory} was replaced while it was created: find out what runs as the web server's user, and arm again"
    )


def _forget(places: Places, arming: Arming) -> None:
    """Its directory is renamed first: leftovers of a killed run are then recognisable."""
    left = Path(tempfile.mkdtemp(prefix=_NEW, dir=places.armed))
    (places.armed / arming.token).rename(left)
    shutil.rmtree(left)
    shutil.rmtree(places.reports / arming.token, ignore_errors=True)


# --- what has happened since ---------------------------------------------------------------------------------------


class _History:
    """All recorded armings, grouped by machine. Nodes are renamed and machines replaced: whatever has the name or a MAC address
    of an arming is the same machine."""

    def __init__(self, places: Places, armings: Iterable[Arming]) -> None:
        self._places = places
        self._by_key: dict[str, list[Arming]] = {}
        for arming in sorted(armings, key=lambda arming: arming.number):
            for key in _keys(arming):
                self._by_key.setdefault(key, []).append(arming)
        every = {arming.token: arming for line in self._by_key.values() for arming in line}
        self.latest = [arming for arming in every.values() if arming == self.of([arming])[-1]]

    def of(self, armings: Iterable[Arming]) -> list[Arming]:
        """All armings of the machines in *armings*, the latest last."""
        found = {a.token: a for arming in armings for key in _keys(arming) for a in self._by_key.get(key, ())}
        return sorted(found.values(), key=lambda arming: arming.number)

    def half_written(self, arming: Arming) -> bool:
        """Whether an install of the machine has started, and none has ended since."""
        return bool(self.left_half_written(arming))

    def left_half_written(self, arming: Arming) -> list[dict[str, Any]]:
        """The disks that installs of the machine started to write and did not finish, each with the machine that had it then:
        another disk, or another machine of that name, is not affected."""
        left = []
        for former in self.of([arming]):
            if _reported(self._places, former, "installed") or _reported(self._places, former, "running"):
                left = []
                continue
            left += _marked(self._places, former)
            if _has_begun(self._places, former):
                left.append(_target(former))
        return [disk for number, disk in enumerate(left) if disk not in left[:number]]

    def kept(self) -> set[str]:
        """The tokens of every machine's latest arming, and of the one that last installed it."""
        kept = {arming.token for arming in self.latest}
        for latest in self.latest:
            kept |= {a.token for a in [a for a in self.of([latest]) if _reported(self._places, a, "installed")][-1:]}
        return kept


def _keys(arming: Arming) -> tuple[str, ...]:
    return (f"node {arming.node}", *arming.macs)


def _settle(
    places: Places, closed: Collection[str] = frozenset(), opening: tuple[str, Collection[str]] | None = None
) -> list[Arming]:
    """Close and open gates, and bring everything else into line with what has happened; returns the remaining armings.

    The order makes it safe to be killed before any step: gates close; half-written disks are recorded where the machine will be
    pointed; machines are pointed to their latest arming; one rename opens the gates of a batch; what is over is removed. A machine
    is pointed to an arming as long as that is open or witnessed, or as long as its disk is half-written.
    """
    for left in places.armed.glob(f"{_NEW}*"):
        shutil.rmtree(left)
    for left in places.reports.glob(f"{_NEW}*"):  # or whatever else the web server's user named like that
        shutil.rmtree(left, ignore_errors=True)
    history = _History(places, _armings(places))
    gates = places.gates.tokens()
    armed = {
        arming.token
        for arming in history.latest
        if arming.token in gates and arming.token not in closed and _is_open(places, arming)
    }
    places.gates.close(gates - armed)
    batch, tokens = opening or ("", ())
    armed.update(tokens)
    scripts = {}
    for arming in history.latest:
        half_written = history.left_half_written(arming)
        if half_written:
            _mark(places, arming, half_written)
        if half_written or arming.token in armed or _is_witnessed(places, arming):
            addresses = (arming.address, *arming.more_addresses)
            scripts |= {
                Path(address, routes.script_name(mac)): arming.token for address in addresses for mac in arming.macs
            }
        if half_written:  # whatever address it has now
            scripts |= {Path(routes.HALF_WRITTEN, routes.script_name(mac)): arming.token for mac in arming.macs}
    _point(places, scripts)
    if tokens:
        places.gates.open(batch, tokens)
    return list(_take_away(places, history, armed))


def _is_open(places: Places, arming: Arming) -> bool:
    """Whether the web server still honours it."""
    awaited = all(_is_awaited(places, arming, stage) for stage in routes.ENDS)
    return awaited and time.time() <= arming.until and _file(places, arming, routes.ORDER).is_file()


def _is_witnessed(places: Places, arming: Arming) -> bool:
    """Whether the other boot host's install may start at any time, with only its machine to report that here."""
    return arming.witness and all(_is_awaited(places, arming, stage) for stage in routes.ENDS)


def _is_awaited(places: Places, arming: Arming, stage: str) -> bool:
    return os.access(places.reports / arming.token / stage, os.X_OK)


def _is_under_way(places: Places, arming: Arming) -> bool:
    """Whether its install has started, has not ended, and may still run."""
    if not _reported(places, arming, routes.STARTED) or any(_reported(places, arming, stage) for stage in routes.ENDS):
        return False
    return time.time() - _jump_since(arming) < _when_started(places, arming) + arming.limit


def _has_begun(places: Places, arming: Arming) -> bool:
    """Whether its machine may have written to the disk: it reported so, and did not report that it stopped before writing."""
    return _reported(places, arming, routes.STARTED) and not _reported(places, arming, routes.UNTOUCHED)


def _jump_since(arming: Arming) -> int:
    """By how many seconds, as far as is known, the clock has been set forward since: they have not passed."""
    boot, offset = _clock_offset()
    return max(0, offset - arming.offset) if boot == arming.boot else 0


def _clock_offset() -> tuple[str, int]:
    """This host's boot id, and how far its clock is ahead of the time since that boot."""
    boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    return boot, round(time.time() - time.clock_gettime(time.CLOCK_BOOTTIME))


def _when_started(places: Places, arming: Arming) -> int:
    return int((places.reports / arming.token / routes.STARTED).stat().st_ctime)


def _target(arming: Arming) -> dict[str, Any]:
    """Which machine's disk an arming is for, and which disk."""
    return {"disk": arming.about.get("disk"), "serial": arming.about.get("serial"), "macs": list(arming.macs)}


def _marked(places: Places, arming: Arming) -> list[dict[str, Any]]:
    """What was half-written when it was armed, or was found to be later; a mark that names no disk counts all the same."""
    try:
        text = _file(places, arming, routes.HALF_WRITTEN).read_text(encoding="utf-8")
    except FileNotFoundError:
        return []
    try:
        return json.loads(text) or [{}]
    except ValueError:
        return [{}]


def _mark(places: Places, arming: Arming, half_written: list[dict[str, Any]]) -> None:
    mark = _file(places, arming, routes.HALF_WRITTEN)
    if not mark.exists() and not _has_begun(places, arming):
        _write(mark, json.dumps(half_written), 0o640, places.gid)
        durable.sync(mark.parent)


def _point(places: Places, wanted: Mapping[Path, str]) -> None:
    """Make exactly these scripts exist, each a link to that of its arming."""
    root = places.installs / routes.ORDERED_SCRIPTS
    for script, token in wanted.items():
        path, target = root / script, f"../../{routes.ARMED}/{token}/{_SCRIPT}"
        if not path.is_symlink() or str(path.readlink()) != target:
            path.parent.mkdir(mode=0o755, exist_ok=True)
            new = path.with_name(_NEW)
            new.unlink(missing_ok=True)
            new.symlink_to(target)
            new.replace(path)
            durable.sync(path.parent)
    durable.sync(root)
    for directory in root.iterdir():
        for script in directory.iterdir():
            if script.relative_to(root) not in wanted:
                script.unlink()
        with contextlib.suppress(OSError):  # it is not empty
            directory.rmdir()


def _take_away(places: Places, history: _History, armed: Collection[str]) -> Iterator[Arming]:
    """Remove what is over; returns the remaining armings."""
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
                recorded = json.loads((directory / routes.RECORD).read_text(encoding="utf-8"))
                found.append(Arming(**_with_tuples(recorded)))
            except (FileNotFoundError, ValueError, TypeError, KeyError) as damage:
                raise ArmingError(f"{directory} is damaged ({damage}): remove it, and arm its machine again") from None
    return found


def _file(places: Places, arming: Arming, name: str) -> Path:
    return places.armed / arming.token / name


def _reported(places: Places, arming: Arming, stage: str) -> bool:
    return _is_report(places.reports / arming.token / stage)


def _is_report(path: Path) -> bool:
    """A placeholder is not one. What exists and cannot be read is not missing: raises ``OSError``."""
    try:
        mode = path.lstat().st_mode
    except OSError as error:
        if error.errno not in NO_FILE:
            raise
        return False
    return stat.S_ISREG(mode) and not mode & stat.S_IXUSR


# --- the log -------------------------------------------------------------------------------------------------------


def _entry(what: str, who: str, when: int, machine: _Machine) -> dict[str, Any]:
    """A line of the log. It contains nothing that would get anybody served: no token."""
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


def read(places: Places, words: Collection[str] | None = None) -> list[dict[str, Any]]:
    """The armings of the machines that *words* name (see ``disarm``), or all of them, the latest first, each with its reports."""
    history = _History(places, _armings(places))
    gates, latest = places.gates.tokens(), {arming.token for arming in history.latest}
    return [
        {
            "number": arming.number,
            "node": arming.node,
            "address": arming.address,
            "more_addresses": list(arming.more_addresses),
            "macs": list(arming.macs),
            "who": arming.who,
            "when": arming.when,
            "until": arming.until,
            "about": dict(arming.about),
            "serial": arming.serial,
            "witness": arming.witness,
            "armed": arming.token in gates and arming.token in latest and _is_open(places, arming),
            "under_way": _is_under_way(places, arming),
            "half_written": arming.token in latest and history.half_written(arming),
            "left_half_written": history.left_half_written(arming) if arming.token in latest else [],
            "reports": read_reports(places, arming.token),
        }
        for arming in sorted(history.of(history.latest), key=lambda arming: -arming.number)
        if _is_meant(arming, words)
    ]


def read_tokens(places: Places, hashes: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """The reports of nodes in RAM, by node; *hashes* maps the SHA-256 of their tokens to the nodes that have them."""
    found = {}
    for directory in places.reports.iterdir():
        node = hashes.get(hashlib.sha256(os.fsencode(directory.name)).hexdigest())
        if node:
            found[node] = read_reports(places, directory.name)
    return found


def read_reports(places: Places, token: str) -> dict[str, dict[str, Any]]:
    """What was reported with *token*, by stage; ``when`` is when the boot host wrote it, whatever the machine's clock says.

    It is not the file's modification time: whoever PUTs a file may set that.
    """
    reports = {}
    for stage in routes.STAGES:
        with plain_file(places.reports / token / stage) as handle:
            status = None if handle is None else os.fstat(handle)
            if status and not status.st_mode & stat.S_IXUSR:  # else it is a placeholder
                reports[stage] = {**_believed(os.read(handle, _REPORT_BYTES + 1)), "when": int(status.st_ctime)}
    return reports


def _believed(content: bytes) -> dict[str, str]:
    """A report's values. Anybody with access to a machine may have written it: it is shown, and nothing more."""
    try:
        report = json.loads(content) if len(content) <= _REPORT_BYTES else None
    except (ValueError, RecursionError):
        report = None
    if not isinstance(report, dict):
        return {}
    texts = {key: str(report[key]) for key in _KEYS if isinstance(report.get(key), str | int)}
    return {key: _printable(text, _LOG if key == "log" else _TEXT) for key, text in texts.items()}


def _clock(when: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(when))


def _printable(text: str, longest: int) -> str:
    """The end of *text*, where a log says what went wrong, without control characters."""
    return "".join(letter if letter.isprintable() or letter == "\n" else "?" for letter in text[-longest:])


# --- files ---------------------------------------------------------------------------------------------------------


def _locked(places: Places) -> contextlib.AbstractContextManager[None]:
    """One run at a time: each takes a moment."""
    path = places.installs / ".lock"
    message = f"another run has held {path} for more than {_PATIENCE} s: let it end (`fuser -v {path}` names it), then run again"
    return locked(path, _PATIENCE, lambda: ArmingError(message))


def _write(path: Path, text: str, mode: int, gid: int = -1) -> None:
    def own(handle: int) -> None:
        os.fchown(handle, -1, gid)
        os.fchmod(handle, mode)

    durable.write_new(path, text.encode(), own)


__all__ = (
    "LONGEST",
    "SERVED",
    "SHORTEST",
    "Arming",
    "ArmingError",
    "Order",
    "Places",
    "arm",
    "digest_of",
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
