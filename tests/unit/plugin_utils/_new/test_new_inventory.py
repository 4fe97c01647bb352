"""An inventory out of a few answers."""

from __future__ import annotations

import ipaddress

import playbook_runs
import pytest
import yaml
from ansible_collections.kindling.flatcar.plugins.plugin_utils._new.new_inventory import files_of
from ansible_collections.kindling.flatcar.plugins.plugin_utils._schema.problem import InventoryError
from hypothesis import given
from hypothesis import strategies as st

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIP7Oj5ImkNrlJGCwxhTjPZHNGyNj2Rvs8lNf4sZuPZ3b me@example.org"
ANSWERS = {"new_reached_at": "192.0.2.10", "new_interface": "enp2s0", "new_subnet": "10.10.0.0/24", "new_key": KEY}
MACHINES = "a01,52:54:00:12:a0:01\na02,52:54:00:12:a0:02\n"


def refused(machines=MACHINES, **answers):
    with pytest.raises(InventoryError) as raised:
        files_of(ANSWERS | answers, machines)
    return [f"{problem.path}: {problem.message}" for problem in raised.value.problems]


def host(files, name):
    return yaml.safe_load(files[f"host_vars/{name}.yml"])


def test_each_machine_has_a_file_and_an_address():
    files = files_of(ANSWERS, MACHINES)
    assert sorted(files) == [
        "group_vars/flatcar_nodes.yml",
        "group_vars/rack_a.yml",
        "host_vars/a01.yml",
        "host_vars/a02.yml",
        "host_vars/boot-a.yml",
        "hosts.yml",
    ]
    assert [host(files, name)["flatcar_address"] for name in ("a01", "a02")] == ["10.10.0.11", "10.10.0.12"]
    assert host(files, "a01")["flatcar_boot_mode"] == "ram"


def test_addresses_of_others_are_not_given_away():
    files = files_of(ANSWERS | {"new_gateway": "10.10.0.11"}, MACHINES + "a03,52:54:00:12:a0:03,10.10.0.12\n")
    assert [host(files, name)["flatcar_address"] for name in ("a01", "a02", "a03")] == [
        "10.10.0.13",
        "10.10.0.14",
        "10.10.0.12",
    ]


def test_columns_may_be_named_and_in_any_order():
    files = files_of(ANSWERS, "MAC,Name\n52:54:00:12:a0:01,a01\n")
    assert host(files, "a01")["flatcar_mac"] == "52:54:00:12:a0:01"


def test_a_machine_with_a_disk_is_installed_when_somebody_says_so():
    files = files_of(ANSWERS, "a01,52:54:00:12:a0:01,,/dev/disk/by-id/wwn-0x5000c500a1b2c3d4\n")
    assert host(files, "a01") == {
        "flatcar_mac": "52:54:00:12:a0:01",
        "flatcar_address": "10.10.0.11",
        "flatcar_boot_mode": "install",
        "flatcar_install_disk": "/dev/disk/by-id/wwn-0x5000c500a1b2c3d4",
    }


def test_a_mode_beside_another_server_is_written():
    assert (
        host(files_of(ANSWERS | {"new_mode": "proxy"}, MACHINES), "boot-a")["kindling_networks"][0]["mode"] == "proxy"
    )


def test_all_that_is_wrong_is_told_at_once():
    said = refused(
        "a01,52:54\na02,52:54:00:12:a0:02,10.10.0.300\n", new_subnet="10.10.0.1/24", new_interface="", new_key="a key"
    )
    assert [line.partition(":")[0] for line in said] == [
        "new_interface",
        "new_subnet",
        "new_key",
        "machines line 1",
        "machines line 2",
    ]


@pytest.mark.parametrize(
    ("machines", "message"),
    [
        ("", "missing: a line NAME,MAC for each machine"),
        ("a01,52:54:00:12:a0:01\na01,52:54:00:12:a0:02\n", "a01 is another machine's, too"),
        ("a01,52:54:00:12:a0:01\na02,52:54:00:12:A0:01\n", "52:54:00:12:a0:01 is another machine's, too"),
        ("boot-a,52:54:00:12:a0:01\n", "boot-a is the boot host's name"),
        ("name,mac,colour\na01,52:54:00:12:a0:01,red\n", "unknown column colour"),
        ("a01,52:54:00:12:a0:01,,,x\n", "got 5 columns"),
    ],
)
def test_machines_that_cannot_be(machines, message):
    assert any(message in line for line in refused(machines))


