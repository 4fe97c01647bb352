# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tree of files that a boot host serves its nodes."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any

from ansible_collections.kindling.flatcar.plugins.module_utils._arming.arming import digest_of
from ansible_collections.kindling.flatcar.plugins.module_utils._ipxe import ipxe
from ansible_collections.kindling.flatcar.plugins.module_utils._routes import routes

from .._butane import dumps
from .._disks.losses import losses
from .._install import config_digest, with_report
from .._install.terms import terms_of
from .._network.networks import Network
from .._node import Node, kernel_line
from .places import name_of, network_of
from .redact import redacted
from .reservations import reservations

Versions = Callable[[Mapping[str, str]], str]
"""Returns the exact release for the one that a node asks for."""


SecretsOf = Callable[[str], Collection[str]]
"""Returns the strings from vaults that the inventory has for a node."""


def wanted_images(nodes: Iterable[Node]) -> list[dict[str, Any]]:
    """The releases that *nodes* need from the boot host, each once; ``install`` if a node needs the disk image too."""
    wanted: dict[tuple, bool] = {}
    for node in nodes:
        if node.boot_mode != "disk":
            image = tuple(sorted(node.image().items()))
            wanted[image] = wanted.get(image, False) or node.boot_mode == "install"
    return [dict(image) | {"install": install} for image, install in sorted(wanted.items())]


def build_files(
    nodes: Iterable[Node],
    networks: Iterable[Network],
    versions: Versions,
    configs: Mapping[str, dict[str, Any]],
    key: bytes,
    secrets_of: SecretsOf,
    signed_by: str | None = None,
) -> dict[str, str]:
    """The generation's files by their path: scripts and configs below ``web/``, reservations below ``dnsmasq/``, the index, which
    tells programs what is published, and configs that are not served, without secrets, for people.

    A script is stored under the address that may have it; a config under an unguessable name, for that address and for the node's
    network. What the web server checks before it serves an installer or accepts a report are files whose presence means yes.
    *key* is the boot host's, for ``config_token_of`` and ``report_token_of``; *signed_by* is what orders have about the image
    signing key (``terms_of``).
    """
    nodes, networks = list(nodes), list(networks)
    files = {
        routes.served(routes.FIRST_SCRIPT): ipxe.first_script(),
        routes.served(routes.UNKNOWN_SCRIPT): ipxe.unknown_script(),
        routes.served(routes.OVER_SCRIPT): ipxe.over_script(),
        routes.served(routes.WAITING_SCRIPT): ipxe.misplaced_unfinished_script(),
    }
    index = {}
    for node in nodes:
        network = network_of(node, networks)
        report_token = report_token_of(key, node.name)
        served = _served_config(node, network, configs[node.name], report_token)
        token = config_token_of(key, node.name, served) if served else None
        script = build_script(node, network, versions, token)
        for mac, address in node.nics():
            own = address or node.address
            local = ipxe.local_boot(node.local_boot, f"http://{network.address}")
            files[routes.script_file(own, mac)] = script
            files[routes.misplaced_file(mac)] = ipxe.misplaced_script(node.hostname, str(own), local)
        if served:
            # Flatcar uses DHCP on every NIC, and fetches its config through whichever got its lease first
            own = (routes.config_file(token, address) for address in (node.address, *node.more_addresses))
            files |= dict.fromkeys((*own, routes.nearby_file(token, name_of(network))), served)
        else:
            files[f"{routes.SHOWN}/{node.address}.yml"] = redacted(configs[node.name], secrets_of(node.name), key)
        entry = _index_entry(node, versions, configs[node.name], report_token)
        if node.boot_mode == "install" and not network.standby:
            entry["order"] = _terms(node, network, versions, configs[node.name], signed_by)
            files[routes.order_file(node.address, digest_of(entry["order"]))] = f"{node.name}\n"
        for address in (node.address, *node.more_addresses):
            files[routes.reporter_file(report_token, name_of(network), address)] = f"{node.name}\n"
        lost = [loss._asdict() for loss in losses(node, configs[node.name])]
        index[node.name] = entry | ({"losses": lost} if lost else {})
    files |= {routes.taken_file(address): f"{whose}\n" for address, whose in _taken(nodes, networks)}
    files[routes.INDEX] = json.dumps({"nodes": index}, indent=0, sort_keys=True) + "\n"
    return files | reservations(nodes, networks)


