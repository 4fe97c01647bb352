# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What dnsmasq and the packet filter receive about the nodes."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator

from ansible_collections.kindling.flatcar.plugins.module_utils._routes import routes

from .._network.networks import Network
from .._node import Node
from .places import network_of

#: Host names that dnsmasq would read in a reservation as a lease time, or as one of its keywords. A dot at the end says that it is
#: a name, and is no part of it.
_NO_NAME_TO_DNSMASQ = re.compile(r"[0-9]+[smhdw]?|infinite|ignore")


def reservations(nodes: Iterable[Node], networks: Iterable[Network]) -> dict[str, str]:
    """One address for one machine, whatever client id its firmware, iPXE and system send (``id:*``).

    The host's packet filter receives all MAC addresses and addresses.
    """
    nodes = list(nodes)
    dhcp, dns = [], []
    for node in nodes:
        domain = node.domain or network_of(node, networks).domain
        name = f"{node.hostname}." if _NO_NAME_TO_DNSMASQ.fullmatch(node.hostname) else node.hostname
        dhcp += [",".join(words) + "\n" for words in _reservation(node, network_of(node, networks), name)]
        dns.append(f"{node.address} {f'{node.hostname}.{domain} ' if domain else ''}{node.hostname}\n")
    return {
        routes.DHCP_HOSTS: "".join(sorted(dhcp)),
        routes.DNS_HOSTS: "".join(sorted(dns)),
        routes.KNOWN: "".join(_known(nodes)),
    }


def _known(nodes: Collection[Node]) -> Iterator[str]:
    macs = {f"0x{mac.replace(':', '')}" for node in nodes for mac in node.mac}
    addresses = {str(address) for node in nodes for address in (node.address, *node.more_addresses)}
    for name, elements in (("known", macs), ("addresses", addresses)):
        if elements:
            yield f"add element inet kindling_dhcp {name} {{ {', '.join(sorted(elements))} }}\n"


def _reservation(node: Node, network: Network, name: str) -> Iterator[tuple[str, ...]]:
    """dnsmasq gives an address of two NICs to the one that asks, while the other still has it. Where it assigns none, both may
    ask."""
    if network.mode != "authoritative":
        yield (*node.mac, "id:*", str(node.address), name)
        return
    for mac, address in node.nics():
        if address == node.address:
            yield (mac, "id:*", str(address), name)
        else:
            yield (mac, "id:*", str(address)) if address else (mac, "ignore")


__all__ = ("reservations",)
