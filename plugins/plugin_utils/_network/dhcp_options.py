# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an existing DHCP server has to be configured with so that machines boot from a boot host, in each server's own syntax."""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.kindling.flatcar.plugins.module_utils._routes import routes

from .._boot.programs import boot_table, tag_of
from .._node import Node
from .networks import Network


@dataclass(frozen=True)
class Machine:
    """A machine's reservation."""

    name: str
    macs: tuple[str, ...]
    address: ipaddress.IPv4Address


@dataclass(frozen=True)
class Boot:
    """What one kind of firmware receives: its architecture's codes, and a file by TFTP or a URL."""

    tag: str
    codes: tuple[int, ...]
    file: str
    http: bool = False


@dataclass(frozen=True)
class Wanted:
    """Everything that a server has to know about one network. ``script`` is iPXE's, whatever firmware it runs on; it is empty,
    and there are no ``boots``, if the boot host itself announces what to boot."""

    subnet: ipaddress.IPv4Network
    server: ipaddress.IPv4Address
    script: str
    boots: tuple[Boot, ...]
    machines: tuple[Machine, ...]


def wanted(network: Network, nodes: Iterable[Node], defaults: Mapping[str, str]) -> Wanted:
    """What a server has to know about *network*, whose nodes are among *nodes*; *defaults* as for ``boot_table``."""
    base = f"http://{network.address}"
    own = [node for node in nodes if node.rack in network.racks]
    machines = [machine for node in own for machine in _machines(node)]
    by_itself = network.mode == "proxy"
    return Wanted(
        network.subnet,
        network.address,
        "" if by_itself else routes.url(base, routes.FIRST_SCRIPT),
        () if by_itself else tuple(_boots(base, defaults)),
        tuple(sorted(machines, key=lambda machine: machine.address)),
    )


def _machines(node: Node) -> Iterator[Machine]:
    """To a server, NICs with an address of their own are separate machines."""
    alike = tuple(mac for mac, address in node.nics() if address in (None, node.address))
    yield Machine(node.hostname, alike, node.address)
    for number, (mac, address) in enumerate(node.nics(), 1):
        if address not in (None, node.address):
            yield Machine(f"{node.hostname}-{number}", (mac,), address)


def choosers(network: Network, nodes: Iterable[Node]) -> list[str]:
    """Nodes that choose a boot program: a server's configuration by architecture cannot express that."""
    return sorted(node.name for node in nodes if node.rack in network.racks and tag_of(node.boot_program))


def _boots(base: str, defaults: Mapping[str, str]) -> Iterator[Boot]:
    for entry in boot_table(defaults, []):
        files = [row["file"] for row in entry["programs"] if all(tag.startswith("!") for tag in row["tags"])]
        for file in files:
            yield Boot(entry["tag"], tuple(entry["codes"]), file)
            if entry["http_codes"]:
                yield Boot(
                    f"{entry['tag']}-http",
                    tuple(entry["http_codes"]),
                    routes.url(base, routes.PROGRAMS, file),
                    http=True,
                )


def isc(wanted: Wanted) -> str:
    """For ISC dhcpd: what goes into ``dhcpd.conf``; a subnet that is there already takes what is in the braces."""
    lines = [f"subnet {wanted.subnet.network_address} netmask {wanted.subnet.netmask} {{"]
    if wanted.script:
        lines = [
            "option kindling-architecture code 93 = unsigned integer 16;",
            "option kindling-user-class code 77 = string;",
            *lines,
            f"  next-server {wanted.server};",
            '  if option kindling-user-class = "iPXE" {',
            f'    filename "{wanted.script}";',
        ]
    for boot in wanted.boots:
        tests = [f"option kindling-architecture = {code >> 8:02x}:{code & 255:02x}" for code in boot.codes]
        lines.append(f"  }} elsif {' or '.join(tests)} {{")
        if boot.http:
            lines.append('    option vendor-class-identifier "HTTPClient";')
        lines.append(f'    filename "{boot.file}";')
    lines += ["  }"] if wanted.script else []
    for machine in wanted.machines:
        for number, mac in enumerate(machine.macs, 1):
            name = machine.name if number == 1 else f"{machine.name}-{number}"
            lines.append(f"  host {name} {{ hardware ethernet {mac}; fixed-address {machine.address}; }}")
    return "\n".join([*lines, "}"]) + "\n"


def kea(wanted: Wanted) -> str:
    """For Kea: the members of ``Dhcp4``."""
    ipxe = _kea_class("kindling-ipxe", "substring(option[77].hex, 0, 4) == 'iPXE'", wanted.script)
    classes = [ipxe] if wanted.script else []
    for boot in wanted.boots:
        codes = " or ".join(f"option[93].hex == 0x{code:04x}" for code in boot.codes)
        made = _kea_class(f"kindling-{boot.tag}", f"({codes}) and not member('kindling-ipxe')", boot.file)
        made["next-server"] = str(wanted.server)
        if boot.http:
            made["option-data"] = [{"name": "vendor-class-identifier", "data": "HTTPClient", "always-send": True}]
        classes.append(made)
    reservations = [
        {"hw-address": mac, "ip-address": str(machine.address), "hostname": machine.name}
        for machine in wanted.machines
        for mac in machine.macs
    ]
    # Firmware, iPXE and the booting system may each have a client id of their own, and are one machine
    subnet = {"id": 1, "subnet": str(wanted.subnet), "match-client-id": False, "reservations": reservations}
    members = {
        **({"client-classes": classes} if classes else {}),
        "subnet4": [subnet],
        "ip-reservations-unique": all(len(machine.macs) == 1 for machine in wanted.machines),
    }
    return json.dumps(members, indent=2) + "\n"


