# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Digests of variables as they are written, templates and vaults included: equal only if what they become is equal, too."""

from __future__ import annotations

import datetime
import hashlib
from collections.abc import Mapping
from typing import Any

from ansible.parsing.vault import EncryptedString, VaultHelper
from ansible.template import is_trusted_as_template

#: Whatever these are, they are the same for equal texts.
_PLAIN = (bool, int, float, type(None), datetime.date, datetime.datetime)


class NoDigestError(Exception):
    """A value that is not known well enough to say when it is the same."""


#: How many values are known: those of groups, which are looked at again and again.
_KNOWN = 1000


class Digests:
    """Digests of values. Values of groups are the same objects in all of their hosts, and are digested once."""

    def __init__(self) -> None:
        #: With the object, so that no other one gets its number; the one that was not needed for longest is first.
        self._known: dict[int, tuple[Any, bytes]] = {}

    def of(self, variables: Mapping[str, Any]) -> bytes:
        """Raises ``NoDigestError``."""
        found = hashlib.sha256()
        for name in sorted(variables):
            found.update(_part(b"k", name.encode("utf-8", "surrogatepass")))
            found.update(self._of_variable(variables[name]))
        return found.digest()

    def _of_variable(self, value: Any) -> bytes:
        if not isinstance(value, dict | list | tuple):
            return _of_value(value)
        known = self._known.pop(id(value), None) or (value, _of_value(value))
        self._known[id(value)] = known
        if len(self._known) > _KNOWN:
            del self._known[next(iter(self._known))]
        return known[1]


def _of_value(value: Any) -> bytes:
    if not isinstance(value, dict | list | tuple):
        return hashlib.sha256(_of_scalar(value)).digest()
    found = hashlib.sha256(b"{" if isinstance(value, dict) else b"[")
    for inner in value.items() if isinstance(value, dict) else value:  # in their order, which counts
        for part in inner if isinstance(value, dict) else (inner,):
            found.update(_of_value(part))
    return found.digest()


def _of_scalar(value: Any) -> bytes:
    if isinstance(value, EncryptedString):
        return _part(b"v", VaultHelper.get_ciphertext(value, with_tags=False).encode())
    if isinstance(value, str):
        # The same text is a template only where Ansible trusts it
        kind = b"t" if "{" in value and is_trusted_as_template(value) else b"s"
        return _part(kind, value.encode("utf-8", "surrogatepass"))
    if isinstance(value, bytes):
        return _part(b"b", value)
    if isinstance(value, _PLAIN):
        kind = next(base.__name__ for base in type(value).__mro__ if base.__module__ in ("builtins", "datetime"))
        return _part(kind.encode(), str(value).encode())
    raise NoDigestError(type(value).__name__)


def _part(kind: bytes, text: bytes) -> bytes:
    """Two values never make the same bytes: the length says where each ends."""
    return b"%s:%d:%s;" % (kind, len(text), text)


__all__ = ("Digests", "NoDigestError")
