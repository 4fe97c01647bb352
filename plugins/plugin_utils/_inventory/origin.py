# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The place of a value in the inventory.

Ansible tags each value that it loads with its origin, but has no public call that returns it. It does have a public encoder that
writes values with their tags, for fact caches; the origin is read back from its output.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping, Sequence
from typing import Any

from ansible.module_utils.common.json import get_encoder

from .._butane import Origin

_LOOK_INTO = 8


@functools.cache
def _keeps_tags() -> type[json.JSONEncoder]:
    return get_encoder("cache_persistence")


def origin_of(value: Any) -> Origin | None:
    """The place that a value was loaded from, or None if Ansible does not know it.

    Ansible cannot tag booleans and null. A mapping or list has the place of its first key or element.
    """
    for _step in range(_LOOK_INTO):
        if not isinstance(value, Mapping | list | tuple):
            return _tagged_origin(value)
        if not value:
            return None
        value = next(iter(value)) if isinstance(value, Mapping) else value[0]
    return None


def _tagged_origin(value: Any) -> Origin | None:
    if value is None or isinstance(value, bool | bytes):
        return None
    try:
        tagged = json.loads(json.dumps(value, cls=_keeps_tags()))
    except (TypeError, ValueError):  # not a value that an inventory can hold
        return None
    tags: Sequence[Mapping[str, Any]] = tagged.get("tags", ()) if isinstance(tagged, dict) else ()
    for tag in tags:
        if tag.get("__ansible_type") == "Origin" and tag.get("path") and tag.get("line_num"):
            return Origin(tag["path"], tag["line_num"], tag.get("col_num") or 1)
    return None


__all__ = ("Origin", "origin_of")
