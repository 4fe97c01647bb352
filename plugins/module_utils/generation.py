"""Generations: immutable, complete trees of published files, of which a symlink names the served one.

A generation is written beside the served one, made durable, and switched to by one rename. Whenever a run is killed, what
is served is a complete generation: the old one or the new one. Needs the standard library alone; runs on the boot host.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import io
import os
import re
import secrets
import shutil
import tarfile
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

CURRENT = "current"
GENERATIONS = "generations"
KEY = "key"
_UNFINISHED = ".unfinished-"


class GenerationError(Exception):
    """A generation cannot be published; nothing that is served has changed."""


@dataclass(frozen=True)
class Access:
    """Who may read a generation: ``private`` names the tops of it that only root and group *gid* read, ``secret`` those
    that only root reads.
    """

    private: frozenset[str]
    secret: frozenset[str]
    gid: int

    def of(self, top: str) -> tuple[int, int]:
        """The group, or -1, and the mode of a file in the generation's directory *top*, or of that name."""
        if top in self.secret:
            return -1, 0o600
        return (self.gid, 0o640) if top in self.private else (-1, 0o644)


def pack(files: Mapping[str, str]) -> bytes:
    """*files*, text by path, as one compressed archive."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for path, content in sorted(files.items()):
            data = content.encode()
            member = tarfile.TarInfo(path)
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


def read_manifest(root: Path) -> dict[str, str]:
    """The manifest of what is served below *root* now, from the files themselves; empty when nothing is."""
    served = root / CURRENT
    paths = (path for path in served.rglob("*") if path.is_file()) if served.is_dir() else ()
    return {str(path.relative_to(served)): hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}


def read_key(root: Path) -> str | None:
    """The boot host's key, out of which the tokens of its nodes are made; None where it has none yet."""
    try:
        key = (root / KEY).read_text(encoding="ascii").strip()
    except FileNotFoundError:
        return None
    if not re.fullmatch("[0-9a-f]{64}", key):
        raise GenerationError(
            f"{root / KEY} is not the key that was written there: remove it to have a new one (nodes get new URLs then)"
        )
    return key


def make_key(root: Path) -> str:
    """The boot host's key; made where it has none yet."""
    if read_key(root) is None:
        with _locked(root):
            new = root / f".{KEY}"
            new.unlink(missing_ok=True)
            if read_key(root) is None:  # still: another run may have made it before we had the lock
                _write(new, f"{new_key()}\n".encode(), -1, 0o600)
                new.replace(root / KEY)
                _sync(root)
    return read_key(root)


def new_key() -> str:
    return secrets.token_hex(32)


def publish(root: Path, archive: Path, digest: str, access: Access, keep: int) -> Path:
    """Write the generation in *archive*, switch to it, drop all but the newest *keep*; returns its directory.

    Raises ``GenerationError`` when another run is under way or the archive is not what *digest* says.
    """
    generations = root / GENERATIONS
    generations.mkdir(mode=0o755, parents=True, exist_ok=True)
    with _locked(root):
        _drop_unfinished(generations)
        unfinished = Path(tempfile.mkdtemp(prefix=_UNFINISHED, dir=generations))
        try:
            _fill(unfinished, archive, digest, access)
            generation = _free_name(generations, digest)
            unfinished.rename(generation)
        except BaseException:
            shutil.rmtree(unfinished, ignore_errors=True)
            raise
        _sync(generations)
        _switch(root, generation)
        _prune(generations, generation, keep)
    return generation


@contextlib.contextmanager
def _locked(root: Path) -> Iterator[None]:
    """The lock ends with the process that holds it, however that ends."""
    with (root / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise GenerationError(f"another run is publishing below {root}: let it end, then run again") from None
        yield


def _drop_unfinished(generations: Path) -> None:
    """What killed runs left: nobody else writes while we hold the lock."""
    for left in generations.glob(f"{_UNFINISHED}*"):
        shutil.rmtree(left)


def _fill(unfinished: Path, archive: Path, digest: str, access: Access) -> None:
    _unpack(archive, unfinished, access)
    found = digest_of(
        {str(path.relative_to(unfinished)): _sha256(path) for path in unfinished.rglob("*") if path.is_file()}
    )
    if found != digest:
        raise GenerationError(f"the archive's files have the digest {found} instead of {digest}: run again")
    unfinished.chmod(0o755)


def _unpack(archive: Path, target: Path, access: Access) -> None:
    directories = {target}
    with tarfile.open(archive, mode="r:gz") as packed:
        for member in packed:
            path = PurePosixPath(member.name)
            if not member.isfile() or path.is_absolute() or ".." in path.parts:
                raise GenerationError(f"the archive holds {member.name}, which is no plain file of a generation")
            directories |= _make_parents(target, path, access)
            _write(target / path, packed.extractfile(member).read(), *access.of(path.parts[0]))
    for directory in directories:
        _sync(directory)


def _make_parents(target: Path, path: PurePosixPath, access: Access) -> set[Path]:
    made = [target / parent for parent in reversed(path.parents) if parent.parts]
    group, mode = access.of(path.parts[0])
    for directory in made:
        if not directory.exists():
            directory.mkdir()
            os.chown(directory, -1, group)
            directory.chmod(mode | (mode & 0o444) >> 2)  # who may read a directory may enter it
    return set(made)


def _write(path: Path, data: bytes, group: int, mode: int) -> None:
    with path.open("xb") as file:
        os.fchown(file.fileno(), -1, group)
        os.fchmod(file.fileno(), mode)
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _free_name(generations: Path, digest: str) -> Path:
    """A directory named after the digest. One of that name may be there: older, or damaged while it was served."""
    names = (digest if number == 1 else f"{digest}.{number}" for number in range(1, 1000))
    return next(generations / name for name in names if not (generations / name).exists())


def _switch(root: Path, generation: Path) -> None:
    new = root / f".{CURRENT}"
    new.unlink(missing_ok=True)
    new.symlink_to(generation.relative_to(root))
    new.replace(root / CURRENT)
    _sync(root)


def _prune(generations: Path, served: Path, keep: int) -> None:
    others = sorted((path for path in generations.iterdir() if path != served), key=_age)
    for old in others[max(keep - 1, 0) :]:
        shutil.rmtree(old)


def _age(generation: Path) -> int:
    """Sorts the newest first, by when the directory came to be."""
    return -generation.stat().st_ctime_ns


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _sync(directory: Path) -> None:
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


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
    "Access",
    "GenerationError",
    "changes",
    "digest_of",
    "make_key",
    "manifest_of",
    "new_key",
    "pack",
    "publish",
    "read_key",
    "read_manifest",
)
