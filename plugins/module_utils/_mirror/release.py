# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Flatcar's releases as data: versions, channels, file names, and the two text files that describe a release.

The rules are those of the project's release scripts (flatcar/scripts: build_image, ci-automation).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from .errors import RequestError, VerificationError

BOARDS = ("amd64-usr", "arm64-usr")

#: The middle number of a version names the channel that it was built for.
CHANNEL_NUMBERS = {"alpha": 0, "beta": 1, "stable": 2, "lts": 3}

CURRENT = "current"

KERNEL = "flatcar_production_pxe.vmlinuz"
PXE_IMAGE = "flatcar_production_pxe_image.cpio.gz"
DISK_IMAGE = "flatcar_production_image.bin.bz2"
VERSION_FILE = "version.txt"

#: In spring 2024 releases had no signature for the PXE kernel, which is identical to the disk image's kernel.
SIGNED_AS = {KERNEL: "flatcar_production_image.vmlinuz"}

_VERSION = re.compile(r"(0|[1-9][0-9]{0,5})\.([0-9]{1,2})\.(0|[1-9][0-9]{0,4})")
_CHANNEL = re.compile(r"(alpha|beta|stable|lts)(?:-(20[0-9][0-9]))?")
_SHA512 = re.compile(r"[0-9a-fA-F]{128}")


@dataclass(frozen=True, order=True)
class Version:
    """An exact release, ``MAJOR.CHANNEL.REVISION``; versions of one channel sort by age."""

    major: int
    channel_number: int
    revision: int

    @classmethod
    def parse(cls, text: str) -> Version:
        """Read ``4593.2.5``; raises ``RequestError`` on anything else."""
        match = _VERSION.fullmatch(text)
        if match is None:
            raise RequestError(f"{text!r} is not a Flatcar version; it looks like 4593.2.5, or is the word 'current'")
        return cls(*(int(number) for number in match.groups()))

    def __str__(self) -> str:
        return f"{self.major}.{self.channel_number}.{self.revision}"

    @property
    def channel(self) -> str:
        """The channel's name by the middle number, ``unknown`` if it is a new one."""
        for name, number in CHANNEL_NUMBERS.items():
            if number == self.channel_number:
                return name
        return "unknown"


@dataclass(frozen=True, order=True)
class Channel:
    """A release channel, or one stream of the LTS channel (``lts-2024``)."""

    name: str

    def __post_init__(self) -> None:
        match = _CHANNEL.fullmatch(self.name)
        if match is None or (match[2] and match[1] != "lts"):
            raise RequestError(f"{self.name!r} is not a channel; known are stable, beta, alpha, lts and lts-<year>")

    @property
    def server(self) -> str:
        """The channel's part of a mirror's URL: the streams of LTS share one server."""
        return self.name.partition("-")[0]

    @property
    def current_directory(self) -> str:
        """The directory that follows the channel on a release server: ``current``, ``current-2024``."""
        year = self.name.partition("-")[2]
        return f"{CURRENT}-{year}" if year else CURRENT

    @property
    def link(self) -> str:
        """The name of our own symlink to this channel's current version: ``current-stable``."""
        return f"{CURRENT}-{self.name}"

    def require(self, version: Version, where: str) -> None:
        """Raise if the version was built for another channel, as a swapped ``version.txt`` would claim."""
        if version.channel != self.server:
            raise VerificationError(
                f"{where}: {version} is a release of the channel {version.channel}, not of {self.name}"
                f" (the middle number of a {self.server} release is {CHANNEL_NUMBERS[self.server]})"
            )

    def require_stream(self, version: Version, served: Version, where: str) -> None:
        """Raise if one LTS stream is offered in place of another: a stream keeps its major number for good."""
        if self.name != self.server and version.major != served.major:
            raise VerificationError(
                f"{where}: {version} is of another stream than {self.name}, which was at {served} here: the mirror mixes them"
                " up, or somebody serves another stream on purpose. To change it, ask for another channel or the exact version"
            )


@dataclass(frozen=True, order=True)
class Request:
    """What somebody wants: a board and a channel's current release, or an exact one."""

    board: str
    channel: Channel
    version: Version | None
    install: bool = False

    @classmethod
    def parse(cls, board: str, channel: str, version: str, install: bool = False) -> Request:
        """Check the values of one entry of ``wanted``; raises ``RequestError``."""
        if board not in BOARDS:
            raise RequestError(f"{board!r} is not a board; known are {' and '.join(BOARDS)}")
        wanted_channel = Channel(channel)
        if version == CURRENT:
            return cls(board, wanted_channel, None, install)
        exact = Version.parse(version)
        try:
            wanted_channel.require(exact, f"wanted {board} {channel} {version}")
        except VerificationError as error:
            raise RequestError(f"{error}; correct the channel or the version") from error
        return cls(board, wanted_channel, exact, install)

    @property
    def requested(self) -> str:
        """The version as it was requested."""
        return CURRENT if self.version is None else str(self.version)


@dataclass(frozen=True)
class Target:
    """One directory to have: a board, an exact version and the files that it needs."""

    board: str
    channel: Channel
    version: Version
    install: bool

    @property
    def files(self) -> tuple[str, ...]:
        """The payload files, largest last."""
        return (KERNEL, PXE_IMAGE, DISK_IMAGE) if self.install else (KERNEL, PXE_IMAGE)

    @property
    def label(self) -> str:
        """Its name in messages and progress; also its path below the images directory."""
        return f"{self.board}/{self.version}"


def release_url(mirror: str, board: str, channel: Channel, directory: str) -> str:
    """Fill in a mirror's placeholders and name the directory of a release on it, without a trailing slash."""
    base = mirror.replace("{channel}", channel.server).replace("{board}", board)
    return f"{base.rstrip('/')}/{directory}"


def parse_version_file(text: str, where: str) -> Version:
    """Read the exact version from a release's ``version.txt`` (shell assignments; parsed, never run), whose
    signature has been verified; *where* is its URL. Raises ``VerificationError`` if it names no version or an unofficial build.
    """
    values: dict[str, str] = {}
    for line in text.splitlines():
        key, separator, value = line.strip().partition("=")
        if separator:
            values[key] = value.strip().strip('"')
    found = values.get("FLATCAR_VERSION", values.get("FLATCAR_VERSION_ID"))
    if found is None:
        raise VerificationError(f"{where}: no FLATCAR_VERSION in it, so it is not a release's version.txt")
    try:
        return Version.parse(found)
    except RequestError as error:
        raise VerificationError(f"{where}: FLATCAR_VERSION is {found!r}, which is not an official release") from error


def parse_sha512(text: str, basename: str, where: str) -> str:
    """Find a file's SHA-512 in its ``DIGESTS``, whose signature has been verified: 128 lower-case hexadecimal digits.

    It is found by the section's header and the file's *basename*, which ties the digest to this file and no other.
    """
    section = ""
    found: set[str] = set()
    for line in text.splitlines():
        words = line.split()
        if line.startswith("#"):
            section = words[1].upper() if len(words) == 3 and words[2] == "HASH" else ""
        elif section == "SHA512" and len(words) == 2 and words[1] == basename and _SHA512.fullmatch(words[0]):
            found.add(words[0].lower())
    if len(found) != 1:
        raise VerificationError(
            f"{where}: expected one SHA512 line for {basename}, found {len(found)}: the mirror serves another file's"
            " digests"
        )
    return found.pop()
