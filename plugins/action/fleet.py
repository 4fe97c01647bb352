# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Reads the whole inventory at once, checks it, and publishes what the nodes of one boot host boot."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleActionFail, AnsibleError
from ansible.plugins.action import ActionBase
from ansible_collections.kindling.flatcar.plugins.module_utils.fleet import (
    build_files,
    check_fleet,
    network_of,
    wanted_images,
)
from ansible_collections.kindling.flatcar.plugins.module_utils.generation import changes, digest_of, manifest_of, pack
from ansible_collections.kindling.flatcar.plugins.module_utils.networks import VARIABLE, Network, read_networks
from ansible_collections.kindling.flatcar.plugins.module_utils.node import Node, node_variables, read_node
from ansible_collections.kindling.flatcar.plugins.module_utils.problems import InventoryError, Problem
from ansible_collections.kindling.flatcar.plugins.plugin_utils.origin import origin_of
from ansible_collections.kindling.flatcar.plugins.plugin_utils.problems import describe

NODES = "flatcar_nodes"
BOOT_HOSTS = "boot_hosts"

#: Top directories of a generation: what holds secrets, and what a difference may show.
PRIVATE = ["web"]
SHOWN = ["web/boot.ipxe", "web/ipxe", "dnsmasq"]


class ActionModule(ActionBase):
    _requires_connection = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        super().run(tmp, task_vars)
        _, options = self.validate_argument_spec(
            argument_spec={
                "state": {"type": "str", "choices": ["checked", "published"], "default": "published"},
                "networks": {"type": "list", "elements": "dict", "required": True},
                "images": {"type": "list", "elements": "dict", "default": []},
                "path": {"type": "path", "default": "/srv/kindling/fleet"},
                "group": {"type": "str", "default": "www-data"},
                "keep": {"type": "int", "default": 5},
                "files_dir": {"type": "path"},
            }
        )
        try:
            networks = read_networks(
                task_vars["inventory_hostname"], self._task.args["networks"], task_vars["ansible_facts"]
            )
            nodes = _read_nodes(networks, task_vars)
            result = {"changed": False, "nodes": [node.name for node in nodes], "images": wanted_images(nodes)}
            versions = _versions(options) if options["state"] == "published" else _as_requested
            files = build_files(nodes, networks, versions, options["files_dir"], origin_of)
        except InventoryError as invalid:
            raise AnsibleActionFail(describe(invalid.problems)) from None
        return result if options["state"] == "checked" else result | self._publish(files, options, task_vars)

    def _publish(
        self, files: Mapping[str, str], options: Mapping[str, Any], task_vars: dict[str, Any]
    ) -> dict[str, Any]:
        manifest = manifest_of(files)
        arguments = {
            "path": options["path"],
            "digest": digest_of(manifest),
            "private": PRIVATE,
            "group": options["group"],
            "keep": options["keep"],
        }
        served = self._boot_tree({**arguments, "read": SHOWN if self._task.diff else []}, task_vars)
        if served.get("failed") or served["present"]:
            return served
        result = {"changed": True, "changes": changes(served["manifest"], manifest)}
        if self._task.diff:
            result["diff"] = _diff(served, files, manifest)
        if self._task.check_mode:
            return result
        published = self._boot_tree({**arguments, "src": self._ship(files)}, task_vars)
        return result | {key: published[key] for key in ("failed", "msg", "generation") if key in published}

    def _boot_tree(self, arguments: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        return self._execute_module(
            module_name="kindling.flatcar.boot_tree", module_args=arguments, task_vars=task_vars
        )

    def _ship(self, files: Mapping[str, str]) -> str:
        """Everything in one transfer; the archive stays in Ansible's own temporary directory on the boot host."""
        remote = self._connection._shell.join_path(
            self._connection._shell.tmpdir or self._make_tmp_path(), "generation"
        )
        with tempfile.NamedTemporaryFile(prefix="kindling-") as local:
            Path(local.name).write_bytes(pack(files))
            self._transfer_file(local.name, remote)
        self._fixup_perms2((self._connection._shell.tmpdir, remote))
        return remote


def _read_nodes(networks: tuple[Network, ...], task_vars: Mapping[str, Any]) -> list[Node]:
    """The nodes of *networks*, all of them right; raises ``InventoryError`` otherwise."""
    host, hostvars = task_vars["inventory_hostname"], task_vars["hostvars"]
    nodes, problems = [], []
    for name in task_vars["groups"].get(NODES, ()):
        variables, unreadable = _template(name, hostvars)
        node, found = read_node(name, variables)
        problems += unreadable or found
        if node and not unreadable:
            nodes.append(node)
    problems += _homeless(nodes, task_vars)
    fleet = [node for node in nodes if network_of(node, networks)]
    problems += check_fleet(fleet, networks)
    if not fleet and not problems:
        racks = ", ".join(rack for network in networks for rack in network.racks)
        message = (
            f"no machine in the group {NODES} stands in a rack of this boot host ({racks}): set flatcar_rack of a node"
        )
        problems = [Problem(host, VARIABLE, message, task_vars.get(VARIABLE))]
    if problems:
        raise InventoryError(problems)
    return fleet


def _template(name: str, hostvars: Mapping[str, Any]) -> tuple[dict[str, Any], list[Problem]]:
    """The variables of node *name* with their templates worked out, and those where that failed."""
    variables, problems = {}, []
    templated = hostvars[name]
    for variable in node_variables(templated):
        try:
            variables[variable] = templated[variable]
        except AnsibleError as error:
            problems.append(Problem(name, variable, f"its template fails: {error.message}", error.obj))
    return variables, problems


def _homeless(nodes: list[Node], task_vars: Mapping[str, Any]) -> list[Problem]:
    """Nodes in racks that stand on no boot host's network: nothing would answer them."""
    hostvars = task_vars["hostvars"]
    networks = [
        network for host in task_vars["groups"].get(BOOT_HOSTS, ()) for network in hostvars[host].get(VARIABLE) or ()
    ]
    racks = {rack for network in networks if isinstance(network, Mapping) for rack in _as_list(network.get("racks"))}
    message = f"no boot host has this rack in its {VARIABLE}; they have {', '.join(sorted(racks)) or 'none'}"
    return [
        Problem(node.name, "flatcar_rack", f"{node.rack}: {message}", node.rack)
        for node in nodes
        if node.rack not in racks
    ]


def _as_list(value: Any) -> list:
    return list(value) if isinstance(value, list | tuple) else [value]


def _versions(options: Mapping[str, Any]):
    resolved = {(i["board"], i["channel"], i["requested"]): i["version"] for i in options["images"]}

    def version(image: Mapping[str, str]) -> str:
        wanted = (image["board"], image["channel"], image["version"])
        if wanted not in resolved:
            raise AnsibleActionFail(
                f"The image {' '.join(wanted)} is not among the given images: run the role flatcar_images first."
            )
        return resolved[wanted]

    return version


def _as_requested(image: Mapping[str, str]) -> str:
    return image["version"]


def _diff(served: Mapping[str, Any], files: Mapping[str, str], manifest: Mapping[str, str]) -> list[dict[str, str]]:
    """A difference per changed file; a config shows its digest alone."""
    differing = [path for paths in changes(served["manifest"], manifest).values() for path in paths]
    return [
        {
            "before_header": path,
            "after_header": path,
            "before": _shown(path, served["texts"], served["manifest"]),
            "after": _shown(path, files, manifest),
        }
        for path in differing
    ]


def _shown(path: str, texts: Mapping[str, str], manifest: Mapping[str, str]) -> str:
    if path not in manifest:
        return ""
    return texts[path] if path.startswith(tuple(SHOWN)) else f"sha256 {manifest[path]}\n"
