# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Arms nodes for one installation each, and waits until they run."""

from __future__ import annotations

import base64
import tempfile
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleActionFail, AnsibleConnectionFailure
from ansible.inventory.manager import split_host_pattern
from ansible.plugins.action import ActionBase
from ansible.plugins.loader import module_loader
from ansible_collections.kindling.flatcar.plugins.module_utils import arming, limits
from ansible_collections.kindling.flatcar.plugins.module_utils.fleet import network_of
from ansible_collections.kindling.flatcar.plugins.module_utils.install import config_digest
from ansible_collections.kindling.flatcar.plugins.module_utils.install.order import key_text, order
from ansible_collections.kindling.flatcar.plugins.module_utils.problems import InventoryError
from ansible_collections.kindling.flatcar.plugins.plugin_utils.installs import (
    MODULE,
    directories,
    given_key,
    last_report,
    table,
    who,
)
from ansible_collections.kindling.flatcar.plugins.plugin_utils.problems import describe
from ansible_collections.kindling.flatcar.plugins.plugin_utils.survey import (
    BOOT_HOSTS,
    NODES,
    Known,
    fleet_of,
    survey,
)
from ansible_collections.kindling.flatcar.plugins.plugin_utils.variables import Variables

#: How an installation ends.
DONE = ("running", "failed")

_POLL = 3.0  # seconds

_POWER = "community.general.redfish_command"


