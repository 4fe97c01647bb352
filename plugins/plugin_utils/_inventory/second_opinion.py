# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Second opinions: the reference's programs, if installed, on configs that Kindling considers right."""

from __future__ import annotations

import concurrent.futures
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from .._butane import Report, Result, dumps
from .._butane.local_configs import with_local_configs
from .._node import Node, to_butane
from .._schema.problem import Problem
from .cross_check import CrossCheckError, cross_check, find_butane
from .reader import Fleet

_SECONDS = 60
_VALIDATOR = "ignition-validate"

#: A validator's message about a config that is newer than itself. That is no fault of the config.
_TOO_OLD = "unsupported config version"


class Opinions(NamedTuple):
    """``asked``: the available programs; ``notes``: what one of them could not judge."""

    asked: list[str]
    notes: list[str]
    problems: list[Problem]


def second_opinions(fleets: Iterable[Fleet]) -> Opinions:
    """The objections of the installed programs to the fleets' configs."""
    built = [(node, fleet) for fleet in fleets for node in fleet.nodes if node.name in fleet.configs]
    asked, notes, problems = [], [], []
    butane, validator = find_butane(), shutil.which(_VALIDATOR)
    if butane:
        asked.append("butane")
        problems += _ask_all("butane", lambda node, config, files: _ask_butane(butane, node, config, files), built)
    if validator:
        asked.append(_VALIDATOR)
        readable = {version: _can_read(validator, version) for version in {_version(*one) for one in built}}
        notes = [f"{_VALIDATOR} here is too old for Ignition {v}" for v, can in sorted(readable.items()) if not can]
        fitting = [one for one in built if readable[_version(*one)]]
        problems += _ask_all(_VALIDATOR, lambda _node, config, _files: _ask_validator(validator, config), fitting)
    return Opinions(asked, notes, problems)


def _ask_all(name: str, ask: Callable[..., list[str]], built: list[tuple[Node, Fleet]]) -> Iterator[Problem]:
    def answer(one: tuple[Node, Fleet]) -> list[str]:
        node, fleet = one
        return ask(node, fleet.configs[node.name], fleet.files_dir)

    with concurrent.futures.ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        for (node, _fleet), messages in zip(built, pool.map(answer, built), strict=True):
            yield from (Problem(node.name, f"cross-check with {name}", message) for message in messages)


def _ask_butane(program: str, node: Node, config: Mapping[str, Any], files_dir: str | None) -> list[str]:
    try:
        butane, _refused = with_local_configs(to_butane(node), files_dir)
        return [str(found) for found in cross_check(butane, Result(config, Report()), files_dir, True, program)]
    except CrossCheckError as failure:
        return [str(failure)]


def _version(node: Node, fleet: Fleet) -> str:
    return fleet.configs[node.name]["ignition"]["version"]


def _can_read(program: str, version: str) -> bool:
    return not any(_TOO_OLD in message for message in _ask_validator(program, {"ignition": {"version": version}}))


def _ask_validator(program: str, config: Mapping[str, Any]) -> list[str]:
    with tempfile.NamedTemporaryFile(prefix="kindling-", suffix=".ign") as file:
        file.write(dumps(config).encode())
        file.flush()
        try:
            answer = subprocess.run([program, file.name], capture_output=True, timeout=_SECONDS, check=False)
        except (OSError, subprocess.TimeoutExpired) as failure:
            return [f"cannot run {program}: {failure}"]
    said = (answer.stdout + answer.stderr).decode(errors="replace").strip().replace(file.name, "the config")
    return [said or f"refused it with exit status {answer.returncode}"] if answer.returncode else []


__all__ = ("Opinions", "second_opinions")
