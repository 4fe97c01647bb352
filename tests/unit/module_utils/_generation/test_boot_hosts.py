"""Several boot hosts: each serves its own racks' nodes, a pair the same, and the inventory is read once for all of them."""

from __future__ import annotations

import collections
import grp
import json
import os
import sys

import playbook_runs
import pytest
from ansible_collections.kindling.flatcar.plugins.module_utils._arming import arming
from ansible_collections.kindling.flatcar.plugins.module_utils._routes import routes
from armed_room import make_places, publish

pytestmark = pytest.mark.slow

#: As check.yml and site.yml have it, without all that is not about the nodes.
PLAYBOOK = """\
- hosts: "{{ lookup('kindling.flatcar.hosts', 'boot_hosts') }}"
  connection: local
  gather_facts: false
  any_errors_fatal: true
  tasks:
    - ansible.builtin.set_fact:
        lan0: "{{ {'device': 'lan0', 'ipv4': {'address': own_address}} }}"
        lan1: "{{ {'device': 'lan1', 'ipv4': {'address': shared_address}} }}"
        cacheable: true

- hosts: "{{ lookup('kindling.flatcar.hosts', 'boot_hosts') }}"
  connection: local
  gather_facts: false
  any_errors_fatal: true
@HOW@
  tasks:
    - ansible.builtin.import_role:
        name: kindling.flatcar.fleet
        tasks_from: preflight
@BETWEEN@
    - kindling.flatcar.publish:
        networks: "{{ kindling_networks }}"
        nodes: "{{ fleet_checked.fleets[inventory_hostname].nodes }}"
        images: [{board: amd64-usr, channel: stable, requested: current, version: 9999.2.0}]
        path: "{{ fleet_dir }}"
        group: "{{ group }}"
        key: "{{ fleet_key | default(omit) }}"
"""


def boot_host(own, shared, rack, **of_a_pair):
    return {
        "own_address": own,
        "shared_address": shared,
        "kindling_networks": [
            {"interface": "lan0", "subnet": f"{own}/24".replace(".1/", ".0/"), "racks": [rack], "address": own},
            {"interface": "lan1", "subnet": "10.3.0.0/24", "racks": ["both"], "address": shared, **of_a_pair},
        ],
    }


BOOT_HOSTS = {
    "boot-a": boot_host("10.1.0.1", "10.3.0.1", "a", peer="boot-b"),
    "boot-b": boot_host("10.2.0.1", "10.3.0.2", "b", peer="boot-a", standby=True),
}
NODES = {
    f"{rack}{number}": {
        "flatcar_rack": rack,
        "flatcar_mac": f"52:54:00:00:0{third}:{number:02x}",
        "flatcar_address": f"10.{third}.0.{number + 10}",
    }
    for third, rack in enumerate(("a", "b", "both"), 1)
    for number in range(1, 4)
}


class Site:
    def __init__(self, base):
        self.base, self.readings = base, base / "readings"
        for host in BOOT_HOSTS:
            (base / host).mkdir()

    def play(self, *arguments, boot_hosts=BOOT_HOSTS, nodes=NODES, how="", between=""):
        self.readings.write_text("")
        (self.base / "play.yml").write_text(PLAYBOOK.replace("@HOW@\n", how).replace("@BETWEEN@\n", between))
        noted = f"'echo UTC; echo ' ~ inventory_hostname ~ ' >> {self.readings}'"
        every = {"flatcar_boot_mode": "ram", "flatcar_time_zone": f"{{{{ lookup('ansible.builtin.pipe', {noted}) }}}}"}
        hosts = {"boot_hosts": {"hosts": boot_hosts}, "flatcar_nodes": {"vars": every, "hosts": nodes}}
        (self.base / "hosts.json").write_text(json.dumps(hosts))
        variables = {
            "group": grp.getgrgid(os.getgid()).gr_name,
            "fleet_dir": f"{self.base}/{{{{ inventory_hostname }}}}",
            "web_installs_dir": f"{self.base}/{{{{ inventory_hostname }}}}-room/installs",
            "ansible_python_interpreter": sys.executable,
        }
        inventory = ("-i", self.base / "hosts.json", "-e", json.dumps(variables))
        done = playbook_runs.forked(*inventory, *arguments, self.base / "play.yml")
        return done.returncode, done.stdout + done.stderr

    def served(self, host):
        return self.base / host / "current"

    def nodes(self, host):
        return set(json.loads((self.served(host) / "index.json").read_text())["nodes"])

    def reservations(self, host, rack):
        lines = (self.served(host) / "dnsmasq/dhcp-hosts").read_text().splitlines()
        return [line for line in lines if line.rpartition(",")[2].rstrip("0123456789") == rack]


