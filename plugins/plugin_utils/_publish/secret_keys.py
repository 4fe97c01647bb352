# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which values of a config are secret: the one table, in Butane's words, from which Ignition's are derived.

What comes from a vault is secret wherever it appears; these are secret wherever they come from.
"""

from __future__ import annotations

import re

#: Keys that lead to a secret, without those of lists; ``*`` is one key, ``**`` any number of them.
_KEYS = (
    "passwd.users.password_hash",
    "passwd.groups.password_hash",
    "storage.luks.key_file.*",
    "**.http_headers.value",
)

#: A hash is not the secret, though people keep it in a vault: it leaks nothing.
HASHES = frozenset({"password_hash", "passwordHash"})


def is_secret_in_butane(keys: str) -> bool:
    """Whether a value is secret, by the *keys* that lead to it, joined by dots."""
    return bool(_BUTANE.fullmatch(keys))


def is_secret_in_ignition(keys: str) -> bool:
    return bool(_IGNITION.fullmatch(keys))


def _in_ignition(keys: str) -> str:
    return re.sub(r"_([a-z])", lambda letter: letter[1].upper(), keys)


def _pattern(keys: str) -> str:
    return re.escape(keys).replace(r"\*\*\.", r"(?:\w+\.)*").replace(r"\*", r"\w+")


_BUTANE = re.compile("|".join(map(_pattern, _KEYS)))
_IGNITION = re.compile("|".join(_pattern(_in_ignition(keys)) for keys in _KEYS))


__all__ = ("HASHES", "is_secret_in_butane", "is_secret_in_ignition")
