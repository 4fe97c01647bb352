"""Running programs, waiting for conditions, locks: what every other module of the lab needs from the machine."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

from . import paths


class LabError(Exception):
    """Something is missing or went wrong; the text says what, and what to do about it."""


def say(text: str) -> None:
    """One line of progress. On stderr, because stdout belongs to results."""
    print(text, file=sys.stderr, flush=True)


def environment() -> dict[str, str]:
    """The environment of every program that the lab starts."""
    # sbin: a user's PATH does not have it, and `sudo -E` or a shell of root without a login may keep such a PATH.
    path = f"{os.environ.get('PATH', '')}:/usr/local/sbin:/usr/sbin:/sbin:/usr/bin:/bin"
    return {**os.environ, "PATH": path, "CONTAINERS_CONF": str(paths.LAB / "containers.conf"), "LC_ALL": "C.UTF-8"}


def run(*argv: str | Path, input: str | None = None, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run a program to its end with its output captured; a failure becomes one error that quotes what it said."""
    command = [str(part) for part in argv]
    try:
        done = subprocess.run(command, input=input, capture_output=True, text=True, errors="replace",
                              env=environment(), check=False)  # fmt: skip
    except FileNotFoundError:
        raise LabError(missing([command[0]])) from None
    if check and done.returncode != 0:
        said = "\n".join((done.stderr.strip() or done.stdout.strip()).splitlines()[-12:])
        raise LabError(f"this command failed with status {done.returncode}: {' '.join(command)}\n{said}")
    return done


def output(*argv: str | Path) -> str:
    """What a program prints, stripped."""
    return run(*argv).stdout.strip()


def succeeds(*argv: str | Path) -> bool:
    """Whether a program ends with status 0."""
    return run(*argv, check=False).returncode == 0


def packages() -> dict[str, str]:
    """The Debian packages the lab needs, each with the comment that says why, from ``packages.txt``."""
    lines = (paths.LAB / "packages.txt").read_text(encoding="utf-8").splitlines()
    entries = (line.partition("#") for line in lines)
    return {name.strip(): why.strip() for name, _, why in entries if name.strip()}


def missing(programs: list[str]) -> str:
    """The message about programs that are not installed."""
    return (
        f"not installed on this machine: {', '.join(programs)}. "
        f"Install the lab's packages: apt-get install --no-install-recommends {' '.join(packages())}"
    )


def require_programs(*programs: str) -> None:
    """Stop with one message when a program that will be needed later is not there."""
    absent = [program for program in programs if shutil.which(program, path=environment()["PATH"]) is None]
    if absent:
        raise LabError(missing(absent))


def require_root() -> None:
    """Network namespaces, taps and system containers need root."""
    if os.geteuid() != 0:
        raise LabError("the virtual rack makes network namespaces and system containers: run this as root (sudo)")


def wait_until(condition: Callable[[], bool], what: str, seconds: float, interval: float = 0.1) -> None:
    """Return as soon as the condition holds; raise when it still does not after so many seconds."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise LabError(f"waited {seconds:.0f} s in vain: {what}")
        time.sleep(interval)


def note_time(what: str, seconds: float) -> None:
    """Append one line of JSON to the file that KINDLING_TIMES names, if it names one: what took so many seconds."""
    if file := os.environ.get("KINDLING_TIMES"):
        with Path(file).open("a", encoding="utf-8") as times:
            times.write(
                json.dumps({"kind": "lab", "what": what, "seconds": round(seconds, 1)}, ensure_ascii=False) + "\n"
            )
        give_to_caller(Path(file))


@contextlib.contextmanager
def lock(path: Path, what: str) -> Iterator[None]:
    """Hold a lock file, so that two labs that are started at once do not make the same thing twice."""
    make_directory(path.parent)
    with path.open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"waiting for another lab that is busy with {what}")
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def give_to_caller(*files: Path) -> None:
    """Under sudo, hand files over to the user who called: Ansible then runs as that user and reads the key."""
    if os.geteuid() == 0 and "SUDO_UID" in os.environ:
        for file in files:
            os.chown(file, int(os.environ["SUDO_UID"]), int(os.environ["SUDO_GID"]), follow_symlinks=False)


def make_directory(directory: Path) -> None:
    """Like ``mkdir -p``; what is made below the checkout, and on the way to the cache, is the caller's."""
    made = []
    for part in [directory, *directory.parents]:
        if part.exists():
            break
        made.append(part)
    for part in reversed(made):
        part.mkdir(exist_ok=True)
        if part.is_relative_to(paths.CHECKOUT) or part in paths.CACHE.parents:
            give_to_caller(part)


def copy_sparsely(source: IO[bytes], target: IO[bytes], place: int = 0) -> None:
    """Copy all that is not zero to where it belongs, from *place* on, in what is zero there already."""
    while block := source.read(1 << 20):
        if block.strip(b"\0"):
            target.seek(place)
            target.write(block)
        place += len(block)


def write_file(file: Path, text: str, mode: int = 0o644) -> None:
    """Write a whole file at once: who reads it sees the old text or the new one."""
    make_directory(file.parent)
    aside = file.with_name(f".{file.name}.{os.getpid()}")
    aside.unlink(missing_ok=True)
    aside.touch(mode)  # before there is a secret in it
    aside.write_text(text, encoding="utf-8")
    aside.chmod(mode)
    aside.replace(file)
    if file.is_relative_to(paths.CHECKOUT):
        give_to_caller(file)
