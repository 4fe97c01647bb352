# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates in PEM: whether they are complete, and when they expire.

ansible-core comes with ``cryptography``, which reads them; it takes a while to import, and few configs have certificates.
"""

from __future__ import annotations

import datetime
import re

from .._butane.bounded_cache import bounded_cache

_BLOCK = re.compile(r"-----BEGIN ([A-Z0-9 ]+)-----(.*?)-----END \1-----", re.DOTALL)
_BEGIN = re.compile(r"-----BEGIN ([A-Z0-9 ]+)-----")
_CERTIFICATE = "CERTIFICATE"


class CertificateError(ValueError):
    """Something that should be a certificate is not one."""


@bounded_cache
def ends_of(text: str, of_authority: bool) -> tuple[tuple[str, datetime.datetime], ...]:
    """The subjects of the certificates in *text*, each with its end. Cached: many machines share certificates.

    *of_authority*: it has to be a certificate, without anything private. Raises ``CertificateError``.
    """
    blocks = _BLOCK.findall(text)
    if of_authority and any("PRIVATE KEY" in name for name in _BEGIN.findall(text)):
        raise CertificateError(
            "expected a certificate: this has a private key in it, which would be served to the network. Take it out of the "
            "inventory and of its history"
        )
    if of_authority and not any(name == _CERTIFICATE for name, _block in blocks):
        raise CertificateError(
            "expected a certificate in PEM, from -----BEGIN CERTIFICATE----- to -----END CERTIFICATE-----"
        )
    if len(_BEGIN.findall(text)) != len(blocks):
        raise CertificateError("expected an END line for each block of the PEM: a part of it is missing")
    return tuple(_end_of(number, body) for number, (name, body) in enumerate(blocks) if name == _CERTIFICATE)


def _end_of(number: int, body: str) -> tuple[str, datetime.datetime]:
    from cryptography import x509

    pem = f"-----BEGIN {_CERTIFICATE}-----{body}-----END {_CERTIFICATE}-----\n"
    try:
        found = x509.load_pem_x509_certificate(pem.encode())
        subject = found.subject.rfc4514_string()
    except (ValueError, TypeError, x509.InvalidVersion) as error:
        raise CertificateError(
            f"block {number + 1} of the PEM is not a certificate, or is incomplete ({error}): copy it again, line by line"
        ) from None
    try:
        end = found.not_valid_after_utc
    except AttributeError:  # before cryptography 42
        end = found.not_valid_after.replace(tzinfo=datetime.UTC)
    return subject, end


__all__ = ("CertificateError", "ends_of")
