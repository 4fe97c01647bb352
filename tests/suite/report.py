"""The table at the end of a run, and the files that are kept of it."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections import defaultdict
from pathlib import Path

import kindling_times

from .run import Outcome

KEPT = 5
"""How many runs' logs and times are kept."""

TESTS, TASKS, STAGES = 25, 12, 12
"""How many of the slowest are shown; all are in the file."""


def new_directory(parent: Path) -> Path:
    """A directory for this run's logs and times, also called ``latest``; those of the oldest runs are removed."""
    directory = parent / time.strftime("%Y-%m-%dT%H-%M-%S")
    directory.mkdir(parents=True, exist_ok=True)
    latest = parent / "latest"
    latest.unlink(missing_ok=True)
    latest.symlink_to(directory.name)
    for old in sorted(path for path in parent.iterdir() if not path.is_symlink())[:-KEPT]:
        shutil.rmtree(old)
    return directory


def busy_seconds() -> float:
    """CPU seconds that this machine has spent since it started, on whatever: containers and machines are nobody's children."""
    user, nice, system, _idle, _waiting, irq, softirq, *_ = map(int, _cpu_line().split()[1:])
    return (user + nice + system + irq + softirq) / os.sysconf("SC_CLK_TCK")


def _cpu_line() -> str:
    return Path("/proc/stat").read_text(encoding="utf-8").partition("\n")[0]


def write(directory: Path, outcomes: list[Outcome], busy: float) -> str:
    """Write ``times.json`` and ``times.txt``; the latter's text."""
    noted = [
        {"part": outcome.part.name, **line}
        for outcome in outcomes
        for line in kindling_times.read(directory / f"{outcome.part.name}.times.jsonl")
    ]
    data = {
        "busy_cpu_seconds": round(busy, 1),
        "parts": [
            {"part": each.part.name, "status": each.status, "seconds": round(each.seconds, 1), "steps": each.steps}
            for each in outcomes
        ],
        "noted": noted,
    }
    (directory / "times.json").write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")
    text = _text(directory, outcomes, noted, busy)
    (directory / "times.txt").write_text(text + "\n", encoding="utf-8")
    return text


def _text(directory: Path, outcomes: list[Outcome], noted: list[dict], busy: float) -> str:
    tests = [line for line in noted if line["kind"] == "test"]
    blocks = [
        _parts(outcomes, tests),
        _slowest("The slowest tests", tests, TESTS),
        _slowest("What Ansible's tasks took, all runs together", _summed(noted, "task"), TASKS),
        _slowest("What playbooks took, all runs together", _summed(noted, "playbook"), TASKS),
        _slowest("The slowest stages of the lab", [line for line in noted if line["kind"] == "lab"], STAGES),
        f"The machine was busy for {busy / 60:.1f} CPU minutes. All times and logs: {directory}",
        _counted(tests),
    ]
    return "\n\n".join(block for block in blocks if block)


def _parts(outcomes: list[Outcome], tests: list[dict]) -> str:
    lines = ["PART       RESULT  SECONDS  TESTS  STEPS"]
    for each in outcomes:
        steps = ", ".join(f"{step} {seconds:.0f}" for step, seconds in each.steps.items())
        count = sum(line["part"] == each.part.name for line in tests)
        verdict = "FAILED" if each.failed else "ok"
        lines.append(f"{each.part.name:<9}  {verdict:<6}  {each.seconds:7.0f}  {count or '-':>5}  {steps}".rstrip())
    return "\n".join(lines)


def _slowest(title: str, lines: list[dict], most: int) -> str:
    shown = sorted(lines, key=lambda line: line["seconds"], reverse=True)[:most]
    if not shown:
        return ""
    return "\n".join([title, *(f"{line['seconds']:8.1f}  {line['part']:<9}  {line['what']}" for line in shown)])


def _summed(noted: list[dict], kind: str) -> list[dict]:
    """The lines of a kind, those of one name in one part added up, with how often it was."""
    sums: dict[tuple[str, str], list[float]] = defaultdict(list)
    for line in noted:
        if line["kind"] == kind:
            sums[line["part"], line["what"]].append(line["seconds"])
    return [
        {"part": part, "what": f"{what} ({len(seconds)} times)", "seconds": sum(seconds)}
        for (part, what), seconds in sums.items()
    ]


def _counted(tests: list[dict]) -> str:
    """How many tests passed and failed, as a line of its own."""
    count = {outcome: sum(line["outcome"] == outcome for line in tests) for outcome in ("passed", "failed", "skipped")}
    return f"{count['passed']} passed, {count['failed']} failed, {count['skipped']} skipped" if tests else ""
