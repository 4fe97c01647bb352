"""A room with a switch and hosts on it: network namespaces in a user namespace, so that nobody has to be root."""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import subprocess
import sys
import textwrap
import types
from pathlib import Path

COLLECTION = "ansible_collections.kindling.flatcar"

#: Stays in the namespaces and runs there what it is told, a line of JSON each way; what it started ends with it.
AGENT = textwrap.dedent("""
    import json, subprocess, sys
    started = []
    for line in sys.stdin:
        told = json.loads(line)
        if told["background"]:
            log = open(told["log"], "wb")
            process = subprocess.Popen(told["argv"], stdout=log, stderr=log, stdin=subprocess.DEVNULL)
            started.append(process)
            answer = {"pid": process.pid}
        elif "stop" in told:
            (process,) = [one for one in started if one.pid == told["stop"]]
            process.terminate()
            answer = {"status": process.wait()}
        else:
            done = subprocess.run(told["argv"], stdin=subprocess.DEVNULL, capture_output=True, text=True)
            answer = {"returncode": done.returncode, "stdout": done.stdout, "stderr": done.stderr}
        print(json.dumps(answer), flush=True)
    # Not killed, unless one does not listen: what it has started itself would stay
    for process in started:
        process.terminate()
    for process in started:
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
""")


class Room:
    def __init__(self, directory):
        self.directory = directory
        self._numbers = iter(range(1000))
        apart = ["--user", "--map-user=1000", "--map-group=1000", "--keep-caps", "--net", "--mount"]
        self._agent = subprocess.Popen(
            ["unshare", *apart, "--fork", "--kill-child", sys.executable, "-c", AGENT],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for place in ("/run", "/srv", "/var/lib"):
            self.run("mount", "-t", "tmpfs", "none", place)
        self.run("ip", "link", "add", "br0", "type", "bridge", "stp_state", "0", "forward_delay", "0")
        self.run("ip", "link", "set", "br0", "up")

    def close(self):
        with contextlib.suppress(OSError):
            self._agent.stdin.close()
        self._agent.wait(60)

    def _ask(self, **told):
        self._agent.stdin.write(json.dumps(told) + "\n")
        self._agent.stdin.flush()
        return json.loads(self._agent.stdout.readline())

    def host(self, name, *addresses):
        """A host with the interface lan0 on the switch."""
        self.run("ip", "netns", "add", name)
        self.run("ip", "link", "add", name, "type", "veth", "peer", "name", "lan0", "netns", name)
        self.run("ip", "link", "set", name, "master", "br0", "up")
        for interface in ("lo", "lan0"):
            self.run("ip", "-n", name, "link", "set", interface, "up")
        for address in addresses:
            self.run("ip", "-n", name, "address", "add", address, "dev", "lan0")
        return name

    def run(self, *argv, host=None, check=True):
        done = self._ask(argv=_on(host, argv), background=False)
        assert not (check and done["returncode"]), f"{argv}: {done['stderr']}"
        return types.SimpleNamespace(**done)

    def start(self, *argv, host=None):
        log = self.directory / f"{next(self._numbers)}.log"
        return self._ask(argv=_on(host, argv), log=str(log), background=True)["pid"], log

    def stop(self, pid):
        return self._ask(stop=pid, background=False)["status"]

    def dnsmasq(self, host, *options):
        """A DHCP server of somebody else; it is there when its port is."""
        leases = self.directory / f"{host}.leases"
        started = self.start(
            *("dnsmasq", "--conf-file=/dev/null", "--keep-in-foreground", "--log-facility=-", "--log-dhcp", "--port=0"),
            *(
                "--pid-file=",
                f"--dhcp-leasefile={leases}",
                "--interface=lan0",
                "--bind-interfaces",
                "--no-ping",
                *options,
            ),
            host=host,
        )
        self.wait_for_port(host, 67)
        return started

    def wait_for_port(self, host, port, kind="u"):
        """Waits in the host itself, so that it costs no start of a process for each look."""
        looking = f"for i in $(seq 1200); do ss -Hln{kind} | grep -q ':{port} ' && exit; sleep 0.05; done; exit 1"
        self.run("sh", "-c", looking, host=host)

    def wait_for_file(self, path, seconds=300):
        looking = f"for i in $(seq {seconds * 20}); do [ -e {path} ] && exit; sleep 0.05; done; exit 1"
        self.run("sh", "-c", looking)

    @property
    def path(self):
        """Where Python finds the collection."""
        collections = Path(next(iter(importlib.import_module(COLLECTION).__path__))).parents[2]
        return os.pathsep.join([str(collections), *sys.path])

    def module(self, name, host, **arguments):
        """A module's result, run on *host* as Ansible runs it."""
        done = self.run(*self._module(name, arguments), host=host, check=False)
        assert done.stdout, done.stderr
        return json.loads(done.stdout)

    def start_module(self, name, host, **arguments):
        return self.start(*self._module(name, arguments), host=host)

    def _module(self, name, arguments):
        given = self.directory / f"{name}.json"
        given.write_text(json.dumps({"ANSIBLE_MODULE_ARGS": arguments}))
        run = f"exec {sys.executable} -m {COLLECTION}.plugins.modules.{name} < {given}"
        return "env", f"PYTHONPATH={self.path}", "sh", "-c", run


def _on(host, argv):
    return list(map(str, argv if host is None else ("ip", "netns", "exec", host, *argv)))
