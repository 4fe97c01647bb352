"""A live rack whose nodes come, change and go, goes back, and is not lost when a run is killed."""

import json

import pytest

#: What is the same on all of them is tried on one: on the one that test_refusals.py leaves alone.
ONE_BOOT_HOST = pytest.mark.parametrize("name", ["boot-trixie"], indirect=True, scope="session")

FLEET = "/srv/kindling/fleet"
CURRENT = f"{FLEET}/current"
NEW = {"flatcar_mac": "52:54:00:77:00:31", "flatcar_address": "10.77.0.31"}


@pytest.fixture
def generation(host):
    """The name of the served generation."""
    return lambda: host.check_output(f"readlink {CURRENT}").rpartition("/")[2]


@pytest.fixture
def held(host):
    """The name of the generation that is held, if one is."""

    def read():
        with host.sudo():
            return json.loads(host.file(f"{FLEET}/history.json").content_string)["held"]

    return read


@pytest.fixture(autouse=True)
def as_it_was(play, generation, held):
    """The fleet of this scenario is served again, and nothing is held."""
    before = generation()
    yield
    if (generation(), held()) != (before, None):
        played(play("site.yml", site_hold=False))


SERVICES = ("kindling-dnsmasq", "kindling-tftp", "kindling-web")


@pytest.fixture
def pids(host):
    """The services' first processes: others after a restart."""

    def read():
        return [host.check_output(f"systemctl show -P MainPID {unit}") for unit in SERVICES]

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


@ONE_BOOT_HOST
def test_a_rollback_is_one_step_and_is_not_undone_by_accident(rack, play, pids, generation, with_nodes):
    first, before = generation(), pids()
    new = with_nodes(**{f"{rack.name}-new": NEW | {"flatcar_rack": rack.name}, f"{rack.name}-disk": None})
    played(play("site.yml", **new))
    second = generation()
    assert second != first
    assert rack.dhcp(rack.disk) is None

    assert f"would do: switch from {second} to {first}" in played(play("rollback.yml", "--check"))
    assert generation() == second
    assert f"switch from {second} to {first}, and hold it" in played(play("rollback.yml"))
    assert generation() == first
    assert rack.dhcp(NEW["flatcar_mac"]) is None
    assert rack.dhcp(rack.disk)["ip"] == "10.77.0.12"
    listed = played(play("rollback.yml", rollback_list=True))
    assert f"{first} switched to at" in listed
    assert "is served, is held" in listed

    status, output = play("site.yml", **new)
    assert status != 0
    assert f"Generation {first} has been held since" in output
    assert "Nothing was changed." in output
    assert "changed=0" in output
    assert "changed=0" in played(play("site.yml", site_hold=True, **new))
    assert generation() == first
    played(play("site.yml", site_hold=False, **new))
    assert rack.dhcp(NEW["flatcar_mac"])["ip"] == NEW["flatcar_address"]
    assert f"to {first}, and hold it" in played(play("rollback.yml", rollback_generation=first))
    assert generation() == first
    assert pids() == before


@ONE_BOOT_HOST
def test_a_run_killed_before_dnsmasq_reads_is_made_good_by_the_next(rack, play, start, pids, generation, with_nodes):
    first, before = generation(), pids()
    new = with_nodes(**{f"{rack.name}-new": NEW | {"flatcar_rack": rack.name}})
    process = start("site.yml", **new)
    while generation() == first:
        assert process.poll() is None, process.stdout.read()
    process.kill()
    process.wait()
    served = generation()
    assert f"hold {served}" in played(play("rollback.yml", "--check", rollback_generation=served)), (
        "all of its files are there"
    )
    played(play("site.yml", **new))
    assert rack.dhcp(NEW["flatcar_mac"])["ip"] == NEW["flatcar_address"]
    assert "changed=0" in played(play("site.yml", **new))
    assert pids() == before


@ONE_BOOT_HOST
@pytest.mark.parametrize(
    ("variables", "file", "says"),
    [
        # What has the right form, and is too long all the same: for a line of dnsmasq's, and for a tag of nginx's
        ({"dnsmasq_tftp_dir": f"/{'a' * 1100}"}, "/etc/kindling/tftp.conf", "dnsmasq: bad"),
        (
            {"web_access_log": f"syslog:server=unix:/dev/log,tag={'a' * 40}"},
            "/etc/kindling/nginx.conf",
            "tag length exceeds",
        ),
    ],
)
def test_what_a_service_would_refuse_does_not_replace_what_it_has(host, rack, play, pids, variables, file, says):
    with host.sudo():
        before = host.check_output(f"sha256sum {file}"), pids()
    status, output = play("site.yml", **variables)
    assert status != 0
    assert "failed to validate" in output
    assert says in output
    with host.sudo():
        assert (host.check_output(f"sha256sum {file}"), pids()) == before
    assert rack.dhcp(rack.ram)["ip"] == "10.77.0.11"
    assert rack.http("/boot.ipxe")[0] == 200
