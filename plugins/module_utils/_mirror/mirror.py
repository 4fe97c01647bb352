# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the mirrors offer: a channel's current release, and everything about a release's files except their content.

Everything learnt here is signed: versions by ``version.txt.sig``, digests by ``DIGESTS.sig``.
"""

from __future__ import annotations

import concurrent.futures
import threading
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from .errors import ImageError, IncompleteError, MismatchError, TransferError, UnknownKeyError, VerificationError
from .keyfile import KeyFile
from .release import SIGNED_AS, VERSION_FILE, Channel, Target, Version, parse_sha512, parse_version_file, release_url
from .signature import Keyring, Signature, check_signer, verify_bytes
from .transfer import Downloader, without_password

_SMALL_FILES_AT_ONCE = 6

DAY = 86400

_Result = TypeVar("_Result")


@dataclass(frozen=True)
class Current:
    """A channel's current release as a mirror states and signs it."""

    version: Version
    signature: Signature
    mirror: str

    def age_days(self, now: float) -> int:
        """How long ago it was signed."""
        return max(0, int((now - self.signature.made_at) // DAY))


@dataclass
class MirrorReport:
    """What a mirror delivered in a run, and why it did not deliver the rest."""

    mirror: str
    gave: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class FilePlan:
    """What is known of a file before its content is downloaded. The size is bytes, None if the mirror did not report it."""

    name: str
    size: int | None
    sha512: str
    signature: bytes


@dataclass(frozen=True)
class ReleasePlan:
    """A release that a mirror has in full: its files, and its signed ``version.txt``."""

    target: Target
    mirror: str
    files: tuple[FilePlan, ...]
    version_file: bytes
    version_signature: bytes
    signature: Signature


class Mirrors:
    """The mirrors in order of preference; *spread_days* is how many days apart the signatures of one release may be. Safe to use
    from several threads.
    """

    def __init__(
        self, templates: Sequence[str], downloader: Downloader, key: KeyFile, scratch: Path, spread_days: int
    ) -> None:
        self._templates = tuple(dict.fromkeys(templates))
        self._reports = {mirror: MirrorReport(without_password(mirror)) for mirror in self._templates}
        self._reports_lock = threading.Lock()
        self._downloader = downloader
        self._key = key
        self._scratch = scratch
        self._spread = spread_days * DAY

    def current(self, board: str, channel: Channel, served: Version | None, stale_days: int) -> Current:
        """Resolve a channel. A mirror that would take us back to before what is already served is skipped.

        *served* is the version that this host's ``current`` link of the channel points to; None allows any. If a mirror's answer
        is older than *stale_days*, the next mirrors are asked as well, and the newest counts; 0 is never.
        """

        def ask(mirror: str) -> Current:
            url = f"{release_url(mirror, board, channel, channel.current_directory)}/{VERSION_FILE}"
            content, _signature, signature = self._signed(url)
            version = parse_version_file(content.decode(errors="replace"), without_password(url))
            channel.require(version, without_password(url))
            if served is not None:
                channel.require_stream(version, served, without_password(url))
            if served is not None and version < served:
                raise VerificationError(
                    f"{without_password(url)}: names {version}, but {board} {channel.name} was already at {served} here:"
                    " the mirror is stale, or somebody serves an old release on purpose. To go back, ask for"
                    " the exact version"
                )
            return Current(version, signature, mirror)

        def stale(current: Current) -> bool:
            return 0 < stale_days < current.age_days(time.time())

        found: list[Current] = []
        for answer in self._answers(
            f"The current release of {board} {channel.name} cannot be determined", self._templates, ask
        ):
            found.append(answer)
            if not stale(answer):
                break
        newest = max(found, key=lambda current: current.version)
        for other in found:
            if other.version < newest.version:
                self.note_problem(
                    other.mirror,
                    f"names {other.version} as the current release of {board} {channel.name}, others {newest.version}",
                )
        self.note_given(newest.mirror, f"the current version of {board} {channel.name}")
        return newest

    def inspect(self, target: Target, names: Sequence[str], without: Collection[str] = ()) -> ReleasePlan:
        """Find a mirror that has all these files of a release, and learn their digests and signatures.

        The mirrors *without* are not asked, since their files of the release were refused. Raises ``IncompleteError`` if no mirror
        has all of them, and none lied.
        """

        def ask(mirror: str) -> ReleasePlan:
            base = self.base(mirror, target)
            url = f"{base}/{VERSION_FILE}"
            try:
                content, raw_signature, signature = self._signed(url)
            except TransferError as error:
                if not error.missing:
                    raise
                raise TransferError(
                    f"{error}: the release is not there; ask for another version, or wait for the mirror to catch up",
                    missing=True,
                ) from error
            version = parse_version_file(content.decode(errors="replace"), without_password(url))
            if version != target.version:
                raise VerificationError(f"{without_password(url)}: is of release {version}, expected {target.version}")
            files = self._files(base, names, signature)
            return ReleasePlan(target, mirror, files, content, raw_signature, signature)

        return next(self._answers(f"The release {target.label} is not available", self.others(without), ask))

    def others(self, without: Collection[str]) -> list[str]:
        """The remaining mirrors."""
        return [mirror for mirror in self._templates if mirror not in without]

    def urls(self, plan: ReleasePlan, name: str) -> dict[str, str]:
        """The URLs of a file's content with their mirrors: the inspected mirror first, then the others."""
        order = [plan.mirror, *self.others([plan.mirror])]
        return {f"{self.base(mirror, plan.target)}/{name}": mirror for mirror in order}

    def note_given(self, mirror: str, what: str) -> None:
        """Remember what a mirror delivered."""
        with self._reports_lock:
            if what not in self._reports[mirror].gave:
                self._reports[mirror].gave.append(what)

    def note_problem(self, mirror: str, problem: str) -> None:
        """Remember why a mirror did not deliver what was requested."""
        with self._reports_lock:
            if problem not in self._reports[mirror].problems:
                self._reports[mirror].problems.append(problem)

    def reports(self) -> list[MirrorReport]:
        """What every mirror delivered, and why not more, in order of preference."""
        return list(self._reports.values())

    def base(self, mirror: str, target: Target) -> str:
        """The URL of a release's directory."""
        return release_url(mirror, target.board, target.channel, str(target.version))

    def check_spread(self, signature: Signature, reference: Signature, where: str) -> None:
        """Refuse an old file, with its own old and valid signature, under a new release's name."""
        if abs(signature.made_at - reference.made_at) > self._spread:
            days = -(-abs(signature.made_at - reference.made_at) // DAY)
            raise VerificationError(
                f"{where}: signed {days} days apart from the release's {VERSION_FILE}: it may be of another release"
                f" ({self._spread // DAY} days are allowed)"
            )

    def _files(self, base: str, names: Sequence[str], reference: Signature) -> tuple[FilePlan, ...]:
        plans: list[FilePlan] = []
        missing: list[str] = []
        with concurrent.futures.ThreadPoolExecutor(_SMALL_FILES_AT_ONCE) as pool:
            for future in [pool.submit(self._file, base, name, reference) for name in names]:
                try:
                    plans.append(future.result())
                except TransferError as error:
                    if not error.missing:
                        raise
                    missing.append(str(error))
        if missing:
            raise TransferError(
                f"{without_password(base)}: the release is incomplete there ({'; '.join(missing)}). Releases without"
                " PXE files have been published; ask for another version, or wait for the mirror to catch up",
                missing=True,
            )
        return tuple(plans)

    def _file(self, base: str, name: str, reference: Signature) -> FilePlan:
        size = self._downloader.probe(f"{base}/{name}")
        signed_as = name
        try:
            signature = self._downloader.read(f"{base}/{name}.sig")
        except TransferError as error:
            if not error.missing or name not in SIGNED_AS:
                raise
            signed_as = SIGNED_AS[name]
            signature = self._downloader.read(f"{base}/{signed_as}.sig")
        where = f"{without_password(base)}/{signed_as}"
        self._with_key(f"{where}.sig", lambda keyring: check_signer(signature, keyring, self._scratch))
        digests, _raw, digests_signature = self._signed(f"{base}/{signed_as}.DIGESTS")
        self.check_spread(digests_signature, reference, f"{where}.DIGESTS")
        sha512 = parse_sha512(digests.decode(errors="replace"), signed_as, f"{where}.DIGESTS")
        return FilePlan(name, size, sha512, signature)

    def _signed(self, url: str) -> tuple[bytes, bytes, Signature]:
        """Fetch a small file with its signature, and verify it.

        Both are fetched once more if they do not match: a new release may have been published between the two requests.
        """

        def attempt() -> tuple[bytes, bytes, Signature]:
            content, raw_signature = (self._downloader.read(address) for address in (url, f"{url}.sig"))
            signature = self._with_key(
                f"{without_password(url)}.sig",
                lambda keyring: verify_bytes(content, raw_signature, keyring, self._scratch),
            )
            return content, raw_signature, signature

        try:
            return attempt()
        except MismatchError:
            return attempt()

    def _with_key(self, where: str, check: Callable[[Keyring], _Result]) -> _Result:
        """Check a signature; if its key is unknown, once more with the key file as it is published now."""
        keyring = self._key.keyring()
        try:
            try:
                return check(keyring)
            except UnknownKeyError:
                if not self._key.refresh(keyring):
                    raise
                return check(self._key.keyring())
        except UnknownKeyError as error:
            raise UnknownKeyError(
                f"{where}: {error}. If the Flatcar project has a new signing subkey, set flatcar_images_key to its"
                " current key file; otherwise do not use this mirror"
            ) from error
        except VerificationError as error:
            raise type(error)(f"{where}: {error}") from error

    def _answers(self, what: str, mirrors: Sequence[str], ask: Callable[[str], _Result]) -> Iterator[_Result]:
        """The usable answers of the mirrors, one after the other; if there are none, what each of them did wrong."""
        problems: list[TransferError | VerificationError] = []
        usable = False
        for mirror in mirrors:
            try:
                answer = ask(mirror)
            except (TransferError, VerificationError) as error:
                problems.append(error)
                self.note_problem(mirror, str(error))
            else:
                usable = True
                yield answer
        if not usable:
            raise self._failure(what, problems)

    def _failure(self, what: str, problems: list[TransferError | VerificationError]) -> ImageError:
        text = f"{what}: " + "; ".join(map(str, problems))
        transfers = [problem for problem in problems if isinstance(problem, TransferError)]
        if len(transfers) == len(problems) and any(problem.missing for problem in transfers):
            return IncompleteError(text)
        if transfers and all(problem.unreachable for problem in transfers) and len(transfers) == len(problems):
            settings = self._downloader.settings
            proxy = without_password(settings.proxy) if settings.proxy else "none, or that of the host's environment"
            text += (
                ". No mirror can be reached from this host. Set flatcar_images_mirrors (now"
                f" {', '.join(map(without_password, self._templates))}) to reachable mirrors, or to file:///DIRECTORY for"
                f" files that were copied here; or flatcar_images_proxy (now {proxy}) and flatcar_images_no_proxy"
            )
        return ImageError(text)
