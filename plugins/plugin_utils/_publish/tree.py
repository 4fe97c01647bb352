# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A fleet: the nodes that one boot host serves, and the files that they boot."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import hmac
import json
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any

from ansible_collections.kindling.flatcar.plugins.module_utils._arming.arming import digest_of
from ansible_collections.kindling.flatcar.plugins.module_utils._ipxe import ipxe
from ansible_collections.kindling.flatcar.plugins.module_utils._routes import routes

from .._butane import dumps, translate
from .._butane.local_configs import with_local_configs
from .._disks.disk_names import world_identities
from .._disks.losses import losses, unnamed_in_ram
from .._disks.owners import duplicates, installed_disks, problem_of, said_of_disk, variable_of_address
from .._disks.storage import Storage
from .._final import contents, impossible, remarks, two_sides, unit_files
from .._final.configs import configs_in, has_unread
from .._final.two_sides import contradictions
from .._install import check_config, config_digest, with_report
from .._install.terms import terms_of
from .._network.networks import VARIABLE, Network
from .._node import FRAGMENT, Node, check_butane, kernel_line, merge_layers, variable_of
from .._node.provenance import OriginOf, source_at, traced_butane
from .._schema.problem import Problem
from . import config_words
from .redact import shown

#: Host names that dnsmasq would read in a reservation as a lease's time, or as a word of its own.
_NO_NAME_TO_DNSMASQ = re.compile(r"[0-9]+[smhdw]?|infinite|ignore")

Versions = Callable[[Mapping[str, str]], str]
"""Tells the exact release for the one that a node asks for."""

SecretsOf = Callable[[str], Collection[str]]
"""Tells the texts out of vaults that the inventory has for a node."""


def network_of(node: Node, networks: Iterable[Network]) -> Network | None:
    return next((network for network in networks if node.rack in network.racks), None)


def check_racks(nodes: Iterable[Node], racks: Collection[str]) -> list[Problem]:
    """Nodes in racks that stand on no boot host's network: nothing would answer them."""
    message = f"no boot host has this rack in its {VARIABLE}; they have {', '.join(sorted(map(str, racks))) or 'none'}"
    return [problem_of(node, "flatcar_rack", f"{node.rack}: {message}") for node in nodes if node.rack not in racks]


def check_fleet(nodes: Iterable[Node], networks: Iterable[Network]) -> list[Problem]:
    """What is wrong with the places of *nodes* on *networks*, and with their addresses and names taken together."""
    nodes, networks = list(nodes), list(networks)
    problems = [problem for node in nodes for problem in _check_place(node, networks)]
    problems += duplicates("flatcar_address", _places(nodes, networks))
    problems += duplicates("flatcar_hostname", (((node.hostname, node.domain), node) for node in nodes))
    return problems


def _places(nodes: Iterable[Node], networks: Iterable[Network]) -> Iterator[tuple[Any, Node]]:
    """Addresses with the network that they are on: racks may use the same private ones behind their own switches."""
    for node in nodes:
        network = network_of(node, networks)
        yield from (((address, network and network.subnet), node) for address in node.addresses())


def _check_place(node: Node, networks: Iterable[Network]) -> Iterator[Problem]:
    network = network_of(node, networks)
    if network is None:
        return
    for address in (node.address, *node.more_addresses):
        if address not in network.subnet:
            message = f"{address} is outside of {node.rack}'s network {network.subnet}"
            yield problem_of(node, variable_of_address(node, address), message)
    for address in node.addresses():
        whose = _whose(address, network)
        if whose:
            variable = variable_of_address(node, address)
            yield problem_of(node, variable, f"{address} is {whose}: choose another")


def _whose(address: Any, network: Network) -> str | None:
    """To whom else an address on *network* belongs."""
    taken = {
        network.subnet.network_address: "the network's own address",
        network.subnet.broadcast_address: "the network's broadcast address",
        network.address: "the boot host's address",
        network.relay: "the relay's address",
        network.gateway: "the gateway's address",
        network.peer_address: f"the address of the other boot host, {network.peer}",
    }
    if address in taken:
        return taken[address]
    for held in network.reserved:
        if address.version == held.first.version and held.holds(address):
            return f"reserved ({held}, by {VARIABLE})"
    return None


def wanted_images(nodes: Iterable[Node]) -> list[dict[str, Any]]:
    """The releases that *nodes* need from the boot host, each once; ``install`` where a node needs the disk image too."""
    wanted: dict[tuple, bool] = {}
    for node in nodes:
        if node.boot_mode != "disk":
            image = tuple(sorted(node.image().items()))
            wanted[image] = wanted.get(image, False) or node.boot_mode == "install"
    return [dict(image) | {"install": install} for image, install in sorted(wanted.items())]


