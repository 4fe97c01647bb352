#!/usr/bin/env python3
"""What publishing a fleet costs: ours, the usual way, and the least that ansible-core itself needs.

The inventory is that of ``real_inventory.py``: half of the nodes in RAM, a third to be installed. Sides take turns:

- ours: ``ansible-playbook`` with the action ``publish`` as ``site.yml`` has it: first it reads, builds and checks everything, then
  it publishes that; once when nothing is published yet, once when one node has changed, once when nothing has;
- the usual way: ``ansible-playbook`` with ``template`` tasks that loop over the nodes for the same scripts and configs. It
  runs with few nodes, and its straight line is extended to more, since a thousand take most of an hour;
- the floor: one process that loads the inventory and templates the same variables of all nodes, as ``hostvars`` does,
  without the time for starting Python and importing Ansible.

Whole runs of ``ansible-playbook`` count, from its start to its end, with a local connection to a directory, in CPU seconds of
all its processes; wall time is printed beside them. Memory is the peak of all its processes together, pages that they share
counted once, with as many processes as 2 and as 8 cores have, however many this machine has. Limits: at 1,000 nodes at least
50 times faster than the usual way for a first run and for one changed node, and at most 1.5 times the floor; CPU seconds at
most 1.1 times what proportion would be, from 1,000 to 5,000 and to 10,000 nodes; at 5,000 nodes less than 1 GB, at 10,000
less than 2 GB.

    python3 tests/bench/publish.py [--nodes N ...] [--rounds N] [--cores N ...]
"""

from __future__ import annotations

import argparse
import grp
import json
import os
import pathlib
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from typing import NamedTuple

import real_inventory
from memory import MemoryWatch
from validate import ROOT, measure

USUAL_LIMIT = 50
FLOOR_LIMIT = 1.5
GROWTH_LIMIT = 1.1
MEMORY_LIMITS = {5000: 1e9, 10000: 2e9}
CORES = (2, 8)

#: Where the usual way is run, and to where its line is extended.
USUAL_NODES = (10, 100)
JUDGED, LARGE = 1000, (5000, 10000)

OURS = """\
- hosts: "{{ lookup('kindling.flatcar.hosts', 'boot_hosts') }}"
  connection: local
  gather_facts: false
  tasks:
    - ansible.builtin.set_fact:
        lan0: {device: lan0, ipv4: {address: "{{ address }}"}}
        cacheable: true
    - kindling.flatcar.publish:
        command: check
      register: checked
    - kindling.flatcar.publish:
        networks: "{{ kindling_networks }}"
        nodes: "{{ checked.fleets[inventory_hostname].nodes }}"
        images: "{{ images }}"
        files_dir: "{{ fleet_files_dir }}"
        path: "{{ path }}"
        group: "{{ group }}"
"""

USUAL = """\
- hosts: boot_hosts
  connection: local
  gather_facts: false
  tasks:
    - ansible.builtin.template:
        src: node.ipxe.j2
        dest: "{{ path }}/{{ hostvars[item].flatcar_mac[0] | replace(':', '-') }}.ipxe"
        mode: "0644"
      loop: "{{ groups['flatcar_nodes'] }}"
    - ansible.builtin.template:
        src: node.ign.j2
        dest: "{{ path }}/{{ hostvars[item].flatcar_address }}.ign"
        mode: "0640"
      loop: "{{ groups['flatcar_nodes'] }}"
      when: hostvars[item].flatcar_boot_mode == 'ram'
    - ansible.builtin.template:
        src: dhcp-hosts.j2
        dest: "{{ path }}/dhcp-hosts"
        mode: "0644"
"""

