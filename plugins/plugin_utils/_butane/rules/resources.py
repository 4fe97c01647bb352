# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Contents and where they come from.

Source: Ignition's ``types/resource.go``, ``headers.go``, ``verification.go`` and ``url.go``; Butane's base validation.
"""

from __future__ import annotations

from collections.abc import Iterator

from .. import urls
from ..bounded_cache import bounded_cache
from ..structure import Finding, Object, Scope, error

_ORIGINS = frozenset(("inline", "local", "source"))
_HASH_LENGTHS = {"sha512": 128, "sha256": 64}


def has_one_origin(resource: Object, _scope: Scope) -> Iterator[Finding]:
    given = _ORIGINS & resource.keys()
    if len(given) > 1:
        last = min(given, key=("source", "inline", "local").index)
        yield error("only one of the following can be set: inline, local, source", last)


def has_one_contents(unit: Object, _scope: Scope) -> Iterator[Finding]:
    if "contents" in unit and "contents_local" in unit:
        yield error("only one of the following can be set: contents, contents_local", "contents_local")


def is_compression(name: str, _scope: Scope) -> Iterator[Finding]:
    if name not in ("", "gzip"):
        yield error("invalid compression method")


def is_source(source: str | None, scope: Scope) -> Iterator[Finding]:
    why = _why_no_source(source or "", scope.spec.s3_arns)
    if why is not None:
        yield error(why)


@bounded_cache
def _why_no_source(source: str, arns: bool) -> str | None:
    """Cached: many machines share large files."""
    try:
        urls.check_source(source, arns=arns)
    except (urls.UrlError, urls.DataUrlError) as failure:
        return str(failure)
    return None


def have_sources(found: list[Object], scope: Scope) -> Iterator[Finding]:
    """For configs and certificates that must have a source; a bad source is an error here and at ``source``."""
    for index, resource in enumerate(found):
        source = resource.get("source")
        for finding in is_source(source, scope) if source else [error("source is required")]:
            yield finding._replace(where=(index,))


def key_file_is_there(luks: Object, scope: Scope) -> Iterator[Finding]:
    """Reported at a path that does not exist, besides the error at the source, as in the reference."""
    if any(is_source(luks.get("key_file", {}).get("source"), scope)):
        yield error("invalid key-file source", "keys")


def is_hash(value: str, _scope: Scope) -> Iterator[Finding]:
    function, dash, digest = value.partition("-")
    if not dash:
        yield error("malformed hash specifier")
    elif function not in _HASH_LENGTHS:
        yield error("unrecognized hash function")
    elif len(digest.encode("utf-8", "surrogateescape")) != _HASH_LENGTHS[function]:
        yield error("incorrect size for hash sum")


def hash_has_a_source(resource: Object, _scope: Scope) -> Iterator[Finding]:
    if "hash" in resource.get("verification", {}) and "source" not in resource:
        yield error("source must be specified if verification is specified", "verification", "hash")


def headers_suit_the_source(resource: Object, _scope: Scope) -> Iterator[Finding]:
    if not resource.get("http_headers"):
        return
    source = resource.get("source")
    try:
        scheme = urls.parse(source).scheme if source else None
    except urls.UrlError:
        scheme = None
    if scheme is None:
        yield error(urls.UNPARSEABLE, "http_headers")
    elif scheme not in ("http", "https"):
        yield error("cannot use HTTP headers with this source scheme", "http_headers")


def is_header_name(name: str | None, _scope: Scope) -> Iterator[Finding]:
    if not name:
        yield error("HTTP header name can't be empty")


def is_header_value(value: str, _scope: Scope) -> Iterator[Finding]:
    if value == "":
        yield error("unable to parse HTTP header")