def build_config(
    node: Node, files_dir: str | None = None, origin_of: OriginOf | None = None
) -> tuple[dict[str, Any] | None, list[Problem]]:
    """The node's Ignition config, or None and all that is wrong with its Butane."""
    butane, problems = merge_layers(node)
    readable, refused = with_local_configs(butane, files_dir)
    result = translate(readable, files_dir=files_dir, strict=True, origin_of=origin_of)
    found = [(f"$.{one.path}", one.message, one.origin) for one in refused]
    found += [(entry.path, entry.message, entry.origin) for entry in result.report]
    found += [(f"$.{path}", message, None) for path, message in check_butane(node, butane)]
    if result.config and not refused:
        wrong = _config_mistakes(node, result.config)
        found += [(_path_of(path, result.authors_path), message, None) for path, message in wrong]
    problems += _with_sources(node, found, origin_of or (lambda _value: None))
    problems += _said_twice(node, butane, origin_of or (lambda _value: None))
    return (None if problems else result.config), problems


def _said_twice(node: Node, butane: Mapping[str, Any], origin_of: OriginOf) -> Iterator[Problem]:
    """What a variable and a fragment both say, with the places of both."""
    for one in contradictions(node, butane):
        if one.variables:
            found = [(f"$.{one.path}", two_sides.message(one), None)]
            for problem in _with_sources(node, found, origin_of):
                yield dataclasses.replace(problem, other=node.given[one.variables[0]])


