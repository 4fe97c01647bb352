"""What a new generation changes: readable, true, and without secrets."""

from __future__ import annotations

import difflib
import ipaddress
import json

import pytest
from ansible_collections.kindling.flatcar.plugins.module_utils.butane.data_urls import data_url
from ansible_collections.kindling.flatcar.plugins.module_utils.difference import (
    Comparison,
    decoded,
    overview,
    tree,
)
from ansible_collections.kindling.flatcar.plugins.module_utils.fleet import build_config, build_files, token_of
from ansible_collections.kindling.flatcar.plugins.module_utils.generation import manifest_of
from ansible_collections.kindling.flatcar.plugins.module_utils.networks import Network
from ansible_collections.kindling.flatcar.plugins.module_utils.node import read_node

KEY = bytes(32)
NETWORK = Network(
    interface="lan0",
    subnet=ipaddress.IPv4Network("10.1.0.0/16"),
    racks=("a",),
    address=ipaddress.IPv4Address("10.1.255.1"),
    gateway=None,
    dns=(),
    ntp=(),
    domain=None,
)


def node(name, number, **variables):
    own = {
        "flatcar_rack": "a",
        "flatcar_mac": f"52:54:00:00:{number // 250:02x}:{number % 250:02x}",
        "flatcar_address": f"10.1.{number // 250}.{number % 250 + 1}",
        "flatcar_boot_mode": "ram",
    }
    found, problems = read_node(name, own | variables)
    assert problems == []
    return found


def files(*nodes, version="9999.2.0"):
    configs = {node.name: build_config(node)[0] for node in nodes}
    return build_files(nodes, [NETWORK], lambda _: version, configs, KEY)


def compare(before, after, hidden=()):
    """The differences by their titles, as lines that were lost and gained; nothing is asked for that is not needed."""
    manifest = manifest_of(before)
    known = tree(manifest, {path: before[path] for path in overview(manifest)})
    comparison = Comparison(known, tree(manifest_of(after), after), KEY)
    texts = {path: before[path] for path in comparison.paths()}
    found = comparison.differences(texts, lambda _: hidden)
    assert token_of(KEY, "n1") not in json.dumps(found)
    return {
        diff["before_header"]: [
            line
            for line in difflib.unified_diff(diff["before"].splitlines(), diff["after"].splitlines(), n=0, lineterm="")
            if not line.startswith(("---", "+++", "@@"))
        ]
        for diff in found
        if "before_header" in diff
    }


def test_nothing_changed_is_nothing_shown():
    same = files(node("n1", 1))
    assert compare(same, same) == {}


def test_every_change_says_when_it_acts():
    before = files(node("n1", 1))
    after = files(node("n1", 1, flatcar_hostname="other", flatcar_time_zone="UTC", flatcar_console="ttyS0"))
    found = compare(before, after)
    assert list(found) == [
        "n1: DHCP and DNS, at once",
        "n1: iPXE script, when it boots from the network next",
        "n1: Ignition config, when it boots into RAM next",
    ]
    dhcp, script, config = found.values()
    assert dhcp == [
        "-52:54:00:00:00:01,id:*,10.1.0.2,n1",
        "-10.1.0.2 n1",
        "+52:54:00:00:00:01,id:*,10.1.0.2,other",
        "+10.1.0.2 other",
    ]
    assert any(line.startswith("+kernel ") and "ignition/(token).ign console=ttyS0 ||" in line for line in script)
    assert "-        source: |" not in config
    assert {
        "+      target: ../usr/share/zoneinfo/UTC",
        '-        source: "n1\\n"',
        '+        source: "other\\n"',
    } <= set(config)


def test_an_installed_system_needs_to_be_installed_again():
    install = {"flatcar_boot_mode": "install", "flatcar_install_disk": "/dev/disk/by-id/x"}
    found = compare(files(node("n1", 1, **install)), files(node("n1", 1, **install, flatcar_time_zone="UTC")))
    assert list(found) == ["n1: Ignition config, only when it is installed again"]
    (lost, gained) = found.popitem()[1]
    assert lost.startswith("-config ")
    assert gained.endswith(", as explain.yml shows it")


def test_a_machine_that_leaves_ram_is_shown_with_its_config():
    found = compare(files(node("n1", 1)), files(node("n1", 1, flatcar_boot_mode="disk")))
    assert list(found)[1:] == ["n1: Ignition config, only when it is installed again"]


def test_a_token_that_changed_is_told():
    after = {
        path.replace(token_of(KEY, "n1"), "x" * 43): text.replace(token_of(KEY, "n1"), "x" * 43)
        for path, text in files(node("n1", 1)).items()
    }
    found = compare(files(node("n1", 1)), after)
    assert found["n1: iPXE script, when it boots from the network next"] == ["+(changed: its token)"]


def test_nodes_come_and_go():
    found = compare(files(node("n1", 1), node("n2", 2)), files(node("n1", 1), node("n3", 3)))
    assert found == {
        "n3: added; DHCP answers them at once": ["+n3: ram, a, 10.1.0.4"],
        "n2: removed; DHCP answers them no more": ["-n2: ram, a, 10.1.0.3"],
    }


