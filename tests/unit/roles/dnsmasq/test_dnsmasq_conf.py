"""dnsmasq's two configurations: what follows from each network's mode, and what belongs to which."""

from __future__ import annotations

import subprocess

import pytest
from ansible_collections.kindling.flatcar.plugins.modules import reservations

KEPT = "/proc/sys/net/core/rmem_default"
RAISE = f"echo 8388608 > {KEPT}"
QUARANTINE = "10.77.0.200-10.77.0.209"


def lines(text, *starts):
    return [line for line in text.splitlines() if line.startswith(starts)]


def test_a_network_gives_known_machines_their_addresses(dnsmasq_conf, boot_network):
    text = dnsmasq_conf(
        boot_network(gateway="10.77.0.254", dns=["10.77.0.5"], ntp="10.77.0.6"), dnsmasq_lease_time="45m"
    )
    assert lines(text, "dhcp-range", "dhcp-option=", "domain=") == [
        "dhcp-range=set:net-10.77.0.0,10.77.0.0,static,255.255.255.0,45m",
        "dhcp-option=tag:net-10.77.0.0,option:router,10.77.0.254",
        "dhcp-option=tag:net-10.77.0.0,tag:known,option:classless-static-route,10.77.0.1/32,0.0.0.0,0.0.0.0/0,10.77.0.254",
        "dhcp-option=tag:net-10.77.0.0,option:dns-server,10.77.0.5",
        "dhcp-option=tag:net-10.77.0.0,option:ntp-server,10.77.0.6",
        "domain=rack.test,10.77.0.0/24",
    ]
    assert lines(text, "dhcp-ignore=tag:!known") == ["dhcp-ignore=tag:!known"]


def test_two_networks_on_one_interface_do_not_share_what_they_tell(dnsmasq_conf, boot_network):
    second = boot_network(subnet="10.78.0.0/24", racks=["b"], relay="10.78.0.254")
    text = dnsmasq_conf(boot_network(), second)
    assert lines(text, "interface=") == ["interface=lan0"]
    assert lines(text, "dhcp-option=")[3:] == [
        "dhcp-option=tag:net-10.78.0.0,option:router,10.78.0.254",
        "dhcp-option=tag:net-10.78.0.0,tag:known,option:classless-static-route,10.77.0.1/32,10.78.0.254,0.0.0.0/0,10.78.0.254",
        "dhcp-option=tag:net-10.78.0.0,option:dns-server,10.77.0.1",
    ]
    assert not [line for line in lines(text, "dhcp-option=", "dhcp-boot=") if "tag:net-" not in line]


def test_a_vlan_has_an_interface_of_its_own(dnsmasq_conf, boot_network):
    text = dnsmasq_conf(boot_network(interface="lan0.5", subnet="10.79.0.0/24"))
    assert lines(text, "interface=") == ["interface=lan0.5"]
    assert "dhcp-boot=tag:net-10.79.0.0,tag:ipxe,http://10.79.0.1/boot.ipxe\n" in text


def test_a_quarantine_opens_its_own_interface_alone(dnsmasq_conf, boot_network):
    text = dnsmasq_conf(
        boot_network(quarantine=QUARANTINE), boot_network(interface="lan1", subnet="10.78.0.0/24", racks=["b"])
    )
    assert lines(text, "dhcp-ignore=tag:!known") == ["dhcp-ignore=tag:!known,tag:!lan0"]
    assert lines(text, "dhcp-range")[1] == "dhcp-range=set:net-10.77.0.0,10.77.0.200,10.77.0.209,255.255.255.0,10m"
    assert "dhcp-option=tag:net-10.77.0.0,tag:!known,option:router\n" in text
    assert "dhcp-option=tag:net-10.77.0.0,tag:!known,option:dns-server\n" in text


def test_proxy_gives_no_addresses_and_nothing_to_strangers(dnsmasq_conf, boot_network):
    text = dnsmasq_conf(boot_network(mode="proxy"))
    assert lines(text, "dhcp-range") == ["dhcp-range=10.77.0.0,proxy,255.255.255.0"]
    assert lines(text, "dhcp-ignore=tag:!known") == ["dhcp-ignore=tag:!known"]
    assert not lines(text, "dhcp-option=", "domain=")
    assert "dhcp-pxe-vendor=PXEClient,HTTPClient\n" in text


