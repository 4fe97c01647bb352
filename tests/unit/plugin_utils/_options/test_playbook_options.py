"""What is chosen for one run of a playbook: the table, and what is told of all that is none of its options."""

from __future__ import annotations

import pathlib
import re

import pytest
import yaml
from ansible.parsing.splitter import parse_kv
from ansible_collections.kindling.flatcar.plugins.plugin_utils._options.playbook_options import (
    OPTIONS,
    mistakes,
    names,
    not_obeyed,
    unknown,
    values,
)

ROOT = pathlib.Path(__file__).parents[4]
OPTION = [(playbook, option) for playbook, options in OPTIONS.items() for option in options]


# The table ---------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("playbook", "option"), OPTION, ids=lambda value: getattr(value, "name", value))
def test_an_option_carries_its_playbooks_name_and_stands_in_its_head(playbook, option):
    assert option.name.startswith(f"{playbook}_")
    head = (ROOT / "playbooks" / f"{playbook}.yml").read_text().split("- name:")[0]
    assert re.search(rf"\b{option.name}\b", head)
    assert option.doc
    assert f"__options.{option.name}" in "".join(path.read_text() for path in (ROOT / "playbooks").glob("*.yml"))


@pytest.mark.parametrize("path", sorted((ROOT / "playbooks").glob("*.yml")), ids=lambda path: path.name)
def test_a_playbook_reads_options_from_the_table_alone(path):
    """And checks them, but those that begin with another playbook."""
    text = path.read_text()
    playbook = path.stem if path.stem in OPTIONS else "site"
    used = set(re.findall(r"__options\.(\w+)", text))
    assert used <= {option.name for option in OPTIONS[playbook]}
    assert set(re.findall(r"lookup\('kindling.flatcar.options', '(\w+)'\)", text)) <= {playbook}
    assert not re.search(rf"(?<![\w.]){playbook}_\w+ (\||is )", "".join(re.findall(r"{{.*?}}|when: .*", text)))
    plays = yaml.safe_load(text)
    if "ansible.builtin.import_playbook" in plays[0]:
        assert plays[0]["ansible.builtin.import_playbook"] == "check.yml"
    else:
        assert plays[0]["tasks"][0]["kindling.flatcar.options"] == {"playbook": playbook}
        assert plays[0]["tasks"][0]["run_once"] is True


def test_the_action_knows_every_playbook():
    text = (ROOT / "plugins/modules/options.py").read_text().split('r"""')[1].partition('"""')[0]
    assert yaml.safe_load(text)["options"]["playbook"]["choices"] == list(OPTIONS)


TOLD = [
    *ROOT.glob("*.md"),
    *(
        path
        for folder in ("container", "docs", "inventories", "playbooks", "plugins", "roles")
        for path in (ROOT / folder).rglob("*")
    ),
]


@pytest.mark.parametrize(
    "path",
    [path for path in TOLD if path.suffix in ("", ".md", ".py", ".sh", ".yml") and path.is_file()],
    ids=lambda path: str(path.relative_to(ROOT)),
)
def test_what_somebody_is_told_to_type_is_an_option_or_a_variable_of_a_role(path):
    typed = set(re.findall(r"-e ([a-z]\w*)=", path.read_text()))
    options = {option.name for _, option in OPTION}
    roles = tuple(f"{role.name}_" for role in (ROOT / "roles").iterdir())
    assert {name for name in typed - options if not name.startswith(roles)} == set()
    assert not typed & {name for playbook in OPTIONS for name in names(playbook)} - options


# Values ------------------------------------------------------------------------------------------------------------------------


def test_what_is_not_given_has_its_default():
    assert values("status", {"format": "xml", "explain_format": "json"}) == {
        "status_format": "text",
        "status_output": None,
    }


