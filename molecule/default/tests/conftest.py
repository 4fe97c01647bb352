"""The boot hosts of this scenario, as their operator reaches them, and their racks, as the machines there see them."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
import testinfra
import yaml

PROJECT = Path(__file__).parents[3]
STATE = PROJECT / ".cache" / "lab"
LAB = PROJECT / "tests" / "lab" / "lab.py"
sys.path.insert(0, str(LAB.parent))

from virtual_rack import network  # found by the line above

SUDO = ["sudo"] if os.geteuid() else []
INVENTORY = Path(__file__).parents[1] / "hosts.yml"
GROUPS = yaml.safe_load(INVENTORY.read_text())
BOOT_HOSTS, NODES = GROUPS["boot_hosts"]["hosts"], GROUPS["flatcar_nodes"]["hosts"]

#: Prints what udhcpc learned, in place of configuring an interface with it.
ANSWER = Path(__file__).parent / "dhcp_answer.sh"


@pytest.fixture(scope="session", params=sorted(BOOT_HOSTS))
def name(request):
    """The boot host's name in the inventory."""
    return request.param


@pytest.fixture(scope="session")
def host(name):
    """The boot host, over one connection for all that is asked."""
    sockets = tempfile.TemporaryDirectory(prefix="kindling-")  # a socket's path is short
    with sockets:
        options = {"UserKnownHostsFile": STATE / "known_hosts", "ControlMaster": "auto", "ControlPersist": 60}
        options["ControlPath"] = f"{sockets.name}/ssh"
        yield testinfra.get_host(
            f"ssh://operator@{BOOT_HOSTS[name]['ansible_host']}",
            ssh_identity_file=str(STATE / "operator"),
            ssh_extra_args=" ".join(f"-o {option}={value}" for option, value in options.items()),
        )


@pytest.fixture(scope="session")
def start(name, environment):
    """Starts a playbook against the boot host, in a process group of its own."""

    # Tests publish inventories that they wrote, and then the scenario's own, which is older
    def run(playbook, *arguments, inventory=INVENTORY, **variables):
        variables = {"site_older": True, **variables}
        return subprocess.Popen(
            [
                *("ansible-playbook", "-i", str(inventory), "--limit", f"localhost,{name}"),
                *("-e", json.dumps(variables), *arguments, str(PROJECT / "playbooks" / playbook)),
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=environment,
            start_new_session=True,
        )

    return run


@pytest.fixture(scope="session")
def play(start):
    """Runs a playbook against the boot host: its exit status, and all that it says on one line."""

    def run(playbook, *arguments, **variables):
        process = start(playbook, *arguments, **variables)
        output, _ = process.communicate()
        return process.returncode, " ".join(output.split())

    return run


@pytest.fixture
def without_nodes(tmp_path):
    """This scenario's inventory with its boot hosts alone, and what tells that inventory where the lab is."""
    (tmp_path / "group_vars").symlink_to(INVENTORY.parent / "group_vars")
    (tmp_path / "hosts.yml").write_text(yaml.safe_dump({"boot_hosts": {"hosts": BOOT_HOSTS}}))
    return {"inventory": tmp_path / "hosts.yml", "lab_dir": str(STATE)}


@pytest.fixture
def with_nodes(tmp_path):
    """Writes this scenario's inventory with other nodes, and tells where it is and what tells it where the lab is."""
    (tmp_path / "group_vars").symlink_to(INVENTORY.parent / "group_vars")

    def write(**changes):
        """A node's name with what is different of its variables; with None the node is not there."""
        nodes = {name: NODES.get(name, {}) | (changes.get(name) or {}) for name in [*NODES, *changes]}
        left = {name: node for name, node in nodes.items() if changes.get(name, {}) is not None}
        groups = {"boot_hosts": {"hosts": BOOT_HOSTS}, "flatcar_nodes": {"hosts": left}}
        (tmp_path / "hosts.yml").write_text(yaml.safe_dump(groups))
        return {"inventory": tmp_path / "hosts.yml", "lab_dir": str(STATE)}

    return write


#: Asks the boot host to renew a lease.
RENEW = Path(__file__).parent / "dhcp_renew.py"


class Rack:
    """One rack's network, and one port on its switch for a client that is whatever a test wants.

    ``ram`` and ``disk`` are the MAC addresses of its machines, by what they boot.
    """

    def __init__(self, name):
        self.name = name
        self.ram, self.disk = (NODES[f"{name}-{mode}"]["flatcar_mac"] for mode in ("ram", "disk"))

    def run(self, script, check=True):
        """Run a shell script on the rack's network, beside the boot host."""
        # As the lab's own command `exec`, which looks every time whether the rack is there
        inside = [*SUDO, *network.inside(self.name, "sh", "-ec", script)]
        return subprocess.run(inside, capture_output=True, text=True, check=check)

    def dhcp(self, mac, *options):
        """What a machine with this MAC address is told, by option name; None when nobody answers it."""
        asked = " ".join(f"-x {option}" for option in options)
        done = self.run(
            f"""
            trap 'ip link delete client' EXIT
            ip link add client address {mac} type veth peer name port
            ip link set port master br0 up
            ip link set client up
            udhcpc -f -q -n -t 3 -T 1 -i client -s {ANSWER} -O bootfile {asked}
            """,
            check=False,
        )
        return dict(line.split("=", 1) for line in done.stdout.splitlines() if "=" in line) or None

    def renews(self, mac, address):
        """Whether a machine that has this address may keep it.

        The boot host has just given the address to another network card than this network's own: it learns better when
        it is asked by ARP.
        """
        done = self.run(
            f"""
            trap 'ip address delete {address}/32 dev br0' EXIT
            ip address add {address}/32 dev br0
            ip neighbour flush to 10.77.0.1 dev br0
            PYTHONPATH={PROJECT}/.ansible/collections {sys.executable} {RENEW} {mac} {address}
            """
        )
        return done.stdout.strip() == "ACK"

    def http(self, path, address="10.77.0.254"):
        """The status and the body that a machine with this address gets."""
        done = self.run(
            f"""
            trap 'ip address delete {address}/32 dev br0 2>/dev/null || true' EXIT
            [ {address} = 10.77.0.254 ] || ip address add {address}/32 dev br0
            curl --silent --path-as-is --write-out '\\n%{{http_code}}' --interface {address} 'http://10.77.0.1{path}'
            """
        )
        body, _, status = done.stdout.rpartition("\n")
        return int(status), body


@pytest.fixture(scope="session")
def rack(name):
    return Rack(BOOT_HOSTS[name]["lab_rack"])


@pytest.fixture
def acceptance(rack, environment, tmp_path):
    """Runs acceptance.yml on the rack's network: its exit status, its rows by node and code, and all that it says."""

    def run():
        found = tmp_path / "found.json"
        done = subprocess.run(
            [
                *(sys.executable, str(LAB), "exec", rack.name, "--"),
                *("ansible-playbook", "-i", str(INVENTORY), str(PROJECT / "playbooks" / "acceptance.yml")),
                *(
                    "--limit",
                    f"{rack.name}-ram,{rack.name}-disk",
                    "-e",
                    "acceptance_host=localhost ansible_become=false",
                ),
                *("-e", f"acceptance_format=json acceptance_output={found}"),
            ],
            capture_output=True,
            text=True,
            env=environment,
            check=False,
        )
        said = " ".join((done.stdout + done.stderr).split())
        assert found.exists(), said
        (network,) = json.loads(found.read_text())
        return done.returncode, {(row["node"], row["code"]): row for row in network["rows"]}, said

    return run
