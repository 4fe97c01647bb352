# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The results of ``boot_probe`` as a table to read before powering on a rack."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from .._status.installs import table

NOT_SEEN = "nothing was tested: this host has no address on {0}. Choose a host on that network, or name its interface"

_TOKEN = re.compile(r"(?<=/)[A-Za-z0-9_-]{43}(?=[./]|$)")
_HEAD = ("NODE", "FIRMWARE", "ADDRESS", "BOOT PROGRAM", "THEN", "VERDICT")


def masked(value: Any) -> Any:
    """Without the unguessable part of URLs: it is as good as the config behind it."""
    if isinstance(value, str):
        return _TOKEN.sub("(token)", value)
    if isinstance(value, Mapping):
        return {key: masked(item) for key, item in value.items()}
    return [masked(item) for item in value] if isinstance(value, list) else value


def verdict(row: Mapping[str, Any]) -> str:
    """``FAILED`` and why, for what has to work and does not."""
    if row["needed"] and row["problems"]:
        return f"FAILED: {'; '.join(row['problems'])}"
    if not row["needed"]:
        return "not needed" if row["code"] is not None else "-"
    return "ok" if row["followed"] else f"ok as far as seen: {'; '.join(row['remarks'])}"


def as_text(networks: Iterable[Mapping[str, Any]]) -> str:
    """A table for each network, followed by every URL with its size."""
    return "\n\n".join(_network(network) for network in networks)


def _network(network: Mapping[str, Any]) -> str:
    title = f"{network['subnet']}, served by {network['boot_host']}"
    if not network["interface"]:
        return f"{title}: {NOT_SEEN.format(network['subnet'])}"
    rows = table([_HEAD, *(_cells(row) for row in network["rows"])])
    return "\n".join(
        [f"{title}, seen from {network['interface']}", "", rows, "", _stranger(network["stranger"]), *_urls(network)]
    )


def _cells(row: Mapping[str, Any]) -> tuple[str, ...]:
    size = f" ({row['size']:,} bytes)" if row["size"] is not None else ""
    code = f"{row['firmware']} [{row['code']}]"
    return (row["node"], code, row["address"] or "-", (row["program"] or "-") + size, row["end"] or "-", verdict(row))


def _stranger(row: Mapping[str, Any]) -> str:
    if not row["address"] and not row["program"]:
        return "A machine that is not in the inventory gets no answer."
    told = f"A machine that is not in the inventory is offered {row['address'] or 'no address'}"
    return f"{told} by {row['server'] or 'nobody'}, boot program {row['program'] or 'none'}."


def _urls(network: Mapping[str, Any]) -> list[str]:
    steps = {(row["node"], step["url"]): step for row in network["rows"] for step in row["steps"]}
    lines = [f"  {node}  {url}  {_outcome(step)}" for (node, url), step in steps.items()]
    return ["", "What was fetched in the machines' place:", *lines] if lines else []


def _outcome(step: Mapping[str, Any]) -> str:
    if step["error"]:
        return f"FAILED: {step['error']}"
    return "ok" if step["size"] is None else f"{step['size']:,} bytes"


__all__ = ("NOT_SEEN", "as_text", "masked", "verdict")
