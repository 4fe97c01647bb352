"""What an existing DHCP server has to be told so that it sends machines to a boot host, in four servers' own languages."""

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
    """What one kind of firmware is told: its architecture's codes, and a file by TFTP or a URL."""

    tag: str
    codes: tuple[int, ...]
    file: str
    http: bool = False


@dataclass(frozen=True)
class Wanted:
    """All that a server has to know of one network. ``script`` is iPXE's, whatever firmware it runs on."""

    subnet: ipaddress.IPv4Network
    server: ipaddress.IPv4Address
    script: str
    boots: tuple[Boot, ...]
    machines: tuple[Machine, ...]


def wanted(network: Network, nodes: Iterable[Node], defaults: Mapping[str, str]) -> Wanted:
    """What a server has to know of *network*, whose nodes are among *nodes*; *defaults* as for ``boot_table``."""
    base = f"http://{network.address}"
    own = [node for node in nodes if node.rack in network.racks]
    machines = [machine for node in own for machine in _machines(node)]
    return Wanted(
        network.subnet,
        network.address,
        routes.url(base, routes.FIRST_SCRIPT),
        tuple(_boots(base, defaults)),
        tuple(sorted(machines, key=lambda machine: machine.address)),
    )


def _machines(node: Node) -> Iterator[Machine]:
    """NICs with an address of their own are machines of their own to a server."""
    alike = tuple(mac for mac, address in node.nics() if address in (None, node.address))
    yield Machine(node.hostname, alike, node.address)
    for number, (mac, address) in enumerate(node.nics(), 1):
        if address not in (None, node.address):
            yield Machine(f"{node.hostname}-{number}", (mac,), address)


def choosers(network: Network, nodes: Iterable[Node]) -> list[str]:
    """Nodes that choose a boot program: a server's configuration by architecture cannot say so."""
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
    lines = [
        "option kindling-architecture code 93 = unsigned integer 16;",
        "option kindling-user-class code 77 = string;",
        f"subnet {wanted.subnet.network_address} netmask {wanted.subnet.netmask} {{",
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
    lines.append("  }")
    for machine in wanted.machines:
        for number, mac in enumerate(machine.macs, 1):
            name = machine.name if number == 1 else f"{machine.name}-{number}"
            lines.append(f"  host {name} {{ hardware ethernet {mac}; fixed-address {machine.address}; }}")
    return "\n".join([*lines, "}"]) + "\n"


def kea(wanted: Wanted) -> str:
    """For Kea: the members of ``Dhcp4``."""
    classes = [_kea_class("kindling-ipxe", "substring(option[77].hex, 0, 4) == 'iPXE'", wanted.script)]
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
    members = {
        "client-classes": classes,
        "subnet4": [{"id": 1, "subnet": str(wanted.subnet), "reservations": reservations}],
        "ip-reservations-unique": all(len(machine.macs) == 1 for machine in wanted.machines),
    }
    return json.dumps(members, indent=2) + "\n"


def _kea_class(name: str, test: str, file: str) -> dict[str, Any]:
    return {"name": name, "test": test, "boot-file-name": file}


def dnsmasq(wanted: Wanted) -> str:
    """For dnsmasq."""
    lines = ["dhcp-match=set:ipxe,175", "dhcp-userclass=set:ipxe,iPXE", f"dhcp-boot=tag:ipxe,{wanted.script}"]
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


def mikrotik(wanted: Wanted) -> str:
    """For RouterOS 7, whose matchers look into options; one machine has one lease there, that of its first MAC address."""
    lines = [f'/ip dhcp-server network set [find address="{wanted.subnet}"] next-server={wanted.server}']
    rows = [("ipxe", 77, "iPXE", wanted.script, False)]
    for boot in wanted.boots:
        client = "HTTPClient" if boot.http else "PXEClient"
        rows += [(f"{boot.tag}-{code}", 60, f"{client}:Arch:{code:05}", boot.file, boot.http) for code in boot.codes]
    for tag, option, value, file, http in rows:
        name = f"kindling-{tag}"
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


#: By the server's name: its language, and where what is printed belongs.
SERVERS: Mapping[str, tuple[Callable[[Wanted], str], str]] = {
    "isc": (isc, "ISC dhcpd: into dhcpd.conf; what is in the braces, into a subnet that is there already"),
    "kea": (kea, "Kea: these members into Dhcp4; the reservations, into a subnet that is there already"),
    "dnsmasq": (dnsmasq, "dnsmasq: into a file of dnsmasq.d"),
    "mikrotik": (
        mikrotik,
        "RouterOS 7: with your DHCP server's name for SERVER and its pool's for POOL, iPXE's matcher first",
    ),
}


def printed(network: Network, nodes: Iterable[Node], defaults: Mapping[str, str], server: str | None = None) -> str:
    """What the operator of another DHCP server is told, for all servers or one."""
    nodes = list(nodes)
    known = wanted(network, nodes, defaults)
    blocks = [f"# {network.subnet}: {', '.join(network.racks)}, mode {network.mode}\n"]
    strays = choosers(network, nodes)
    if strays:
        blocks.append(
            f"# Not told below: {', '.join(strays)} chose a boot program of their own (flatcar_boot_program)\n"
        )
    blocks.append(
        f"# Where a machine has other NICs, too: send the classless static route {known.server}/32 (option 121, with the\n"
        "# default route repeated) to those below and to no others; by these it reaches the boot host then, whichever lease\n"
        "# came first\n"
    )
    blocks += [f"# ---- {where}\n{write(known)}" for name, (write, where) in SERVERS.items() if server in (None, name)]
    return "\n".join(blocks)


__all__ = ("SERVERS", "Boot", "Machine", "Wanted", "choosers", "dnsmasq", "isc", "kea", "mikrotik", "printed", "wanted")
