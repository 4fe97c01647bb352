"""The playbooks as people and programs start them."""

from __future__ import annotations

import grp
import json
import os
import pathlib
import re
import sys

import playbook_runs
import pytest
from ansible.parsing.vault import VaultLib, VaultSecret

pytestmark = pytest.mark.slow

ROOT = pathlib.Path(__file__).parents[4]
HOSTS = """\
boot_hosts:
  hosts:
    boot-a:
      kindling_networks: [{interface: lan0, subnet: 10.1.0.0/24, racks: [a]}]
flatcar_nodes:
  vars: {flatcar_rack: a}
  children:
    plain:
      hosts:
        n1: {flatcar_mac: "52:54:00:00:00:01", flatcar_address: 10.1.0.11, flatcar_typo: 1}
    sealed:
      hosts:
        n2: {flatcar_mac: "52:54:00:00:00:02", flatcar_address: 10.1.0.12}
        n3: {flatcar_mac: "52:54:00:00:00:03", flatcar_address: 10.1.0.13}
"""


def play(playbook, inventory, *arguments, by=playbook_runs.forked):
    done = by("-i", inventory, *arguments, ROOT / "playbooks" / playbook)
    return done.returncode, done.stdout + done.stderr


@pytest.fixture(scope="module")
def sealed(tmp_path_factory):
    """An inventory with a vault in a variable and one that is a whole file."""
    path = tmp_path_factory.mktemp("inventory")
    vault = VaultLib([("default", VaultSecret(b"password"))])
    (path / "group_vars").mkdir()
    (path / "hosts.yml").write_text(HOSTS)
    (path / "group_vars" / "sealed.yml").write_bytes(vault.encrypt("flatcar_domain: a.test"))
    lines = (
        vault.encrypt("$y$j9T$SSSSSSSSSSSSSSSSSSSSSS$hhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhh").decode().splitlines()
    )
    indented = "\n".join(f"    {line}" for line in lines)
    (path / "group_vars" / "plain.yml").write_text(f"flatcar_password_hashes:\n  core: !vault |\n{indented}\n")
    (path / "password").write_text("password")
    return path


def test_every_problem_is_in_the_json_and_closed_vaults_are_among_them(sealed, tmp_path):
    output = tmp_path / "report.json"
    status, said = play(
        "validate.yml", sealed / "hosts.yml", "-e", "validate_format=json", "-e", f"validate_output={output}"
    )
    assert status == 2, said
    report = json.loads(output.read_text())
    assert (report["nodes"], report["boot_hosts"]) == (3, 1)
    assert [
        (pathlib.Path(problem["file"]).name, problem["line"], problem["hosts"], problem["path"])
        for problem in report["problems"]
    ] == [
        ("plain.yml", 2, ["n1"], "flatcar_password_hashes.core"),
        ("sealed.yml", 1, ["n2", "n3"], "its variables"),
        ("hosts.yml", 10, ["n1"], "flatcar_typo"),
    ]
    vaults = [problem["message"] for problem in report["problems"][:2]]
    assert all(message.startswith("the vault cannot be decrypted: ") for message in vaults), vaults
    assert all("--vault-password-file" in message for message in vaults), vaults


def test_with_the_password_only_the_other_problem_is_left(sealed):
    password = ("--vault-password-file", str(sealed / "password"))
    status, said = play("validate.yml", sealed / "hosts.yml", "-e", "validate_cross_check=false", *password)
    assert status == 2
    assert "n1: flatcar_typo: unknown variable" in said
    assert "3 nodes of 1 boot host: 1 problem (" in said


def test_a_run_is_short():
    """Each task takes time even if there is nothing to do, and most take a round trip to each boot host."""
    status, said = play("site.yml", ROOT / "inventories" / "example", "--list-tasks")
    assert status == 0, said
    tasks = [line for line in said.splitlines() if "TAGS: [" in line and not line.lstrip().startswith("play #")]
    assert len(tasks) <= 45, said


FLEET = """\
- hosts: boot_hosts
  connection: local
  gather_facts: false
  tasks:
    - ansible.builtin.set_fact:
        lan0: {device: lan0, ipv4: {address: 10.1.0.1}}
        cacheable: true
    - kindling.flatcar.publish:
        networks: "{{ kindling_networks }}"
        command: "{{ command }}"
        images: [{board: amd64-usr, channel: stable, requested: current, version: 9999.2.0}]
        path: "{{ path }}"
        group: "{{ group }}"
"""


