"""Merging Butane fragments by key: a later fragment changes an entry, it never replaces or repeats a list by accident."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

#: What makes two entries of a list the same entry, by the list's place in a Butane config.
KEYS = {
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


def merge(earlier: Any, later: Any, place: str = "") -> Any:
    """*later* laid over *earlier*, which both stay as they are; *place* is where in the config they stand."""
    if isinstance(earlier, Mapping) and isinstance(later, Mapping):
        return _merge_mappings(earlier, later, place)
    if _is_list(earlier) and _is_list(later):
        if place in KEYS:
            return _merge_entries(earlier, later, place)
        if place in SETS:
            return [*earlier, *(item for item in later if item not in earlier)]
    return later


def _merge_mappings(earlier: Mapping, later: Mapping, place: str) -> dict:
    merged = dict(earlier)
    for name, value in later.items():
        inner = f"{place}.{name}" if place else str(name)
        merged[name] = merge(earlier[name], value, inner) if name in earlier else value
    return merged


def _merge_entries(earlier: Sequence, later: Sequence, place: str) -> list:
    """Entries without the key are nobody's match: they are kept, and the transpiler says what they lack."""
    merged = list(earlier)
    for entry in later:
        index = _find(merged, entry, KEYS[place])
        if index is None:
            merged.append(entry)
        else:
            merged[index] = merge(merged[index], entry, place)
    return merged


def _find(entries: Sequence, wanted: Any, key: str) -> int | None:
    if not isinstance(wanted, Mapping) or key not in wanted:
        return None
    matches = (
        index for index, entry in enumerate(entries) if isinstance(entry, Mapping) and entry.get(key) == wanted[key]
    )
    return next(matches, None)


def _is_list(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str | bytes)


__all__ = ("KEYS", "SETS", "merge")
