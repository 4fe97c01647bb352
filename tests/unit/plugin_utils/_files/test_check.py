"""What Ansible would lose of an inventory's files is found in all layouts that it reads, with its place."""

from __future__ import annotations

import json
import pathlib

import pytest

from .conftest import HOSTS

FILES = "flatcar_butane: {storage: {files: [{path: /x, contents: {inline: %s}}]}}\n"
INLINE = "flatcar_butane.storage.files[0].contents.inline"


# Keys that are given twice --------------------------------------------------------------------------------------------


TWICE = """\
flatcar_butane:
  storage:
    files: []
    directories: []
    files: []
"""


@pytest.mark.parametrize(
    "file",
    [
        "host_vars/n1.yml",
        "host_vars/n1.yaml",
        "host_vars/n1.json",
        "host_vars/n1",
        "host_vars/n1/main.yml",
        "host_vars/n1/deeper/still/files",
        "playbooks/host_vars/n1.yml",
        "other/host_vars/n1.yml",
    ],
)
def test_a_key_twice_is_found_wherever_the_file_lies(checked, file):
    place = f"inventory/{file}" if file.startswith("host_vars") else file
    files = {"inventory/hosts.yml": HOSTS, "other/more.yml": "x: \n", place: TWICE}
    told = checked(files, inventories=("inventory/hosts.yml", "other"), playbook="playbooks")
    assert list(told.problems) == [f"{place}:5:5: n1: flatcar_butane.storage.files"]
    assert "is given twice" in next(iter(told.problems.values()))
    (problem,) = told.found.problems
    assert problem.other.line == 3


@pytest.mark.parametrize(
    "file",
    [
        "host_vars/.n1.yml",
        "host_vars/n1.yml~",
        "host_vars/n1.yml.bak",
        "host_vars/n1/.hidden.yml",
        "host_vars/n1/a.yml~",
    ],
)
def test_what_ansible_leaves_aside_on_purpose_is_left_aside(checked, file):
    told = checked({"hosts.yml": HOSTS, file: TWICE})
    assert (told.problems, told.warnings) == ({}, {})


def test_a_key_twice_in_json(checked):
    text = '{"flatcar_domain": "a.test",\n "flatcar_domain": "b.test"}'
    assert json.loads(text)
    assert (
        next(iter(checked({"hosts.yml": HOSTS, "host_vars/n1.json": text}).problems))
        == "host_vars/n1.json:2:2: n1: flatcar_domain"
    )


@pytest.mark.parametrize("pair", [("on", "yes"), ("1", "0x1"), ("a", '"a"'), ("true", "True")])
def test_keys_are_the_same_where_ansible_has_one_of_them(checked, pair):
    told = checked({"hosts.yml": HOSTS, "host_vars/n1.yml": "flatcar_x:\n" + "".join(f"  {key}: 1\n" for key in pair)})
    assert [place.split(": ")[0] for place in told.problems] == ["host_vars/n1.yml:3:3"]


def test_a_key_that_another_mapping_brings_in_is_not_given_twice(checked):
    text = "base: &base {path: /a}\nflatcar_x:\n  <<: *base\n  path: /b\n"
    assert checked({"hosts.yml": HOSTS, "host_vars/n1.yml": text}).problems == {}


def test_a_host_twice_in_one_group_is_found(checked):
    text = "flatcar_nodes:\n  hosts:\n    n1: {flatcar_domain: a.test}\n    n1: {flatcar_domain: a.test}\n"
    assert list(checked({"hosts.yml": text}).problems) == ["hosts.yml:4:5: the inventory: n1"]


def test_a_file_that_does_not_speak_of_kindling_is_somebody_elses(checked):
    told = checked({"hosts.yml": HOSTS, "group_vars/all.yml": "a: 1\na: 2\n", "group_vars/other.yml": "b: [\n"})
    assert (told.problems, told.warnings) == ({}, {})


