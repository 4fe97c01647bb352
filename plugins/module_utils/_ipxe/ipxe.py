# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The iPXE scripts: what a machine does once iPXE runs on it.

Every script ends at the machine's own disk unless it has booted something else. A test that may be false ends in ``||``,
because iPXE stops a script at the first command that fails. Where something has failed, the script tells the boot host that it
comes from what, and iPXE's error number: any command that fails replaces ``${errno}``, so it is kept at once.
"""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import urlsplit

from .._routes import routes
from . import ignition_failure

KERNEL = "flatcar_production_pxe.vmlinuz"
INITRD = "flatcar_production_pxe_image.cpio.gz"
TRIES = 5
#: Before the other boot host of a pair is asked: waiting for one that is off takes a machine a minute each time.
TRIES_OF_PAIR = 2
#: The GRUB program that boots a UEFI machine's own disk if iPXE is too old to do it; boot hosts serve it.
LOCAL_PROGRAM = f"{routes.PROGRAMS}/localboot-x64.efi"

#: Milliseconds without any progress, after which a download is restarted.
_STALLED = 60_000
#: What every kernel takes, less what a boot host's signature is longer than its placeholder.
_LONGEST_LINE = 2_000
_WAIT = 60
_PAUSE = 5
#: For telling the boot host what has failed: it may be off, and nothing depends on it.
_UNHEARD = 3_000


def _tell(step: str, error: str = "${why}") -> str:
    """Tell the boot host that *step* failed. It answers with an error, so that nothing of it stays in memory."""
    return (
        "echo Kindling: telling the boot host what failed; it answers Not found\n"
        f"imgfetch --timeout {_UNHEARD} {routes.failure_path(step, error)} ||\n"
        "imgfree\n"
    )


_KEEP_ERROR = "set why ${errno}"

#: BIOS: the first disk. UEFI: a new iPXE starts the disk's own loader; an old one cannot, and exits with an error, so
#: that the firmware goes on to its next boot entry (exiting without one ends in the setup screen of many firmwares).
LOCAL_DISK = f"""\
:disk
iseq ${{platform}} efi && goto disk_efi ||
sanboot --no-describe --drive 0x80 || goto no_disk
:disk_efi
sanboot --no-describe --drive 0 || goto no_disk
:no_disk
{_KEEP_ERROR}
{_tell("disk")}\
exit 1
"""


def local_boot(method: str = "auto", base: str = "") -> str:
    """The end of a script: the machine boots its own disk by the method in its ``flatcar_local_boot``.

    *base* is the boot host's URL. A method that is none of the keywords is the URL of a boot program; BIOS, which cannot
    start one, boots the disk itself.
    """
    if method == "auto":
        return LOCAL_DISK
    if method == "sanboot":
        return LOCAL_DISK.replace("exit 1", "exit")
    if method in ("exit", "exit-error"):
        return f":disk\nexit{' 1' if method == 'exit-error' else ''}\n"
    program = f"{base}/{LOCAL_PROGRAM}" if method == "chain" else method
    return LOCAL_DISK.replace("sanboot --no-describe --drive 0 ", f"chain {program} ")


def first_script() -> str:
    """The script that DHCP points iPXE to. It chains to the machine's own script beside it, by the MAC address that booted."""
    return (
        "#!ipxe\n"
        "echo Kindling: ${netX/mac} has ${netX/ip}\n"
        f"{_chain(routes.OWN_SCRIPT)}"
        "echo Kindling: no script for this machine could be fetched; going on to its own disk\n"
        f"{LOCAL_DISK}"
    )


def unknown_script() -> str:
    """For a machine that is not in the inventory."""
    return (
        "#!ipxe\n"
        "echo Kindling: ${netX/mac} is not in the inventory (serial ${serial}, uuid ${uuid})\n"
        "echo Kindling: set flatcar_mac of a node to this address to have it served; going on to its own disk\n"
        f"{LOCAL_DISK}"
    )


