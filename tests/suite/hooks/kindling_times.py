"""One line for each thing that took time, in the file that KINDLING_TIMES names; and a plugin for pytest that notes each test.

The suite puts this directory on PYTHONPATH: pytest, Ansible's callback and the suite itself import it by this name.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

#: The worse counts: a test that passed and could not be put away has failed.
_ORDER = ("passed", "skipped", "failed")


def note(kind: str, what: str, seconds: float, **more: object) -> None:
    """Add a line; nothing where nobody wants to know. Lines are short, so several processes can add theirs at once."""
    if file := os.environ.get("KINDLING_TIMES"):
        with Path(file).open("a", encoding="utf-8") as lines:
            lines.write(json.dumps({"kind": kind, "what": what, "seconds": round(seconds, 3), **more}) + "\n")


def read(file: Path) -> list[dict]:
    """What was noted in a file; nothing when there is none."""
    if not file.exists():
        return []
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


class Recorder:
    """Adds up set-up, call and tear-down of each test."""

    def __init__(self) -> None:
        self._seconds: dict[str, float] = {}
        self._outcomes: dict[str, str] = {}

    def pytest_runtest_logreport(self, report) -> None:
        test = report.nodeid
        self._seconds[test] = self._seconds.get(test, 0.0) + report.duration
        self._outcomes[test] = max(self._outcomes.get(test, "passed"), report.outcome, key=_ORDER.index)
        if report.when == "teardown":
            note("test", test, self._seconds.pop(test), outcome=self._outcomes.pop(test))


def pytest_configure(config) -> None:
    if not hasattr(config, "workerinput"):  # of xdist's processes, the one that hears of all
        config.pluginmanager.register(Recorder(), "kindling-times")
