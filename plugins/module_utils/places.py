"""Where a boot host has its armings: options that the modules which speak of them have in common."""

from __future__ import annotations

import grp
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .arming import ArmingError, Places
from .gates import S6, Gates, Systemd
from .generation import CURRENT

#: For a module's ``argument_spec``.
OPTIONS = {
    "installs_dir": {"type": "path", "default": "/srv/kindling/installs"},
    "live": {"type": "path", "default": "/run/kindling-armed"},
    "group": {"type": "str", "default": "www-data"},
    "supervised": {"type": "path"},
}


def places_of(params: Mapping[str, Any], fleet_dir: str) -> Places | None:
    """None where the role ``web`` has made no place for armings yet, so that there are none."""
    installs, live = Path(params["installs_dir"]), Path(params["live"])
    if not (installs / "armed").is_dir():
        return None
    try:
        gid = grp.getgrnam(params["group"]).gr_gid
    except KeyError:
        raise ArmingError(f"the host has no group {params['group']}: run site.yml first") from None
    keeper = S6(Path(params["supervised"]), live, gid) if params["supervised"] else Systemd()
    return Places(installs, Path(fleet_dir, CURRENT, "web"), Gates(live, keeper), gid)


__all__ = ("OPTIONS", "places_of")
