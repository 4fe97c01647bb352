# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the pinned key comes from, and when its file is fetched again."""

from __future__ import annotations

import itertools
import threading
from pathlib import Path

from .errors import TransferError, UnknownKeyError, VerificationError
from .signature import Keyring, make_keyring
from .transfer import Downloader, without_password


class KeyFile:
    """The pinned *key*: given as text, or by a URL, fetched once and kept until a signature needs a newer file.

    A fetched key is *kept* there for the next run; None keeps nothing. Safe to use from several threads.
    """

    def __init__(self, key: str, fingerprint: str, kept: Path | None, downloader: Downloader, scratch: Path) -> None:
        self._key = key
        self._fingerprint = fingerprint
        self._kept = kept
        self._downloader = downloader
        self._scratch = scratch
        self._numbers = itertools.count()
        self._inline = "://" not in key.strip().partition("\n")[0]
        self._fetched = False
        self._keyring: Keyring | None = None
        self._lock = threading.Lock()

    def keyring(self) -> Keyring:
        """The keyring on hand, checked against the pinned fingerprint."""
        with self._lock:
            if self._keyring is None and self._inline:
                self._keyring = self._make(self._key.encode(), "flatcar_images_key")
            elif self._keyring is None:
                self._keyring = self._from_kept() or self._fetch()
            return self._keyring

    def refresh(self, stale: Keyring) -> bool:
        """Fetch the key file again, at most once a run; a key that was given inline stays as it is.

        Returns whether the keyring now differs from the stale one. Raises ``VerificationError`` if the file is older than what we
        have: it may lack a revocation.
        """
        with self._lock:
            if not self._inline and not self._fetched:
                self._keyring = self._newer(stale)
            return self._keyring is not stale

    def _newer(self, stale: Keyring) -> Keyring:
        url = without_password(self._key)
        try:
            fetched = self._fetch()
        except TransferError as error:
            raise UnknownKeyError(f"a signature needs a newer key file, which cannot be fetched: {error}") from error
        if lost := stale.lost_in(fetched):
            raise VerificationError(
                f"{url}: this key file is older than the one in {self._kept}: it lacks {', '.join(lost)}."
                " Find out who serves it"
            )
        return fetched

    def _from_kept(self) -> Keyring | None:
        try:
            return self._make(self._kept.read_bytes(), str(self._kept)) if self._kept else None
        except (OSError, VerificationError):
            return None

    def _fetch(self) -> Keyring:
        self._fetched = True
        try:
            content = self._downloader.read(self._key)
        except TransferError as error:
            raise TransferError(
                f"the signing key cannot be fetched: {error}. Set flatcar_images_key to its text or to a file on the"
                " controller; or set flatcar_images_proxy"
            ) from error
        return self._make(content, without_password(self._key))

    def _make(self, content: bytes, origin: str) -> Keyring:
        path = self._scratch / f"keyring-{next(self._numbers)}.gpg"
        return make_keyring(content, self._fingerprint, path, origin)

    def keep(self) -> None:
        """Keep a key that was fetched in this run, for the next one."""
        if self._kept is None or not self._fetched or self._keyring is None:
            return
        aside = self._kept.with_suffix(".new")
        aside.write_bytes(self._keyring.path.read_bytes())
        aside.replace(self._kept)