def misplaced_script(name: str, address: str, local: str = LOCAL_DISK) -> str:
    """For a node's machine that has an address other than the node's *address*."""
    return (
        "#!ipxe\n"
        f"echo Kindling: this machine, ${{netX/mac}}, is {name}, but has the address ${{netX/ip}} and not {address}\n"
        f"echo Kindling: it is only served at {address}: have the DHCP server reserve that for ${{netX/mac}} (its present lease\n"
        f"echo Kindling: has to end first), or set flatcar_address of {name}; going on to its own disk\n"
        f"{local}"
    )


def misplaced_unfinished_script() -> str:
    """For such a machine whose installation has started and not ended. A machine with another address gets no token, and so cannot
    report."""
    return (
        "#!ipxe\n"
        ":wait\n"
        "echo Kindling: the disk of ${netX/mac} is half written and not started; ${netX/ip} is not its flatcar_address\n"
        f"echo Kindling: have the DHCP server give it that address; this machine asks every {_WAIT} seconds\n"
        f"sleep {_WAIT} ||\n"
        f"chain --replace --timeout {_STALLED} /{routes.OWN_SCRIPT} || {_KEEP_ERROR}\n"
        f"{_tell('script')}"
        "goto wait\n"
    )


def disk_script(name: str, local: str = LOCAL_DISK) -> str:
    """For a node that runs from its own disk."""
    return f"#!ipxe\necho Kindling: {name} boots its own disk\n{local}"


def ram_script(
    name: str,
    version: str,
    images: str,
    config: str,
    arguments: Iterable[str],
    local: str = LOCAL_DISK,
    peer: str | None = None,
) -> str:
    """For a node that runs Flatcar in RAM.

    *images* is the URL of the release's directory, *config* that of the node's Ignition config, *peer* that of the first
    script of the rack's other boot host.
    """
    return (
        f"#!ipxe\necho Kindling: {name} boots Flatcar {version} into RAM\n"
        f"{_fetch_and_boot(version, images, config, arguments, TRIES_OF_PAIR if peer else TRIES)}"
        f"{_ask(peer) if peer else ''}"
        f"echo Kindling: {name} could not fetch Flatcar {version} from {images}; going on to its own disk\n"
        f"{local}"
    )


def install_script(
    name: str, version: str, images: str, config: str, arguments: Iterable[str], refused: Iterable[str]
) -> str:
    """For a node that is being installed: the same system in RAM, with the installer's config.

    *refused* are the URLs that say whether the machine's disk is half-written, as in ``armed_script``.
    """
    return (
        f"#!ipxe\necho Kindling: {name} is armed: Flatcar {version} will be installed to its disk\n"
        f"{_fetch_and_boot(version, images, config, arguments, TRIES)}"
        f"echo Kindling: {name} could not fetch Flatcar {version} from {images}; nothing was written now\n"
        f"{_ask_for_ever(name, refused)}"
    )


def armed_script(name: str, asked: Iterable[str]) -> str:
    """What an armed node gets instead of its own script.

    *asked* are the URLs of scripts that decide what it does now: install, wait because its disk is half-written, or boot its own
    disk. One of the boot hosts always answers each of them, so a missing answer decides nothing.
    """
    return f"#!ipxe\n{_ask_for_ever(name, asked)}"


def over_script() -> str:
    """For a machine that has asked for an arming that is over, and whose disk is whole."""
    return (
        "#!ipxe\n"
        "echo Kindling: ${netX/mac} is no longer armed, and its disk is whole\n"
        f"{_chain(f'/{routes.PLAIN_SCRIPT}')}"
        f"{LOCAL_DISK}"
    )


def unfinished_script(name: str, again: Iterable[str]) -> str:
    """For a node whose installation has started and not ended: it waits, and never boots its half-written disk.

    *again* are the URLs of its script: once somebody has armed the node again, the machine continues by itself. It does
    not power itself off, because an old iPXE has no command for that, and a machine that is off cannot say why.
    """
    return (
        "#!ipxe\n"
        ":wait\n"
        f"echo Kindling: the installation of {name} was begun and has not ended; its disk is half written and not started\n"
        f"echo Kindling: arm it again with playbooks/install.yml --limit {name}; this machine asks every {_WAIT} seconds\n"
        f"sleep {_WAIT} ||\n"
        f"{_ask_each(again)}"
        f"{_tell('script')}"
        "goto wait\n"
    )


