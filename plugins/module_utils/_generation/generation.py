# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Generations: immutable, complete trees of published files; a symlink names the served one.

A generation is written beside the served one, made durable, and switched to by one rename. Whenever a run is killed, a complete
generation is served: the old one or the new one. Needs only the standard library; runs on the boot host.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import re
import secrets
import shutil
import stat
import tarfile
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from .._host import durable
from .._host.file_tree import make_directories
from .._host.locks import locked
from .._routes import routes
from .._routes.host_paths import CURRENT
from . import former, history, outline, publishings

GENERATIONS = "generations"
KEY = "key"
KEY_FORM = re.compile("[0-9a-f]{64}")
_MANIFEST = "manifest"
_UNFINISHED = ".unfinished-"


class GenerationError(Exception):
    """A generation cannot be published; nothing that is served has changed."""


@dataclass(frozen=True)
class Access:
    """Who may read a generation: ``private`` names its top-level entries that only root and group *gid* can read, ``secret``
    those that only root can read.
    """

    private: frozenset[str]
    secret: frozenset[str]
    gid: int

    def of(self, top: str) -> tuple[int, int]:
        """The group, or -1, and the mode of a file in the generation's directory *top*, or of a file of that name."""
        if top in self.secret:
            return -1, 0o600
        return (self.gid, 0o640) if top in self.private else (-1, 0o644)


def pack(files: Mapping[str, str], served: Mapping[str, str] | None = None) -> bytes:
    """*files*, contents by path, as one compressed archive: of their manifest and of their contents only what differs from the
    manifest *served*, which is that of what is served where the archive is unpacked.
    """
    manifest, there = manifest_of(files), served or {}
    held = set(there.values())
    contents = {manifest[path]: content for path, content in files.items() if manifest[path] not in held}
    listed = {
        "after": digest_of(there) if there else None,
        "files": {path: sha256 for path, sha256 in manifest.items() if there.get(path) != sha256},
        "gone": sorted(there.keys() - manifest.keys()),
    }
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz", compresslevel=6) as archive:
        for name, text in ((_MANIFEST, json.dumps(listed)), *sorted(contents.items())):
            data = text.encode()
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return buffer.getvalue()


def manifest_of(files: Mapping[str, str]) -> dict[str, str]:
    """The SHA-256 of every file by its path."""
    return {path: hashlib.sha256(content.encode()).hexdigest() for path, content in files.items()}


def digest_of(manifest: Mapping[str, str]) -> str:
    """One digest for a whole tree: paths and contents, in a fixed order."""
    lines = "".join(f"{path}\0{sha256}\n" for path, sha256 in sorted(manifest.items()))
    return hashlib.sha256(lines.encode()).hexdigest()[:32]


def parts_of(manifest: Mapping[str, str]) -> dict[str, str]:
    """The digests of its parts, by ``part_of``. Two manifests can be compared by these, and only differing parts be exchanged."""
    parts: dict[str, dict[str, str]] = {}
    for path, sha256 in manifest.items():
        parts.setdefault(part_of(path), {})[path] = sha256
    return {part: digest_of(within) for part, within in parts.items()}


def part_of(path: str) -> str:
    """One of 256: where a few files differ, few parts do."""
    return hashlib.sha256(path.encode()).hexdigest()[:2]


def read_manifest(root: Path) -> dict[str, str]:
    """The manifest of what is served below *root* now, from the files themselves; empty if nothing is."""
    return _manifest(root / CURRENT)


def _manifest(tree: Path) -> dict[str, str]:
    paths = (path for path in tree.rglob("*") if path.is_file()) if tree.is_dir() else ()
    return {str(path.relative_to(tree)): _sha256(path) for path in paths}


def read_key(root: Path) -> str | None:
    """The boot host's key, from which the tokens of its nodes are derived; None if it has none yet."""
    try:
        key = (root / KEY).read_text(encoding="ascii").strip()
    except FileNotFoundError:
        return None
    if not KEY_FORM.fullmatch(key):
        raise GenerationError(f"{root / KEY} is damaged: remove it to get a new key (nodes then get new URLs)")
    return key


def make_key(root: Path, given: str | None = None) -> str:
    """The boot host's key: the *given* one; or else the one that it has, or a new one if it has none yet."""
    if read_key(root) is None or given not in (None, read_key(root)):
        make_directories(root)
        with _locked(root):
            if given or read_key(root) is None:  # still: another run may have made it before we got the lock
                durable.replace(root / KEY, f"{given or new_key()}\n".encode())
                durable.sync(root)
    return read_key(root)


