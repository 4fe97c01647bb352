"""Bad input: one clear message that names the variable or the fact and says what to do, and nothing is changed."""

import contextlib

import pytest

pytestmark = pytest.mark.parametrize("name", ["boot-bookworm"], indirect=True, scope="session")


@contextlib.contextmanager
def listening(host, command):
    """A stranger's service on the boot host, in the place of Kindling's, for a while."""
    with host.sudo():
        host.check_output("systemctl stop kindling-web kindling-tftp kindling-dnsmasq")
        host.check_output(f"systemd-run --collect --unit stranger {command}")
        try:
            yield
        finally:
            host.check_output("systemctl stop stranger")
            host.check_output("systemctl start kindling-web kindling-dnsmasq")


@contextlib.contextmanager
def second_dhcp_server(rack, address="10.77.0.254"):
    """Somebody else's DHCP server on the rack's network, for a while."""
    leases = f"/run/{rack.name}-stranger"
    rack.run(
        f"""
        dnsmasq --conf-file=/dev/null --port=0 --user=root --interface=br0 --bind-interfaces \\
          --dhcp-range=10.77.0.200,10.77.0.209 --dhcp-leasefile={leases}.leases --pid-file={leases}.pid
        """
    )
    try:
        yield address
    finally:
        rack.run(f"kill $(cat {leases}.pid); rm -f {leases}.pid {leases}.leases")


@contextlib.contextmanager
def older_debian(host):
    """The boot host calls itself Debian 11, for a while."""
    with host.sudo():
        host.check_output("cp /etc/debian_version /etc/debian_version.kept")
        host.check_output("sed 's/^VERSION_ID=.*/VERSION_ID=11/' /usr/lib/os-release > /etc/os-release.older")
        host.check_output("mv -f /etc/os-release.older /etc/os-release")
        host.check_output("echo 11.11 > /etc/debian_version")
        try:
            yield
        finally:
            host.check_output("mv -f /etc/debian_version.kept /etc/debian_version")
            host.check_output("ln -sf ../usr/lib/os-release /etc/os-release")


def refused(result, *texts):
    status, output = result
    assert status != 0
    assert "nothing was changed" in output.lower(), output
    for text in texts:
        assert text in output, output
    assert "changed=0" in output


@pytest.mark.parametrize(
    ("variables", "texts"),
    [
        ({"kindling_networks": None}, ["kindling_networks", "host_vars"]),
        (
            {"kindling_networks": [{"interface": "lan7", "subnet": "10.77.0.0/24", "racks": ["bookworm", "trixie"]}]},
            ["kindling_networks[0].interface", "has no interface lan7; it has eth0, lan0, lo"],
        ),
        (
            {"kindling_networks": [{"interface": "lan0", "subnet": "10.78.0.0/24", "racks": ["bookworm", "trixie"]}]},
            ["does not have an address in 10.78.0.0/24; it has 10.77.0.1", "configure it on the boot host first"],
        ),
        (
            {"kindling_networks": [{"interface": "lan0", "subnet": "10.77.0.0/24", "racks": ["other"]}]},
            ["flatcar_rack", "no boot host has this rack in its kindling_networks; they have other"],
        ),
        ({"flatcar_adress": "10.77.0.11"}, ["flatcar_adress: unknown variable; did you mean flatcar_address?"]),
        ({"flatcar_hostname": "{{ nosuch }}"}, ["flatcar_hostname: its template fails: 'nosuch' is undefined"]),
    ],
)
def test_a_wrong_variable(play, variables, texts):
    refused(play("site.yml", **variables), *texts)


def test_no_nodes(play, without_nodes):
    result = play("site.yml", **without_nodes)
    refused(
        result,
        "no machine in the group flatcar_nodes stands in a rack of this boot host (bookworm)",
        "set flatcar_rack",
    )


def test_an_unsupported_system(host, play):
    with older_debian(host):
        refused(play("site.yml"), "runs Debian 11", "A boot host runs Debian 12 or 13")


@pytest.mark.parametrize(
    ("command", "port"),
    [
        ("python3 -m http.server 80", "tcp port 80"),
        (
            "python3 -c 'import socket; s = socket.socket(type=socket.SOCK_DGRAM); s.bind((\"\", 67)); s.recv(1)'",
            "udp port 67",
        ),
    ],
)
def test_a_port_in_use(host, play, command, port):
    with listening(host, command):
        refused(play("site.yml"), f"{port} is held by python3", "stop that service, or have it listen elsewhere")


def test_a_second_dhcp_server(play, rack):
    with second_dhcp_server(rack) as address:
        for playbook in ("check.yml", "site.yml"):
            refused(play(playbook), f"lan0: {address} (", "answers DHCP, and offers 10.77.0.20", "other_dhcp_servers")
        network = {"interface": "lan0", "subnet": "10.77.0.0/24", "racks": [rack.name], "other_dhcp_servers": [address]}
        status, output = play("check.yml", dnsmasq_networks=[network])
        assert status == 0, output
