# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Secrets in what is served: strings from vaults are looked for in everything that a node's config contains, decoded."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from .._butane.data_urls import content_of
from .secret_keys import HASHES

#: Shorter strings occur anywhere by chance.
SHORTEST = 4

#: Of a string of several lines, such as a key, only its longest line is compared: a template may have indented them.
_TELLING = 12

#: What names an entry of a list.
_NAMES = ("path", "name", "device")


class Secret(NamedTuple):
    """A string from a vault; ``origin`` is its place in the inventory."""

    variable: str
    text: str
    origin: Any = None


def leaks(config: Mapping[str, Any], words: Sequence[str], secrets: Iterable[Secret]) -> Iterator[tuple[Secret, str]]:
    """Those of *secrets* that occur in an Ignition config, or in the *words* of the kernel command line, each with the first
    place."""
    wanted = [(secret, _needle(secret.text)) for secret in secrets if len(secret.text.strip()) >= SHORTEST]
    if not wanted:
        return
    served = [("the kernel command line", " ".join(words)), *_texts(config, "")]
    for secret, needle in wanted:
        place = next((place for place, text in served if _occurs(needle, text)), None)
        if place:
            yield secret, place


def _needle(text: str) -> str:
    longest = max((line.strip() for line in text.splitlines()), key=len)
    return longest if "\n" in text.strip() and len(longest) >= _TELLING else text.strip()


def _occurs(needle: str, text: str | bytes) -> bool:
    """Contents are searched as they are: as text, those of large files would take several times their memory."""
    return (needle if isinstance(text, str) else needle.encode("utf-8", "surrogatepass")) in text


def _texts(value: Any, place: str) -> Iterator[tuple[str, str | bytes]]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if key == "source" and isinstance(inner, str):
                yield from _contents(inner, value.get("compression"), place)
            elif key not in HASHES:
                yield from _texts(inner, f"{place}.{key}" if place else key)
    elif isinstance(value, list | tuple):
        for number, inner in enumerate(value):
            yield from _texts(inner, f"{place}[{name_of_entry(inner, number)}]")
    elif isinstance(value, str):
        yield place, value


def name_of_entry(entry: Any, number: int) -> Any:
    """How a place names an entry of a list: by its own name, or its number."""
    own = entry if isinstance(entry, Mapping) else {}
    return next((own[name] for name in _NAMES if name in own), number)


def _contents(url: str, compression: str | None, place: str) -> Iterator[tuple[str, str | bytes]]:
    """The URL, its content, and what is in that if it is a config itself."""
    yield place, url
    if not url.startswith("data:"):
        return
    try:
        content = content_of(url, compression)
    except ValueError:  # unreadable content leaks nothing
        return
    yield place, content
    if place.startswith("ignition.config"):
        with contextlib.suppress(ValueError):
            yield from _texts(json.loads(content.decode("utf-8", "replace")), place)


__all__ = ("SHORTEST", "Secret", "leaks", "name_of_entry")