def new_key() -> str:
    return secrets.token_hex(32)


def publish(
    root: Path, archive: Path, digest: str, access: Access, keep: int, checkout: Mapping[str, Any] | None = None
) -> Path:
    """Write the generation in *archive*, switch to it, drop all but the newest *keep*; returns its directory. *checkout* is what
    is known of where it comes from, in the form of ``publishings.CHECKOUT``.

    Raises ``GenerationError`` if another run is under way or the archive does not match *digest*.
    """
    generations = root / GENERATIONS
    make_directories(generations)
    with _locked(root):
        record = _history(root)
        if record.is_held:
            raise GenerationError(f"{hold_message(record)} Nothing was published")
        _drop_unfinished(generations)
        # One that was removed since the last record may return: it then follows what is served now
        record = record.only({path.name for path in generations.iterdir()})
        unfinished = Path(tempfile.mkdtemp(prefix=_UNFINISHED, dir=generations))
        generation = _free_name(generations, digest)
        try:
            _fill(unfinished, archive, digest, access)
            unfinished.rename(generation)
            durable.sync(generations)
            now = history.now()
            record = record.served(generation.name, now)
            publishings.add(root, generation.name, checkout or {}, now)
            _note(root, record)
            _switch(root, generation)
        except BaseException:
            for left in (unfinished, generation):
                if left.name != served_name(root):
                    shutil.rmtree(left, ignore_errors=True)
            raise
        _prune(generations, record, keep)
    return generation


def confirm(root: Path, checkout: Mapping[str, Any]) -> None:
    """Record that *checkout* describes what is served, too. While another run publishes, that one records its own."""
    served = served_name(root)
    if served:
        with contextlib.suppress(GenerationError), _locked(root):
            publishings.confirm(root, served, checkout, history.now())


def published(root: Path) -> dict[str, Any]:
    """What is known of where the served generation comes from, and the numbers of what was published, by inventory digest."""
    return {"served": publishings.publishing_of(root, served_name(root)), "numbers": publishings.numbers(root)}


def tidy(root: Path) -> None:
    """Remove what a killed run left behind: if it had switched already, there may never be another publishing."""
    generations = root / GENERATIONS
    if any(generations.glob(f"{_UNFINISHED}*")):
        with contextlib.suppress(GenerationError, OSError), _locked(root):
            _drop_unfinished(generations)


def served_history(root: Path) -> tuple[history.History, list[str]]:
    """In which order the generations below *root* were served, and the names of those that exist."""
    generations = root / GENERATIONS
    names = sorted(path.name for path in generations.glob("[!.]*")) if generations.is_dir() else []
    return _history(root), names


def go_back(root: Path, wanted: str | None, images: Path, dry: bool = False) -> tuple[str, bool]:
    """Switch to the generation before the served one, or to the one whose name starts with *wanted*, and hold it.

    Returns its name and whether anything changed, or with *dry* would. Raises ``GenerationError``, with nothing changed,
    if there is no such generation, if it is damaged, or if a release that its scripts fetch is not in *images*.
    """
    with contextlib.nullcontext() if dry else _locked(root):
        record, names = served_history(root)
        name = _named(wanted, names, record) if wanted else _previous(names, record)
        _check_whole(root / GENERATIONS / name, images, record, names)
        now = history.now()
        new = record.served(name, None if name == record.current else now).hold(name, now)
        changed = new != record
        if changed and not dry:
            _note(root, new)
            _switch(root, root / GENERATIONS / name)
    return name, changed


def end_hold(root: Path, dry: bool = False) -> bool:
    """Allow publishing again; returns whether that changed, or with *dry* would change, anything."""
    if not _history(root).is_held:
        return False
    if not dry:
        with _locked(root):
            _note(root, _history(root).release())
    return True


def hold_message(record: history.History) -> str:
    return (
        f"Generation {record.held} has been held since {record.held_since}, when this boot host was switched to it by "
        "rollback.yml. `-e site_hold=false` ends the hold and publishes what the inventory says now; `-e site_hold=true` "
        "does everything else and leaves what is served as it is."
    )


def told_of(root: Path, record: history.History) -> dict[str, str]:
    """By whom and from where each generation was published, and what it changed in what was served then."""
    generations = root / GENERATIONS
    outlines = {entry.name: outline.read(generations / entry.name) for entry in record.entries}
    told = {}
    for entry in record.entries:
        change = outline.changed(outlines.get(entry.previous), outlines[entry.name])
        words = publishings.in_words(publishings.publishing_of(root, entry.name))
        told[entry.name] = f"{words}: {change}" if change else words
    return told


