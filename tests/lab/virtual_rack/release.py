"""The stand-in release: the node image under Flatcar's file names, with Flatcar's companion files, signed by our key.

What a release server of Flatcar's offers beside each file F: ``F.sig`` (binary detached signature), ``F.DIGESTS`` (MD5,
SHA1 and SHA512), ``F.DIGESTS.asc`` (the same, clear-signed) and ``F.DIGESTS.sig``.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from . import disk_image, node_image, paths
from .system import (
    LabError,
    give_to_caller,
    lock,
    make_directory,
    output,
    require_programs,
    require_root,
    run,
    say,
    write_file,
)  # fmt: skip

DEFAULT_VERSION = "9999.2.0"
BOARD = "amd64-usr"
CHANNELS = ("alpha", "beta", "stable", "lts")
"""By the middle number of a version."""

KERNEL = "flatcar_production_pxe.vmlinuz"
INITRD = "flatcar_production_pxe_image.cpio.gz"
DISK = "flatcar_production_image.bin.bz2"

DISK_IMAGE = paths.RELEASES / "stable" / BOARD / "current" / DISK
"""That of the stable release."""

SIGNER = "Kindling's virtual rack (throw-away key) <lab@kindling.test>"


def channel_of(version: str) -> str:
    """The channel that a version belongs to."""
    match = re.fullmatch(r"\d{1,5}\.([0-3])\.\d{1,3}", version)
    if match is None:
        raise LabError(
            f"{version!r} is no Flatcar version: MAJOR.CHANNEL.REVISION, the middle one 0 alpha, 1 beta, 2 stable, 3 lts"
        )
    return CHANNELS[int(match[1])]


def version_txt(version: str) -> str:
    """The release's version.txt, as Flatcar's build writes it."""
    major, branch, patch = version.split(".")
    return (
        f"FLATCAR_BUILD={major}\nFLATCAR_BRANCH={branch}\nFLATCAR_PATCH={patch}\nFLATCAR_VERSION={version}\n"
        f'FLATCAR_VERSION_ID={version}\nFLATCAR_BUILD_ID="standin"\nFLATCAR_SDK_VERSION={version}\n'
    )


def os_release(version: str) -> str:
    """What the node says about itself."""
    return (
        'NAME="Stand-in for Flatcar Container Linux (Debian, tests only)"\nID=flatcar\nID_LIKE=coreos\n'
        f"VERSION={version}\nVERSION_ID={version}\nBUILD_ID=standin\n"
        f'PRETTY_NAME="Stand-in for Flatcar Container Linux {version}"\n'
        f'FLATCAR_BOARD="{BOARD}"\n'
    )


def digests(file: Path) -> str:
    """The text of F.DIGESTS."""
    content = file.read_bytes()
    return "".join(
        f"# {name} HASH\n{hashlib.new(name.lower(), content, usedforsecurity=False).hexdigest()}  {file.name}\n"
        for name in ("MD5", "SHA1", "SHA512")
    )


@contextlib.contextmanager
def keyring() -> Iterator[list[str]]:
    """A gpg command line with the release's secret key; the key is made when there is none."""
    # A short path: gpg's agent listens on a socket in it, and the path of a socket has a length limit.
    with tempfile.TemporaryDirectory(prefix="kindling-") as home:
        gpg = ["gpg", "--homedir", home, "--batch", "--quiet", "--no-tty", "--pinentry-mode=loopback", "--passphrase="]
        try:
            if not paths.RELEASE_SECRET_KEY.exists():
                make_key(gpg)
            else:
                run(*gpg, "--import", paths.RELEASE_SECRET_KEY)
            yield [*gpg, "--local-user", paths.RELEASE_FINGERPRINT.read_text(encoding="utf-8").strip()]
        finally:
            run("gpgconf", "--homedir", home, "--kill", "all", check=False)


def make_key(gpg: list[str]) -> None:
    """A primary key and a subkey that signs, both RSA, as Flatcar's."""
    run(*gpg, "--quick-generate-key", SIGNER, "rsa2048", "cert,sign", "never")
    listing = output(*gpg, "--with-colons", "--list-secret-keys")
    fingerprint = next(line.split(":")[9] for line in listing.splitlines() if line.startswith("fpr:"))
    run(*gpg, "--quick-add-key", fingerprint, "rsa2048", "sign", "2y")
    write_file(paths.RELEASE_KEY, output(*gpg, "--armor", "--export", fingerprint) + "\n")
    write_file(paths.RELEASE_FINGERPRINT, fingerprint + "\n")
    write_file(paths.RELEASE_SECRET_KEY, output(*gpg, "--armor", "--export-secret-keys", fingerprint) + "\n", 0o600)


