# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The terms of an order: what the inventory says about an installation, and the changes in it that end the order."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from .._disks.disk_names import world_identities
from .._node import Node, kernel_line
from .._schema import words

#: How each term is named when a change is reported.
_NAMES = {
    "node": "its name",
    "address": "its address",
    "more_addresses": "the addresses of its other NICs",
    "macs": "its MAC addresses",
    "disk": "its disk",
    "serial": "its disk's serial number",
    "min_gib": "its disk's smallest size",
    "wipe": "what may be overwritten",
    "other_flatcar_disks": "what other disks may have",
    "boot_entry": "whether its firmware gets a boot entry",
    "board": "its board",
    "version": "its release",
    "config": "its config",
    "kernel": "its kernel arguments",
    "local_boot": "its way to its own disk",
    "host": "its boot host's address",
    "peer": "the address of the other boot host of its pair",
    "signed_by": "the key that its image is signed with",
}

#: Those that are in neither a node's script nor its config or reservation.
_OWN = (
    "disk",
    "serial",
    "min_gib",
    "wipe",
    "other_flatcar_disks",
    "boot_entry",
    "board",
    "version",
    "peer",
    "signed_by",
)

#: As a machine reports it, which may report anything: it becomes a line of its next installer's settings.
_SERIAL = words.FORMS["serial number"].pattern

#: Those that are known by their digests only.
_DIGESTS = ("config", "kernel", "signed_by")


def terms_of(
    node: Node, *, version: str, config: str, host: str, peer: str | None, signed_by: str | None
) -> dict[str, Any]:
    """*version* is the exact release, *config* the digest of the node's config without its tokens, *host* the boot host's URL,
    *peer* that of the other one of a pair, which is notified of a half-written disk, and *signed_by* the digest of what the
    inventory says about the image signing key."""
    return {
        "node": node.name,
        "address": str(node.address),
        "more_addresses": [str(address) for address in node.more_addresses],
        "macs": [mac.replace(":", "-") for mac in node.mac],
        "disk": node.install_disk,
        "serial": node.install_disk_serial,
        "min_gib": node.install_disk_min_gib,
        "wipe": node.wipe,
        "other_flatcar_disks": node.other_flatcar_disks,
        "boot_entry": node.install_boot_entry,
        "board": node.board,
        "version": version,
        "config": config,
        "kernel": hashlib.sha256(" ".join(kernel_line(node)).encode()).hexdigest(),
        "local_boot": node.local_boot,
        "host": host,
        "peer": peer,
        "signed_by": signed_by,
    }


def is_left_half_written(terms: Mapping[str, Any], left: Iterable[Mapping[str, Any]]) -> bool:
    """Whether earlier orders have *left* the disk of *terms* half-written, in the machine that has it now."""
    return any(
        one.get("disk") == terms["disk"]
        and one.get("serial") in (None, terms["serial"])
        and set(one.get("macs", ())) & set(terms["macs"])
        for one in left
    )


def former_serial(terms: Mapping[str, Any], armings: Iterable[Mapping[str, Any]]) -> str | None:
    """The serial number that the last installation of the machine of *terms* found at the path that they name, where there may be
    another disk by now. *armings* are its own, the latest first, as the boot host reports them."""
    if world_identities(terms["disk"]):
        return None
    for one in armings:
        if one["about"].get("disk") == terms["disk"] and set(one["macs"]) & set(terms["macs"]):
            told = (one["reports"].get(stage, {}).get("serial") for stage in ("installed", "started"))
            if serial := next((one for one in told if one and _SERIAL.fullmatch(one)), None):
                return serial
    return None


def text_of(terms: Mapping[str, Any]) -> str:
    """A line for each of the terms that are reported nowhere else of a node."""
    return "".join(f"{_NAMES[term]}: {_text(term, terms[term])}\n" for term in _OWN if term in terms)


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[str]:
    """In words, term by term."""
    for term, name in _NAMES.items():
        old, new = before.get(term), after.get(term)
        if old != new:
            shown = "has changed" if term in _DIGESTS else f"was {_text(term, old)}, is {_text(term, new)}"
            yield f"{name} {shown}"


def _text(term: str, value: Any) -> str:
    if value is None:
        return "not given"
    if term in _DIGESTS:
        return value[:8]
    return (", ".join(value) or "none") if isinstance(value, list) else str(value)


__all__ = ("differences", "former_serial", "is_left_half_written", "terms_of", "text_of")
