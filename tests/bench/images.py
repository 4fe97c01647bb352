#!/usr/bin/env python3
"""How fast images are mirrored, and with how much memory: our module against what a person would type.

One gigabyte comes over loopback from a server in a process of its own. The other side is ``curl``, then
``gpg --verify``, then ``sha512sum``, then a look at the os-release in it; ours is the module as Ansible runs it, which does
the first three at once and also syncs the file to the disk. Sides take turns, and the best round of each counts: what else
runs on the machine only ever adds. Two free processors are supposed, since that is what the overlap lives on. Limits are
those of the project's issue: wall time at most 0.75 of the other side, peak memory below 64 MB, a run with nothing to do
below 2 s.

    python3 tests/bench/images.py [--size BYTES] [--rounds N] [--directory DIR]
"""

from __future__ import annotations

import argparse
import hashlib
import http.server
import json
import multiprocessing
import os
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests/unit/module_utils/_mirror"))

from memory import MemoryWatch
from release_server import KERNEL, LINUX, PXE_IMAGE, make_kernel, make_release, os_release_text, version_text
from signing import signing_key

VERSION = "4593.2.5"
WALL_LIMIT = 0.75  # of curl, then gpg --verify, then sha512sum, then gzip, cpio and unsquashfs
MEMORY_LIMIT = 64_000_000  # bytes, of the module and everything that it starts
IDLE_LIMIT = 2.0  # seconds


