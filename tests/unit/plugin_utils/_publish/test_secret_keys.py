"""Which values of a config are secret."""

from __future__ import annotations

import pytest
from ansible_collections.kindling.flatcar.plugins.plugin_utils._publish.secret_keys import (
    is_secret_in_butane,
    is_secret_in_ignition,
)


@pytest.mark.parametrize(
    ("butane", "ignition"),
    [
        ("passwd.users.password_hash", "passwd.users.passwordHash"),
        ("passwd.groups.password_hash", "passwd.groups.passwordHash"),
        ("storage.luks.key_file.inline", "storage.luks.keyFile.source"),
        ("storage.files.contents.http_headers.value", "storage.files.contents.httpHeaders.value"),
        ("ignition.config.merge.http_headers.value", "ignition.config.merge.httpHeaders.value"),
    ],
)
def test_a_secret_is_known_in_both_languages(butane, ignition):
    assert is_secret_in_butane(butane)
    assert is_secret_in_ignition(ignition)


@pytest.mark.parametrize(
    "keys", ["passwd.users.name", "storage.luks.name", "storage.files.contents.source", "value", "storage.luks.keyFile"]
)
def test_all_else_is_shown(keys):
    assert not is_secret_in_butane(keys)
    assert not is_secret_in_ignition(keys)
