"""Orders: what a boot host is sent to arm a machine, and what its peer is sent."""

from __future__ import annotations

import base64
import json
import re

import pytest
from ansible_collections.kindling.flatcar.plugins.module_utils._arming import arming
from ansible_collections.kindling.flatcar.plugins.module_utils._routes import routes
from ansible_collections.kindling.flatcar.plugins.plugin_utils._install.order import order, witness
from ansible_collections.kindling.flatcar.plugins.plugin_utils._install.terms import (
    differences,
    former_serial,
    is_left_half_written,
    terms_of,
)
from test_build import config_of, files, node

TOKEN, REPORTS = "t" * 43, "r" * 43
HOSTS = ["http://10.1.0.1", "http://10.1.0.2"]


def an_order(one=None, hosts=HOSTS, **options):
    one = one or node()
    given = {"token": TOKEN, "hosts": hosts, "network": "10.1.0.0-24", "version": "9999.2.0", "key": "the key\n"}
    given |= {"peer": hosts[1] if len(hosts) > 1 else None, "signed_by": "5" * 64}
    given |= {"report_token": REPORTS, "timeout": 3600, "half_written": False} | options
    return order(one, config_of(one), **given)


def chained(script):
    return re.findall(r"^chain .* (\S+) \|\| set why \${errno}$", script, re.MULTILINE)


def test_an_order_is_shipped_as_it_is():
    made = an_order()
    assert arming.unpack(arming.pack([made])) == [made]


def test_its_digest_is_that_of_what_is_published():
    one = node()
    made = an_order(one)
    assert made.digest == arming.digest_of(made.about)
    assert made.about["host"] == HOSTS[0]
    config = made.about["config"]
    assert made.about == terms_of(
        one, version="9999.2.0", config=config, host=HOSTS[0], peer=HOSTS[1], signed_by="5" * 64
    )


def test_an_armed_machine_asks_the_boot_host_that_decides_and_then_its_peer():
    assert chained(an_order().script) == [
        f"{HOSTS[0]}/armed/{routes.UNSIGNED}/{TOKEN}/install.ipxe",
        f"{HOSTS[1]}/armed/{TOKEN}/unfinished.ipxe",
    ]
    assert len(chained(an_order(hosts=HOSTS[:1]).script)) == 1


def test_the_peer_is_sent_no_installer_and_answers_for_itself_first():
    one = node()
    terms = terms_of(one, version="", config="", host=HOSTS[0], peer=None, signed_by=None)
    made = witness(one, token=TOKEN, hosts=HOSTS, network="10.1.0.0-24", terms=terms)
    assert (made.witness, set(made.files)) == (True, {routes.UNFINISHED})
    assert arming.unpack(arming.pack([made])) == [made]
    assert chained(made.script) == [f"{host}/armed/{TOKEN}/unfinished.ipxe" for host in reversed(HOSTS)]
    assert chained(made.files[routes.UNFINISHED])[0].startswith(HOSTS[1])


def test_both_boot_hosts_are_told_of_the_install_and_by_the_system_that_it_makes():
    installer = json.loads(an_order().files["install.ign"])
    conf = files(installer)["/etc/kindling/install/install.conf"][1]
    assert [line for line in conf.splitlines() if line.startswith("boot_host=")] == [f"boot_host={h}" for h in HOSTS]
    final = json.loads(files(installer)["/etc/kindling/install/config.ign"][1])
    report = files(final)["/etc/kindling/report.conf"][1]
    assert f"token={REPORTS}\ninstall={TOKEN}\n" in report
    assert [line for line in report.splitlines() if line.startswith("boot_host=")] == [f"boot_host={h}" for h in HOSTS]


