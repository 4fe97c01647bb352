"""A live rack whose nodes come, change and go, goes back, and is not lost when a run is killed."""

import pytest

NEW = {"flatcar_mac": "52:54:00:77:00:31", "flatcar_address": "10.77.0.31"}


@pytest.fixture(autouse=True)
def as_it_was(play):
    """The fleet of this scenario is served again, and nothing is held."""
    yield
    status, output = play("site.yml", fleet_hold=False)
    assert status == 0, output


@pytest.fixture
def pids(host):
    """The services' first processes: others after a restart."""

    def read():
        return [host.check_output(f"systemctl show -P MainPID {unit}") for unit in ("kindling-dnsmasq", "kindling-web")]

    return read


def played(result):
    status, output = result
    assert status == 0, output
    return output


def test_nodes_come_change_and_go_while_dnsmasq_runs(rack, play, pids, with_nodes):
    before = pids()
    assert rack.dhcp(NEW["flatcar_mac"]) is None
    played(play("site.yml", **with_nodes(**{f"{rack.name}-new": NEW | {"flatcar_rack": rack.name}})))
    assert rack.dhcp(NEW["flatcar_mac"])["ip"] == NEW["flatcar_address"]
    # Its network card is replaced: the address belongs to the new one at once, although the old one's lease is young
    replaced = NEW | {"flatcar_mac": "52:54:00:77:00:32", "flatcar_rack": rack.name}
    played(play("site.yml", **with_nodes(**{f"{rack.name}-new": replaced})))
    assert rack.dhcp(replaced["flatcar_mac"])["ip"] == NEW["flatcar_address"]
    assert rack.dhcp(NEW["flatcar_mac"]) is None
    assert rack.renews(replaced["flatcar_mac"], NEW["flatcar_address"])
    played(play("site.yml"))
    assert rack.dhcp(replaced["flatcar_mac"]) is None
    assert not rack.renews(replaced["flatcar_mac"], NEW["flatcar_address"])
    assert pids() == before
