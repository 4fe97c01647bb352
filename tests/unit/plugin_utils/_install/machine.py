"""A machine without any hardware, on which the install script runs: its disks and partitions are files, the programs that ask
the kernel are stand-ins that read what the test says, and a server has the image and takes the reports. ``wipefs``, ``blkid``
(of what is in a file), ``curl``, ``gpg``, ``dd``, ``sha512sum`` and the shell are the real ones.
"""

from __future__ import annotations

import ast
import functools
import http.server
import json
import os
import pathlib
import struct
import subprocess
import sys
import threading
import time

SCRIPTS = pathlib.Path(__file__).parents[4] / "plugins/plugin_utils/_install"
GIB = 1024**3
USR_A = "7130c94a-213a-4e5a-8e26-6cce9662f132"
LABELS = {1: "EFI-SYSTEM", 2: "BIOS-BOOT", 3: "USR-A", 4: "USR-B", 6: "OEM", 7: "OEM-CONFIG", 9: "ROOT"}

sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "module_utils" / "_mirror"))

from signing import signing_key

#: A stand-in for everything: it tells the server that it was run, and says and does what the test has set. It is started very
#: often, so it imports little: what the test has set is a literal of Python, because the module json takes longer than the rest.
STAND_IN = f"""#!{sys.executable} -IS
import os, sys
name, words = os.path.basename(sys.argv[0]), sys.argv[1:]
with open(os.environ["MACHINE"]) as told:
    machine = eval(told.read())
rows = machine["rows"]

def related(device, inverse):
    found = [row for row in rows if row["KNAME"] == device]
    for row in found:
        for other in rows:
            if other not in found and (other["KNAME"] in row["ON"] if inverse else row["KNAME"] in other["ON"]):
                found.append(other)
    return found if inverse else [row for row in rows if row in found]

def option(word):
    return words[words.index(word) + 1]

def logged():
    if os.spawnlp(os.P_WAIT, "curl", "curl", "-s", "--data-binary", " ".join([name, *words]), machine["server"] + "/ran"):
        sys.exit("nobody was told of it")

if name == "lsblk":
    if machine["broken"] == name:
        sys.exit(1)
    device = os.path.realpath(words[-1]) if words[-1].startswith("/") else None
    shown = related(device, "--inverse" in words) if device else rows
    for row in shown[:1] if device and "--nodeps" in words else shown:
        print(" ".join(row.get(column, "") for column in option("--output").split(",")))
elif name == "blockdev":
    print({{"--getsize64": os.stat(words[1]).st_size, "--getss": machine["sector"], "--getro": machine["read_only"]}}[words[0]])
elif name == "blkid":
    found = ""
    if os.stat(words[-1]).st_blocks:
        import subprocess
        real = next(path for path in os.environ["PATH"].split(":")[1:] if os.path.exists(path + "/blkid")) + "/blkid"
        found = subprocess.run([real, "--probe", "--output", "export", words[-1]], capture_output=True, text=True).stdout
    values = dict(line.split("=", 1) for line in found.splitlines() if "=" in line)
    row = next(row for row in rows if row["KNAME"] == os.path.realpath(words[-1]))
    for entry, column in (("NAME", "PARTLABEL"), ("NUMBER", "PARTN"), ("TYPE", "PARTTYPE"), ("UUID", "PARTUUID")):
        if row.get(column):
            values["PART_ENTRY_" + entry] = row[column]
    if option("--output") == "export":
        print("\\n".join(f"{{key}}={{value}}" for key, value in values.items()))
    elif values.get(option("--match-tag")):
        print(values[option("--match-tag")])
    else:
        sys.exit(2)
elif name in ("mount", "umount") and machine["exits"].get(name):
    logged()
    sys.exit(machine["exits"][name])
elif name == "mount":
    import shutil
    files, place = os.path.realpath(words[-2]) + ".files", words[-1]
    if not os.path.isdir(files):
        sys.exit("nothing can be mounted there")
    os.rmdir(place)
    if "--options" in words and "ro" in option("--options").split(","):
        shutil.copytree(files, place)
    else:
        os.symlink(files, place)
elif name == "umount" and words[0].endswith("/install/oem"):
    import shutil
    os.unlink(words[0]) if os.path.islink(words[0]) else shutil.rmtree(words[0])
    os.mkdir(words[0])
elif name != "udevadm":
    logged()
    print(machine["says"].get(name, ""))
    sys.exit(machine["exits"].get(name, 0))
"""