@pytest.mark.parametrize(
    ("name", "given", "value"),
    [
        ("site_hold", "false", False),
        ("site_hold", "yes", True),
        ("site_hold", True, True),
        ("site_unasked", "boot-a, boot-b", ["boot-a", "boot-b"]),
        ("site_unasked", ["boot-a"], ["boot-a"]),
        ("site_unasked", [], []),
        ("install_batch", "10", [10]),
        ("install_batch", "25%", ["25%"]),
        ("install_batch", [1, "50%"], [1, "50%"]),
        ("install_max_fail_percentage", "20", 20.0),
        ("install_expires", "600", 600),
        ("install_expires", 600, 600),
        ("disarm_machines", "a01,52:54:00:12:a0:01,10.0.0.1", ["a01", "52:54:00:12:a0:01", "10.0.0.1"]),
        ("rollback_generation", "5891b5", "5891b5"),
        ("rollback_generation", 5891, "5891"),
        ("status_output", "~/a file", "~/a file"),
        ("acceptance_host", "localhost", ["localhost"]),
        ("dhcp_options_server", "kea", "kea"),
    ],
)
def test_a_value_is_read_as_its_type_has_it(name, given, value):
    playbook = next(playbook for playbook, option in OPTION if option.name == name)
    read = values(playbook, {name: given})[name]
    assert (read, type(read)) == (value, type(value))


WRONG = [
    *(("site_hold", value, "expected true or false") for value in ("maybe", "", 2, None, [True])),
    *(("install_batch", value, "expected a number, a percentage") for value in (0, "0", "-1", "1,2", [], [True], "x%")),
    *(("install_max_fail_percentage", value, "from 0 to 100") for value in ("101", "-1", "many", True)),
    *(("install_timeout", value, "expected a whole number") for value in ("", "1h", 1.5, True, None)),
    *(("disarm_machines", value, "expected") for value in ("", "a01,", 7, {"a": 1}, ["a\x1b"], "a b")),
    *(("rollback_generation", value, "a generation's name") for value in ("", "gen10", True, "../x")),
    *(("status_format", value, "expected text or json") for value in ("", "xml", 1)),
    *(("status_output", value, "expected a non-empty string of one line") for value in ("", "a\nb", 7)),
    *(("acceptance_interface", value, "name of an interface") for value in ("", "a b")),
    *(
        ("dhcp_options_server", value, "expected isc, kea, dnsmasq, mikrotik, windows, opnsense, pfsense or unifi")
        for value in ("", "bind")
    ),
]


@pytest.mark.parametrize(("name", "given", "expected"), WRONG)
def test_a_value_that_is_none_is_refused_and_an_empty_one_is(name, given, expected):
    playbook = next(playbook for playbook, option in OPTION if option.name == name)
    (sentence,) = mistakes(playbook, {name: given})
    assert sentence.startswith(f"-e {name}")
    assert expected in sentence


@pytest.mark.parametrize(("playbook", "option"), OPTION, ids=lambda value: getattr(value, "name", value))
def test_no_option_takes_a_mapping_and_none_repeats_what_is_long_or_moves_a_cursor(playbook, option):
    for wrong in ({"a": "b"}, "\x1b[2J", "x\ny" * 500, "é" * 500):
        for sentence in mistakes(playbook, {option.name: wrong}):
            assert len(sentence) < 300
            assert sentence.isprintable()


# Names of before, and such as are none -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("playbook", "given", "sentence"),
    [
        ("status", {"format": "json"}, "-e format=json is now -e status_format=json"),
        ("explain", {"format": "json"}, "-e format=json is now -e explain_format=json"),
        ("validate", {"output": "a b"}, "-e output='a b' is now -e validate_output='a b'"),
        ("acceptance", {"output": "x.json"}, "-e output=x.json is now -e acceptance_output=x.json"),
        ("status", {"nodes": "rack_a"}, "-e nodes=rack_a is now --limit rack_a"),
        ("status", {"nodes": ""}, "-e nodes= is now --limit …"),
        ("explain", {"node": "b01"}, "-e node=b01 is now --limit b01"),
        ("acceptance", {"acceptance_nodes": "a01,a02"}, "-e acceptance_nodes=a01,a02 is now --limit a01,a02"),
        ("acceptance", {"acceptance_nodes": "all"}, "-e acceptance_nodes=all is now -e acceptance_all=true"),
        ("acceptance", {"acceptance_nodes": "few"}, "-e acceptance_nodes=few is now the default"),
        ("validate", {"cross_check": False}, "-e cross_check=false is now -e validate_cross_check=false"),
        ("rollback", {"generation": "5891b5"}, "-e generation=5891b5 is now -e rollback_generation=5891b5"),
        ("rollback", {"fleet_generation": "5891b5"}, "-e fleet_generation=5891b5 is now -e rollback_generation=5891b5"),
        ("rollback", {"list": True}, "-e list=true is now -e rollback_list=true"),
        ("dhcp_options", {"dhcp_server": "kea"}, "-e dhcp_server=kea is now -e dhcp_options_server=kea"),
        ("disarm", {"forget": "true"}, "-e forget=true is now -e disarm_forget=true"),
        ("disarm", {"machines": ["a", "b"]}, "-e machines=a,b is now -e disarm_machines=a,b"),
        ("disarm", {"machines": {"a": 1}}, "-e machines is now -e disarm_machines"),
        ("site", {"fleet_hold": "false"}, "-e fleet_hold=false is now -e site_hold=false"),
        ("site", {"fleet_unasked": "boot-b"}, "-e fleet_unasked=boot-b is now -e site_unasked=boot-b"),
        ("site", {"fleet_older": "true"}, "-e fleet_older=true is now -e site_older=true"),
    ],
)
def test_a_name_of_before_is_refused_with_the_one_of_now(playbook, given, sentence):
    assert mistakes(playbook, given) == [sentence]