def test_files_of_all_machines_are_shown_too():
    before = files(node("n1", 1))
    found = compare(before, before | {"web/ipxe/unknown.ipxe": "#!ipxe\nexit\n"})
    assert list(found) == ["web/ipxe/unknown.ipxe, for all machines at once"]


def test_what_many_nodes_have_alike_is_shown_once():
    nodes = [(f"n{number}", number) for number in range(120)]
    found = compare(
        files(*(node(*own) for own in nodes)),
        files(*(node(*own, flatcar_time_zone="UTC") for own in nodes), version="9999.3.0"),
    )
    first = "n0, n1, n10, n100, n101, n102, n103, n104, n105, n106"
    assert list(found) == [
        "n0, n1, n10, n100, n101, n102, n103, n104, n105, n106 and 110 more: "
        "iPXE script, when it boots from the network next",
        f"{first} and 110 more: Ignition config, when it boots into RAM next",
    ]


def test_many_different_changes_stay_readable():
    before = files(*(node(f"n{number}", number) for number in range(120)))
    after = files(*(node(f"n{number}", number, flatcar_kernel_arguments=[f"x={number}"]) for number in range(120)))
    manifest = manifest_of(before)
    comparison = Comparison(tree(manifest, before), tree(manifest_of(after), after), KEY)
    found = comparison.differences(before, lambda _: ())
    assert len(found) == 21
    assert found[-1]["prepared"].endswith(" and 90 more: changed in yet other ways, not shown\n")
    assert len(json.dumps(found)) < 100_000


# --- secrets


SECRETS = ["hunter22", "-----BEGIN KEY-----\nAAAAsecretline\n-----END KEY-----\n"]


def config(**parts):
    return {"ignition": {"version": "3.4.0"}, **parts}


def file(text, path="/etc/x"):
    return config(storage={"files": [{"path": path, "mode": 420, "contents": {"source": f"data:,{text}"}}]})


@pytest.mark.parametrize(
    "parts",
    [
        {"passwd": {"users": [{"name": "core", "passwordHash": "SECRET"}]}},
        {"storage": {"luks": [{"name": "a", "keyFile": {"source": "data:,SECRET"}}]}},
        {
            "storage": {
                "files": [
                    {
                        "path": "/x",
                        "contents": {"source": "https://x", "httpHeaders": [{"name": "A", "value": "SECRET"}]},
                    }
                ]
            }
        },
        {
            "ignition": {
                "version": "3.4.0",
                "config": {
                    "merge": [
                        {
                            "source": "data:,%7B%22passwd%22%3A%7B%22users%22%3A%5B%7B%22passwordHash%22%3A%22SECRET%22%7D%5D%7D%7D"
                        }
                    ]
                },
            }
        },
    ],
)
def test_what_is_always_a_secret_is_a_mark_that_tells_a_change(parts):
    texts = [json.dumps(parts).replace("SECRET", secret) for secret in ("oldone", "newone", "newone")]
    first, second = decoded(*(json.loads(text) for text in texts[:2]), ())
    assert "one" not in first + second
    assert first != second
    same = decoded(*(json.loads(text) for text in texts[1:]), ())
    assert same[0] == same[1] == second


def test_texts_out_of_vaults_are_hidden_and_those_that_they_were():
    before, after = decoded(
        file("user%3Da%0Apassword%3Dolder33%0A"), file("user%3Db%0Apassword%3Dhunter22%0A"), SECRETS
    )
    assert "older33" not in before
    assert "hunter22" not in after
    assert "user=b" in after
    assert "password=(secret " in after


def test_a_key_of_many_lines_is_hidden_however_it_is_indented():
    _, after = decoded(
        None, file("key: |%0A  -----BEGIN KEY-----%0A  AAAAsecretline%0A  -----END KEY-----%0A"), SECRETS
    )
    assert "AAAAsecretline" not in after


def test_a_file_that_is_no_more_does_not_tell_its_contents():
    before, _ = decoded(file("password%3Dolder33%0A"), config(), SECRETS)
    assert "/etc/x" in before
    assert "older33" not in before


def test_contents_are_shown_as_they_will_be():
    url, compressed = data_url(b"hello world\n" * 30, may_compress=True)
    assert compressed
    source = {"source": url, "compression": "gzip"}
    parts = config(storage={"files": [{"path": "/x", "mode": 493, "contents": source}]})
    parts["systemd"] = {"units": [{"name": "a.service", "contents": "[Unit]\nDescription=A\n"}]}
    _, after = decoded(None, parts, ())
    assert after.count("hello world") == 30
    assert "compression" not in after
    assert "mode: 0755" in after
    assert "\n        [Unit]\n        Description=A\n" in after


def test_what_is_no_text_is_told_by_its_digest():
    _, after = decoded(None, file("%ff%fe"), ())
    assert "(not text, SHA-256 " in after
