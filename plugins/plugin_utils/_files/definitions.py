# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything that the files of an inventory say: which variable, of which host or group, in which file and line."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import yaml

from .._butane import Origin
from .._schema.role_words import ROLE_WORDS
from . import documents, ini
from .documents import Document, UnreadableError, meaning, pairs
from .layout import GROUP, HOST, INVENTORY, Layout, Rules, Source, Unread

_PREFIXES = ("flatcar_", "kindling_")
_SPEAKS = re.compile(
    rb"flatcar_|kindling_|\b(?:" + b"|".join(sorted(map(str.encode, ROLE_WORDS), key=len, reverse=True)) + rb")\b"
)
_VAULT = b"$ANSIBLE_VAULT"
#: Text of two bytes a character has our letters, too
_WIDE = re.compile(rb"f\0?l\0?a\0?t\0?c\0?a\0?r\0?_|k\0?i\0?n\0?d\0?l\0?i\0?n\0?g\0?_")

Expand = Callable[[str], list[str]]
"""Returns the hosts that a pattern such as ``n[01:20]`` stands for."""

Open = Callable[[Path], str | None]
"""Returns the plaintext of a vault, or None if it cannot be decrypted."""


class Definition(NamedTuple):
    """One definition of a variable of a host or a group."""

    name: str
    kind: str
    owner: str
    key: yaml.Node
    value: yaml.Node
    document: Document
    source: Source

    @property
    def place(self) -> Origin:
        return self.document.place(self.key)

    @property
    def whose(self) -> str:
        return f"the group {self.owner}" if self.kind == GROUP else self.owner


class Owner(NamedTuple):
    """A place where an inventory names a host or a group."""

    kind: str
    name: str
    place: Origin


@dataclass
class Files:
    """What could be read of an inventory's files.

    ``definitions`` are all variables in files that mention Kindling's, and ``strangers`` those in files that do not and contain
    the start of a template comment. ``cut`` are values that INI reads partly as a comment.
    """

    documents: list[Document] = field(default_factory=list)
    definitions: list[Definition] = field(default_factory=list)
    owners: list[Owner] = field(default_factory=list)
    unreadable: list[UnreadableError] = field(default_factory=list)
    cut: list[tuple[Definition, str]] = field(default_factory=list)
    unread: list[Unread] = field(default_factory=list)
    speaking: list[Source] = field(default_factory=list)
    strangers: list[Definition] = field(default_factory=list)


def is_ours(name: str) -> bool:
    return name.startswith(_PREFIXES) or name in ROLE_WORDS


def read_files(layout: Layout, rules: Rules, expand: Expand, open_vault: Open | None = None) -> Files:
    """Each file that mentions Kindling is parsed once. Without *open_vault*, vaults are left out."""
    files = Files()
    parsed: dict[Path, Document | None] = {}
    for source in layout.sources:
        content = _content(source.file)
        sealed = content.startswith(_VAULT)
        if sealed:
            text = open_vault(source.file) if open_vault else None
            content = text.encode("utf-8", "surrogateescape") if text else b""
        speaks = bool(_SPEAKS.search(content) or _WIDE.search(content))
        if not speaks and (source.kind == INVENTORY or b"{#" not in content):
            continue
        if source.kind == INVENTORY and _is_program(source.file, content):
            continue
        try:
            document = parsed[source.file] if source.file in parsed else _parsed(source, content, sealed, rules)
        except UnreadableError as error:
            parsed[source.file] = None
            error.owner = source.owner
            files.unreadable += [error] if speaks else []
            continue
        if source.file not in parsed and speaks:
            files.documents.append(document)
        parsed[source.file] = document
        if document is None:
            continue
        found = files.definitions if speaks else files.strangers
        files.speaking += [source] if speaks else []
        if source.kind == INVENTORY:
            _read_inventory(source, document, expand, files)
        else:
            found += _variables(document.root, source.kind, source.owner, document, source)
    files.unread += [left for left in layout.unread if _SPEAKS.search(_content(left.file))]
    return files


def _content(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError:
        return b""


def _is_program(file: Path, content: bytes) -> bool:
    return content.startswith((b"#!", b"\x7fELF")) or file.suffix == ".toml"


def _parsed(source: Source, content: bytes, sealed: bool, rules: Rules) -> Document | None:
    file = str(source.file)
    if source.kind == INVENTORY and source.file.suffix not in rules.extensions:
        return _inventory_of_any_form(file, content, sealed, has_ending=bool(source.file.suffix))
    text = documents.decoded(file, content)
    return documents.read(file, text, sealed)


def _inventory_of_any_form(file: str, content: bytes, sealed: bool, has_ending: bool) -> Document:
    text = documents.decoded(file, content)
    if not has_ending:  # Ansible tries YAML first
        try:
            document = documents.read(file, text, sealed)
        except UnreadableError:
            pass
        else:
            if isinstance(document.root, yaml.MappingNode):
                return document
    return Document(file, text, None, sealed)


def _read_inventory(source: Source, document: Document, expand: Expand, files: Files) -> None:
    if document.root is None:
        _read_ini(source, document, expand, files)
        return
    if any(meaning(key) == "plugin" for key, _value in pairs(document.root)):
        return
    waiting = list(pairs(document.root))
    while waiting:
        name, group = waiting.pop(0)
        owner = _text(name)
        files.owners.append(Owner(GROUP, owner, document.place(name)))
        for section, inner in pairs(group):
            if meaning(section) == "vars":
                files.definitions += _variables(inner, GROUP, owner, document, source)
            elif meaning(section) == "children":
                waiting += pairs(inner)
            elif meaning(section) == "hosts":
                for pattern, variables in pairs(inner):
                    for host in expand(_text(pattern)):
                        files.owners.append(Owner(HOST, host, document.place(pattern)))
                        files.definitions += _variables(variables, HOST, host, document, source)


def _read_ini(source: Source, document: Document, expand: Expand, files: Files) -> None:
    for found in ini.read(document.text):
        names = expand(found.owner) if found.kind == HOST else [found.owner]
        for name in names:
            if isinstance(found, ini.Named):
                files.owners.append(Owner(found.kind, name, document.place(found.node)))
                continue
            made = Definition(found.key.value, found.kind, name, found.key, found.value, document, source)
            files.definitions.append(made)
            if found.cut:
                files.cut.append((made, found.cut))


def _variables(
    root: yaml.Node | None, kind: str, owner: str, document: Document, source: Source
) -> Iterator[Definition]:
    for key, value in pairs(root):
        if isinstance(key, yaml.ScalarNode):
            yield Definition(_text(key), kind, owner, key, value, document, source)


def _text(node: yaml.Node) -> str:
    return str(meaning(node)) if isinstance(node, yaml.ScalarNode) else ""


def ours(definitions: Iterable[Definition]) -> list[Definition]:
    return [found for found in definitions if is_ours(found.name)]


__all__ = ("Definition", "Expand", "Files", "Open", "Owner", "is_ours", "ours", "read_files")
