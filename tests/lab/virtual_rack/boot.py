"""Powers a rack's nodes on, follows them to the end of their way, and reads back what they have become."""

from __future__ import annotations

import json
import os
import select
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from . import machine, nodes, paths, rack, readback, report, watch
from .machine import Machine
from .nodes import Node
from .system import LabError, environment, note_time, output, require_programs, require_root, say, write_file

PATIENCE = 15.0
"""Seconds after the last stage when we try to log in without having seen a prompt: not every node has a console."""

TICK = 0.2
"""Seconds between two looks at the serial consoles."""

ECHO = 1.0
"""Seconds by which the boot host's journal may tell later than the console what came before."""


class Journal:
    """The boot host's journal, from now on."""

    def __init__(self, rack_name: str) -> None:
        self._process = subprocess.Popen(
            self.command(rack_name),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment(),
        )
        self._rest = b""

    def command(self, rack_name: str) -> list[str]:
        """The container's own journalctl.

        It needs the container's process ids too, or it never learns of new messages; it ends by itself when nobody holds the
        other end of its output.
        """
        pid = output("podman", "container", "inspect", "--format", "{{.State.Pid}}", rack.container(rack_name))
        return [
            "nsenter", "--mount", "--pid", "--target", pid, "--", "journalctl", "--follow", "--lines=0", "--no-pager",
            "--output=json", "--output-fields=MESSAGE",
        ]  # fmt: skip

    def message(self, line: bytes) -> str | None:
        """What was logged by a line; binary messages are none."""
        text = json.loads(line).get("MESSAGE")
        return text if isinstance(text, str) else None

    def messages(self, seconds: float) -> list[str]:
        """The messages that came within this time; returns as soon as there are some."""
        pipe = self._process.stdout
        assert pipe is not None
        if not select.select([pipe], [], [], seconds)[0]:
            return []
        data = os.read(pipe.fileno(), 1 << 16)
        if not data:
            raise LabError("the boot host's journal ended: did its container stop?")
        *lines, self._rest = (self._rest + data).split(b"\n")
        return [text for text in (self.message(line) for line in lines if line) if text]

    def close(self) -> None:
        """End the child."""
        assert self._process.stdout is not None
        self._process.stdout.close()
        self._process.terminate()
        self._process.wait()


class ContainerLog(Journal):
    """What a container that is the boot host writes to its standard output, from now on, over its restarts too."""

    def command(self, name: str) -> list[str]:
        """Podman's log is a file; its own way to follow it ends with the container."""
        log = output("podman", "container", "inspect", "--format", "{{.HostConfig.LogConfig.Path}}", name)
        return ["tail", "--follow=name", "--lines=0", log]

    def message(self, line: bytes) -> str | None:
        """Without the time and the stream: ``2026-01-01T00:00:00+00:00 stdout F text``."""
        return line.decode("utf-8", "replace").split(" ", 3)[-1]


