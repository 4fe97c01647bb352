"""How a machine is switched on, worked out."""

from __future__ import annotations

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.kindling.flatcar.plugins.filter.power import power
from ansible_collections.kindling.flatcar.plugins.filter.redfish_boot import redfish_boot

MACS = ["52:54:00:00:00:01", "52:54:00:00:00:02"]
REDFISH = {"type": "redfish", "address": "10.1.0.201", "user": "admin", "password": "hunter2"}


@pytest.mark.parametrize("bmc", [None, {}, ""])
def test_without_a_service_processor_it_is_a_person(bmc):
    assert power(bmc, MACS) == {"type": "hand"}


@pytest.mark.parametrize(
    ("more", "address"),
    [
        ({}, "10.1.0.201"),
        ({"port": 8443}, "10.1.0.201:8443"),
        ({"address": "fd00::1"}, "[fd00::1]"),
        ({"address": "fd00::1", "port": 8443}, "[fd00::1]:8443"),
    ],
)
def test_redfish_has_its_port_in_its_address(more, address):
    found = power(REDFISH | more, MACS)
    assert found["address"] == address
    assert found["verify_tls"] is True


def test_ipmi_has_its_usual_port():
    assert power(REDFISH | {"type": "ipmi"}, MACS)["port"] == 623


def test_a_machine_is_woken_by_its_first_nic():
    found = power({"type": "wol"}, MACS)
    assert (found["mac"], found["address"], found["port"]) == (MACS[0], "255.255.255.255", 9)
    assert power({"type": "wol", "mac": MACS[1].upper(), "address": "10.1.0.255"}, MACS)["mac"] == MACS[1]


@pytest.mark.parametrize(
    ("bmc", "message"),
    [
        ({"type": "wol"}, "expected mac"),
        (REDFISH | {"key": "00"}, "the type redfish has no key"),
        (REDFISH | {"type": "ipmi", "key": "hunter2"}, "expected 2 to 40 hexadecimal digits"),
        (REDFISH | {"zz": 1}, "switch it with your own playbook, and install it with -e install_power=false"),
        (REDFISH | {"user": None}, "expected user with the type redfish"),
        (REDFISH | {"sytem": "1"}, "unknown option; did you mean system?"),
    ],
)
def test_mistakes_are_named_without_the_password(bmc, message):
    with pytest.raises(AnsibleFilterError) as failed:
        power(bmc)
    assert message in str(failed.value)
    assert "hunter2" not in str(failed.value)


def test_ipmi_takes_a_key_and_uefi():
    found = power(REDFISH | {"type": "ipmi", "key": "0123456789abcdef", "uefi": True}, MACS)
    assert (found["key"], found["uefi"]) == ("0123456789abcdef", True)


def told(**systems):
    entries = [
        [{"system_uri": f"/redfish/v1/Systems/{name}/"}, {"BootSourceOverrideTarget@Redfish.AllowableValues": offered}]
        for name, offered in systems.items()
    ]
    return {"redfish_facts": {"boot_override": {"entries": entries}}}


@pytest.mark.parametrize(
    ("found", "system", "made"),
    [
        ({"failed": True, "msg": "timed out"}, None, {"device": "Pxe", "systems": []}),
        (told(a=["UefiHttp"]), None, {"device": "UefiHttp", "systems": ["a"]}),
        (told(a=["UefiHttp"], b=["Pxe", "UefiHttp"]), "b", {"device": "Pxe", "systems": ["a", "b"]}),
        (told(a=["UefiHttp"]), "by another id", {"device": "Pxe", "systems": ["a"]}),
        (told(a=[]), None, {"device": "Pxe", "systems": ["a"]}),
    ],
)
def test_a_boot_from_the_network_by_what_the_system_offers(found, system, made):
    assert redfish_boot(found, system) == made
