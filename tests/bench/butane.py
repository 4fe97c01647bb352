#!/usr/bin/env python3
"""What the transpiler costs for different configs, beside running butane once for each.

Both entry points are measured, a mapping and YAML text, each with printing the JSON, as butane does. Figures are CPU time (user and
system) of one config in milliseconds. Butane is the program on PATH, or --butane FILE; without one, its columns are left out.

Run it from the checkout, in the environment that the tests run in: python tests/bench/butane.py
"""

from __future__ import annotations

import argparse
import pathlib
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from typing import Any

import yaml

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "plugins" / "plugin_utils"))  # pure code: it needs no Ansible to be imported

from _butane import dumps, translate
from butane_configs import CONFIGS, machines, write_tree

LARGE_SHARE = 10
"""Of large configs, a tenth of the number is enough."""


def as_text(config: dict[str, Any]) -> bytes:
    return yaml.dump(config, Dumper=yaml.CSafeDumper, sort_keys=False).encode()


def as_mapping(text: bytes) -> dict[str, Any]:
    """Read anew, so that no two configs share an object."""
    return yaml.load(text, Loader=yaml.CSafeLoader)


def milliseconds(run: Callable[[Any], Any], sources: Iterable[Any]) -> float:
    """CPU time of this process for one source."""
    spent, number = 0.0, 0
    for number, source in enumerate(sources, 1):  # noqa: B007 - the last one is their number
        started = time.process_time()
        run(source)
        spent += time.process_time() - started
    return spent / number * 1000


def butane_milliseconds(program: str, texts: list[bytes], files_dir: str) -> float:
    """CPU time of one run of butane, which is a process of its own."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    for text in texts:
        subprocess.run(
            [program, "--strict", "--pretty", "--files-dir", files_dir], input=text, capture_output=True, check=True
        )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime) / len(texts) * 1000


def measure(kind: str, number: int, files_dir: str, butane: str | None) -> str:
    texts = [as_text(CONFIGS[kind](machine)) for machine in machines(number)]

    def translated(source: Any) -> str:
        return dumps(translate(source, files_dir=files_dir, strict=True).checked())

    printed = translated(texts[0])
    mapping = milliseconds(translated, map(as_mapping, texts))
    text = milliseconds(translated, texts)
    row = f"{kind:8} {number:>7} {len(texts[0]):>8} {len(printed):>8} {mapping:>11.2f} {text:>11.2f}"
    if butane:
        reference = butane_milliseconds(butane, texts[:100], files_dir)
        row += f" {reference:>11.2f} {reference / mapping:>8.1f}x {reference / text:>8.1f}x"
    return row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--configs", type=int, default=1000, help="how many different ones (default: 1000)")
    parser.add_argument("--kind", choices=CONFIGS, action="append", help="only these kinds")
    parser.add_argument(
        "--butane", default=shutil.which("butane"), help="the program to compare with (default: on PATH)"
    )
    options = parser.parse_args()
    heading = f"{'config':8} {'number':>7} {'in':>8} {'out':>8} {'mapping ms':>11} {'text ms':>11}"
    print(
        heading
        + (f" {'butane ms':>11} {'mapping':>9} {'text':>9}" if options.butane else "  (there is no butane on PATH)")
    )
    with tempfile.TemporaryDirectory() as files_dir:
        write_tree(pathlib.Path(files_dir))
        for kind in options.kind or CONFIGS:
            number = max(options.configs // LARGE_SHARE, 1) if kind == "large" else options.configs
            print(measure(kind, number, files_dir, options.butane), flush=True)


if __name__ == "__main__":
    main()
