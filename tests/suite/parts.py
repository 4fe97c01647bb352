"""What there is to run, in which order, and what may run beside what."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import yaml

PROJECT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Part:
    """One thing that can be run by itself."""

    name: str
    command: tuple[str, ...]
    racks: tuple[str, ...] = ()
    """The virtual racks that it makes: they are removed when it does not come to its own end."""


Stage = tuple[tuple[Part, ...], ...]
"""Lanes that run beside one another; the parts of a lane run one after another."""


def _make(name: str) -> Part:
    return Part(name, ("make", "--no-print-directory", name))


def _scenario(name: str) -> Part:
    """A scenario of molecule."""
    hosts = yaml.safe_load((PROJECT / "molecule" / name / "hosts.yml").read_text(encoding="utf-8"))
    racks = tuple(host["lab_rack"] for host in hosts["boot_hosts"]["hosts"].values())
    return Part(name, ("molecule", "test", "--scenario-name", name), racks)


FORM = (_make("lint"), _make("docs"), _make("inclusion"), Part("newer", ("python", "tests/newer")))
"""What waits for one process most of its time."""

UNIT = (_make("unit"),)
"""What uses every core that these leave."""

ANSIBLE = (_scenario("default"), Part("container", ("pytest", "tests/container"), ("box",)))
"""What waits for Ansible most of its time."""

MACHINES = (_scenario("install"), _scenario("boot"), _scenario("firmware"))
"""What computes most of its time: emulated machines. The longest first, so that the lanes end together."""

STAGES: tuple[Stage, ...] = ((FORM, UNIT), (ANSIBLE, MACHINES))
"""What is over soon comes first."""

SET_UP = {part.name: "lab-setup" for part in (*ANSIBLE, *MACHINES)} | {
    "lint": "setup",
    "docs": "setup",
    "unit": "unit-setup",
    "inclusion": "setup",
    "newer": "lab-setup",
}
"""Which target of the Makefile lays the ground for a part."""


def names() -> list[str]:
    """The parts that can be asked for."""
    return [part.name for lanes in STAGES for lane in lanes for part in lane]


def plan(wanted: list[str]) -> list[Stage]:
    """The stages for these parts, or for all: a stage begins when the one before it has passed."""
    chosen = wanted or names()
    targets = dict.fromkeys(SET_UP[name] for name in chosen)
    set_up = Part("set-up", ("make", "--no-print-directory", *targets))
    stages = [[tuple(part for part in lane if part.name in chosen) for lane in stage] for stage in STAGES]
    return [((set_up,),), *(tuple(filter(None, stage)) for stage in stages if any(stage))]
