"""What the scenarios' tests share: playbooks and the lab, run as their user would."""

import functools
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from xdist.scheduler import LoadScopeScheduling

PROJECT = Path(__file__).parent.parent


RACKS = [
    own["lab_rack"]
    for hosts in PROJECT.glob("molecule/*/hosts.yml")
    for own in yaml.safe_load(hosts.read_text())["boot_hosts"]["hosts"].values()
]


class ByRack(LoadScopeScheduling):
    """Tests of one rack, or else of one file, follow one another in one process; those of other racks run beside them.

    A test says which rack it is for by a parameter: the rack, or its boot host.
    """

    def _split_scope(self, nodeid):
        file, _, parameters = nodeid.partition("[")
        words = re.findall(r"\w+", parameters)
        return next((rack for rack in RACKS if rack in words), file.partition("::")[0])


def pytest_xdist_make_scheduler(config, log):
    return ByRack(config, log)


@pytest.fixture(scope="module")
def inventory(request):
    """The scenario's own."""
    return request.path.parents[1] / "hosts.yml"


@pytest.fixture(scope="session")
def environment():
    """What playbooks run with. What they say is read: it has no colours, also where molecule forces them."""
    own = {"ANSIBLE_CONFIG": str(PROJECT / "ansible.cfg"), "ANSIBLE_FORCE_COLOR": "0", "ANSIBLE_NOCOLOR": "1"}
    return {**os.environ, **own}


@pytest.fixture(scope="module")
def play_with(environment):
    """Runs a playbook, by its path in the project, with these inventories; what it said. It may fail if that is *expected*."""
    older = ("-e", "site_older=true")  # tests publish more than the scenario's own inventory, and then that again

    def run(inventories, playbook, *arguments, expected=0):
        given = [word for inventory in inventories for word in ("-i", str(inventory))]
        done = subprocess.run(
            ["ansible-playbook", *given, *older, *map(str, arguments), str(PROJECT / playbook)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=environment,
            check=False,
        )
        assert done.returncode == expected, done.stdout
        return done.stdout

    return run


@pytest.fixture(scope="module")
def play(inventory, play_with):
    """Runs a playbook with the scenario's inventory, as `play_with` does."""
    return functools.partial(play_with, [inventory])


@pytest.fixture(scope="session")
def lab():
    """Runs one of the lab's commands; its result, whatever it is."""

    def run(*words):
        command = [sys.executable, PROJECT / "tests" / "lab" / "lab.py", *words]
        return subprocess.run([*map(str, command)], capture_output=True, text=True, check=False)

    return run


@pytest.fixture(scope="session")
def state():
    """Where the lab keeps what it knows, in a directory for each rack."""
    return PROJECT / ".cache" / "lab"