def test_the_same_alias_is_looked_at_once_and_a_loop_ends(checked):
    text = "flatcar_butane: &a\n  storage: {files: []}\n  again: *a\nx: &x {y: 1, y: 2}\nz: *x\n"
    assert list(checked({"hosts.yml": HOSTS, "host_vars/n1.yml": text}).problems) == ["host_vars/n1.yml:4:14: n1: x.y"]


# Comments of templates ------------------------------------------------------------------------------------------------


SCRIPT = """\
flatcar_butane:
  storage:
    files:
      - path: /opt/bin/prune
        contents:
          inline: |
            count=${#1}
            umask 077
            tag=${2%#}
"""


def test_text_that_a_comment_swallows_is_refused_at_its_line(checked):
    (place,), (message,) = zip(*checked({"hosts.yml": HOSTS, "host_vars/n1.yml": SCRIPT}).problems.items(), strict=True)
    assert place == f"host_vars/n1.yml:7:20: n1: {INLINE}"
    assert "{#1}" in message
    assert "{% raw %}" in message
    assert "!unsafe" in message


@pytest.mark.parametrize(
    "value",
    [
        "!unsafe '${#x} #}'",
        "'{% raw %}${#x} #}{% endraw %}'",
        """'{{ "{#" }} #}'""",
        "'$(( x # y ))'",
        "'${#x}'",  # it does not end: the template fails, and that is told
    ],
)
def test_text_that_no_template_swallows_is_right(checked, value):
    assert checked({"hosts.yml": HOSTS, "host_vars/n1.yml": FILES % value}).problems == {}


def test_a_comment_counts_where_a_text_of_ours_is_made_of_it(checked):
    files = {
        "hosts.yml": HOSTS,
        "group_vars/all.yml": "site_script: '${#x} #}'\nsite_other: '${#y} #}'\nsite_more: '{{ site_script }}'\n",
        "host_vars/n1.yml": FILES % "'{{ site_more }}'",
    }
    assert {tuple(place.split(": ")[::2]) for place in checked(files).problems} == {
        ("group_vars/all.yml:1:16", "site_script")
    }


# Values that are another text than what is written ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "value",
    ["1.30", "12:30", "12:34:56", "0123", "on", "No", "True", "0x1F", "0b11", "1_000", "+5", ".5", "1.0e+3", ".inf"],
)
def test_a_value_that_changes_is_refused_where_a_text_is_wanted(checked, value):
    ((place, message),) = checked({"hosts.yml": HOSTS, "host_vars/n1.yml": FILES % value}).problems.items()
    assert place == f"host_vars/n1.yml:1:66: n1: {INLINE}"
    assert message.startswith(f"YAML reads {value} as ")
    assert message.endswith("put it in quotes")


