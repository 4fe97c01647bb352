"""``make test``, ``make test SCENARIO=...`` and ``make test-long``."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(PROJECT / "tests"), str(PROJECT / "tests" / "suite" / "hooks")]

import repetition

from suite import leftovers, parts, report, run  # found by the line above


def main(words: list[str] | None = None) -> int:
    """Run what was asked for; 0 when all of it passed, 130 after Ctrl-C."""
    parser = argparse.ArgumentParser(
        prog="tests/suite", description="Run Kindling's tests and tell what took how long."
    )
    parser.add_argument("names", nargs="*", metavar="PART", help=f"one or more of {', '.join(parts.names())}; else all")
    parser.add_argument("--long", action="store_true", help="with all repetitions, and on both Debian releases")
    given = parser.parse_args(words)
    if unknown := set(given.names) - set(parts.names()):
        parser.error(f"there is no part {', '.join(sorted(unknown))}: there are {', '.join(parts.names())}")
    if given.long:
        os.environ |= {repetition.SWITCH: "1", "KINDLING_BOOT_HOSTS": "localhost,boot_hosts"}
    directory = report.new_directory(PROJECT / ".cache" / "test")
    leftovers.adopt()
    before = report.busy_seconds()
    finished = run.all_stages(parts.plan(given.names), directory)
    text = report.write(directory, finished.outcomes, report.busy_seconds() - before)
    for outcome in finished.outcomes:
        if outcome.failed:
            print(f"\n==== {outcome.part.name} failed. All that it said:\n{outcome.log.read_text(errors='replace')}")
    print(f"\n{text}", flush=True)
    leftovers.end()
    if finished.interrupted:
        print("Interrupted: what was begun is ended and removed.")
        return 130
    return 1 if any(outcome.failed for outcome in finished.outcomes) else 0


if __name__ == "__main__":
    sys.exit(main())
