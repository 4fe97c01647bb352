"""The installer's config and what it carries."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
from urllib.parse import unquote_to_bytes

import pytest
from ansible_collections.kindling.flatcar.plugins.plugin_utils import _install as install
from ansible_collections.kindling.flatcar.plugins.plugin_utils._butane import dumps, translate
from ansible_collections.kindling.flatcar.plugins.plugin_utils._node import read_node, to_butane

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEtpbmRsaW5nIHRlc3Qga2V5OiBvcGVucyBub3RoaW5n"

PLACE = {"flatcar_rack": "a", "flatcar_mac": "52:54:00:00:00:01", "flatcar_address": "10.1.0.11"}
DISK = "/dev/disk/by-id/ata-DISK_1"
TOKEN = "t" * 43
REPORTS = "r" * 43


def node(**variables):
    found, problems = read_node("n1", PLACE | {"flatcar_install_disk": DISK} | variables)
    assert problems == []
    return found


def config_of(node):
    return translate(to_butane(node), strict=True).checked()


def build(node, **options):
    given = {
        "version": "9999.2.0",
        "hosts": ["http://10.1.0.1"],
        "token": TOKEN,
        "report_token": REPORTS,
        "key": "the key\n",
    }
    return install.build(node, config_of(node), **(given | options))


def files(config):
    """The files of a config by their path: the mode and the decoded contents."""
    return {entry["path"]: (entry.get("mode"), _decoded(entry["contents"])) for entry in config["storage"]["files"]}


def _decoded(contents):
    head, data = contents["source"].split(",", 1)
    raw = base64.b64decode(data) if head.endswith(";base64") else unquote_to_bytes(data)
    return (gzip.decompress(raw) if contents.get("compression") == "gzip" else raw).decode()


def conf(text):
    return [tuple(line.split("=", 1)) for line in text.splitlines()]


def test_the_installer_carries_the_final_config_and_its_digest():
    made = build(node())
    carried = files(json.loads(made.config))
    mode, final = carried["/etc/kindling/install/config.ign"]
    settings = dict(conf(carried["/etc/kindling/install/install.conf"][1]))
    assert (mode, final) == (0o600, made.final)
    assert settings["sha512"] == hashlib.sha512(final.encode()).hexdigest()
    assert carried["/etc/kindling/install/key.asc"] == (0o600, "the key\n")
    assert carried["/etc/hostname"][1] == "n1\n"
    assert carried["/opt/kindling/kindling-install.sh"][0] == 0o755


def test_the_script_gets_all_that_it_asks_for():
    options = {"flatcar_install_disk_serial": "S 1", "flatcar_wipe": "any", "flatcar_install_disk_min_gib": 100}
    options |= {"flatcar_other_flatcar_disks": "allow", "flatcar_install_boot_entry": True}
    known = {"half_written": True, "former_serial": "S 0", "new_disk": True, "initrd_bytes": 400 << 20}
    made = build(node(**options), hosts=["http://10.1.0.1", "http://10.1.0.2/"], timeout=7200, **known)
    mode, text = files(json.loads(made.config))["/etc/kindling/install/install.conf"]
    assert mode == 0o600
    given = conf(text)
    assert [value for key, value in given if key == "boot_host"] == ["http://10.1.0.1", "http://10.1.0.2"]
    own = {key: value for key, value in given if key != "boot_host"}
    assert own | {"sha512": "", "disk_wait": "", "samples": "", "pause": ""} == {
        "node": "n1",
        "version": "9999.2.0",
        "digest": made.digest,
        "sha512": "",
        "base": "http://10.1.0.1/images/amd64-usr",
        "disk": DISK,
        "serial": "S 1",
        "min_gib": "100",
        "wipe": "any",
        "half_written": "yes",
        "former_serial": "S 0",
        "new_disk": "yes",
        "meminfo": "/proc/meminfo",
        "memory_mib": "2400",
        "other_flatcar": "allow",
        "boot_entry": "yes",
        "efi": "/sys/firmware/efi",
        "token": TOKEN,
        "disk_wait": "",
        "samples": "",
        "timeout": "7200",
        "pause": "",
    }


DROP_IN = "/etc/systemd/network/zz-default.network.d/10-kindling.conf"


def test_an_installed_machine_asks_dhcp_by_its_mac_as_it_did_in_ram():
    one = node(flatcar_interfaces=[{"name": "a", "mac": "52:54:00:00:00:01", "dhcp": True}])
    for installed in (node(), one):
        made = build(installed)
        assert files(json.loads(made.final))[DROP_IN] == (0o644, "[DHCPv4]\nClientIdentifier=mac\n")
        assert DROP_IN not in files(json.loads(made.config))
        assert made.digest == install.config_digest(config_of(installed))
        reported = dict(conf(files(json.loads(made.final))["/etc/kindling/report.conf"][1]))
        assert reported["digest"] == made.digest


def test_what_the_config_itself_has_there_stays():
    own = {"path": DROP_IN, "contents": {"inline": "[DHCPv4]\nClientIdentifier=duid\n"}}
    final = json.loads(build(node(flatcar_butane={"storage": {"files": [own]}})).final)
    assert files(final)[DROP_IN][1] == "[DHCPv4]\nClientIdentifier=duid\n"
    assert [entry["path"] for entry in final["storage"]["files"]].count(DROP_IN) == 1


def test_nothing_runs_twice():
    (unit,) = json.loads(build(node()).config)["systemd"]["units"]
    assert (unit["name"], unit["enabled"]) == ("kindling-install.service", True)
    for line in ("Type=oneshot", "Restart=no", "After=network-online.target", "Environment=HOME=/root"):
        assert f"\n{line}\n" in unit["contents"]


def test_who_may_log_in_to_the_node_may_log_in_to_its_installer():
    one = node(flatcar_authorized_keys=[KEY], flatcar_users=[{"name": "ops", "groups": ["sudo"]}])
    assert json.loads(build(one).config)["passwd"] == config_of(one)["passwd"]
    assert "passwd" not in json.loads(build(node()).config)


def test_the_digest_is_of_the_nodes_own_config():
    one = node(flatcar_time_zone="UTC")
    made = build(one)
    assert made.digest == hashlib.sha256(dumps(config_of(one)).encode()).hexdigest()
    assert build(one, token="u" * 43).digest == made.digest
    assert build(node()).digest != made.digest


def test_a_running_system_reports_with_a_file_that_only_root_reads():
    own = config_of(node(flatcar_units=[{"name": "a.service", "mask": True}]))
    before = json.dumps(own)
    made = install.with_report(own, name="n1", hosts=["http://10.1.0.1"], token=TOKEN)
    assert json.dumps(own) == before
    assert [unit["name"] for unit in made["systemd"]["units"]] == [
        "a.service",
        "kindling-report.service",
        "kindling-report.timer",
    ]
    mode, text = files(made)["/etc/kindling/report.conf"]
    assert mode == 0o600
    assert dict(conf(text)) == {
        "node": "n1",
        "digest": install.config_digest(own),
        "token": TOKEN,
        "install": "",
        "os_release": "/etc/os-release",
        "cmdline": "/proc/cmdline",
        "secure_boot": "/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c",
        "pause": "5",
        "tries": "300",
        "boot_host": "http://10.1.0.1",
    }
    assert made["ignition"] == own["ignition"]
    assert TOKEN not in "".join(text for path, (_, text) in files(made).items() if path != "/etc/kindling/report.conf")


def test_a_running_system_knows_its_kernel_arguments():
    own = config_of(node(flatcar_console="ttyS1", flatcar_kernel_arguments=["quiet"]))
    made = install.with_report(own, name="n1", hosts=["http://10.1.0.1"], token=TOKEN)
    _, text = files(made)["/etc/kindling/report.conf"]
    assert [value for key, value in conf(text) if key == "argument"] == ["console=ttyS1", "quiet"]


def test_ignition_has_the_report_in_a_config_that_has_nothing_else():
    made = install.with_report({"ignition": {"version": "3.3.0"}}, name="n1", hosts=["http://10.1.0.1"], token=TOKEN)
    assert (len(made["storage"]["files"]), len(made["systemd"]["units"])) == (2, 2)


@pytest.mark.parametrize("variables", [{}, {"flatcar_units": [{"name": "a.service", "mask": True}]}])
def test_the_nodes_own_config_is_had_back(variables):
    for own in (config_of(node(**variables)), {"ignition": {"version": "3.4.0"}}):
        made = install.with_report(own, name="n1", hosts=["http://10.1.0.1"], token=TOKEN)
        assert dumps(install.without_report(made)) == dumps(own)


@pytest.mark.parametrize(
    ("butane", "path"),
    [
        ({"systemd": {"units": [{"name": "kindling-report.service"}]}}, "systemd.units.0.name"),
        ({"storage": {"files": [{"path": "/etc/kindling/report.conf"}]}}, "storage.files.1.path"),
        ({"storage": {"directories": [{"path": "/opt/kindling"}]}}, "storage.directories.0.path"),
        ({"storage": {"links": [{"path": "/opt/kindling/x", "target": "/y"}]}}, "storage.links.0.path"),
    ],
)
def test_a_node_keeps_off_what_is_kindlings(butane, path):
    own = config_of(node(flatcar_butane=butane))
    assert [found for found, _ in install.check_config(own)] == [path]
    with pytest.raises(ValueError, match=f"^{path}: "):
        install.with_report(own, name="n1", hosts=["http://10.1.0.1"], token=TOKEN)


@pytest.mark.parametrize("hosts", [[], ["http://boot-a"], ["10.1.0.1"]])
def test_a_boot_host_is_named_by_its_address(hosts):
    with pytest.raises(ValueError, match="boot host"):
        build(node(), hosts=hosts)


def test_no_value_can_add_a_line():
    with pytest.raises(ValueError, match="version has more than one line"):
        build(node(), version="9999.2.0\nwipe=any")


def test_a_node_without_a_disk_is_not_installed():
    found, _ = read_node("n1", PLACE)
    with pytest.raises(ValueError, match="n1: missing flatcar_install_disk"):
        build(found)


def test_the_script_boots_the_installers_config():
    script = install.script(
        node(flatcar_console="ttyS1"),
        version="9999.2.0",
        host="http://10.1.0.1",
        armed="http://10.1.0.1/armed/x",
        refused=["http://10.1.0.1/armed/t/unfinished.ipxe"],
    )
    assert " ignition.config.url=http://10.1.0.1/armed/x/install.ign console=ttyS1 ||" in script
    assert " http://10.1.0.1/images/amd64-usr/9999.2.0/flatcar_production_pxe.vmlinuz " in script
