"""Old checkouts, as people meet them: refused on all boot hosts before anything is changed, unless they are meant."""

from __future__ import annotations

import grp
import json
import os
import pathlib
import subprocess
import sys

import playbook_runs
import pytest
from ansible_collections.kindling.flatcar.plugins.module_utils._generation import publishings

pytestmark = pytest.mark.slow

ROOT = pathlib.Path(__file__).parents[4]

#: As check.yml and site.yml have it, without all that is not about the nodes.
PLAYBOOK = """\
- hosts: boot_hosts
  connection: local
  gather_facts: false
  any_errors_fatal: true
  tasks:
    - ansible.builtin.set_fact:
        lan0: {device: lan0, ipv4: {address: "{{ own_address }}"}}
        cacheable: true
    - ansible.builtin.import_role: {name: kindling.flatcar.fleet, tasks_from: preflight}
      vars: {fleet_older: "{{ site_older | default(false) }}"}
      when: not (unchecked | default(false) | bool)
    - kindling.flatcar.publish:
        networks: "{{ kindling_networks }}"
        images: [{board: amd64-usr, channel: stable, requested: current, version: 9999.2.0}]
        path: "{{ fleet_dir }}"
        group: "{{ group }}"
        checkout: "{{ fleet_checked.checkout | default(omit) }}"
        older: "{{ site_older | default(false) }}"
"""


def boot_host(number):
    own = f"10.{number}.0.1"
    network = {"interface": "lan0", "subnet": f"10.{number}.0.0/24", "racks": [f"r{number}"], "address": own}
    return {"own_address": own, "kindling_networks": [network]}


def node(number):
    return {
        "flatcar_rack": f"r{number}",
        "flatcar_mac": f"52:54:00:00:00:0{number}",
        "flatcar_address": f"10.{number}.0.11",
        "flatcar_boot_mode": "ram",
    }


class Site:
    def __init__(self, base):
        self.base, self.inventory = base, base / "checkout/inventory"
        self.inventory.mkdir(parents=True)
        (base / "play.yml").write_text(PLAYBOOK)
        for name in ("boot-1", "boot-2", "home"):
            (base / name).mkdir()
        self.git("init", "--quiet")

    def git(self, *arguments):
        name = {f"GIT_{who}_{what}": "Ada" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
        return subprocess.run(
            ["git", "-c", "init.defaultBranch=main", *arguments],
            cwd=self.inventory.parent,
            env={**os.environ, **name},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()

    def commit(self, zone="UTC", note=""):
        """Whatever is in the inventory is of the zone; the *note* changes nothing."""
        hosts = {
            "boot_hosts": {"hosts": {f"boot-{number}": boot_host(number) for number in (1, 2)}},
            "flatcar_nodes": {
                "vars": {"flatcar_time_zone": zone},
                "hosts": {f"n{number}": node(number) for number in (1, 2)},
            },
        }
        (self.inventory / "hosts.yml").write_text(f"{json.dumps(hosts)}  # {note}\n")
        self.git("add", ".")
        self.git("commit", "--quiet", "--message", f"{zone} {note}")
        return self.git("rev-parse", "HEAD")

    def play(self, *arguments, playbook=None):
        variables = {
            "group": grp.getgrgid(os.getgid()).gr_name,
            "fleet_dir": f"{self.base}/{{{{ inventory_hostname }}}}",
            "web_installs_dir": f"{self.base}/installs",
            "ansible_connection": "local",
            "ansible_become": False,
            "ansible_python_interpreter": sys.executable,
        }
        inventory = ("-i", self.inventory, "-e", json.dumps(variables))
        done = playbook_runs.forked(*inventory, *arguments, playbook or self.base / "play.yml")
        return done.returncode, " ".join((done.stdout + done.stderr).split())

    def everything(self):
        """All that boot hosts have, but the locks."""
        files = (path for name in ("boot-1", "boot-2") for path in (self.base / name).rglob("*"))
        return {str(path): path.read_bytes() for path in files if path.is_file() and path.name != ".lock"}

    def served(self, host="boot-1"):
        name = (self.base / host / "current").readlink().name
        return name, publishings.publishing_of(self.base / host, name)


@pytest.fixture
def site(tmp_path):
    return Site(tmp_path)


def test_an_older_checkout(site):
    first = site.commit()
    status, said = site.play()
    assert status == 0, said
    second = site.commit("Europe/Berlin")
    status, said = site.play()
    assert status == 0, said
    before = site.everything()

    site.git("checkout", "--quiet", first)
    for options in ((), ("--check",), ("-e", "unchecked=true")):
        status, said = site.play(*options)
        assert status != 0
        for host in ("boot-1", "boot-2"):
            assert f"{host}: It serves what was published at 2" in said
        assert f"from commit {second[:12]} (number 2). This checkout is at commit {first[:12]}, which is older." in said
        assert "changed=0" in said
        assert site.everything() == before

    status, said = site.play("-e", "site_older=true")
    assert status == 0, said
    assert "boot-1: It serves what was published at" in said
    assert "It is published all the same, because site_older says so." in said
    assert site.served()[1]["commit"] == first

    status, said = site.play("-e", "rollback_list=true", playbook=ROOT / "playbooks/rollback.yml")
    assert status == 0, said
    assert f"from commit {first[:12]} (number 3): n1: config" in said
    assert "from commit" in said.partition("(number 2)")[0]


def test_the_same_fleet_from_a_newer_commit_is_noted_and_is_no_change(site):
    site.commit()
    assert site.play()[0] == 0
    name, noted = site.served()
    second = site.commit(note="a comment")
    before = site.everything()
    status, said = site.play("--check")
    assert (status, site.everything()) == (0, before), said
    status, said = site.play()
    assert status == 0, said
    assert said.count("changed=0") == 2
    assert site.served()[0] == name
    assert site.served()[1]["again"]["commit"] == second
    assert {key: site.served()[1][key] for key in ("commit", "who", "at", "number")} == {
        key: noted[key] for key in ("commit", "who", "at", "number")
    }
    before = site.everything()
    assert "changed=0" in site.play()[1]
    assert site.everything() == before
