# Copyright: Kindling contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the mirrors offer: a channel's current release, and everything about a release's files but their content.

All that is learnt here is signed: versions by ``version.txt.sig``, digests by ``DIGESTS.sig``.
"""

from __future__ import annotations

import collections.abc
import concurrent.futures
import dataclasses
import pathlib
import typing

from .errors import ImageError, MismatchError, TransferError, UnknownKeyError, VerificationError
from .release import (
    SIGNED_AS,
    VERSION_FILE,
    Channel,
    Target,
    Version,
    parse_sha512,
    parse_version_file,
    release_url,
)
from .signature import Keyring, Signature, check_signer, verify_bytes
from .transfer import Downloader, without_password

_SMALL_FILES_AT_ONCE = 6

DAY = 86400

_Result = typing.TypeVar("_Result")


@dataclasses.dataclass(frozen=True)
class Current:
    """A channel's current release as a mirror states and signs it."""

    version: Version
    signature: Signature
    mirror: str


@dataclasses.dataclass(frozen=True)
class FilePlan:
    """What is known of a file before its content is downloaded. The size is bytes, None if the mirror did not tell."""

    name: str
    size: int | None
    sha512: str
    signature: bytes


@dataclasses.dataclass(frozen=True)
class ReleasePlan:
    """A release that a mirror has whole: its files, and its signed ``version.txt``."""

    target: Target
    mirror: str
    files: tuple[FilePlan, ...]
    version_file: bytes
    version_signature: bytes
    signature: Signature


class Signer(typing.Protocol):
    """Where the keyring comes from."""

    def keyring(self) -> Keyring:
        """The keyring as it is at hand."""

    def refresh(self, stale: Keyring) -> bool:
        """Fetch the key file again, once; False when there is nothing newer than the stale one to be had."""


class Mirrors:
    """The mirrors in the order of preference. Safe to use from several threads."""

    def __init__(
        self,
        templates: collections.abc.Sequence[str],
        downloader: Downloader,
        signer: Signer,
        scratch: pathlib.Path,
        spread_days: int,
    ) -> None:
        """:param spread_days: how far the signatures of one release may lie apart, in days."""
        self._templates = tuple(templates)
        self._downloader = downloader
        self._signer = signer
        self._scratch = scratch
        self._spread = spread_days * DAY

    def current(self, board: str, channel: Channel, served: Version | None) -> Current:
        """Resolve a channel. A mirror that would take us back behind what is served already is passed over.

        :param served: the version that this host's ``current`` link of the channel points to; None for any.
        """

        def ask(mirror: str) -> Current:
            url = f"{release_url(mirror, board, channel, channel.current_directory)}/{VERSION_FILE}"
            content, _signature, signature = self._signed(url)
            version = parse_version_file(content.decode(errors="replace"), without_password(url))
            channel.require(version, without_password(url))
            if served is not None and version < served:
                raise VerificationError(
                    f"{without_password(url)}: names {version}, but {board} {channel.name} stood at {served} here"
                    " already: the mirror is stale, or somebody serves an old release on purpose. To go back, ask for"
                    " the exact version"
                )
            return Current(version, signature, mirror)

        return self._first(f"The current release of {board} {channel.name} cannot be told", ask)

    def inspect(self, target: Target, names: collections.abc.Sequence[str]) -> ReleasePlan:
        """Find a mirror that has all these files of a release, and learn their digests and signatures."""

        def ask(mirror: str) -> ReleasePlan:
            base = self.base(mirror, target)
            url = f"{base}/{VERSION_FILE}"
            try:
                content, raw_signature, signature = self._signed(url)
            except TransferError as problem:
                if not problem.missing:
                    raise
                raise TransferError(
                    f"{problem}: the release is not there; ask for another version, or wait for the mirror to catch up"
                ) from problem
            version = parse_version_file(content.decode(errors="replace"), without_password(url))
            if version != target.version:
                raise VerificationError(f"{without_password(url)}: is of release {version}, expected {target.version}")
            files = self._files(base, names, signature)
            return ReleasePlan(target, mirror, files, content, raw_signature, signature)

        return self._first(f"The release {target.label} cannot be had", ask)

    def urls(self, plan: ReleasePlan, name: str) -> tuple[str, ...]:
        """Where a file's content may come from: the inspected mirror first, then the others."""
        order = [plan.mirror, *(mirror for mirror in self._templates if mirror != plan.mirror)]
        return tuple(f"{self.base(mirror, plan.target)}/{name}" for mirror in order)

    def base(self, mirror: str, target: Target) -> str:
        """The URL of a release's directory."""
        return release_url(mirror, target.board, target.channel, str(target.version))

    def check_spread(self, signature: Signature, reference: Signature, where: str) -> None:
        """Refuse an old file, with its own old and valid signature, under a new release's name."""
        if abs(signature.made_at - reference.made_at) > self._spread:
            days = abs(signature.made_at - reference.made_at) // DAY
            raise VerificationError(
                f"{where}: signed {days} days apart from the release's {VERSION_FILE}: it may be of another release"
                f" (allowed are {self._spread // DAY} days)"
            )

    def _files(self, base: str, names: collections.abc.Sequence[str], reference: Signature) -> tuple[FilePlan, ...]:
        plans: list[FilePlan] = []
        missing: list[str] = []
        with concurrent.futures.ThreadPoolExecutor(_SMALL_FILES_AT_ONCE) as pool:
            for future in [pool.submit(self._file, base, name, reference) for name in names]:
                try:
                    plans.append(future.result())
                except TransferError as problem:
                    if not problem.missing:
                        raise
                    missing.append(str(problem))
        if missing:
            raise TransferError(
                f"{without_password(base)}: the release is incomplete there ({'; '.join(missing)}). Releases without"
                " PXE files have been published; ask for another version, or wait for the mirror to catch up",
                missing=True,
            )
        return tuple(plans)

    def _file(self, base: str, name: str, reference: Signature) -> FilePlan:
        size = self._downloader.probe(f"{base}/{name}").size
        signed_as = name
        try:
            signature = self._downloader.read(f"{base}/{name}.sig")
        except TransferError as problem:
            if not problem.missing or name not in SIGNED_AS:
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

        Both are fetched once more when they do not match: a new release may have been put up between the two.
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

    def _with_key(self, where: str, check: collections.abc.Callable[[Keyring], _Result]) -> _Result:
        """Check a signature; when its key is unknown, once more with the key file as it is published now."""
        keyring = self._signer.keyring()
        try:
            try:
                return check(keyring)
            except UnknownKeyError:
                if not self._signer.refresh(keyring):
                    raise
                return check(self._signer.keyring())
        except UnknownKeyError as problem:
            raise UnknownKeyError(
                f"{where}: {problem}. If the Flatcar project has a new signing subkey, give its current key file as"
                " flatcar_images_key; else do not use this mirror"
            ) from problem
        except VerificationError as problem:
            raise type(problem)(f"{where}: {problem}") from problem

    def _first(self, what: str, ask: collections.abc.Callable[[str], _Result]) -> _Result:
        """The first mirror's usable answer; what every one of them did wrong if none has any."""
        problems: list[str] = []
        for mirror in self._templates:
            try:
                return ask(mirror)
            except (TransferError, VerificationError) as problem:
                problems.append(str(problem))
        raise ImageError(f"{what}: " + "; ".join(problems))
