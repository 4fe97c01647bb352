# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an iPXE script does on a machine: followed command by command, really fetching every URL that it fetches.

Commands that need a person or a disk end the run: what they do is reported, not done. Nothing waits. Variables are those
that boot scripts use; others are empty, as in iPXE.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import NoReturn

from .._routes import routes
from .transfer import Fetched, TransferError

Fetch = Callable[[str, bool], Fetched]

_VARIABLE = re.compile(r"\$\{([^${}]*)\}")
_JOINS = ("||", "&&")
_MOST_COMMANDS, _DEEPEST, _LONGEST = 500, 12, 1 << 12
_MARK = b"#!ipxe"

#: iPXE's numbers for what failed, by what the message says; the first row that fits counts.
_ERRORS = (
    ("answers 404", "0x2d0c618e"),
    ("answers 4", "0x1d0c6412"),
    ("answers ", "0x1d0c6512"),
    ("", "0x4c0a6012"),
)

#: Options of commands that take a value; all others are flags.
_WITH_VALUE = {"--name", "-n", "--timeout", "-t", "--drive", "-d", "--keep", "--label"}

#: Commands that change nothing here.
_IDLE = {
    *("echo", "sleep", "imgfree", "imgstat", "ifopen", "ifclose", "ifstat", "ifconf", "dhcp", "route", "sync"),
    *("console", "colour", "color", "cpair", "time", "show", "ntp", "clear"),
}

_ENDS = {"sanboot": "its own disk", "shell": "iPXE's shell", "reboot": "a restart", "poweroff": "is powered off"}
NEXT_ENTRY = "the firmware's next boot entry"
LOOP = "waits, and asks again"


@dataclass(frozen=True)
class Step:
    """Something that was fetched, or could not be: ``error`` says why."""

    url: str
    size: int | None = None
    error: str = ""


@dataclass
class Course:
    """The outcome of a script. ``end`` says where the machine goes; ``kernel`` is set if it is started."""

    end: str = ""
    steps: list[Step] = field(default_factory=list)
    kernel: str = ""
    arguments: list[str] = field(default_factory=list)
    initrds: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)

    @property
    def config_url(self) -> str:
        """Where Ignition will request the machine's config."""
        return _after("ignition.config.url=", self.arguments) or _after("flatcar.config.url=", self.arguments)

    def missing_initrds(self) -> list[str]:
        """The initrds on the kernel's command line that were not loaded under that name."""
        named = [name for word in self.arguments if word.startswith("initrd=") for name in word[7:].split(",")]
        return [name for name in named if name not in self.initrds]


def follow(url: str, variables: Mapping[str, str], fetch: Fetch) -> Course:
    """Starts at the script at *url*, as iPXE does with the URL that DHCP names."""
    run = _Run(dict(variables), fetch)
    with contextlib.suppress(_Ended):
        run.course.end = NEXT_ENTRY if run.chain(url, 0) else f"{NEXT_ENTRY}, with an error"
    return run.course


def _after(prefix: str, words: Iterable[str]) -> str:
    return next((word[len(prefix) :] for word in words if word.startswith(prefix)), "")


class _Ended(Exception):  # noqa: N818  (not an error: the machine has gone elsewhere)
    """The machine is no longer in iPXE."""


@dataclass
class _Script:
    url: str
    lines: list[str]
    depth: int
    next: int = 0
    left: bool | None = None  # what `exit` says: True for success