@pytest.fixture
def site(tmp_path):
    return Site(tmp_path)


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """Where both boot hosts have published once."""
    made = Site(tmp_path_factory.mktemp("published"))
    status, said = made.play()
    assert status == 0, said
    made.read = collections.Counter(made.readings.read_text().split())
    return made


def test_each_boot_host_serves_its_own_racks_and_a_pair_serves_the_same(published):
    for host, rack in (("boot-a", "a"), ("boot-b", "b")):
        assert published.nodes(host) == {f"{name}{number}" for name in (rack, "both") for number in (1, 2, 3)}
        assert len(published.reservations(host, rack)) == 3
    assert published.reservations("boot-a", "both") == published.reservations("boot-b", "both")
    assert len(published.reservations("boot-a", "both")) == 3
    # Each by its own address and its own key, so that either of the pair can fail
    for host, address in (("boot-a", "10.3.0.1"), ("boot-b", "10.3.0.2")):
        script = (published.served(host) / "web/ipxe/10.3.0.11/52-54-00-00-03-01.ipxe").read_text()
        assert f"http://{address}/ignition/" in script
    keys = {(published.base / host / "key").read_text() for host in BOOT_HOSTS}
    assert len(keys) == 2


def test_publishing_again_changes_nothing(published):
    assert "changed=0" in published.play()[1]


def test_nodes_are_read_once_for_all_boot_hosts_to_check_and_to_publish_them(published):
    assert published.read == dict.fromkeys(NODES, 1)


#: What changes two nodes after all were checked: one has a fact of its own, the other looks at a host that has.
CHANGE = """\
    - ansible.builtin.set_fact:
        flatcar_address: 10.1.0.77
        late: changed
      delegate_to: "{{ item }}"
      delegate_facts: true
      run_once: true
      loop: [a1, localhost]
"""


@pytest.mark.parametrize("how", ["", "  serial: 1\n"])
def test_what_changes_after_it_was_checked_is_published_as_it_is_then(site, how):
    domain = "{{ hostvars['localhost'].late | default('early') }}.test"
    nodes = NODES | {"a2": NODES["a2"] | {"flatcar_domain": domain}}
    status, said = site.play(nodes=nodes, how=how, between=CHANGE)
    assert status == 0, said
    assert "10.1.0.77" in site.reservations("boot-a", "a")[0]
    assert "10.1.0.11" not in (site.served("boot-a") / "dnsmasq/dhcp-hosts").read_text()
    texts = [file.read_text() for file in site.served("boot-a").rglob("*") if file.is_file()]
    assert any("a2.changed.test" in text for text in texts)
    assert not any("early.test" in text for text in texts)
    read = collections.Counter(site.readings.read_text().split())
    if not how:
        assert read == dict.fromkeys(NODES, 1) | {"a1": 2, "a2": 2}
    for name in ("a1", "a2"):
        assert read[name] >= 2


