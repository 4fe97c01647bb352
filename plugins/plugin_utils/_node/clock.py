# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The clock: time zone and time servers."""

from __future__ import annotations

import functools
import zoneinfo
from typing import TYPE_CHECKING, Any

from .._schema import fields, words
from .._schema.fields import Field
from .layer import Layer, file, link, unit_text

if TYPE_CHECKING:
    from .node import Node


@functools.cache
def _zones() -> frozenset[str]:
    """Those that the controller knows; empty if it has no time zone data."""
    return frozenset(zoneinfo.available_timezones())


def _time_zone(value: Any) -> str:
    zone = words.read("time zone", value)
    if _zones() and zone not in _zones():
        raise ValueError("expected a time zone such as Europe/Berlin")
    return zone


FIELDS = (
    Field("flatcar_time_zone", _time_zone, "the time zone, such as `Europe/Berlin`; UTC when not given"),
    Field("flatcar_ntp", fields.one_or_more(fields.server), "the time servers, by name or address", default=()),
)


def layers(node: Node) -> list[Layer]:
    made = []
    if node.time_zone:
        zone = link("/etc/localtime", f"../usr/share/zoneinfo/{node.time_zone}", overwrite=True)
        made.append(Layer(("flatcar_time_zone",), {"storage": {"links": [zone]}}))
    if node.ntp:
        text = unit_text(("Time", [("NTP", " ".join(node.ntp))]))
        servers = file("/etc/systemd/timesyncd.conf.d/10-kindling.conf", text)
        made.append(Layer(("flatcar_ntp",), {"storage": {"files": [servers]}}))
    return made


__all__ = ("FIELDS", "layers")