def _kea_class(name: str, test: str, file: str) -> dict[str, Any]:
    return {"name": name, "test": test, "boot-file-name": file}


def dnsmasq(wanted: Wanted) -> str:
    """For dnsmasq."""
    lines = ["dhcp-match=set:ipxe,175", "dhcp-userclass=set:ipxe,iPXE", f"dhcp-boot=tag:ipxe,{wanted.script}"]
    lines = lines if wanted.script else []
    for boot in wanted.boots:
        lines += [f"dhcp-match=set:{boot.tag},option:client-arch,{code}" for code in boot.codes]
        if boot.http:
            lines.append(f"dhcp-option-force=tag:{boot.tag},option:vendor-class,HTTPClient")
        where = "" if boot.http else f",,{wanted.server}"
        lines.append(f"dhcp-boot=tag:!ipxe,tag:{boot.tag},{boot.file}{where}")
    lines += [
        f"dhcp-host={','.join(machine.macs)},id:*,{machine.address},{machine.name}" for machine in wanted.machines
    ]
    return "\n".join(lines) + "\n"


_IPXE = "ipxe"


def _classes(wanted: Wanted) -> Iterator[tuple[str, str, str, bool]]:
    """The classes of clients: a tag, what the client says it is, its boot file, and whether it fetches that by HTTP. iPXE, which
    says it as its user class, comes first; firmware says it as its vendor class.
    """
    if wanted.script:
        yield _IPXE, "iPXE", wanted.script, False
    for boot in wanted.boots:
        client = "HTTPClient" if boot.http else "PXEClient"
        for code in boot.codes:
            yield f"{boot.tag}-{code}", f"{client}:Arch:{code:05}", boot.file, boot.http


def mikrotik(wanted: Wanted) -> str:
    """For RouterOS 7, whose matchers inspect options; a machine has one lease there, for its first MAC address."""
    network = f'/ip dhcp-server network set [find address="{wanted.subnet}"] next-server={wanted.server}'
    lines = [network] if wanted.script else []
    for tag, value, file, http in _classes(wanted):
        name, option = f"kindling-{tag}", 77 if tag == _IPXE else 60
        lines.append(f"/ip dhcp-server option add name={name} code=67 value=\"s'{file}'\"")
        if http:
            lines.append(f"/ip dhcp-server option add name={name}-class code=60 value=\"s'HTTPClient'\"")
        options = f"{name},{name}-class" if http else name
        lines.append(f"/ip dhcp-server option sets add name={name} options={options}")
        lines.append(
            f"/ip dhcp-server matcher add name={name} server=SERVER address-pool=POOL code={option} "
            f'matching-type=substring value="{value}" option-set={name}'
        )
    for machine in wanted.machines:
        lease = f"address={machine.address} mac-address={machine.macs[0].upper()} comment={machine.name}"
        lines.append(f"/ip dhcp-server lease add {lease}")
    return "\n".join(lines) + "\n"


def windows(wanted: Wanted) -> str:
    """For Windows Server, as PowerShell: policies by vendor and user class, and reservations. An address has only one there."""
    scope = f"-ScopeId {wanted.subnet.network_address}"
    lines = []
    if any(boot.http for boot in wanted.boots):
        lines.append(
            "Add-DhcpServerv4OptionDefinition -OptionId 60 -Name ClassIdentifier -Type String -ErrorAction SilentlyContinue"
        )
    for order, (tag, data, file, http) in enumerate(_classes(wanted), 1):
        name = f"kindling-{tag}"
        kind, value = ("User", name) if tag == _IPXE else ("Vendor", f"{name}*")
        lines += [
            f'Add-DhcpServerv4Class -Name "{name}" -Type {kind} -Data "{data}"',
            f'Add-DhcpServerv4Policy -Name "{name}" {scope} -Condition OR -{kind}Class EQ,"{value}" -ProcessingOrder {order}',
        ]
        options = [(66, wanted.server), (67, file), *([(60, "HTTPClient")] if http else [])]
        lines += [
            f'Set-DhcpServerv4OptionValue {scope} -PolicyName "{name}" -OptionId {number} -Value "{text}"'
            for number, text in options
        ]
    lines += [
        f'Add-DhcpServerv4Reservation {scope} -IPAddress {machine.address} -ClientId "{machine.macs[0].replace(":", "-")}" '
        f'-Name "{machine.name}"'
        for machine in wanted.machines
    ]
    return "\n".join(lines) + "\n"


