# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The boot host's disk: what is served, what is being assembled, and how the latter becomes the former by one rename.

Served, below the images directory::

    <board>/<version>/<file>, <file>.sig, version.txt, version.txt.sig, release.json
    <board>/current-<channel> -> <version>

Never served, below the work directory, which is on the same file system and only accessible to its owner::

    lock, progress-*.json, served.json, channels.json, key.gpg, partial/<board>/<version>/<file>,
    ready/<board>/<version>/, unpacked-*/, trash/
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import shutil
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from .._host import durable
from .._host.file_tree import make_directories
from .._host.locks import locked
from .channels import read_channels
from .errors import LockedError, RequestError, StorageError
from .release import BOARDS, Channel, Target, Version
from .retention import Present

MANIFEST = "release.json"
CHANNELS = "channels.json"


class Store:
    """The two directories. Only the holder of the lock calls methods that write."""

    def __init__(self, images: Path, work: Path) -> None:
        self.images = images
        self.work = work

    # What exists ---------------------------------------------------------------------------------------------------

    def release_directory(self, board: str, version: Version) -> Path:
        """Where a release is served from."""
        return self.images / board / str(version)

    def manifest(self, board: str, version: Version) -> dict[str, Any]:
        """What was verified when the release was published; empty if it was not, or not by us."""
        manifest = _read_dict(self.release_directory(board, version) / MANIFEST)
        files = manifest.get("files")
        fine = isinstance(files, dict) and all(isinstance(file, dict) for file in files.values())
        return manifest if fine else {}

    def missing_files(self, target: Target) -> tuple[str, ...]:
        """The files of a target that are not present as verified (by name and size; content is not read)."""
        directory = self.release_directory(target.board, target.version)
        known = self.manifest(target.board, target.version).get("files", {})
        return tuple(
            name
            for name in target.files
            if name not in known
            or _size(directory / name) != known[name].get("size")
            or not _size(directory / f"{name}.sig")
        )

    def link(self, board: str, channel: Channel) -> Version | None:
        """The version that a channel's ``current`` link names, None if there is no link."""
        try:
            return Version.parse(str((self.images / board / channel.link).readlink()))
        except (OSError, RequestError):
            return None

    def channels(self) -> dict[str, dict[str, Any]]:
        """What earlier runs found out about the channels, by board and channel."""
        return {f"{entry['board']} {entry['channel']}": entry for entry in read_channels(self.work / CHANNELS)}

    def releases(self) -> list[Present]:
        """All served releases, with the time of their last use."""
        served = self._served()
        found: list[Present] = []
        for board in BOARDS:
            for directory in _directories(self.images / board):
                with contextlib.suppress(RequestError):
                    version = Version.parse(directory.name)
                    stamps = (served.get(f"{board}/{version}", 0), directory.stat().st_mtime)
                    found.append(Present(board, version, max(stamps)))
        return found

    def partial_size(self, target: Target, name: str) -> int:
        """Bytes of a file that an earlier run left, whether still partial or already checked."""
        return max(_size(place / target.label / name) or 0 for place in (self.work / "partial", self.work / "ready"))

    def free_bytes(self) -> int:
        """The free space on the file system, as unprivileged users see it."""
        place = next(path for path in (self.work, *self.work.parents) if path.exists())
        usage = os.statvfs(place)
        return usage.f_bavail * usage.f_frsize

    # Preparing -----------------------------------------------------------------------------------------------------

    def prepare(self) -> None:
        """Create the two directories, and refuse a layout in which a rename could not be atomic."""
        make_directories(self.images)
        make_directories(self.work)
        self.work.chmod(0o700)
        if self.images.resolve() in (self.work.resolve(), *self.work.resolve().parents):
            raise StorageError(
                f"{self.work} is below {self.images}, so the web server would serve unverified files;"
                " set flatcar_images_work_dir to a directory outside of it"
            )
        if self.images.stat().st_dev != self.work.stat().st_dev:
            raise StorageError(
                f"{self.work} and {self.images} are on different file systems, so no rename between them is possible;"
                " mount the file system on their common parent, or set flatcar_images_work_dir"
            )

    @contextlib.contextmanager
    def lock(self, patience: float) -> Iterator[None]:
        """Hold the lock. It is released with the process, however that ends. Another run is waited for so many seconds."""
        path = self.work / "lock"

        def held() -> LockedError:
            return LockedError(
                f"another run is mirroring images on this host ({path.read_text(errors='replace') or 'unknown'}; lock {path})."
                " Nothing was changed; wait for it to end, or raise flatcar_images_lock_timeout"
            )

        with locked(path, patience, held):
            with contextlib.suppress(OSError):  # a full disk is reported by what matters, not by this
                path.write_text(f"process {os.getpid()} since {time.strftime('%F %T %Z')}", encoding="ascii")
            yield

    def partial(self, target: Target, name: str) -> Path:
        """Where a file is collected. What an earlier run had checked is moved back, to be checked again."""
        place = self.work / "partial" / target.label / name
        place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        earlier = self.work / "ready" / target.label / name
        if earlier.exists() and not place.exists():
            earlier.rename(place)
        return place

    # Publishing ----------------------------------------------------------------------------------------------------

    def make_ready(self, target: Target, name: str) -> None:
        """Move a verified and synced file from where it was collected to the release that is being assembled."""
        place = self.work / "ready" / target.label / name
        place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        (self.work / "partial" / target.label / name).replace(place)
        place.chmod(0o644)

    def add_ready(self, target: Target, name: str, content: bytes) -> None:
        """Add a small file to the release that is being assembled."""
        place = self.work / "ready" / target.label / name
        place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _write_synced(place, content)
        place.chmod(0o644)

    def prepared(self, target: Target, name: str) -> Path:
        """Where a verified file of a release that is being assembled is."""
        return self.work / "ready" / target.label / name

    def served(self, target: Target, name: str) -> Path:
        """Where a file of a release is served from."""
        return self.release_directory(target.board, target.version) / name

    def drop_ready(self, target: Target) -> None:
        """Delete what was assembled and is refused."""
        for place in ("ready", "partial"):
            shutil.rmtree(self.work / place / target.label, ignore_errors=True)

    def record(self, target: Target, manifest: dict[str, Any]) -> None:
        """Replace the record of a served release."""
        aside = self.work / f"record-{target.board}-{target.version}"
        _write_synced(aside, _manifest_text(manifest))
        aside.chmod(0o644)
        aside.replace(self.release_directory(target.board, target.version) / MANIFEST)

    def publish(self, target: Target, names: Sequence[str], manifest: dict[str, Any]) -> None:
        """Publish a release: a new one by one rename, files that are added to an existing one by one each, image after sig.

        *names* are the payload files that are ready; their ``.sig`` files are ready too.
        """
        ready = self.work / "ready" / target.label
        place = self.release_directory(target.board, target.version)
        self.add_ready(target, MANIFEST, _manifest_text(manifest))
        self._remove_strays(ready, names)
        if not place.parent.exists():
            place.parent.mkdir()
            place.parent.chmod(0o755)
            durable.sync(self.images)
        if not place.exists():
            ready.chmod(0o755)
            durable.sync(ready)
            ready.rename(place)
        else:
            signatures = [path for path in ready.iterdir() if path.name not in names and path.name != MANIFEST]
            for path in (*signatures, *(ready / name for name in names), ready / MANIFEST):
                path.rename(place / path.name)
            ready.rmdir()
            durable.sync(place)
        durable.sync(place.parent)
        shutil.rmtree(self.work / "partial" / target.label, ignore_errors=True)

    def _remove_strays(self, ready: Path, names: Sequence[str]) -> None:
        expected = {MANIFEST, "version.txt", "version.txt.sig", *names, *(f"{name}.sig" for name in names)}
        for path in ready.iterdir():
            if path.name not in expected:
                path.unlink()

    def flip(self, board: str, channel: Channel, version: Version) -> None:
        """Point a channel's link at a published version, by one rename."""
        aside = self.work / f"link-{board}-{channel.name}"
        aside.unlink(missing_ok=True)
        aside.symlink_to(str(version))
        aside.rename(self.images / board / channel.link)
        durable.sync(self.images / board)

    # Tidying up ----------------------------------------------------------------------------------------------------

    def remove(self, board: str, version: Version) -> None:
        """Take a release out of service by one rename, then delete it; a link that would dangle goes first."""
        for link in (self.images / board).iterdir():
            if link.is_symlink() and str(link.readlink()) == str(version):
                link.unlink()
        trash = self.work / "trash" / f"{board}-{version}-{os.getpid()}"
        trash.parent.mkdir(mode=0o700, exist_ok=True)
        self.release_directory(board, version).rename(trash)
        shutil.rmtree(trash)

    def clear_remains(self, targets: Iterable[Target]) -> None:
        """Delete leftovers of earlier runs that nobody needs. What a wanted release can resume from stays."""
        wanted = {target.label for target in targets}
        for progress in self.work.glob("progress-*"):
            progress.unlink()
        for unpacked in self.work.glob("unpacked-*"):
            shutil.rmtree(unpacked)
        shutil.rmtree(self.work / "trash", ignore_errors=True)
        for place in (self.work / "partial", self.work / "ready"):
            for board in _directories(place):
                for release in _directories(board):
                    if f"{board.name}/{release.name}" not in wanted:
                        shutil.rmtree(release)

    def note_served(self, labels: Iterable[str], now: float) -> None:
        """Record that these releases are in use now; retention counts from here."""
        served = {label: stamp for label, stamp in self._served().items() if (self.images / label).is_dir()}
        served.update(dict.fromkeys(labels, int(now)))
        _write_synced(self.work / "served.json", json.dumps(served, indent=2, sort_keys=True).encode())

    def note_channels(self, channels: dict[str, dict[str, Any]]) -> None:
        """Keep what this run found out about the channels, for later reports."""
        _write_synced(self.work / CHANNELS, json.dumps(channels, indent=2, sort_keys=True).encode() + b"\n")

    def _served(self) -> dict[str, float]:
        stamps = _read_dict(self.work / "served.json")
        return {label: stamp for label, stamp in stamps.items() if isinstance(stamp, int | float)}


def _manifest_text(manifest: dict[str, Any]) -> bytes:
    return json.dumps(manifest, indent=2, sort_keys=True).encode() + b"\n"


def _read_dict(path: Path) -> dict[str, Any]:
    """A JSON object that we wrote ourselves; empty if it is absent or damaged."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _size(path: Path) -> int | None:
    """A regular file's size in bytes, None if there is none."""
    try:
        return path.stat().st_size if path.is_file() else None
    except OSError:
        return None


def _directories(path: Path) -> list[Path]:
    if not path.is_dir():
        return []
    return sorted(entry for entry in path.iterdir() if entry.is_dir() and not entry.is_symlink())


def _write_synced(path: Path, content: bytes) -> None:
    """Replace a file as a whole."""
    try:
        durable.replace(path, content, 0o644)
    except OSError as error:
        if error.errno not in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS}:
            raise
        raise StorageError(f"{path}: {error.strerror}; make room on the file system and run again") from error
