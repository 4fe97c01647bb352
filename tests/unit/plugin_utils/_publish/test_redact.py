"""Configs as people are shown them: decoded, and without secrets."""

from __future__ import annotations

import json

import pytest
from ansible_collections.kindling.flatcar.plugins.plugin_utils._butane.data_urls import data_url
from ansible_collections.kindling.flatcar.plugins.plugin_utils._publish.redact import redacted_both

KEY = bytes(32)
SECRETS = ["hunter22", "-----BEGIN KEY-----\nAAAAsecretline\n-----END KEY-----\n"]


def config(**parts):
    return {"ignition": {"version": "3.4.0"}, **parts}


def file(text, path="/etc/x"):
    return config(storage={"files": [{"path": path, "mode": 420, "contents": {"source": f"data:,{text}"}}]})


@pytest.mark.parametrize(
    "parts",
    [
        {"passwd": {"users": [{"name": "core", "passwordHash": "SECRET"}]}},
        {"storage": {"luks": [{"name": "a", "keyFile": {"source": "data:,SECRET"}}]}},
        {
            "storage": {
                "files": [
                    {
                        "path": "/x",
                        "contents": {"source": "https://x", "httpHeaders": [{"name": "A", "value": "SECRET"}]},
                    }
                ]
            }
        },
        {
            "ignition": {
                "version": "3.4.0",
                "config": {
                    "merge": [
                        {
                            "source": "data:,%7B%22passwd%22%3A%7B%22users%22%3A%5B%7B%22passwordHash%22%3A%22SECRET%22%7D%5D%7D%7D"
                        }
                    ]
                },
            }
        },
    ],
)
def test_what_is_always_a_secret_is_a_mark_that_tells_a_change(parts):
    texts = [json.dumps(parts).replace("SECRET", secret) for secret in ("oldone", "newone", "newone")]
    first, second = redacted_both(*(json.loads(text) for text in texts[:2]), (), KEY)
    assert "one" not in first + second
    assert first != second
    same = redacted_both(*(json.loads(text) for text in texts[1:]), (), KEY)
    assert same[0] == same[1] == second


def test_texts_out_of_vaults_are_hidden_and_those_that_they_were():
    before, after = redacted_both(
        file("user%3Da%0Apassword%3Dolder33%0A"), file("user%3Db%0Apassword%3Dhunter22%0A"), SECRETS, KEY
    )
    assert "older33" not in before
    assert "hunter22" not in after
    assert "user=b" in after
    assert "password=(secret " in after


def test_a_key_of_many_lines_is_hidden_however_it_is_indented():
    _, after = redacted_both(
        None, file("key: |%0A  -----BEGIN KEY-----%0A  AAAAsecretline%0A  -----END KEY-----%0A"), SECRETS, KEY
    )
    assert "AAAAsecretline" not in after


def test_a_file_that_is_no_more_does_not_tell_its_contents():
    before, _ = redacted_both(file("password%3Dolder33%0A"), config(), SECRETS, KEY)
    assert "/etc/x" in before
    assert "older33" not in before


def test_contents_are_shown_as_they_will_be():
    url, compressed = data_url(b"hello world\n" * 30, may_compress=True)
    assert compressed
    source = {"source": url, "compression": "gzip"}
    parts = config(storage={"files": [{"path": "/x", "mode": 493, "contents": source}]})
    parts["systemd"] = {"units": [{"name": "a.service", "contents": "[Unit]\nDescription=A\n"}]}
    _, after = redacted_both(None, parts, (), KEY)
    assert after.count("hello world") == 30
    assert "compression" not in after
    assert "mode: 0755" in after
    assert "\n        [Unit]\n        Description=A\n" in after


def test_what_is_no_text_is_told_by_its_digest():
    _, after = redacted_both(None, file("%ff%fe"), (), KEY)
    assert "(not text, SHA-256 " in after


def test_what_nobody_would_read_is_told_by_its_digest():
    _, after = redacted_both(None, file("line%0A" * 210_000), (), KEY)
    assert "(1,050,000 characters, SHA-256 " in after


def test_entries_of_lists_may_have_no_names():
    parts = {"passwd": {"users": [{"name": "core", "sshAuthorizedKeys": ["ssh-ed25519 AAAA a", "ssh-ed25519 AAAA b"]}]}}
    before, after = redacted_both(config(), config(**parts), ["hunter22"], KEY)
    assert "AAAA" not in before
    assert after.count("ssh-ed25519 AAAA") == 2
