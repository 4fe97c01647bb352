# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which strings are valid URLs of a source. Source: Go's ``net/url`` and Ignition's ``types/url.go``."""

from __future__ import annotations

import ipaddress
import re
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

from .data_urls import DataUrlError, check_data_url

UNPARSEABLE = "unable to parse url"
BAD_SCHEME = "invalid url scheme"
BAD_VERSION_ID = "invalid S3 object VersionId"
BAD_ARN = "invalid S3 ARN format"

_WITHOUT_CONTROLS = re.compile(r"[^\x00-\x1f\x7f]*")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*\Z")
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_USERINFO = re.compile(r"[A-Za-z0-9\-._:~!$&'()*+,;=%@]*\Z")
_PORT = re.compile(r"(?::[0-9]*)?\Z")
_BAD_IN_HOST = re.compile(r"[ \\^{|}`]")
_ASCII_ESCAPE = re.compile(r"%(?!25)[0-7][0-9A-Fa-f]")


class UrlError(ValueError):
    """Not a valid URL here; the text is the reference's message."""


class Url(NamedTuple):
    scheme: str
    opaque: str
    query: str


def parse(text: str) -> Url:
    """The parts that rules look at. Raises UrlError where Go's parser refuses."""
    text, _separator, fragment = text.partition("#")
    _refuse_if(_BAD_ESCAPE.search(fragment))
    _refuse_if(not _WITHOUT_CONTROLS.fullmatch(text))
    scheme, rest = _split_scheme(text)
    rest, _separator, query = rest.partition("?")
    if not rest.startswith("/"):
        if scheme:
            return Url(scheme, rest, query)
        _refuse_if(":" in rest.partition("/")[0])
    if rest.startswith("//") and (scheme or not rest.startswith("///")):
        authority, slash, path = rest[2:].partition("/")
        _check_authority(authority)
        rest = slash + path
    _refuse_if(_BAD_ESCAPE.search(rest))
    return Url(scheme, "", query)


def _refuse_if(problem: object) -> None:
    if problem:
        raise UrlError(UNPARSEABLE)


def _split_scheme(text: str) -> tuple[str, str]:
    head, colon, rest = text.partition(":")
    _refuse_if(colon and not head)
    if colon and _SCHEME.match(head):
        return head.lower(), rest
    return "", text


def _check_authority(authority: str) -> None:
    userinfo, at, host = authority.rpartition("@")
    if at:
        _refuse_if(not _USERINFO.match(userinfo) or _BAD_ESCAPE.search(userinfo))
    if host.startswith("["):
        _check_bracketed(host)
        return
    _refuse_if("[" in host)
    name, colon, port = host.rpartition(":")
    if colon:
        _refuse_if(not _PORT.match(colon + port))
    else:
        name = port
    _check_host_text(name)


def _check_bracketed(host: str) -> None:
    inner, bracket, port = host[1:].rpartition("]")
    _refuse_if(not bracket or not _PORT.match(port))
    address, percent, zone = inner.partition("%25")
    _refuse_if(percent and (not zone or _BAD_ESCAPE.search(zone)))
    _refuse_if("%" in address)
    try:
        ipaddress.IPv6Address(address)
    except ValueError as failure:
        raise UrlError(UNPARSEABLE) from failure


def _check_host_text(host: str) -> None:
    _refuse_if(_BAD_ESCAPE.search(host) or _ASCII_ESCAPE.search(host) or _BAD_IN_HOST.search(host))


def check_source(text: str, *, arns: bool) -> None:
    """Whether a resource may come from the URL; '' may. Raises UrlError or DataUrlError."""
    if not text:
        return
    url = parse(text)
    if url.scheme in ("http", "https", "tftp", "gs"):
        return
    if url.scheme == "data":
        check_data_url(text)
    elif url.scheme == "s3":
        _check_version_id(url)
    elif url.scheme == "arn" and arns:
        _check_arn(url)
        _check_version_id(url)
    else:
        raise UrlError(BAD_SCHEME)


def _check_arn(url: Url) -> None:
    """``arn:partition:s3:region:account:resource``, the resource a bucket and key or an access point and key."""
    name = "arn:" + url.opaque
    parts = name.split(":", 5)
    if len(parts) < 6 or parts[2] != "s3":
        raise UrlError(BAD_ARN)
    slashes_needed = 2 if parts[5].startswith("accesspoint/") else 1
    if name.count("/") < slashes_needed:
        raise UrlError(BAD_ARN)


def _check_version_id(url: Url) -> None:
    for pair in url.query.split("&"):
        if ";" in pair or _BAD_ESCAPE.search(pair):
            continue
        key, _separator, value = pair.partition("=")
        if unquote_to_bytes(key.replace("+", " ")) == b"versionId":
            if not value:
                raise UrlError(BAD_VERSION_ID)
            return


__all__ = ("BAD_SCHEME", "UNPARSEABLE", "DataUrlError", "Url", "UrlError", "check_source", "parse")