def test_an_install_has_ended_some_time_after_flatcar_install_had_to():
    assert an_order(timeout=7200).limit > 7200


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"flatcar_install_disk_serial": "S1"}, "its disk's serial number was not given, is S1"),
        ({"flatcar_wipe": "any"}, "what may be overwritten was flatcar, is any"),
        ({"flatcar_time_zone": "UTC"}, "its config has changed"),
    ],
)
def test_what_differs_is_told_in_words(change, told):
    before, after = (an_order(node(**more)).about for more in ({}, change))
    assert told in list(differences(before, after))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"peer": None}, f"the address of the other boot host of its pair was {HOSTS[1]}, is not given"),
        (
            {"peer": "http://10.1.0.3"},
            f"the address of the other boot host of its pair was {HOSTS[1]}, is http://10.1.0.3",
        ),
        ({"signed_by": "6" * 64}, "the key that its image is signed with has changed"),
    ],
)
def test_what_a_boot_host_says_of_an_installation_is_of_its_order(change, told):
    """Who has to know of a half-written disk, and whose images are taken."""
    before, after = an_order(), an_order(**change)
    assert before.digest != after.digest
    assert told in list(differences(before.about, after.about))


@pytest.mark.parametrize(
    ("left", "so"),
    [
        ({}, True),
        ({"serial": "S1"}, False),
        ({"disk": "/dev/disk/by-id/ata-OTHER_2"}, False),
        ({"macs": ["52-54-00-00-00-99"]}, False),
    ],
)
def test_what_an_order_has_left_is_on_its_own_disk_of_its_own_machine_alone(left, so):
    terms = an_order().about
    left = {key: terms[key] for key in ("disk", "serial", "macs")} | left
    assert is_left_half_written(terms, [{}, left]) == so
    assert not is_left_half_written(terms, [])


def test_what_is_known_by_a_digest_alone_holds_no_text_of_the_inventory():
    secret = base64.b64encode(b"secret").decode()
    assert secret not in json.dumps(an_order(node(flatcar_kernel_arguments=[f"key={secret}"])).about)


SLOT = "/dev/disk/by-path/pci-0000:00:17.0-ata-1"


def arming_of(terms, **reports):
    return {"about": terms, "macs": terms["macs"], "reports": reports}


@pytest.mark.parametrize(
    ("change", "reports", "serial"),
    [
        ({}, {"started": {"serial": "S1"}, "installed": {"serial": "S2"}}, "S2"),
        ({}, {"started": {"serial": "S1"}}, "S1"),
        ({}, {"failed": {"serial": "S1"}}, None),
        ({}, {"installed": {"serial": ""}}, "older"),
        ({}, {"installed": {}}, "older"),
        ({}, {"installed": {"serial": "S1\nwipe=any"}}, "older"),
        ({"disk": f"{SLOT}0"}, {"installed": {"serial": "S1"}}, "older"),
        ({"macs": ["52-54-00-00-00-99"]}, {"installed": {"serial": "S1"}}, "older"),
    ],
)
def test_a_slot_has_the_serial_number_that_the_last_installation_of_the_machine_found(change, reports, serial):
    terms = an_order(node(flatcar_install_disk=SLOT)).about
    older = [arming_of(terms, installed={"serial": "older"})] if serial == "older" else []
    assert former_serial(terms, [arming_of(terms | change, **reports), *older]) == serial


def test_a_disk_by_its_own_id_needs_no_serial_number():
    terms = an_order().about
    assert former_serial(terms, [arming_of(terms, installed={"serial": "S1"})]) is None


def test_an_order_carries_the_serial_number_that_was_found():
    one = node(flatcar_install_disk=SLOT)
    assert an_order(one, former_serial="S1").serial == "S1"
    assert an_order(one, former_serial="S1", new_disk=True).serial is None
    assert an_order(one, former_serial="S1").digest == an_order(one).digest
    (conf,) = [
        text
        for path, (_, text) in files(json.loads(an_order(one, former_serial="S1").files["install.ign"])).items()
        if path.endswith("install.conf")
    ]
    assert "\nformer_serial=S1\nnew_disk=no\n" in conf
