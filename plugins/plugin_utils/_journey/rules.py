# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Why a machine stops: one table. The rows that fit are the likely causes, in their order: first what is proved, then guesses.

A new rule is a row here, and a recorded example of it in ``tests/unit/plugin_utils/_journey/examples``.
"""

from __future__ import annotations

from dataclasses import dataclass

from .hops import (
    CONFIG,
    FIRST_SCRIPT,
    IMAGE,
    INITRD,
    INSTALLER_CONFIG,
    KERNEL,
    NOWHERE,
    ORDERED,
    OWN_CONFIG,
    PROGRAM,
    SCRIPT,
    TAKEN,
    Seen,
)

_TROUBLE = "docs/troubleshooting.md"
_DHCP = "docs/existing-dhcp.md"
_INSTALLING = "docs/installing.md"


@dataclass(frozen=True)
class Rule:
    """``after`` are the last hops at which it applies; without any, all of them. All of ``seen`` were seen, none of ``unseen``.

    ``cause`` and ``fix`` are for people; ``{words}`` in them are values of the machine and of what was seen. ``final``: the machine
    gets no further, so that nobody has to wait until it has been silent for long. A row without ``seen`` is a guess from silence.
    """

    name: str
    after: tuple[str, ...]
    cause: str
    fix: str
    page: str
    seen: tuple[Seen, ...] = ()
    unseen: tuple[Seen, ...] = ()
    missing: str = ""
    """What was not seen, for people."""
    final: bool = False


def _now(what: str, **more: str) -> Seen:
    return Seen("now", what, **more)


def _failed(why: str) -> Seen:
    return Seen("report", "failed", why=f".*({why}).*")


def _ignition_failed(why: str = "") -> Seen:
    return Seen("ignition", "failed", why=f".*({why}).*")


_MISSING_DISK = "failed to wait on|device unit .* timeout|no such (device|disk)"
_FETCHED_IN_VAIN = "unable to fetch|failed to fetch|error fetching|resource not found|resource requires"
_RUNNING = Seen("http", "PUT", file=".*/running", status=TAKEN)
_EARLY = ("firmware", "address")
_ANY_DHCP = "firmware|ipxe"
_PLAY = "ansible-playbook playbooks"

RULES = (
    # The boot host itself --------------------------------------------------------------------------------------------------------
    Rule(
        "boot-host-unknown",
        (),
        "The boot host {boot_host} could not be asked: what is shown is not all",
        "look at why: {why}",
        f"{_TROUBLE}#on-the-boot-host",
        seen=(_now("unreachable"),),
        final=True,
    ),
    Rule(
        "dhcp-down",
        (NOWHERE, "firmware", "program"),
        "Nothing answers DHCP on {boot_host}: dnsmasq does not run",
        "systemctl restart kindling-dnsmasq; journalctl -u kindling-dnsmasq",
        f"{_TROUBLE}#on-the-boot-host",
        seen=(_now("not listening", file="dhcp"),),
        final=True,
    ),
    Rule(
        "tftp-down",
        ("address",),
        "Nothing answers TFTP on {boot_host}: dnsmasq does not run, or not as the role configures it",
        f"{_PLAY}/site.yml --limit {{boot_host}}; systemctl restart kindling-dnsmasq",
        f"{_TROUBLE}#on-the-boot-host",
        seen=(_now("not listening", file="tftp"),),
        final=True,
    ),
    Rule(
        "web-down",
        ("address", "program", "ipxe", "script", "kernel", "initrd", "system"),
        "Nothing answers HTTP on {boot_host}: the web server does not run",
        "systemctl restart kindling-web; journalctl -u kindling-web",
        f"{_TROUBLE}#on-the-boot-host",
        seen=(_now("not listening", file="http"),),
        final=True,
    ),
    # What an installer reports, wherever its boot is -----------------------------------------------------------------------------
    Rule(
        "disk-missing",
        (),
        "The disk to install to is not in the machine: {why}",
        "set flatcar_install_disk of {node} to one of the disks in the message, run site.yml, and install it again",
        f"{_TROUBLE}#installing",
        seen=(_failed("is not there; this machine has"),),
        final=True,
    ),
    Rule(
        "disk-other",
        (),
        "The disk is not the one that was meant: {why}",
        "compare the disk in the message with flatcar_install_disk and flatcar_install_disk_serial of {node}",
        f"{_TROUBLE}#installing",
        seen=(_failed("has the serial number|is another disk|is no whole disk|fewer than|every name of"),),
        final=True,
    ),
    Rule(
        "disk-foreign",
        (),
        "The installer would destroy what is on a disk, and refuses: {why}",
        "look at what is on it; if it may be lost, the message names the variable that says so",
        f"{_TROUBLE}#installing",
        seen=(_failed("holds data that is not Flatcar's|Flatcar is on another disk too|would change disks"),),
        final=True,
    ),
    Rule(
        "disk-full",
        (),
        "The disk is too small, or fills: {why}",
        "another disk for {node}: flatcar_install_disk; its least size is flatcar_install_disk_min_gib",
        f"{_TROUBLE}#installing",
        seen=(_failed("No space left on device|no space left"),),
        final=True,
    ),
    Rule(
        "disk-broken",
        (),
        "The disk cannot be written: {why}",
        "look at the disk's own errors: log in to the machine, which stays in RAM, and run `journalctl -k`",
        f"{_TROUBLE}#installing",
        seen=(_failed("read-only|[Ii]nput/output error|cannot be stopped|is mounted from|sectors of"),),
        final=True,
    ),
    Rule(
        "key-refused",
        (),
        "The key by which the image is verified is refused: {why}",
        f"flatcar_images_key: Flatcar's current key file; then {_PLAY}/images.yml",
        f"{_TROUBLE}#releases",
        seen=(_failed("gpg does not take the key|no signature by any key|No public key|NO_PUBKEY|KEYEXPIRED"),),
        final=True,
    ),
    Rule(
        "signature-bad",
        (),
        "The image's signature does not match: the file was changed on its way or on the boot host",
        f"remove the release below flatcar_images_dir on {{boot_host}} and run {_PLAY}/images.yml",
        f"{_TROUBLE}#releases",
        seen=(_failed("BAD signature|BADSIG|bad signature|the signature does not"),),
        final=True,
    ),
    Rule(
        "little-memory-told",
        (),
        "The machine has too little RAM: {why}",
        "3 GB at least to boot Flatcar from the network",
        f"{_TROUBLE}#installing",
        seen=(_failed("MiB of RAM"),),
        final=True,
    ),
    Rule(
        "image-gone",
        (),
        "The release cannot be fetched by the installer: {why}",
        f"{_PLAY}/images.yml; then install it again",
        f"{_TROUBLE}#releases",
        seen=(_failed("cannot be fetched"),),
        final=True,
    ),
    Rule(
        "install-failed",
        (),
        "The installer failed: {why}",
        "log in to the machine, which stays in RAM: `journalctl -u kindling-install`",
        f"{_TROUBLE}#installing",
        seen=(Seen("report", "failed"),),
        unseen=(
            _failed(
                "is not there; this machine has|has the serial number|is another disk|is no whole disk|fewer than|every name of"
                "|holds data that is not Flatcar's|Flatcar is on another disk too|would change disks|[Nn]o space left|read-only"
                "|[Ii]nput/output error|cannot be stopped|is mounted from|sectors of|gpg does not take the key"
                "|no signature by any key|No public key|NO_PUBKEY|KEYEXPIRED|BAD ?[Ss]ig|bad signature|the signature does not"
                "|MiB of RAM|cannot be fetched"
            ),
        ),
        final=True,
    ),
    # Nothing was seen of it ------------------------------------------------------------------------------------------------------
    Rule(
        "not-published",
        (NOWHERE, "firmware"),
        "It asks, and {boot_host} does not know it: {node} is not in what is published",
        f"{_PLAY}/site.yml",
        f"{_TROUBLE}#a-machine-gets-no-answer",
        seen=(_now("not published"), Seen("now|dhcp", "stranger|discover|pxe", why=".*")),
        unseen=(Seen("dhcp", "offer|ack"),),
        final=True,
    ),
    Rule(
        "other-mac",
        (NOWHERE,),
        "The machine has another MAC address than flatcar_mac says: {why}",
        "if that is {node}: set its flatcar_mac to it, and run site.yml",
        f"{_TROUBLE}#a-machine-gets-no-answer",
        seen=(_now("near"),),
        final=True,
    ),
    Rule(
        "network-unserved",
        (NOWHERE, "firmware"),
        "A relay passes on requests from a network that {boot_host} does not serve: {why}",
        "add that network to dnsmasq_networks and web_networks of {boot_host}, or correct the relay's address (giaddr)",
        f"{_TROUBLE}#a-machine-gets-no-answer",
        seen=(_now("unserved"),),
        final=True,
    ),
    Rule(
        "does-not-boot-from-network",
        (NOWHERE,),
        "It does not boot from the network: it is off, has no link, or its firmware starts something else first",
        "switch it on, with the network first in the firmware's boot order; look at the link's light",
        f"{_TROUBLE}#how-far-does-it-get",
        missing="no packet of {macs} on any network of {boot_host}",
    ),
    Rule(
        "packets-do-not-arrive",
        (NOWHERE,),
        "Its packets do not reach {boot_host}: the switch port is in another VLAN, a relay is missing, or the port waits for "
        "spanning tree",
        "put the port into the VLAN of {network}, set portfast, have the relay send to {boot_host}",
        f"{_TROUBLE}#how-far-does-it-get",
        missing="no packet of {macs} on any network of {boot_host}",
    ),
    Rule(
        "wrong-mac",
        (NOWHERE,),
        "flatcar_mac has the address of another NIC, or a misprint",
        "compare {macs} with the NIC that the firmware shows; with two NICs, list both",
        f"{_TROUBLE}#a-machine-gets-no-answer",
        missing="no packet of {macs} on any network of {boot_host}",
    ),
    Rule(
        "similar-mac",
        (NOWHERE,),
        "It may be a machine with a similar MAC address: {why}",
        "if that is {node}: set its flatcar_mac to it, and run site.yml",
        f"{_TROUBLE}#a-machine-gets-no-answer",
        seen=(_now("similar"),),
    ),
    # It asks, and has no address -------------------------------------------------------------------------------------------------
    Rule(
        "address-taken",
        ("firmware", "program", *_EARLY[1:]),
        "Another machine uses its address {their}: it was reported as taken",
        "find that machine (`arping -I INTERFACE {address}`), then `systemctl reload kindling-dnsmasq` on {boot_host}",
        f"{_TROUBLE}#a-machine-gets-no-answer",
        seen=(Seen("dhcp|now", "decline|put aside"),),
        final=True,
    ),
    Rule(
        "address-leased",
        ("firmware",),
        "Its address {their} is leased to another MAC address: {why}",
        "give one of the two another address, or wait until that lease ends; then run site.yml",
        f"{_TROUBLE}#a-machine-gets-no-answer",
        seen=(Seen("dhcp", "not given"),),
        final=True,
    ),
    Rule(
        "wrong-network",
        ("firmware", "program"),
        "It asks on the network {why}, and its address {address} is of another: wrong VLAN, or a relay that does not say from "
        "which network (giaddr)",
        "put the switch port into the VLAN of {network}; a relay has to send with its own address in that network as giaddr",
        f"{_TROUBLE}#a-machine-gets-no-answer",
        seen=(_now("elsewhere"),),
        unseen=(Seen("dhcp", "offer|ack|decline|put aside|not given"),),
        final=True,
    ),
    Rule(
        "no-address-there",
        ("firmware", "program"),
        "Its address {address} is none of the network that it asks on: {why}",
        f"put the switch port into the VLAN of {{network}}, or correct flatcar_address of {{node}}; then {_PLAY}/site.yml",
        f"{_TROUBLE}#a-machine-gets-no-answer",
        seen=(Seen("dhcp", "discover|request", why="no address available.*|wrong network.*|no leases left.*"),),
        unseen=(Seen("dhcp", "decline|put aside|not given"),),
        final=True,
    ),
    Rule(
        "refused-address",
        ("firmware", "program"),
        "It keeps asking for an address that is not its own, and is refused: {why}",
        "end the lease at the server that gave it that address, or switch the machine off until that has ended",
        _DHCP,
        seen=(Seen("dhcp", "nak"),),
    ),
    Rule(
        "ignored",
        ("firmware",),
        "{boot_host} does not know this MAC address: what dnsmasq has read is older than the inventory",
        f"{_PLAY}/site.yml; systemctl reload kindling-dnsmasq",
        f"{_TROUBLE}#a-machine-gets-no-answer",
        seen=(Seen("dhcp", "discover|request|pxe", why="ignored|proxy-ignored"),),
        unseen=(_now("not published"), Seen("dhcp", "offer|ack"), _now("elsewhere")),
        final=True,
    ),
    Rule(
        "other-dhcp-server",
        ("firmware",),
        "Another DHCP server on this network answered first, and the machine took its offer",
        f"{_PLAY}/acceptance.yml shows which; switch it off, or have it leave out {{macs}}, or set mode: proxy",
        _DHCP,
        seen=(Seen("dhcp", "offer", "firmware"),),
        unseen=(Seen("dhcp", "ack", "firmware"),),
        missing="the machine did not take the offer of {boot_host}",
    ),
    Rule(
        "offer-lost",
        ("firmware",),
        "The offer does not reach the machine: a switch filters DHCP servers (DHCP snooping), or the way back is another",
        "trust the port of {boot_host} for DHCP; a relay needs a route to {boot_host} and back",
        f"{_TROUBLE}#a-machine-gets-no-answer",
        seen=(Seen("dhcp", "offer", "firmware"),),
        unseen=(Seen("dhcp", "ack", "firmware"),),
        missing="the machine did not take the offer of {boot_host}",
    ),
    Rule(
        "no-answer",
        ("firmware",),
        "{boot_host} saw the request and did not answer: the other boot host of the pair, or another server, did",
        f"{_PLAY}/acceptance.yml shows who answers",
        _DHCP,
        unseen=(Seen("dhcp", "offer|nak"), Seen("dhcp", "discover|request|pxe", why=".+")),
        missing="no offer of {boot_host}",
    ),
    # It has an address, and no program -------------------------------------------------------------------------------------------
    Rule(
        "firmware-of-32-bits",
        _EARLY,
        "The firmware is 32-bit UEFI, for which Flatcar has no release",
        "not possible with this machine",
        f"{_TROUBLE}#on-the-machines-screen",
        seen=(Seen("dhcp|tftp|http", file=".*ia32-uefi-is-not-supported.*"),),
        final=True,
    ),
    Rule(
        "program-missing",
        ("address",),
        "The boot program {file} is not on {boot_host}",
        f"{_PLAY}/site.yml; if another DHCP server names the file, correct it there: {_PLAY}/dhcp_options.yml",
        _DHCP,
        seen=(Seen("tftp", "not found"),),
        final=True,
    ),
    Rule(
        "program-missing-http",
        ("address",),
        "The boot program {file} is not on {boot_host}",
        f"{_PLAY}/site.yml",
        f"{_TROUBLE}#how-far-does-it-get",
        seen=(Seen("http", file=PROGRAM, status="4.."),),
        final=True,
    ),
    Rule(
        "tftp-stalls",
        ("address",),
        "TFTP begins and stalls: packets of {file} are lost on the way, or the NIC's firmware stops",
        "look at the port's error counters; a firewall has to let UDP 1024-65535 through, too; update the NIC's firmware, or use "
        "UEFI HTTP boot",
        f"{_TROUBLE}#how-far-does-it-get",
        seen=(Seen("tftp", "failed"),),
    ),
    Rule(
        "no-program-named",
        ("address",),
        "DHCP named no boot program: this firmware's architecture is not one that Flatcar has",
        "look at its vendor class in the evidence; set flatcar_boot_program of {node} if it is one of those",
        f"{_TROUBLE}#how-far-does-it-get",
        seen=(Seen("dhcp", "ack", "firmware", file=""),),
        unseen=(Seen("dhcp", "pxe"), Seen("dhcp", "offer|ack", "firmware", file=".+")),
    ),
    Rule(
        "tftp-blocked",
        ("address",),
        "TFTP (UDP 69) does not get from the machine to {boot_host}: a firewall or the switch blocks it",
        "let UDP 69 and UDP 1024-65535 through between {address} and {boot_host}",
        f"{_TROUBLE}#how-far-does-it-get",
        unseen=(Seen("tftp"), Seen("http", file=PROGRAM)),
        missing="no request for the boot program",
    ),
    Rule(
        "other-program",
        ("address",),
        "Another server names another boot program or another next-server",
        f"{_PLAY}/dhcp_options.yml prints what it has to say; acceptance.yml shows what it says",
        _DHCP,
        unseen=(Seen("tftp"), Seen("http", file=PROGRAM)),
        missing="no request for the boot program",
    ),
    # It has the program, and no iPXE ---------------------------------------------------------------------------------------------
    Rule(
        "program-of-other-architecture",
        ("program",),
        "The boot program is for another architecture than the firmware, which is BIOS: {file}",
        "remove flatcar_boot_program of {node}, or set it to one for BIOS; another DHCP server has to go by option 93",
        _DHCP,
        seen=(Seen("dhcp", tags=r"(.*, )?bios(,.*)?"), Seen("tftp", "sent", file=r".*\.efi")),
        final=True,
    ),
    Rule(
        "program-of-bios",
        ("program",),
        "The boot program is for BIOS, and the firmware is UEFI: {file}",
        "remove flatcar_boot_program of {node}, or set it to one for UEFI; another DHCP server has to go by option 93",
        _DHCP,
        seen=(Seen("dhcp", tags=r"(.*, )?efi-[a-z0-9-]+(,.*)?"), Seen("tftp", "sent", file=r".*pxe")),
        final=True,
    ),
    Rule(
        "program-of-other-processor",
        ("program",),
        "The boot program is for another processor than the machine's: {file}",
        "remove flatcar_boot_program of {node}; another DHCP server has to go by option 93",
        _DHCP,
        seen=(Seen("dhcp", tags=r"(.*, )?efi-x64(,.*)?"), Seen("tftp", "sent", file=r".*arm64.*")),
        final=True,
    ),
    Rule(
        "program-of-other-processor-arm",
        ("program",),
        "The boot program is for another processor than the machine's: {file}",
        "remove flatcar_boot_program of {node}; another DHCP server has to go by option 93",
        _DHCP,
        seen=(
            Seen("dhcp", tags=r"(.*, )?efi-arm64(,.*)?"),
            Seen("tftp", "sent", file=r".*/(snponly|ipxe|snponly-x64|ipxe-x64)\.efi"),
        ),
        final=True,
    ),
    Rule(
        "ipxe-gets-no-address",
        ("program",),
        "iPXE runs and asks by DHCP, and has no address: another server answers it, or the port waits for spanning tree",
        f"set portfast; {_PLAY}/acceptance.yml shows who answers",
        _DHCP,
        seen=(Seen("dhcp", "discover|request|offer", "ipxe"),),
    ),
    Rule(
        "ipxe-does-not-start",
        ("program",),
        "iPXE does not start, or has no driver for this NIC",
        "another flatcar_boot_program for {node}: `ipxe` has drivers of its own, `snponly` and `undionly` use the firmware's",
        f"{_TROUBLE}#how-far-does-it-get",
        unseen=(Seen("dhcp", who="ipxe"),),
        missing="iPXE has asked nothing",
    ),
    Rule(
        "secure-boot",
        ("program",),
        "Secure Boot refuses iPXE, which is not signed",
        "switch Secure Boot off in the firmware",
        f"{_TROUBLE}#on-the-machines-screen",
        seen=(Seen("dhcp", tags=r"(.*, )?efi-.*"),),
        unseen=(Seen("dhcp", who="ipxe"),),
        missing="iPXE has asked nothing",
    ),
    Rule(
        "ipxe-elsewhere",
        ("program",),
        "Another DHCP server answers iPXE, and sends it elsewhere",
        f"{_PLAY}/dhcp_options.yml prints what it has to say to iPXE",
        _DHCP,
        unseen=(Seen("dhcp", who="ipxe"), Seen("http", file=FIRST_SCRIPT)),
        missing="iPXE has asked nothing",
    ),
    # iPXE runs, and has no script ------------------------------------------------------------------------------------------------
    Rule(
        "first-script-missing",
        ("ipxe",),
        "iPXE's first script is not on {boot_host}: nothing is published there",
        f"{_PLAY}/site.yml",
        f"{_TROUBLE}#how-far-does-it-get",
        seen=(Seen("http", file=FIRST_SCRIPT, status="4..|5.."),),
        final=True,
    ),
    Rule(
        "script-missing",
        ("ipxe",),
        "The machine's script is not on {boot_host}: it answers {status}",
        f"{_PLAY}/site.yml",
        f"{_TROUBLE}#how-far-does-it-get",
        seen=(Seen("http", file=SCRIPT, status="4..|5.."),),
        final=True,
    ),
    Rule(
        "script-failed",
        ("ipxe",),
        "iPXE could not fetch the machine's script: {error}",
        "look at what lies between {address} and {boot_host}; journalctl -u kindling-web",
        f"{_TROUBLE}#on-the-machines-screen",
        seen=(Seen("ipxe", "failed", file="script", address=""),),
        final=True,
    ),
    Rule(
        "web-blocked",
        ("ipxe",),
        "HTTP (TCP 80) does not get from the machine to {boot_host}: a firewall or the switch blocks it",
        "let TCP 80 through between {address} and {boot_host}",
        f"{_TROUBLE}#how-far-does-it-get",
        unseen=(Seen("http"),),
        missing="no request by HTTP",
    ),
    Rule(
        "other-script",
        ("ipxe",),
        "Another DHCP server's answer names another script for iPXE",
        f"{_PLAY}/dhcp_options.yml prints what it has to say to iPXE",
        _DHCP,
        unseen=(Seen("http"),),
        missing="no request by HTTP",
    ),
    Rule(
        "web-was-down",
        ("ipxe",),
        "The web server did not answer then, and does now",
        "restart the machine; journalctl -u kindling-web",
        f"{_TROUBLE}#on-the-boot-host",
        unseen=(Seen("http", file=SCRIPT),),
        missing="no request for the machine's script",
    ),
    # It has a script that sends it to its disk, or none of its own ---------------------------------------------------------------
    Rule(
        "misplaced",
        (),
        "The machine has the address {their}, and is only served at its flatcar_address {address}",
        "have the DHCP server reserve {address} for {macs}, and end its present lease; or set flatcar_address of {node}",
        _DHCP,
        seen=(Seen("http", script="misplaced|waiting"),),
        unseen=(Seen("http", script="own|ordered|installer"),),
        final=True,
    ),
    Rule(
        "unknown",
        (),
        "{boot_host} does not know this machine by its MAC address and its address {their}",
        f"compare flatcar_mac and flatcar_address of {{node}} with them, then {_PLAY}/site.yml",
        f"{_TROUBLE}#on-the-machines-screen",
        seen=(Seen("http", script="unknown"),),
        unseen=(Seen("http", script="own|ordered|installer"),),
        final=True,
    ),
    Rule(
        "half-written",
        (),
        "Its disk is half-written, so it is not started: an installation began and did not end",
        f"{_PLAY}/install.yml --limit {{node}} -e install_again=true",
        _INSTALLING,
        seen=(Seen("http", file=ORDERED, script="half-written"),),
        unseen=(Seen("http", script="installer|over"),),
        final=True,
    ),
    Rule(
        "order-unanswered",
        (),
        "No boot host says whether its disk is whole: {error}",
        "bring the boot host that armed it back; the machine asks for ever",
        _INSTALLING,
        seen=(Seen("ipxe", "failed", file="order", address=""),),
        unseen=(Seen("http", script="installer|over|half-written"),),
        final=True,
    ),
    Rule(
        "disk-does-not-start",
        ("script",),
        "Its own disk does not start, and it comes back to the network: {why}",
        "another flatcar_local_boot for {node}; or its disk has nothing to start: install it",
        f"{_TROUBLE}#on-the-machines-screen",
        seen=(_now("again"),),
        unseen=(Seen("dhcp", who="system"), Seen("http", script="ordered|installer")),
        final=True,
    ),
    Rule(
        "first-start-fails",
        ("system",),
        "It was installed, its system asks by DHCP, and it does not report that it runs: Ignition failed at its first start, or "
        "its report does not get through",
        "look at its console, which says why; `systemctl --failed` if it lets you log in",
        f"{_TROUBLE}#installing",
        seen=(_now("installed, not running"), Seen("dhcp", "ack", "system")),
        final=True,
    ),
    Rule(
        "boots-another-disk",
        ("script", "installed", "system"),
        "It was installed, and does not report that it runs: its firmware starts another disk, or what is installed does not start",
        "put the installed disk first in the firmware's boot order, or set flatcar_install_boot_entry; look at its console",
        f"{_TROUBLE}#installing",
        seen=(_now("installed, not running"),),
        final=True,
    ),
    Rule(
        "published-otherwise",
        ("script",),
        "What is published for it is not what the inventory says: {why}",
        f"{_PLAY}/site.yml; then restart the machine",
        f"{_TROUBLE}#what-statusyml-says-of-a-machine",
        seen=(_now("outdated"),),
        final=True,
    ),
    # Kernel and initrd -----------------------------------------------------------------------------------------------------------
    Rule(
        "quarantined",
        ("script", "kernel"),
        "The machine has an address of the quarantine range, which is not served releases: {their}",
        "its reservation is missing or new: run site.yml, and restart the machine",
        f"{_TROUBLE}#a-machine-gets-no-answer",
        seen=(Seen("http", file=IMAGE, status="403"),),
        final=True,
    ),
    Rule(
        "kernel-missing",
        ("script",),
        "The release is not on {boot_host}: {file}",
        f"{_PLAY}/images.yml",
        f"{_TROUBLE}#releases",
        seen=(Seen("http", file=KERNEL, status="404"),),
        final=True,
    ),
    Rule(
        "initrd-missing",
        ("script", "kernel"),
        "The release on {boot_host} is not whole: {file}",
        f"{_PLAY}/images.yml",
        f"{_TROUBLE}#releases",
        seen=(Seen("http", file=INITRD, status="404"),),
        final=True,
    ),
    Rule(
        "memory",
        ("script", "kernel", "initrd"),
        "The machine has too little RAM for the release: iPXE says {error}",
        "3 GB at least to boot Flatcar from the network",
        f"{_TROUBLE}#on-the-machines-screen",
        seen=(Seen("ipxe", "failed", file="kernel|initrd|boot", why="(0x)?(31|34)[0-9a-f]{6}", address=""),),
        final=True,
    ),
    Rule(
        "image-failed",
        ("script", "kernel", "initrd"),
        "iPXE could not fetch or start the release: {error}",
        "journalctl -u kindling-web; look at the port's error counters",
        f"{_TROUBLE}#on-the-machines-screen",
        seen=(Seen("ipxe", "failed", file="kernel|initrd|boot", address=""),),
        unseen=(Seen("ipxe", "failed", why="(0x)?(31|34)[0-9a-f]{6}"), Seen("http", file=IMAGE, status="4..")),
        final=True,
    ),
    Rule(
        "transfer-breaks",
        ("script", "kernel"),
        "The transfer of {file} breaks off after {size}: packets are lost, the NIC stalls, or the machine was switched off",
        "look at the port's error counters and its duplex; another flatcar_boot_program for {node}",
        f"{_TROUBLE}#how-far-does-it-get",
        seen=(Seen("http", file=f"{KERNEL}|{INITRD}", broken="True"),),
    ),
    Rule(
        "transfer-needs-memory",
        ("kernel",),
        "The machine has too little RAM to hold the initrd",
        "3 GB at least to boot Flatcar from the network",
        f"{_TROUBLE}#on-the-machines-screen",
        seen=(Seen("http", file=INITRD, broken="True"),),
    ),
    Rule(
        "silent-after-script",
        ("script",),
        "iPXE has its script, and fetches no kernel: the machine was switched off, or waits at its console",
        "look at its console",
        f"{_TROUBLE}#on-the-machines-screen",
        unseen=(Seen("http", file=IMAGE),),
        missing="no request for the kernel",
    ),
    Rule(
        "silent-after-kernel",
        ("kernel",),
        "iPXE stopped between kernel and initrd: the machine was switched off, or its NIC stalls",
        "look at its console",
        f"{_TROUBLE}#on-the-machines-screen",
        unseen=(Seen("http", file=INITRD),),
        missing="no request for the initrd",
    ),
    Rule(
        "said-by-another",
        (),
        "A machine at {their} says that a step of {node} failed, and does not have its address: it is forged, or the machine has "
        "that address",
        "look at which machine has {their}; nothing that it says is believed",
        f"{_TROUBLE}#how-far-does-it-get",
        seen=(Seen("ipxe", "failed", address=".+"),),
        unseen=(Seen("http", script="misplaced|waiting"),),
    ),
    # The system ------------------------------------------------------------------------------------------------------------------
    Rule(
        "memory-silent",
        ("initrd",),
        "The machine has too little RAM to unpack the initrd",
        "3 GB at least to boot Flatcar from the network",
        f"{_TROUBLE}#on-the-machines-screen",
        unseen=(Seen("dhcp", who="system", what="ack"), Seen("ipxe", "failed", file="kernel|initrd|boot")),
        missing="its system asks for nothing",
    ),
    Rule(
        "no-driver",
        ("initrd",),
        "This kernel has no driver for the NIC, or the NIC has no link in the system",
        "look at its console (`flatcar_console`); a newer release has newer drivers",
        f"{_TROUBLE}#on-the-machines-screen",
        unseen=(Seen("dhcp", who="system", what="ack"), Seen("ipxe", "failed", file="kernel|initrd|boot")),
        missing="its system asks for nothing",
    ),
    Rule(
        "kernel-stops",
        ("initrd",),
        "The kernel stops, or is not started: a panic, or Secure Boot",
        "look at its console: flatcar_console: ttyS0,115200n8",
        f"{_TROUBLE}#on-the-machines-screen",
        unseen=(Seen("dhcp", who="system", what="ack"), Seen("ipxe", "failed", file="kernel|initrd|boot")),
        missing="its system asks for nothing",
    ),
    Rule(
        "config-gone",
        ("initrd", "system"),
        "Ignition asks for a config that is no longer there: its script is older than what was published since, or it asks from "
        "another address",
        "restart the machine: it gets its present script",
        f"{_TROUBLE}#how-far-does-it-get",
        seen=(Seen("http", file=OWN_CONFIG, status="404|403"),),
        final=True,
    ),
    Rule(
        "arming-over",
        ("initrd", "system"),
        "Its arming ended before Ignition asked for the installer's config",
        f"{_PLAY}/install.yml --limit {{node}} -e install_expires=7200",
        _INSTALLING,
        seen=(Seen("http", file=INSTALLER_CONFIG, status="4.."),),
        final=True,
    ),
    Rule(
        "ignition-misses-disk",
        (),
        "Ignition waits for a disk that is not in the machine, in its stage {file}: {said}",
        f"correct the disk in the config of {{node}}: {_PLAY}/explain.yml --limit {{node}} shows where it comes from; then "
        f"{_PLAY}/site.yml, and restart the machine",
        f"{_TROUBLE}#on-the-machines-screen",
        seen=(_ignition_failed(_MISSING_DISK),),
        unseen=(_RUNNING,),
        final=True,
    ),
    Rule(
        "ignition-fetches-in-vain",
        (),
        "Ignition cannot fetch something that the config names, in its stage {file}: {said}",
        f"look at the URL in the config of {{node}}: {_PLAY}/explain.yml --limit {{node}}; it has to be reachable from {{network}}",
        f"{_TROUBLE}#on-the-machines-screen",
        seen=(_ignition_failed(_FETCHED_IN_VAIN),),
        unseen=(_RUNNING, Seen("http", file=CONFIG, status="4..")),
        final=True,
    ),
    Rule(
        "ignition-failed",
        (),
        "Ignition failed in its stage {file}, so the config does not fit the machine: {said}",
        f"correct the config of {{node}}: {_PLAY}/explain.yml --limit {{node}} shows where each line comes from; then "
        f"{_PLAY}/site.yml, and restart the machine",
        f"{_TROUBLE}#on-the-machines-screen",
        seen=(_ignition_failed(),),
        unseen=(
            _RUNNING,
            _ignition_failed(f"{_MISSING_DISK}|{_FETCHED_IN_VAIN}"),
            Seen("http", file=CONFIG, status="4.."),
        ),
        final=True,
    ),
    Rule(
        "ignition-blocked",
        ("system",),
        "Ignition cannot reach {boot_host}: its system has a lease of another NIC or server, without a way to {boot_host}",
        "look at which NICs have a link; TCP 80 has to be open from each network that they are in",
        f"{_TROUBLE}#how-far-does-it-get",
        unseen=(Seen("http", file=f"{OWN_CONFIG}|{ORDERED}"),),
        missing="no request for the config",
    ),
    Rule(
        "system-stops",
        ("system",),
        "The system stops before Ignition: look at what its console says",
        "flatcar_console: ttyS0,115200n8",
        f"{_TROUBLE}#on-the-machines-screen",
        unseen=(Seen("http", file=f"{OWN_CONFIG}|{ORDERED}"),),
        missing="no request for the config",
    ),
    # Silent after its config -----------------------------------------------------------------------------------------------------
    Rule(
        "report-refused",
        ("config", "started"),
        "It runs, and {boot_host} refuses its report: {status}",
        f"its token or address is not what is published: {_PLAY}/site.yml, then restart the machine",
        f"{_TROUBLE}#what-statusyml-says-of-a-machine",
        seen=(Seen("http", "PUT", status="4.."),),
        unseen=(Seen("report", "failed"),),
        final=True,
    ),
    Rule(
        "ignition-refuses",
        ("config",),
        "Silent after its config: Ignition failed, because the config does not fit the machine (a disk that is not there) or "
        "something that it names cannot be fetched; LTS 4081 cannot say so",
        f"look at its console, which says which stage and why; {_PLAY}/explain.yml --limit {{node}} shows the config",
        f"{_TROUBLE}#on-the-machines-screen",
        missing="no report after the config",
    ),
    Rule(
        "no-report",
        ("config",),
        "It runs, and its report does not get through, or what starts at boot fails",
        "log in to it: `systemctl --failed`, `journalctl -u kindling-report`",
        f"{_TROUBLE}#how-far-does-it-get",
        missing="no report after the config",
    ),
    Rule(
        "stops-after-config",
        ("config",),
        "The machine was switched off, or its system stopped",
        "look at its console",
        f"{_TROUBLE}#on-the-machines-screen",
        missing="no report after the config",
    ),
    Rule(
        "silent-while-installing",
        ("started",),
        "It fell silent while its disk is written: a disk that stalls, a network that is gone, or the power",
        f"look at its console; then {_PLAY}/install.yml --limit {{node}} -e install_again=true",
        _INSTALLING,
        missing="no report that the installation is complete",
    ),
    # It runs ---------------------------------------------------------------------------------------------------------------------
    Rule(
        "runs-another",
        ("running", "script"),
        "It runs, and not what the inventory says: {why}",
        "a machine in RAM: restart it; an installed one: install.yml",
        f"{_TROUBLE}#what-statusyml-says-of-a-machine",
        seen=(_now("drift", why="runs .*"),),
        final=True,
    ),
    Rule(
        "nobody-logs-in",
        ("running",),
        "It runs, and nobody can log in: no user of its config has an SSH key or a password",
        f"flatcar_authorized_keys for {{node}}, then {_PLAY}/site.yml; a machine in RAM: restart it, an installed one: install.yml",
        f"{_TROUBLE}#logging-in",
        seen=(_now("no login"),),
        final=True,
    ),
)

__all__ = ("RULES", "Rule")