@dataclass
class Run:
    """One node on its way."""

    node: Node
    machine: Machine
    progress: watch.Progress = field(default_factory=watch.Progress)
    powered_on: float | None = None
    console: IO[bytes] | None = None
    text: watch.SerialText = field(default_factory=watch.SerialText)
    login: subprocess.Popen[bytes] | None = None
    answers: IO[bytes] | None = None
    complaints: IO[bytes] | None = None
    last_complaint: str = ""
    next_login: float = 0.0
    failed_at: float | None = None
    result: report.Result | None = None
    name_width: int = 0
    until: str | None = None
    """The stage at which a node is switched off as one that did well."""

    def seconds(self) -> float:
        """Since power-on."""
        return time.monotonic() - (self.powered_on or time.monotonic())

    def line(self, stage: str, detail: str) -> None:
        """One line of live progress."""
        print(f"{self.seconds():6.1f}s  {self.node.name:<{self.name_width}}  {stage:<9}  {detail}", flush=True)

    def start(self) -> None:
        """Power on."""
        self.machine.power_on()
        self.powered_on = time.monotonic()
        self.progress.reached["firmware"] = 0.0
        self.console = self.machine.serial.open("rb")
        self.progress.road = self.node.road
        self.progress.mac = self.node.mac
        self.line("firmware", f"powered on, {nodes.FIRMWARES[self.node.firmware]}, {self.node.mac}")

    def concerns(self, fact: watch.Fact) -> bool:
        """Whether a fact is about this node."""
        if fact.mac is not None:
            return fact.mac in self.node.all_nics
        return fact.address is not None and fact.address in self.progress.addresses.values()

    def take(self, fact: watch.Fact) -> None:
        """Note a fact, and show it when it is progress."""
        starts = len(self.progress.disk_starts)
        if self.progress.apply(fact, self.seconds()) and not fact.fatal:
            self.line(self.progress.stage, fact.detail)
        elif len(self.progress.disk_starts) > starts:
            self.line("disk", f"again: {fact.detail}")

    def listen(self) -> None:
        """Read what came on the serial console."""
        assert self.console is not None
        for text in self.text.feed(self.console.read()):
            self.progress.hear(text)
            if fact := watch.read_serial(text):
                self.take(fact)

    def step(self, total: float) -> None:
        """Look at the console, at the login that is under way and at the clock; sets the result at the end."""
        self.listen()
        stage = self.progress.stage
        if self.progress.failure is not None:
            self.failed_at = self.failed_at or time.monotonic()
            if time.monotonic() - self.failed_at > ECHO:
                self.fail(self.progress.why())
        elif self.until is not None and watch.STAGES.index(stage) >= watch.STAGES.index(self.until):
            self.finish("ok", f"reached {stage}", None, [])
        elif not self.machine.running():
            self.fail(f"the machine went off: {self.machine.last_words() or 'QEMU ended'}")
        elif self.login is not None:
            self.look_at_login()
        elif self.may_log_in() and time.monotonic() >= self.next_login:
            self.log_in()
        if self.result is None:
            late = self.progress.overdue(self.seconds(), total)
            if stage == "done" and self.seconds() - self.progress.reached["done"] > watch.LIMITS["ignition"]:
                late = f"the system is up, but nobody can log in: {self.last_complaint}"
            if late is not None:
                self.fail(late)

    def may_log_in(self) -> bool:
        """Whether the system seems to be up."""
        reached, eve = self.progress.reached, self.progress.eve
        return "done" in reached or (eve in reached and self.seconds() - reached[eve] > PATIENCE)

    def log_in(self) -> None:
        """Ask the node about itself, in the background."""
        self.answers, self.complaints = tempfile.TemporaryFile(), tempfile.TemporaryFile()  # noqa: SIM115  # `look_at_login` closes them
        command = readback.ssh_command(self.machine.rack, self.progress.address or self.node.address, "sudo sh -s")
        self.login = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=self.answers, stderr=self.complaints,
                                      env=environment())  # fmt: skip
        assert self.login.stdin is not None
        self.login.stdin.write(readback.question(self.node).encode())
        self.login.stdin.close()

    def look_at_login(self) -> None:
        """When the node has answered, compare."""
        assert self.login is not None and self.answers is not None and self.complaints is not None
        if self.login.poll() is None:
            return
        texts = []
        for file in (self.answers, self.complaints):
            file.seek(0)
            texts.append(file.read().decode("utf-8", "replace"))
            file.close()
        status, self.login = self.login.returncode, None
        if status == 0:
            self.compare(readback.read(texts[0]))
            return
        self.last_complaint = texts[1].strip()
        self.next_login = time.monotonic() + 2
        if "Permission denied" in self.last_complaint:
            self.fail(
                f"the system is up, but lets nobody in as core ({self.last_complaint}): "
                f"does its config give core the key {paths.OPERATOR_KEY}.pub?"
            )

    def compare(self, found: readback.Found) -> None:
        """The verdict."""
        self.progress.reached.setdefault("done", self.seconds())
        differences = readback.differences(self.node, found)
        if self.progress.address and self.progress.address != self.node.address:
            differences.insert(0, f"address: {self.progress.address} instead of {self.node.address}")
        if differences:
            self.finish("failed", "the machine is not as it should be", found.version, differences)
        else:
            self.finish("ok", report.checked(self.node), found.version, [])

    def fail(self, reason: str) -> None:
        """The node stopped on its way."""
        self.finish("failed", reason, None, [])

    def finish(self, verdict: str, reason: str, version: str | None, differences: list[str]) -> None:
        """Write down how it went."""
        progress = self.progress
        evidence = []
        if verdict != "ok" and not differences:
            evidence = list(progress.notes)
            evidence += [f"console: {line}" for line in (*progress.console, self.text.rest) if line]
        self.result = report.Result(
            name=self.node.name, mac=self.node.mac, firmware=self.node.firmware, address=progress.address,
            version=version, stage=progress.stage, verdict=verdict, reason=reason,
            seconds=round(progress.reached["done"], 1) if "done" in progress.reached else None,
            stages={stage: round(at, 1) for stage, at in progress.reached.items()},
            addresses=progress.addresses, disk_starts=progress.disk_starts,
            differences=differences, evidence=evidence,
        )  # fmt: skip
        for stage, seconds in progress.spent(self.seconds()).items():
            note_time(f"boot {self.node.name}: {stage}", seconds)
        self.line("ok" if verdict == "ok" else "FAILED", reason)

    def end(self, keep: bool) -> None:
        """Stop what was started for this node."""
        if self.login is not None:
            self.login.kill()
            self.login.wait()
            self.login = None
        if not keep:
            self.machine.power_off()


