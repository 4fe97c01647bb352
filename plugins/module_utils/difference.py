"""What a new generation changes, node by node: for people to read before it happens, without secrets.

Configs are shown decoded. A secret is shown as a mark, another one for another secret, so that a change of it is seen.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import re
import secrets
import zlib
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any, NamedTuple
from urllib.parse import unquote_to_bytes

from .annotate import annotated
from .fleet import INDEX, token_of
from .install import without_report
from .provenance import Traced
from .secrets import SHORTEST

SecretsOf = Callable[[str], Collection[str]]
"""Tells the texts out of vaults that the inventory has for a node."""

#: Keys of an Ignition config, lists left out, whose values are secrets.
_SECRET = re.compile(r"passwd\.(users|groups)\.passwordHash|storage\.luks\.keyFile\.source|.*\.httpHeaders\.value")
_INNER = re.compile(r"ignition\.config\.(replace|merge)\.source")
_TOKEN = re.compile(r"(?<=/ignition/)[\w-]+(?=[/.])")
_FIELDS = re.compile(r"[\s,]+")

#: How many differences are shown; how many nodes are named. More of them nobody reads.
_SHOWN = 20
_NAMED = 10

_OF_A_NODE = re.compile(r"web/(ipxe|ignition)/[^/]+/")
_RESERVATIONS = ("dnsmasq/dhcp-hosts", "dnsmasq/dns-hosts")


class Tree(NamedTuple):
    """A generation: the SHA-256 of all of its files and the texts of some, by path, and its index."""

    manifest: Mapping[str, str]
    texts: Mapping[str, str]
    nodes: Mapping[str, Mapping[str, Any]]


def tree(manifest: Mapping[str, str], texts: Mapping[str, str]) -> Tree:
    return Tree(manifest, texts, json.loads(texts[INDEX])["nodes"] if INDEX in texts else {})


def overview(manifest: Mapping[str, str]) -> list[str]:
    """The paths in a served generation whose texts tell which nodes change."""
    return [path for path in (INDEX, *_RESERVATIONS) if path in manifest]


class _Part(NamedTuple):
    """Something of a node that changes, when that acts, and what it was and is."""

    title: str
    before: str
    after: str


class Comparison:
    """Two generations of one boot host, the *key* of which is known."""

    def __init__(self, before: Tree, after: Tree, key: bytes) -> None:
        self._before, self._after, self._key = before, after, key
        self._lines = {id(side): _lines_by_field(side.texts) for side in (before, after)}
        self.added = sorted(after.nodes.keys() - before.nodes.keys())
        self.removed = sorted(before.nodes.keys() - after.nodes.keys())
        self.changed = sorted(name for name in after.nodes.keys() & before.nodes.keys() if self._differs(name))

    def _differs(self, name: str) -> bool:
        sides = (self._before, self._after)
        entries = [side.nodes[name] for side in sides]
        scripts = [side.manifest.get(_script(entry)) for side, entry in zip(sides, entries, strict=True)]
        return entries[0] != entries[1] or scripts[0] != scripts[1] or len({self._reserved(s, name) for s in sides}) > 1

    def paths(self) -> list[str]:
        """Those of the old generation that ``differences`` has to show."""
        own = [
            path
            for name in self.changed
            for path in (_script(self._before.nodes[name]), self._config(self._before, name))
        ]
        return [path for path in (*own, *self._common()) if path and path in self._before.manifest]

    def _common(self) -> list[str]:
        """Changed files that are no node's."""
        before, after = self._before.manifest, self._after.manifest
        return [
            path
            for path in sorted(before.keys() | after.keys())
            if before.get(path) != after.get(path)
            and path not in (INDEX, *_RESERVATIONS)
            and not _OF_A_NODE.match(path)
        ]

    def _config(self, side: Tree, name: str) -> str | None:
        entry = side.nodes[name]
        return f"web/ignition/{token_of(self._key, name)}/{entry['address']}.ign" if entry["mode"] == "ram" else None

    def _reserved(self, side: Tree, name: str) -> str:
        """The lines of DHCP and DNS that speak of the node."""
        entry, lines = side.nodes[name], self._lines[id(side)]
        found = [line for field in (*entry["macs"], entry["address"]) for line in lines.get(field, ())]
        return "".join(f"{line}\n" for line in dict.fromkeys(found))

    def differences(self, texts: Mapping[str, str], secrets_of: SecretsOf) -> list[dict[str, str]]:
        """As Ansible shows them; *texts* are those of ``paths``. What many nodes have alike is shown once."""
        before = self._before._replace(texts={**self._before.texts, **texts})
        alike: dict[Any, tuple[list[str], list[_Part]]] = {}
        for name in self.changed:
            parts = list(self._parts(before, name, secrets_of(name)))
            group = tuple((part.title, *_own_lines(part, self._words(name))) for part in parts)
            alike.setdefault(group, ([], parts))[0].append(name)
        found = [*self._coming_and_going(), *self._of_files(before)]
        for names, parts in list(alike.values())[:_SHOWN]:
            found += [_shown(f"{_who(names)}: {part.title}", part.before, part.after) for part in parts]
        more = [name for names, _ in list(alike.values())[_SHOWN:] for name in names]
        if more:
            found.append({"prepared": f"{_who(more)}: changed in yet other ways, not shown\n"})
        return found

    def _words(self, name: str) -> set[str]:
        """What stands in a node's files for itself alone."""
        sides = (self._before.nodes[name], self._after.nodes[name])
        return {name, *(word for entry in sides for word in (entry["hostname"], entry["address"], *entry["macs"]))}

    def _coming_and_going(self) -> Iterator[dict[str, str]]:
        for title, names, nodes in (
            ("added; DHCP answers them at once", self.added, self._after.nodes),
            ("removed; DHCP answers them no more", self.removed, self._before.nodes),
        ):
            if names:
                lines = [
                    f"{name}: {nodes[name]['mode']}, {nodes[name]['rack']}, {nodes[name]['address']}\n"
                    for name in names[:_SHOWN]
                ]
                more = f"and {len(names) - _SHOWN:,} more\n" if len(names) > _SHOWN else ""
                text = "".join(lines) + more
                sides = ("", text) if nodes is self._after.nodes else (text, "")
                yield _shown(f"{_who(names)}: {title}", *sides)

    def _of_files(self, before: Tree) -> Iterator[dict[str, str]]:
        for path in self._common():
            yield _shown(
                f"{path}, for all machines at once", before.texts.get(path, ""), self._after.texts.get(path, "")
            )

    def _parts(self, before: Tree, name: str, hidden: Collection[str]) -> Iterator[_Part]:
        sides = (before, self._after)
        old, new = (side.nodes[name] for side in sides)
        reserved = [self._reserved(side, name) for side in (self._before, self._after)]
        if reserved[0] != reserved[1]:
            yield _Part("DHCP and DNS, at once", *reserved)
        scripts = [_script(old), _script(new)]
        if before.manifest.get(scripts[0]) != self._after.manifest.get(scripts[1]):
            texts = [side.texts.get(path, "") for side, path in zip(sides, scripts, strict=True)]
            shown = _Hiding(hidden).pair(*texts)
            yield _Part("iPXE script, when it boots from the network next", *_told(shown, "its token"))
        if old["config"] != new["config"] or (old["mode"] == "ram") != (new["mode"] == "ram"):
            acts = "when it boots into RAM next" if new["mode"] == "ram" else "only when it is installed again"
            yield _Part(f"Ignition config, {acts}", *_told(self._decoded(sides, name, hidden), "how it is written"))

    def _decoded(self, sides: Iterable[Tree], name: str, hidden: Collection[str]) -> list[str]:
        """A config that only an installed system has is not on the boot host, and is told by its digest. What Kindling
        adds to a config, with the node's token in it, is not shown."""
        paths = [(side, self._config(side, name)) for side in sides]
        old, new = (
            without_report(json.loads(side.texts[path])) if path in side.texts else None for side, path in paths
        )
        texts = decoded(old, new, hidden)
        return [
            text if path else f"config {side.nodes[name]['config'][:16]}, as explain.yml shows it\n"
            for text, (side, path) in zip(texts, paths, strict=True)
        ]