@pytest.mark.parametrize(
    "value",
    ["1", "-5", "1.5", "true", "2026-01-02", "1e3", "y", "~", "", "null", "'0123'", '"on"', "0189", "!!str 0123"],
)
def test_a_value_that_stays_is_right(checked, value):
    assert checked({"hosts.yml": HOSTS, "host_vars/n1.yml": FILES % value}).problems == {}


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("flatcar_hostname: 0123", "flatcar_hostname"),
        ("flatcar_mac: 52:54:00:12:34:56", "flatcar_mac"),
        ("flatcar_mac: [52:54:00:12:34:56]", "flatcar_mac[0]"),
        ("flatcar_rack: 007", "flatcar_rack"),
        ("flatcar_update_window: 04:00", None),  # no leading digit of 1 to 9: YAML leaves it a text
        ("flatcar_update_window: 14:00", "flatcar_update_window"),
        ("flatcar_kernel_arguments: [quiet, 010]", "flatcar_kernel_arguments[1]"),
        ("flatcar_install_disk_serial: 0123456", "flatcar_install_disk_serial"),
        ("flatcar_containers: [{name: a, image: b, command: [sleep, 1_000]}]", "flatcar_containers[0].command[1]"),
        ("flatcar_bmc: {type: ipmi, address: a, user: 0123}", "flatcar_bmc.user"),
        ("flatcar_users: [{name: a, password_hash: 0x1F}]", "flatcar_users[0].password_hash"),
        ("flatcar_password_hashes: {no: '*'}", "flatcar_password_hashes"),
        ("flatcar_slot: 010", "flatcar_slot"),
        ("flatcar_slot: 1:30", "flatcar_slot"),
        (
            "flatcar_butane: {storage: {files: [{path: /x, user: {id: 0100}}]}}",
            "flatcar_butane.storage.files[0].user.id",
        ),
        (
            "flatcar_butane: {systemd: {units: [{name: a.service, contents: 0x1F}]}}",
            "flatcar_butane.systemd.units[0].contents",
        ),
        (
            "flatcar_butane: {passwd: {users: [{name: core, groups: [010]}]}}",
            "flatcar_butane.passwd.users[0].groups[0]",
        ),
        ("web_access_log: off", "web_access_log"),
        ("dnsmasq_boot_programs: {bios: 0123}", "dnsmasq_boot_programs.bios"),
        ("records_weeks: 010", "records_weeks"),
        # What is right
        ("flatcar_butane: {storage: {files: [{path: /x, mode: 0644, overwrite: yes, user: {id: 500}}]}}", None),
        ("flatcar_serve_secrets: yes", None),
        ("flatcar_update_strategy: off", None),
        ("flatcar_slot: 7", None),
        ("flatcar_slot: 07", None),
        ("flatcar_butane: {storage: {files: [{path: /x, contents: ~, mode: ~}]}}", None),
    ],
)
def test_what_a_place_wants_the_tables_say(checked, text, path):
    told = checked({"hosts.yml": HOSTS, "host_vars/n1.yml": f"{text}\n"})
    assert [place.split(": ")[2] for place in told.problems] == ([path] if path else [])


def test_a_value_of_somebodys_own_counts_where_a_text_of_ours_is_made_of_it(checked):
    text = "site_version: 1.30\nsite_mode: 0644\nsite_list: 1.10\n" + FILES % "'v{{ site_version }}'"
    told = checked({"hosts.yml": HOSTS, "host_vars/n1.yml": text})
    assert list(told.problems) == ["host_vars/n1.yml:1:15: n1: site_version"]


def test_a_secret_is_not_repeated(checked):
    text = (
        "flatcar_password_hashes: {core: 0123456789}\nflatcar_bmc: {type: ipmi, address: a, user: b, password: 0123}\n"
    )
    for name, content in (("host_vars/n1.yml", text.encode()), ("host_vars/n2.yml", b"$ANSIBLE_VAULT;1.1;AES256\n")):
        told = checked(
            {"hosts.yml": HOSTS, name: content}, open_vault=lambda _: "flatcar_hostname: 0123\nflatcar_x: '{#1 #}'\n"
        )
        assert told.problems
        assert not any("0123" in message or "83" in message or "#1" in message for message in told.problems.values())


# One name given twice where Ansible keeps one -----------------------------------------------------------------------------


IN_BOTH = {
    "n1": {"flatcar_nodes": (1, ["all"]), "gpu": (2, ["flatcar_nodes", "all"]), "rack_a": (2, ["flatcar_nodes", "all"])}
}
GROUPS = "flatcar_nodes: {children: {rack_a: {hosts: {n1: }}, gpu: {hosts: {n1: }}}}\n"


def test_of_two_groups_beside_each_other_the_one_that_loses_is_told_with_both_places(checked):
    files = {
        "hosts.yml": GROUPS,
        "group_vars/gpu.yml": "flatcar_domain: b.test\n",
        "group_vars/rack_a.yml": "\nflatcar_domain: a.test\n",
    }
    told = checked(files, IN_BOTH)
    assert list(told.problems) == ["group_vars/gpu.yml:1:1: n1: flatcar_domain"]
    (problem,) = told.found.problems
    assert (pathlib.Path(problem.other.file).name, problem.other.line) == ("rack_a.yml", 2)


