"""The disk image of the stand-in release: what ``flatcar-install`` writes, and what starts in both firmwares.

It has Flatcar's partitions by label and number, but is as small as it can be. GRUB says on the serial console what it
finds; the kernel, the small initrd and usr.squashfs are those of the boot from the network. Nothing here needs a loop
device: every file system is made in a file of its own and put in its place.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import BinaryIO

from .system import LabError, copy_sparsely, make_directory, output, run

SECTOR = 512
MIB = 1 << 20
GRUB = Path("/usr/lib/grub")

#: Number, label, type and size of the partitions, in MiB. USR-A is as large as usr.squashfs.
EFI, BIOS, USR, OEM, ROOT = 1, 2, 3, 6, 9
#: All of Flatcar's disks have the same partition USR-A, and those of one release the same file system OEM
USR_PARTITION = "7130c94a-213a-4e5a-8e26-6cce9662f132"
OEM_FILE_SYSTEM = "0e301a7e-8c05-4cc5-9d5c-2f4f8e6ac6b5"
TYPES = {EFI: "ef00", BIOS: "ef02", USR: "8300", OEM: "8300", ROOT: "8300"}
LABELS = {EFI: "EFI-SYSTEM", BIOS: "BIOS-BOOT", USR: "USR-A", OEM: "OEM", ROOT: "ROOT"}
SIZES = {EFI: 36, BIOS: 2, OEM: 16, ROOT: 64}

MODULES = (
    "part_gpt", "fat", "btrfs", "normal", "configfile", "search", "search_label", "serial", "terminal", "echo", "test",
    "linux",
)  # fmt: skip

FIND_CONFIG = """\
search --no-floppy --label EFI-SYSTEM --set root
set prefix=($root)/flatcar/grub
configfile ($root)/flatcar/grub/grub.cfg
"""

CONFIG = """\
serial --unit=0 --speed=115200
terminal_output serial
search --no-floppy --label OEM --set oem
if [ -f ($oem)/config.ign ]; then set config="with a config"; else set config="without a config"; fi
if [ -f ($root)/flatcar/first_boot ]; then
  set first="flatcar.first_boot=detected"
  echo "STANDIN-DISK: first boot of {version} on $grub_platform, $config"
else
  echo "STANDIN-DISK: boot of {version} on $grub_platform, $config"
fi
set linux_append=""
if [ -f ($oem)/grub.cfg ]; then source ($oem)/grub.cfg; fi
linux ($root)/flatcar/vmlinuz-a root=LABEL=ROOT rw mount.usr=PARTLABEL=USR-A {arguments} $first $linux_append
initrd ($root)/flatcar/initrd-a
boot
"""

ARGUMENTS = (
    "console=ttyS0,115200n8 quiet loglevel=3 mitigations=off"
    " init_on_alloc=0 cryptomgr.notests lsm=capability audit=0 no_timer_check"
)
"""The serial console, and what makes an emulated kernel quick."""


def build(target: Path, work: Path, kernel: Path, initrd: Path, usr: Path, version: str) -> None:
    """Make the image, raw."""
    make_directory(work)
    sizes = {**SIZES, USR: -(-usr.stat().st_size // MIB)}
    with target.open("wb") as file:
        file.truncate((sum(sizes.values()) + 2) * MIB)
    table = [
        word
        for number, label in LABELS.items()
        for word in (f"--new={number}:0:+{sizes[number]}M", f"--typecode={number}:{TYPES[number]}",
                     f"--change-name={number}:{label}")
    ]  # fmt: skip
    table.append(f"--partition-guid={USR}:{USR_PARTITION}")
    run("sgdisk", "--clear", "--set-alignment=2048", *table, target)
    starts = {number: start(target, number) for number in LABELS}
    core = boot_programs(work)
    with target.open("r+b") as image:
        install_bios_loader(image, core, starts[BIOS])
        for number, content in (
            (EFI, efi_system(work, sizes[EFI], kernel, initrd, version)),
            (USR, usr),
            (
                OEM,
                file_system(
                    work,
                    OEM,
                    sizes,
                    "mkfs.btrfs",
                    "--quiet",
                    "--mixed",
                    "--metadata",
                    "single",
                    "--data",
                    "single",
                    "--uuid",
                    OEM_FILE_SYSTEM,
                ),
            ),
            (ROOT, file_system(work, ROOT, sizes, "mkfs.ext4", "-q", "-F")),
        ):
            put(image, content, starts[number])


def start(image: Path, number: int) -> int:
    """The first sector of a partition."""
    for line in output("sgdisk", f"--info={number}", image).splitlines():
        if line.startswith("First sector: "):
            return int(line.split()[2])
    raise LabError(f"sgdisk says nothing of partition {number} of {image}")


def boot_programs(work: Path) -> Path:
    """GRUB for UEFI, as ``bootx64.efi``, and for BIOS: returns the latter's core image."""
    (work / "find.cfg").write_text(FIND_CONFIG, encoding="utf-8")
    for target, name, more in (("x86_64-efi", "bootx64.efi", ()), ("i386-pc", "core.img", ("biosdisk",))):
        run(
            "grub-mkimage", f"--directory={GRUB / target}", f"--format={target}", "--prefix=/flatcar/grub",
            f"--config={work / 'find.cfg'}", f"--output={work / name}", *MODULES, *more,
        )  # fmt: skip
    return work / "core.img"