TEMPLATES = {
    "node.ipxe.j2": """\
#!ipxe
{% if hostvars[item].flatcar_boot_mode == 'ram' %}
kernel http://10.10.255.254/vmlinuz flatcar.first_boot=1 console={{ hostvars[item].flatcar_console[1] }} \
ignition.config.url=http://10.10.255.254/{{ hostvars[item].flatcar_address }}.ign
initrd http://10.10.255.254/initrd
boot
{% else %}
sanboot --no-describe --drive 0x80 || exit 1
{% endif %}
""",
    "node.ign.j2": """\
{"ignition": {"version": "3.4.0"},
 "passwd": {"users": [{"name": "core", "sshAuthorizedKeys": {{ hostvars[item].flatcar_authorized_keys | to_json }}}]},
 "storage": {
   "files": [
     {"path": "/etc/hostname", "mode": 420, "contents": {"source": "data:,{{ hostvars[item].flatcar_hostname }}%0A"}},
     {"path": "/etc/motd.d/kindling", "contents": {"source": "data:,{{
       hostvars[item].flatcar_butane_10_site.storage.files[0].contents.inline | urlencode }}"}}],
   "links": [{"path": "/etc/localtime", "target": "../usr/share/zoneinfo/{{ hostvars[item].flatcar_time_zone }}"}]}}
""",
    "dhcp-hosts.j2": """\
{% for node in groups['flatcar_nodes'] %}
{{ hostvars[node].flatcar_mac[0] }},id:*,{{ hostvars[node].flatcar_address }},{{ hostvars[node].flatcar_hostname }}
{% endfor %}
""",
}


#: Runs Ansible as on a machine with another number of cores.
AS_WITH_CORES = """\
import os, runpy, sys
os.sched_getaffinity = lambda _process, cores=int(sys.argv.pop(1)): set(range(cores))
runpy.run_module("ansible", run_name="__main__", alter_sys=True)
"""


class Run(NamedTuple):
    """The CPU seconds, the wall time and the peak memory of a playbook."""

    cpu: float
    wall: float
    memory: int