def _who(names: Collection[str]) -> str:
    named = ", ".join(list(names)[:_NAMED])
    return f"{named} and {len(names) - _NAMED:,} more" if len(names) > _NAMED else named


def _shown(title: str, before: str, after: str) -> dict[str, str]:
    return {"before_header": title, "after_header": title, "before": before, "after": after}


def _told(shown: Iterable[str], what: str) -> list[str]:
    """Two texts that differ in what is not shown say so."""
    before, after = shown
    return [before, f"{after}(changed: {what})\n"] if before == after else [before, after]


def _own_lines(part: _Part, words: Collection[str]) -> tuple[frozenset, frozenset]:
    """The lines that a part loses and gains, whoever's they are."""
    own = re.compile("|".join(rf"(?<![\w.-]){re.escape(word)}(?![\w.-])" for word in words))
    before, after = (Counter(own.sub("*", text).splitlines()) for text in (part.before, part.after))
    return frozenset((before - after).items()), frozenset((after - before).items())


def _script(entry: Mapping[str, Any]) -> str:
    return f"web/ipxe/{entry['address']}/{entry['macs'][0].replace(':', '-')}.ipxe"


def _lines_by_field(texts: Mapping[str, str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for path in _RESERVATIONS:
        for line in texts.get(path, "").splitlines():
            for field in _FIELDS.split(line):
                found.setdefault(field, []).append(line)
    return found


# --- without secrets ------------------------------------------------------------------------------------------------

_FOR_THIS_RUN = secrets.token_bytes(32)


def _mark(secret: str) -> str:
    """The same for the same secret in this run, and of no use to who wants to guess it."""
    return f"(secret {hmac.digest(_FOR_THIS_RUN, secret.encode(), 'sha256').hex()[:6]})"


def without_tokens(text: str) -> str:
    """A script or a path without what nobody can guess in it."""
    return _TOKEN.sub("(token)", text)


class _Hiding:
    """Hides the texts of vaults, those of today and those that they were before: where a text of today is hidden, a line
    that was there before is hidden as well. The new side is hidden first.
    """

    def __init__(self, hidden: Collection[str]) -> None:
        lines = {line.strip() for text in hidden for line in text.splitlines()}
        self._pieces = sorted((line for line in lines if len(line) >= SHORTEST), key=len, reverse=True)
        self._new: dict[str, tuple[bool, frozenset[str]]] = {}

    def pair(self, before: str, after: str) -> list[str]:
        after = self.new("", after)
        return [self.old("", before), after]

    def new(self, place: str, text: str) -> str:
        shown = self._without(text)
        self._new[place] = shown != text, frozenset(text.splitlines())
        return without_tokens(shown)

    def old(self, place: str, text: str) -> str:
        if place not in self._new:
            return f"({len(text):,} characters)" if "\n" in text else without_tokens(self._without(text))
        had_secrets, lines = self._new[place]
        if had_secrets:
            kept = [line if line in lines else _mark(line) for line in text.splitlines()]
            text = "\n".join(kept) + ("\n" if text.endswith("\n") else "")
        return without_tokens(self._without(text))

    def _without(self, text: str) -> str:
        for piece in self._pieces:
            text = text.replace(piece, _mark(piece))
        return text


def decoded(before: Any, after: Any, hidden: Collection[str]) -> list[str]:
    """Two Ignition configs, or None, for people: YAML, contents as they will be on the machine, secrets as marks."""
    hiding = _Hiding(hidden)
    new = _decode(after or {}, "", "", hiding.new)
    old = _decode(before or {}, "", "", hiding.old)
    return [annotated(tree, None) for tree in (old, new)]


def _decode(value: Any, keys: str, place: str, hide: Callable[[str, str], str]) -> Any:
    """*keys* lead to the value, lists left out; *place* has the names of their entries, too."""
    if isinstance(value, Mapping):
        return {
            key: _decode_field(value, key, f"{keys}.{key}".lstrip("."), f"{place}.{key}", hide)
            for key in value
            if not (key == "compression" and "source" in value)
        }
    if isinstance(value, list):
        return [_decode(entry, keys, f"{place}[{_name(entry, n)}]", hide) for n, entry in enumerate(value)]
    if not isinstance(value, str):
        return Traced(value, None)
    return Traced(_mark(value) if _SECRET.fullmatch(keys) else hide(place, value), None)


def _name(entry: Any, number: int) -> Any:
    named = (entry[name] for name in ("path", "name", "device") if name in entry) if isinstance(entry, Mapping) else ()
    return next(named, number)


def _decode_field(holder: Mapping[str, Any], key: str, keys: str, place: str, hide: Callable[[str, str], str]) -> Any:
    value = holder[key]
    if key != "source" or not isinstance(value, str) or not value.startswith("data:") or _SECRET.fullmatch(keys):
        return _decode(value, keys, place, hide)
    content = _content(value, holder.get("compression"))
    if content is None:
        return Traced(f"(not text, SHA-256 {hashlib.sha256(value.encode()).hexdigest()})", None)
    if _INNER.fullmatch(keys):
        return _decode(json.loads(content), "", place, hide)
    return Traced(hide(place, content), None)


def _content(url: str, compression: str | None) -> str | None:
    """The text in a data URL; None if it is none."""
    head, _, data = url.partition(",")
    try:
        content = base64.b64decode(data) if head.endswith(";base64") else unquote_to_bytes(data)
        if compression == "gzip":
            content = zlib.decompress(content, zlib.MAX_WBITS | 16)
        return content.decode()
    except (binascii.Error, zlib.error, UnicodeDecodeError):
        return None


__all__ = ("Comparison", "Tree", "decoded", "overview", "tree", "without_tokens")
