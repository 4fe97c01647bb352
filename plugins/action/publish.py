# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads the whole inventory at once, checks it for all boot hosts, and publishes what one boot host's nodes boot."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ansible_collections.kindling.flatcar.plugins.module_utils._generation.generation import (
    changes,
    digest_of,
    manifest_of,
    pack,
    part_of,
    parts_of,
)
from ansible_collections.kindling.flatcar.plugins.module_utils._routes import host_paths, routes
from ansible_collections.kindling.flatcar.plugins.plugin_utils._ansible.host_action import HostAction
from ansible_collections.kindling.flatcar.plugins.plugin_utils._ansible.refusal import Refused
from ansible_collections.kindling.flatcar.plugins.plugin_utils._boot.programs import choices_of
from ansible_collections.kindling.flatcar.plugins.plugin_utils._checkout.checkout import Checkout, judge, look
from ansible_collections.kindling.flatcar.plugins.plugin_utils._inventory.boot_hosts import HostFacts
from ansible_collections.kindling.flatcar.plugins.plugin_utils._inventory.hostvars import Variables
from ansible_collections.kindling.flatcar.plugins.plugin_utils._inventory.mistakes import as_line, describe, mistakes
from ansible_collections.kindling.flatcar.plugins.plugin_utils._inventory.reader import Fleet, fleet_of, read_inventory
from ansible_collections.kindling.flatcar.plugins.plugin_utils._network.dhcp_options import to_reserve
from ansible_collections.kindling.flatcar.plugins.plugin_utils._publish import diff
from ansible_collections.kindling.flatcar.plugins.plugin_utils._publish.tree import build_files, wanted_images
from ansible_collections.kindling.flatcar.plugins.plugin_utils._schema.problem import InventoryError
from ansible_collections.kindling.flatcar.plugins.plugin_utils._schema.words import visible
from ansible_collections.kindling.flatcar.plugins.plugin_utils._status.installs import (
    directories,
    ended_armings,
    places_of_armings,
    signed_by,
    who,
)

#: Top-level entries of a generation: those that only the web server may read, and those that only root may.
PRIVATE = ["web"]
SECRET = [routes.INDEX, routes.SHOWN]

_ENDED = "!!! ARMINGS END: WHAT WAS ORDERED IS NOT WHAT THE INVENTORY SAYS NOW !!!"


_ALL_THE_SAME = "It is published all the same, because site_older says so."

_REFUSED_LOSSES = (
    "Not published: disks would lose data that did not before, at the next network boot and with no arming. If that is intended, "
    "somebody has to publish it (site.yml without fleet_refuse_losses; in the container, `kindling publish`). It is:"
)