class Workplace:
    """An inventory of *nodes*, the playbooks, and a directory to publish to."""

    def __init__(self, path: pathlib.Path, nodes: int) -> None:
        self._path = path
        self.inventory = path / "inventory"
        real_inventory.make(path, nodes)
        self._node = self.inventory / "host_vars" / f"{real_inventory.name_of(1)}.yml"
        self._unchanged = self._node.read_text()
        (path / "templates").mkdir()
        for name, text in (("ours.yml", OURS), ("usual.yml", USUAL)):
            (path / name).write_text(text)
        for name, text in TEMPLATES.items():
            (path / "templates" / name).write_text(text)

    def empty(self) -> None:
        shutil.rmtree(self._path / "published", ignore_errors=True)
        (self._path / "published").mkdir()

    def change_a_node(self) -> None:
        self._node.write_text(f"{self._unchanged}flatcar_time_zone: UTC\n")

    def change_it_back(self) -> None:
        self._node.write_text(self._unchanged)

    def play(self, side: str, cores: int) -> Run:
        variables = {
            "address": real_inventory.ADDRESS,
            "images": real_inventory.IMAGES,
            "path": str(self._path / "published"),
            "group": grp.getgrgid(os.getgid()).gr_name,
            "ansible_python_interpreter": sys.executable,
        }
        playbook = ["playbook", "-i", str(self.inventory), str(self._path / f"{side}.yml"), "-e", json.dumps(variables)]
        begin, used = time.monotonic(), _cpu_of_children()
        process = subprocess.Popen(
            [sys.executable, "-c", AS_WITH_CORES, str(cores), *playbook],
            cwd=ROOT,
            env={
                **os.environ,
                "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
                "ANSIBLE_VAULT_PASSWORD_FILE": str(self._path / "password"),
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        watch = MemoryWatch(process.pid, every=0.5)
        said, _ = process.communicate()
        seconds = time.monotonic() - begin
        peak = watch.close()
        if process.returncode != 0:
            sys.exit(f"{side} failed:\n{said[-3000:]}")
        return Run(_cpu_of_children() - used, seconds, peak)


def _cpu_of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


class Times(NamedTuple):
    """CPU seconds at one number of nodes, the wall time of a first run, and the memory by the number of cores; the usual way's are
    None where it was not run."""

    first: float
    changed: float
    nothing: float
    floor: float
    usual_first: float | None
    usual_changed: float | None
    wall: float
    memory: dict[int, int]

    def best(self, other: Times) -> Times:
        """What else runs on the machine only ever adds; a peak of memory may be missed, so the highest counts."""
        least = (None if a is None else min(a, b) for a, b in zip(self[:-1], other[:-1], strict=True))
        return Times(*least, {cores: max(one, other.memory[cores]) for cores, one in self.memory.items()})


def run_round(nodes: int, cores: list[int]) -> Times:
    with tempfile.TemporaryDirectory() as path:
        place = Workplace(pathlib.Path(path), nodes)
        usual_first = usual_changed = None
        if nodes in USUAL_NODES:
            place.empty()
            usual_first = place.play("usual", cores[0]).cpu
            place.change_a_node()
            usual_changed = place.play("usual", cores[0]).cpu
            place.change_it_back()
        firsts = {}
        for number in cores:
            place.empty()
            firsts[number] = place.play("ours", number)
        floor = measure("template", str(place.inventory))["cpu"]
        place.change_a_node()
        changed = place.play("ours", cores[0])
        nothing = place.play("ours", cores[0])
    first = firsts[cores[0]]
    memory = {number: run.memory for number, run in firsts.items()}
    memory[cores[0]] = max(memory[cores[0]], changed.memory, nothing.memory)
    return Times(first.cpu, changed.cpu, nothing.cpu, floor, usual_first, usual_changed, first.wall, memory)


def extended(found: dict[int, Times], name: str, nodes: int) -> float:
    """The usual way's seconds at *nodes*, on the straight line through those that were measured."""
    (few, more), times = USUAL_NODES, [getattr(found[measured], name) for measured in USUAL_NODES]
    return times[1] + (times[1] - times[0]) / (more - few) * (nodes - more)


def show(found: dict[int, Times]) -> None:
    print("CPU seconds; the wall time of a first run; the memory by the number of cores")
    print("  nodes    first  one changed  nothing    floor  usual first  usual changed      wall   memory")
    for nodes, times in sorted(found.items()):
        straight = all(few in found for few in USUAL_NODES)
        usual = [
            f"{getattr(times, name):9.1f} s " if getattr(times, name) else
            f"{extended(found, name, nodes):9.0f} s*" if straight else " " * 12
            for name in ("usual_first", "usual_changed")
        ]  # fmt: skip
        print(
            f"{nodes:7} {times.first:6.1f} s {times.changed:10.1f} s {times.nothing:6.1f} s {times.floor:6.1f} s"
            f" {usual[0]}   {usual[1]} {times.wall:6.1f} s   "
            + ", ".join(f"{cores}: {memory / 1e6:.0f} MB" for cores, memory in times.memory.items())
        )
    print("  * on the straight line through those that were run")


def judge(found: dict[int, Times]) -> bool:
    """Print the figures that have limits; whether every one of them holds."""
    figures = []
    if JUDGED in found and all(few in found for few in USUAL_NODES):
        for name, usual in (("first", "usual_first"), ("changed", "usual_changed")):
            ratio = extended(found, usual, JUDGED) / getattr(found[JUDGED], name)
            figures.append(
                (f"usual way / ours, {name}, {JUDGED} nodes", ratio, f"at least {USUAL_LIMIT}", ratio >= USUAL_LIMIT)
            )
    for nodes in (JUDGED, *LARGE):
        if nodes in found:
            ratio = max(found[nodes][:3]) / found[nodes].floor
            figures.append((f"ours / floor, {nodes} nodes", ratio, f"at most {FLOOR_LIMIT}", ratio <= FLOOR_LIMIT))
    for nodes in (one for one in LARGE if one in found and JUDGED in found):
        growth = max(found[nodes][number] / found[JUDGED][number] for number in range(3)) / (nodes / JUDGED)
        figures.append(
            (
                f"growth / proportion, {JUDGED} to {nodes} nodes",
                growth,
                f"at most {GROWTH_LIMIT}",
                growth <= GROWTH_LIMIT,
            )
        )
    for nodes, limit in MEMORY_LIMITS.items():
        for cores, memory in found[nodes].memory.items() if nodes in found else ():
            name = f"memory, {nodes} nodes, {cores} cores, MB"
            figures.append((name, memory / 1e6, f"at most {limit / 1e6:.0f}", memory <= limit))
    for name, figure, limit, holds in figures:
        print(f"{name:42} {figure:8.2f}  ({limit}){'' if holds else '  MISSED'}")
    return all(holds for *_, holds in figures)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nodes", type=int, nargs="+", default=[*USUAL_NODES, JUDGED, *LARGE], help="how many nodes")
    parser.add_argument("--rounds", type=int, default=1, help="how often each side runs; the best counts (default: 1)")
    parser.add_argument("--cores", type=int, nargs="+", default=list(CORES), help="as on machines with so many cores")
    options = parser.parse_args()
    found: dict[int, Times] = {}
    for nodes in options.nodes:
        for _ in range(options.rounds):
            times = run_round(nodes, options.cores)
            found[nodes] = times.best(found[nodes]) if nodes in found else times
    show(found)
    return 0 if judge(found) else 1


if __name__ == "__main__":
    sys.exit(main())