def _ask_each(urls: Iterable[str]) -> str:
    return "".join(f"chain --replace --timeout {_STALLED} {url} || {_KEEP_ERROR}\n" for url in urls)


def _ask_for_ever(name: str, urls: Iterable[str]) -> str:
    return (
        ":ask\n"
        f"{_ask_each(urls)}"
        f"{_tell('order')}"
        f"echo Kindling: nobody says whether the disk of {name} is whole, so it is not started; asking again\n"
        f"sleep {_PAUSE} ||\n"
        "goto ask\n"
    )


def _fetch_and_boot(version: str, images: str, config: str, arguments: Iterable[str], tries: int) -> str:
    """Falls through if the release could not be fetched."""
    line = kernel_line(config, arguments)
    return (
        f"set telling {_telling(line, config)}\n"
        "set tries:int32 0\n"
        ":fetch\n"
        "set step kernel\n"
        f"kernel --timeout {_STALLED} {images}/{KERNEL} ${{telling}} {line} || goto again\n"
        "set step initrd\n"
        f"initrd --timeout {_STALLED} --name {INITRD} {images}/{INITRD} || goto again\n"
        "set step boot\n"
        "boot || goto again\n"
        ":again\n"
        f"{_KEEP_ERROR}\n"
        "imgfree\n"
        "inc tries\n"
        f"iseq ${{tries}} {tries} && goto failed ||\n"
        f"echo Kindling: fetching Flatcar {version} failed, trying again\n"
        "sleep 3\n"
        "goto fetch\n"
        ":failed\n"
        f"{_tell('${step}')}"
    )


def kernel_line(config: str, arguments: Iterable[str]) -> str:
    """The kernel's command line.

    ``initrd=`` has the image's name because an EFI stub finds its initrd by it under an old iPXE, and BIOS does not mind;
    ``flatcar.first_boot=1`` makes Ignition run. Nothing says which NIC has booted: Flatcar uses DHCP on all of them,
    and its releases do not parse ``ip=`` or ``BOOTIF=`` alike.
    """
    return " ".join((f"initrd={INITRD}", "flatcar.first_boot=1", f"ignition.config.url={config}", *arguments))


def _telling(line: str, config: str) -> str:
    """The word of the kernel's command line that makes Ignition's failure known, unless there is no room for it beside *line*."""
    host = urlsplit(config)
    word = ignition_failure.kernel_word(f"{host.scheme}://{host.netloc}")
    return word if len(f"{word} {line}".encode()) <= _LONGEST_LINE else ""


def _ask(peer: str) -> str:
    """Falls through if the other boot host's first script at the URL *peer* could not be fetched, or sent the machine here."""
    return (
        "isset ${asked_peer} && goto disk ||\n"
        "set asked_peer yes\n"
        f"echo Kindling: asking the other boot host, {peer}\n"
        f"{_ask_each([peer])}"
        f"{_tell('peer')}"
    )


def _chain(url: str) -> str:
    """Falls through if the script at *url* could not be fetched in a few tries: one lost packet decides nothing."""
    return (
        "set tries:int32 0\n"
        ":own\n"
        f"{_ask_each([url])}"
        "inc tries\n"
        "iseq ${tries} 3 && goto no_own ||\n"
        "sleep 2\n"
        "goto own\n"
        ":no_own\n"
        f"{_tell('script')}"
    )


__all__ = (
    "INITRD",
    "KERNEL",
    "LOCAL_DISK",
    "LOCAL_PROGRAM",
    "armed_script",
    "disk_script",
    "first_script",
    "install_script",
    "kernel_line",
    "local_boot",
    "misplaced_script",
    "misplaced_unfinished_script",
    "over_script",
    "ram_script",
    "unfinished_script",
    "unknown_script",
)
