# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the playbooks about installations have in common: the boot hosts' directories, and stages as people read them."""

from __future__ import annotations

import getpass
import hashlib
import json
import os
import pathlib
import socket
import time
from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.kindling.flatcar.plugins.module_utils._routes import host_paths, routes

from .._install.terms import differences
from .._inventory.hostvars import Variables

#: The module's options for directories, and the roles' variables that set them.
_DIRECTORIES = {"installs_dir": "web_installs_dir", "fleet_dir": "fleet_dir", "images_dir": "flatcar_images_dir"}
_WORK_DIR = "flatcar_images_work_dir"
_KEY = "flatcar_images_key"
_FINGERPRINT = "flatcar_images_key_fingerprint"
_MANAGER = "web_service_manager"


def _read(host: str, variables: Variables, *names: str) -> Mapping[str, Any]:
    return variables.read(host, lambda known: [name for name in names if name in known]).values


def directories(host: str, variables: Variables) -> dict[str, str]:
    """The module's options that say where the boot host *host* has the roles' files, and where its armings are kept."""
    values = _read(host, variables, *_DIRECTORIES.values(), _WORK_DIR, _MANAGER)
    found = {option: str(values.get(name) or host_paths.ROLE_DEFAULTS[name]) for option, name in _DIRECTORIES.items()}
    work_dir = values.get(_WORK_DIR) or f"{found['images_dir']}{host_paths.WORK_SUFFIX}"
    kept = {"supervised": host_paths.SERVICES} if values.get(_MANAGER) == "s6" else {}
    return found | {"keyring": f"{work_dir}/{host_paths.KEYRING}"} | kept


def places_of_armings(host: str, variables: Variables) -> dict[str, str]:
    """Those of ``directories`` for armings, for a module that changes them."""
    found = directories(host, variables)
    return {option: found[option] for option in ("installs_dir", "fleet_dir", "supervised") if option in found}


def given_key(host: str, variables: Variables) -> str | None:
    """The text of the signing key, if the boot host's variables contain it or name a file on the controller; a key from a URL is
    the one that the boot host keeps."""
    key = _read(host, variables, _KEY).get(_KEY)
    if not key or str(key).startswith(("http://", "https://", "file://")):
        return None
    if "-----BEGIN PGP" in key:
        return str(key)
    return pathlib.Path(key).read_text(encoding="ascii")


def signed_by(host: str, variables: Variables) -> str | None:
    """The digest of everything that the boot host's variables say about the image signing key; None if they leave it to the
    role."""
    said = _read(host, variables, _KEY, _FINGERPRINT)
    if not any(said.values()):
        return None
    words = [given_key(host, variables) or said.get(_KEY), said.get(_FINGERPRINT)]
    return hashlib.sha256(json.dumps([word and str(word) for word in words]).encode()).hexdigest()


def ended_armings(armings: Iterable[Mapping[str, Any]], files: Mapping[str, str]) -> dict[str, str]:
    """Why each of the open *armings* ends when *files* are published, by node; those that continue are left out."""
    nodes = json.loads(files[routes.INDEX])["nodes"]
    ended = {}
    for arming in armings:
        entry = nodes.get(arming["node"])
        wanted = entry.get("order") if entry else None
        if wanted != arming["about"]:
            ended[arming["node"]] = (
                f"{arming['node']}: its arming until {clock(arming['until'])} ends, because {_why(arming, entry, nodes)}"
            )
    return ended


def _why(arming: Mapping[str, Any], entry: Mapping[str, Any] | None, nodes: Mapping[str, Any]) -> str:
    if entry and "order" in entry:
        return "; ".join(differences(arming["about"], entry["order"]))
    if entry:
        return (
            f"its flatcar_boot_mode is {entry['mode']}"
            if entry["mode"] != "install"
            else "another boot host decides now"
        )
    macs = {mac.replace("-", ":") for mac in arming["macs"]}
    renamed = [name for name, other in nodes.items() if macs & set(other["macs"])]
    return f"its machine is {renamed[0]} now" if renamed else "the inventory no longer has it on this boot host"


def clock(when: int) -> str:
    """A time as people read it, in the time zone of the controller."""
    return time.strftime("%Y-%m-%d %H:%M %Z", time.localtime(when))


def who() -> str:
    """The user who runs the playbook, and the controller."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = str(os.getuid())
    return f"{user} on {socket.gethostname()}"


def words_of(machine: Mapping[str, Any]) -> set[str]:
    """By what an arming, or the terms of an order, know their machine."""
    return {machine["node"], machine["address"], *machine["more_addresses"], *machine["macs"]}


def last_report(reports: Mapping[str, Mapping[str, Any]]) -> tuple[str, Mapping[str, Any]] | None:
    """The latest report, with its stage."""
    return max(reports.items(), key=lambda item: (item[1]["when"], routes.STAGES.index(item[0])), default=None)


def table(rows: list[tuple[str, ...]]) -> str:
    """Lines of columns, the first of them the heading."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ("  ".join(f"{text:{width}}" for text, width in zip(row, widths, strict=True)) for row in rows)
    return "\n".join(line.rstrip() for line in lines)


__all__ = (
    "clock",
    "directories",
    "ended_armings",
    "given_key",
    "last_report",
    "places_of_armings",
    "signed_by",
    "table",
    "who",
    "words_of",
)
