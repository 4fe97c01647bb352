"""Runs the stages: starts each lane's parts, follows their logs, shows one lane's lines at a time, ends all on Ctrl-C."""

from __future__ import annotations

import os
import re
import select
import signal
import subprocess
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from . import leftovers
from .parts import PROJECT, Part, Stage

TICK = 0.2
"""Seconds between two looks at the logs."""

PATIENCE = 90
"""Seconds that a part has after Ctrl-C to put away what it made, before it is killed."""

COLOUR = re.compile(r"\x1b\[[0-9;]*m")
STEP = re.compile(r"INFO\s+\S+ ➜ (?P<step>[a-z_]+): (?P<what>Executing|Executed)")


@dataclass
class Outcome:
    """How a part went."""

    part: Part
    log: Path
    seconds: float
    status: int
    steps: dict[str, float]
    """Seconds of each step of a scenario's sequence."""

    @property
    def failed(self) -> bool:
        return self.status != 0


@dataclass
class Finished:
    """How the whole run went."""

    outcomes: list[Outcome] = field(default_factory=list)
    interrupted: bool = False


class Running:
    """A part that runs. What it says goes to its log; we read there."""

    def __init__(self, part: Part, directory: Path) -> None:
        self.part = part
        self.log = directory / f"{part.name}.log"
        self.begun = time.monotonic()
        self.steps: dict[str, float] = {}
        self._step_begun: dict[str, float] = {}
        self._rest = ""
        with self.log.open("wb") as log:
            # A session of its own: Ctrl-C in the terminal reaches us alone, and we tell all of its processes at once
            self.process = subprocess.Popen(
                part.command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                cwd=PROJECT,
                env={**os.environ, **_environment(directory / f"{part.name}.times.jsonl")},
            )
        self.handle = os.pidfd_open(self.process.pid)
        self._reader = self.log.open(encoding="utf-8", errors="replace", newline="\n")

    def new_lines(self) -> list[str]:
        """The lines that were written since the last look."""
        *lines, self._rest = (self._rest + self._reader.read()).split("\n")
        for line in lines:
            self._note_step(COLOUR.sub("", line))
        return lines

    def _note_step(self, line: str) -> None:
        if not (found := STEP.search(line)):
            return
        now = time.monotonic()
        if found["what"] == "Executing":
            self._step_begun[found["step"]] = now
        elif begun := self._step_begun.pop(found["step"], None):
            # A scenario is destroyed twice: before and after
            self.steps[found["step"]] = self.steps.get(found["step"], 0.0) + now - begun

    def ended(self) -> bool:
        return self.process.poll() is not None

    def outcome(self) -> Outcome:
        """What became of it; its files are closed."""
        self._reader.close()
        os.close(self.handle)
        return Outcome(self.part, self.log, time.monotonic() - self.begun, self.process.returncode, self.steps)


def _environment(times: Path) -> dict[str, str]:
    """What has the tests, Ansible and the lab write down what takes them how long."""
    here = Path(__file__).parent
    return {
        "KINDLING_TIMES": str(times),
        "PYTHONPATH": os.pathsep.join(filter(None, (str(here / "hooks"), os.environ.get("PYTHONPATH")))),
        "PYTEST_ADDOPTS": " ".join(filter(None, ("-p kindling_times", os.environ.get("PYTEST_ADDOPTS")))),
        "ANSIBLE_CALLBACK_PLUGINS": str(here / "callbacks"),
        "ANSIBLE_CALLBACKS_ENABLED": "times",
    }


class Screen:
    """Shows the lines of one lane at a time; of the others, when a part begins and ends."""

    def __init__(self) -> None:
        self._shown: int | None = None

    def begins(self, lane: int, running: Running) -> None:
        if self._shown is None:
            self._shown = lane
        where = "" if lane == self._shown else f", too; its lines are in {running.log.relative_to(PROJECT)}"
        print(f"==== {running.part.name} begins{where}", flush=True)

    def says(self, lane: int, lines: list[str]) -> None:
        if lane == self._shown:
            for line in lines:
                print(line, flush=True)

    def ends(self, outcome: Outcome) -> None:
        verdict = f"FAILED ({outcome.status})" if outcome.failed else "ok"
        print(f"==== {outcome.part.name}: {verdict}, {outcome.seconds:.0f} s", flush=True)

    def is_over(self, lane: int, others: dict[int, Running]) -> None:
        """A lane has nothing more to say: show another one from here on."""
        if lane != self._shown:
            return
        self._shown = next(iter(others), None)
        if self._shown is not None:
            print(f"==== {others[self._shown].part.name} goes on", flush=True)


def all_stages(stages: list[Stage], directory: Path) -> Finished:
    """Run one stage after another, up to the first one in which something failed."""
    finished = Finished()
    with _ended_as_by_ctrl_c():
        for stage in stages:
            try:
                _one_stage(stage, directory, finished)
            except KeyboardInterrupt:
                finished.interrupted = True
            if finished.interrupted or any(outcome.failed for outcome in finished.outcomes):
                break
    return finished


def _one_stage(stage: Stage, directory: Path, finished: Finished) -> None:
    """Run the lanes of a stage beside one another, each to its end, whatever fails in it."""
    screen = Screen()
    waiting = [deque(lane) for lane in stage]
    running: dict[int, Running] = {}
    try:
        while running or any(waiting):
            for lane, queue in enumerate(waiting):
                if queue and lane not in running:
                    running[lane] = Running(queue.popleft(), directory)
                    screen.begins(lane, running[lane])
            select.select([each.handle for each in running.values()], [], [], TICK)
            leftovers.bury([each.process.pid for each in running.values()])
            over = [lane for lane, each in running.items() if each.ended()]  # before the look: no last words are missed
            for lane, each in running.items():
                screen.says(lane, each.new_lines())
            for lane in over:
                outcome = running.pop(lane).outcome()
                finished.outcomes.append(outcome)
                screen.ends(outcome)
                if outcome.failed:
                    leftovers.remove_racks(outcome.part, [each.process.pid for each in running.values()])
                if not waiting[lane]:
                    screen.is_over(lane, running)
    except KeyboardInterrupt:
        finished.interrupted = True
        print(f"\n==== interrupted: ending {', '.join(each.part.name for each in running.values())}", flush=True)
        _end_all(list(running.values()), finished)


def _end_all(running: list[Running], finished: Finished) -> None:
    """End parts that run as Ctrl-C in a terminal would, or by force, and remove what they had made."""
    own = [each.process.pid for each in running]
    for sign in (signal.SIGINT, signal.SIGKILL):
        for each in running:
            if not each.ended():
                os.killpg(each.process.pid, sign)
        deadline = time.monotonic() + PATIENCE
        while (living := [each.handle for each in running if not each.ended()]) and time.monotonic() < deadline:
            select.select(living, [], [], TICK)
            leftovers.bury(own)
    for each in running:
        finished.outcomes.append(each.outcome())
        leftovers.remove_racks(each.part, own)


@contextmanager
def _ended_as_by_ctrl_c() -> Iterator[None]:
    """Whoever ends us by ``kill`` has everything put away, too; also in the background, where a shell has us ignore Ctrl-C."""
    signs = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(sign, signal.default_int_handler) for sign in signs]
    try:
        yield
    finally:
        for sign, handler in zip(signs, before, strict=True):
            signal.signal(sign, handler)