def test_the_same_checks_come_before_a_fleet_is_published(tmp_path):
    (tmp_path / "fleet").mkdir()
    playbook, hosts = tmp_path / "fleet.yml", tmp_path / "hosts.yml"
    playbook.write_text(FLEET)
    variables = {"path": str(tmp_path / "fleet"), "group": grp.getgrgid(os.getgid()).gr_name}
    variables |= {"command": "publish", "ansible_python_interpreter": sys.executable}
    hosts.write_text(HOSTS)
    status, said = play(playbook, hosts, "-e", json.dumps(variables))
    assert status == 2
    assert f"{hosts.name}:10:" in said
    assert "flatcar_typo: unknown variable" in said
    assert list((tmp_path / "fleet").iterdir()) == []
    hosts.write_text(HOSTS.replace("flatcar_typo: 1", "flatcar_boot_mode: ram"))
    status, said = play(playbook, hosts, "-e", json.dumps(variables))
    assert status == 0, said
    published = tmp_path / "fleet" / "current"
    assert (published / "dnsmasq" / "dhcp-hosts").read_text().count("10.1.0.1") == 3
    script = (published / "web/ipxe/10.1.0.11/52-54-00-00-00-01.ipxe").read_text()
    assert "http://10.1.0.1/images/amd64-usr/9999.2.0/" in script
    (config,) = (published / "web/ignition").glob("*/*")
    assert config.name == "10.1.0.11.ign"
    assert f"/ignition/{config.parent.name}.ign" in script


#: Has ssh's command run here.
SSH = """\
#!/bin/sh
for command; do :; done
exec sh -c "$command"
"""


def test_neither_key_nor_tokens_are_ever_shown(tmp_path):
    (tmp_path / "fleet").mkdir()
    playbook, hosts, ssh = tmp_path / "fleet.yml", tmp_path / "hosts.yml", tmp_path / "ssh"
    playbook.write_text(FLEET.replace("connection: local", "connection: ssh"))
    hosts.write_text(HOSTS.replace("flatcar_typo: 1", "flatcar_boot_mode: ram"))
    ssh.write_text(SSH)
    ssh.chmod(0o755)
    variables = {"path": str(tmp_path / "fleet"), "group": grp.getgrgid(os.getgid()).gr_name, "command": "publish"}
    variables |= {"ansible_python_interpreter": sys.executable, "ansible_ssh_executable": str(ssh)}
    variables |= {"ansible_ssh_transfer_method": "piped"}
    arguments = ("-e", json.dumps(variables), "--diff", "-vvvvv")
    status, first = play(playbook, hosts, *arguments)
    assert status == 0, first
    hosts.write_text(hosts.read_text().replace("boot_mode: ram", "boot_mode: ram, flatcar_time_zone: Europe/Berlin"))
    status, second = play(playbook, hosts, *arguments)
    assert status == 0, second
    assert "n1, n2, n3: added; DHCP answers them at once" in first
    assert "n1: Ignition config, when it next boots into RAM" in second
    assert "+      target: ../usr/share/zoneinfo/Europe/Berlin" in second
    key = (tmp_path / "fleet" / "key").read_text().strip()
    (config,) = (tmp_path / "fleet/current/web/ignition").glob("*/*")
    for said in (first, second):
        assert "SSH: EXEC" in said
        assert "stdout and stderr censored due to no log" in said
        assert key not in said
        assert config.parent.name not in said


def test_the_example_is_right():
    status, said = play("validate.yml", "inventories/example")
    assert status == 0, said
    assert "5 nodes of 2 boot hosts: 0 problems (" in said
    _, _, lost = said.partition("\nDisks that lose data\n")
    assert lost.startswith(
        "  a03: /dev/disk/by-id/ata-EXAMPLE_SSD_480G_S3EXAMPLE0003: it is overwritten with Flatcar if it is empty or has an "
        "earlier Flatcar, when it is armed and boots from the network\n"
    )


def test_what_disks_lose_is_in_the_json(tmp_path):
    output = tmp_path / "report.json"
    play("validate.yml", "inventories/example", "-e", "validate_format=json", "-e", f"validate_output={output}")
    lost = json.loads(output.read_text())["losses"]
    assert {loss["node"] for loss in lost} == {"a03"}
    assert lost[1] == {
        "node": "a03",
        "disk": "/dev/disk/by-id/ata-EXAMPLE_HDD_4T_S4EXAMPLE0001",
        "what": "it becomes a part of the RAID data, and what is there is lost",
        "when": "at its first boot after an installation",
    }


