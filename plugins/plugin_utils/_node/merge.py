# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Merging Butane fragments by key: a later fragment changes an entry, it never replaces or repeats a list by accident.

An entry ``{path: /etc/motd, "$delete": true}`` takes an inherited entry away, and ``{"$delete": value}`` a value out of a
list that is a set. No field of Butane begins with ``$``, so the two cannot be confused.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

#: Where a config says contents, or where they come from.
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

#: Lists that are sets: a later fragment adds to them. Every other list of plain values has an order that means
#: something (options, RAID members), so there the later list stands alone.
SETS = {
    "ignition.proxy.no_proxy",
    "kernel_arguments.should_exist",
    "kernel_arguments.should_not_exist",
    "passwd.users.groups",
    "passwd.users.ssh_authorized_keys",
    "passwd.users.ssh_authorized_keys_local",
}

#: Lists of objects that have no key: a later fragment adds to them at the end, as Ignition does with configs that it merges.
GROWING = {"storage.files.append"}

#: What says the same thing in several ways, of which an object may use one, by the object's place.
ONE_OF = {
    **dict.fromkeys(_RESOURCES, ("inline", "local", "source")),
    **dict.fromkeys(
        ("systemd.quadlets", "systemd.quadlets.dropins", "systemd.units", "systemd.units.dropins"),
        ("contents", "contents_local"),
    ),
}

DELETE = "$delete"

#: Told of each misuse: the place in the config, such as ``storage.files[/etc/motd]``, what is wrong, the entry, and the inherited
#: value that is in its way, if that is what is wrong.
Refuse = Callable[[str, str, Any, Any], None]


class MergeError(ValueError):
    """A fragment says something that cannot be merged."""


def _raise(place: str, message: str, _entry: Any, _inherited: Any) -> None:
    raise MergeError(f"{place}: {message}")


def merge(earlier: Any, later: Any, place: str = "", refuse: Refuse = _raise) -> Any:
    """*later* laid over *earlier*, which both stay as they are; *place* is where in the config they stand.

    Raises ``MergeError`` at the first misuse unless *refuse* collects them; what is refused is left out.
    """
    return _Merger(refuse).lay(earlier, later, place, place)


class _Merger:
    """``place`` finds a list's rule; ``path`` is the same for people, with the keys of the entries on the way."""

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
            return earlier  # "files:" with nothing behind it says nothing; it does not clear a list by accident
        return later

    def _lay_mapping(self, earlier: Mapping, later: Mapping, place: str, path: str) -> dict:
        merged = dict(earlier)
        refused = self._beside_inherited(earlier, later, place, path) if earlier and place in ONE_OF else ()
        for name, value in later.items():
            if name == DELETE:
                self._refuse(path, f"{DELETE} stands where no entry of a list can be deleted", later, None)
                continue
            if name in refused:
                continue
            inner = f"{place}.{name}" if place else str(name)
            merged[name] = self.lay(earlier.get(name), value, inner, f"{path}.{name}" if path else str(name))
        return merged

    def _beside_inherited(self, earlier: Mapping, later: Mapping, place: str, path: str) -> list[str]:
        """The contents in *later* that cannot stand beside those in *earlier*, or beside what that says of its own."""
        ways = ONE_OF[place]
        new = [way for way in ways if later.get(way) is not None and later[way] != earlier.get(way)]
        former = [way for way in ways if earlier.get(way) is not None]
        if not new or not former:
            return []
        left = [(way, earlier[way]) for way in former if way not in later]
        for way, value in left:
            message = f"{way} is inherited, and cannot stand beside it: take it away by `{way}: ~`"
            self._refuse(f"{path}.{new[0]}", message, later[new[0]], value)
        facts = () if left else _facts_of(earlier, later)
        for fact, away, value in facts:
            message = (
                f"{fact} is inherited, and is that of other contents: say it of these, or take it away by `{away}`"
            )
            self._refuse(f"{path}.{new[0]}", message, later[new[0]], value)
        return new if left or facts else []

    def _lay_entries(self, earlier: Sequence, later: Sequence, place: str, path: str) -> list:
        """Entries without the key are nobody's match: they are kept, and the transpiler says what they lack."""
        merged, key, seen = list(earlier), KEYS[place], []
        for entry in later:
            if not isinstance(entry, Mapping):
                merged.append(entry)
                continue
            here = f"{path}[{entry.get(key)}]"
            if key in entry and entry[key] in seen:
                self._refuse(here, f"stands twice in one list: make one entry of the two with this {key}", entry, None)
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
                path, f"{DELETE}: there is no such entry to delete; its {key} is none that is inherited", entry, None
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
                self._refuse(path, f"{DELETE}: {item[DELETE]!r} is not in the list that is inherited", item, None)
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
    """What *earlier* says of its contents and *later* says nothing of: its name, what takes it away, and the value."""
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