#: Writes the disk, and puts the config where it finds a partition OEM: in the way of LTS 4081, which takes all names that
#: begin with the disk's and can use no more than one, or in that of October 2024 and later, by which blkid's cache comes first.
FLATCAR_INSTALL = f"""#!{sys.executable} -IS
import glob, os, shutil, sys
words = sys.argv[1:]
with open(os.environ["MACHINE"]) as told:
    machine = eval(told.read())
os.spawnlp(os.P_WAIT, "curl", "curl", "-s", "--data-binary", " ".join(["flatcar-install", *words]), machine["server"] + "/ran")
print(machine["says"]["flatcar-install"])
device = words[words.index("-d") + 1]
disk = os.path.realpath(device)
with open(disk, "r+b") as file:
    file.write(b"Flatcar")
if machine["exits"].get("flatcar-install"):
    sys.exit(machine["exits"]["flatcar-install"])
rows = [row for row in machine["rows"] if disk not in row["ON"]]
links = [link for link in glob.glob(machine["by_id"] + "/*") if os.path.realpath(link) == disk]
for number, label in {LABELS!r}.items():
    name = f"{{disk}}{{'p' if disk[-1].isdigit() else ''}}{{number}}"
    with open(name, "wb") as file:
        file.truncate(4 * 1024**2)
    shutil.rmtree(name + ".files", ignore_errors=True)
    os.mkdir(name + ".files")
    rows.append({{"NAME": name, "KNAME": name, "TYPE": "part", "PARTLABEL": label, "PARTN": str(number), "ON": [disk]}})
    for link in links:
        if not os.path.lexists(f"{{link}}-part{{number}}"):
            os.symlink(name, f"{{link}}-part{{number}}")
machine["rows"] = rows
with open(os.environ["MACHINE"], "w") as told:
    told.write(repr(machine))
oem = {{row["KNAME"] for row in rows if row.get("PARTLABEL") == "OEM"}}
found = [name for name in glob.glob(device + "*") if os.path.realpath(name) in oem]
if machine["finds"] == "cache":
    cache = os.environ.get("BLKID_FILE", machine["cache"])
    cached = open(cache).read().split() if os.path.exists(cache) else []
    found = [*cached, *found][:1]
if len(found) != 1:
    sys.exit(f"mount: bad usage: {{found}}")
shutil.copy(words[words.index("-i") + 1], os.path.realpath(found[0]) + ".files/config.ign")
"""


@functools.cache
def signed_image():
    """The public key, and an image with its signature."""
    image = b"the image"
    with signing_key() as key:
        signature = key.sign(image, key.add_subkey(time.time() - 86400))
        return key.public().decode(), image, signature


@functools.cache
def another_key():
    with signing_key(name="Stranger") as key:
        key.add_subkey(time.time() - 86400)
        return key.public().decode()


class BootHost:
    """Has an image, takes reports by PUT, and remembers in one list what was reported and what was run."""

    def __init__(self):
        self.events, self.reports, self.refused = [], {}, set()
        _, image, signature = signed_image()
        self.files = {"flatcar_production_image.bin.bz2": image, "flatcar_production_image.bin.bz2.sig": signature}
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
                self._answer(410 if refused else 201)

            def do_POST(self):
                boot_host.events.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
                self._answer(200)

            def do_GET(self):
                content = boot_host.files.get(self.path.removeprefix("/images/amd64-usr/9999.2.0/"))
                self._answer(404 if content is None else 200, content or b"")

            def do_HEAD(self):
                self.do_GET()

            def _answer(self, status, content=b""):
                self.send_response(status)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(content)

            def log_message(self, *_):
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def close(self):
        self._server.shutdown()
        self._server.server_close()


