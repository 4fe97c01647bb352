"""Background processes of a rack: started with a pid file, ended by pid, never by name."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
from pathlib import Path

from .system import LabError, environment, make_directory, write_file


def start_time(pid: int) -> str | None:
    """When a process started, in clock ticks since boot. With the pid it names one process for ever."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] == "Z" else fields[19]


def start(directory: Path, name: str, argv: list[str]) -> int:
    """Start a process that outlives us; its output goes to ``NAME.log``, its identity to ``NAME.pid``."""
    make_directory(directory)
    with (directory / f"{name}.log").open("wb") as log:
        process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
                                   env=environment())  # fmt: skip
    remember(directory, name, process.pid)
    return process.pid


def remember(directory: Path, name: str, pid: int) -> None:
    """Write the pid file. The start time in it keeps us from ending a stranger that got the same pid later."""
    write_file(directory / f"{name}.pid", f"{pid} {start_time(pid)}\n")


def running(directory: Path, name: str) -> int | None:
    """The pid of a process that we started and that still runs."""
    try:
        pid, started = (directory / f"{name}.pid").read_text(encoding="utf-8").split()
    except (OSError, ValueError):
        return None
    return int(pid) if start_time(int(pid)) == started else None


def stop(directory: Path, name: str, grace: float = 5) -> bool:
    """End a process and wait for its end; True when it ran. Asks politely first."""
    pid = running(directory, name)
    if pid is not None:
        with contextlib.suppress(ProcessLookupError):
            handle = os.pidfd_open(pid)
            try:
                for sign in (signal.SIGTERM, signal.SIGKILL):
                    signal.pidfd_send_signal(handle, sign)
                    if select.select([handle], [], [], grace)[0]:
                        break
                else:
                    raise LabError(f"process {pid} ({name}) does not end, not even by SIGKILL")
            finally:
                os.close(handle)
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)
    (directory / f"{name}.pid").unlink(missing_ok=True)
    return pid is not None


def stop_all(directory: Path) -> None:
    """End every process that has a pid file here."""
    for file in sorted(directory.glob("*.pid")):
        stop(directory, file.stem)
