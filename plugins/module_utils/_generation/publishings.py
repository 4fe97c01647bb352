# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What was published on a boot host: from which commit, when and by whom, under a number that each publishing raises.

One file beside the generations, readable by root only. Nothing that is served depends on it. Needs only the standard library; the
part that reads and writes runs on the boot host.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .._host import durable

FILE = "publishings.json"

#: What is known of a checkout; all of it is optional. ``says`` is a digest of the inventory's files, and ``newest`` the time at
#: which the newest of them was written. ``dirty`` is one with uncommitted changes.
CHECKOUT = {
    "who": {"type": "str", "default": ""},
    "commit": {"type": "str"},
    "dirty": {"type": "bool", "default": False},
    "says": {"type": "str"},
    "newest": {"type": "float"},
}

#: A commit's hash, and nothing that a program would take for an option.
COMMIT = re.compile("[0-9a-f]{40}|[0-9a-f]{64}")

#: How many publishings are remembered, and how many inventories that resulted in the same generation.
_KEPT = 200
_SAID = 20

_LONGEST = 200
_SHORT = 12


def add(root: Path, generation: str, checkout: Mapping[str, Any], at: str) -> None:
    """Record, before the switch, that *generation* is published from *checkout*."""
    known = _read(root)
    number = max((entry["number"] for entry in known), default=0) + 1
    durable.replace(
        root / FILE,
        json.dumps(
            [*known, {"number": number, "generation": generation, "at": at, **_told(checkout)}][-_KEPT:], indent=1
        ).encode(),
    )


def confirm(root: Path, generation: str, checkout: Mapping[str, Any], at: str) -> None:
    """Record that *checkout* describes the served *generation*, too: later ones are compared with that checkout."""
    known = _read(root)
    for entry in reversed(known):
        if entry["generation"] == generation:
            told = _told(checkout)
            entry["again"] = {"at": at, **{key: told[key] for key in ("who", "commit", "dirty", "newest")}}
            said = [says for says in entry["says"] if says not in told["says"]]
            entry["says"] = [*said, *told["says"]][-_SAID:]
            return _write(root, known)
    return None


def publishing_of(root: Path, generation: str | None) -> dict[str, Any] | None:
    """The last publishing of *generation*, or None if it was not recorded."""
    return next((entry for entry in reversed(_read(root)) if entry["generation"] == generation), None)


def numbers(root: Path) -> dict[str, int]:
    """The number under which each inventory was published last."""
    return {says: entry["number"] for entry in _read(root) for says in entry["says"]}


def in_words(entry: Mapping[str, Any] | None) -> str:
    """When, by whom and from which commit."""
    if not entry:
        return "published before publishers were recorded"
    words = f"published {_by_whom(entry)}{_from_commit(entry)} (number {entry['number']})"
    again = entry.get("again") or {}
    same = again.get("commit") and again["commit"] != entry["commit"]
    return f"{words}; the same{_from_commit(again)} {_by_whom(again)}" if same else words


def short(commit: str | None) -> str:
    return printable(commit or "no commit")[:_SHORT]


def printable(text: Any) -> str:
    """Strings from others, without control characters."""
    return "".join(letter if letter.isprintable() else "?" for letter in str(text)[:_LONGEST])


def _by_whom(entry: Mapping[str, Any]) -> str:
    return f"at {printable(entry['at'])} by {printable(entry['who']) or 'an unknown user'}"


def _from_commit(entry: Mapping[str, Any]) -> str:
    if not entry["commit"]:
        return " from an unknown commit"
    return f" from commit {short(entry['commit'])}{', with uncommitted changes' if entry['dirty'] else ''}"


def _told(checkout: Mapping[str, Any]) -> dict[str, Any]:
    commit = checkout.get("commit")
    return {
        "who": printable(checkout.get("who") or ""),
        "commit": commit if commit and COMMIT.fullmatch(commit) else None,
        "dirty": bool(checkout.get("dirty")),
        "newest": checkout.get("newest"),
        "says": [checkout["says"]] if checkout.get("says") else [],
    }


def _read(root: Path) -> list[dict[str, Any]]:
    """If the file is lost, so is what it recorded, and publishing works all the same."""
    try:
        return [dict(entry) for entry in json.loads((root / FILE).read_text(encoding="utf-8")) if _is_whole(entry)]
    except (FileNotFoundError, ValueError, TypeError):
        return []


def _is_whole(entry: Any) -> bool:
    return (
        isinstance(entry, dict)
        and isinstance(entry.get("number"), int)
        and isinstance(entry.get("says"), list)
        and {"generation", "at", "who", "commit", "dirty", "newest"} <= entry.keys()
    )


def _write(root: Path, entries: list[dict[str, Any]]) -> None:
    durable.replace(root / FILE, json.dumps(entries, indent=1).encode())


__all__ = ("CHECKOUT", "COMMIT", "FILE", "add", "confirm", "in_words", "numbers", "printable", "publishing_of", "short")