class ActionModule(ActionBase):
    _requires_connection = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        super().run(tmp, task_vars)
        _, options = self.validate_argument_spec(
            argument_spec={
                "state": {
                    "type": "str",
                    "choices": ["meant", "planned", "checked", "armed", "awaited", "disarmed"],
                    "required": True,
                },
                "nodes": {"type": "list", "elements": "str", "required": True},
                "limit": {"type": "str", "default": ""},
                "plan": {"type": "dict"},
                "expires": {"type": "int", "default": 7200},
                "timeout": {"type": "int", "default": 2700},
                "armings": {"type": "dict"},
                "forget": {"type": "bool", "default": False},
                "power": {"type": "bool", "default": True},
            }
        )
        self._task_vars = task_vars
        self._variables = Variables(task_vars, self._loader)
        self._host = self._task.delegate_to or task_vars["inventory_hostname"]
        return getattr(self, f"_{options['state']}")(options)

    # The whole inventory, once

    def _meant(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """Nothing, where somebody has said that it is for these nodes."""
        groups = self._task_vars["groups"]
        limit = options["limit"].strip()
        if not limits.are_meant(split_host_pattern(limit), options["nodes"], groups[NODES], groups):
            raise AnsibleActionFail(
                f"This would be for all of the inventory's nodes ({len(options['nodes']):,}), by "
                f"{f'--limit {limit}' if limit else 'no limit'}. So say of which nodes: --limit a01,a02 names them one by one, "
                "--limit rack_a is for some of them. For all of them say -e install_all=true (install.yml) or "
                "-e disarm_all=true (disarm.yml). Nothing was armed or disarmed."
            )
        return {"changed": False}

    def _planned(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """Where the nodes are armed, and what shall be published for them."""
        try:
            found = survey(self._variables, {host: Known() for host in self._variables.group(BOOT_HOSTS)}).checked()
        except InventoryError as invalid:
            raise AnsibleActionFail(describe(invalid.problems)) from None
        names, home, wanted = set(options["nodes"]), {}, {}
        for host, fleet in found.fleets.items():
            for node in fleet.nodes:
                # Of a pair, the one that answers first decides; the other sends machines to it
                if node.name in names and not network_of(node, fleet.networks).standby:
                    home[node.name] = host
                    wanted[node.name] = {
                        "mode": node.boot_mode,
                        "version": node.version,
                        "address": str(node.address),
                        "macs": list(node.mac),
                        "config": config_digest(fleet.configs[node.name]),
                    }
        _refuse(
            "Nothing was armed. Only nodes with flatcar_boot_mode: install are installed; say so in the inventory and run "
            "site.yml, or leave them out of --limit:",
            (
                f"{name}: its flatcar_boot_mode is {node['mode']}"
                for name, node in wanted.items()
                if node["mode"] != "install"
            ),
        )
        switched = sorted(node.name for node in found.nodes if node.name in names and node.bmc)
        if options["power"] and switched and not module_loader.find_plugin_with_context(_POWER).resolved:
            raise AnsibleActionFail(
                f"Nothing was armed. {', '.join(switched)} would be switched on by flatcar_bmc, for which this controller lacks "
                "the collection community.general: ansible-galaxy collection install -r requirements.yml, or leave it to "
                "others with -e install_power=false"
            )
        return {"changed": False, "boot_hosts": sorted(set(home.values())), "home": home, "wanted": wanted}

    # On a boot host, delegated to it

    def _checked(self, options: Mapping[str, Any]) -> dict[str, Any]:
        names = self._own(options)
        self._published(names, options["plan"])
        return {"changed": False, "msg": f"{len(names)} of {self._host} can be armed"}

    def _armed(self, options: Mapping[str, Any]) -> dict[str, Any]:
        names = self._own(options)
        if not names:
            return {"changed": False, "armings": {}}
        served = self._published(names, options["plan"])
        if self._task.check_mode:
            return {"changed": True, "armings": {}, "msg": f"would arm {', '.join(names)}"}
        armed = self._module(
            state="armed",
            src=self._ship(self._orders(names, served)),
            who=who(),
            seconds=options["expires"],
            clock=time.time(),
        )
        told = self._module(state="read", nodes=names)["armings"]
        for name in names:
            self._tell(name, f"armed until {_clock(armed['until'])} by the clock of {self._host}")
        return {
            "changed": True,
            "until": armed["until"],
            "armings": {name: {"number": told[name][0]["number"], "when": told[name][0]["when"]} for name in names},
        }

    def _awaited(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """What became of the armings, by node, once the last of them has ended or the time is over."""
        armings = {name: options["armings"][name] for name in options["nodes"] if name in options["armings"]}
        states = {name: {"state": "armed", "message": ""} for name in armings}
        give_up = time.monotonic() + options["timeout"]
        while any(not _is_over(state) for state in states.values()):
            late = time.monotonic() > give_up
            told = self._ask(list(armings))
            for name, state in states.items():
                new = _state(told.get(name, []), armings[name]) if told is not None else state
                if late and not _is_over(new):
                    new = new | {"state": "late", "message": f"still {new['state']} after {options['timeout']} s"}
                if new["state"] != state["state"]:
                    self._tell(name, f"{new['state']} {_after(new)}{new['message']}".rstrip())
                states[name] = new
            if not late and any(not _is_over(state) for state in states.values()):
                time.sleep(_POLL)
        if states:
            self._module(state="settled")
            self._display.display(f"\n{_outcome(states)}\n")
        return {"changed": False, "nodes": states}

    def _disarmed(self, options: Mapping[str, Any]) -> dict[str, Any]:
        result = self._module(state="disarmed", nodes=options["nodes"], forget=options["forget"], who=who())
        for name, what in result["disarmed"].items():
            self._tell(name, _DISARMED[what])
        return {key: result[key] for key in ("changed", "disarmed")}

    def _own(self, options: Mapping[str, Any]) -> list[str]:
        return [name for name in options["nodes"] if options["plan"]["home"].get(name) == self._host]

    def _published(self, names: list[str], plan: Mapping[str, Any]) -> dict[str, Any]:
        """What the boot host serves; fails unless that is what the inventory says now."""
        served = self._module(state="read", nodes=names)
        _refuse(
            f"Nothing was armed: {self._host} does not serve what the inventory says now. Run site.yml first, for:",
            (
                f"{name}: {why}"
                for name in names
                for why in _differs(plan["wanted"][name], served["index"].get(name), served)
            ),
        )
        return served

    def _orders(self, names: list[str], served: Mapping[str, Any]) -> list[arming.Order]:
        facts = self._task_vars["hostvars"][self._host]["ansible_facts"]
        key = given_key(self._host, self._variables) or key_text(base64.b64decode(served["keyring"]))
        try:
            fleet = fleet_of(self._host, names, self._variables, Known(facts))
        except InventoryError as invalid:
            raise AnsibleActionFail(describe(invalid.problems)) from None
        orders = []
        for node in fleet.nodes:
            published = served["index"][node.name]
            config = fleet.configs[node.name]
            if config_digest(config) != published["config"]:
                raise AnsibleActionFail(f"{node.name}: the inventory was changed while this ran: run again")
            host = f"http://{network_of(node, fleet.networks).address}"
            orders.append(order(node, config, host=host, version=published["version"], key=key))
        return orders

    def _ship(self, orders: Iterable[arming.Order]) -> str:
        """Tokens and configs in one file, which none but its owner reads: never in arguments, which everybody sees."""
        shell = self._connection._shell
        remote = shell.join_path(shell.tmpdir or self._make_tmp_path(), "armings")
        with tempfile.NamedTemporaryFile(prefix="kindling-") as local:
            Path(local.name).write_bytes(arming.pack(orders))
            self._transfer_file(local.name, remote)
        self._fixup_perms2((shell.tmpdir, remote))
        return remote

    def _module(self, **arguments: Any) -> dict[str, Any]:
        result = self._execute_module(
            module_name=MODULE,
            module_args=directories(self._host, self._variables) | arguments,
            task_vars=self._task_vars,
        )
        if result.get("failed"):
            raise AnsibleActionFail(f"{self._host}: {result.get('msg', 'the module failed')}")
        return result

    def _ask(self, names: list[str]) -> dict[str, Any] | None:
        """What was reported; None where the boot host cannot be asked now: machines go on without us."""
        try:
            return self._module(state="read", nodes=names)["armings"]
        except (AnsibleConnectionFailure, AnsibleActionFail) as failure:
            self._display.display(f"{self._host} cannot be asked, trying again: {failure}", stderr=True)
            return None

    def _tell(self, name: str, what: str) -> None:
        """Not to stdout: when that is no terminal, it is only seen when it has filled a buffer."""
        self._display.display(f"{name}: {what}", stderr=True)


_DISARMED = {
    "disarmed": "is no longer armed",
    "half-written": "is not armed; its disk is half-written, and it is told so at every network boot until it is installed "
    "(or forgotten: -e forget=true)",
    "forgotten": "is not armed, and is sent to its disk again, which may be half-written",
}


def _refuse(message: str, problems: Iterable[str]) -> None:
    problems = list(problems)
    if problems:
        raise AnsibleActionFail("\n".join((message, *(f"  {problem}" for problem in problems))))


def _differs(wanted: Mapping[str, Any], index: Mapping[str, Any] | None, served: Mapping[str, Any]) -> Iterable[str]:
    if index is None:
        yield "it is not published"
        return
    if index["mode"] != "install":
        yield f"it is published with the mode {index['mode']}"
    for what in ("address", "macs"):
        if index[what] != wanted[what]:
            yield f"its {what} {'is' if what == 'address' else 'are'} published as {index[what]}"
    if index["config"] != wanted["config"]:
        yield "its config is not the one that is published"
    if wanted["version"] not in ("current", index["version"]):
        yield f"Flatcar {index['version']} is published, {wanted['version']} is wanted"
    if f"{index['board']}/{index['version']}" not in served["images"]:
        yield f"the disk image of Flatcar {index['version']} ({index['board']}) is not mirrored"


def _state(told: list[Mapping[str, Any]], armed: Mapping[str, Any]) -> dict[str, Any]:
    """How far the machine is, by the boot host's clock."""
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
    logs = [f"\nThe end of {name}'s log:\n{state['log']}" for name, state in states.items() if state.get("log")]
    return "\n".join((table(rows), *logs))


def _clock(when: int) -> str:
    return time.strftime("%H:%M:%S UTC", time.gmtime(when))
