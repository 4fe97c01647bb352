"""What the playbooks about installs have in common: the boot hosts' directories, and stages as people read them."""

from __future__ import annotations

import getpass
import os
import pathlib
import socket
from collections.abc import Mapping
from typing import Any

from ansible_collections.kindling.flatcar.plugins.module_utils.arming import STAGES

from .variables import Variables

MODULE = "kindling.flatcar.arming"

#: The module's options for directories, the roles' variables that say them, and the roles' defaults.
_DIRECTORIES = {
    "path": ("web_installs_dir", "/srv/kindling/installs"),
    "fleet_dir": ("fleet_dir", "/srv/kindling/fleet"),
    "images_dir": ("flatcar_images_dir", "/srv/kindling/images"),
}
_WORK_DIR = "flatcar_images_work_dir"
_KEY = "flatcar_images_key"


def directories(host: str, variables: Variables) -> dict[str, str]:
    """The module's options that say where the boot host *host* has what the roles made there."""
    names = [name for name, _ in _DIRECTORIES.values()]
    values = variables.read(host, lambda known: [name for name in (*names, _WORK_DIR) if name in known]).values
    found = {option: str(values.get(name) or default) for option, (name, default) in _DIRECTORIES.items()}
    work_dir = values.get(_WORK_DIR) or f"{found['images_dir']}.partial"
    return found | {"keyring": f"{work_dir}/key.gpg"}


def given_key(host: str, variables: Variables) -> str | None:
    """The text of the signing key, if the boot host's variables say it or name a file of the controller; a key from a URL is
    what the boot host keeps."""
    key = variables.read(host, lambda known: [name for name in (_KEY,) if name in known]).values.get(_KEY)
    if not key or str(key).startswith(("http://", "https://", "file://")):
        return None
    if "-----BEGIN PGP" in key:
        return str(key)
    return pathlib.Path(key).read_text(encoding="ascii")


def who() -> str:
    """Who runs the playbook, and where."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = str(os.getuid())
    return f"{user} on {socket.gethostname()}"


def last_report(reports: Mapping[str, Mapping[str, Any]]) -> tuple[str, Mapping[str, Any]] | None:
    """The report that came last, with its stage."""
    return max(reports.items(), key=lambda item: (item[1]["when"], STAGES.index(item[0])), default=None)


def table(rows: list[tuple[str, ...]]) -> str:
    """Lines of columns, the first of them the heading."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ("  ".join(f"{text:{width}}" for text, width in zip(row, widths, strict=True)) for row in rows)
    return "\n".join(line.rstrip() for line in lines)


__all__ = ("MODULE", "directories", "given_key", "last_report", "table", "who")
