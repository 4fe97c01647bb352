"""Versions, channels, wishes, and the two text files of a release."""

from __future__ import annotations

import hashlib

import pytest
from ansible_collections.kindling.flatcar.plugins.module_utils._mirror import release
from ansible_collections.kindling.flatcar.plugins.module_utils._mirror.errors import RequestError, VerificationError
from ansible_collections.kindling.flatcar.plugins.module_utils._mirror.service import merge_targets, parse_requests
from release_server import digests_text, version_text


@pytest.mark.parametrize(
    ("text", "channel"),
    [
        ("4593.2.5", "stable"),
        ("4757.1.0", "beta"),
        ("4790.0.0", "alpha"),
        ("4081.3.10", "lts"),
        ("5000.7.0", "unknown"),
    ],
)
def test_a_version_names_its_channel(text, channel):
    version = release.Version.parse(text)
    assert str(version) == text
    assert version.channel == channel


def test_versions_sort_by_number_not_by_letter():
    texts = ["4081.3.9", "4081.3.10", "10000.3.0"]
    assert sorted(texts, key=release.Version.parse) == texts


@pytest.mark.parametrize(
    "text", ["", "current", "4593.2", "4593.2.5+dirty", "../4593.2.5", "4593.2.5\n", "04593.2.5", "٤.2.1"]
)
def test_not_a_version(text):
    with pytest.raises(RequestError, match=r"not a Flatcar version"):
        release.Version.parse(text)


@pytest.mark.parametrize(
    ("name", "server", "directory", "link"),
    [
        ("stable", "stable", "current", "current-stable"),
        ("lts", "lts", "current", "current-lts"),
        ("lts-2024", "lts", "current-2024", "current-lts-2024"),
    ],
)
def test_channels(name, server, directory, link):
    channel = release.Channel(name)
    assert (channel.server, channel.current_directory, channel.link) == (server, directory, link)


@pytest.mark.parametrize("name", ["edge", "Stable", "stable-2024", "lts-24", "lts-", "", "../lts", "lts\n"])
def test_not_a_channel(name):
    with pytest.raises(RequestError, match=r"not a channel; known are"):
        release.Channel(name)


def test_every_wrong_wish_is_told_at_once():
    entries = [
        {"board": "amd64-usr", "channel": "stable", "version": "4593.2.5"},
        {"board": "riscv", "channel": "stable", "version": "current"},
        {"board": "amd64-usr", "channel": "beta", "version": "4593.2.5"},
        {"board": "amd64-usr", "channel": "stable", "version": "newest"},
    ]
    with pytest.raises(RequestError) as caught:
        parse_requests(entries)
    text = str(caught.value)
    assert "wanted[0]" not in text
    assert "wanted[1]: 'riscv' is not a board" in text
    assert "wanted[2]: wanted amd64-usr beta 4593.2.5: 4593.2.5 is a release of the channel stable" in text
    assert "wanted[3]: 'newest' is not a Flatcar version" in text


def test_wishes_of_one_version_are_merged():
    requests = parse_requests(
        [
            {"board": "amd64-usr", "channel": "stable", "version": "current"},
            {"board": "amd64-usr", "channel": "stable", "version": "4593.2.5", "install": True},
            {"board": "arm64-usr", "channel": "stable", "version": "4593.2.5"},
        ]
    )
    version = release.Version.parse("4593.2.5")
    targets = merge_targets(dict.fromkeys(requests, version))
    assert [(target.board, target.install) for target in targets] == [("amd64-usr", True), ("arm64-usr", False)]
    assert release.DISK_IMAGE in targets[0].files
    assert release.DISK_IMAGE not in targets[1].files


def test_a_mirror_is_filled_in():
    channel = release.Channel("lts-2024")
    url = release.release_url("https://{channel}.release.flatcar-linux.net/{board}/", "arm64-usr", channel, "4081.3.10")
    assert url == "https://lts.release.flatcar-linux.net/arm64-usr/4081.3.10"


def test_version_file():
    assert str(release.parse_version_file(version_text("4593.2.5").decode(), "url")) == "4593.2.5"
    quoted = 'FLATCAR_VERSION="4593.2.5"\n'
    assert str(release.parse_version_file(quoted, "url")) == "4593.2.5"


@pytest.mark.parametrize(
    "text", ["", "hello", "VERSION=4593.2.5\n", "FLATCAR_VERSION=$(id)\n", "FLATCAR_VERSION=4593.2.5+x\n"]
)
def test_wrong_version_file(text):
    with pytest.raises(VerificationError, match=r"^http://x/version.txt: "):
        release.parse_version_file(text, "http://x/version.txt")


DIGEST = hashlib.sha512(b"content").hexdigest()


@pytest.mark.parametrize(
    "text",
    [
        digests_text("file", b"content").decode(),
        f"# SHA512 HASH\n{DIGEST.upper()}  file\n",
        f"# BLAKE2 HASH\n{'0' * 128}  file\n# SHA512 HASH\n{DIGEST}  file\n",
        f"# SHA512 HASH\n{'0' * 128}  other\n{DIGEST}  file\n",
    ],
)
def test_digest_is_found_by_header_and_name(text):
    assert release.parse_sha512(text, "file", "url") == DIGEST


@pytest.mark.parametrize(
    "text",
    [
        "",
        f"{DIGEST}  file\n",
        f"# SHA512 HASH\n{DIGEST}  other\n",
        f"# SHA512 HASH\n{DIGEST}  dir/file\n",
        f"# SHA512 HASH\n{DIGEST[:64]}  file\n",
        f"# BLAKE2B HASH\n{DIGEST}  file\n",
        f"# SHA512 HASH\n{DIGEST}  file\n{'0' * 128}  file\n",
        f"# SHA512 HASH\n# MD5 HASH\n{DIGEST}  file\n",
    ],
)
def test_digest_is_refused(text):
    with pytest.raises(VerificationError, match=r"expected one SHA512 line for file"):
        release.parse_sha512(text, "file", "url")