def test_none_has_no_word_of_dhcp_for_its_network(dnsmasq_conf, boot_network):
    text = dnsmasq_conf(boot_network(mode="none"), boot_network(interface="lan1", subnet="10.78.0.0/24", racks=["b"]))
    assert lines(text, "interface=") == ["interface=lan0", "interface=lan1"]
    assert "net-10.77.0.0" not in text
    assert not lines(text, "pxe-service", "dhcp-pxe-vendor")


def test_only_proxy_networks_have_a_boot_service(dnsmasq_conf, boot_network):
    text = dnsmasq_conf(
        boot_network(), boot_network(interface="lan1", subnet="10.78.0.0/24", racks=["b"], mode="proxy")
    )
    assert {line.split(",")[0] for line in lines(text, "pxe-service")} == {"pxe-service=tag:lan1"}


@pytest.mark.parametrize("mode", ["authoritative", "proxy"])
def test_every_program_says_where_it_comes_from(dnsmasq_conf, boot_network, mode):
    boots = lines(dnsmasq_conf(boot_network(mode=mode)), "dhcp-boot")
    assert len(boots) > 5
    assert all("http://10.77.0.1/" in boot or boot.endswith(",,10.77.0.1") for boot in boots)


def test_a_file_of_the_operators_is_given_by_the_tag_of_its_reservations(dnsmasq_conf, boot_network):
    program = {"tag": "program-00ff", "name": "00ff.efi", "architecture": "efi-x64"}
    boots = [
        line for line in lines(dnsmasq_conf(boot_network(), programs=[program]), "dhcp-boot") if "tag:efi-x64," in line
    ]
    assert "dhcp-boot=tag:net-10.77.0.0,tag:!ipxe,tag:efi-x64,tag:program-00ff,00ff.efi,,10.77.0.1" in boots
    assert (
        "dhcp-boot=tag:net-10.77.0.0,tag:!ipxe,tag:efi-x64,tag:!program-snponly,tag:!program-ipxe,tag:!program-00ff,"
        "snponly.efi,,10.77.0.1" in boots
    )


@pytest.mark.parametrize(
    ("pair", "delays", "asks"),
    [
        ({}, [], []),
        ({"peer": "spare"}, [], []),
        (
            {"peer": "spare", "standby": True},
            ["dhcp-reply-delay=tag:net-10.77.0.0,2"],
            [
                "Sockets=kindling-dnsmasq.socket",
                f"ExecStartPre=-+/bin/sh -c 'test $$(cat {KEPT}) -ge 8388608 || {RAISE}'",
            ],
        ),
    ],
)
def test_the_kernel_keeps_packets_and_notes_when_they_came_where_answers_are_delayed(
    dnsmasq_conf, boot_network, pair, delays, asks
):
    other = boot_network(interface="lan1", subnet="10.78.0.0/24", racks=["b"])
    networks = other, boot_network(address="10.77.0.1", **pair)
    assert lines(dnsmasq_conf(*networks), "dhcp-reply-delay") == delays
    assert (
        lines(
            dnsmasq_conf(*networks, template="kindling-dnsmasq.service.j2"),
            "Sockets=",
            "ExecStartPre=-+/bin/sh -c 'test",
        )
        == asks
    )


def test_one_process_does_dhcp_and_the_other_tftp_and_dns(dnsmasq_conf, boot_network):
    networks = boot_network(), boot_network(interface="lan1", subnet="10.78.0.0/24", racks=["b"], mode="proxy")
    dhcp, tftp = (dnsmasq_conf(*networks, template=f"{name}.conf.j2") for name in ("dnsmasq", "tftp"))
    assert lines(dhcp, "port=") == ["port=0"]
    assert not lines(dhcp, "enable-tftp", "tftp-", "addn-hosts", "no-hosts", "domain-needed", "bogus-priv")
    assert not lines(tftp, "dhcp-", "pxe-", "port=", "domain=", "log-dhcp")
    where = ("bind-dynamic", "except-interface=", "interface=", "log-facility=")
    assert lines(dhcp, *where) == lines(tftp, *where)


