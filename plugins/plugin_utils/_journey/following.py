# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Machines that are followed live: what is new of each since it was looked at last, until it runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from .around import of_host
from .journey import Machine, journey_of
from .nics import boots_of
from .text import line_of

#: A machine's way ends here; one that is being installed restarts, and is followed on.
_RUNS = "running"
_ENDS = (_RUNS, "script")


class Following:
    def __init__(self, machines: Sequence[Machine]) -> None:
        self._machines = machines
        self._said: dict[str, str] = {}
        self.left = [machine.name for machine in machines]
        """Those that do not run yet."""

    def news(self, heard: Mapping[str, Any] | None) -> Iterator[str]:
        """A line for each machine of which there is something new, in *heard* from its boot host."""
        if heard is None:
            return
        for machine in self._machines:
            boots = boots_of(machine.macs, heard["boots"])[-1:]
            around = of_host({"put_aside": {}, **heard}, machine.address)
            journey = journey_of(machine, boots, around, heard["now"])
            line = line_of(journey)
            if self._said.get(machine.name) != line:
                self._said[machine.name] = line
                yield line
            if machine.name in self.left and _is_done(journey):
                self.left.remove(machine.name)

    def summary(self) -> str:
        return f"not done: {', '.join(self.left)}" if self.left else "all of them are done"


def _is_done(journey: Mapping[str, Any]) -> bool:
    return journey["hop"] == _RUNS or (journey["state"] == "fine" and journey["hop"] in _ENDS)


__all__ = ("Following",)
