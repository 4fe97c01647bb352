"""The iPXE scripts: what a machine is told once iPXE runs on it.

Every script ends at the machine's own disk unless it has booted something else. A test that may be false ends in ``||``,
because iPXE stops a script at the first command that fails.
"""

from __future__ import annotations

from collections.abc import Iterable

KERNEL = "flatcar_production_pxe.vmlinuz"
INITRD = "flatcar_production_pxe_image.cpio.gz"
TRIES = 5

#: BIOS: the first disk. UEFI: a new iPXE starts the disk's own loader; an old one cannot, and leaves with an error, so
#: that the firmware goes on to its next boot entry (leaving without one ends in the set-up screen of many firmwares).
LOCAL_DISK = """\
:disk
iseq ${platform} efi && goto disk_efi ||
sanboot --no-describe --drive 0x80 || exit 1
:disk_efi
sanboot --no-describe --drive 0 || exit 1
"""


def first_script() -> str:
    """What DHCP points iPXE to. It finds the machine's own script beside itself, by the MAC address that booted."""
    return (
        "#!ipxe\n"
        "echo Kindling: ${netX/mac} has ${netX/ip}\n"
        "chain --replace ipxe/${netX/mac:hexhyp}.ipxe ||\n"
        "echo Kindling: no script for this machine could be fetched; going on to its own disk\n"
        f"{LOCAL_DISK}"
    )


def unknown_script() -> str:
    """For a machine that the inventory does not have."""
    return (
        "#!ipxe\n"
        "echo Kindling: ${netX/mac} is not in the inventory (serial ${serial}, uuid ${uuid})\n"
        "echo Kindling: set flatcar_mac of a node to this address to have it served; going on to its own disk\n"
        f"{LOCAL_DISK}"
    )


def disk_script(name: str) -> str:
    """For a node that runs from its own disk."""
    return f"#!ipxe\necho Kindling: {name} boots its own disk\n{LOCAL_DISK}"


def ram_script(name: str, version: str, images: str, config: str, arguments: Iterable[str]) -> str:
    """For a node that runs Flatcar in RAM.

    *images* is the URL of the release's directory, *config* that of the node's Ignition config. ``initrd=`` has the
    image's name because an EFI stub finds its initrd by it where iPXE is old; ``flatcar.first_boot=1`` makes Ignition run.
    """
    line = " ".join((f"initrd={INITRD}", "flatcar.first_boot=1", f"ignition.config.url={config}", *arguments))
    return (
        "#!ipxe\n"
        f"echo Kindling: {name} boots Flatcar {version} into RAM\n"
        "set tries:int32 0\n"
        ":fetch\n"
        f"kernel {images}/{KERNEL} {line} || goto again\n"
        f"initrd --name {INITRD} {images}/{INITRD} || goto again\n"
        "boot || goto again\n"
        ":again\n"
        "imgfree\n"
        "inc tries\n"
        f"iseq ${{tries}} {TRIES} && goto failed ||\n"
        f"echo Kindling: fetching Flatcar {version} failed, trying again\n"
        "sleep 3\n"
        "goto fetch\n"
        ":failed\n"
        f"echo Kindling: {name} could not fetch Flatcar {version} from {images}; going on to its own disk\n"
        f"{LOCAL_DISK}"
    )


__all__ = ("INITRD", "KERNEL", "disk_script", "first_script", "ram_script", "unknown_script")
