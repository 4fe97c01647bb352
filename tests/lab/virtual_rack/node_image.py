"""The stand-in node's kernel, initrd and /usr: made once from Debian packages, by the recipe in ``tests/lab/node_image``."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from pathlib import Path

from . import apt, paths
from .system import lock, make_directory, run, say

RECIPE = paths.LAB / "node_image"
SUITE = "bookworm"
LEFT_OUT = ("man", "doc", "locale", "info")


def packages() -> list[str]:
    """What the node's system consists of, beside Debian's essential packages."""
    lines = (RECIPE / "packages.txt").read_text(encoding="utf-8").splitlines()
    return [name for name in (line.partition("#")[0].strip() for line in lines) if name]


def digest(sources: str, options: str) -> str:
    """Names a result by all that it is made from."""
    total = hashlib.sha256("\0".join([SUITE, sources, options]).encode())
    for file in sorted(path for path in RECIPE.rglob("*") if path.is_file()):
        total.update(f"\0{file.relative_to(RECIPE)}\0{file.stat().st_mode & 0o111}\0".encode() + file.read_bytes())
    return total.hexdigest()[:16]


def ensure() -> Path:
    """The directory with ``vmlinuz``, ``initrd`` and ``usr.squashfs``; makes them when they are not there."""
    sources, options = apt.sources(SUITE), apt.options()
    images = paths.CACHE / "node-image"
    result = images / digest(sources, options)
    with lock(paths.CACHE / "node-image.lock", "the stand-in node system"):
        if not result.exists():
            build(result, sources, options)
            for older in images.iterdir():
                if older != result:
                    shutil.rmtree(older)
    return result


def build(result: Path, sources: str, options: str) -> None:
    """Make the image with mmdebstrap; it appears under its name only when it is complete."""
    say("making the stand-in node system (Debian's kernel, Ignition): one to two minutes, once")
    make_directory(result.parent)
    with tempfile.TemporaryDirectory(dir=paths.CACHE, prefix="node-image-") as name:
        work = Path(name)
        (work / "lab.sources").write_text(sources, encoding="utf-8")
        (work / "apt.conf").write_text(options, encoding="utf-8")
        (work / "out").mkdir()
        run(
            "mmdebstrap", "--mode=root", "--variant=essential", "--format=null", f"--include={','.join(packages())}",
            f"--aptopt={work / 'apt.conf'}", *(f"--dpkgopt=path-exclude=/usr/share/{each}/*" for each in LEFT_OUT),
            f"--customize-hook='{RECIPE}/build.sh' \"$1\" '{work}/out'", SUITE, "/dev/null", work / "lab.sources",
        )  # fmt: skip
        (work / "out").replace(result)
