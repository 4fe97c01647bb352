# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What has to be done to a service so that it runs with the current state of its files, under systemd or s6.

Needs only the standard library; runs on the boot host.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from . import unit_notes

RUNTIME = Path("/run")

Command = tuple[str, ...]


@dataclass(frozen=True)
class Service:
    """A unit, and the files that it reads only at its start and also at a reload.

    *supervised* is the directory where s6 supervises it; without it, systemd runs it. One that is not to be brought up is left
    alone if it is stopped. *instead_of* is a unit to disable unless it is in use.
    """

    name: str
    restart_for: Sequence[str] = ()
    reload_for: Sequence[str] = ()
    supervised: str | None = None
    bring_up: bool = True
    instead_of: str | None = None


def due(
    service: Service, written: Collection[str], dry: bool, ask: Callable[..., str]
) -> tuple[list[Command], list[str]]:
    """The commands that are due, and the files that they are due for.

    *written* are the paths that this run has written, or in a *dry* run would write. *ask* runs a command and returns its output.
    """
    if service.supervised:
        return _under_s6(service, service.supervised, written)
    return _under_systemd(service, written if dry else (), ask)


def _under_s6(service: Service, supervised: str, written: Collection[str]) -> tuple[list[Command], list[str]]:
    """It keeps no record of what it has read, and whoever runs s6 brings it up."""
    action, reasons = unit_notes.due_for(written, service.restart_for, service.reload_for)
    if action == "none" or not Path(supervised, "supervise", "control").exists():
        return [], []
    return [("s6-svc", {"restart": "-r", "reload": "-h"}[action], supervised)], reasons


def _under_systemd(
    service: Service, planned: Collection[str], ask: Callable[..., str]
) -> tuple[list[Command], list[str]]:
    """What is only *planned* to be written is in no record."""
    name = service.name
    units = {name, *unit_notes.units(service.restart_for)}
    states = _show([*units, *filter(None, [service.instead_of])], ask)
    state = states[name]
    runs = unit_notes.runs(state["ActiveState"])
    outdated = any(states[unit]["NeedDaemonReload"] == "yes" for unit in units)
    notes = RUNTIME / name.removesuffix(".service") if name.endswith(".service") else None
    action, reasons = unit_notes.due(notes, state["ActiveState"], outdated, service.restart_for, service.reload_for)
    if action != "restart" and runs:
        later, files = unit_notes.due_for(planned, service.restart_for, service.reload_for)
        action, reasons = (later, files) if later != "none" else (action, reasons)
    commands: list[Command] = []
    if service.bring_up and state["UnitFileState"] != "enabled":
        commands.append(("systemctl", "enable", name))
    if service.bring_up and not runs:
        commands.append(("systemctl", "start", name))
    elif action != "none":
        commands.append(("systemctl", action, name))
    if commands and commands[-1][1] != "reload":
        commands.insert(0, ("systemctl", "daemon-reload"))
    return [*_stand_down(service.instead_of, states), *commands], reasons


def _stand_down(unit: str | None, states: dict[str, dict[str, str]]) -> list[Command]:
    off = unit and states[unit]["UnitFileState"] == "enabled" and not unit_notes.runs(states[unit]["ActiveState"])
    return [("systemctl", "disable", unit)] if off else []


def _show(units: list[str], ask: Callable[..., str]) -> dict[str, dict[str, str]]:
    shown = ask("systemctl", "show", "--property=ActiveState,UnitFileState,NeedDaemonReload", *units)
    blocks = shown.strip().split("\n\n")
    return {
        unit: dict(line.split("=", 1) for line in block.splitlines()) for unit, block in zip(units, blocks, strict=True)
    }


__all__ = ("Command", "Service", "due")
