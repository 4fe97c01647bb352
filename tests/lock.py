#!/usr/bin/env python3
"""Writes the files of LOCKS: all that a list needs, by version and by the digests of its wheels. `make lock` runs it.

``lock.py FILE ...`` writes only these.

pip resolves for the oldest Python, whose answer holds for the newer ones too; which of it each Python needs is worked out here,
since pip asks the Python that it runs by what it shall install for another one.
"""

from __future__ import annotations

import json
import pathlib
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = pathlib.Path(__file__).parent.parent

PYTHONS = ("3.11", "3.12", "3.13", "3.14")
MACHINES = ("x86_64", "aarch64")

#: glibc's versions that wheels are made for, up to Debian 12's own.
GLIBC = (17, 24, 26, 27, 28, 31, 34, 35, 36)

HEADER = """\
# Written by `make lock` out of {source}, which says what is needed, and why. Not to be edited: all packages with what they need
# themselves, by the digests of their wheels for Python {pythons} on x86-64 and arm64.
"""

Package = Mapping[str, object]


@dataclass(frozen=True)
class Lock:
    """A list of what is needed, the file with all that it comes to, and for which Pythons."""

    source: str
    target: str
    pythons: tuple[str, ...]


LOCKS = (
    Lock("requirements.in", "requirements.txt", PYTHONS),
    Lock("tests/newer/requirements.in", "tests/newer/requirements.txt", ("3.13",)),
)


def pip_would_install(python: str, machine: str, *arguments: str) -> list[dict]:
    """What pip says that it would install for another Python."""
    platforms = [f"manylinux_2_{minor}_{machine}" for minor in GLIBC] + [f"manylinux2014_{machine}", f"linux_{machine}"]
    with tempfile.TemporaryDirectory() as nowhere:
        done = subprocess.run(
            [
                *(sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--dry-run"),
                *("--ignore-installed", "--report", "-", "--only-binary", ":all:", "--target", nowhere),
                *("--python-version", python, "--implementation", "cp"),
                *_not_for_us(python),
                *(word for platform in platforms for word in ("--platform", platform)),
                *arguments,
            ],
            stdout=subprocess.PIPE,
            cwd=ROOT,
            check=True,
        )
    return json.loads(done.stdout)["install"]


def _not_for_us(python: str) -> tuple[str, ...]:
    """For a newer Python than this one: `pip install` holds packages against the Python that it runs by, whichever it is told."""
    is_newer = tuple(map(int, python.split("."))) > sys.version_info[:2]
    return ("--ignore-requires-python",) if is_newer else ()


def name_of(package: Package) -> str:
    return canonicalize_name(package["metadata"]["name"])


def needed(python: str, wanted: Iterable[Requirement], known: Mapping[str, Package]) -> dict[str, Requirement]:
    """All that *wanted* needs on a *python*, with what it needs itself: what is not *known*, too."""
    found: dict[str, Requirement] = {}
    queue = [(requirement, "") for requirement in wanted]
    seen = set()
    while queue:
        requirement, extra = queue.pop()
        environment = {
            "python_version": python,
            "python_full_version": f"{python}.0",
            "platform_machine": "x86_64",
            "extra": extra,
            "sys_platform": "linux",
            "platform_system": "Linux",
            "os_name": "posix",
            "implementation_name": "cpython",
            "platform_python_implementation": "CPython",
        }
        name = canonicalize_name(requirement.name)
        if requirement.marker and not requirement.marker.evaluate(environment):
            continue
        found.setdefault(name, requirement)
        for extra in ("", *requirement.extras):
            if (name, extra) not in seen and name in known:
                seen.add((name, extra))
                queue += [(Requirement(text), extra) for text in known[name]["metadata"].get("requires_dist", ())]
    return found


def resolve(lock: Lock) -> tuple[dict[str, Package], dict[str, set[str]]]:
    """The packages by name, and the Pythons that need each."""
    lines = (line.partition("#")[0].strip() for line in (ROOT / lock.source).read_text(encoding="utf-8").splitlines())
    wanted = [Requirement(line) for line in lines if line]
    more: dict[str, str] = {}
    while True:
        known = {
            name_of(p): p
            for p in pip_would_install(lock.pythons[0], MACHINES[0], "--requirement", lock.source, *more.values())
        }
        by_python = {python: needed(python, wanted, known) for python in lock.pythons}
        missing = {
            name: f"{requirement.name}{requirement.specifier}"
            for found in by_python.values()
            for name, requirement in found.items()
            if name not in known
        }
        if not missing:
            return known, {name: {p for p, found in by_python.items() if name in found} for name in known}
        more |= missing


def digests(lock: Lock, known: Mapping[str, Package], pythons: Mapping[str, set[str]]) -> dict[str, set[str]]:
    """Of the wheels of each package, for all Pythons and machines."""
    found = defaultdict(set)
    for python in lock.pythons:
        exact = [f"{name}=={p['metadata']['version']}" for name, p in known.items() if python in pythons[name]]
        for machine in MACHINES:
            for package in pip_would_install(python, machine, "--no-deps", *exact):
                found[name_of(package)].add(package["download_info"]["archive_info"]["hashes"]["sha256"])
    return found


def marker(pythons: set[str], of: tuple[str, ...] = PYTHONS) -> str:
    """What leaves a package out where no Python needs it. Those that need it are the older or the newer ones."""
    if pythons == set(of[-len(pythons) :]):
        return f' ; python_version >= "{of[-len(pythons)]}"' if len(pythons) < len(of) else ""
    if pythons == set(of[: len(pythons)]):
        return f' ; python_version < "{of[len(pythons)]}"'
    return ""


def locked(lock: Lock) -> str:
    known, pythons = resolve(lock)
    known = {name: package for name, package in sorted(known.items()) if pythons[name]}
    sums = digests(lock, known, pythons)
    versions = " to ".join(dict.fromkeys((lock.pythons[0], lock.pythons[-1])))
    text = HEADER.format(source=lock.source, pythons=versions)
    for name, package in known.items():
        lines = [f"{name}=={package['metadata']['version']}{marker(pythons[name], lock.pythons)}"]
        lines += [f"    --hash=sha256:{sha256}" for sha256 in sorted(sums[name])]
        text += " \\\n".join(lines) + "\n"
    return text


if __name__ == "__main__":
    for wanted in LOCKS:
        if wanted.target in (sys.argv[1:] or [wanted.target]):
            (ROOT / wanted.target).write_text(locked(wanted), encoding="utf-8")
