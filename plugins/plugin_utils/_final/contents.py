# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Contents that do not match what is declared: compression, hash, certificate."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from typing import Any

from .._butane.bounded_cache import bounded_cache
from .._butane.data_urls import content_of, pieces_of
from .certificates import CertificateError, ends_of
from .configs import Config, inner_configs

#: Where Flatcar's update-ca-certificates looks for certificates of authorities (docs: security/cert-auth).
_AUTHORITIES = "/etc/ssl/certs/"
_CERTIFICATE_NAME = re.compile(r".+\.(?:pem|crt|cer|cert)")
_MARK = "BEGIN%20CERTIFICATE"

_HASHES = ("sha256", "sha512")

_CERTIFICATES = "security.tls.certificate_authorities"


def mistakes(config: Config) -> Iterator[tuple[str, str]]:
    for place, resource in _resources(config):
        source, compression = resource.get("source") or "", resource.get("compression")
        digest = (resource.get("verification") or {}).get("hash")
        why = _why_not(source, compression, digest) if source.startswith("data:") and (compression or digest) else None
        if why:
            yield config.at(f"{place}{why[0]}", why[1])
    for place, text, of_authority in _with_certificates(config):
        try:
            ends_of(text, of_authority)
        except CertificateError as error:
            yield config.at(place, str(error))


def certificates(config: Config) -> Iterator[tuple[str, str, Any]]:
    """The path, the name and the expiry of each certificate that *config* holds."""
    for place, text, of_authority in _with_certificates(config):
        try:
            found = ends_of(text, of_authority)
        except CertificateError:
            continue
        for name, end in found:
            yield config.at(place, "")[0], name, end


def _resources(config: Config) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Everything that has a source, by its path."""
    for place, entry in config.entries("storage", "files"):
        if entry.get("contents"):
            yield f"{place}.contents", entry["contents"]
        for number, one in enumerate(entry.get("append") or ()):
            yield f"{place}.append.{number}", one
    for place, entry in config.entries("storage", "luks"):
        if entry.get("keyFile"):
            yield f"{place}.key_file", entry["keyFile"]
    yield from inner_configs(config.json)
    yield from _authorities(config)


def _authorities(config: Config) -> Iterator[tuple[str, Mapping[str, Any]]]:
    tls = ((config.json.get("ignition") or {}).get("security") or {}).get("tls") or {}
    for number, one in enumerate(tls.get("certificateAuthorities") or ()):
        yield f"ignition.{_CERTIFICATES}.{number}", one


@bounded_cache
def _why_not(source: str, compression: str | None, digest: str | None) -> tuple[str, str] | None:
    """The path in a resource, and what is wrong with it. Cached, because many machines share contents."""
    kind, _separator, wanted = (digest or "").partition("-")
    found = hashlib.new(kind if kind in _HASHES else _HASHES[0])
    try:
        for piece in pieces_of(source, compression):
            found.update(piece)
    except ValueError:
        return (
            ".compression",
            "the contents are not gzip, as compression says, and Ignition fails on them: leave compression out (Kindling "
            "compresses by itself where that saves space), or give the output of gzip",
        )
    if kind not in _HASHES or found.hexdigest() == wanted.lower():
        return None
    return (
        ".verification.hash",
        "the contents have a different hash, and Ignition fails on them: expected "
        f"{kind}-{found.hexdigest()}; for compressed contents, it is the hash of the uncompressed ones. "
        "Change it, or leave it out: contents within the config need none",
    )


def _with_certificates(config: Config) -> Iterator[tuple[str, str, bool]]:
    """Strings that are certificates, each with its path; and whether it has to be an authority's, and nothing else."""
    for place, resource in _authorities(config):
        text = _text(resource)
        if text is not None:
            yield f"{place}.source", text, True
    for place, entry in config.entries("storage", "files"):
        path, resource = entry.get("path", ""), entry.get("contents") or {}
        of_authority = path.startswith(_AUTHORITIES)
        if of_authority or _CERTIFICATE_NAME.fullmatch(path) or _MARK in (resource.get("source") or ""):
            text = _text(resource)
            if text is not None and (of_authority or "BEGIN CERTIFICATE" in text):
                yield f"{place}.contents", text, of_authority


def _text(resource: Mapping[str, Any]) -> str | None:
    source = resource.get("source") or ""
    if not source.startswith("data:"):
        return None
    try:
        return content_of(source, resource.get("compression")).decode("utf-8", "replace")
    except ValueError:  # reported already
        return None


__all__ = ("certificates", "mistakes")
