"""The rule by which gpgv's findings are accepted, line by line; the real gpgv is in test_faults.py."""

from __future__ import annotations

import pytest
from ansible_collections.kindling.flatcar.plugins.module_utils._mirror.errors import UnknownKeyError, VerificationError
from ansible_collections.kindling.flatcar.plugins.module_utils._mirror.signature import Key, Keyring, judge

PRIMARY = "F88CFEDEFF29A5B4D9523864E25D9AED0593B34A"
SUBKEY = "52F145DFD00BBDCD928CBB5A32DA80F91EF52974"
OTHER = "0" * 40
ID = SUBKEY[-16:]
MADE = 1_700_000_000


def status(*lines: str) -> str:
    return "".join(f"[GNUPG:] {line}\n" for line in lines)


def validsig(primary: str = PRIMARY, hash_algorithm: int = 10) -> str:
    return f"VALIDSIG {SUBKEY} 2023-11-14 {MADE} 0 4 0 1 {hash_algorithm} 00 {primary}"


GOOD = status("NEWSIG", f"KEY_CONSIDERED {PRIMARY} 0", f"GOODSIG {ID} Flatcar Buildbot", validsig())


def test_good():
    signature = judge(GOOD, PRIMARY)
    assert (signature.key, signature.primary, signature.made_at) == (SUBKEY, PRIMARY, MADE)


def test_a_uid_cannot_pose_as_a_status_line():
    lines = status("NEWSIG", f"BADSIG {ID} [GNUPG:] GOODSIG {ID}", validsig())
    with pytest.raises(VerificationError):
        judge(lines, PRIMARY)


def test_an_expired_subkey_is_good_for_what_it_signed_in_its_life():
    lines = status("NEWSIG", f"KEYEXPIRED {MADE + 1}", f"EXPKEYSIG {ID} Flatcar", validsig())
    assert judge(lines, PRIMARY).made_at == MADE


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ([], "no OpenPGP signature"),
        (["NODATA 1", "NODATA 2"], "no OpenPGP signature"),
        ([f"GOODSIG {ID} x"], "did not confirm"),
        ([validsig()], "no OpenPGP signature"),
        ([f"GOODSIG {ID} x", f"VALIDSIG {SUBKEY}"], "did not confirm"),
        ([f"GOODSIG {ID} x", validsig(primary=OTHER)], f"{PRIMARY} is pinned"),
        ([f"GOODSIG {ID} x", validsig(hash_algorithm=1)], "broken hash"),
        ([f"GOODSIG {ID} x", validsig(hash_algorithm=2)], "broken hash"),
        ([f"GOODSIG {ID} x", validsig(), f"GOODSIG {ID} x", validsig()], "several"),
        ([f"GOODSIG {ID} x", validsig(), f"BADSIG {ID} x"], "several"),
        ([f"GOODSIG {ID} x", validsig(), f"ERRSIG {ID} 1 10 00 {MADE} 9 {OTHER}", f"NO_PUBKEY {ID}"], "several"),
        ([f"GOODSIG {ID} x", validsig(), validsig()], "several"),
        ([f"BADSIG {ID} x"], "does not match the file"),
        ([f"EXPSIG {ID} x", validsig()], "itself has expired"),
        ([f"REVKEYSIG {ID} x", validsig(), "KEYREVOKED"], "revoked key"),
        ([f"EXPKEYSIG {ID} x", validsig()], "had expired"),
        ([f"KEYEXPIRED {MADE - 1}", f"EXPKEYSIG {ID} x", validsig()], "had expired"),
        ([f"KEYEXPIRED {MADE + 1}", f"KEYEXPIRED {MADE - 1}", f"EXPKEYSIG {ID} x", validsig()], "had expired"),
        ([f"ERRSIG {ID} 1 10 00 {MADE} 4"], "cannot check"),
    ],
)
def test_refused(lines, words):
    with pytest.raises(VerificationError, match=words):
        judge(status(*lines), PRIMARY)


def test_an_unknown_key_is_a_case_of_its_own():
    lines = status("NEWSIG", f"ERRSIG {ID} 1 10 00 {MADE} 9 {SUBKEY}", f"NO_PUBKEY {ID}")
    with pytest.raises(UnknownKeyError, match=SUBKEY):
        judge(lines, PRIMARY)


def keyring(*keys: Key) -> Keyring:
    return Keyring(path=None, primary=PRIMARY, keys=keys)


def test_what_an_older_key_file_lacks():
    first = Key("A", 1, None, revoked=False)
    second = Key("B", 2, None, revoked=True)
    unrevoked = Key("B", 2, None, revoked=False)
    assert keyring(first).lost_in(keyring(first, second)) == []
    assert keyring(first, second).lost_in(keyring(first)) == ["the key B"]
    assert keyring(first, second).lost_in(keyring(first, unrevoked)) == ["the revocation of B"]
