# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Signatures: the key file, gpgv, and the rule by which gpgv's verdicts are accepted.

gpgv's exit status is not the rule: it is 0 for a revoked key and for any key in the ring (seen with 2.2.40). What
counts is the machine-readable status, as GnuPG's doc/DETAILS describes it.
"""

from __future__ import annotations

import contextlib
import fcntl
import itertools
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from .errors import MismatchError, UnknownKeyError, VerificationError

_PREFIX = "[GNUPG:] "
_ARMOR_BEGIN = "-----BEGIN PGP "

_PIPE = 1 << 20  # bytes; a pipe of the default size costs a process switch for every 64 KiB

#: One of these words is the verdict on each signature.
_VERDICTS = ("GOODSIG", "EXPSIG", "EXPKEYSIG", "REVKEYSIG", "BADSIG", "ERRSIG")

#: Hash algorithms (RFC 4880, 9.4) with practical collisions: MD5, SHA-1, RIPEMD-160.
_BROKEN_HASHES = {"1", "2", "3"}

_REFUSALS = {"EXPSIG": "the signature itself has expired", "REVKEYSIG": "the signature is by a revoked key"}


@dataclass(frozen=True)
class Signature:
    """A signature that was accepted: who made it, and when (Unix seconds)."""

    key: str
    primary: str
    made_at: int


@dataclass(frozen=True)
class Key:
    """A primary key or subkey of the key file; times are Unix seconds, None is no expiry."""

    fingerprint: str
    created: int
    expires: int | None
    revoked: bool


@dataclass(frozen=True)
class Keyring:
    """A file that gpgv takes as its only keyring: the pinned primary key with its subkeys, and nothing else."""

    path: Path
    primary: str
    keys: tuple[Key, ...]

    def key(self, fingerprint: str) -> Key | None:
        """The key with this fingerprint, if the file has it."""
        return next((key for key in self.keys if key.fingerprint == fingerprint), None)

    def lost_in(self, other: Keyring) -> list[str]:
        """What the other keyring lacks, as an older key file would: keys, and revocations."""
        lost = []
        for key in self.keys:
            theirs = other.key(key.fingerprint)
            if theirs is None:
                lost.append(f"the key {key.fingerprint}")
            elif key.revoked and not theirs.revoked:
                lost.append(f"the revocation of {key.fingerprint}")
        return lost


def judge(status: str, primary: str) -> Signature:
    """Decide by gpgv's status lines whether a file is accepted. Anything unforeseen is refused.

    Exactly one good signature is accepted, by a key whose primary is the pinned one; if the signing subkey has expired
    since, the signature's time must lie within the subkey's life. Raises ``UnknownKeyError`` if the key file does not have the
    signing key, and ``VerificationError`` in every other case of refusal.
    """
    lines = [line.removeprefix(_PREFIX).split() for line in status.splitlines() if line.startswith(_PREFIX)]
    verdicts = [words for words in lines if words and words[0] in _VERDICTS]
    valid = [words for words in lines if words and words[0] == "VALIDSIG"]
    if not verdicts:
        raise VerificationError("there is no OpenPGP signature in the .sig file")
    if len(verdicts) > 1 or len(valid) > 1:
        raise VerificationError("the .sig file holds several signatures; exactly one is expected")
    verdict = verdicts[0]
    if verdict[0] == "ERRSIG":
        missing = next((words[1] for words in lines if words[0] == "NO_PUBKEY" and len(words) > 1), "")
        if missing:
            raise UnknownKeyError(f"the signature is by the key {_signer(verdict)}, which the key file does not have")
        raise VerificationError(f"gpgv cannot check the signature (ERRSIG {' '.join(verdict[1:])})")
    if verdict[0] == "BADSIG":
        raise MismatchError("the signature does not match the file: one was changed, or belongs to another file")
    if verdict[0] in _REFUSALS:
        raise VerificationError(f"{_REFUSALS[verdict[0]]} (key {verdict[1] if len(verdict) > 1 else 'unknown'})")
    if not valid or len(valid[0]) < 11:
        raise VerificationError("gpgv did not confirm the signature (no VALIDSIG)")
    fields = valid[0][1:]
    signature = Signature(key=fields[0], primary=fields[-1], made_at=int(fields[2]))
    if signature.primary != primary:
        raise VerificationError(f"the signature is by the primary key {signature.primary}; {primary} is pinned")
    if fields[7] in _BROKEN_HASHES:
        raise VerificationError(f"the signature uses a broken hash (OpenPGP hash algorithm {fields[7]})")
    if verdict[0] == "EXPKEYSIG":
        ends = [int(words[1]) for words in lines if words[0] == "KEYEXPIRED" and len(words) > 1 and words[1].isdigit()]
        if not ends or signature.made_at > min(ends):
            raise VerificationError(f"the signature was made after its key {signature.key} had expired")
    return signature


def _signer(errsig: list[str]) -> str:
    """The full fingerprint if this ERRSIG line carries it, else the long key id."""
    last = errsig[-1]
    return last if len(last) == 40 else errsig[1]


def make_keyring(key: bytes, primary: str, path: Path, origin: str) -> Keyring:
    """Write a key file as a binary keyring, after a check that it holds the pinned primary key and nothing else.

    *key* is the file's content, armored or binary, and *origin* where it came from; *primary* is the pinned fingerprint in upper
    case.
    """
    with tempfile.TemporaryDirectory(prefix="key-", dir=path.parent) as scratch:
        binary = Path(scratch, "key.gpg")
        if key.lstrip().startswith(_ARMOR_BEGIN.encode()):
            dearmored = _gpg(scratch, ["--dearmor"], key)
            if dearmored.returncode != 0:
                raise VerificationError(f"the signing key from {origin} is damaged: {_last_line(dearmored.stderr)}")
            binary.write_bytes(dearmored.stdout)
        else:
            binary.write_bytes(key)
        listing = _gpg(scratch, ["--with-colons", "--fixed-list-mode", "--show-keys", str(binary)], b"")
        keys = _parse_listing(listing.stdout.decode(errors="replace"), primary, origin)
        binary.chmod(0o600)
        binary.replace(path)
    return Keyring(path, primary, keys)


def _gpg(home: str, arguments: list[str], stdin: bytes) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        ["gpg", "--batch", "--no-options", "--no-autostart", "--homedir", home, *arguments],
        input=stdin,
        capture_output=True,
        check=False,
        timeout=60,
    )


def _parse_listing(listing: str, primary: str, origin: str) -> tuple[Key, ...]:
    """Read ``gpg --with-colons`` (GnuPG's doc/DETAILS) and insist on the one public key that is pinned."""
    keys: list[Key] = []
    records = [line.split(":") for line in listing.splitlines()]
    kinds = [fields[0] for fields in records]
    primaries = kinds.count("pub")
    if "sec" in kinds or "ssb" in kinds:
        raise VerificationError(f"the signing key from {origin} contains a secret key; give only the public key")
    if primaries != 1:
        raise VerificationError(
            f"the signing key from {origin} must hold exactly one OpenPGP public key, it holds {primaries};"
            " give the file that the Flatcar project publishes, unchanged"
        )
    for fields, following in itertools.pairwise(records):
        if fields[0] in {"pub", "sub"} and following[0] == "fpr":
            expires = int(fields[6]) if fields[6] else None
            keys.append(Key(following[9], int(fields[5]), expires, revoked=fields[1] == "r"))
    if not keys or keys[0].fingerprint != primary:
        found = keys[0].fingerprint if keys else "none"
        raise VerificationError(
            f"the signing key from {origin} has the fingerprint {found}; {primary} is pinned. Nothing that it signed"
            " is accepted. If you mirror builds of your own, pin your key's fingerprint; else find out who changed the"
            " key file"
        )
    return tuple(keys)


def _last_line(output: bytes) -> str:
    lines = output.decode(errors="replace").strip().splitlines()
    return lines[-1] if lines else "gpg gave no reason"


class GpgvStream:
    """One gpgv that verifies bytes as they pass, so that no file has to be read twice; *scratch* is a private directory."""

    def __init__(self, keyring: Keyring, signature: bytes, scratch: Path) -> None:
        self._primary = keyring.primary
        self._scratch = tempfile.TemporaryDirectory(prefix="gpgv-", dir=scratch)
        sig = Path(self._scratch.name, "file.sig")
        sig.write_bytes(signature)
        command = ["gpgv", "--homedir", self._scratch.name, "--keyring", str(keyring.path)]
        self._process = subprocess.Popen(
            [*command, "--status-fd", "1", "--", str(sig), "-"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
        )
        with contextlib.suppress(OSError):  # an unprivileged user may have used up the system's allowance
            fcntl.fcntl(self._process.stdin, fcntl.F_SETPIPE_SZ, _PIPE)
        self._listening = True

    def feed(self, data: bytes | memoryview) -> None:
        """Hand over the next bytes. After gpgv has exited (no valid signature to check) they are dropped."""
        view = memoryview(data)
        while self._listening and view:
            try:
                view = view[self._process.stdin.write(view) :]
            except BrokenPipeError:
                self._listening = False

    def finish(self) -> Signature:
        """The verdict on all bytes that were fed; raises ``VerificationError``."""
        return judge(self.status(), self._primary)

    def status(self) -> str:
        """End the data and wait for gpgv's status lines."""
        status, _unused = self._process.communicate()
        self._scratch.cleanup()
        return status.decode(errors="replace")

    def abandon(self) -> None:
        """Stop without a verdict."""
        self._process.kill()
        self._process.communicate()
        self._scratch.cleanup()


def verify_bytes(content: bytes, signature: bytes, keyring: Keyring, scratch: Path) -> Signature:
    """Verify a small file that is in memory."""
    stream = GpgvStream(keyring, signature, scratch)
    stream.feed(content)
    return stream.finish()


def check_signer(signature: bytes, keyring: Keyring, scratch: Path) -> None:
    """Refuse a signature file that can never be accepted, before a large file is downloaded in vain.

    The signature is tried against no data: an unknown key or a file that is not a signature shows at once, and a usable
    signature gives a mismatch.
    """
    status = GpgvStream(keyring, signature, scratch).status()
    if f"{_PREFIX}BADSIG " in status and status.count(f"{_PREFIX}NEWSIG") == 1:
        return
    judge(status, keyring.primary)