def listing(record: history.History, names: Iterable[str], told: Mapping[str, str] | None = None) -> list[str]:
    """A line for each existing generation, the one that was served last first; *told* adds details for some."""
    names = list(names)
    lines = []
    for entry in reversed(record.entries):
        marks = [
            "is served" if entry.name == record.current else None,
            "is held" if record.is_held and entry.name == record.held else None,
            "is the one before it" if entry.name == record.before(record.current, names) else None,
        ]
        if entry.name in names:
            lines.append(
                ", ".join(
                    (
                        f"{entry.name} switched to at {entry.at or 'an unknown time'}",
                        *filter(None, (*marks, (told or {}).get(entry.name))),
                    )
                )
            )
    known = {entry.name for entry in record.entries}
    return [*lines, *(f"{name} never served, as far as is known" for name in names if name not in known)]


def _history(root: Path) -> history.History:
    try:
        return history.read(root, served_name(root))
    except history.HistoryError as error:
        raise GenerationError(str(error)) from None


def served_name(root: Path) -> str | None:
    served = root / CURRENT
    return served.readlink().name if served.is_symlink() else None


def _note(root: Path, record: history.History) -> None:
    """Before the switch: if a killed run recorded a switch and did not make it, the symlink shows that."""
    names = {path.name for path in (root / GENERATIONS).iterdir()}
    history.write(root, record.only(names))
    durable.sync(root)


def _there(record: history.History, names: Iterable[str]) -> str:
    lines = listing(record, names)
    return f"There are: {'; '.join(lines)}" if lines else "There is none: site.yml publishes one"


def _previous(names: list[str], record: history.History) -> str:
    found = record.before(record.current, names) if record.current else None
    if found is None:
        raise GenerationError(
            f"no generation that was served before this one is left. Name one to switch to it: {_there(record, names)}"
        )
    return found


def _named(wanted: str, names: list[str], record: history.History) -> str:
    found = [wanted] if wanted in names else [name for name in names if name.startswith(wanted)]
    if len(found) != 1:
        problem = (
            f"{len(found)} generations have names that begin" if found else "there is no generation whose name begins"
        )
        raise GenerationError(f"{problem} with {wanted}. {_there(record, names)}")
    return found[0]


def _check_whole(generation: Path, images: Path, record: history.History, names: list[str]) -> None:
    found = digest_of(_manifest(generation))
    if found != generation.name.partition(".")[0]:
        raise GenerationError(
            f"generation {generation.name} is damaged: its files have the digest {found}. Name another one. "
            f"{_there(record, names)}"
        )
    missing = [
        f"{board} {version}" for board, version in releases_of(generation) if not (images / board / version).is_dir()
    ]
    if missing:
        raise GenerationError(
            f"generation {generation.name} boots releases that are no longer in {images}: {', '.join(missing)}. "
            "Mirror them again (flatcar_images_extra, images.yml), or name another generation. "
            f"{_there(record, names)}"
        )


def releases_of(generation: Path) -> list[tuple[str, str]]:
    """The releases, by board and version, that a generation boots into RAM."""
    nodes = json.loads((generation / routes.INDEX).read_text(encoding="utf-8"))["nodes"].values()
    return sorted({(node["board"], node["version"]) for node in nodes if node["mode"] == "ram"})


def _locked(root: Path) -> contextlib.AbstractContextManager[None]:
    message = f"another run is publishing below {root}: let it end, then run again"
    return locked(root / ".lock", held=lambda: GenerationError(message))


def _drop_unfinished(generations: Path) -> None:
    """Remove what killed runs left: nobody else writes while we hold the lock."""
    for left in generations.glob(f"{_UNFINISHED}*"):
        shutil.rmtree(left)


def _fill(unfinished: Path, archive: Path, digest: str, access: Access) -> None:
    _unpack(archive, unfinished, access)
    found = digest_of(_manifest(unfinished))
    if found != digest:
        raise GenerationError(f"the archive's files have the digest {found} instead of {digest}: run again")
    unfinished.chmod(0o755)
    durable.sync_all(unfinished)


