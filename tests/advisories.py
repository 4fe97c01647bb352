#!/usr/bin/env python3
"""Tells which versions are not the newest, and what is known against those that are used: ``make advisories``. Needs the Internet.

Advisories come from OSV (osv.dev), which has those of PyPI and GitHub. What could not be asked is said to be unknown, never to be
fine.
"""

from __future__ import annotations

import json
import pathlib
import re
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from typing import Any

ROOT = pathlib.Path(__file__).parent.parent
OSV = "https://api.osv.dev/v1"
SECONDS = 30

Ask = Callable[[str, Any], Any]
"""Asks OSV: the path of a question, and what is asked, or None."""


def locked(text: str) -> dict[str, str]:
    """The packages in a file of pip's, with their versions."""
    return dict(re.findall(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)", text, re.MULTILINE))


def ask_osv(path: str, question: Any) -> Any:
    data = None if question is None else json.dumps(question).encode()
    request = urllib.request.Request(f"{OSV}/{path}", data, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=SECONDS) as answer:
        return json.load(answer)


def advisories(packages: Mapping[str, str], ask: Ask) -> list[str]:
    """A line for each advisory against one of the *packages*: which, what it says, and what mends it."""
    queries = [
        {"package": {"name": name, "ecosystem": "PyPI"}, "version": version} for name, version in packages.items()
    ]
    answers = ask("querybatch", {"queries": queries})["results"]
    lines = []
    for (name, version), answer in zip(packages.items(), answers, strict=True):
        for found in answer.get("vulns", ()):
            told = ask(f"vulns/{found['id']}", None)
            if "withdrawn" not in told:
                lines.append(f"{name} {version}: {_names(told)}: {_says(told)} ({_mended(told, name)})")
    return lines


def _names(told: Mapping[str, Any]) -> str:
    return ", ".join((told["id"], *told.get("aliases", ())))


def _says(told: Mapping[str, Any]) -> str:
    return " ".join((told.get("summary") or told.get("details", "no text")).split())[:200]


def _mended(told: Mapping[str, Any], name: str) -> str:
    fixed = {
        event["fixed"]
        for affected in told.get("affected", ())
        if affected.get("package", {}).get("name", "").lower() == name.lower()
        for span in affected.get("ranges", ())
        if span.get("type") != "GIT"
        for event in span.get("events", ())
        if "fixed" in event
    }
    return f"mended in {', '.join(sorted(fixed))}" if fixed else "mended in no version yet"


def newer(packages: Mapping[str, str]) -> list[str]:
    """A line for each of the *packages* of which the index has a newer version. Raises ``OSError`` where it cannot be asked."""
    _pip(
        "index", "versions", next(iter(packages))
    )  # `pip list` takes an index that does not answer for one without newer versions
    return [
        f"{entry['name']} {entry['version']}: {entry['latest_version']} is there"
        for entry in json.loads(_pip("list", "--outdated", "--format", "json"))
        if re.sub(r"[-_.]+", "-", entry["name"]).lower() in packages
    ]


def _pip(*words: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "pip", *words, "--disable-pip-version-check"],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise OSError((done.stderr.strip() or f"pip ended with {done.returncode}").splitlines()[-1])
    return done.stdout


def report(title: str, look: Callable[[], list[str]], none: str) -> tuple[str, bool]:
    """A paragraph, and whether it is known to be fine."""
    try:
        lines = look()
    except (OSError, urllib.error.URLError, TimeoutError, ValueError, KeyError) as error:
        reason = getattr(error, "reason", None) or error
        return (
            f"{title}\n  UNKNOWN: nobody answered ({reason}). This needs the Internet; run it again where there is one.\n",
            False,
        )
    return "\n".join([title, *(f"  {line}" for line in lines or [none])]) + "\n", not lines


def main() -> int:
    packages = locked((ROOT / "requirements.txt").read_text(encoding="utf-8"))
    text, _ = report(f"Newer versions of {len(packages)} packages, by pip's index", lambda: newer(packages), "none")
    print(text)
    title = f"Advisories against {len(packages)} packages (requirements.txt; the container's are three of them), by OSV"
    text, fine = report(title, lambda: advisories(packages, ask_osv), "none that is known today")
    print(text)
    print(
        "Collections (requirements.yml) have no such register: see the changelog of community.general for newer versions."
    )
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main())
