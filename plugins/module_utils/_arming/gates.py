# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Gates: which armings may be used now. Runs on the boot host; needs only the standard library.

A gate is an empty file in memory. Gates that were opened together lie in one directory, their batch, which exists only while a
process sleeps: systemd or s6 removes it, whatever ends the process. So a gate closes when its time is over by a clock that nobody
can set, when the host reboots, and when somebody ends the process; and nothing opens it again.
"""

from __future__ import annotations

import re
import secrets
import shutil
import subprocess
import time
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

#: In a batch's directory: the gates, once all of them exist.
_OPEN = "armed"
_NEW = ".new"

#: Seconds, and what distinguishes batches.
_BATCH = re.compile(r"([0-9]{1,6})-[0-9a-f]{16}")

#: Prefix of a batch's name in s6.
_SERVICE = "kindling-armed-"
_OVER = ".over-"

_PATIENCE = 20.0  # seconds for s6 to start a process


class GateError(Exception):
    """No gate was opened."""


class Keeper(Protocol):
    """Keeps a batch's directory as long as the batch's name says, or until it is stopped."""

    def start(self, batch: str) -> None:
        """The directory exists, and is empty, when this returns. Raises ``GateError``."""

    def stop(self, batch: str) -> None:
        """The directory is gone, or nothing keeps it."""


@dataclass(frozen=True)
class Systemd:
    """By the template unit that the role ``web`` installs: the directory is its ``RuntimeDirectory``."""

    unit: str = "kindling-armed@{}.service"

    def start(self, batch: str) -> None:
        _run("systemctl", "start", self.unit.format(batch))

    def stop(self, batch: str) -> None:
        _run("systemctl", "stop", self.unit.format(batch))


@dataclass(frozen=True)
class S6:
    """By a service of its own in the directory *services* that s6-svscan watches."""

    services: Path
    live: Path
    gid: int

    def start(self, batch: str) -> None:
        self.live.mkdir(mode=0o755, parents=True, exist_ok=True)
        for over in self.services.glob(f"{_OVER}*"):
            shutil.rmtree(over, ignore_errors=True)
        for over in self.services.glob(f"{_SERVICE}*"):
            if not (self.live / over.name.removeprefix(_SERVICE)).is_dir():
                self.stop(over.name.removeprefix(_SERVICE))
        service, directory = self._service(batch), self.live / batch
        new = service.with_name(f".{service.name}")  # s6-svscan ignores names with a leading dot
        new.mkdir()
        made = self.live / f"{_NEW}-{batch}"
        keep = (
            f'mkdir "{made}" && chgrp {self.gid} "{made}" && chmod 0750 "{made}" && mv "{made}" "{directory}" || exit\n'
        )
        _script(new / "run", f"umask 077\n{keep}exec sleep {_seconds(batch)}\n")
        _script(new / "finish", f'rm -rf "{made}" "{directory}"\nexit 125\n')  # 125: never again
        new.rename(service)
        _run("s6-svscanctl", "-a", str(self.services))
        give_up = time.monotonic() + _PATIENCE
        while not directory.is_dir():
            if time.monotonic() > give_up:
                raise GateError(f"s6 has not started {service} within {_PATIENCE:.0f} s")
            time.sleep(0.02)

    def stop(self, batch: str) -> None:
        service = self._service(batch)
        shutil.rmtree(self.live / batch, ignore_errors=True)
        if service.is_dir():
            subprocess.run(["s6-svc", "-dx", str(service)], check=False, capture_output=True)
            service.rename(service.with_name(f"{_OVER}{service.name}"))  # one that ends there still writes its state
            _run("s6-svscanctl", "-an", str(self.services))

    def _service(self, batch: str) -> Path:
        return self.services / f"{_SERVICE}{batch}"


@dataclass(frozen=True)
class Gates:
    """All gates of a boot host, below the directory *live*."""

    live: Path
    keeper: Keeper

    def open(self, batch: str, tokens: Collection[str]) -> None:
        """Open the gates of *tokens*, by one rename, for as long as the name of the *batch* says."""
        self.keeper.start(batch)
        directory = self.live / batch
        try:
            new = directory / _NEW
            new.mkdir()
            for token in tokens:
                (new / token).touch()
            new.chmod(0o755)
            new.rename(directory / _OPEN)
        except FileNotFoundError:
            raise GateError(f"{directory} is gone: the process that kept it was ended") from None

    def close(self, tokens: Collection[str]) -> None:
        for batch in self._batches():
            for token in tokens:
                (self.live / batch / _OPEN / token).unlink(missing_ok=True)
            if not self._tokens(batch):
                self.keeper.stop(batch)

    def tokens(self) -> set[str]:
        """Those whose gates are open."""
        return {token for batch in self._batches() for token in self._tokens(batch)}

    def place(self, batch: str, token: str) -> Path:
        """Where a gate is while it is open."""
        return self.live / batch / _OPEN / token

    def _batches(self) -> list[str]:
        try:
            return [path.name for path in self.live.iterdir() if _BATCH.fullmatch(path.name)]
        except FileNotFoundError:
            return []

    def _tokens(self, batch: str) -> list[str]:
        try:
            return [path.name for path in (self.live / batch / _OPEN).iterdir()]
        except FileNotFoundError:
            return []


def new_batch(seconds: int) -> str:
    """A name for a batch that lasts so many seconds."""
    return f"{seconds}-{secrets.token_hex(8)}"


def _seconds(batch: str) -> str:
    return _BATCH.fullmatch(batch)[1]


def _script(path: Path, text: str) -> None:
    path.write_text(f"#!/bin/sh\n{text}", encoding="utf-8")
    path.chmod(0o755)


def _run(*command: str) -> None:
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode != 0:
        raise GateError(f"{' '.join(command)} failed: {done.stderr.strip() or 'it gave no reason'}")


__all__ = ("S6", "GateError", "Gates", "Keeper", "Systemd", "new_batch")
