#!/usr/bin/env python3
"""What checking an inventory costs, beside what ansible-core itself needs to template the same variables.

An inventory of 1,000 nodes with ten templated variables each is made. One side loads it and templates those variables
for every node, as ``hostvars`` does; the other loads it and does all that ``validate.yml`` does: reads, checks and
merges the nodes, compares them with each other, and translates their Butane. Each run is one process that imports what
it needs, loads the inventory, and then works on one core; wall time counts from after the imports. Sides take turns, so
that a busy machine hits both alike, and the medians are compared. Other programs (butane, ignition-validate) are not asked.

The limit is that of the project's issue: at most 1.5 times.

    python3 tests/bench/validate.py [--nodes N] [--rounds N]
"""

from __future__ import annotations

import argparse
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
LIMIT = 1.5

BOOT_HOST = """\
boot_hosts:
  hosts:
    boot-a:
      kindling_networks: [{interface: lan0, subnet: 10.10.0.0/16, racks: [rack-a]}]
"""

TEMPLATED = """\
flatcar_rack: "{{ 'rack-' ~ rack_letter }}"
flatcar_mac: "{{ '52:54:00:00:%02x:%02x' % (number // 250, number % 250) }}"
flatcar_address: "10.10.{{ number // 250 }}.{{ number % 250 + 2 }}"
flatcar_hostname: "node-{{ '%04d' % number }}"
flatcar_domain: "{{ flatcar_rack }}.example.com"
flatcar_boot_mode: "{{ 'ram' if number % 2 else 'disk' }}"
flatcar_console: "ttyS{{ number % 2 }},115200n8"
flatcar_authorized_keys:
  - "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEtpbmRsaW5nIHRlc3Qga2V5OiBvcGVucyBub3RoaW5n {{ inventory_hostname }}@{{ flatcar_rack }}"
flatcar_time_zone: "{{ 'Europe/' ~ site_city }}"
flatcar_butane_10_site:
  storage:
    files:
      - path: /etc/motd.d/kindling
        contents:
          inline: "{{ inventory_hostname }} in {{ flatcar_rack }}"
"""


def make_inventory(path: pathlib.Path, nodes: int) -> None:
    (path / "group_vars").mkdir()
    (path / "boot.yml").write_text(BOOT_HOST)
    hosts = "".join(f"    n{number:05}: {{number: {number}}}\n" for number in range(nodes))
    (path / "nodes.yml").write_text(f"flatcar_nodes:\n  vars: {{rack_letter: a, site_city: Berlin}}\n  hosts:\n{hosts}")
    (path / "group_vars" / "flatcar_nodes.yml").write_text(TEMPLATED)


class Loaded:
    """An inventory as a playbook's process has it."""

    def __init__(self, path: str) -> None:
        from ansible.inventory.manager import InventoryManager
        from ansible.parsing.dataloader import DataLoader
        from ansible.vars.hostvars import HostVars
        from ansible.vars.manager import VariableManager

        self.loader = DataLoader()
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
                variables[name]
                count += 1
    return count


def validate(path: str) -> int:
    """Ours: everything that validate.yml checks."""
    from ansible_collections.kindling.flatcar.plugins.plugin_utils._inventory.boot_hosts import HostFacts
    from ansible_collections.kindling.flatcar.plugins.plugin_utils._inventory.hostvars import Variables
    from ansible_collections.kindling.flatcar.plugins.plugin_utils._inventory.reader import read_inventory

    loaded = Loaded(path)
    task_vars = {"hostvars": loaded.hostvars, "groups": loaded.groups, "ansible_inventory_sources": [path]}
    found = read_inventory(Variables(task_vars, loaded.loader), {"boot-a": HostFacts()}).checked()
    return sum(len(node.given) for node in found.nodes if node.name in found.fleets["boot-a"].configs)


SIDES = {"template": template, "validate": validate}


def run_side(side: str, path: str) -> None:
    """In a process of its own: prints its seconds and how many variables it read."""
    from ansible.plugins.loader import init_plugin_loader

    init_plugin_loader([str(ROOT / ".ansible" / "collections")])
    import ansible_collections.kindling.flatcar.plugins.plugin_utils._inventory.reader  # noqa: F401  # neither side pays for imports

    started = time.perf_counter()
    variables = SIDES[side](path)
    print(json.dumps({"seconds": time.perf_counter() - started, "variables": variables}))


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
    seconds: dict[str, list[float]] = {side: [] for side in SIDES}
    with tempfile.TemporaryDirectory() as path:
        make_inventory(pathlib.Path(path), options.nodes)
        for _ in range(options.rounds):
            for side, done in seconds.items():
                answer = measure(side, path)
                if answer["variables"] != options.nodes * 10:
                    parser.error(f"{side} read {answer['variables']} variables")
                done.append(answer["seconds"])
    medians = {side: statistics.median(done) for side, done in seconds.items()}
    ratio = medians["validate"] / medians["template"]
    for side, done in seconds.items():
        print(f"{side:9} {medians[side]:7.2f} s  (each: {', '.join(f'{second:.2f}' for second in sorted(done))})")
    print(f"ratio     {ratio:7.2f}    (at most {LIMIT})")
    return 0 if ratio <= LIMIT else 1


if __name__ == "__main__":
    sys.exit(main())