@pytest.mark.parametrize(
    ("change", "groups"),
    [
        ({"group_vars/gpu.yml": "flatcar_domain: a.test\n"}, {}),  # both say the same
        ({"host_vars/n1.yml": "flatcar_domain: c.test\n"}, {}),  # the host says it itself
        ({}, {"gpu": (2, ["flatcar_nodes", "all"], 10)}),  # somebody has said which counts
        ({}, {"gpu": (3, ["rack_a", "flatcar_nodes", "all"])}),  # one is within the other
    ],
)
def test_where_it_is_clear_which_counts_nothing_is_told(checked, change, groups):
    files = {
        "hosts.yml": GROUPS,
        "group_vars/gpu.yml": "flatcar_domain: b.test\n",
        "group_vars/rack_a.yml": "flatcar_domain: a.test\n",
    }
    assert checked(files | change, {"n1": IN_BOTH["n1"] | groups}).problems == {}


def test_one_host_in_two_places_with_two_values(checked):
    text = """\
flatcar_nodes:
  children:
    rack_a: {hosts: {n1: {flatcar_domain: a.test, flatcar_time_zone: UTC}}}
    gpu: {hosts: {n1: {flatcar_domain: b.test, flatcar_time_zone: UTC}}}
"""
    assert list(checked({"hosts.yml": text}).problems) == ["hosts.yml:3:27: n1: flatcar_domain"]


def test_one_host_in_its_line_and_its_file_and_in_two_files_of_its_folder(checked):
    files = {
        "hosts.yml": "flatcar_nodes: {hosts: {n1: {flatcar_domain: a.test}, n2: }}\n",
        "host_vars/n1.yml": "flatcar_domain: b.test\n",
        "host_vars/n2/a.yml": "flatcar_domain: a.test\n",
        "host_vars/n2/b.yml": "flatcar_domain: b.test\n",
    }
    assert list(checked(files).problems) == [
        "hosts.yml:1:30: n1: flatcar_domain",
        "host_vars/n2/a.yml:1:1: n2: flatcar_domain",
    ]


def test_a_range_of_hosts_and_one_of_them(checked):
    text = "flatcar_nodes:\n  hosts:\n    n[1:2]: {flatcar_domain: a.test}\n    n2: {flatcar_domain: b.test}\n"
    assert list(checked({"hosts.yml": text}).problems) == ["hosts.yml:3:14: n2: flatcar_domain"]


def test_another_inventory_that_is_laid_over_is_a_warning(checked):
    files = {
        "site/hosts.yml": HOSTS,
        "site/group_vars/flatcar_nodes.yml": "flatcar_domain: a.test\n",
        "over/hosts.yml": HOSTS,
        "over/group_vars/flatcar_nodes.yml": "flatcar_domain: b.test\n",
    }
    told = checked(files, inventories=("site", "over"))
    assert told.problems == {}
    assert set(told.warnings) == {
        f"site/group_vars/flatcar_nodes.yml:1:1: {host}: flatcar_domain" for host in ("n1", "n2")
    }


@pytest.mark.parametrize(
    ("names", "unread"),
    [
        (("n1.yml", "n1.yaml"), "n1.yaml"),
        (("n1.json", "n1.yaml"), "n1.json"),
        (("n1/main.yml", "n1.yml"), "n1.yml"),
        (("n1", "n1.yml"), "n1.yml"),
    ],
)
def test_of_two_files_of_one_name_the_one_that_is_not_read_is_told(checked, names, unread):
    texts = ('{"flatcar_domain": "a.test"}', '{"flatcar_time_zone": "UTC"}')
    told = checked({"hosts.yml": HOSTS, **{f"host_vars/{name}": text for name, text in zip(names, texts, strict=True)}})
    assert list(told.problems) == [f"host_vars/{unread}:1:1: n1: this file"]


