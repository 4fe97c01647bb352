"""A fleet: the nodes that one boot host serves, and the files that they boot."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from . import ipxe
from .butane import dumps, translate
from .networks import Network
from .node import Node, to_butane
from .problems import InventoryError, Problem


def network_of(node: Node, networks: Iterable[Network]) -> Network | None:
    return next((network for network in networks if node.rack in network.racks), None)


def check_fleet(nodes: Iterable[Node], networks: Iterable[Network]) -> list[Problem]:
    """What is wrong with *nodes* taken together, and with their places on *networks*."""
    nodes, networks = list(nodes), list(networks)
    problems = [problem for node in nodes for problem in _check_place(node, networks)]
    problems += _duplicates("flatcar_mac", ((mac, node) for node in nodes for mac in node.mac))
    problems += _duplicates("flatcar_address", ((node.address, node) for node in nodes))
    problems += _duplicates("flatcar_hostname", (((node.hostname, node.domain), node) for node in nodes))
    return problems


def _check_place(node: Node, networks: Iterable[Network]) -> Iterable[Problem]:
    network = network_of(node, networks)
    if network is None:
        return
    taken = {
        network.subnet.network_address: "the network's own address",
        network.subnet.broadcast_address: "the network's broadcast address",
        network.address: "the boot host's address",
        network.gateway: "the gateway's address",
    }
    if node.address not in network.subnet:
        yield Problem(
            node.name, "flatcar_address", f"{node.address} is outside of {node.rack}'s network {network.subnet}"
        )
    elif node.address in taken:
        yield Problem(node.name, "flatcar_address", f"{node.address} is {taken[node.address]}: choose another")


def _duplicates(variable: str, owners: Iterable[tuple[Any, Node]]) -> Iterable[Problem]:
    names: dict[Any, list[str]] = defaultdict(list)
    for value, node in owners:
        names[value].append(node.name)
    for value, holders in names.items():
        for name in holders[1:]:
            shown = value[0] if isinstance(value, tuple) else value
            yield Problem(name, variable, f"{shown} belongs to {holders[0]} already")


def wanted_images(nodes: Iterable[Node]) -> list[dict[str, str]]:
    """The releases that *nodes* need from the boot host, each once."""
    unique = {tuple(sorted(node.image().items())) for node in nodes if node.boot_mode != "disk"}
    return [dict(image) for image in sorted(unique)]


def build_files(
    nodes: Iterable[Node],
    networks: Iterable[Network],
    versions: Callable[[Mapping[str, str]], str],
    files_dir: str | None = None,
    origin_of: Callable[[Any], Any] | None = None,
) -> dict[str, str]:
    """The generation's files by their path: scripts and configs below ``web/``, reservations below ``dnsmasq/``.

    *versions* tells the exact release for the one that a node asks for. Raises ``InventoryError``.
    """
    nodes, networks = list(nodes), list(networks)
    files = {"web/boot.ipxe": ipxe.first_script(), "web/ipxe/unknown.ipxe": ipxe.unknown_script()}
    problems: list[Problem] = []
    for node in nodes:
        network = network_of(node, networks)
        script = _script(node, network, versions)
        files |= {f"web/ipxe/{mac.replace(':', '-')}.ipxe": script for mac in node.mac}
        result = translate(to_butane(node), files_dir=files_dir, strict=True, origin_of=origin_of)
        problems += [Problem(node.name, entry.path, entry.message, origin=entry.origin) for entry in result.report]
        if result.config is not None and node.boot_mode != "disk":
            files[f"web/ignition/{node.address}.ign"] = dumps(result.config)
    if problems:
        raise InventoryError(problems)
    return files | _reservations(nodes, networks)


def _script(node: Node, network: Network, versions: Callable[[Mapping[str, str]], str]) -> str:
    if node.boot_mode == "disk":
        return ipxe.disk_script(node.name)
    version, base = versions(node.image()), f"http://{network.address}"
    images, config = f"{base}/images/{node.board}/{version}", f"{base}/ignition/config.ign"
    return ipxe.ram_script(node.name, version, images, config, node.kernel_arguments)


def _reservations(nodes: Iterable[Node], networks: Iterable[Network]) -> dict[str, str]:
    """One address for one machine, whatever client id its firmware, iPXE and system send (``id:*``)."""
    dhcp, dns = [], []
    for node in nodes:
        domain = node.domain or network_of(node, networks).domain
        dhcp.append(f"{','.join(node.mac)},id:*,{node.address},{node.hostname}\n")
        dns.append(f"{node.address} {f'{node.hostname}.{domain} ' if domain else ''}{node.hostname}\n")
    return {"dnsmasq/dhcp-hosts": "".join(sorted(dhcp)), "dnsmasq/dns-hosts": "".join(sorted(dns))}


__all__ = ("build_files", "check_fleet", "network_of", "wanted_images")
