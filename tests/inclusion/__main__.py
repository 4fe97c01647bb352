"""Holds the collection's archive to what Galaxy and the Ansible package ask of one: ``python tests/inclusion [CHECK ...]``.

Everything is done over what is packed, unpacked where Ansible looks for it: a checkout has tests, caches and links besides.
"""

from __future__ import annotations

import argparse
import os
import pathlib
import subprocess
import sys
import tarfile
import tempfile
import types
from collections.abc import Callable
from dataclasses import dataclass

import archive
from ansible_test._internal.python_requirements import get_venv_packages

ROOT = archive.ROOT
CACHE = ROOT / ".cache" / "inclusion"

PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"

#: Of Ansible's tests, those that are left out, and why. All others have to pass, without a line in tests/sanity/ignore-*.txt.
LEFT_OUT: dict[str, str] = {}

#: What ansible-test says, and ends well, where it finds nothing to look at.
_NOTHING_DONE = "All targets skipped"

#: What stands in for a script that ansible-test would fetch from the Internet: the pip that this Python has.
_GET_PIP = "import ensurepip\nensurepip.bootstrap(default_pip=True)\n"


class CheckError(Exception):
    """The archive would not be taken; why has been printed, but for the text."""


@dataclass(frozen=True)
class Packed:
    """The archive, and where it is unpacked: outside of every checkout, whose ignored files ansible-test would skip."""

    archive: pathlib.Path
    root: pathlib.Path

    @property
    def collections(self) -> pathlib.Path:
        return self.root / "ansible_collections"

    @property
    def collection(self) -> pathlib.Path:
        return self.collections / "kindling" / "flatcar"


def sanity(packed: Packed) -> None:
    """``ansible-test sanity``: plugins, their documentation, and everything else by Ansible's own rules."""
    home = _home_of_ansible_test()
    left_out = (word for name in LEFT_OUT for word in ("--skip-test", name))
    said = _run(packed, "ansible-test", "sanity", "--venv", "--python", PYTHON, *left_out, HOME=str(home))
    if _NOTHING_DONE in said:
        raise CheckError("ansible-test found no file to look at")


def docs(packed: Packed) -> None:
    """The pages that a documentation site makes of plugins and roles, and all that these refer to."""
    _run(packed, "antsibull-docs", "lint-collection-docs", "--plugin-docs", "--validate-collection-refs=self", ".")


def importer(packed: Packed) -> None:
    """Galaxy's own importer."""
    _run(packed, sys.executable, "-m", "galaxy_importer.main", str(packed.archive))


CHECKS: dict[str, Callable[[Packed], None]] = {"docs": docs, "sanity": sanity, "importer": importer}


def _home_of_ansible_test() -> pathlib.Path:
    """A home of its own: it keeps virtual environments there, which `make clean` removes."""
    home = CACHE / "home"
    cache = home / ".ansible" / "test" / "cache"
    cache.mkdir(parents=True, exist_ok=True)
    version = get_venv_packages(types.SimpleNamespace(version=PYTHON))["pip"]
    (cache / f"get_pip_{version.replace('.', '_')}.py").write_text(_GET_PIP, encoding="utf-8")
    return home


def _run(packed: Packed, *command: str, **environment: str) -> str:
    """What it said, which is shown, too. pip's settings stay the user's, whatever the home is."""
    user = pathlib.Path.home()
    kept = {"XDG_CACHE_HOME": str(user / ".cache"), "XDG_CONFIG_HOME": str(user / ".config"), "LC_ALL": "C.UTF-8"}
    inherited = {name: value for name, value in os.environ.items() if name not in ("ANSIBLE_CONFIG", "PYTHONPATH")}
    own = {"ANSIBLE_COLLECTIONS_PATH": str(packed.root), "ANSIBLE_HOME": str(packed.root / "ansible")}
    with subprocess.Popen(
        command,
        cwd=packed.collection,
        env={**kept, **inherited, **own, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as running:
        lines = []
        for line in running.stdout:
            print(line, end="", flush=True)
            lines.append(line)
    if running.returncode:
        raise CheckError(f"{command[0]} ended with status {running.returncode}")
    return "".join(lines)


def unpack(root: pathlib.Path) -> Packed:
    """The archive, built and unpacked; the collections that it needs are beside it."""
    packed = Packed(archive.build(root), root)
    packed.collection.mkdir(parents=True)
    with tarfile.open(packed.archive) as files:
        files.extractall(packed.collection, filter="data")
    (packed.collections / "community").symlink_to(
        ROOT / ".ansible" / "collections" / "ansible_collections" / "community"
    )
    return packed


def main(words: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="tests/inclusion", description=__doc__.partition(":")[0])
    parser.add_argument("checks", nargs="*", metavar="CHECK", help=f"one or more of {', '.join(CHECKS)}; else all")
    wanted = parser.parse_args(words).checks or list(CHECKS)
    if unknown := set(wanted) - CHECKS.keys():
        parser.error(f"there is no check {', '.join(sorted(unknown))}: there are {', '.join(CHECKS)}")
    failed = []
    with tempfile.TemporaryDirectory(prefix="kindling-inclusion-") as root:
        packed = unpack(pathlib.Path(root))
        for name in wanted:
            print(f"==== {name}", flush=True)
            try:
                CHECKS[name](packed)
            except CheckError as error:
                failed.append(f"{name} ({error})")
    for name, reason in LEFT_OUT.items():
        print(f"left out of sanity: {name}, because {reason}")
    if failed:
        print(f"The archive would not be taken, see above: {', '.join(failed)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
