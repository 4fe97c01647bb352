# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Shows what a node's variables become, and where each part of it comes from."""

from __future__ import annotations

import difflib
import os
from collections.abc import Mapping
from typing import Any, ClassVar

from ansible_collections.kindling.flatcar.plugins.plugin_utils._ansible.refusal import Refused
from ansible_collections.kindling.flatcar.plugins.plugin_utils._butane import dumps
from ansible_collections.kindling.flatcar.plugins.plugin_utils._inventory.action import InventoryAction
from ansible_collections.kindling.flatcar.plugins.plugin_utils._inventory.hostvars import Variables
from ansible_collections.kindling.flatcar.plugins.plugin_utils._inventory.origin import origin_of
from ansible_collections.kindling.flatcar.plugins.plugin_utils._inventory.reader import NODES, Fleet, read_node_alone
from ansible_collections.kindling.flatcar.plugins.plugin_utils._node import Node, to_butane
from ansible_collections.kindling.flatcar.plugins.plugin_utils._node.provenance import Source, traced_butane
from ansible_collections.kindling.flatcar.plugins.plugin_utils._output.output import (
    OUTPUT_OPTIONS,
    as_yaml,
    emit,
    write_private,
)
from ansible_collections.kindling.flatcar.plugins.plugin_utils._publish.annotate import (
    annotated,
    leaves,
    masked,
    without,
)
from ansible_collections.kindling.flatcar.plugins.plugin_utils._publish.leaks import SHORTEST
from ansible_collections.kindling.flatcar.plugins.plugin_utils._publish.places import network_of
from ansible_collections.kindling.flatcar.plugins.plugin_utils._publish.tree import build_script

_BOOTS = {
    "disk": "boots its own disk",
    "ram": "boots Flatcar into RAM",
    "install": "is to be installed, and boots its own disk until then",
}


class ActionModule(InventoryAction):
    _requires_connection = False
    arguments: ClassVar = {
        **OUTPUT_OPTIONS,
        "format": {"type": "str", "choices": ["text", "json", "butane", "ignition"], "default": "text"},
        "nodes": {"type": "list", "elements": "str", "required": True},
    }

    def act(self, options: Mapping[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        variables = Variables(task_vars, self._loader)
        for name in options["nodes"]:
            _check_known(name, variables.group(NODES))
        if options["format"] in _PLAIN:
            return _write_plain(options, [read_node_alone(name, variables) for name in options["nodes"]])
        explained = [_explained(name, variables) for name in options["nodes"]]
        data = [data for data, _text in explained]
        emit(options, "\n\n".join(text for _data, text in explained), data[0] if len(data) == 1 else data)
        sizes = (f"{one['node']}: Ignition config of {one['ignition_bytes']:,} bytes" for one in data)
        return {"changed": False, "msg": "; ".join(sizes)}


def _explained(name: str, variables: Variables) -> tuple[dict[str, Any], str]:
    """Everything to report about a node, for programs and for people."""
    host, fleet = read_node_alone(name, variables)
    (node,) = fleet.nodes
    hidden = [secret.text for secret in variables.secrets(name) if len(secret.text) >= SHORTEST]
    traced = without(traced_butane(node, origin_of), hidden)
    data = _explain(node, host, fleet, traced)
    return data, _text(node, data, traced)


def _write_plain(options: Mapping[str, Any], found: list[tuple[str, Fleet]]) -> dict[str, Any]:
    """Configs as their machines have them, secrets included: never through Ansible's own output, which may be logged."""
    if not options["output"]:
        raise Refused(
            f"A plain {options['format']} config has the node's secrets, so Ansible does not print it: say where to write it, by "
            "-e explain_output=FILE, or use make explain"
        )
    text = "".join(_PLAIN[options["format"]](fleet) for _host, fleet in found)
    write_private(options["output"], text)
    return {
        "changed": False,
        "msg": f"{options['format']} of {', '.join(node.name for _host, f in found for node in f.nodes)}",
    }


def _plain_butane(fleet: Fleet) -> str:
    (node,) = fleet.nodes
    return f"---\n# {node.name}\n{as_yaml(to_butane(node))}"


def _plain_ignition(fleet: Fleet) -> str:
    (node,) = fleet.nodes
    return f"{dumps(fleet.configs[node.name])}\n"


_PLAIN = {"butane": _plain_butane, "ignition": _plain_ignition}


def _check_known(name: str, names: list[str]) -> None:
    if name not in names:
        nearest = difflib.get_close_matches(name, names, n=1)
        hint = f"did you mean {nearest[0]}?" if nearest else f"it has {len(names)} hosts"
        raise Refused(f"{name} is not in the group {NODES}; {hint}")


def _explain(node: Node, host: str, fleet: Fleet, traced: Mapping[str, Any]) -> dict[str, Any]:
    network = network_of(node, fleet.networks)
    sources = [
        {"path": ".".join(leaf.path), "value": leaf.value, **_source_data(leaf.source)} for leaf in leaves(traced)
    ]
    return {
        "node": node.name,
        "boot_host": host,
        "boot_mode": node.boot_mode,
        "image": node.image(),
        "butane": masked(traced),
        "sources": sources,
        "ipxe": build_script(node, network, lambda image: image["version"], "(its token)"),
        "ignition_bytes": len(dumps(fleet.configs[node.name]).encode()),
    }


def _source_data(source: Source) -> dict[str, Any]:
    file, line, _column = source.origin or (None, None, None)
    return {"variable": source.variable or None, "file": file, "line": line}


def _text(node: Node, data: Mapping[str, Any], traced: Mapping[str, Any]) -> str:
    image = " ".join(node.image().values())
    return (
        f"# {node.name} is in {node.rack}, is served by {data['boot_host']} and {_BOOTS[node.boot_mode]} ({image})\n\n"
        f"# Butane, and where each key comes from\n{annotated(traced, _comment)}\n"
        f"# iPXE script\n{data['ipxe']}\n"
        f"# Ignition config: {data['ignition_bytes']:,} bytes"
        f"{'' if node.boot_mode == 'ram' else ', for an installed system'}"
    )


def _comment(source: Source) -> str:
    if not source.variable:
        return "every node has it"
    if not source.origin:
        return source.variable
    return f"{source.variable}, {_short(source.origin[0])}:{source.origin[1]}"


def _short(path: str) -> str:
    return min(os.path.relpath(path), path, key=len)
