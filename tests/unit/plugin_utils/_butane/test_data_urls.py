"""Data URLs: which one is chosen for some bytes, and which ones are well formed."""

from __future__ import annotations

import base64
import gzip as stdlib_gzip
import random
import re
import tracemalloc
from urllib.parse import unquote_to_bytes

import pytest
from ansible_collections.kindling.flatcar.plugins.plugin_utils._butane import data_urls
from ansible_collections.kindling.flatcar.plugins.plugin_utils._butane.data_urls import (
    DataUrlError,
    check_data_url,
    content_of,
    data_url,
    gzip,
    pieces_of,
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


@given(st.text("Ab/=+", max_size=12))
def test_base64_is_what_the_reference_takes(data):
    """Groups of four characters, of which the last may be padded."""
    whole = re.fullmatch(r"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?", data)
    if whole:
        check_data_url(f"data:;base64,{data}")
    else:
        with pytest.raises(DataUrlError, match="illegal base64 data"):
            check_data_url(f"data:;base64,{data}")


@given(st.binary(max_size=40), st.integers(3, 9))
def test_pieces_are_of_no_consequence(content, size):
    """Contents are encoded and decoded piece by piece: here, pieces are small."""
    with pytest.MonkeyPatch.context() as patch:
        expected = [data_url(content, may_compress=may) for may in (True, False)]
        patch.setattr(data_urls, "_PIECE", size // 3 * 3)
        assert [data_url(content, may_compress=may) for may in (True, False)] == expected
        for url, compressed in expected:
            compression = "gzip" if compressed else ""
            assert content_of(url, compression) == b"".join(pieces_of(url, compression)) == content
        url = "data:;base64," + base64.b64encode(stdlib_gzip.compress(content)).decode()
        assert content_of(url, "gzip") == b"".join(pieces_of(url, "gzip")) == content
        assert content_of(f"{url[:-1]}%{ord(url[-1]):02x}", "gzip") == content


@pytest.mark.parametrize("damaged", ["data:;base64,H4sI", "data:;base64,aGk=", "data:;base64,a", "no"])
def test_damaged_contents(damaged):
    with pytest.raises(DataUrlError):
        content_of(damaged, "gzip")
    with pytest.raises(DataUrlError):
        list(pieces_of(damaged, "gzip"))


SIZE = 4 * 1024 * 1024
HARD = random.Random(1).randbytes(SIZE)


@pytest.mark.parametrize(
    ("content", "may_compress"),
    [(HARD, True), (HARD, False), (b"%a" * (SIZE // 2), False), (HARD.hex().encode(), True), (b"a" * SIZE, False)],
    ids=["incompressible", "as it is", "escaped", "compressed", "plain"],
)
def test_a_large_file_takes_a_few_times_its_size(content, may_compress):
    """Neither a list of its characters nor marks of a regular expression, which take tens of times as much."""
    tracemalloc.start()
    try:
        url, compressed = data_url(content, may_compress=may_compress)
        check_data_url(url)
        assert sum(map(len, pieces_of(url, "gzip" if compressed else ""))) == len(content)
        assert content_of(url, "gzip" if compressed else "") == content
        largest = max(len(url), len(content))
        assert tracemalloc.get_traced_memory()[1] < 5 * largest
    finally:
        tracemalloc.stop()


def test_a_long_parameter_takes_little_memory():
    url = f'data:;a="{"x" * SIZE}",'
    tracemalloc.start()
    try:
        check_data_url(url)
        assert tracemalloc.get_traced_memory()[1] < 2 * SIZE
    finally:
        tracemalloc.stop()


def test_a_long_url_is_checked_in_linear_time():
    with pytest.raises(DataUrlError):
        check_data_url("data:" + ";a=b" * 100_000)