def test_files_that_end_wrongly_or_lie_in_folders_with_a_dot_are_not_read(checked):
    files = {
        "hosts.yml": HOSTS,
        "host_vars/n1/vars.txt": "flatcar_domain: a.test\n",
        "host_vars/n1/site.d/a.yml": "flatcar_domain: b.test\n",
    }
    assert set(checked(files).problems) == {
        "host_vars/n1/vars.txt:1:1: n1: this file",
        "host_vars/n1/site.d/a.yml:1:1: n1: this file",
    }


def test_a_group_and_a_host_of_one_name(checked):
    text = "flatcar_nodes:\n  children:\n    n1:\n      hosts:\n        n1:\n"
    groups = {"n1": {"flatcar_nodes": (1, ["all"]), "n1": (2, ["flatcar_nodes", "all"])}}
    assert list(checked({"hosts.yml": text}, groups).problems) == ["hosts.yml:5:9: n1: its name"]


@pytest.mark.parametrize(
    ("near", "lost"),
    [
        ("flatcar_authorized_keys: [b]", 1),
        ("flatcar_authorized_keys: [a, b]", 0),
        ("flatcar_butane_10: {systemd: {}}", 1),
        ("flatcar_butane_20: {systemd: {}}", 0),
        ("flatcar_interfaces: [{name: b}]", 0),
    ],
)
def test_a_list_that_a_nearer_group_replaces_is_a_warning(checked, near, lost):
    site = "flatcar_authorized_keys: [a]\nflatcar_butane_10: {storage: {}}\nflatcar_interfaces: [{name: a}]\n"
    files = {"hosts.yml": GROUPS, "group_vars/flatcar_nodes.yml": site, "group_vars/rack_a.yml": f"{near}\n"}
    told = checked(files, {"n1": {"flatcar_nodes": (1, ["all"]), "rack_a": (2, ["flatcar_nodes", "all"])}})
    assert told.problems == {}
    assert [place.partition(":")[0] for place in told.warnings] == ["group_vars/flatcar_nodes.yml"] * lost


def test_what_many_hosts_replace_is_told_once_with_all_of_them(checked):
    files = {"hosts.yml": HOSTS, "group_vars/flatcar_nodes.yml": "flatcar_authorized_keys: [a]\n"}
    files |= {f"host_vars/n{n}.yml": f"flatcar_authorized_keys: [b{n}]\n" for n in (1, 2)}
    warnings = checked(files).found.warnings
    assert [w.subject for w in warnings] == ["n1", "n2"]
    assert len({(w.origin, w.message, w.other) for w in warnings}) == 1


def test_files_of_nobody_are_warnings_with_near_names(checked):
    files = {
        "hosts.yml": HOSTS,
        "group_vars/flatcar_node.yml": "flatcar_domain: a.test\n",
        "host_vars/n3.yml": "flatcar_domain: a.test\n",
        "host_vars/flatcar_nodes.yml": "flatcar_domain: a.test\n",
        "group_vars/somebody.yml": "else: 1\n",
    }
    told = checked(files)
    assert told.problems == {}
    assert {
        place.split(":")[0]: message.partition(", so nothing uses these variables")[2]
        for place, message in told.warnings.items()
    } == {
        "group_vars/flatcar_node.yml": ": did you mean flatcar_nodes?",
        "host_vars/n3.yml": "",
        "host_vars/flatcar_nodes.yml": ", but a group of that name: its file belongs in group_vars",
    }


# Inventories in INI's form -------------------------------------------------------------------------------------------------


INI = """\
[flatcar_nodes]
n1 flatcar_hostname=a flatcar_hostname=b
n2 flatcar_domain=a.test flatcar_console='tty{#0 #}'
n1 flatcar_kernel_arguments=a#b   # a comment

[flatcar_nodes:vars]
flatcar_rack=1.30
flatcar_time_zone=UTC
flatcar_time_zone=Europe/Berlin
flatcar_slot=7
"""


