"""Holds the collection's archive to what Galaxy and the Ansible package ask of one: ``python tests/inclusion [CHECK ...]``.

Everything is done over what is packed, unpacked where Ansible looks for it: a checkout has tests, caches and links besides.
"""

from __future__ import annotations

import argparse
import os
import pathlib
import shutil
import subprocess
import sys
import tarfile
import types
from collections.abc import Callable

import archive
from ansible_test._internal.python_requirements import get_venv_packages

ROOT = archive.ROOT
WORK = ROOT / ".cache" / "inclusion"
COLLECTION = WORK / "ansible_collections" / "kindling" / "flatcar"

PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"

#: Of Ansible's tests, those that are left out, and why. All others have to pass, without a line in tests/sanity/ignore-*.txt.
LEFT_OUT: dict[str, str] = {}

#: What stands in for a script that ansible-test would fetch from the Internet: the pip that this Python has.
_GET_PIP = "import ensurepip\nensurepip.bootstrap(default_pip=True)\n"


def sanity(packed: pathlib.Path) -> None:
    """``ansible-test sanity``: plugins, their documentation, and everything else by Ansible's own rules."""
    home = _home_of_ansible_test()
    left_out = (word for name in LEFT_OUT for word in ("--skip-test", name))
    _run("ansible-test", "sanity", "--venv", "--python", PYTHON, *left_out, HOME=str(home))


def docs(packed: pathlib.Path) -> None:
    """The pages that a documentation site makes of plugins and roles, and all that these refer to."""
    _run("antsibull-docs", "lint-collection-docs", "--plugin-docs", "--validate-collection-refs=self", ".")


def importer(packed: pathlib.Path) -> None:
    """Galaxy's own importer."""
    _run(sys.executable, "-m", "galaxy_importer.main", str(packed))


CHECKS: dict[str, Callable[[pathlib.Path], None]] = {"docs": docs, "sanity": sanity, "importer": importer}


def _home_of_ansible_test() -> pathlib.Path:
    """A home of its own: it keeps virtual environments there, which `make clean` removes."""
    home = WORK / "home"
    cache = home / ".ansible" / "test" / "cache"
    cache.mkdir(parents=True, exist_ok=True)
    version = get_venv_packages(types.SimpleNamespace(version=PYTHON))["pip"]
    (cache / f"get_pip_{version.replace('.', '_')}.py").write_text(_GET_PIP, encoding="utf-8")
    return home


def _run(*command: str, **environment: str) -> None:
    """Raises ``CalledProcessError`` unless all is well. pip's settings stay the user's, whatever the home is."""
    user = pathlib.Path.home()
    kept = {"XDG_CACHE_HOME": str(user / ".cache"), "XDG_CONFIG_HOME": str(user / ".config"), "LC_ALL": "C.UTF-8"}
    inherited = {name: value for name, value in os.environ.items() if name not in ("ANSIBLE_CONFIG", "PYTHONPATH")}
    own = {"ANSIBLE_COLLECTIONS_PATH": str(WORK), "ANSIBLE_HOME": str(WORK / "ansible")}
    subprocess.run(command, cwd=COLLECTION, env={**kept, **inherited, **own, **environment}, check=True)


def unpack() -> pathlib.Path:
    """The archive, built and unpacked; the collections that it needs are beside it."""
    packed = archive.build(WORK)
    shutil.rmtree(COLLECTION, ignore_errors=True)
    COLLECTION.mkdir(parents=True)
    with tarfile.open(packed) as files:
        files.extractall(COLLECTION, filter="data")
    needed = WORK / "ansible_collections" / "community"
    needed.unlink(missing_ok=True)
    needed.symlink_to(ROOT / ".ansible" / "collections" / "ansible_collections" / "community")
    return packed


def main(words: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="tests/inclusion", description=__doc__.partition(":")[0])
    parser.add_argument("checks", nargs="*", metavar="CHECK", help=f"one or more of {', '.join(CHECKS)}; else all")
    wanted = parser.parse_args(words).checks or list(CHECKS)
    if unknown := set(wanted) - CHECKS.keys():
        parser.error(f"there is no check {', '.join(sorted(unknown))}: there are {', '.join(CHECKS)}")
    packed = unpack()
    failed = []
    for name in wanted:
        print(f"==== {name}", flush=True)
        try:
            CHECKS[name](packed)
        except subprocess.CalledProcessError:
            failed.append(name)
    for name, reason in LEFT_OUT.items():
        print(f"left out of sanity: {name}, because {reason}")
    if failed:
        print(f"The archive would not be taken: {', '.join(failed)} failed, see above")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
