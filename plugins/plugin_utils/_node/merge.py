# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Merging Butane fragments by key: a later fragment changes an entry, and never replaces or repeats a list by accident.

An entry ``{path: /etc/motd, "$delete": true}`` removes an inherited entry, and ``{"$delete": value}`` a value from a list that is
a set. No field of Butane begins with ``$``, so the two cannot be confused.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

#: Where a config has contents, or a source for them.
_RESOURCES = (
    "ignition.config.merge",
    "ignition.config.replace",
    "ignition.security.tls.certificate_authorities",
    "storage.files.append",
    "storage.files.contents",
    "storage.luks.key_file",
)

#: What makes two entries of a list the same entry, by the list's place in a Butane config.
KEYS = {
    **{f"{place}.http_headers": "name" for place in _RESOURCES},
    "ignition.config.merge": "source",
    "ignition.security.tls.certificate_authorities": "source",
    "passwd.groups": "name",
    "passwd.users": "name",
    "storage.directories": "path",
    "storage.disks": "device",
    "storage.disks.partitions": "number",
    "storage.files": "path",
    "storage.filesystems": "device",
    "storage.links": "path",
    "storage.luks": "name",
    "storage.luks.clevis.tang": "url",
    "storage.raid": "name",
    "storage.trees": "path",
    "systemd.quadlets": "name",
    "systemd.quadlets.dropins": "name",
    "systemd.units": "name",
    "systemd.units.dropins": "name",
}

#: Lists that are sets: a later fragment adds to them. In every other list of plain values the order matters (options, RAID
#: members), so there the later list replaces the earlier one.
SETS = {
    "ignition.proxy.no_proxy",
    "kernel_arguments.should_exist",
    "kernel_arguments.should_not_exist",
    "passwd.users.groups",
    "passwd.users.ssh_authorized_keys",
    "passwd.users.ssh_authorized_keys_local",
}

#: Lists of objects without a key: a later fragment appends to them, as Ignition does with configs that it merges.
GROWING = {"storage.files.append"}

#: Alternatives for the same thing, of which an object may use one, by the object's place.
ONE_OF = {
    **dict.fromkeys(_RESOURCES, ("inline", "local", "source")),
    **dict.fromkeys(
        ("systemd.quadlets", "systemd.quadlets.dropins", "systemd.units", "systemd.units.dropins"),
        ("contents", "contents_local"),
    ),
}

DELETE = "$delete"

#: Called for each misuse: the place in the config, such as ``storage.files[/etc/motd]``, what is wrong, the entry, and the
#: inherited value that conflicts with it, if that is what is wrong.
Refuse = Callable[[str, str, Any, Any], None]


class MergeError(ValueError):
    """A fragment contains something that cannot be merged."""


def _raise(place: str, message: str, _entry: Any, _inherited: Any) -> None:
    raise MergeError(f"{place}: {message}")


def merge(earlier: Any, later: Any, refuse: Refuse = _raise) -> Any:
    """*later* merged over *earlier*, neither of which is modified; *place* is their place in the config.

    Raises ``MergeError`` at the first misuse unless *refuse* collects them; what is refused is left out.
    """
    return _Merger(refuse).lay(earlier, later, "", "")