def serve(directory: pathlib.Path, ports: multiprocessing.Queue) -> None:
    """The release server: files by sendfile(2), so that it takes little of the processors that are measured."""

    class Handler(http.server.SimpleHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def __init__(self, *arguments) -> None:
            super().__init__(*arguments, directory=str(directory))

        def copyfile(self, source, _outputfile) -> None:
            self.wfile.flush()
            self.connection.sendfile(source)

        def log_message(self, *_arguments) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    ports.put(server.server_address[1])
    server.serve_forever()


def make_mirror(directory: pathlib.Path, key, subkey: str, size: int) -> None:
    """A release with a small kernel and one large image, laid out as on a release server."""
    release = directory / "stable/amd64-usr" / VERSION
    release.mkdir(parents=True)

    def sign(content: bytes) -> bytes:
        return key.sign(content, subkey)

    for name, content in make_release(VERSION, sign, {KERNEL: make_kernel("amd64-usr")}).items():
        (release / name).write_bytes(content)
    make_image(release / PXE_IMAGE, directory / "usr", size)
    key.gpg("--local-user", f"{subkey}!", "--output", str(release / f"{PXE_IMAGE}.sig"), "-b", str(release / PXE_IMAGE))
    with (release / PXE_IMAGE).open("rb") as file:
        digest = hashlib.file_digest(file, "sha512").hexdigest()
    digests = f"# SHA512 HASH\n{digest}  {PXE_IMAGE}\n".encode()
    (release / f"{PXE_IMAGE}.DIGESTS").write_bytes(digests)
    (release / f"{PXE_IMAGE}.DIGESTS.sig").write_bytes(sign(digests))
    current = release.with_name("current")
    current.mkdir()
    (current / "version.txt").write_bytes(version_text(VERSION))
    (current / "version.txt.sig").write_bytes(sign(version_text(VERSION)))


def make_image(path: pathlib.Path, scratch: pathlib.Path, size: int) -> None:
    """An initrd as Flatcar's, of about so many bytes: a /usr that cannot be compressed, packed by gzip."""
    (scratch / "tree/lib/modules" / LINUX).mkdir(parents=True)
    (scratch / "tree/lib/os-release").write_bytes(os_release_text(VERSION, "amd64-usr"))
    write_random(scratch / "tree/content", size)
    usr = scratch / "usr.squashfs"
    subprocess.run(["mksquashfs", scratch / "tree", usr, "-quiet", "-no-progress", "-noD"], check=True)
    shutil.rmtree(scratch / "tree")
    archive = ["cpio", "--quiet", "-o", "-H", "newc", "-D", scratch, "-F", scratch / "cpio"]
    subprocess.run(archive, input=b"usr.squashfs\n", check=True)
    with path.open("wb") as file:
        subprocess.run(["gzip", "-1", "-c", scratch / "cpio"], stdout=file, check=True)
    shutil.rmtree(scratch)


def write_random(path: pathlib.Path, size: int) -> None:
    generator = random.Random(1)
    with path.open("wb") as file:
        while size > 0:
            size -= file.write(generator.randbytes(min(size, 1 << 22)))


def by_hand(url: str, work: pathlib.Path, home: pathlib.Path) -> float:
    """The other side, in seconds."""
    begin = time.monotonic()
    for name in (PXE_IMAGE, f"{PXE_IMAGE}.sig"):
        subprocess.run(["curl", "-sSf", "-o", str(work / name), f"{url}/{name}"], check=True)
    gpg = ["gpg", "--homedir", str(home), "--quiet", "--trust-model", "always", "--verify"]
    subprocess.run([*gpg, str(work / f"{PXE_IMAGE}.sig"), str(work / PXE_IMAGE)], check=True, capture_output=True)
    subprocess.run(["sha512sum", str(work / PXE_IMAGE)], check=True, capture_output=True)
    with subprocess.Popen(["gzip", "-dc", str(work / PXE_IMAGE)], stdout=subprocess.PIPE) as unpacked:
        archive = ["cpio", "--quiet", "-i", "-D", str(work), "usr.squashfs"]
        subprocess.run(archive, stdin=unpacked.stdout, check=True)
    look = ["unsquashfs", "-cat", str(work / "usr.squashfs"), "lib/os-release"]
    subprocess.run(look, check=True, capture_output=True)
    return time.monotonic() - begin


def by_module(arguments: dict, collections: pathlib.Path) -> tuple[float, int, dict]:
    """Ours: seconds, peak bytes and the module's result."""
    environment = {**os.environ, "PYTHONPATH": str(collections)}
    command = [sys.executable, "-m", "ansible_collections.kindling.flatcar.plugins.modules.flatcar_image"]
    begin = time.monotonic()
    process = subprocess.Popen(
        command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    watch = MemoryWatch(process.pid)
    output, errors = process.communicate(json.dumps({"ANSIBLE_MODULE_ARGS": arguments}).encode())
    seconds = time.monotonic() - begin
    peak = watch.close()
    if process.returncode != 0:
        sys.exit(f"the module failed: {output.decode()}\n{errors.decode()}")
    return seconds, peak, json.loads(output)


def measure(options: argparse.Namespace, scratch: pathlib.Path) -> bool:
    """Run all sides and print what came out; True when every limit holds."""
    collections = scratch / "collections"
    (collections / "ansible_collections/kindling").mkdir(parents=True)
    (collections / "ansible_collections/kindling/flatcar").symlink_to(ROOT, target_is_directory=True)
    hand, ours, peaks, idle = [], [], [], []
    with signing_key(algorithm="rsa4096") as key:
        subkey = key.add_subkey(time.time() - 86400 * 100)
        mirror = scratch / "mirror"
        print(f"making a release of {options.size / 1e9:.2f} GB …", flush=True)
        make_mirror(mirror, key, subkey, options.size)
        ports: multiprocessing.Queue = multiprocessing.Queue()
        server = multiprocessing.Process(target=serve, args=(mirror, ports), daemon=True)
        server.start()
        url = f"http://127.0.0.1:{ports.get()}"
        for _round in range(options.rounds):
            work = scratch / "work"
            work.mkdir()
            os.sync()
            hand.append(by_hand(f"{url}/stable/amd64-usr/{VERSION}", work, key.home))
            shutil.rmtree(work)
            work.mkdir()
            arguments = {
                "images_dir": str(work / "images"),
                "work_dir": str(work / "images.partial"),
                "wanted": [{"board": "amd64-usr", "channel": "stable"}],
                "mirrors": [f"{url}/{{channel}}/{{board}}"],
                "key": key.public().decode(),
                "key_fingerprint": key.fingerprint,
            }
            os.sync()
            seconds, peak, _result = by_module(arguments, collections)
            ours.append(seconds)
            peaks.append(peak)
            seconds, _peak, result = by_module(arguments, collections)
            idle.append(seconds)
            if result["changed"] or result["downloaded"]:
                sys.exit(f"a run with nothing to do did something: {result}")
            shutil.rmtree(work)
        server.terminate()
    return report(hand, ours, peaks, idle)


def report(hand: list[float], ours: list[float], peaks: list[int], idle: list[float]) -> bool:
    rows = (
        ("curl, gpg, sha512sum, unsquashfs", min(hand), None, "s"),
        ("the module", min(ours), None, "s"),
        ("ratio", min(ours) / min(hand), WALL_LIMIT, ""),
        ("peak memory", max(peaks) / 1e6, MEMORY_LIMIT / 1e6, "MB"),
        ("nothing to do", max(idle), IDLE_LIMIT, "s"),
    )
    fine = True
    print(f"{len(hand)} rounds; load of the machine now: {os.getloadavg()[0]:.1f}")
    print(f"{'':32}{'measured':>10}{'limit':>10}")
    for name, value, limit, unit in rows:
        verdict = "" if limit is None else "ok" if value <= limit else "TOO MUCH"
        fine = fine and verdict != "TOO MUCH"
        print(f"{name:32}{value:>10.2f}{'' if limit is None else limit:>10} {unit:3}{verdict}")
    return fine


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=1_000_000_000, help="bytes of the large image")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--directory", help="where to work; on the kind of disk that images will be on")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-images-", dir=options.directory) as scratch:
        sys.exit(0 if measure(options, pathlib.Path(scratch)) else 1)


if __name__ == "__main__":
    main()