class ActionModule(HostAction):
    _requires_connection = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        super().run(tmp, task_vars)
        _validation, options = self.validate_argument_spec(
            argument_spec={
                "command": {"type": "str", "choices": ["check", "hold", "publish"], "default": "publish"},
                "hosts": {"type": "list", "elements": "str"},
                "networks": {"type": "list", "elements": "dict"},
                "nodes": {"type": "list", "elements": "str"},
                "images": {"type": "list", "elements": "dict", "default": []},
                "path": {"type": "path", "default": host_paths.FLEET},
                "group": {"type": "str", "default": "kindling-web"},
                "keep": {"type": "int", "default": 5},
                "files_dir": {"type": "path"},
                "key": {"type": "str", "no_log": True},
                "refuse_losses": {"type": "bool", "default": False},
                "refusal_file": {"type": "path"},
                "known": {"type": "dict", "default": {}},
                "checkout": {"type": "dict"},
                "older": {"type": "bool", "default": False},
            },
            required_if=[("command", "publish", ["networks"]), ("command", "hold", ["networks"])],
        )
        self._variables = Variables(task_vars, self._loader)
        try:
            if options["command"] == "check":
                return self._check(options, task_vars)
            fleet = self._fleet(options, task_vars)
        except InventoryError as invalid:
            raise Refused(describe(invalid.problems)) from None
        self._places = {
            name: value
            for name, value in directories(task_vars["inventory_hostname"], self._variables).items()
            if name in ("installs_dir", "supervised")
        }
        act = {"hold": self._hold, "publish": self._publish}[options["command"]]
        return act(fleet, options, task_vars)

    def _check(self, options: Mapping[str, Any], task_vars: Mapping[str, Any]) -> dict[str, Any]:
        """One pass for all hosts: each host alone would read the whole inventory again."""
        hosts = options["hosts"] or [task_vars["inventory_hostname"]]
        known = {host: HostFacts(task_vars["hostvars"][host]["ansible_facts"]) for host in hosts}
        checkout = _look(task_vars)
        judged = {host: judge(checkout, options["known"].get(host) or {}) for host in hosts}
        found = read_inventory(self._variables, known, for_later=True)
        wrong = (*found.problems, *found.placeholders)
        said = [describe(wrong)] if wrong else []
        refused = [f"{host}: {judgement.older}" for host, judgement in judged.items() if judgement.older]
        if refused and not options["older"]:
            said += [*refused, "Nothing was changed."]
        if said:
            raise Refused("\n".join(said))
        self._warn(map(as_line, mistakes(found.warnings)))
        self._warn(f"{older} {_ALL_THE_SAME}" for older in refused)
        self._warn(f"{host}: {judgement.note}" for host, judgement in judged.items() if judgement.note)
        return {
            "changed": False,
            "fleets": {host: _summary(fleet) for host, fleet in found.fleets.items()},
            "checkout": dataclasses.asdict(checkout),
        }

    def _warn(self, lines: Iterable[str]) -> None:
        for line in lines:
            self._display.warning(line)

    def _fleet(self, options: Mapping[str, Any], task_vars: Mapping[str, Any]) -> Fleet:
        host = task_vars["inventory_hostname"]
        known = HostFacts(task_vars["ansible_facts"], self._task.args["networks"], options["files_dir"])
        if options["nodes"] is not None:
            return fleet_of(host, options["nodes"], self._variables, known)
        return read_inventory(self._variables, {host: known}).publishable().fleets[host]

    def _publish(self, fleet: Fleet, options: Mapping[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        served, key = self._served(options, task_vars)
        checkout = Checkout(**options["checkout"]) if options["checkout"] else _look(task_vars)
        judgement = judge(checkout, served["published"])
        if judgement.older and not options["older"]:
            raise Refused(f"{task_vars['inventory_hostname']}: {judgement.older} Nothing was published.")
        files = self._files(fleet, key, options, task_vars)
        manifest = manifest_of(files)
        there = self._manifest_there(manifest, served["parts"], options, task_vars)
        differing = changes(there, manifest)
        result = {
            "changed": manifest != there,
            "changes": {kind: [routes.without_tokens(path) for path in paths] for kind, paths in differing.items()},
        }
        if options["refuse_losses"]:
            self._refuse_losses(there, files, options, task_vars)
        ended = ended_armings(served["armings"], files)
        self._warn(ended.values())
        result["ended"] = list(ended)
        if self._task.diff and result["changed"]:
            told = [{"prepared": "".join(f"{line}\n" for line in (_ENDED, *ended.values()))}] if ended else []
            changed = self._differences(there, files, fleet.configs, key, options, task_vars)
            result["diff"] = told + [{name: visible(text) for name, text in part.items()} for part in changed]
        if self._task.check_mode:
            return result
        if not result["changed"]:
            if judgement.confirms or judgement.older:
                self._ask({"path": options["path"], "checkout": checkout.note()}, task_vars)
            return result
        arguments = {
            "path": options["path"],
            "src": self.send("generation", pack(files, there)),
            "digest": digest_of(manifest),
            "private": PRIVATE,
            "secret": SECRET,
            "group": options["group"],
            "keep": options["keep"],
            "checkout": checkout.note(),
        }
        published = self.ask("generation", self._places | arguments, task_vars)
        return result | {key: published[key] for key in ("generation",) if key in published}

    def _hold(self, fleet: Fleet, options: Mapping[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        """Publishes nothing, but from now on nobody is installed except by what the inventory says now."""
        served, key = self._served(options, task_vars)
        ended = ended_armings(served["armings"], self._files(fleet, key, options, task_vars))
        self._warn(ended.values())
        if ended:
            places = places_of_armings(task_vars["inventory_hostname"], self._variables)
            arguments = places | {"state": "disarmed", "machines": list(ended), "who": who()}
            self.ask("arming", arguments, task_vars)
        return {"changed": bool(ended), "ended": list(ended)}

    def _served(self, options: Mapping[str, Any], task_vars: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
        """What the boot host serves, and its key."""
        asked = {"path": options["path"], "key": True, "given_key": options["key"]}
        served = self._ask(asked, task_vars)
        return served, bytes.fromhex(options["key"] or served["key"])  # a secret that was given is masked in the answer

    def _manifest_there(
        self,
        ours: Mapping[str, str],
        parts: Mapping[str, str],
        options: Mapping[str, Any],
        task_vars: dict[str, Any],
    ) -> Mapping[str, str]:
        """The manifest of what the boot host serves: only those parts of it cross the network that differ from *ours*."""
        own = parts_of(ours)
        differing = {part for part in own.keys() | parts.keys() if own.get(part) != parts.get(part)}
        if not differing:
            return ours
        asked = {"path": options["path"], "manifest": sorted(differing)}
        theirs = self._ask(asked, task_vars)["manifest"]
        return {path: sha256 for path, sha256 in ours.items() if part_of(path) not in differing} | theirs

    def _files(
        self, fleet: Fleet, key: bytes, options: Mapping[str, Any], task_vars: Mapping[str, Any]
    ) -> dict[str, str]:
        return build_files(
            fleet.nodes,
            fleet.networks,
            _versions(options),
            fleet.configs,
            key,
            self._secrets,
            self._signed_by(fleet, task_vars["inventory_hostname"]),
        )

    def _signed_by(self, fleet: Fleet, host: str) -> str | None:
        """Only asked if it belongs to an order: a key may be a file."""
        installed = any(node.boot_mode == "install" for node in fleet.nodes)
        return signed_by(host, self._variables) if installed else None

    def _differences(
        self,
        manifest: Mapping[str, str],
        files: Mapping[str, str],
        configs: Mapping[str, Mapping[str, Any]],
        key: bytes,
        options: Mapping[str, Any],
        task_vars: dict[str, Any],
    ) -> list[dict[str, str]]:
        """What changes, node by node; only those old contents are fetched that are shown."""

        def texts(paths: list[str]) -> dict[str, str]:
            asked = {"path": options["path"], "read": paths}
            return self._ask(asked, task_vars)["texts"] if paths else {}

        before = diff.tree(manifest, texts(diff.overview(manifest)))
        comparison = diff.Comparison(before, diff.tree(manifest_of(files), files), key)
        return comparison.differences(texts(comparison.paths()), configs, self._secrets)

    def _refuse_losses(
        self,
        manifest: Mapping[str, str],
        files: Mapping[str, str],
        options: Mapping[str, Any],
        task_vars: dict[str, Any],
    ) -> None:
        index = [path for path in (routes.INDEX,) if path in manifest]
        asked = {"path": options["path"], "read": index}
        before = diff.tree(manifest, self._ask(asked, task_vars)["texts"])
        lost = diff.newly_lost_unasked(before, diff.tree(manifest_of(files), files))
        if lost:
            if options["refusal_file"]:
                refusal = json.dumps({"losses": lost}, indent=1)
                Path(options["refusal_file"]).write_text(f"{refusal}\n", encoding="utf-8")
            raise Refused("\n".join((_REFUSED_LOSSES, *lost)))

    def _secrets(self, node: str) -> list[str]:
        return [secret.text for secret in self._variables.secrets(node)]

    def _ask(self, arguments: Mapping[str, Any], task_vars: Mapping[str, Any]) -> dict[str, Any]:
        return self.ask("generation", self._places | arguments, task_vars, secret=True)


def _look(task_vars: Mapping[str, Any]) -> Checkout:
    return look(task_vars.get("ansible_inventory_sources") or ())


def _summary(fleet: Fleet) -> dict[str, Any]:
    """What the roles need to know of a boot host's nodes."""
    return {
        "nodes": [node.name for node in fleet.nodes],
        "known_as": {node.name: [node.name, *node.mac] for node in fleet.nodes},
        "images": wanted_images(fleet.nodes),
        "programs": [program.printable() for program in fleet.programs],
        "program_choices": choices_of(fleet.nodes),
        "to_reserve": to_reserve(fleet.networks, fleet.nodes),
    }


def _versions(options: Mapping[str, Any]):
    resolved = {(i["board"], i["channel"], i["requested"]): i["version"] for i in options["images"]}

    def version(image: Mapping[str, str]) -> str:
        wanted = (image["board"], image["channel"], image["version"])
        if wanted not in resolved:
            raise Refused(
                f"The image {' '.join(wanted)} is not among the given images: run the role flatcar_images first."
            )
        return resolved[wanted]

    return version