class _Merger:
    """``place`` selects a list's rule; ``path`` is the same for people, with the keys of the entries on the way."""

    def __init__(self, refuse: Refuse) -> None:
        self._refuse = refuse

    def lay(self, earlier: Any, later: Any, place: str, path: str) -> Any:
        if isinstance(later, Mapping):
            return self._lay_mapping(earlier if isinstance(earlier, Mapping) else {}, later, place, path)
        if _is_list(later):
            before = earlier if _is_list(earlier) else ()
            if place in KEYS:
                return self._lay_entries(before, later, place, path)
            if place in SETS:
                return self._lay_set(before, later, path)
            if place in GROWING:
                return [*before, *(self.lay(None, entry, place, path) for entry in later if entry not in before)]
        elif later is None and (isinstance(earlier, Mapping) or place in KEYS or place in SETS):
            return earlier  # "files:" with nothing after it has no effect; it does not clear a list by accident
        return later

    def _lay_mapping(self, earlier: Mapping, later: Mapping, place: str, path: str) -> dict:
        merged = dict(earlier)
        refused = self._beside_inherited(earlier, later, place, path) if earlier and place in ONE_OF else ()
        for name, value in later.items():
            if name == DELETE:
                self._refuse(path, f"{DELETE} is used where no entry of a list can be deleted", later, None)
                continue
            if name in refused:
                continue
            inner = f"{place}.{name}" if place else str(name)
            merged[name] = self.lay(earlier.get(name), value, inner, f"{path}.{name}" if path else str(name))
        return merged

    def _beside_inherited(self, earlier: Mapping, later: Mapping, place: str, path: str) -> list[str]:
        """The contents in *later* that conflict with those in *earlier*, or with its other settings for them."""
        ways = ONE_OF[place]
        new = [way for way in ways if later.get(way) is not None and later[way] != earlier.get(way)]
        former = [way for way in ways if earlier.get(way) is not None]
        if not new or not former:
            return []
        left = [(way, earlier[way]) for way in former if way not in later]
        for way, value in left:
            message = f"{way} is inherited, and cannot be combined with it: remove it with `{way}: ~`"
            self._refuse(f"{path}.{new[0]}", message, later[new[0]], value)
        facts = () if left else _facts_of(earlier, later)
        for fact, away, value in facts:
            message = (
                f"{fact} is inherited, and belongs to other contents: set it for these, or remove it with `{away}`"
            )
            self._refuse(f"{path}.{new[0]}", message, later[new[0]], value)
        return new if left or facts else []

    def _lay_entries(self, earlier: Sequence, later: Sequence, place: str, path: str) -> list:
        """Entries without the key match nothing: they are kept, and the transpiler reports what they lack."""
        merged, key, seen = list(earlier), KEYS[place], []
        for entry in later:
            if not isinstance(entry, Mapping):
                merged.append(entry)
                continue
            here = f"{path}[{entry.get(key)}]"
            if key in entry and entry[key] in seen:
                self._refuse(here, f"occurs twice in one list: merge the two entries with this {key}", entry, None)
                continue
            seen.append(entry.get(key))
            index = _find(merged, entry, key)
            if DELETE in entry:
                self._delete(merged, index, entry, key, here)
            elif index is None:
                merged.append(self.lay(None, entry, place, here))
            else:
                merged[index] = self.lay(merged[index], entry, place, here)
        return merged

    def _delete(self, merged: list, index: int | None, entry: Mapping, key: str, path: str) -> None:
        if set(entry) != {key, DELETE} or entry[DELETE] is not True:
            self._refuse(path, f"an entry that deletes has its {key} and {DELETE}: true, and nothing else", entry, None)
        elif index is None:
            self._refuse(
                path, f"{DELETE}: there is no such entry to delete; no inherited one has its {key}", entry, None
            )
        else:
            del merged[index]

    def _lay_set(self, earlier: Sequence, later: Sequence, path: str) -> list:
        merged = list(earlier)
        for item in later:
            if not isinstance(item, Mapping) or DELETE not in item:
                merged += [item] if item not in merged else []
            elif len(item) > 1:
                self._refuse(path, f"an item that deletes has {DELETE} and nothing else", item, None)
            elif item[DELETE] not in merged:
                self._refuse(path, f"{DELETE}: {item[DELETE]!r} is not in the inherited list", item, None)
            else:
                merged.remove(item[DELETE])
        return merged


def _find(entries: Sequence, wanted: Mapping, key: str) -> int | None:
    if key not in wanted:
        return None
    matches = (
        index for index, entry in enumerate(entries) if isinstance(entry, Mapping) and entry.get(key) == wanted[key]
    )
    return next(matches, None)


def _facts_of(earlier: Mapping, later: Mapping) -> list[tuple[str, str, Any]]:
    """Properties of the contents that *earlier* sets and *later* does not: the name, how to remove it, and the value."""
    found = []
    before, after = earlier.get("verification"), later.get("verification")
    if (
        isinstance(before, Mapping)
        and before.get("hash") is not None
        and not (isinstance(after, Mapping) and "hash" in after)
    ):
        found.append(("verification.hash", "verification: {hash: ~}", before["hash"]))
    if earlier.get("compression") is not None and "compression" not in later:
        found.append(("compression", "compression: ~", earlier["compression"]))
    return found


def _is_list(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str | bytes)


__all__ = ("DELETE", "GROWING", "KEYS", "ONE_OF", "SETS", "MergeError", "merge")
