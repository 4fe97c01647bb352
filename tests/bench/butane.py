#!/usr/bin/env python3
"""How many configs the transpiler makes in a second, beside running butane once for each where that is on PATH.

Run it from the checkout, in the environment that the tests run in: python tests/bench/butane.py
"""

from __future__ import annotations

import argparse
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import yaml

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "plugins" / "plugin_utils"))  # pure code: it needs no Ansible to be imported

from _butane import dumps, translate

HEADER = {"variant": "flatcar", "version": "1.1.0"}


class Case(NamedTuple):
    name: str
    config: dict[str, Any]
    files_dir: str | None = None


def small() -> dict[str, Any]:
    user = {"name": "core", "ssh_authorized_keys": ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIExample admin@example.com"]}
    hostname = {"path": "/etc/hostname", "mode": 0o644, "contents": {"inline": "node-1"}}
    return {**HEADER, "passwd": {"users": [user]}, "storage": {"files": [hostname]}}


def typical() -> dict[str, Any]:
    """What a node has: 10 KB of keys, disks, a dozen files and units."""
    users = [
        {"name": f"admin{n}", "groups": ["sudo"], "ssh_authorized_keys": [f"ssh-ed25519 {'A' * 68}{n}"]}
        for n in range(5)
    ]
    files = [
        {
            "path": f"/etc/app/{n}.conf",
            "mode": 0o644,
            "contents": {"inline": "".join(f"option.{line} = value {line * n}\n" for line in range(18))},
        }
        for n in range(12)
    ]
    units = [
        {
            "name": f"app-{n}.service",
            "enabled": True,
            "contents": f"[Unit]\nDescription=Application {n}\nAfter=docker.service\nRequires=docker.service\n\n"
            f"[Service]\nExecStartPre=-/usr/bin/docker rm -f app-{n}\nExecStart=/usr/bin/docker run --name app-{n} "
            f"registry.example.com/app:{n}\nRestart=always\n\n[Install]\nWantedBy=multi-user.target\n",
            "dropins": [{"name": "10-limits.conf", "contents": "[Service]\nLimitNOFILE=65536\n"}],
        }
        for n in range(10)
    ]
    storage = {
        "disks": [{"device": "/dev/disk/by-id/a", "partitions": [{"label": "DATA", "number": 1, "size_mib": 0}]}],
        "filesystems": [
            {"device": "/dev/disk/by-partlabel/DATA", "format": "ext4", "path": "/data", "with_mount_unit": True}
        ],
        "files": files,
    }
    return {**HEADER, "passwd": {"users": users}, "storage": storage, "systemd": {"units": units}}


def large(files_dir: pathlib.Path) -> dict[str, Any]:
    """A tree of 1 MB: text that compresses and data that does not."""
    source = random.Random(0)
    for n in range(200):
        path = files_dir / "tree" / f"d{n % 10}" / f"f{n}"
        path.parent.mkdir(parents=True, exist_ok=True)
        text = "".join(f"{source.randrange(1000)} lorem ipsum {line}\n" for line in range(100)).encode()
        path.write_bytes(source.randbytes(5000) if n % 4 == 0 else text * 3)
    config = typical()
    config["storage"]["trees"] = [{"local": "tree", "path": "/opt/tree"}]
    return config


def per_second(run: Callable[[], Any], seconds: float) -> float:
    run()
    done, started = 0, time.perf_counter()
    while (spent := time.perf_counter() - started) < seconds:
        run()
        done += 1
    return done / spent


def butane_runs_per_second(case: Case, text: bytes, seconds: float) -> float | None:
    program = shutil.which("butane")
    if program is None:
        return None
    command = [program, "--strict", *(["--files-dir", case.files_dir] if case.files_dir else [])]
    return per_second(lambda: subprocess.run(command, input=text, capture_output=True, check=True), seconds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=2.0, help="how long each measurement takes (default: 2)")
    seconds = parser.parse_args().seconds
    with tempfile.TemporaryDirectory() as directory:
        cases = [
            Case("small", small()),
            Case("typical", typical()),
            Case("large", large(pathlib.Path(directory)), directory),
        ]
        print(f"{'config':8} {'output':>9} {'mapping':>12} {'YAML text':>12} {'butane':>12} {'ratio':>8}")
        for case in cases:
            text = yaml.safe_dump(case.config).encode()
            size = len(dumps(translate(case.config, files_dir=case.files_dir).checked()))
            mappings = per_second(lambda case=case: translate(case.config, files_dir=case.files_dir), seconds)
            texts = per_second(lambda case=case, text=text: translate(text, files_dir=case.files_dir), seconds)
            reference = butane_runs_per_second(case, text, seconds)
            compared = (
                f"{reference:10.1f}/s {mappings / reference:7.1f}x" if reference else f"{'not on PATH':>12} {'':>8}"
            )
            print(f"{case.name:8} {size:>8}B {mappings:10.1f}/s {texts:10.1f}/s {compared}")


if __name__ == "__main__":
    main()