def test_a_name_of_before_is_one_of_its_own_playbook_alone():
    for playbook in ("site", "install", "disarm", "rollback", "dhcp_options"):
        assert mistakes(playbook, {"format": "json", "nodes": "a01", "node": "a01"}) == []


@pytest.mark.parametrize(
    ("playbook", "name", "nearest"),
    [
        ("status", "status_fromat", "the nearest is status_format"),
        ("install", "install_agian", "the nearest is install_again"),
        ("disarm", "disarm_foget", "the nearest is disarm_forget"),
        ("site", "site_oldr", "the nearest is site_older"),
        ("explain", "explain_node", "the nearest is explain_"),
        ("site", "site_city", "it has site_older, site_hold, site_unasked"),
    ],
)
def test_what_looks_like_an_option_and_is_none_is_refused_with_the_nearest(playbook, name, nearest):
    (sentence,) = mistakes(playbook, {name: "true"})
    assert sentence.startswith(f"-e {name} is not an option of {playbook}.yml; {nearest}")
    assert unknown(playbook, [name, "other", f"x{name}"]) == [name]
    assert mistakes(playbook, {name: "true"}, own={name}) == []
    (other,) = {"status", "install"} - {playbook} if playbook in ("status", "install") else {"status"}
    assert mistakes(other, {name: "true"}) == []


def test_all_that_is_wrong_is_told_at_once():
    given = {"format": "json", "status_fromat": "json", "status_format": "xml", "status_output": ""}
    assert len(mistakes("status", given)) == 4


# In the inventory --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("playbook", OPTIONS)
@pytest.mark.parametrize("said", ["name=a b", "name=a,1 b,2", "b"])
def test_what_follows_a_blank_is_not_lost_in_silence(playbook, said):
    (sentence,) = mistakes(playbook, parse_kv(said), own=["name"])
    assert """Quote it twice, -e 'NAME="A B"'""" in sentence
    for nothing in ('name="a b"', "", "  "):
        assert mistakes(playbook, parse_kv(nothing), own=["name"]) == []


def test_an_option_in_the_inventory_is_told_with_its_place_unless_it_is_given_too():
    stated = {"site_hold": "group_vars/all.yml:3", "fleet_unasked": "hosts.yml:7"}
    assert list(not_obeyed("site", {}, stated)) == [
        "group_vars/all.yml:3: site_hold has no effect in the inventory: remove it, and pass -e site_hold=… to each run of "
        "site.yml that it is intended for",
        "hosts.yml:7: fleet_unasked has no effect in the inventory: remove it, and pass -e site_unasked=… to each run of "
        "site.yml that it is intended for",
    ]
    assert list(not_obeyed("site", {"site_hold": "x", "site_unasked": "x"}, stated)) == []


def test_words_that_are_the_inventorys_own_are_never_looked_at():
    for playbook in OPTIONS:
        assert not names(playbook) & {option.former for _, option in OPTION}
        assert not names(playbook) & {"format", "output", "node", "nodes", "list", "generation", "forget", "machines"}
