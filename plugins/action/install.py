# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Arms nodes for one installation each, and waits until they run."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import time
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, ClassVar

from ansible.errors import AnsibleConnectionFailure
from ansible.inventory.manager import split_host_pattern
from ansible.plugins.loader import module_loader
from ansible_collections.kindling.flatcar.plugins.module_utils._arming import arming
from ansible_collections.kindling.flatcar.plugins.plugin_utils._ansible.refusal import Refused
from ansible_collections.kindling.flatcar.plugins.plugin_utils._install import config_digest
from ansible_collections.kindling.flatcar.plugins.plugin_utils._install.order import TIMEOUT, key_text, order, witness
from ansible_collections.kindling.flatcar.plugins.plugin_utils._install.terms import (
    differences,
    former_serial,
    is_left_half_written,
    terms_of,
)
from ansible_collections.kindling.flatcar.plugins.plugin_utils._inventory.action import (
    InventoryAction,
    read_without_facts,
)
from ansible_collections.kindling.flatcar.plugins.plugin_utils._inventory.boot_hosts import HostFacts, racks_of
from ansible_collections.kindling.flatcar.plugins.plugin_utils._inventory.hostvars import Variables
from ansible_collections.kindling.flatcar.plugins.plugin_utils._inventory.mistakes import count
from ansible_collections.kindling.flatcar.plugins.plugin_utils._inventory.reader import NODES, Fleet, fleet_of
from ansible_collections.kindling.flatcar.plugins.plugin_utils._node import Node
from ansible_collections.kindling.flatcar.plugins.plugin_utils._publish.places import name_of, network_of
from ansible_collections.kindling.flatcar.plugins.plugin_utils._publish.tree import report_token_of
from ansible_collections.kindling.flatcar.plugins.plugin_utils._schema import limits
from ansible_collections.kindling.flatcar.plugins.plugin_utils._status.installs import (
    clock,
    directories,
    given_key,
    last_report,
    places_of_armings,
    signed_by,
    table,
    who,
    words_of,
)

_POLL = 3.0  # seconds

_POWER = "community.general.redfish_command"

_OVERWRITTEN = {"flatcar": "an empty disk, or Flatcar", "any": "WHATEVER IS THERE"}

#: Megabits a second, for a boot host's interface that does not report its speed.
_SPEED = 1000


#: The steps of install.yml and disarm.yml, in their order.
COMMANDS = ("check_limit", "plan", "check", "show", "draw_seed", "witness", "arm", "wait", "disarm")