def _config_mistakes(node: Node, config: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What is wrong with a config that is right for the transpiler."""
    yield from config_words.mistakes(config)
    yield from check_config(config)
    storage = Storage(node, config)
    yield from storage.mistakes()
    configs, wrong = configs_in(node, config)
    yield from wrong
    if not wrong:  # what cannot be read is no second mistake
        yield from unnamed_in_ram(node, storage)
    yield from impossible.mistakes(node, configs, storage)
    for one in configs:
        yield from config_words.mistakes_within(one)
        yield from contents.mistakes(one)
        yield from unit_files.mistakes(one)


def remarks_on(node: Node, config: Mapping[str, Any], origin_of: OriginOf | None = None) -> list[tuple[Problem, bool]]:
    """What people should know of a right *config*, each with whether it is a placeholder, which is not published."""
    configs, _wrong = configs_in(node, config)
    found = list(remarks.remarks(node, configs, unread=has_unread(configs)))
    places = [(_path_of(one.path), one.message, None) for one in found]
    problems = _with_sources(node, places, origin_of or (lambda _value: None))
    return list(zip(problems, (one.placeholder for one in found), strict=True))


def _path_of(path: str, authors_path: Callable[[tuple], tuple] = lambda path: path) -> str:
    """A variable as it is; a path of the final config as the author's, who wrote a tree where there are files now."""
    if path.startswith("flatcar_"):
        return path
    steps = tuple(int(step) if step.isdecimal() else step for step in path.split("."))
    return ".".join(map(str, ("$", *authors_path(steps))))


def check_disks_of_others(
    nodes: Iterable[Node], configs: Iterable[tuple[Node, Mapping[str, Any]]], origin_of: OriginOf | None = None
) -> list[Problem]:
    """What configs do to disks that other machines are installed to: on a SAN, it is the other's system that is lost."""
    owners = installed_disks(nodes)
    problems = []
    for node, config in configs if owners else ():
        for path, message, first in _taken_from_others(node, Storage(node, config), owners):
            found = _with_sources(node, [(f"$.{path}", message, None)], origin_of or (lambda _value: None))
            problems += [dataclasses.replace(problem, other=said_of_disk(first)) for problem in found]
    return problems


def _taken_from_others(node: Node, storage: Storage, owners: Mapping[str, Node]) -> Iterator[tuple[str, str, Node]]:
    told = set()
    for use in storage.uses:
        for place in storage.places(use.device) if use.loss else ():
            names = sorted(world_identities(place.disk))
            first = next((owners[name] for name in names if owners.get(name, node).name != node.name), None)
            if first and (use.path, place.disk) not in told:
                told.add((use.path, place.disk))
                yield use.path, f"{place.disk} is the disk that {first.name} is installed to: {use.loss}", first


def _with_sources(node: Node, found: Iterable[tuple[str, str, Any]], origin_of: OriginOf) -> list[Problem]:
    """Problems at paths of the merged config, each with the variable that says what stands there and its place.

    Where nothing else is known of a place, it is that of the machine's own MAC address.
    """
    found = list(found)
    traced = traced_butane(node, origin_of) if found else {}
    problems = []
    for path, message, origin in found:
        if path.startswith("flatcar_"):
            problems.append(_of_variable(node, path, message))
            continue
        source = source_at(traced, path.split(".")[1:])
        if source and source.variable:
            own = origin if FRAGMENT.fullmatch(source.variable) else None  # what we made ourselves stands nowhere
            path, origin = f"{source.variable}: {path}", own or source.origin
        problems.append(Problem(node.name, path, message, node.given["flatcar_mac"], origin))
    return problems


def _of_variable(node: Node, path: str, message: str) -> Problem:
    return Problem(node.name, path, message, node.given.get(variable_of(path)) or node.given["flatcar_mac"])


def build_files(
    nodes: Iterable[Node],
    networks: Iterable[Network],
    versions: Versions,
    configs: Mapping[str, dict[str, Any]],
    key: bytes,
    secrets_of: SecretsOf,
    signed_by: str | None = None,
) -> dict[str, str]:
    """The generation's files by their path: scripts and configs below ``web/``, reservations below ``dnsmasq/``, the index,
    which tells programs what is published, and configs that are not served, without secrets, for people.

    A script lies below the address that may have it; a config below a name that nobody can guess, for that address and for the
    node's network. What the web
    server asks for before it gives an installer or takes a report are files whose presence says yes. *key* is the boot host's,
    for ``config_token_of`` and ``report_token_of``; *signed_by* is what orders have of the key of images (``terms_of``).
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
            # Flatcar asks DHCP on every NIC, and by whichever lease came first for its config
            own = (routes.config_file(token, address) for address in (node.address, *node.more_addresses))
            files |= dict.fromkeys((*own, routes.nearby_file(token, name_of(network))), served)
        else:
            files[f"{routes.SHOWN}/{node.address}.yml"] = shown(configs[node.name], secrets_of(node.name), key)
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
    return files | _reservations(nodes, networks)


def _served_config(node: Node, network: Network, config: Mapping[str, Any], report_token: str) -> str | None:
    """The text that a node in RAM is given; all others have theirs on their disks."""
    if node.boot_mode != "ram":
        return None
    return dumps(with_report(config, name=node.name, hosts=[f"http://{network.address}"], token=report_token))


def config_token_of(key: bytes, name: str, served: str) -> str:
    """What nobody can guess in the URL of a node's config, whose text is *served*. Another text has another URL, so that a script
    and the config that it was made with go together, however often something is published while a machine boots.
    """
    return _token(key, f"config {name} {hashlib.sha256(served.encode()).hexdigest()}")


def report_token_of(key: bytes, name: str) -> str:
    """What a node reports with. It outlives every change of its config, and a boot host that was made anew with the old *key*."""
    return _token(key, f"report {name}")


def _token(key: bytes, text: str) -> str:
    digest = hmac.digest(key, text.encode(), "sha256")
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def _terms(
    node: Node, network: Network, versions: Versions, config: Mapping[str, Any], signed_by: str | None
) -> dict[str, Any]:
    """What an arming of *node* has to be an order for."""
    return terms_of(
        node,
        version=versions(node.image()),
        config=config_digest(config),
        host=f"http://{network.address}",
        peer=f"http://{network.peer_address}" if network.peer_address else None,
        signed_by=signed_by,
    )


def name_of(network: Network) -> str:
    """How the web server calls a network, by the address of who asks."""
    return f"{network.subnet.network_address}-{network.subnet.prefixlen}"


def _taken(nodes: Iterable[Node], networks: Iterable[Network]) -> Iterator[tuple[Any, str]]:
    """Addresses that no node reports from, but the one whose they are: those that machines boot by have their scripts."""
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
    """The node's iPXE script. One that is to be installed is sent to its own disk, as everybody who is not in RAM."""
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
    """``version`` is the exact release that the boot host serves; of a node on its disk, the one that it asks for.
    ``token`` is the SHA-256 of the one that it reports with."""
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


def _reservations(nodes: Iterable[Node], networks: Iterable[Network]) -> dict[str, str]:
    """One address for one machine, whatever client id its firmware, iPXE and system send (``id:*``).

    DNS tells DHCP the names that cannot stand in a reservation. The host's packet filter is told all MAC addresses
    and addresses.
    """
    nodes = list(nodes)
    dhcp, dns = [], []
    for node in nodes:
        domain = node.domain or network_of(node, networks).domain
        named = [] if _NO_NAME_TO_DNSMASQ.fullmatch(node.hostname) else [node.hostname]
        dhcp += [",".join(words) + "\n" for words in _reservation(node, network_of(node, networks), named)]
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


def _reservation(node: Node, network: Network, named: list[str]) -> Iterator[tuple[str, ...]]:
    """dnsmasq gives an address of two NICs to that which asks, while the other still has it. Where it gives none, both may ask."""
    if network.mode != "authoritative":
        yield (*node.mac, "id:*", str(node.address), *named)
        return
    for mac, address in node.nics():
        if address == node.address:
            yield (mac, "id:*", str(address), *named)
        else:
            yield (mac, "id:*", str(address)) if address else (mac, "ignore")


__all__ = (
    "build_config",
    "build_files",
    "build_script",
    "check_disks_of_others",
    "check_fleet",
    "check_racks",
    "config_token_of",
    "name_of",
    "network_of",
    "remarks_on",
    "report_token_of",
    "wanted_images",
)