class Machine:
    """``files`` are those of the installer's config; the paths that it means lie below *home* here.

    It has one disk, which is what the installer is for, with a name by id.
    """

    def __init__(self, home: pathlib.Path, files, boot_host: BootHost):
        self.boot_host = boot_host
        self.home = home
        places = ("dev", "disk/by-id", "bin", "install")
        self.dev, self.by_id, self.bin, self.install = (home / name for name in places)
        for directory in (self.dev, self.by_id, self.bin, self.install):
            directory.mkdir(parents=True)
        self.rows = []
        self.disk = self.add_disk("sda", "ata-DISK_1", SERIAL="S1")
        self.sector, self.read_only = 512, 0
        self.says, self.exits, self.broken = {"flatcar-install": "Success!"}, {}, ""
        self.finds, self.cache = "glob", home / "blkid.tab"
        for path, (_mode, text) in files.items():
            if path.startswith("/etc/kindling/install/"):
                (self.install / pathlib.Path(path).name).write_text(text.replace("/dev/disk/", f"{home}/disk/"))
        (home / "meminfo").write_text("MemTotal:        3000000 kB\nMemFree:         2000000 kB\n")
        places = {"efi": home / "efi", "meminfo": home / "meminfo"}
        self.set(sha512=self.digest(), pause=0, disk_wait=1, timeout=20, samples=20, **places)
        for name in (
            "blkid",
            "blockdev",
            "dmsetup",
            "lsblk",
            "mdadm",
            "mount",
            "swapoff",
            "systemctl",
            "udevadm",
            "umount",
        ):
            self.program(name, STAND_IN)
        self.program("flatcar-install", FLATCAR_INSTALL)

    def program(self, name, text):
        (self.bin / name).write_text(text)
        (self.bin / name).chmod(0o755)

    def digest(self):
        done = subprocess.run(
            ["sha512sum", str(self.install / "config.ign")], capture_output=True, text=True, check=True
        )
        return done.stdout.split()[0]

    def add_disk(self, name, by_id, size=12 * GIB, **columns):
        """Another disk; nothing is on it."""
        device = self._device(name, size, on=[], kind="disk", **columns)
        (self.by_id / by_id).symlink_to(device)
        return device

    def slot(self, name, disk=None):
        """A name by path of a disk, the machine's first if none is given."""
        link = self.home / "disk/by-path" / name
        link.parent.mkdir(exist_ok=True)
        link.unlink(missing_ok=True)
        link.symlink_to(disk or self.disk)
        return link

    def _device(self, name, size, on, kind, **columns):
        device = self.dev / name
        with device.open("wb") as file:
            file.truncate(size)
        number = f"8:{len(self.rows)}"
        row = {
            "NAME": str(device),
            "KNAME": str(device),
            "TYPE": kind,
            "MAJ:MIN": number,
            "ON": [str(one) for one in on],
        }
        self.rows.append(row | columns)
        return device

    def set(self, **values):
        conf = self.install / "install.conf"
        lines = [line for line in conf.read_text().splitlines() if line.split("=")[0] not in values]
        conf.write_text("".join(f"{line}\n" for line in [*lines, *(f"{key}={value}" for key, value in values.items())]))

    def partition(self, label, write=None, kind="part", disk=None, **columns):
        """Another device on a disk, the machine's first if none is given; *write* puts something onto it."""
        disk = disk or self.disk
        number = 1 + sum(str(disk) in row["ON"] for row in self.rows)
        between = "p" if disk.name[-1].isdigit() else ""
        columns = {"PARTLABEL": label, "PARTN": str(number)} | columns
        device = self._device(f"{disk.name}{between}{columns['PARTN']}", 4 * 1024**2, [disk], kind, **columns)
        if write:
            write(device)
        return device

    def flatcar(self, disk=None):
        """Puts an earlier Flatcar onto a disk."""
        partition_table(disk or self.disk)
        for number, label in LABELS.items():
            write = {"OEM": ext4, "ROOT": ext4}.get(label)
            own = {"PARTUUID": USR_A} if label == "USR-A" else {}
            device = self.partition(label, write, disk=disk, PARTN=str(number), **own)
            device.with_name(f"{device.name}.files").mkdir()

    def files_of(self, device):
        return device.with_name(f"{device.name}.files")

    def untouched(self):
        """What the first disk has, without reading all of it."""
        with self.disk.open("rb") as file:
            return self.disk.stat().st_mtime_ns, file.read(4096)

    def run(self):
        state = {"rows": self.rows, "by_id": str(self.by_id), "server": self.boot_host.url, "cache": str(self.cache)}
        state |= {key: getattr(self, key) for key in ("sector", "read_only", "says", "exits", "broken", "finds")}
        told = self.home / "machine"
        told.write_text(repr(state))
        done = subprocess.run(
            [str(SCRIPTS / "kindling-install.sh"), str(self.install)],
            env={"PATH": f"{self.bin}:/usr/sbin:{os.environ['PATH']}", "MACHINE": str(told)},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        self.rows = ast.literal_eval(told.read_text())["rows"]
        return done


def partition_table(device):
    subprocess.run(["sgdisk", "--clear", str(device)], check=True, capture_output=True)


def ext4(device, label=""):
    subprocess.run(["mkfs.ext4", "-q", "-F", "-L", label, str(device)], check=True, capture_output=True)


def swap(device):
    subprocess.run(["mkswap", str(device)], check=True, capture_output=True)


def luks(device):
    with device.open("r+b") as file:
        file.write(b"LUKS\xba\xbe\x00\x01")


def raid_member(device, name):
    """The superblock of a part of an array: version 1.2, at 4 KiB."""
    words = bytearray(256)
    struct.pack_into("<II8x16s32s", words, 0, 0xA92B4EFC, 1, b"kindling-array!!", name.encode())
    struct.pack_into("<Q", words, 144, 8)  # where it is itself
    struct.pack_into("<I", words, 216, sum(struct.unpack("<64I", words)) & 0xFFFFFFFF)
    with device.open("r+b") as file:
        file.seek(4096)
        file.write(words)


def noise(device, at=0, size=64 * 1024):
    """What nobody recognizes."""
    with device.open("r+b") as file:
        file.seek(at)
        file.write(os.urandom(size))