def install_bios_loader(image: BinaryIO, core_file: Path, sector: int) -> None:
    """Put GRUB's first sector into the MBR and the rest into the partition BIOS-BOOT, each told where its successor is."""
    core = bytearray(core_file.read_bytes())
    struct.pack_into("<Q", core, 500, sector + 1)  # the block list of the core's first sector: the rest follows it
    first = (GRUB / "i386-pc" / "boot.img").read_bytes()
    image.seek(0)
    mbr = bytearray(image.read(SECTOR))
    mbr[:440] = first[:440]
    struct.pack_into("<Q", mbr, 0x5C, sector)
    mbr[0x66:0x68] = b"\x90\x90"  # believe the drive number that the BIOS gives
    image.seek(0)
    image.write(mbr)
    image.seek(sector * SECTOR)
    image.write(core)


def efi_system(work: Path, size: int, kernel: Path, initrd: Path, version: str) -> Path:
    """The partition from which both kinds of GRUB load their config, the kernel and the initrd."""
    partition = work / "esp"
    with partition.open("wb") as file:
        file.truncate(size * MIB)
    run("mkfs.vfat", "-F", "32", "-n", "EFI-SYSTEM", partition)
    (work / "grub.cfg").write_text(CONFIG.format(version=version, arguments=ARGUMENTS), encoding="utf-8")
    (work / "first_boot").write_text("", encoding="utf-8")
    run("mmd", "-i", partition, "::EFI", "::EFI/boot", "::flatcar", "::flatcar/grub")
    for source, place in (
        (work / "bootx64.efi", "EFI/boot/bootx64.efi"),
        (work / "grub.cfg", "flatcar/grub/grub.cfg"),
        (work / "first_boot", "flatcar/first_boot"),
        (kernel, "flatcar/vmlinuz-a"),
        (initrd, "flatcar/initrd-a"),
    ):
        run("mcopy", "-i", partition, source, f"::{place}")
    return partition


def file_system(work: Path, number: int, sizes: dict[int, int], *make: str) -> Path:
    """An empty file system, by the command that makes it."""
    partition = work / LABELS[number]
    with partition.open("wb") as file:
        file.truncate(sizes[number] * MIB)
    run(*make, "-L", LABELS[number], partition)
    return partition


def put(image: BinaryIO, content: Path, sector: int) -> None:
    """Copy a file to its place."""
    with content.open("rb") as source:
        copy_sparsely(source, image, sector * SECTOR)
