"""The role dnsmasq's configuration as a boot host would have it, from networks as in an inventory."""

from __future__ import annotations

import pathlib

import pytest
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template

ROLE = pathlib.Path(__file__).parents[2] / "roles" / "dnsmasq"

FACTS = {
    "lan0": {"device": "lan0", "ipv4": {"address": "10.77.0.1"}},
    "lan1": {"device": "lan1", "ipv4": {"address": "10.78.0.1"}},
    "lan0_5": {"device": "lan0.5", "ipv4": {"address": "10.79.0.1"}},
}


@pytest.fixture(scope="session")
def boot_network():
    """A network of ``kindling_networks``, with changes."""
    plain = {"interface": "lan0", "subnet": "10.77.0.0/24", "racks": ["a"], "domain": "rack.test"}
    return lambda **changes: plain | changes


def read(path):
    return DataLoader().load_from_file(str(ROLE / path / "main.yml"), trusted_as_template=True)


@pytest.fixture(scope="session")
def dnsmasq_role():
    """A text that the role makes, by its variables on a Debian 13 boot host; *variables* are the role's."""
    from ansible_collections.kindling.flatcar.plugins.plugin_utils._boot.programs import boot_table
    from ansible_collections.kindling.flatcar.plugins.plugin_utils._network.networks import read_networks

    def made(text, *networks, programs=(), facts=FACTS, **variables):
        packaged = read("vars")["__dnsmasq_packaged_programs"]["13"]
        own = {
            **read("defaults"),
            **read("vars"),
            "ansible_managed": "made by a test",
            "__dnsmasq_networks": [found.printable() for found in read_networks("boot", list(networks), facts)]
            if networks
            else [],
            "__dnsmasq_programs": boot_table(packaged, programs),
        }
        templar = Templar(loader=DataLoader(), variables=own | variables)
        return templar.template(trust_as_template(text))

    return made


@pytest.fixture(scope="session")
def dnsmasq_conf(dnsmasq_role):
    """The text of dnsmasq's configuration, or of another of the role's templates."""

    def rendered(*networks, template="dnsmasq.conf.j2", **given):
        text = (ROLE / "templates" / template).read_text()
        # As the module `template` does: a block leaves no empty line
        return dnsmasq_role("#jinja2: trim_blocks: True\n" + text, *networks, **given)

    return rendered
