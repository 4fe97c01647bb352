#!/usr/bin/env python3
"""Checks every file of a collection, by the digest of its manifest: ``verify_collection.py DIRECTORY SHA256``."""

from __future__ import annotations

import hashlib
import json
import pathlib
import sys
from collections.abc import Iterator

_LISTS = ("MANIFEST.json", "FILES.json")


def mistakes(directory: pathlib.Path, manifest: str) -> Iterator[str]:
    """What is not as the manifest with this digest says. Files may be left out, as in the Python package, but not added."""
    if digest(directory / "MANIFEST.json") != manifest:
        yield f"MANIFEST.json has the SHA-256 {digest(directory / 'MANIFEST.json')}, and {manifest} is expected"
        return
    listed = json.loads((directory / "MANIFEST.json").read_text())["file_manifest_file"]["chksum_sha256"]
    if digest(directory / "FILES.json") != listed:
        yield "FILES.json is not the one that MANIFEST.json names"
        return
    files = json.loads((directory / "FILES.json").read_text())["files"]
    expected = {entry["name"]: entry["chksum_sha256"] for entry in files if entry["ftype"] == "file"}
    for path in sorted(path for path in directory.rglob("*") if not path.is_dir()):
        name = str(path.relative_to(directory))
        if name not in _LISTS and (path.is_symlink() or digest(path) != expected.get(name)):
            yield f"{name} is not a file that FILES.json names, or another one"


def digest(path: pathlib.Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "(none: it is not there)"


def main(directory: str, manifest: str) -> str | None:
    found = list(mistakes(pathlib.Path(directory), manifest))
    return f"{directory} is not what was tested; nothing of it is used:\n" + "\n".join(found) if found else None


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