UNITS = {"dnsmasq": ["CAP_NET_ADMIN", "CAP_NET_BIND_SERVICE", "CAP_NET_RAW"], "tftp": ["CAP_NET_BIND_SERVICE"]}


@pytest.mark.parametrize(("name", "capabilities"), UNITS.items())
def test_each_has_a_user_of_its_own_and_only_the_capabilities_that_it_needs(
    dnsmasq_conf, boot_network, name, capabilities
):
    unit = dnsmasq_conf(boot_network(), template=f"kindling-{name}.service.j2")
    user = {"dnsmasq": "kindling-dhcp", "tftp": "kindling-tftp"}[name]
    assert lines(unit, "User=", "Group=") == [f"User={user}", f"Group={user}"]
    assert {line.partition("=")[2] for line in lines(unit, "AmbientCap", "CapabilityB")} == {" ".join(capabilities)}
    run = dnsmasq_conf(boot_network(), template=f"kindling-{name}.run.j2")
    sets = [line.partition("caps=")[2] or line.partition("set=")[2] for line in run.splitlines() if "=-all," in line]
    small = [f"+{capability.removeprefix('CAP_').lower()}" for capability in capabilities]
    assert [found.removesuffix(" \\") for found in sets] == [",".join(["-all", *small])] * 3
    assert f"--reuid={user} --regid={user}" in run


def test_dhcp_starts_after_what_a_machine_asks_next_and_starts_it_too(dnsmasq_conf, boot_network):
    """So a restart that gives up the ports for TFTP and DNS has the other service take them at once."""
    unit = dnsmasq_conf(boot_network(), template="kindling-dnsmasq.service.j2")
    assert lines(unit, "Wants=", "After=") == [
        "Wants=network-online.target kindling-tftp.service",
        "After=network-online.target kindling-tftp.service",
    ]


def test_dhcp_has_the_processor_first(dnsmasq_conf, boot_network):
    first, other = (dnsmasq_conf(boot_network(), template=f"kindling-{name}.service.j2") for name in UNITS)
    assert lines(first, "CPUWeight=", "Nice=") == ["CPUWeight=1000", "Nice=-10"]
    assert not lines(other, "CPUWeight=", "Nice=")


def test_each_reloads_for_what_it_reads_as_the_module_has_it(dnsmasq_role):
    own = {"kindling-dnsmasq": "__dnsmasq_reload_for", "kindling-tftp": "__dnsmasq_tftp_reload_for"}
    at = {"dnsmasq_reservations_dir": "/current/dnsmasq"}
    read = {name: dnsmasq_role(f"{{{{ {variable} }}}}", **at) for name, variable in own.items()}
    assert read == {name: [f"/current/{file}" for file in files] for name, files in reservations.FILES.items()}


@pytest.mark.parametrize("name", ["lift_limits", "tftp_lift_limits"])
@pytest.mark.parametrize("manager", ["systemd", "s6"])
def test_limits_are_lifted_by_the_last_service_that_stops(dnsmasq_role, tmp_path, name, manager):
    command = dnsmasq_role(f"{{{{ __dnsmasq_{name}.{manager} }}}}").replace("/usr/sbin/nft -f -", "cat")
    for other, lifted in (("up", ""), ("down", "table inet kindling_dhcp; delete table inet kindling_dhcp\n")):
        for tool, text in (
            ("systemctl", f"[ {other} = up ]"),
            ("s6-svstat", f"[ {other} = up ] && echo true || echo false"),
        ):
            (tmp_path / tool).write_text(f"#!/bin/sh\necho $* >> {tmp_path}/asked\n{text}\n")
            (tmp_path / tool).chmod(0o755)
        path = {"PATH": f"{tmp_path}:/usr/bin:/bin"}
        assert subprocess.run(["sh", "-c", command], env=path, capture_output=True, text=True).stdout == lifted
    asked = (tmp_path / "asked").read_text()
    assert ("kindling-tftp" in asked, "kindling-dnsmasq" in asked) == (name == "lift_limits", name != "lift_limits")