def _unpack(archive: Path, target: Path, access: Access) -> None:
    """Write the generation's files: from the archive, or from what is served already."""
    listed, contents = _read_archive(archive)
    root = target.parent.parent
    served = read_manifest(root)
    held = {sha256: path for path, sha256 in served.items()}
    for name, sha256 in _manifest_after(served, listed).items():
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts or not path.parts:
            raise GenerationError(f"the archive lists {name}, which is not a regular file of a generation")
        _make_parents(target, path, access)
        if sha256 in contents:
            _write(target / path, contents[sha256], *access.of(path.parts[0]))
        elif sha256 in held:
            _take(root / CURRENT / held[sha256], target / path, *access.of(path.parts[0]))
        else:
            raise GenerationError(f"the archive lacks {name}, and the served file has changed since: run again")


def _manifest_after(served: Mapping[str, str], listed: Mapping[str, Any]) -> dict[str, str]:
    """The manifest of the new generation, out of what is *served* and what the archive *listed* as different."""
    if listed["after"] is None:
        return listed["files"]
    if digest_of(served) != listed["after"]:
        raise GenerationError("what is served has changed during this run: run again")
    gone = set(listed["gone"])
    return {path: sha256 for path, sha256 in served.items() if path not in gone} | listed["files"]


def _read_archive(archive: Path) -> tuple[dict[str, Any], dict[str, bytes]]:
    """What it lists, and the contents by their SHA-256."""
    contents = {}
    with tarfile.open(archive, mode="r:gz") as packed:
        for member in packed:
            if member.isfile():
                contents[member.name] = packed.extractfile(member).read()
    if _MANIFEST not in contents:
        raise GenerationError(f"{archive} is not an archive of a generation: it has no manifest")
    return json.loads(contents.pop(_MANIFEST)), contents


def _take(source: Path, target: Path, group: int, mode: int) -> None:
    """A file of the served generation in the new one: the same file, unless its access rights differ."""
    found = source.stat()
    if stat.S_IMODE(found.st_mode) == mode and group in (-1, found.st_gid):
        target.hardlink_to(source)
    else:
        _write(target, source.read_bytes(), group, mode)


def _make_parents(target: Path, path: PurePosixPath, access: Access) -> None:
    group, mode = access.of(path.parts[0])
    for directory in (target / parent for parent in reversed(path.parents) if parent.parts):
        if not directory.exists():
            directory.mkdir()
            os.chown(directory, -1, group)
            directory.chmod(mode | (mode & 0o444) >> 2)  # whoever may read a directory may enter it


def _write(path: Path, data: bytes, group: int, mode: int) -> None:
    with path.open("xb") as file:
        os.fchown(file.fileno(), -1, group)
        os.fchmod(file.fileno(), mode)
        file.write(data)


def _free_name(generations: Path, digest: str) -> Path:
    """A directory named after the digest. One of that name may exist: older, or damaged while it was served."""
    names = (digest if number == 1 else f"{digest}.{number}" for number in range(1, 1000))
    return next(generations / name for name in names if not (generations / name).exists())


def _switch(root: Path, generation: Path) -> None:
    if former.put_aside(root, before=root / CURRENT, after=generation):
        durable.sync_all(root)
    new = root / f".{CURRENT}"
    new.unlink(missing_ok=True)
    new.symlink_to(generation.relative_to(root))
    new.replace(root / CURRENT)
    durable.sync(root)


def _prune(generations: Path, record: history.History, keep: int) -> None:
    """Keep those that were served last, whatever the clock said then; what cannot be removed is left for the next run.

    One that is half removed no longer has a generation's name.
    """
    order = [entry.name for entry in reversed(record.entries)]
    others = sorted(path.name for path in generations.glob("[!.]*") if path.name not in order)
    for name in [*order, *others][max(keep, 1) :]:
        old = generations / f"{_UNFINISHED}{name}"
        with contextlib.suppress(OSError):
            (generations / name).rename(old)
            shutil.rmtree(old)


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def changes(before: Mapping[str, str], after: Mapping[str, str]) -> dict[str, Iterable[str]]:
    """The paths that are added, changed and removed between two manifests, each list in order."""
    return {
        "added": sorted(after.keys() - before.keys()),
        "changed": sorted(path for path in after.keys() & before.keys() if after[path] != before[path]),
        "removed": sorted(before.keys() - after.keys()),
    }


__all__ = (
    "CURRENT",
    "GENERATIONS",
    "KEY",
    "KEY_FORM",
    "Access",
    "GenerationError",
    "changes",
    "confirm",
    "digest_of",
    "end_hold",
    "go_back",
    "hold_message",
    "listing",
    "make_key",
    "manifest_of",
    "new_key",
    "pack",
    "part_of",
    "parts_of",
    "publish",
    "published",
    "read_key",
    "read_manifest",
    "releases_of",
    "served_history",
    "served_name",
    "tidy",
    "told_of",
)
