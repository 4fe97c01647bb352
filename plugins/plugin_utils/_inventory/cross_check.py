# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A second opinion: runs the reference, if it is installed, and reports where it and Kindling differ."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from .._butane import Result
from .._butane.data_urls import content_of

_PROGRAM = "butane"
_SECONDS = 60
_NOT_PLAIN_IN_YAML = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")
_LONGEST_SHOWN = 80
_GZIP = b"\x1f\x8b"


class Difference(NamedTuple):
    """A difference between the two; ``path`` is one of the Ignition config."""

    path: str
    kindling: str
    butane: str

    def __str__(self) -> str:
        return f"{self.path}: Kindling has {self.kindling}, butane has {self.butane}"


class CrossCheckError(Exception):
    """The reference could not be run."""


def find_butane() -> str | None:
    """The reference's program on PATH."""
    return shutil.which(_PROGRAM)


def cross_check(
    source: Mapping | str | bytes,
    result: Result,
    files_dir: str | os.PathLike | None = None,
    strict: bool = True,
    program: str | None = None,
) -> list[Difference]:
    """The differences between what ``butane`` and Kindling make of the same config.

    source: what ``result`` was made from, with the same ``files_dir`` and ``strict``
    program: the reference's program; by default the one on PATH

    Contents are compared decompressed. If both refuse, that is no difference. Raises CrossCheckError if there is no program, or
    if it does not behave like one.
    """
    program = program or find_butane()
    if program is None:
        raise CrossCheckError(f"there is no program {_PROGRAM} on PATH")
    theirs, complaint = _ask(program, source, files_dir, strict)
    if theirs is None and result.config is None:
        return []
    if theirs is None:
        return [Difference("$", "a config", f"refused it: {complaint}")]
    if result.config is None:
        return [Difference("$", f"refused it: {result.report}", "a config")]
    return list(_differences(result.config, theirs, "$"))


def _ask(program: str, source: Any, files_dir: Any, strict: bool) -> tuple[Any, str]:
    """The reference's config, or None and what it complained of."""
    command = [program, *(["--strict"] if strict else [])]
    if files_dir is not None:
        command += ["--files-dir", os.fspath(files_dir)]
    try:
        answer = subprocess.run(command, input=_as_yaml(source), capture_output=True, timeout=_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired) as failure:
        raise CrossCheckError(f"cannot run {program}: {failure}") from failure
    complaint = answer.stderr.decode("utf-8", "replace").strip()
    if answer.returncode == 1:
        return None, complaint
    try:
        if answer.returncode == 0:
            return json.loads(answer.stdout), ""
    except ValueError as failure:
        raise CrossCheckError(f"{program} answered with something that is not JSON") from failure
    raise CrossCheckError(f"{program} exited with status {answer.returncode}: {complaint}")


def _as_yaml(source: Mapping | str | bytes) -> bytes:
    """JSON is YAML, once what YAML does not allow in a quoted string is escaped."""
    if isinstance(source, bytes):
        return source
    if isinstance(source, Mapping):
        text = json.dumps(_plain(source), ensure_ascii=False, default=str)
        source = _NOT_PLAIN_IN_YAML.sub(lambda match: f"\\u{ord(match[0]):04x}", text)
    return source.encode("utf-8", "surrogateescape")


def _plain(value: Any) -> Any:
    """Without Ansible's lazy containers, whose content an encoder would read without rendering it."""
    if isinstance(value, Mapping):
        return {str(key): _plain(member) for key, member in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(element) for element in value]
    return value


def _differences(ours: Any, theirs: Any, path: str) -> Iterator[Difference]:
    if isinstance(ours, dict) and isinstance(theirs, dict):
        for key in sorted(ours.keys() | theirs.keys()):
            yield from _differences(ours.get(key), theirs.get(key), f"{path}.{key}")
    elif isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        for index, pair in enumerate(zip(ours, theirs, strict=True)):
            yield from _differences(*pair, f"{path}.{index}")
    elif ours != theirs:
        yield from _different_values(ours, theirs, path)


def _different_values(ours: Any, theirs: Any, path: str) -> Iterator[Difference]:
    contents = _contents(ours), _contents(theirs)
    if None not in contents:
        if contents[0] != contents[1]:
            yield Difference(path, f"{len(contents[0])} bytes", f"other {len(contents[1])} bytes")
        return
    yield Difference(path, _shown(ours), _shown(theirs))


def _contents(value: Any) -> bytes | None:
    """The bytes in a data URL, decompressed; None for anything else. They may be secret: they are never printed."""
    if not isinstance(value, str) or not value.startswith("data:"):
        return None
    try:
        content = content_of(value, None)
        return content_of(value, "gzip") if content.startswith(_GZIP) else content
    except ValueError:
        return value.encode("utf-8")


def _shown(value: Any) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, list):
        return f"a list of {len(value)}"
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}..."


__all__ = ("CrossCheckError", "Difference", "cross_check", "find_butane")
