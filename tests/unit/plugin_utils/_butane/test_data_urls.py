"""Data URLs: which one is chosen for some bytes, and which ones are well formed."""

from __future__ import annotations

import base64
import gzip as stdlib_gzip
from urllib.parse import unquote_to_bytes

import pytest
from ansible_collections.kindling.flatcar.plugins.plugin_utils._butane import data_urls
from ansible_collections.kindling.flatcar.plugins.plugin_utils._butane.data_urls import (
    DataUrlError,
    check_data_url,
    data_url,
    gzip,
)
from hypothesis import given
from hypothesis import strategies as st


def decoded(url: str) -> bytes:
    kind, _comma, data = url.partition(",")
    return base64.b64decode(data) if kind == "data:;base64" else unquote_to_bytes(data)


@pytest.mark.parametrize(
    ("content", "url"),
    [
        (b"", "data:,"),
        (b"hello", "data:,hello"),
        (b"a b/c", "data:,a%20b%2Fc"),
        (b"-_.!~*'()", "data:,-_.!~*'()"),
        ("é".encode(), "data:,%C3%A9"),
        (bytes(range(128, 160)), "data:;base64," + base64.b64encode(bytes(range(128, 160))).decode()),
    ],
)
def test_choice(content, url):
    assert data_url(content, may_compress=True) == (url, False)


def test_a_tie_goes_to_percent_encoding():
    """Six characters of percent-encoding against base64 of equal length."""
    content = b"      abcdefghijkl"
    percent, base = len(",") + 18 + 12, len(";base64,") + 24
    assert percent < base
    assert data_url(content, may_compress=False)[0].startswith("data:,")


def test_compression_has_to_pay():
    url, compressed = data_url(b"a" * 1000, may_compress=True)
    assert compressed
    assert stdlib_gzip.decompress(decoded(url)) == b"a" * 1000
    assert data_url(b"a" * 1000, may_compress=False) == ("data:," + "a" * 1000, False)


@given(st.binary(max_size=300), st.booleans())
def test_nothing_is_lost_and_the_shortest_wins(content, may_compress):
    url, compressed = data_url(content, may_compress=may_compress)
    check_data_url(url)
    assert (stdlib_gzip.decompress(decoded(url)) if compressed else decoded(url)) == content
    assert len(url) <= len("data:;base64,") + len(base64.b64encode(content))
    assert may_compress or not compressed


def test_contents_that_machines_share_are_compressed_once(monkeypatch):
    compressed = []
    monkeypatch.setattr(data_urls, "gzip", lambda content: compressed.append(content) or gzip(content))
    made = {data_url(bytes(bytearray(b"setting = 1\n" * 99)), may_compress=True) for _machine in range(5)}
    assert len(made) == len(compressed) == 1


def test_large_contents_are_not_kept(monkeypatch):
    compressed = []
    monkeypatch.setattr(data_urls, "gzip", lambda content: compressed.append(content) or gzip(content))
    for _machine in range(2):
        data_url(b"x" * 20_000, may_compress=True)
    assert len(compressed) == 2


@given(st.binary(max_size=2000))
def test_gzip_is_gzip_and_has_no_time_in_it(content):
    compressed = gzip(content)
    assert stdlib_gzip.decompress(compressed) == content
    assert compressed[:10] == b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\xff"


@pytest.mark.parametrize(
    "url",
    [
        "data:,",
        "data:,a%20b",
        "data:;base64,",
        "data:;base64,aGk=",
        "data:;base64,aGl=",
        "data:text/plain,x",
        "data:texty/,x",
        "data:x-own/thing;a=b;base64,aGk=",
        "data:;charset=utf-8,x",
        'data:text/plain;a="q;\\"uo,te";b=c,x',
    ],
)
def test_well_formed(url):
    check_data_url(url)


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("Data:,x", "missing data prefix"),
        ("data:", "missing comma before data"),
        ("data:text/plain;a=b", "missing comma before data"),
        ("data:é,x", "invalid character after data prefix"),
        ("data:text", "missing media type slash"),
        ("data:text,x", "invalid character for media type"),
        ("data:model/x,x", "invalid media type"),
        ("data:text/plain", "incomplete media type"),
        ("data:text/pl@in,x", "invalid character for media subtype"),
        ("data:;", "unterminated parameter sequence"),
        ("data:;=x,", "unterminated parameter sequence"),
        ("data:;a", "unterminated parameter sequence"),
        ("data:;base64;a=b,x", "invalid character for parameter attribute"),
        ("data:;@=b,x", "invalid character for parameter attribute"),
        ("data:;a=,x", "invalid character for parameter value"),
        ("data:;a=%zz,x", "rfc2396: invalid char 0x25 in unescape sequence"),
        ('data:;a="open,x', "unclosed quoted string"),
        ('data:;a="b"c,x', "expected semicolon or comma"),
        ("data:;base32,x", "expected base64, got base32"),
        ("data:,a b", "invalid data character"),
        ("data:,%2", "rfc2396: unexpected end of unescape sequence"),
        ("data:,%zz", "rfc2396: invalid char 0x25 in unescape sequence"),
        ("data:;base64,a b", "invalid data character"),
        ("data:;base64,aGk", "illegal base64 data"),
        ("data:;base64,a===", "illegal base64 data"),
    ],
)
def test_malformed(url, message):
    with pytest.raises(DataUrlError) as caught:
        check_data_url(url)
    assert str(caught.value) == message


def test_a_long_url_is_checked_in_linear_time():
    with pytest.raises(DataUrlError):
        check_data_url("data:" + ";a=b" * 100_000)
