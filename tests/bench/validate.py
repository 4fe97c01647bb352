#!/usr/bin/env python3
"""What checking an inventory costs, beside what ansible-core itself needs to template the same variables.

The inventory is that of ``real_inventory.py``. One side loads it and templates the variables of every node, as ``hostvars``
does; the other loads it and does all that ``validate.yml`` does: reads, checks and merges the nodes, compares them with each
other, and translates their Butane. CPU seconds are compared, of the process and of those that it starts, from after the
imports; they depend far less than wall time on what else runs. Sides take turns, and the least of each counts, since others
only ever add. Other programs (butane, ignition-validate) are not asked.

The limit breaks when ours becomes 1.3 times as expensive as it was when the limit was set.

    python3 tests/bench/validate.py [--nodes N] [--rounds N]
"""

from __future__ import annotations

import argparse
import json
import pathlib
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from typing import Any

import real_inventory

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
LIMIT = 0.6


class Loaded:
    """An inventory as a playbook's process has it."""

    def __init__(self, path: str) -> None:
        from ansible.inventory.manager import InventoryManager
        from ansible.parsing.dataloader import DataLoader
        from ansible.parsing.vault import VaultSecret, VaultSecretsContext
        from ansible.vars.hostvars import HostVars
        from ansible.vars.manager import VariableManager

        secrets = [("default", VaultSecret(real_inventory.PASSWORD.encode()))]
        VaultSecretsContext.initialize(VaultSecretsContext(secrets))
        self.loader = DataLoader()
        self.loader.set_vault_secrets(secrets)
        manager = InventoryManager(loader=self.loader, sources=[path])
        self.hostvars = HostVars(manager, VariableManager(loader=self.loader, inventory=manager), self.loader)
        self.groups = {name: [str(host) for host in group.get_hosts()] for name, group in manager.groups.items()}


def template(path: str) -> int:
    """The floor: every node's variables, templated by ansible-core."""
    loaded = Loaded(path)
    count = 0
    for host in loaded.groups["flatcar_nodes"]:
        variables = loaded.hostvars[host]
        for name in variables:
            if name.startswith("flatcar_"):
                render(variables[name])
                count += 1
    return count


def render(value: Any) -> None:
    """Ansible renders what is in a mapping or a list only when it is looked at."""
    inside = value.values() if isinstance(value, Mapping) else value if isinstance(value, list | tuple) else ()
    for inner in inside:
        render(inner)


def validate(path: str) -> int:
    """Ours: everything that validate.yml checks."""
    from ansible_collections.kindling.flatcar.plugins.plugin_utils._inventory.boot_hosts import HostFacts
    from ansible_collections.kindling.flatcar.plugins.plugin_utils._inventory.hostvars import Variables
    from ansible_collections.kindling.flatcar.plugins.plugin_utils._inventory.reader import read_inventory

    loaded = Loaded(path)
    task_vars = {"hostvars": loaded.hostvars, "groups": loaded.groups, "ansible_inventory_sources": [path]}
    host = real_inventory.BOOT_HOST
    found = read_inventory(Variables(task_vars, loaded.loader), {host: HostFacts()}).checked()
    return sum(len(node.given) for node in found.nodes if node.name in found.fleets[host].configs)


SIDES = {"template": template, "validate": validate}


def run_side(side: str, path: str) -> None:
    """In a process of its own: prints its seconds and how many variables it read."""
    from ansible.plugins.loader import init_plugin_loader

    init_plugin_loader([str(ROOT / ".ansible" / "collections")])
    import ansible_collections.kindling.flatcar.plugins.plugin_utils._inventory.reader  # noqa: F401  # neither side pays for imports

    started, used = time.perf_counter(), cpu_seconds()
    variables = SIDES[side](path)
    print(json.dumps({"seconds": time.perf_counter() - started, "cpu": cpu_seconds() - used, "variables": variables}))


def cpu_seconds() -> float:
    """What this process and those that it started and that have ended have used."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def measure(side: str, path: str) -> dict[str, float]:
    command = [sys.executable, __file__, "--side", side, "--inventory", path]
    return json.loads(subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT).stdout)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nodes", type=int, default=1000, help="how many nodes (default: 1000)")
    parser.add_argument("--rounds", type=int, default=3, help="how often each side runs (default: 3)")
    parser.add_argument("--side", choices=SIDES, help=argparse.SUPPRESS)
    parser.add_argument("--inventory", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.side:
        run_side(options.side, options.inventory)
        return 0
    answers: dict[str, list[dict[str, float]]] = {side: [] for side in SIDES}
    with tempfile.TemporaryDirectory() as path:
        real_inventory.make(pathlib.Path(path), options.nodes)
        for _ in range(options.rounds):
            for side, done in answers.items():
                done.append(measure(side, f"{path}/inventory"))
    read = {side: done[0]["variables"] for side, done in answers.items()}
    if read["template"] != read["validate"]:
        parser.error(f"the sides did not read the same variables: {read}")
    least = {side: min(one["cpu"] for one in done) for side, done in answers.items()}
    for side, done in answers.items():
        each = ", ".join(f"{one['cpu']:.2f}" for one in done)
        print(f"{side:9} {least[side]:7.2f} CPU s (each: {each}; wall {min(one['seconds'] for one in done):.2f} s)")
    ratio = least["validate"] / least["template"]
    print(f"ratio     {ratio:7.2f}       (at most {LIMIT})")
    return 0 if ratio <= LIMIT else 1


if __name__ == "__main__":
    sys.exit(main())
