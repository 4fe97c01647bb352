"""Which URLs a source may have. The lists follow Go's parser, quirk by quirk."""

from __future__ import annotations

import pytest
from ansible_collections.kindling.flatcar.plugins.plugin_utils._butane.urls import (
    BAD_ARN,
    BAD_SCHEME,
    BAD_VERSION_ID,
    UNPARSEABLE,
    UrlError,
    check_source,
    parse,
)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "http://host/path",
        "HTTPS://host",
        "http:",
        "gs:",
        "tftp://10.0.0.1/x",
        "http:%zz",
        "http://h/a b",
        "http://bücher.example/ä",
        "http://user:p%20w@host:8080/",
        "http://h:/",
        "http://h:99999999/",
        "http://[::1]:80/x",
        "http://[fe80::1%25eth0]/",
        "http://h/?q=%zz",
        "http://h]/",
        "http://%C3%A4/",
        "http://h/#frag\x01ment",
        "s3://bucket/key",
        "s3://bucket/key?versionId=abc",
        "s3://bucket/key?versionId=%zz",
        "arn:aws:s3:::bucket/key",
        "arn::s3:::/",
        "arn:aws:s3:r:1:accesspoint/p/key",
        "ARN:aws:s3:::bucket/key",
        "data:,x",
    ],
)
def test_accepted(url):
    check_source(url, arns=True)


@pytest.mark.parametrize(
    "url",
    [
        ":",
        ":x",
        " http://x",
        "1a://x",
        "http://h/\x01",
        "http://h\x7f/",
        "http://h/%zz",
        "http://h/#%zz",
        "http://h/%2",
        "http://us er@h/",
        "http://u%zz@h/",
        "http://a b/",
        "http://a|b/",
        "http://a[b/",
        "http://%41/",
        "http://h:port/",
        "http://[::1/",
        "http://[::1]x/",
        "http://[1.2.3.4]/",
        "http://[::1%eth0]/",
        "http://[::1%25]/",
        "http://[nonsense]/",
    ],
)
def test_unparseable(url):
    with pytest.raises(UrlError, match=UNPARSEABLE):
        check_source(url, arns=True)


@pytest.mark.parametrize("url", ["relative", "/absolute", "//host/x", "ftp://h/", "file:///x", "a/b:c", "oem:///x"])
def test_other_schemes(url):
    with pytest.raises(UrlError, match=BAD_SCHEME):
        check_source(url, arns=True)


def test_arns_came_with_a_later_version():
    with pytest.raises(UrlError, match=BAD_SCHEME):
        check_source("arn:aws:s3:::bucket/key", arns=False)


@pytest.mark.parametrize(
    "url",
    [
        "arn:aws:s3:::bucket",
        "arn:aws:ec2:::bucket/key",
        "arn:aws:s3::bucket/key",
        "arn:aws:s3:r:1:accesspoint/p",
    ],
)
def test_bad_arns(url):
    with pytest.raises(UrlError, match=BAD_ARN):
        check_source(url, arns=True)


@pytest.mark.parametrize(
    "url",
    [
        "s3://b/k?versionId=",
        "s3://b/k?versionId",
        "s3://b/k?a=1&versionId=&versionId=x",
        "s3://b/k?version%49d=",
        "arn:aws:s3:::b/k?versionId=",
    ],
)
def test_empty_version_ids(url):
    with pytest.raises(UrlError, match=BAD_VERSION_ID):
        check_source(url, arns=True)


def test_parts():
    assert parse("HTTP:opaque?q=1#f") == ("http", "opaque", "q=1")
    assert parse("http://h/p?q").query == "q"
