"""The base image of boot hosts: a bare Debian with systemd, SSH and an operator, and nothing that the roles install."""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path

from . import apt, paths
from .system import LabError, lock, make_directory, output, run, say, succeeds

SUITES = ("bookworm", "trixie")
REPOSITORY = "localhost/kindling-boot-host"

# What Debian's installer would have put on a server, as far as Ansible and SSH need it.
INCLUDED = (
    "systemd", "systemd-sysv", "dbus", "python3", "python3-apt", "iproute2", "ca-certificates", "openssh-server", "sudo",
)  # fmt: skip

# Runs in the new system's root ($1) when its packages are in.
CUSTOMIZE = r"""set -eu
# "operator" is a group of Debian's base system already
chroot "$1" useradd --create-home --gid operator --shell /bin/bash operator
mkdir -m 700 "$1/home/operator/.ssh"
chroot "$1" chown operator:operator /home/operator/.ssh
echo 'operator ALL=(ALL) NOPASSWD: ALL' > "$1/etc/sudoers.d/operator"
chmod 440 "$1/etc/sudoers.d/operator"
# identities are made for each boot host, not for the image
rm -f "$1"/etc/ssh/ssh_host_*
: > "$1/etc/machine-id"
# downloads are shared between racks: keep them, whichever front end of apt fetched them
printf '%s\n' 'APT::Keep-Downloaded-Packages "true";' 'Binary::apt::APT::Keep-Downloaded-Packages "true";' \
  'Acquire::Languages "none";' > "$1/etc/apt/apt.conf.d/90lab"
# a power failure in the middle of an installation is no case here
echo force-unsafe-io > "$1/etc/dpkg/dpkg.cfg.d/lab"
"""


def recipe(suite: str, sources: str, options: str) -> str:
    """Everything that the image is made from; its digest is the image's tag."""
    return "\0".join([suite, " ".join(INCLUDED), CUSTOMIZE, sources, options])


def ensure(suite: str) -> str:
    """The name of the base image; makes it when it is not there."""
    if suite not in SUITES:
        raise LabError(f"Debian {suite!r}: the lab makes boot hosts of {' or '.join(SUITES)}")
    sources, options = apt.sources(suite), apt.options()
    image = f"{REPOSITORY}:{suite}-{hashlib.sha256(recipe(suite, sources, options).encode()).hexdigest()[:12]}"
    with lock(paths.CACHE / f"boot-host-{suite}.lock", f"the base system of Debian {suite}"):
        if not succeeds("podman", "image", "exists", image):
            build(suite, image, sources, options)
            drop_older(suite, image)
    return image


def build(suite: str, image: str, sources: str, options: str) -> None:
    """Make the image with mmdebstrap."""
    say(f"making the base system of Debian {suite}: about a minute, once")
    make_directory(paths.CACHE)
    with tempfile.TemporaryDirectory(dir=paths.CACHE, prefix="boot-host-") as name:
        work = Path(name)
        (work / "lab.sources").write_text(sources, encoding="utf-8")
        (work / "apt.conf").write_text(options, encoding="utf-8")
        run(
            "mmdebstrap", "--mode=root", "--variant=minbase", "--format=tar", f"--include={','.join(INCLUDED)}",
            f"--aptopt={work / 'apt.conf'}", f"--customize-hook={CUSTOMIZE}",
            suite, work / "root.tar", work / "lab.sources",
        )  # fmt: skip
        run("podman", "import", "--change", 'CMD ["/sbin/init"]', work / "root.tar", image)


def drop_older(suite: str, image: str) -> None:
    """Remove images of older recipes, as far as no rack uses them."""
    for other in output("podman", "images", "--format", "{{.Repository}}:{{.Tag}}", REPOSITORY).split():
        if other.startswith(f"{REPOSITORY}:{suite}-") and other != image:
            run("podman", "rmi", other, check=False)


def remove_all() -> None:
    """Remove the base systems of all boot hosts."""
    for image in output("podman", "images", "--format", "{{.Repository}}:{{.Tag}}", REPOSITORY).split():
        run("podman", "rmi", image)