def test_one_boot_host_alone_is_held_against_all_others(site):
    status, said = site.play("--limit", "boot-a")
    assert status == 0, said
    assert not site.served("boot-b").exists()
    twin = NODES | {"b9": NODES["a1"] | {"flatcar_rack": "b", "flatcar_address": "10.2.0.19"}}
    status, said = site.play("--limit", "boot-a", nodes=twin)
    assert status != 0
    assert "52:54:00:00:01:01 already belongs to a1" in said
    assert "changed=0" in said


def test_a_node_with_no_boot_host_or_two_stops_the_publishing_of_all(site):
    boot_hosts = BOOT_HOSTS | {"boot-b": boot_host("10.2.0.1", "10.3.0.2", "a", peer="boot-a", standby=True)}
    status, said = site.play(nodes=NODES | {"a1": NODES["a1"] | {"flatcar_rack": "nowhere"}}, boot_hosts=boot_hosts)
    assert status != 0
    assert "no boot host has this rack in its kindling_networks; they have a, both" in " ".join(said.split())
    assert "a is a rack of boot-a and of boot-b" in " ".join(said.split())
    assert not any(site.served(host).exists() for host in BOOT_HOSTS)


def test_a_key_that_is_given_is_every_boot_hosts(site):
    given = ("-e", f"fleet_key={'0123456789abcdef' * 4}")
    status, said = site.play(*given)
    assert status == 0, said
    assert {(site.base / host / "key").read_text().strip() for host in BOOT_HOSTS} == {"0123456789abcdef" * 4}
    assert "changed=0" in site.play(*given)[1]
    status, said = site.play("-e", "fleet_key=secret")
    assert status != 0
    assert "expected 64 hexadecimal digits" in said


def half_written(site, host, name, mac):
    """Have the boot host *host* know that an install of the machine was begun and has not ended."""
    places = make_places(site.base / f"{host}-room", site.base / "published")
    order = arming.Order(
        token="t" * 43,
        node=name,
        address="10.2.0.11",
        macs=(mac,),
        digest="d" * 32,
        network="10.2.0.0-24",
        limit=600,
        script="",
        files=dict.fromkeys((*arming.SERVED, routes.UNFINISHED), ""),
        about={},
    )
    publish(places, order)
    arming.arm(places, [order], "tester", "s" * 32, 60)
    (places.reports / order.token / "started").write_text("{}")


def test_a_node_is_not_taken_up_while_another_boot_host_knows_its_disk_as_half_written(site):
    """Whatever it is called by then."""
    assert site.play()[0] == 0
    half_written(site, "boot-b", "b1", "52-54-00-00-02-01")
    moved = NODES["b1"] | {"flatcar_rack": "a", "flatcar_address": "10.1.0.99"}
    nodes = {name: node for name, node in NODES.items() if name != "b1"} | {"a9": moved}
    for limit in ((), ("--limit", "boot-a")):
        status, said = site.play(*limit, nodes=nodes)
        assert status != 0
        assert "The disk of b1 is half-written, and only another boot host knows it" in " ".join(said.split())
        assert "a9" not in site.nodes("boot-a")


def test_a_boot_host_that_cannot_be_asked_stops_what_may_have_moved_from_it(site):
    """Unless somebody says that it is gone; and one that serves nothing yet has to begin somehow."""
    away = BOOT_HOSTS | {"boot-b": BOOT_HOSTS["boot-b"] | {"ansible_connection": "ssh", "ansible_host": "192.0.2.1"}}
    patience = ("-e", "ansible_ssh_timeout=1", "--limit", "boot-a")
    status, said = site.play(*patience, boot_hosts=away)
    assert status == 0, said
    nodes = NODES | {"a9": NODES["a1"] | {"flatcar_mac": "52:54:00:00:01:99", "flatcar_address": "10.1.0.99"}}
    status, said = site.play(*patience, boot_hosts=away, nodes=nodes)
    assert status != 0
    assert "boot-b cannot be reached" in said
    status, said = site.play(*patience, "-e", "fleet_unasked=boot-b", boot_hosts=away, nodes=nodes)
    assert status == 0, said
    assert "a9" in site.nodes("boot-a")