def _served_config(node: Node, network: Network, config: Mapping[str, Any], report_token: str) -> str | None:
    """The text that a node in RAM receives; all others have theirs on their disks."""
    if node.boot_mode != "ram":
        return None
    return dumps(with_report(config, name=node.name, hosts=[f"http://{network.address}"], token=report_token))


def config_token_of(key: bytes, name: str, served: str) -> str:
    """The unguessable part of the URL of a node's config, whose text is *served*. A new text gets a new URL, so that a script and
    the config that it was made with belong together, however often something is published while a machine boots.
    """
    return _token(key, f"config {name} {hashlib.sha256(served.encode()).hexdigest()}")


def report_token_of(key: bytes, name: str) -> str:
    """The token that a node reports with. It survives every change of its config, and a boot host that was rebuilt with the old
    *key*."""
    return _token(key, f"report {name}")


def _token(key: bytes, text: str) -> str:
    digest = hmac.digest(key, text.encode(), "sha256")
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def _terms(
    node: Node, network: Network, versions: Versions, config: Mapping[str, Any], signed_by: str | None
) -> dict[str, Any]:
    """What an order for *node* has to match."""
    return terms_of(
        node,
        version=versions(node.image()),
        config=config_digest(config),
        host=f"http://{network.address}",
        peer=f"http://{network.peer_address}" if network.peer_address else None,
        signed_by=signed_by,
    )


def _taken(nodes: Iterable[Node], networks: Iterable[Network]) -> Iterator[tuple[Any, str]]:
    """Addresses that only their owner reports from; those that machines boot from have their scripts."""
    for network in networks:
        for whose, address in (
            ("this boot host", network.address),
            ("the other boot host", network.peer_address),
            ("the gateway", network.gateway),
            ("the relay", network.relay),
        ):
            if address:
                yield address, whose
    for node in nodes:
        own = (node.address, *node.more_addresses)
        yield from ((address, node.name) for address in node.addresses() if address not in own)


def build_script(node: Node, network: Network, versions: Versions, token: str | None) -> str:
    """The node's iPXE script. One that is to be installed is sent to its own disk, like any node that is not in RAM."""
    base = f"http://{network.address or '(the boot host)'}"
    local = ipxe.local_boot(node.local_boot, base)
    if node.boot_mode != "ram":
        return ipxe.disk_script(node.hostname, local)
    version = versions(node.image())
    images = routes.url(base, routes.IMAGES, node.board, version)
    peer = routes.url(f"http://{network.peer_address}", routes.FIRST_SCRIPT) if network.peer_address else None
    return ipxe.ram_script(
        node.hostname, version, images, routes.config_url(base, token), kernel_line(node), local, peer
    )


def _index_entry(node: Node, versions: Versions, config: Mapping[str, Any], report_token: str) -> dict[str, Any]:
    """``version`` is the exact release that the boot host serves; for a node on its disk, the one that it asks for. ``token`` is
    the SHA-256 of the one that it reports with."""
    return {
        "mode": node.boot_mode,
        "rack": node.rack,
        "address": str(node.address),
        "macs": list(node.mac),
        "hostname": node.hostname,
        "board": node.board,
        "channel": node.channel,
        "version": node.version if node.boot_mode == "disk" else versions(node.image()),
        "config": config_digest(config),
        "token": hashlib.sha256(report_token.encode()).hexdigest(),
    }


__all__ = (
    "SecretsOf",
    "Versions",
    "build_files",
    "build_script",
    "config_token_of",
    "report_token_of",
    "wanted_images",
)
