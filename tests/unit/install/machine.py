"""A machine without any hardware, on which the install script runs: its disk and partitions are files, the programs that ask
the kernel are stand-ins that read what the test says, and a server takes the reports. ``wipefs``, ``curl``, ``sha512sum`` and
the shell are the real ones.
"""

from __future__ import annotations

import http.server
import json
import os
import pathlib
import subprocess
import sys
import threading

SCRIPTS = pathlib.Path(__file__).parents[3] / "plugins/module_utils/install"
GIB = 1024**3

#: A stand-in for everything: it tells the server that it was run, and says and does what the test has set. It is started very
#: often, so it imports little.
STAND_IN = f"""#!{sys.executable} -IS
import json, os, sys
name, words = os.path.basename(sys.argv[0]), sys.argv[1:]
with open(os.environ["MACHINE"]) as told:
    machine = json.load(told)
rows = machine["rows"]
if name == "lsblk":
    if machine["broken"] == name:
        sys.exit(1)
    columns = words[words.index("--output") + 1].split(",")
    device = words[-1] if words[-1].startswith("/") else None
    for row in rows[:1] if "--nodeps" in words else rows:
        print(" ".join(row.get(column, "") for column in columns))
elif name == "blockdev":
    print({{"--getsize64": machine["size"], "--getss": machine["sector"]}}[words[0]])
elif name == "blkid":
    (label,) = [row.get("PARTLABEL", "") for row in rows if row["NAME"] == words[-1]]
    print(label)
    sys.exit(0 if label else 2)
else:
    ran = ("--data-binary", " ".join([name, *words]), machine["server"] + "/ran")
    if os.spawnlp(os.P_WAIT, "curl", "curl", "--silent", *ran):
        sys.exit("nobody was told of it")
    print(machine["says"].get(name, ""))
    sys.exit(machine["exits"].get(name, 0))
"""


class BootHost:
    """Takes reports by PUT, and remembers in one list what was reported and what was run."""

    def __init__(self):
        self.events, self.reports, self.refused = [], {}, set()
        boot_host = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"  # it answers what curl asks before it sends a file

            def do_PUT(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                _, reports, token, stage = self.path.split("/")
                refused = stage in boot_host.refused or reports != "reports"
                boot_host.events.append(f"refused {stage}" if refused else stage)
                if not refused:
                    boot_host.reports[token, stage] = json.loads(body)
                self.send_response(410 if refused else 201)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def do_POST(self):
                boot_host.events.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_):
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def close(self):
        self._server.shutdown()
        self._server.server_close()


class Machine:
    """``files`` are those of the installer's config; the paths that it means lie below *home* here."""

    def __init__(self, home: pathlib.Path, files, boot_host: BootHost):
        self.boot_host = boot_host
        self.home = home
        self.dev, self.by_id, self.bin, self.install = (home / name for name in ("dev", "by-id", "bin", "install"))
        for directory in (self.dev, self.by_id, self.bin, self.install):
            directory.mkdir()
        self.disk = self._device("sda")
        (self.by_id / "ata-DISK_1").symlink_to(self.disk)
        self.rows = [{"NAME": str(self.disk), "KNAME": str(self.disk), "TYPE": "disk", "SERIAL": "S1"}]
        self.size, self.sector = 20 * GIB, 512
        self.says, self.exits, self.broken = {"flatcar-install": "Success!"}, {}, ""
        for path, (_mode, text) in files.items():
            if path.startswith("/etc/kindling/install/"):
                (self.install / pathlib.Path(path).name).write_text(text)
        self.set(disk=self.by_id / "ata-DISK_1", pause=0, disk_wait=1, timeout=20)
        for name in (
            "blkid",
            "blockdev",
            "dmsetup",
            "flatcar-install",
            "lsblk",
            "mdadm",
            "swapoff",
            "systemctl",
            "umount",
        ):
            (self.bin / name).write_text(STAND_IN)
            (self.bin / name).chmod(0o755)

    def _device(self, name):
        device = self.dev / name
        with device.open("wb") as file:
            file.truncate(4 * 1024**2)
        return device

    def set(self, **values):
        conf = self.install / "install.conf"
        lines = [line for line in conf.read_text().splitlines() if line.split("=")[0] not in values]
        conf.write_text("".join(f"{line}\n" for line in [*lines, *(f"{key}={value}" for key, value in values.items())]))

    def partition(self, label, write=None, kind="part", **columns):
        """Another device on the disk; *write* puts something onto it."""
        device = self._device(f"sda{len(self.rows)}")
        self.rows.append({"NAME": str(device), "KNAME": str(device), "TYPE": kind, "PARTLABEL": label, **columns})
        if write:
            write(device)
        return device

    def run(self):
        state = {key: getattr(self, key) for key in ("rows", "size", "sector", "says", "exits", "broken")}
        (self.home / "machine.json").write_text(json.dumps({**state, "server": self.boot_host.url}))
        return subprocess.run(
            [str(SCRIPTS / "kindling-install.sh"), str(self.install)],
            env={"PATH": f"{self.bin}:/usr/sbin:{os.environ['PATH']}", "MACHINE": str(self.home / "machine.json")},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )


def partition_table(device):
    subprocess.run(["sgdisk", "--clear", str(device)], check=True, capture_output=True)


def ext4(device):
    subprocess.run(["mkfs.ext4", "-q", "-F", str(device)], check=True, capture_output=True)


def swap(device):
    subprocess.run(["mkswap", str(device)], check=True, capture_output=True)


def luks(device):
    with device.open("r+b") as file:
        file.write(b"LUKS\xba\xbe\x00\x01")
