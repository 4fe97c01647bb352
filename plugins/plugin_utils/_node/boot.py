# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a machine runs: the boot mode, the release, the disk that it is installed to, and the kernel's arguments."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from ansible_collections.kindling.flatcar.plugins.module_utils._netboot.architectures import BIOS, EFI_ARM64, EFI_X64

from .._schema import fields, words
from .._schema.fields import Field, Record
from .layer import Layer
from .releases import channel_of

if TYPE_CHECKING:
    from .node import Node

#: How a machine is sent to its own disk, besides by the URL of a program (see ``ipxe.local_boot``).
LOCAL_BOOT = ("auto", "sanboot", "exit", "exit-error", "chain")

#: What a node's word selects. For other architectures, the boot host's own choice applies.
CHOICES: Mapping[str, Mapping[str, str]] = {
    "snponly": {EFI_X64.tag: "snponly.efi"},
    "undionly": {BIOS.tag: "undionly.kpxe"},
    "ipxe": {BIOS.tag: "ipxe.pxe", EFI_X64.tag: "ipxe.efi", EFI_ARM64.tag: "ipxe-arm64.efi"},
}

#: The path of a disk that other machines may reach by the same path: what udev writes for iSCSI and Fibre Channel.
_SAN = re.compile(r"/dev/disk/by-path/(?:.*-)?(?:ip-.+-iscsi-|fc-0x)")

#: The image alone is 8.4 GB (release 4593), and a root file system that is full at once helps nobody.
SMALLEST_DISK_GIB = 10


def _local_boot(value: Any) -> str:
    if value in LOCAL_BOOT:
        return str(value)
    expected = f"expected {', '.join(LOCAL_BOOT)}, or the URL of a boot program"
    if not isinstance(value, str) or not value.startswith("http"):
        raise ValueError(expected)
    try:
        return fields.url(value)
    except ValueError as error:
        raise ValueError(f"{expected}: {error}") from None


def _whole_disk(value: Any) -> str:
    """Names such as /dev/sda change between boots; those by id have the disk's own serial or world-wide name, those by path its
    slot, which may be the same in many machines."""
    disk = words.read("disk", value)
    if re.search(r"-part[0-9]+$", disk):
        raise ValueError("expected a whole disk, not a partition of one")
    if _SAN.match(disk):
        raise ValueError(
            "expected the disk's id: this path leads to a storage server, where another machine may find the same disk"
        )
    return disk


_OWN_PROGRAM = Record(
    (
        Field(
            "file",
            fields.line,
            "a file on the controller, by its absolute path or the one below `fleet_files_dir`",
            required=True,
        ),
        Field("sha256", fields.sha256, "its SHA-256", required=True),
    )
)

