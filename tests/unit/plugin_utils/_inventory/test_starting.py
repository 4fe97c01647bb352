"""What a run says that cannot begin, or that fails: a line each, once, and nothing of Kindling's own files."""

from __future__ import annotations

import pathlib
import shutil

import pytest

from .test_playbooks import play

pytestmark = pytest.mark.slow

ROOT = pathlib.Path(__file__).parents[4]


@pytest.fixture
def example(tmp_path):
    """A copy of the example."""
    return pathlib.Path(shutil.copytree(ROOT / "inventories" / "example", tmp_path / "site"))


@pytest.mark.parametrize(
    ("inventory", "options", "sentence"),
    [
        ("/dev/null", (), "No inventory is given. Say which inventory: -i inventories/NAME"),
        ("localhost,", (), "No inventory is given. Say which inventory: -i inventories/NAME"),
        ("/nowhere", (), "There is no inventory at /nowhere. Say which inventory: -i inventories/NAME"),
        (
            "inventories/example",
            ("--tags", "dnsmasq"),
            "--tags dnsmasq: Kindling's playbooks have no parts that run alone.",
        ),
        ("inventories/example", ("--limit", "nobody*,!all"), "no hosts to target"),
    ],
)
def test_a_run_that_cannot_begin_says_why(inventory, options, sentence):
    code, said = play("validate.yml", inventory, *options)
    assert code == 1
    assert said.count(sentence) == 1
    assert "validate.yml" not in said


def test_the_default_inventory_is_none():
    settings = (ROOT / "ansible.cfg").read_text()
    assert "\ninventory = /dev/null\n" in settings


def test_a_file_that_ansible_cannot_read_is_a_line_before_ansible_fails_of_it(example):
    (example / "group_vars" / "all.yml").write_text("flatcar_channel: stable\n\tx: 1\n")
    code, said = play("validate.yml", example)
    assert code == 1
    assert f"{example.name}/group_vars/all.yml:2:1: the inventory: this file: this line is indented with a tab" in said
    assert "Traceback" not in said
    assert "Origin" not in said


def test_a_file_of_some_nodes_that_cannot_be_read_is_told_once_beside_other_mistakes(example):
    (example / "group_vars" / "rack_a.yml").write_bytes("flatcar_rack: rack-a  # caf\u00e9\n".encode("latin-1"))
    (example / "group_vars" / "rack_b.yml").write_text("flatcar_rack: [\n")
    with (example / "host_vars" / "boot-a.yml").open("a") as file:
        file.write("web_root: relative\n")
    code, said = play("validate.yml", example, "-e", "validate_cross_check=false")
    assert code == 2
    assert said.count("rack_a.yml:1:28: the inventory: this file: the byte 0xe9 is not UTF-8") == 1
    assert said.count("rack_b.yml:2:1: the inventory: this file: this is not YAML") == 1
    assert "boot-a: web_root: " in said
    assert "cannot be read" not in said
    assert "Origin" not in said


def test_an_inventory_that_is_broken_is_told_with_its_line(example):
    (example / "hosts.yml").write_text("flatcar_nodes:\n  hosts: {a01: \n  x\n")
    code, said = play("validate.yml", example)
    assert code == 2
    assert f"{example.name}/hosts.yml:4:1: the inventory: this file: this is not YAML" in said
    assert "group flatcar_nodes: has no hosts" in said


def test_what_would_be_lost_of_a_node_is_not_explained(example):
    with (example / "host_vars" / "a01.yml").open("a") as file:
        file.write("flatcar_mac: '52:54:00:12:a0:01'\n")
    with (example / "host_vars" / "a02.yml").open("a") as file:
        file.write("flatcar_hostname: 0123\n")
    code, said = play("explain.yml", example, "--limit", "a01")
    assert code == 2
    assert "a01: flatcar_mac: flatcar_mac is given twice" in said
    assert "a02" not in said


def test_what_is_given_by_hand_is_told_as_such_and_what_is_printed_is_printed_once(example):
    code, said = play("validate.yml", example, "-e", "flatcar_version=12")
    assert code == 2
    assert "\n-e: a01, a02, a03 and 2 more: flatcar_version: expected current or an exact release" in said
    assert said.count("expected current or an exact release") == 1
    assert said.count("5 nodes of 2 boot hosts: 1 problem") == 1
    assert "Origin" not in said


def test_a_failed_check_of_a_playbook_is_its_message_alone(example):
    (example / "hosts.yml").write_text("flatcar_nodes: {hosts: {a01: }}\n")
    code, said = play("images.yml", example)
    assert code == 2
    assert " ".join(said.split()).count("has no host in the group boot_hosts") == 1
    assert "Origin" not in said
    assert "evaluated_to" not in said


def test_what_lies_beside_an_inventorys_files_makes_no_noise(example):
    (example / "README.md").write_text("# Our racks\n")
    (example / "machines.csv").write_text("name,mac\n")
    (example / "files").mkdir()
    (example / "files" / "base.bu").write_text("variant: flatcar\n")
    code, said = play("validate.yml", example)
    assert code == 0
    assert "WARNING" not in said