class ActionModule(InventoryAction):
    _requires_connection = True
    arguments: ClassVar = {
        "command": {"type": "str", "choices": list(COMMANDS), "required": True},
        "nodes": {"type": "list", "elements": "str"},
        "limit": {"type": "str", "default": ""},
        "plan": {"type": "dict"},
        "checked": {"type": "list", "elements": "dict", "default": []},
        "seed": {"type": "str", "no_log": True},
        "batches": {"type": "list", "elements": "raw", "default": []},
        "expires": {"type": "int", "default": 7200},
        "again": {"type": "bool", "default": False},
        "new_disk": {"type": "bool", "default": False},
        "without_peer": {"type": "bool", "default": False},
        "timeout": {"type": "int", "default": 2700},
        "armings": {"type": "dict"},
        "all_nodes": {"type": "list", "elements": "str", "default": []},
        "max_fail_percentage": {"type": "float", "default": 0},
        "machines": {"type": "list", "elements": "str", "default": []},
        "forget": {"type": "bool", "default": False},
        "power": {"type": "bool", "default": True},
    }

    def act(self, options: Mapping[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        self._task_vars = task_vars
        self._variables = Variables(task_vars, self._loader)
        self._host = self._task.delegate_to or task_vars["inventory_hostname"]
        return getattr(self, f"_{options['command']}")(options)

    # For the whole inventory, once

    def _check_limit(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """Fails unless the run is explicitly for these nodes."""
        groups = self._task_vars["groups"]
        limit = options["limit"].strip()
        if not limits.are_meant(split_host_pattern(limit), options["nodes"], groups[NODES], groups):
            raise Refused(
                f"This would be for all of the inventory's nodes ({len(options['nodes']):,}), with "
                f"{f'--limit {limit}' if limit else 'no limit'}. Say which nodes you mean: --limit a01,a02 names them one by one, "
                "--limit rack_a selects a group. For all of them, use -e install_all=true (install.yml) or "
                "-e disarm_all=true (disarm.yml). Nothing was armed or disarmed."
            )
        return {"changed": False}

    def _plan(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """Where the nodes are armed, and what has to be published for them."""
        if not arming.SHORTEST <= options["expires"] <= arming.LONGEST:
            raise Refused(
                f"Nothing was armed. install_expires is {options['expires']}: machines are armed for {arming.SHORTEST} to "
                f"{arming.LONGEST} seconds (a day), and no longer than somebody watches them"
            )
        found = read_without_facts(self._variables, named=set(options["nodes"])).checked()
        home, peers, wanted = {}, {}, {}
        for host, fleet in found.fleets.items():
            for node in fleet.nodes:
                network = network_of(node, fleet.networks)
                # The first boot host of a pair decides; the other sends machines to it, and learns of armings
                if not network.standby:
                    home[node.name] = host
                    key = signed_by(host, self._variables)
                    wanted[node.name] = _wanted(node, config_digest(fleet.configs[node.name]), key)
                    if network.peer and not options["without_peer"]:
                        peers[node.name] = network.peer
        _refuse(
            "Nothing was armed. Only nodes with flatcar_boot_mode: install are installed; set it in the inventory and run "
            "site.yml, or leave them out of --limit:",
            (
                f"{name}: its flatcar_boot_mode is {node['mode']}"
                for name, node in wanted.items()
                if node["mode"] != "install"
            ),
        )
        switched = sorted(name for name, node in wanted.items() if node["bmc"])
        if options["power"] and switched and not module_loader.find_plugin_with_context(_POWER).resolved:
            raise Refused(
                f"Nothing was armed. {', '.join(switched)} would be powered on by flatcar_bmc, for which this controller lacks "
                "the collection community.general: run ansible-galaxy collection install -r requirements.yml, or power them on "
                "yourself with -e install_power=false"
            )
        return {
            "changed": False,
            "boot_hosts": sorted(set(home.values())),
            "witnesses": sorted(set(peers.values())),
            "home": home,
            "peers": peers,
            "wanted": wanted,
        }

    def _show(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """Shows what will happen to which disk before anything is armed."""
        plan, found = options["plan"], {}
        for checked in options["checked"]:
            found |= checked["nodes"]
        names = [name for name in options["nodes"] if name in found]
        rows = [("NODE", "MAC", "DISK", "SERIAL", "MAY BE OVERWRITTEN", "RELEASE", "SWITCHED ON")]
        for name in names:
            terms, under_way = plan["wanted"][name]["terms"], found[name]["under_way"]
            rows.append(
                (
                    name,
                    ", ".join(mac.replace("-", ":") for mac in terms["macs"]),
                    terms["disk"],
                    _expected_serial(terms, found[name]["former_serial"], options["new_disk"]),
                    _OVERWRITTEN[terms["wipe"]],
                    found[name]["version"],
                    "not now: is being installed" if under_way else _switched(plan["wanted"][name], options["power"]),
                )
            )
        until = clock(int(time.time()) + options["expires"])
        batches = list(_batches(len(names), options["batches"]))
        text = (
            f"{count(len(names), 'machine')} will be installed, each armed for {_duration(options['expires'])}"
            f"{f', the first {batches[0]} until {until}' if len(batches) > 1 else f', until {until}'}:"
        )
        slow = max((found[name]["bytes"] * max(batches) / found[name]["speed"] for name in names), default=0)
        late = (
            f"\nThe biggest batch ({max(batches)}) needs {_duration(int(slow))} for its images alone, at the speed of its boot "
            "host's network, and is armed for less: set a longer -e install_expires, or a smaller -e install_batch."
            if slow > options["expires"]
            else ""
        )
        self._display.display(f"\n{text}\n{table(rows)}{late}\n")
        return {"changed": False, "msg": text}

    def _draw_seed(self, _options: Mapping[str, Any]) -> dict[str, Any]:
        """What this run's tokens are derived from: both boot hosts of a pair get the same ones."""
        return {"changed": False, "seed": secrets.token_hex(32)}

    # For a boot host, delegated to it

    def _check(self, options: Mapping[str, Any]) -> dict[str, Any]:
        names = self._own(options)
        served = self._published(names, options["plan"])
        under_way = self._under_way(names, options["plan"], served)
        nodes = {}
        for name in names:
            index = served["index"][name]
            nodes[name] = {
                "version": index["version"],
                "bytes": served["images"][f"{index['board']}/{index['version']}"],
                "speed": self._speed() * 1e6 / 8,
                "under_way": _known(under_way[name]) if name in under_way else None,
                "former_serial": former_serial(options["plan"]["wanted"][name]["terms"], served["armings"]),
            }
        return {"changed": False, "nodes": nodes}

    def _witness(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """Announce to the other boot host of a pair the armings that its peer is about to make."""
        names = [name for name in options["nodes"] if options["plan"]["peers"].get(name) == self._host]
        if names and not options["again"]:
            # What it knows of a running install is not replaced: its end would be reported to nobody
            running = self._under_way(names, options["plan"], self._read(names, options["plan"]))
            names = [name for name in names if name not in running and name not in _waited_for(options)]
        if not names or self._task.check_mode:
            return {"changed": bool(names)}
        orders = []
        for node, _fleet, hosts, network in self._machines(names):
            terms = terms_of(node, version="", config="", host=hosts[0], peer=None, signed_by=None)
            # Here the boot host is the peer: the other one decides
            orders.append(witness(node, token=_token(options, node), hosts=hosts[::-1], network=network, terms=terms))
        self._send_orders(orders, options, again=True)
        return {"changed": True}

    def _arm(self, options: Mapping[str, Any]) -> dict[str, Any]:
        names = self._own(options)
        if not names:
            return {"changed": False, "armings": {}, "armed": []}
        served = self._published(names, options["plan"])
        under_way = {}
        if not options["again"]:
            running = self._under_way(names, options["plan"], served)
            under_way = {name: _known(one) for name, one in running.items()}
            under_way |= {name: one for name, one in _waited_for(options).items() if name in names}
        to_arm = [name for name in names if name not in under_way]
        if self._task.check_mode:
            return {"changed": bool(to_arm), "armings": {}, "armed": [], "msg": f"would arm {', '.join(to_arm)}"}
        for name in under_way:
            self._tell(name, f"has been installing since {clock(under_way[name]['when'])}; waiting for that")
        found = dict(under_way)
        if to_arm:
            armed = self._send_orders(self._orders(to_arm, served, options), options, again=options["again"])
            told = self._info(to_arm)["armings"]
            for name in to_arm:
                latest = next(one for one in told if one["node"] == name)
                found[name] = _known(latest)
                self._tell(name, f"armed until {clock(armed['until'])}")
        return {"changed": bool(to_arm), "armings": found, "armed": to_arm}

    def _wait(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """What became of the armings, by node, once the last of them has ended or the time is up."""
        armings = {name: options["armings"][name] for name in options["nodes"] if name in options["armings"]}
        states = {name: {"state": "armed", "message": ""} for name in armings}
        give_up = time.monotonic() + options["timeout"]
        while any(not _is_over(state) for state in states.values()):
            late = time.monotonic() > give_up
            told = self._ask(list(armings))
            for name, state in states.items():
                new = _state(told, armings[name]) if told is not None else state
                if late and not _is_over(new):
                    new = new | {"state": "late", "message": f"still {new['state']} after {options['timeout']} s"}
                if new["state"] != state["state"]:
                    self._tell(name, f"{new['state']} {_after(new)}{new['message']}".rstrip())
                states[name] = new
            if not late and any(not _is_over(state) for state in states.values()):
                time.sleep(_POLL)
        if states:
            self._module(state="settled")
            self._display.display(f"\n{self._left(states, options)}{_outcome(states)}\n")
        return {"changed": False, "nodes": states}

    def _left(self, states: Mapping[str, Mapping[str, Any]], options: Mapping[str, Any]) -> str:
        """After a batch: what is still armed, and which nodes were not started if no further batch follows."""
        told = self._ask(list(states)) or []
        armed = [one for one in told if one["armed"] and one["node"] in states]
        lines = [f"{one['node']} is still armed until {clock(one['until'])}" for one in armed]
        if armed:
            lines.append(f"To disarm: playbooks/disarm.yml --limit {','.join(one['node'] for one in armed)}")
        failed = sum(state["state"] != "running" for state in states.values())
        rest = options["all_nodes"][_position(options["all_nodes"], options["nodes"]) :]
        if rest and failed * 100 > options["max_fail_percentage"] * len(options["nodes"]):
            lines.append(f"Too many have failed; not started: {', '.join(rest)}")
        return "".join(f"{line}\n" for line in lines)

    def _disarm(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """For all machines if none is named."""
        machines = [word for name in options["nodes"] or () for word in self._known_as(name)] + options["machines"]
        named = {"machines": machines} if options["nodes"] is not None or options["machines"] else {}
        result = self._module(state="disarmed", forget=options["forget"], who=who(), **named)
        for name, what in result["disarmed"].items():
            self._tell(name, _DISARMED[what])
        return {key: result[key] for key in ("changed", "disarmed")}

    def _known_as(self, name: str) -> list[str]:
        """Everything by which the boot host may know the node, as far as an inventory with mistakes says it.

        Behind another boot host, the same address may be another machine's.
        """
        wanted = (*_MACS, *_ADDRESSES, _RACK)
        values = self._variables.read(name, lambda known: [one for one in wanted if one in known]).values
        here = values.pop(_RACK, None) in racks_of(self._host, self._variables)
        words = [name]
        for variable, value in values.items():
            if variable in _ADDRESSES and not here:
                continue
            words += [str(word) for word in (value if isinstance(value, list | tuple) else [value])]
        return words

    def _own(self, options: Mapping[str, Any]) -> list[str]:
        return [name for name in options["nodes"] if options["plan"]["home"].get(name) == self._host]

    def _published(self, names: list[str], plan: Mapping[str, Any]) -> dict[str, Any]:
        """What the boot host serves; fails unless that is what the inventory says now."""
        served = self._read(names, plan)
        _refuse(
            f"Nothing was armed: {self._host} does not serve what the inventory says now. Run site.yml first, for:",
            (
                f"{name}: {why}"
                for name in names
                for why in _differs(plan["wanted"][name], served["index"].get(name), served)
            ),
        )
        return served

    def _read(self, names: Iterable[str], plan: Mapping[str, Any]) -> dict[str, Any]:
        return self._info([word for name in names for word in words_of(plan["wanted"][name]["terms"])])

    def _under_way(
        self, names: list[str], plan: Mapping[str, Any], served: Mapping[str, Any]
    ) -> dict[str, Mapping[str, Any]]:
        """The armings under which machines are being installed, by node, whatever its name was then."""
        running = [one for one in served["armings"] if one["under_way"]]
        return {
            name: one for name in names for one in running if words_of(plan["wanted"][name]["terms"]) & words_of(one)
        }

    def _orders(self, names: list[str], served: Mapping[str, Any], options: Mapping[str, Any]) -> list[arming.Order]:
        key = given_key(self._host, self._variables) or key_text(base64.b64decode(served["keyring"]))
        own_key = self._own_key()
        left = [disk for one in served["armings"] for disk in one["left_half_written"]]
        orders = []
        for node, fleet, hosts, network in self._machines(names):
            published = served["index"][node.name]
            config = fleet.configs[node.name]
            if config_digest(config) != published["config"]:
                raise Refused(f"{node.name}: the inventory changed during this run: run again")
            release = f"{published['board']}/{published['version']}"
            size = served["images"][release]
            terms = options["plan"]["wanted"][node.name]["terms"]
            orders.append(
                order(
                    node,
                    config,
                    token=_token(options, node),
                    hosts=hosts if node.name in options["plan"]["peers"] else hosts[:1],
                    peer=hosts[1] if len(hosts) > 1 else None,
                    network=network,
                    version=published["version"],
                    key=key,
                    signed_by=signed_by(self._host, self._variables),
                    report_token=report_token_of(own_key, node.name),
                    timeout=max(TIMEOUT, int(2 * size * len(names) * 8 / (self._speed() * 1e6))),
                    half_written=is_left_half_written(terms, left),
                    former_serial=former_serial(terms, served["armings"]),
                    new_disk=options["new_disk"],
                    initrd_bytes=served["initrds"].get(release, 0),
                )
            )
        return orders

    def _machines(self, names: Collection[str]) -> Iterator[tuple[Node, Fleet, list[str], str]]:
        """The nodes with their fleet, the URLs of this boot host and of its peer, and the name of their network."""
        facts = self._task_vars["hostvars"][self._host]["ansible_facts"]
        fleet = fleet_of(self._host, names, self._variables, HostFacts(facts))
        for node in fleet.nodes:
            network = network_of(node, fleet.networks)
            addresses = [address for address in (network.address, network.peer_address) if address]
            yield node, fleet, [f"http://{address}" for address in addresses], name_of(network)

    def _own_key(self) -> bytes:
        place = directories(self._host, self._variables)["fleet_dir"]
        return bytes.fromhex(self.ask("generation", {"path": place, "key": True}, self._task_vars, secret=True)["key"])

    def _speed(self) -> int:
        """The lowest speed that this boot host reports of an interface to machines, in megabits a second."""
        facts = self._task_vars["hostvars"][self._host]["ansible_facts"]
        speeds = [fact.get("speed") for fact in facts.values() if isinstance(fact, Mapping) and "device" in fact]
        return min((speed for speed in speeds if isinstance(speed, int) and speed > 0), default=_SPEED)

    def _send_orders(self, orders: list[arming.Order], options: Mapping[str, Any], again: bool) -> dict[str, Any]:
        return self._module(
            state="armed",
            src=self.send("armings", arming.pack(orders)),
            who=who(),
            seconds=options["expires"],
            clock=time.time(),
            again=again,
        )

    def _module(self, **arguments: Any) -> dict[str, Any]:
        return self.ask("arming", places_of_armings(self._host, self._variables) | arguments, self._task_vars)

    def _info(self, machines: Iterable[str]) -> dict[str, Any]:
        places = directories(self._host, self._variables)
        return self.ask("arming_info", places | {"machines": list(machines)}, self._task_vars)

    def _ask(self, names: list[str]) -> list[dict[str, Any]] | None:
        """What was reported; None if the boot host does not answer now: machines go on without us."""
        try:
            return self._info(names)["armings"]
        except (AnsibleConnectionFailure, Refused) as error:
            self._display.display(f"{self._host} does not answer, trying again: {error}", stderr=True)
            return None

    def _tell(self, name: str, what: str) -> None:
        """Not to stdout: unless that is a terminal, lines only appear when they have filled a buffer."""
        self._display.display(f"{name}: {what}", stderr=True)


_DISARMED = {
    "disarmed": "is no longer armed",
    "half-written": "is not armed; its disk is half-written, and every network boot says so until it is installed "
    "(or forgotten: -e disarm_forget=true)",
    "forgotten": "is not armed, and boots its disk again, which may be half-written",
}


#: What in the inventory identifies a machine, and says where it stands.
_MACS = ("flatcar_mac",)
_ADDRESSES = ("flatcar_address", "flatcar_more_addresses")
_RACK = "flatcar_rack"


def _wanted(node: Node, config: str, key: str | None) -> dict[str, Any]:
    """What the inventory says of a node, before its boot host is asked for the exact release."""
    return {
        "mode": node.boot_mode,
        "version": node.version,
        "bmc": node.bmc["type"] if node.bmc else None,
        "terms": terms_of(node, version=node.version, config=config, host="", peer=None, signed_by=key),
    }


def _token(options: Mapping[str, Any], node: Node) -> str:
    digest = hmac.digest(bytes.fromhex(options["seed"]), node.name.encode(), hashlib.sha256)
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def _known(one: Mapping[str, Any]) -> dict[str, Any]:
    """What identifies an arming, and when it was made."""
    return {"number": one["number"], "when": one["when"]}


def _waited_for(options: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The nodes that this run has reported as being installed, with their armings: by the time of their batch, that may have ended
    long ago, and they are not installed again."""
    nodes = (item for checked in options["checked"] for item in checked["nodes"].items())
    return {name: node["under_way"] for name, node in nodes if node["under_way"]}


def _expected_serial(terms: Mapping[str, Any], former: str | None, new_disk: bool) -> str:
    if terms["serial"]:
        return terms["serial"]
    return f"{former}, as before" if former and not new_disk else "any"


def _switched(wanted: Mapping[str, Any], power: bool) -> str:
    return f"by {wanted['bmc']}" if power and wanted["bmc"] else "by hand"


def _batches(number: int, sizes: Iterable[Any]) -> Iterator[int]:
    """How many machines are armed at a time, batch by batch: the last size repeats."""
    sizes = list(sizes) or [number]
    while number > 0:
        size = sizes.pop(0) if len(sizes) > 1 else sizes[0]
        most = max(1, number * int(size[:-1]) // 100) if isinstance(size, str) and size.endswith("%") else int(size)
        yield min(most, number)
        number -= most


def _duration(seconds: int) -> str:
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    parts = [f"{value} {unit}" for value, unit in ((hours, "h"), (minutes, "min"), (rest, "s")) if value]
    return " ".join(parts[:2]) or "no time"


def _position(names: list[str], batch: Collection[str]) -> int:
    """Where in *names* those that follow the *batch* begin."""
    return max((names.index(name) + 1 for name in batch if name in names), default=0)


def _refuse(message: str, problems: Iterable[str]) -> None:
    problems = list(problems)
    if problems:
        raise Refused("\n".join((message, *(f"  {problem}" for problem in problems))))


def _differs(wanted: Mapping[str, Any], index: Mapping[str, Any] | None, served: Mapping[str, Any]) -> Iterable[str]:
    if index is None:
        yield "it is not published"
        return
    if index["mode"] != "install":
        yield f"it is published with the mode {index['mode']}"
    # The boot host knows which release a channel stands at, its own address and its peer's
    order = index.get("order", {})
    known = {"version": index["version"], "host": order.get("host", ""), "peer": order.get("peer")}
    yield from differences(_published_terms(index), wanted["terms"] | known)
    if wanted["version"] not in ("current", index["version"]):
        yield f"Flatcar {index['version']} is published, {wanted['version']} is wanted"
    if f"{index['board']}/{index['version']}" not in served["images"]:
        yield f"the disk image of Flatcar {index['version']} ({index['board']}) is not mirrored"


def _published_terms(index: Mapping[str, Any]) -> dict[str, Any]:
    """A node that is published in another mode has no order, but still a place and a config."""
    macs = [mac.replace(":", "-") for mac in index["macs"]]
    known = {
        "address": index["address"],
        "macs": macs,
        "config": index["config"],
        "version": index["version"],
        "host": "",
    }
    return index.get("order") or known


def _state(told: Iterable[Mapping[str, Any]], armed: Mapping[str, Any]) -> dict[str, Any]:
    """How far the machine has come, by the boot host's clock."""
    found = next((arming for arming in told if arming["number"] == armed["number"]), None)
    if found is None:
        return {"state": "superseded", "message": "somebody else has armed it since"}
    last = last_report(found["reports"])
    if last is None:
        if found["armed"]:
            return {"state": "armed", "message": ""}
        return {"state": "disarmed", "message": "its arming was ended, or has expired, before it began"}
    stage, report = last
    seconds = max(0, report["when"] - armed["when"])
    shown = report.get("message") or report.get("version") or ""
    return {"state": stage, "message": shown, "log": report.get("log", ""), "seconds": seconds}


def _is_over(state: Mapping[str, Any]) -> bool:
    return state["state"] not in ("armed", "started", "installed")


def _after(state: Mapping[str, Any]) -> str:
    return f"after {state['seconds']} s: " if "seconds" in state else ""


def _outcome(states: Mapping[str, Mapping[str, Any]]) -> str:
    rows = [("NODE", "STATE", "SECONDS", "MESSAGE")]
    rows += [
        (name, s["state"], str(s.get("seconds", "")), s["message"].replace("\n", " ")) for name, s in states.items()
    ]
    logs = [f"The end of {name}'s log:\n{state['log']}\n" for name, state in states.items() if state.get("log")]
    return "\n".join((*logs, table(rows)))
