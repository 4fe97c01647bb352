"""Runs the unit tests that start nothing on the newest ansible-core, with Debian 13's Python: ``python tests/newer [WORD ...]``.

Everything else is tested with the oldest ansible-core that the collection admits, which is the newest for Debian 12's Python. More
words are for pytest.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(ROOT / "tests" / "lab"))

from virtual_rack import host_image, paths  # found by the line above
from virtual_rack.system import LabError, environment, lock, make_directory, require_programs, run, say

SUITE, PYTHON = "trixie", "3.13"
REQUIREMENTS = HERE / "requirements.txt"
TESTS = ("-m", "not slow", "-p", "no:cacheprovider", "--numprocesses", "2", "--dist", "loadfile", "--quiet")


def packages() -> Path:
    """The packages of the requirements for that Python, unpacked; made anew when these change."""
    cache = paths.CACHE / "newer"
    wanted = cache / hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()[:12]
    with lock(paths.CACHE / "newer.lock", "the newest ansible-core"):
        if not wanted.is_dir():
            say("unpacking the newest ansible-core: once")
            shutil.rmtree(cache, ignore_errors=True)
            make_directory(cache)
            making = cache / "making"
            # Nothing of it is run by the Python that does this, so that one's version is no matter
            run(
                sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes", "--no-deps",
                "--only-binary", ":all:", "--no-compile", "--implementation", "cp", "--python-version", PYTHON,
                "--ignore-requires-python", "--target", making, "--requirement", REQUIREMENTS,
            )  # fmt: skip
            for program in (making / "bin").iterdir():
                own = re.sub(rb"\A#!.*", b"#!/usr/bin/python3", program.read_bytes())
                program.write_bytes(own)
            making.rename(wanted)
    return wanted


def main(words: list[str]) -> int:
    """The status of pytest, or 1 where there is nothing to run it in."""
    try:
        require_programs("podman", "runc", "mmdebstrap")
        image = host_image.ensure(SUITE, host_image.UNIT_TESTS)
        site = packages()
    except LabError as error:
        print(error, file=sys.stderr)
        return 1
    command = [
        *("podman", "run", "--rm", "--network", "none", "--workdir", str(ROOT)),
        *("--volume", f"{ROOT}:{ROOT}:ro", "--volume", f"{site}:/site:ro", "--env", "PYTHONPATH=/site"),
        # Its own, since the checkout is not written to; compiled once for all of its processes
        *("--env", "PATH=/site/bin:/usr/sbin:/usr/bin"),
        *(
            "--env",
            "ANSIBLE_HOME=/tmp/ansible",
            "--env",
            "PYTHONPYCACHEPREFIX=/tmp/compiled",
            "--env",
            "LC_ALL=C.UTF-8",
        ),
        *(image, "python3", "-m", "pytest", *TESTS, *words),
    ]
    return subprocess.run(command, env=environment(), check=False).returncode


if __name__ == "__main__":
    if os.geteuid() != 0 and shutil.which("sudo"):
        # Containers need root. The cache stays the caller's
        os.execvp("sudo", ["sudo", "--preserve-env=HOME,XDG_CACHE_HOME,PIP_CONFIG_FILE", sys.executable, *sys.argv])  # noqa: S606  # no shell: the point is to become sudo
    sys.exit(main(sys.argv[1:]))
