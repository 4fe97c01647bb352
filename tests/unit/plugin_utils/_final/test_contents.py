"""Contents are what they say: compressed, of a hash, a certificate."""

from __future__ import annotations

import base64
import datetime
import gzip
import hashlib

import pytest
from ansible_collections.kindling.flatcar.plugins.plugin_utils._butane.data_urls import data_url
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

SOURCE = "data:,plain%20words"
SHA512 = f"sha512-{hashlib.sha512(b'plain words').hexdigest()}"
GZIPPED = f"data:;base64,{base64.b64encode(gzip.compress(b'plain words')).decode()}"


def at(place, resource):
    """A fragment with a resource at one of the places that take one."""
    return {
        "file": {"storage": {"files": [{"path": "/etc/a", "contents": resource}]}},
        "append": {"storage": {"files": [{"path": "/etc/a", "append": [resource]}]}},
        "key file": {"storage": {"luks": [{"name": "a", "device": "/dev/disk/by-partlabel/a", "key_file": resource}]}},
        "authority": {"ignition": {"security": {"tls": {"certificate_authorities": [resource]}}}},
    }[place]


@pytest.mark.parametrize("place", ["file", "append", "key file"])
@pytest.mark.parametrize(
    ("resource", "where", "message"),
    [
        ({"source": SOURCE, "compression": "gzip"}, "compression", "leave compression out"),
        ({"inline": "plain words", "compression": "gzip"}, "compression", "leave compression out"),
        ({"source": GZIPPED[:-8], "compression": "gzip"}, "compression", "leave compression out"),
        (
            {"source": SOURCE, "verification": {"hash": f"sha512-{'0' * 128}"}},
            "verification.hash",
            f"expected {SHA512}",
        ),
        (
            {"inline": "plain words", "verification": {"hash": f"sha256-{'0' * 64}"}},
            "verification.hash",
            "expected sha256-",
        ),
        (
            {"source": GZIPPED, "compression": "gzip", "verification": {"hash": f"sha512-{'0' * 128}"}},
            "verification.hash",
            f"expected {SHA512}",
        ),
    ],
)
def test_contents_that_are_not_what_they_say_are_refused(wrong, place, resource, where, message):
    ((path, said),) = wrong(at(place, resource))
    assert path.startswith("flatcar_butane: $.storage.")
    assert path.endswith(where)
    assert message in said


@pytest.mark.parametrize("place", ["file", "append", "key file"])
@pytest.mark.parametrize(
    "resource",
    [
        {"source": SOURCE, "verification": {"hash": SHA512}},
        {"source": GZIPPED, "compression": "gzip", "verification": {"hash": SHA512}},
        {"inline": "words " * 1000},
        {"source": "https://files.test/a", "compression": "gzip", "verification": {"hash": f"sha512-{'0' * 128}"}},
    ],
)
def test_right_contents_are_taken(wrong, place, resource):
    assert wrong(at(place, resource)) == []


# Certificates -----------------------------------------------------------------------------------------------------------------


def certificate(days=365):
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Rack")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1000))
        .not_valid_after(now + datetime.timedelta(days=days))
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return made.public_bytes(serialization.Encoding.PEM).decode(), private.decode()


PEM, PRIVATE = certificate()
OLD, _ = certificate(days=-1)
SOON, _ = certificate(days=10)
BROKEN = PEM.replace(PEM.splitlines()[3], PEM.splitlines()[3][:-8])


def authority(text):
    return at("authority", {"inline": text})


def file_at(path, text):
    return {"storage": {"files": [{"path": path, "contents": {"inline": text}}]}}


@pytest.mark.parametrize(
    "of", [authority, lambda text: file_at("/etc/ssl/certs/rack.pem", text)], ids=["authority", "file"]
)
@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("/etc/ssl/rack.pem", "expected a certificate in PEM"),
        (BROKEN, "block 1 of the PEM is not a certificate"),
        (PEM + BROKEN, "block 2 of the PEM is not a certificate"),
        (PEM[:-30], "expected a certificate in PEM"),
        (PEM + PEM[:-30], "a part of it is missing"),
        (PRIVATE, "has a private key in it"),
        (PEM + PRIVATE, "has a private key in it"),
    ],
)
def test_what_is_no_certificate_of_an_authority_is_refused(wrong, of, text, message):
    ((_, said),) = wrong(of(text))
    assert message in said
    assert PRIVATE.splitlines()[1] not in said


@pytest.mark.parametrize(
    "butane",
    [
        authority(PEM),
        authority(f"# the rack's\n{PEM}{PEM}"),
        file_at("/etc/ssl/certs/rack.pem", PEM),
        file_at("/etc/app/key.pem", PRIVATE),
        file_at("/etc/app/both.pem", PEM + PRIVATE),
        at(
            "authority",
            dict(
                zip(("source", "compression"), (data_url(PEM.encode() * 9, may_compress=True)[0], "gzip"), strict=True)
            ),
        ),
    ],
)
def test_right_certificates_are_taken(wrong, butane):
    assert wrong(butane) == []


def test_a_certificate_of_a_service_is_whole_too(wrong):
    assert "not a certificate" in wrong(file_at("/etc/app/tls.crt", BROKEN))[0][1]
    assert "not a certificate" in wrong(file_at("/etc/app/config", f"a: |\n{BROKEN}"))[0][1]


@pytest.mark.parametrize(("text", "word"), [(OLD, "ended"), (SOON, "ends")])
def test_a_certificate_that_ends_is_a_warning(told, key, text, word):
    ((path, message, placeholder),) = told(authority(text), authorized_keys=[key])
    assert path == "flatcar_butane: $.ignition.security.tls.certificate_authorities.0.source"
    assert f"the certificate of CN=Rack {word} on" in message
    assert not placeholder
    assert told(authority(PEM), authorized_keys=[key]) == []
