# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ignition configs for people to read: decoded, as YAML, and without secrets.

A secret is replaced by a mark that differs for each secret, so that a change is visible.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import json
import re
from collections.abc import Callable, Collection, Mapping
from typing import Any

from ansible_collections.kindling.flatcar.plugins.module_utils._routes import routes

from .._butane.data_urls import content_of
from .._node.provenance import Traced
from .annotate import annotated
from .leaks import SHORTEST, name_of_entry
from .secret_keys import is_secret_in_ignition

#: Nobody reads more, and laying it out line by line takes many times its memory.
_LONGEST_SHOWN = 1024 * 1024

_INNER = re.compile(r"ignition\.config\.(replace|merge)\.source")


class Redactor:
    """Hides the strings of vaults, present and former ones: where a string is hidden now, a line that was there before is hidden
    as well. The new side is hidden first.

    Marks are made with a *key*: the same for the same secret, and useless for guessing it.
    """

    def __init__(self, hidden: Collection[str], key: bytes) -> None:
        lines = {line.strip() for text in hidden for line in text.splitlines()}
        self._pieces = sorted((line for line in lines if len(line) >= SHORTEST), key=len, reverse=True)
        self._key = key
        self._new: dict[str, tuple[bool, frozenset[str]]] = {}

    def mark(self, secret: str) -> str:
        return f"(secret {hmac.digest(self._key, secret.encode(), 'sha256').hex()[:6]})"

    def pair(self, before: str, after: str) -> list[str]:
        after = self.new("", after)
        return [self.old("", before), after]

    def new(self, place: str, text: str) -> str:
        shown = self.without(text)
        self._new[place] = shown != text, frozenset(text.splitlines())
        return routes.without_tokens(shown)

    def old(self, place: str, text: str) -> str:
        if place not in self._new:
            return f"({len(text):,} characters)" if "\n" in text else routes.without_tokens(self.without(text))
        had_secrets, lines = self._new[place]
        if had_secrets:
            kept = [line if line in lines else self.mark(line) for line in text.splitlines()]
            text = "\n".join(kept) + ("\n" if text.endswith("\n") else "")
        return routes.without_tokens(self.without(text))

    def without(self, text: str) -> str:
        for piece in self._pieces:
            text = text.replace(piece, self.mark(piece))
        return text


def redacted(config: Mapping[str, Any], hidden: Collection[str], key: bytes) -> str:
    hiding = Redactor(hidden, key)
    return annotated(_decode(config, "", "", hiding, hiding.new), None)


def redacted_again(text: str, hidden: Collection[str], key: bytes) -> str:
    """A config as it was printed: what has become a secret since then is hidden, too."""
    return Redactor(hidden, key).without(text)


def redacted_both(before: Any, after: Mapping[str, Any], hidden: Collection[str], key: bytes) -> list[str]:
    """The old config, or None, and the new one."""
    hiding = Redactor(hidden, key)
    new = _decode(after, "", "", hiding, hiding.new)
    old = _decode(before or {}, "", "", hiding, hiding.old)
    return [annotated(tree, None) for tree in (old, new)]


def _decode(value: Any, keys: str, place: str, hiding: Redactor, hide: Callable[[str, str], str]) -> Any:
    """*keys* lead to the value, lists left out; *place* has the names of their entries, too."""
    if isinstance(value, Mapping):
        return {
            key: _decode_field(value, key, f"{keys}.{key}".lstrip("."), f"{place}.{key}", hiding, hide)
            for key in value
            if not (key == "compression" and "source" in value)
        }
    if isinstance(value, list):
        return [
            _decode(entry, keys, f"{place}[{name_of_entry(entry, n)}]", hiding, hide) for n, entry in enumerate(value)
        ]
    if not isinstance(value, str):
        return Traced(value, None)
    return Traced(hiding.mark(value) if is_secret_in_ignition(keys) else hide(place, value), None)


def _decode_field(
    holder: Mapping[str, Any], key: str, keys: str, place: str, hiding: Redactor, hide: Callable[[str, str], str]
) -> Any:
    value = holder[key]
    if key != "source" or not isinstance(value, str) or not value.startswith("data:") or is_secret_in_ignition(keys):
        return _decode(value, keys, place, hiding, hide)
    content = _content(value, holder.get("compression"))
    if content is None or len(content) > _LONGEST_SHOWN:
        what = "not text" if content is None else f"{len(content):,} characters"
        return Traced(f"({what}, SHA-256 {hashlib.sha256(value.encode()).hexdigest()})", None)
    if _INNER.fullmatch(keys):
        return _decode(json.loads(content), "", place, hiding, hide)
    return Traced(hide(place, content), None)


def _content(url: str, compression: str | None) -> str | None:
    """The text in a data URL; None if it is not one."""
    with contextlib.suppress(ValueError):
        return content_of(url, compression).decode()
    return None


__all__ = ("Redactor", "redacted", "redacted_again", "redacted_both")