FIELDS = (
    Field(
        "flatcar_boot_mode",
        fields.choice("disk", "ram", "install"),
        "`disk`: the machine's own disk; `ram`: Flatcar in RAM; `install`: to be installed to `flatcar_install_disk`, and "
        "its own disk until then",
        default="disk",
    ),
    Field("flatcar_board", fields.choice("amd64-usr", "arm64-usr"), "the machine's architecture", default="amd64-usr"),
    Field(
        "flatcar_boot_program",
        fields.WordOr(tuple(CHOICES), _OWN_PROGRAM),
        "what the firmware starts: `snponly` (UEFI) and `undionly` (BIOS) drive the NIC by the firmware's driver, `ipxe` by "
        "iPXE's own; or a file of yours; the boot host's choice when not given",
    ),
    Field(
        "flatcar_channel",
        fields.word("channel"),
        "the release channel; an exact version knows its own",
        default="stable",
    ),
    Field(
        "flatcar_version", fields.word("release"), "an exact release, or the channel's current one", default="current"
    ),
    Field(
        "flatcar_install_disk",
        _whole_disk,
        "the disk that Flatcar is installed to: by its id (`/dev/disk/by-id/…`), or by its slot (`/dev/disk/by-path/…`), which may "
        "be the same in many machines. A machine that was installed by its slot is installed again only to the disk with the same "
        "serial number",
    ),
    Field("flatcar_install_disk_serial", fields.word("serial number"), "the serial number that this disk has to have"),
    Field(
        "flatcar_install_disk_min_gib",
        fields.integer(SMALLEST_DISK_GIB, 1_000_000),
        "the size in GiB that this disk has to have at least",
        default=SMALLEST_DISK_GIB,
    ),
    Field(
        "flatcar_wipe",
        fields.choice("flatcar", "any"),
        "what an installation may overwrite on this disk: `flatcar`: nothing, or an earlier Flatcar; `any`: whatever is there",
        default="flatcar",
    ),
    Field(
        "flatcar_other_flatcar_disks",
        fields.choice("refuse", "allow"),
        "where another disk of the machine has what Flatcar looks for by name (`OEM`, `ROOT`, `EFI-SYSTEM` and the like): "
        "`refuse`: the machine is not installed, because it may start a mixture of both; `allow`: it is",
        default="refuse",
    ),
    Field(
        "flatcar_install_boot_entry",
        fields.boolean,
        "have the installation make a boot entry of the disk in the firmware, before all others: the machine then starts the disk "
        "before it tries the network; UEFI only; a machine that was started by BIOS is installed without it",
        default=False,
    ),
    Field(
        "flatcar_local_boot",
        _local_boot,
        "how the machine is sent to its own disk: `auto`: iPXE starts it, else leaves with an error; `sanboot`: iPXE starts it, "
        "else leaves without; `exit`, `exit-error`: iPXE leaves without or with an error, and the firmware goes on; `chain`: by "
        "the boot host's GRUB program (UEFI); or the URL of a boot program",
        default="auto",
    ),
    Field(
        "flatcar_console",
        fields.one_or_more(fields.word("console")),
        "the kernel's consoles, such as `ttyS0,115200n8`; the last is the main one",
        default=(),
    ),
    Field(
        "flatcar_kernel_arguments",
        fields.list_of(words.kernel_argument),
        "more kernel arguments; those that Kindling sets itself (`initrd`, `ignition.…`, `flatcar.first_boot` and the "
        "like) are refused",
        default=(),
    ),
)


def check(typed: Mapping[str, Any], given: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Conflicts between these variables, as variable and message."""
    version, channel = typed["flatcar_version"], typed["flatcar_channel"]
    if given.get("flatcar_channel") is not None and channel_of(version, channel) != channel:
        named = channel_of(version, channel)
        yield "flatcar_channel", f"{version} is a release of {named}, not of {channel}: change it or leave it out"
    yield from _check_local_boot(typed)
    if typed["flatcar_boot_mode"] == "install" and given.get("flatcar_install_disk") is None:
        yield (
            "flatcar_install_disk",
            "missing: flatcar_boot_mode is install, and Kindling does not choose a disk itself",
        )


def _check_local_boot(typed: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    if typed["flatcar_local_boot"] == "chain" and typed["flatcar_board"] == "arm64-usr":
        yield (
            "flatcar_local_boot",
            "the boot host's GRUB program is for amd64-usr alone: give the URL of another program",
        )


def kernel_line(node: Node) -> tuple[str, ...]:
    """The node's arguments for the kernel command line."""
    return (*(f"console={console}" for console in node.console), *node.kernel_arguments)


def layers(node: Node) -> list[Layer]:
    """Installed systems get their arguments from Ignition; in RAM it has nothing to write to, and iPXE passes them."""
    if node.boot_mode == "ram" or not kernel_line(node):
        return []
    arguments = {"kernel_arguments": {"should_exist": list(kernel_line(node))}}
    return [Layer(("flatcar_kernel_arguments", "flatcar_console"), arguments)]


__all__ = ("FIELDS", "LOCAL_BOOT", "SMALLEST_DISK_GIB", "check", "kernel_line", "layers")