def test_a_part_of_the_inventory_is_validated(tmp_path):
    hosts, output = tmp_path / "hosts.yml", tmp_path / "report.json"
    hosts.write_text(HOSTS)
    status, said = play("validate.yml", hosts, "-e", "validate_cross_check=false", "--limit", "n2,boot-a")
    assert status == 0, said
    assert "3 nodes of 1 boot host: 0 problems (of n2, boot-a alone; 1 problem of other hosts;" in said
    status, _ = play(
        "validate.yml", hosts, "-e", "validate_format=json", "-e", f"validate_output={output}", "--limit", "plain"
    )
    assert status != 0
    report = json.loads(output.read_text())
    assert (report["limit"], report["problems_elsewhere"]) == (["n1"], 0)
    assert [problem["path"] for problem in report["problems"]] == ["flatcar_typo"]


@pytest.mark.parametrize(
    "playbook", sorted(path.name for path in (ROOT / "playbooks").glob("*.yml") if path.stem != "new")
)
def test_a_limit_that_leaves_nobody_is_an_error_and_says_who_there_is(playbook, tmp_path):
    hosts = tmp_path / "hosts.yml"
    hosts.write_text(f"{HOSTS}acceptance_hosts: {{hosts: {{jump-a: }}}}\nothers: {{hosts: {{printer: }}}}\n")
    # All others are typed where what they do is tested
    by = playbook_runs.typed if playbook in ("images.yml", "site.yml") else playbook_runs.forked
    status, said = play(playbook, hosts, "--limit", "printer", by=by)
    assert status != 0
    text = " ".join(said.split())
    assert "--limit printer leaves none of the hosts that this playbook works on, those of " in text
    assert re.search("boot_hosts: boot-a|flatcar_nodes: n1, n2, n3|acceptance_hosts: jump-a|: n1, n2, n3, boot-a", text)
    assert "ok=" not in said


def test_several_nodes_are_explained(tmp_path):
    output = tmp_path / "nodes.json"
    status, said = play("explain.yml", "inventories/example", "--limit", "b01,a02")
    assert status == 0, said
    assert [line.split()[1] for line in said.splitlines() if ", is served by " in line] == ["a02", "b01"]
    play(
        "explain.yml",
        "inventories/example",
        "--limit",
        "rack_b",
        "-e",
        "explain_format=json",
        "-e",
        f"explain_output={output}",
    )
    assert [data["node"] for data in json.loads(output.read_text())] == ["b01", "b02"]


def test_a_node_is_explained(tmp_path):
    status, said = play("explain.yml", "inventories/example", "--limit", "b01")
    assert status == 0, said
    assert "# b01 is in rack-b, is served by boot-b and boots Flatcar into RAM (amd64-usr lts 4081.3.10)" in said
    assert "# flatcar_butane_20_rack, inventories/example/group_vars/rack_b.yml:11" in said
    assert "console=ttyS1,115200n8 ||" in said
    output = tmp_path / "b01.json"
    play(
        "explain.yml",
        "inventories/example",
        "--limit",
        "b01",
        "-e",
        "explain_format=json",
        "-e",
        f"explain_output={output}",
    )
    data = json.loads(output.read_text())
    assert data["ignition_bytes"] > 500
    assert ("flatcar_butane_20_rack", 11) in [(source["variable"], source["line"]) for source in data["sources"]]


def test_explain_says_that_a_node_has_to_be_named():
    status, said = play("explain.yml", "inventories/example")
    assert status == 2
    assert "Say which node: --limit NAME, with a name of the group flatcar_nodes." in said


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((), "Name a host on the racks' network other than the boot host to try: -e acceptance_host=NAME"),
        (("-e", "acceptance_host=nosuch"), "The inventory has no host nosuch."),
        (("-e", "acceptance_host=boot-a", "--limit", "a01"), "boot-a can probe no network"),
        (("-e", "acceptance_host=boot-a,boot-b acceptance_output=x"), "acceptance_output is one file"),
    ],
)
def test_acceptance_says_from_where_it_can_be_run(arguments, says):
    local = ("-e", "ansible_connection=local ansible_become=false")
    status, output = play("acceptance.yml", ROOT / "inventories/example", *arguments, *local)
    assert status != 0
    assert says in " ".join(output.split())