def sign(gpg: list[str], directory: Path) -> None:
    """Put Flatcar's companion files beside each file."""
    for file in sorted(directory.iterdir()):
        listed = file.with_name(f"{file.name}.DIGESTS")
        listed.write_text(digests(file), encoding="utf-8")
        run(*gpg, "--output", f"{listed}.asc", "--clear-sign", listed)
        for each in (file, listed):
            run(*gpg, "--output", f"{each}.sig", "--detach-sign", each)


def assemble(directory: Path, image: Path, version: str) -> None:
    """Put the release's files in place: the node image, with its version written into usr.squashfs."""
    kernel, initrd = image / "vmlinuz", image / "initrd"
    shutil.copyfile(kernel, directory / KERNEL)
    with tempfile.TemporaryDirectory(dir=directory.parent, prefix=".work-") as name:
        work = Path(name)
        usr = say_what_it_is(work, image / "usr.squashfs", version, kernel_version(kernel))
        run("cpio", "--quiet", "-o", "-H", "newc", "-D", work, "-F", work / "usr.cpio", input=f"{usr.name}\n")
        # The kernel unpacks archives that follow each other.
        join(directory / INITRD, initrd, work / "usr.cpio")
        raw = work / DISK.removesuffix(".bz2")
        disk_image.build(raw, work / "parts", kernel, initrd, usr, version)
        run("lbzip2", "--fast", raw)
        (work / DISK).rename(directory / DISK)
    (directory / "version.txt").write_text(version_txt(version), encoding="utf-8")


def say_what_it_is(work: Path, usr: Path, version: str, kernel: str) -> Path:
    """A copy of usr.squashfs with os-release, and the kernel's directory of modules, where Flatcar's has them."""
    with_version = work / usr.name
    shutil.copyfile(usr, with_version)
    (work / "more/lib/modules" / kernel).mkdir(parents=True)
    (work / "more/lib/os-release").write_text(os_release(version), encoding="utf-8")
    run("mksquashfs", work / "more", with_version, "-all-root", "-quiet", "-no-progress")
    return with_version


def kernel_version(kernel: Path) -> str:
    """The version in the header of a bzImage."""
    content = kernel.read_bytes()
    start = 0x200 + int.from_bytes(content[0x20E:0x210], "little")
    return content[start : start + 80].split(b" ")[0].decode("ascii")


def join(target: Path, *parts: Path) -> None:
    """Write files one after the other."""
    with target.open("wb") as whole:
        for part in parts:
            with part.open("rb") as source:
                shutil.copyfileobj(source, whole)


def publish(version: str) -> None:
    """Build, sign and publish a release; ``current`` then names it."""
    require_root()
    channel = channel_of(version)
    require_programs("mmdebstrap", "mksquashfs", "cpio", "gpg", "gpgconf", "gpg-agent", "apt-config",
                     "lbzip2", "sgdisk", "grub-mkimage", "mcopy", "mkfs.vfat", "mkfs.ext4", "mkfs.btrfs")  # fmt: skip
    image = node_image.ensure()
    board = paths.RELEASES / channel / BOARD
    with lock(Path("/run/lock/kindling-release.lock"), "the release"):
        make_directory(board)
        fresh = Path(tempfile.mkdtemp(dir=board, prefix=".new-"))
        try:
            fresh.chmod(0o755)
            assemble(fresh, image, version)
            with keyring() as gpg:
                sign(gpg, fresh)
            shutil.rmtree(board / version, ignore_errors=True)
            fresh.rename(board / version)
        finally:
            shutil.rmtree(fresh, ignore_errors=True)
        link = board / f".current-{os.getpid()}"
        link.symlink_to(version)
        link.replace(board / "current")
        give_to_caller(*board.rglob("*"))
    say(
        f"release {channel} {version} published in {board / version}, "
        f"signed by {paths.RELEASE_FINGERPRINT.read_text(encoding='utf-8').strip()}"
    )