def test_a_full_network_is_told():
    rows = "".join(f"a{n:02},52:54:00:12:a0:{n:02x}\n" for n in range(8))
    assert any("10.10.0.0/29 has no free address left" in line for line in refused(rows, new_subnet="10.10.0.0/29"))


@given(st.integers(1, 60), st.sampled_from(["10.0.0.0/24", "192.168.4.0/22", "172.16.0.0/16"]))
def test_every_machine_has_an_address_of_its_own_in_the_network(number, subnet):
    rows = "".join(f"m{n:03},52:54:00:00:00:{n:02x}\n" for n in range(number))
    files = files_of(ANSWERS | {"new_subnet": subnet}, rows)
    found = {host(files, f"m{n:03}")["flatcar_address"] for n in range(number)}
    assert len(found) == number
    assert all(ipaddress.ip_address(address) in ipaddress.ip_network(subnet) for address in found)


@pytest.mark.parametrize("comment", ["me: laptop", "me # laptop", 'me\'s "key"', "- me", "[me", "ü"])
def test_a_keys_comment_is_kept_to_the_letter(comment):
    key = KEY.rpartition(" ")[0] + f" {comment}"
    files = files_of(ANSWERS | {"new_key": key}, MACHINES)
    assert yaml.safe_load(files["group_vars/flatcar_nodes.yml"]) == {"flatcar_authorized_keys": [key]}


@pytest.mark.parametrize("name", ["on", "007", "1e3", "12", "null", "y"])
def test_names_that_look_like_something_else_are_names(name):
    files = files_of(ANSWERS | {"new_rack": name, "new_user": "core"}, f"{name},52:54:00:12:a0:01\n")
    hosts = yaml.safe_load(files["hosts.yml"])
    (group,) = hosts["flatcar_nodes"]["children"]
    assert list(hosts["flatcar_nodes"]["children"][group]["hosts"]) == [name]
    assert group != name
    assert yaml.safe_load(files[f"group_vars/{group}.yml"]) == {"flatcar_rack": name}
    assert yaml.safe_load(files["host_vars/boot-a.yml"])["kindling_networks"][0]["racks"] == [name]


@pytest.mark.slow
def test_what_is_written_is_valid_and_is_not_written_over(tmp_path):
    key, csv, mine = tmp_path / "key.pub", tmp_path / "machines.csv", tmp_path / "mine"
    key.write_text(f"{KEY}\n")
    csv.write_text("name,mac\na01,52:54:00:12:a0:01\na02,52:54:00:12:a0:02\n")
    given = {
        "new_inventory": mine,
        "new_reached_at": "192.0.2.10",
        "new_interface": "enp2s0",
        "new_subnet": "10.10.0.0/24",
        "new_key_file": key,
        "new_machines": csv,
    }
    options = [part for name, value in given.items() for part in ("-e", f"{name}={value}")]
    done = playbook_runs.typed("-i", "localhost,", "playbooks/new.yml", *options)
    assert done.returncode == 0, done.stdout + done.stderr
    checked = playbook_runs.forked("-i", mine, "playbooks/validate.yml", "-e", "validate_cross_check=false")
    assert "2 nodes of 1 boot host: 0 problems" in checked.stdout, checked.stdout + checked.stderr
    again = playbook_runs.forked("-i", "localhost,", "playbooks/new.yml", *options)
    assert again.returncode != 0
    assert "is there already, and nothing in it was changed" in again.stdout + again.stderr


@pytest.mark.slow
@pytest.mark.parametrize("between", [" ", ";", " ; "])
def test_machines_on_a_command_line_are_apart_by_blanks_or_semicolons(tmp_path, between):
    (tmp_path / "key.pub").write_text(f"{KEY}\n")
    machines = between.join(("a01,52:54:00:12:a0:01", "a02,52:54:00:12:a0:02"))
    given = f"new_inventory={tmp_path}/mine new_reached_at=192.0.2.10 new_interface=lan0 new_subnet=10.10.0.0/24"
    more = f'{{"new_machines": "{machines}", "new_key_file": "{tmp_path}/key.pub"}}'
    done = playbook_runs.forked("-i", "localhost,", "playbooks/new.yml", "-e", given, "-e", more)
    assert done.returncode == 0, done.stdout + done.stderr
    assert sorted(path.name for path in (tmp_path / "mine" / "host_vars").iterdir()) == [
        "a01.yml",
        "a02.yml",
        "boot-a.yml",
    ]
