# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can go wrong while images are mirrored. Every message says what happened, where, and what to do."""

from __future__ import annotations


class ImageError(Exception):
    """The base of all expected failures; its text is for the operator."""


class RequestError(ImageError):
    """The request makes no sense (unknown board, version of another channel …)."""


class TransferError(ImageError):
    """A file did not arrive. *retry*: the same request may work a moment later (stall, reset, truncated body, busy server);
    *missing*: the server says that the file does not exist; *unreachable*: no server was reached that could have answered.
    """

    def __init__(self, message: str, *, retry: bool = False, missing: bool = False, unreachable: bool = False) -> None:
        super().__init__(message)
        self.retry = retry
        self.missing = missing
        self.unreachable = unreachable


class IncompleteError(ImageError):
    """No mirror has a release in full (yet); nothing is wrong with what there is."""


class RangeIgnored(TransferError):  # noqa: N818 - a server's answer, which the caller works around
    """The server cannot resume a file; it has to be fetched from the start."""


class VerificationError(ImageError):
    """Something arrived that must not be used."""


class MismatchError(VerificationError):
    """Signature and content do not belong together."""


class UnknownKeyError(VerificationError):
    """The signature is by a key that the key file does not have: the key file may be old."""


class StorageError(ImageError):
    """The boot host's disk cannot take the files (full, wrong file system, not writable)."""


class LockedError(ImageError):
    """Another run is at work."""
