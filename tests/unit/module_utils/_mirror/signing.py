"""Throwaway OpenPGP keys for tests: a primary key with signing subkeys that are good, expired, revoked."""

from __future__ import annotations

import contextlib
import datetime
import pathlib
import shutil
import subprocess
import tempfile
import time

ALGORITHM = "rsa2048"  # as Flatcar's, and quickly verified


class SigningKey:
    """A primary key of its own GnuPG home. Subkeys are added as needed; all times are Unix seconds."""

    def __init__(self, name: str = "Kindling Test", algorithm: str = ALGORITHM, created: float | None = None) -> None:
        self.home = pathlib.Path(tempfile.mkdtemp(prefix="kgpg-"))
        self.home.chmod(0o700)
        self._algorithm = algorithm
        created = created or time.time() - 4 * 365 * 86400
        self.gpg("--quick-gen-key", f"{name} <test@example.org>", algorithm, "cert", "never", at=created)
        self.fingerprint = self._fingerprints()[0]

    def copy(self) -> SigningKey:
        """The key as it is now; what happens to it later does not touch this one."""
        other = object.__new__(SigningKey)
        other.home = pathlib.Path(tempfile.mkdtemp(prefix="kgpg-"))
        other._algorithm = self._algorithm
        other.fingerprint = self.fingerprint
        for name in ("pubring.kbx", "private-keys-v1.d"):
            source = self.home / name
            (shutil.copytree if source.is_dir() else shutil.copy)(source, other.home / name)
        return other

    def close(self) -> None:
        subprocess.run(["gpgconf", "--homedir", str(self.home), "--kill", "all"], check=False, capture_output=True)
        shutil.rmtree(self.home, ignore_errors=True)

    def gpg(self, *arguments: str, at: float | None = None, stdin: bytes = b"") -> bytes:
        command = ["gpg", "--homedir", str(self.home), "--batch", "--no-tty", "--yes", "--quiet"]
        command += ["--pinentry-mode", "loopback", "--passphrase", "", "--trust-model", "always"]
        if at is not None:
            moment = datetime.datetime.fromtimestamp(at, tz=datetime.UTC)
            command += ["--faked-system-time", moment.strftime("%Y%m%dT%H%M%S!")]
        return subprocess.run([*command, *arguments], input=stdin, check=True, capture_output=True).stdout

    def add_subkey(self, created: float, expires: float | None = None) -> str:
        """Make a signing subkey; its fingerprint."""
        expiry = f"seconds={int(expires - created)}" if expires else "never"
        self.gpg("--quick-add-key", self.fingerprint, self._algorithm, "sign", expiry, at=created)
        return self._fingerprints()[-1]

    def revoke_subkey(self, fingerprint: str) -> None:
        number = self._fingerprints().index(fingerprint)
        answers = f"key {number}\nrevkey\ny\n0\n\ny\nsave\n".encode()
        self.gpg("--command-fd", "0", "--expert", "--edit-key", self.fingerprint, stdin=answers)

    def sign(self, content: bytes, subkey: str, at: float | None = None) -> bytes:
        """A binary detached signature."""
        return self.gpg("--local-user", f"{subkey}!", "--detach-sign", at=at, stdin=content)

    def public(self, *, armor: bool = True) -> bytes:
        options = ["--armor"] if armor else []
        return self.gpg(*options, "--export", self.fingerprint)

    def _fingerprints(self) -> list[str]:
        listing = self.gpg("--with-colons", "--list-keys").decode()
        return [line.split(":")[9] for line in listing.splitlines() if line.startswith("fpr:")]


@contextlib.contextmanager
def signing_key(**options):
    key = SigningKey(**options)
    try:
        yield key
    finally:
        key.close()