@pytest.mark.parametrize("name", ["hosts", "hosts.ini"])
def test_an_inventory_in_ini_is_read_as_ansible_reads_it(checked, name):
    told = checked({name: INI}, inventories=(name,))
    assert set(told.problems) == {
        f"{name}:2:4: n1: flatcar_hostname",
        f"{name}:3:46: n2: flatcar_console",
        f"{name}:4:4: n1: flatcar_kernel_arguments",
        *(f"{name}:7:14: {host}: flatcar_rack" for host in ("n1", "n2")),
        *(f"{name}:8:1: {host}: flatcar_time_zone" for host in ("n1", "n2")),
    }


# Files that cannot be read ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "place", "message"),
    [
        (b"flatcar_rack: a\n\tflatcar_domain: b\n", "2:1", "this line is indented with a tab"),
        (b"flatcar_rack: a\nflatcar_domain: [b\n", "3:1", "this is not YAML"),
        (b"flatcar_rack: {{ a }}\n", "1:15", "must be quoted"),
        (b"flatcar_rack: a: b\n", "1:16", "must be quoted"),
        (b"flatcar_rack: a\n---\nflatcar_rack: b\n", "2:1", "this is not YAML"),
        (b"flatcar_rack: *nowhere\n", "1:15", "undefined alias"),
        ("flatcar_rack: caf\u00e9\n".encode("latin-1"), "1:18", "is not UTF-8"),
        ("flatcar_rack: a\n".encode("utf-16"), "1:1", "UTF-16"),
        ("flatcar_rack: a\n".encode("utf-16-le"), "1:1", "UTF-16"),
        ("flatcar_rack: a\n".encode("utf-8-sig"), "1:1", "byte order mark"),
        (b"flatcar_rack: \x01\n", "1:15", "this is not YAML"),
        (b"flatcar_rack: " + b"[" * 3000 + b"\n", None, "this is not YAML"),
    ],
)
def test_a_file_that_cannot_be_read_is_told_with_its_line(checked, content, place, message):
    ((told, said),) = checked({"hosts.yml": HOSTS, "host_vars/n1.yml": content}).problems.items()
    assert told.startswith(f"host_vars/n1.yml:{place or ''}")
    assert message in said
    assert "\n" not in said


# Layouts ---------------------------------------------------------------------------------------------------------------------


def test_links_are_followed_and_a_circle_of_them_ends(checked, tmp_path):
    files = {
        "real/n1.yml": TWICE,
        "hosts.yml": HOSTS,
        "host_vars/n1": tmp_path / "real",
        "real/again": tmp_path / "real",
    }
    assert list(checked(files, inventories=("hosts.yml",)).problems) == [
        "host_vars/n1/n1.yml:5:5: n1: flatcar_butane.storage.files"
    ]


def test_a_vault_is_read_where_it_can_be_opened_and_left_out_where_not(checked):
    files = {"hosts.yml": HOSTS, "host_vars/n1.yml": "$ANSIBLE_VAULT;1.1;AES256\n00\n"}
    assert list(checked(files, open_vault=lambda _: TWICE).problems) == [
        "host_vars/n1.yml:1:1: n1: flatcar_butane.storage.it"
    ]
    assert checked(files, open_vault=lambda _: None).problems == {}


def test_a_plugins_settings_and_programs_are_no_inventory(checked):
    files = {
        "a.yml": "plugin: flatcar_x\nflatcar_a: 1\nflatcar_a: 1\n",
        "b": "#!/bin/sh\necho flatcar_nodes: {\n",
        "hosts.yml": HOSTS,
    }
    assert [place.split(":")[0] for place in checked(files).problems] == ["a.yml"]  # a key twice is one everywhere