def follow(runs: list[Run], journal: Journal, jobs: int, total: float, keep: bool) -> None:
    """Take all nodes to their end, a few at a time."""
    waiting = list(runs)
    while any(run.result is None for run in runs):
        under_way = [run for run in runs if run.powered_on is not None and run.result is None]
        while waiting and len(under_way) < jobs:
            waiting[0].start()
            under_way.append(waiting.pop(0))
        for message in journal.messages(TICK):
            fact = watch.read_journal(message)
            for run in under_way if fact else ():
                if run.concerns(fact):
                    run.take(fact)
        for run in under_way:
            run.step(total)
            if run.result is not None:
                run.end(keep)


def boot(
    rack_name: str,
    file: Path,
    total: float,
    jobs: int,
    report_file: Path | None,
    keep: bool,
    until: str | None,
    container: str | None,
) -> int:
    """Boot nodes and tell how it went; 0 when all are as they should be."""
    require_root()
    require_programs("qemu-system-x86_64", "ssh", "nsenter", "podman")
    boot_host, listed = nodes.read(file)
    (rack.require_network if container else rack.require_up)(rack_name)
    if any(node.firmware == "uefi" for node in listed):
        machine.require_firmware()
    width = max(len(node.name) for node in listed)
    runs = [Run(node, Machine(rack_name, node), name_width=width, until=until) for node in listed]
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl-C: power off what was started
    journal = ContainerLog(container) if container else Journal(rack_name)
    kept = False
    try:
        follow(runs, journal, jobs, total, keep)
        kept = keep
    finally:
        journal.close()
        started = [run for run in runs if run.powered_on is not None]
        for run in started:
            run.end(kept)
        if any(run.result is None for run in started):
            say(f"powered off: {', '.join(run.node.name for run in started)}")
    results = [run.result for run in runs if run.result is not None]
    if report_file is not None:
        text = json.dumps(report.as_json(rack_name, boot_host, results), indent=2, ensure_ascii=False)
        write_file(report_file, text + "\n")
    print(f"\n{report.table(results)}")
    if explained := report.explanations(results):
        print(f"\n{explained}")
    if keep:
        print("\nThe machines are on. To log in:")
        for run in runs:
            if run.machine.running():
                address = run.progress.address or run.node.address
                print(f"  {run.node.name}: sudo {shlex.join(readback.ssh_command(rack_name, address))}")
        print(f"Their serial consoles: {paths.rack_state(rack_name)}/node-*.serial. Off: lab.py off {rack_name}")
    sys.stdout.flush()
    return 0 if all(result.verdict == "ok" for result in results) else 1


def off(rack_name: str) -> None:
    """Switch off the machines that an earlier boot left on."""
    require_root()
    rack.check_name(rack_name)
    machine.power_off_all(rack_name)
