# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a boot host has its armings: options that the modules which speak of them have in common."""

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
    """None where the role ``web`` has made no place for armings yet, so that there are none.

    The web server's group is the one that this place has: so it is also on a host that an earlier version made, and armings can
    be ended there before it is brought up to date.
    """
    installs, live = Path(params["installs_dir"]), Path(params["live"])
    if not (installs / routes.ARMED).is_dir():
        return None
    gid = (installs / routes.ARMED).stat().st_gid
    keeper = S6(Path(params["supervised"]), live, gid) if params["supervised"] else Systemd()
    return Places(installs, Path(fleet_dir, host_paths.CURRENT, routes.WEB), Gates(live, keeper), gid)


def machine_words(machines: Collection[str] | None) -> set[str] | None:
    """What machines are named by, as armings have it: MAC addresses are written with hyphens there. None is all of them."""
    if machines is None:
        return None
    words = {word.strip() for word in machines}
    return words | {word.lower().replace(":", "-") for word in words}


__all__ = ("OPTIONS", "machine_words", "places_of")
