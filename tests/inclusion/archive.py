#!/usr/bin/env python3
"""Builds the collection's archive out of the files that git has: ``archive.py DIRECTORY`` (`make collection` runs it).

``ansible-galaxy collection build`` packs whatever lies in a checkout and is in no pattern of ``galaxy.yml``, and so what somebody
keeps there for himself: an inventory, a vault's password. Here it is shown a copy without that.
"""

from __future__ import annotations

import pathlib
import shutil
import subprocess
import sys
import tempfile

import readme
import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]


def known_files(root: pathlib.Path) -> list[pathlib.PurePath]:
    """The files of a checkout that git has, as far as they are still there, with a change's new ones that were added."""
    listed = subprocess.run(["git", "-C", str(root), "ls-files", "-z"], capture_output=True, text=True, check=False)
    if listed.returncode:
        sys.exit(
            f"git cannot tell the files of {root}: {listed.stderr.strip()}. Build from a checkout, or pack all that is there with "
            "ansible-galaxy collection build"
        )
    names = (pathlib.PurePath(name) for name in listed.stdout.split("\0") if name)
    return [name for name in names if (root / name).is_file()]


def copy(root: pathlib.Path, target: pathlib.Path) -> None:
    for name in known_files(root):
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(root / name, target / name, follow_symlinks=False)


def lead_to_the_repository(copied: pathlib.Path) -> None:
    """Galaxy shows README.md alone: its links to other files have to be links to the repository's."""
    galaxy = yaml.safe_load((copied / "galaxy.yml").read_text(encoding="utf-8"))
    page = copied / galaxy["readme"]
    page.write_text(readme.absolute(page.read_text(encoding="utf-8"), galaxy["repository"]), encoding="utf-8")


def build(target: pathlib.Path, root: pathlib.Path = ROOT) -> pathlib.Path:
    """The archive's path."""
    target = target.resolve()
    target.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="kindling-archive-") as name:
        copy(root, pathlib.Path(name))
        lead_to_the_repository(pathlib.Path(name))
        done = subprocess.run(
            ["ansible-galaxy", "collection", "build", name, "--force", "--output-path", str(target)],
            stdout=subprocess.PIPE,
            text=True,
            check=True,
            cwd=name,
        )
    return pathlib.Path(done.stdout.strip().rpartition(" ")[2])


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: archive.py DIRECTORY")
    print(build(pathlib.Path(sys.argv[1])))
