"""What a booted node says about itself, asked inside the machine, compared with what it should be."""

from __future__ import annotations

import base64
import difflib
import shlex
from dataclasses import dataclass, field

from . import network, paths
from .nodes import Node

MISSING = "-"


@dataclass
class Found:
    """What was read in a node."""

    hostname: str = ""
    version: str = ""
    users: dict[str, str | None] = field(default_factory=dict)
    """The output of ``id`` by user, or None when there is no such user."""
    files: dict[str, str | None] = field(default_factory=dict)


def question(node: Node) -> str:
    """The shell script that a node answers: one line per answer, each ``KIND<tab>NAME<tab>BASE64 or -``."""
    ask = (
        'answer() { printf \'%s\\t%s\\t%s\\n\' "$1" "$2" "$(base64 -w0)"; }\n'
        f'nothing() {{ printf \'%s\\t%s\\t{MISSING}\\n\' "$1" "$2"; }}\n'
        "uname -n | answer hostname ''\n"
        "(. /etc/os-release && echo \"$VERSION_ID\") | answer version ''\n"
    )
    for user in map(shlex.quote, node.users):
        ask += (
            f"if id -- {user} >/dev/null 2>&1; then id -- {user} | answer user {user}; else nothing user {user}; fi\n"
        )
    for path in map(shlex.quote, node.files):
        ask += f"if test -f {path}; then answer file {path} < {path}; else nothing file {path}; fi\n"
    return ask


def read(answers: str) -> Found:
    """Take the node's answers apart."""
    found = Found()
    for line in answers.splitlines():
        kind, _, rest = line.partition("\t")
        name, _, value = rest.rpartition("\t")
        text = None if value == MISSING else base64.b64decode(value).decode("utf-8", "replace")
        if kind == "hostname":
            found.hostname = (text or "").strip()
        elif kind == "version":
            found.version = (text or "").strip()
        elif kind == "user":
            found.users[name] = text and text.strip()
        elif kind == "file":
            found.files[name] = text
    return found


def differences(node: Node, found: Found) -> list[str]:
    """How a node differs from what it should be; an empty list is what one hopes for."""
    result = []
    if found.version != node.version:
        result.append(f"image: {found.version or 'none'} instead of {node.version}")
    if node.hostname is not None and found.hostname != node.hostname:
        result.append(f"hostname: {found.hostname or 'none'} instead of {node.hostname}")
    result += [f"user {user}: there is none" for user in node.users if found.users.get(user) is None]
    for path, wanted in node.files.items():
        content = found.files.get(path)
        if content is None:
            result.append(f"{path}: there is no such file")
        elif content != wanted:
            diff = difflib.unified_diff(
                wanted.splitlines(), content.splitlines(), "expected", "found", lineterm="", n=1
            )
            lines = list(diff)[:20] or ["(the line ends differ)"]
            result.append("\n".join([f"{path}: other content", *(f"    {line}" for line in lines)]))
    return result


def ssh_command(rack: str, address: str, *command: str) -> list[str]:
    """The command line that logs in to a node as ``core``. A node in RAM has a new host key at each boot."""
    options = ("IdentitiesOnly=yes", "BatchMode=yes", "StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null",
               "ConnectTimeout=10", "LogLevel=ERROR")  # fmt: skip
    return network.inside(
        rack, "ssh", "-i", str(paths.OPERATOR_KEY), *(f"-o{option}" for option in options), f"core@{address}", *command
    )
