"""Prints what is on a host, as far as a run could change it, as JSON: packages, users, files, units, packet filter, settings.

Runs on the host as root, with Debian's Python alone.
"""

import grp
import json
import os
import pwd
import shutil
import stat
import subprocess
import sys
from pathlib import Path

#: What is not on a disk, what changes while nobody does anything, and what apt and dpkg keep their own books in.
ELSEWHERE = {"dev", "proc", "run", "sys", "tmp"}
ELSEWHERE_IN_VAR = {"cache", "log", "tmp", "lib/apt", "lib/dpkg", "lib/systemd"}
#: Of /run, where everything that runs writes, what is named as ours.
OURS = sorted(path for path in Path("/run").glob("kindling*"))
SETTINGS = Path("/proc/sys")


def output(*command):
    """The lines that a program prints; none where it is not installed."""
    if not shutil.which(command[0]):
        return []
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False)
    return done.stdout.splitlines()


def is_elsewhere(path):
    relative = path.relative_to("/")
    in_var = relative.is_relative_to("var") and str(relative.relative_to("var")) in ELSEWHERE_IN_VAR
    return str(relative) in ELSEWHERE or in_var or path.name == "__pycache__"


def files(top):
    """What kind each file is, whose, of what mode, and what is in it: size and time tell enough."""
    found = {}
    for directory, names, others in os.walk(top):
        names[:] = [name for name in names if not is_elsewhere(Path(directory, name))]
        for path in (Path(directory, name) for name in [*names, *others]):
            try:
                told = path.lstat()
            except OSError:
                continue
            inside = [told.st_size, told.st_mtime_ns] if stat.S_ISREG(told.st_mode) else []
            found[str(path)] = [told.st_mode, told.st_uid, told.st_gid, *inside]
            if stat.S_ISLNK(told.st_mode):
                found[str(path)].append(str(path.readlink()))
    return found


def owned(packages):
    """The files of each package: dpkg has an empty line between two."""
    lists = "\n".join(output("dpkg-query", "--listfiles", *packages)).split("\n\n")
    return dict(zip(packages, (text.splitlines() for text in lists), strict=True))


def settings():
    found = {}
    for path in SETTINGS.rglob("*"):
        try:
            found[".".join(path.relative_to(SETTINGS).parts)] = path.read_text().strip()
        except (OSError, ValueError):
            continue
    return found


def state():
    fields = [
        line.split() for line in output("dpkg-query", "--show", "--showformat", "${db:Status-Abbrev} ${Package}\\n")
    ]
    packages = sorted(name for status, name in fields if status == "ii")
    ours = {}
    for path in OURS:
        ours |= {str(path): ["ours"], **files(path)}
    return {
        "packages": packages,
        "wanted": sorted(output("apt-mark", "showmanual")),
        "owned": owned(packages),
        "users": sorted(user.pw_name for user in pwd.getpwall()),
        "groups": sorted(group.gr_name for group in grp.getgrall()),
        "files": files("/") | ours,
        "units": dict(line.split()[:2] for line in output("systemctl", "list-unit-files", "--no-legend", "--no-pager")),
        "tables": sorted(line.removeprefix("table ") for line in output("nft", "list", "tables")),
        "settings": settings(),
    }


if __name__ == "__main__":
    json.dump(state(), sys.stdout)