def opnsense(wanted: Wanted) -> str:
    """For OPNsense's Dnsmasq, as a file that its list of hosts imports; a machine has one entry there."""
    head = "host,domain,ip,client_id,hwaddr,lease_time,ignore,set_tag,descr,aliases"
    rows = [f"{machine.name},,{machine.address},,{machine.macs[0]},,,,," for machine in wanted.machines]
    return "\n".join([head, *rows]) + "\n"


def reservations(wanted: Wanted) -> str:
    """What has to be entered by hand: MAC address, address and name."""
    rows = [(mac, str(machine.address), machine.name) for machine in wanted.machines for mac in machine.macs]
    return "".join(f"{mac}  {address:15}  {name}\n" for mac, address, name in rows)


#: Servers whose pages offer one boot file, or one for each firmware, and none for iPXE, which would start itself forever.
_NEEDS_PROXY = (
    "it cannot tell iPXE from firmware, so the network needs mode: proxy, and its own network boot is switched off"
)

#: By the server's name: its language, and where the output belongs.
SERVERS: Mapping[str, tuple[Callable[[Wanted], str], str]] = {
    "isc": (isc, "ISC dhcpd: into dhcpd.conf; what is in the braces, into a subnet that is there already"),
    "kea": (kea, "Kea: these members into Dhcp4; the reservations, into a subnet that is there already"),
    "dnsmasq": (dnsmasq, "dnsmasq: into a file of dnsmasq.d"),
    "mikrotik": (
        mikrotik,
        "RouterOS 7: with your DHCP server's name for SERVER and its pool's for POOL, iPXE's matcher first",
    ),
    "windows": (
        windows,
        "Windows Server 2012 R2 and later: in PowerShell; a reservation is for the first MAC address of a machine",
    ),
    "opnsense": (
        opnsense,
        "OPNsense: Services, Dnsmasq DNS & DHCP, Hosts, import (a machine by its first MAC address); where it runs Kea or ISC, the "
        "static mappings of pfSense. "
        f"By these pages {_NEEDS_PROXY}",
    ),
    "pfsense": (reservations, f"pfSense: Services, DHCP Server, static mappings; {_NEEDS_PROXY}"),
    "unifi": (reservations, f"UniFi: of each client, the fixed IP address; {_NEEDS_PROXY}"),
}

#: How many machines are listed where they are not the main output.
_LISTED = 50


def to_reserve(networks: Iterable[Network], nodes: Iterable[Node]) -> list[str]:
    """What other DHCP servers have to reserve for *nodes*, network by network; empty if the boot host assigns the addresses."""
    nodes = list(nodes)
    texts = []
    for network in networks:
        if network.mode == "authoritative":
            continue
        lines = reservations(wanted(network, nodes, {})).splitlines()
        more = len(lines) - _LISTED
        texts += [
            f"{network.subnet} has mode {network.mode}: its DHCP server has to reserve, for machines that are served there alone:",
            *(f"  {line}" for line in lines[:_LISTED]),
            *([f"  and {more:,} more"] if more > 0 else []),
            "playbooks/dhcp_options.yml prints them in that server's own language"
            + ("" if network.mode == "proxy" else ", and what it has to announce for booting"),
        ]
    return texts


_NOTHING_TO_TELL = (
    "# The boot host gives the addresses here, and no other DHCP server has to be told anything. One that runs here all the same\n"
    "# must answer none of these machines, and is named in other_dhcp_servers. To leave the addresses to it: mode: proxy, which\n"
    "# needs a reservation of each machine's flatcar_address there and no more, or mode: none, by which it tells what to boot.\n"
)
_RESERVATIONS_ALONE = (
    "# Reservations alone: what to boot is told by this boot host, and must not be told by the other server, too\n"
)


def printed(network: Network, nodes: Iterable[Node], defaults: Mapping[str, str], server: str | None = None) -> str:
    """The output for the operator of another DHCP server, for all servers or one."""
    nodes = list(nodes)
    head = f"# {network.subnet}: {', '.join(network.racks)}, mode {network.mode}\n"
    if network.mode == "authoritative":
        return head + _NOTHING_TO_TELL
    known = wanted(network, nodes, defaults)
    blocks = [head + (_RESERVATIONS_ALONE if network.mode == "proxy" else "")]
    strays = choosers(network, nodes)
    if strays and network.mode != "proxy":
        blocks.append(
            f"# Not included below: {', '.join(strays)} chose a boot program of their own (flatcar_boot_program)\n"
        )
    blocks.append(
        f"# Where a machine has other NICs, too: send the classless static route {known.server}/32 (option 121, with the\n"
        "# default route repeated) to those below and to no others; by these it reaches the boot host then, whichever lease\n"
        "# came first\n"
    )
    blocks += [f"# ---- {where}\n{write(known)}" for name, (write, where) in SERVERS.items() if server in (None, name)]
    return "\n".join(blocks)


__all__ = (
    "SERVERS",
    "Boot",
    "Machine",
    "Wanted",
    "choosers",
    "dnsmasq",
    "isc",
    "kea",
    "mikrotik",
    "opnsense",
    "printed",
    "reservations",
    "to_reserve",
    "wanted",
    "windows",
)
