"""The base images: a bare Debian with systemd, SSH and an operator, which boot hosts are made from; the same with the packages
that the roles would install, for who tests what comes after that; one with nothing at all, which the container image is made
from; and one with what unit tests start, to run them by its Python."""

from __future__ import annotations

import hashlib
import tempfile
from dataclasses import dataclass
from pathlib import Path

from . import apt, paths
from .system import LabError, lock, make_directory, output, run, say, succeeds

SUITES = ("bookworm", "trixie")

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

# As Debian's own slim image: dpkg leaves out what only people read.
SLIM = r"""set -eu
printf 'path-exclude=/usr/share/%s/*\n' doc info locale man > "$1/etc/dpkg/dpkg.cfg.d/slim"
rm -rf "$1"/usr/share/doc/* "$1"/usr/share/info/* "$1"/usr/share/locale/* "$1"/usr/share/man/*
: > "$1/etc/machine-id"
"""


@dataclass(frozen=True)
class System:
    """A kind of base image, and what makes it."""

    name: str
    included: tuple[str, ...]
    customize: str
    command: str
    options: tuple[str, ...] = ()

    @property
    def repository(self) -> str:
        """The images of this kind, one per Debian release."""
        return f"localhost/kindling-{self.name}"


BOOT_HOST = System("boot-host", INCLUDED, CUSTOMIZE, "/sbin/init")
# The hook merges /usr without the package usrmerge, which would bring all of Perl.
FURNISHED = System("boot-host-furnished", (), "", BOOT_HOST.command)
BARE = System("slim", ("ca-certificates",), SLIM, "/bin/bash", ("--hook-dir=/usr/share/mmdebstrap/hooks/merged-usr",))

UNIT_TESTS = System(
    "unit-tests",
    ("python3", "python3-pip", "ca-certificates", "cpio", "git", "make", "openssl", "shellcheck", "squashfs-tools"),
    ': > "$1/etc/machine-id"\n',
    "/bin/bash",
)


def recipe(system: System, suite: str, sources: str, options: str) -> str:
    """Everything that the image is made from; its digest is the image's tag."""
    return "\0".join([suite, " ".join(system.included), " ".join(system.options), system.customize, sources, options])


def ensure(suite: str, system: System = BOOT_HOST) -> str:
    """The name of the base image; makes it when it is not there."""
    if suite not in SUITES:
        raise LabError(f"Debian {suite!r}: the lab makes boot hosts of {' or '.join(SUITES)}")
    sources, options = apt.sources(suite), apt.options()
    digest = hashlib.sha256(recipe(system, suite, sources, options).encode()).hexdigest()
    image = f"{system.repository}:{suite}-{digest[:12]}"
    with lock(paths.CACHE / f"{system.name}-{suite}.lock", f"the base system of Debian {suite}"):
        if not succeeds("podman", "image", "exists", image):
            build(system, suite, image, sources, options)
            drop_older(system, suite, image)
    return image


def build(system: System, suite: str, image: str, sources: str, options: str) -> None:
    """Make the image with mmdebstrap."""
    say(f"making the base system of Debian {suite}: about a minute, once")
    make_directory(paths.CACHE)
    with tempfile.TemporaryDirectory(dir=paths.CACHE, prefix=f"{system.name}-") as name:
        work = Path(name)
        (work / "lab.sources").write_text(sources, encoding="utf-8")
        (work / "apt.conf").write_text(options, encoding="utf-8")
        run(
            "mmdebstrap", "--mode=root", "--variant=minbase", "--format=tar", f"--include={','.join(system.included)}",
            f"--aptopt={work / 'apt.conf'}", f"--customize-hook={system.customize}",
            *system.options,
            suite, work / "root.tar", work / "lab.sources",
        )  # fmt: skip
        run("podman", "import", "--change", f'CMD ["{system.command}"]', work / "root.tar", image)


FURNISH = """set -e
# nothing is started while the image is made, and Debian's own web server not when a boot host is made of it
printf '#!/bin/sh\\nexit 101\\n' > /usr/sbin/policy-rc.d
chmod 755 /usr/sbin/policy-rc.d
apt-get update --quiet=2
DEBIAN_FRONTEND=noninteractive apt-get install --yes --quiet=2 --no-install-recommends "$@" > /dev/null
systemctl disable nginx.service
rm /usr/sbin/policy-rc.d
: > /etc/machine-id
"""
"""Runs in a container of the base image; its arguments are packages. Apt's lists stay, so that nobody fetches them again."""


def ensure_furnished(suite: str, packages: list[str]) -> str:
    """The name of an image of a boot host on which these packages are installed already; makes it when it is not there."""
    bare = ensure(suite)
    digest = hashlib.sha256("\0".join([bare, FURNISH, *sorted(packages)]).encode()).hexdigest()
    image = f"{FURNISHED.repository}:{suite}-{digest[:12]}"
    with lock(paths.CACHE / f"{FURNISHED.name}-{suite}.lock", f"the packages of Debian {suite}"):
        if not succeeds("podman", "image", "exists", image):
            say(f"installing a boot host's packages on Debian {suite}: about a minute, once")
            name = f"{image.rpartition('/')[2].replace(':', '-')}-making"
            archives = apt.pool(suite)
            make_directory(archives)
            run("podman", "rm", "--force", name)
            try:
                run(
                    "podman", "run", "--name", name, "--volume", f"{archives}:/var/cache/apt/archives", bare,
                    "sh", "-c", FURNISH, "sh", *sorted(packages),
                )  # fmt: skip
                run("podman", "commit", "--quiet", "--change", f'CMD ["{BOOT_HOST.command}"]', name, image)
            finally:
                run("podman", "rm", "--force", name, check=False)
            drop_older(FURNISHED, suite, image)
    return image


def drop_older(system: System, suite: str, image: str) -> None:
    """Remove images of older recipes, as far as no rack uses them."""
    for other in output("podman", "images", "--format", "{{.Repository}}:{{.Tag}}", system.repository).split():
        if other.startswith(f"{system.repository}:{suite}-") and other != image:
            run("podman", "rmi", other, check=False)


def remove_all() -> None:
    """Remove all base systems."""
    for system in (FURNISHED, BOOT_HOST, BARE, UNIT_TESTS):
        for image in output("podman", "images", "--format", "{{.Repository}}:{{.Tag}}", system.repository).split():
            run("podman", "rmi", "--force", image)