class _Run:
    def __init__(self, variables: dict[str, str], fetch: Fetch) -> None:
        self.course = Course()
        self._variables = variables
        self._fetch = fetch
        self._budget = _MOST_COMMANDS
        self._kernel = ""
        self._arguments: list[str] = []
        self._names: list[str] = []

    def chain(self, url: str, depth: int) -> bool:
        """Fetches and runs a script, or starts a program; returns whether it could be fetched and ended well."""
        found = self._get(url, True)
        return found is not None and self._run(found.content, url, depth)

    def _run(self, content: bytes, url: str, depth: int) -> bool:
        if not content.startswith(_MARK):
            self._end(f"starts {url}")
        if depth > _DEEPEST:
            self._end(LOOP)
        script = _Script(url, content.decode("utf-8", "replace").splitlines(), depth)
        while script.next < len(script.lines) and script.left is None:
            line = script.lines[script.next].strip()
            script.next += 1
            if line and line[0] not in "#:" and not self._line(line, script):
                return False
        return script.left is not False

    def _line(self, line: str, script: _Script) -> bool:
        fine, command, join = True, [], ""
        for word in [*line.split(), ";"]:
            if word not in (*_JOINS, ";"):
                command.append(word)
                continue
            if join == "" or (join == "||") != fine:
                place = script.next
                fine = self._command([self._expanded(word) for word in command], script)
                if script.next != place or script.left is not None:
                    return True  # a jump leaves the rest of its line
            command, join = [], word
        return fine

    def _command(self, words: list[str], script: _Script) -> bool:
        self._budget -= 1
        if self._budget <= 0:
            self._end(LOOP)
        if not words:
            return True
        name, arguments = words[0], words[1:]
        if name in _ENDS:
            self._end(_ENDS[name])
        if name in _IDLE:
            return True
        does = getattr(self, f"_do_{name}", None)
        if does is None:
            self.course.unknown.append(name)
            return False
        return does(arguments, script)

    def _expanded(self, line: str) -> str:
        while len(line) < _LONGEST and (found := _VARIABLE.search(line)):
            line = line[: found.start()] + self._value(found[1]) + line[found.end() :]
        return line

    def _value(self, name: str) -> str:
        key, _separator, kind = name.partition(":")
        key = re.sub(r"^net[X0-9]+[./]", "", key)
        value = self._variables.get(key, "")
        return value.replace(":", "-") if kind == "hexhyp" else value.replace(":", "") if kind == "hexraw" else value

    def _get(self, url: str, whole: bool) -> Fetched | None:
        try:
            found = self._fetch(url, whole)
        except TransferError as error:
            self._variables["errno"] = next(number for text, number in _ERRORS if text in str(error))
            if f"/{routes.FAILURES}/" not in url:  # which is always answered with an error
                self._note(Step(url, error=str(error)))
            return None
        self._note(Step(url, found.size))
        return found

    def _note(self, step: Step) -> None:
        if step not in self.course.steps:
            self.course.steps.append(step)

    def _end(self, how: str) -> NoReturn:
        self.course.end = how
        raise _Ended

    # Commands: each returns whether it succeeded

    def _do_set(self, words: list[str], _script: _Script) -> bool:
        if words:
            self._variables[words[0].partition(":")[0]] = " ".join(words[1:])
        return bool(words)

    def _do_inc(self, words: list[str], _script: _Script) -> bool:
        name = words[0] if words else ""
        value = self._variables.get(name) or "0"
        by = words[1] if len(words) > 1 else "1"
        if not (value.isdigit() and by.isdigit()):
            return False
        self._variables[name] = str(int(value) + int(by))
        return True

    def _do_iseq(self, words: list[str], _script: _Script) -> bool:
        return len(words) == 2 and words[0] == words[1]

    def _do_isset(self, words: list[str], _script: _Script) -> bool:
        return bool(words and words[0])

    def _do_prompt(self, _words: list[str], _script: _Script) -> bool:
        return False  # nobody is there to press a key

    def _do_goto(self, words: list[str], script: _Script) -> bool:
        label = f":{words[0]}" if words else ":"
        for number, line in enumerate(script.lines):
            if line.strip() == label:
                script.next = number
                return True
        return False

    def _do_exit(self, words: list[str], script: _Script) -> bool:
        script.left = words[:1] in ([], ["0"])
        return True

    def _do_chain(self, words: list[str], script: _Script) -> bool:
        options, rest = _options(words)
        if not rest:
            return self._do_boot([], script)
        target = _joined(script.url, rest[0])
        found = self._get(target, True)
        if found is None:
            return False
        fine = self._run(found.content, target, script.depth + 1)
        if {"--replace", "-r"} & options.keys():
            script.left = fine  # nothing is left to return to
        return fine

    def _do_kernel(self, words: list[str], script: _Script) -> bool:
        url, _given, arguments = self._loaded(words, script)
        if url:
            self._kernel, self._arguments = url, arguments
        return bool(url)

    def _do_initrd(self, words: list[str], script: _Script) -> bool:
        url, given, _rest = self._loaded(words, script)
        if url:
            self._names.append(given.get("--name") or given.get("-n") or url.rpartition("/")[2])
        return bool(url)

    def _loaded(self, words: list[str], script: _Script) -> tuple[str, dict[str, str], list[str]]:
        """The URL that was fetched, empty if none was; the command's options, and what follows the URL."""
        given, rest = _options(words)
        url = _joined(script.url, rest[0]) if rest else ""
        return url if url and self._get(url, False) is not None else "", given, rest[1:]

    _do_imgfetch = _do_module = _do_initrd
    _do_imgselect = _do_kernel

    def _do_boot(self, words: list[str], script: _Script) -> bool:
        _given, rest = _options(words)
        if rest:
            return self.chain(_joined(script.url, rest[0]), script.depth + 1)
        if not self._kernel:
            return False
        self.course.kernel, self.course.arguments = self._kernel, self._arguments
        self.course.initrds = self._names
        return self._end(f"starts {self._kernel.rpartition('/')[2]}")


def _options(words: list[str]) -> tuple[dict[str, str], list[str]]:
    options: dict[str, str] = {}
    place = 0
    while place < len(words) and words[place].startswith("-"):
        valued = words[place] in _WITH_VALUE and place + 1 < len(words)
        options[words[place]] = words[place + 1] if valued else ""
        place += 2 if valued else 1
    return options, words[place:]


def _joined(base: str, url: str) -> str:
    """*url*, resolved relative to the script at *base*."""
    if "://" in url:
        return url
    scheme, _separator, rest = base.partition("://")
    host, _separator, path = rest.partition("/")
    folder = "" if url.startswith("/") else path.rpartition("/")[0]
    return f"{scheme}://{host}/{folder}{'/' if folder else ''}{url.lstrip('/')}"


__all__ = ("LOOP", "NEXT_ENTRY", "Course", "Step", "follow")
