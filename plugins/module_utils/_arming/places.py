# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a boot host keeps its armings: the options that the modules for them have in common."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from .._routes import host_paths, routes
from .arming import Places
from .gates import S6, Gates, Systemd

#: For a module's ``argument_spec``.
OPTIONS = {
    "installs_dir": {"type": "path", "default": host_paths.INSTALLS},
    "live": {"type": "path", "default": host_paths.LIVE},
    "supervised": {"type": "path"},
}


def places_of(params: Mapping[str, Any], fleet_dir: str) -> Places | None:
    """None if the role ``web`` has not created the directory of armings yet, so that there are none.

    The web server's group is the one that owns this directory, even on a host set up by an earlier version, so that armings can
    be ended there before it is upgraded.
    """
    installs, live = Path(params["installs_dir"]), Path(params["live"])
    if not (installs / routes.ARMED).is_dir():
        return None
    gid = (installs / routes.ARMED).stat().st_gid
    keeper = S6(Path(params["supervised"]), live, gid) if params["supervised"] else Systemd()
    return Places(installs, Path(fleet_dir, host_paths.CURRENT, routes.WEB), Gates(live, keeper), gid)


def machine_words(machines: Collection[str] | None) -> set[str] | None:
    """The names of machines, as armings spell them: MAC addresses are written with hyphens there. None is all of them."""
    if machines is None:
        return None
    words = {word.strip() for word in machines}
    return words | {word.lower().replace(":", "-") for word in words}


__all__ = ("OPTIONS", "machine_words", "places_of")
