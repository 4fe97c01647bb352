# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Units, drop-ins and quadlets. Source: Ignition's ``types/unit.go`` and ``systemd.go``; Butane's base validation."""

from __future__ import annotations

from collections.abc import Iterator

from .. import quadlet_names
from ..structure import Finding, Object, Scope, error, warning
from ..units import UnitError, has_install_option, options_of
from .resources import has_one_contents

_UNIT_TYPES = (
    "service",
    "socket",
    "device",
    "mount",
    "automount",
    "swap",
    "target",
    "path",
    "timer",
    "snapshot",
    "slice",
    "scope",
)


def _extension(name: str) -> str:
    """From the last dot of the last path element, as Go's ``path.Ext``."""
    last = name.rpartition("/")[2]
    dot = last.rfind(".")
    return last[dot:] if dot >= 0 else ""


def is_unit_name(name: str | None, _scope: Scope) -> Iterator[Finding]:
    if _extension(name or "").removeprefix(".") not in _UNIT_TYPES:
        yield error("invalid systemd unit extension")


def is_dropin_name(name: str | None, _scope: Scope) -> Iterator[Finding]:
    if _extension(name or "") != ".conf":
        yield error("invalid systemd drop-in extension")


def is_dropin_text(contents: str, _scope: Scope) -> Iterator[Finding]:
    try:
        options_of(contents)
    except UnitError as failure:
        yield error(f"invalid unit content: {failure}")


def has_sound_contents(unit: Object, _scope: Scope) -> Iterator[Finding]:
    """The contents lex, and ``enabled: true`` has an effect."""
    contents = unit.get("contents")
    if not contents:
        return
    try:
        can_be_enabled = has_install_option(contents)
    except UnitError as failure:
        yield error(f"invalid unit content: {failure}", "contents")
        return
    if unit.get("enabled") and not can_be_enabled:
        name = unit.get("name", "")
        yield warning(f'unit "{name}" is enabled, but has no install section so enable does nothing', "contents")


def templates_of_enabled_instances_can_be_enabled(systemd: Object, _scope: Scope) -> Iterator[Finding]:
    units = systemd.get("units", ())
    templates = {unit.get("name"): unit for unit in units if unit.get("name", "").endswith("@.service")}
    for index, unit in enumerate(units if templates else ()):
        name = unit.get("name", "")
        template = templates.get(_template_of(name)) if unit.get("enabled") else None
        if template and _lacks_install_section(template):
            message = f'template unit "{template["name"]}" for "{name}" doesn\'t have Install section'
            yield warning(message, "units", index, "contents")


def _template_of(name: str) -> str | None:
    """``a@.service`` for ``a@b.service``; neither part may be empty."""
    at = name.find("@", 1)
    if not name.endswith(".service") or "\n" in name or not 0 < at < len(name) - len("@.service"):
        return None
    return f"{name[:at]}@.service"


def _lacks_install_section(unit: Object) -> bool:
    try:
        return bool(unit.get("contents")) and not has_install_option(unit["contents"])
    except UnitError:
        return False


def is_quadlet(quadlet: Object, scope: Scope) -> Iterator[Finding]:
    name = quadlet.get("name", "")
    if not quadlet_names.has_known_extension(name):
        yield error(quadlet_names.UNKNOWN_EXTENSION, "name")
    elif quadlet_names.template_of(name):
        for field in ("contents", "contents_local"):
            if field in quadlet:
                yield error("template instances cannot have contents or contents_local", field)
    else:
        yield from has_one_contents(quadlet, scope)
