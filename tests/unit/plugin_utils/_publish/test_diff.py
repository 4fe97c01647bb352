"""What a new generation changes: readable, true, and without secrets."""

from __future__ import annotations

import difflib
import ipaddress
import json
from typing import Any, NamedTuple

from ansible_collections.kindling.flatcar.plugins.module_utils._generation.generation import manifest_of
from ansible_collections.kindling.flatcar.plugins.plugin_utils._network.networks import Network
from ansible_collections.kindling.flatcar.plugins.plugin_utils._node import read_node
from ansible_collections.kindling.flatcar.plugins.plugin_utils._publish.config import build_config
from ansible_collections.kindling.flatcar.plugins.plugin_utils._publish.diff import (
    Comparison,
    newly_lost_unasked,
    overview,
    tree,
)
from ansible_collections.kindling.flatcar.plugins.plugin_utils._publish.tree import build_files

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


class Built(NamedTuple):
    files: dict[str, str]
    configs: dict[str, Any]


def build(*nodes, version="9999.2.0", secrets=()):
    configs = {node.name: build_config(node)[0] for node in nodes}
    return Built(build_files(nodes, [NETWORK], lambda _: version, configs, KEY, lambda _: secrets), configs)


def tokens(built):
    """In the paths of what machines in RAM are served."""
    return {path.split("/")[2] for path in built.files if path.startswith("web/ignition/")}


def compare(before, after, secrets=()):
    """The differences by their titles, as lines that were lost and gained; nothing is asked for that is not needed."""
    manifest = manifest_of(before.files)
    known = tree(manifest, {path: before.files[path] for path in overview(manifest)})
    comparison = Comparison(known, tree(manifest_of(after.files), after.files), KEY)
    texts = {path: before.files[path] for path in comparison.paths()}
    found = comparison.differences(texts, after.configs, lambda _: secrets)
    assert not [token for side in (before, after) for token in tokens(side) if token in json.dumps(found)]
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
    same = build(node("n1", 1))
    assert compare(same, same) == {}


def test_every_change_says_when_it_acts():
    before = build(node("n1", 1))
    after = build(node("n1", 1, flatcar_hostname="other", flatcar_time_zone="UTC", flatcar_console="ttyS0"))
    found = compare(before, after)
    assert list(found) == [
        "n1: DHCP and DNS, at once",
        "n1: iPXE script, at its next network boot",
        "n1: Ignition config, when it next boots into RAM",
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


def test_only_what_changed_of_a_config_is_shown():
    found = compare(build(node("n1", 1, flatcar_time_zone="Etc/UTC")), build(node("n1", 1, flatcar_time_zone="UTC")))
    zone = "      target: ../usr/share/zoneinfo/"
    assert found == {"n1: Ignition config, when it next boots into RAM": [f"-{zone}Etc/UTC", f"+{zone}UTC"]}


INSTALL = {"flatcar_boot_mode": "install", "flatcar_install_disk": "/dev/disk/by-id/x"}


def test_an_installed_system_needs_to_be_installed_again():
    found = compare(build(node("n1", 1, **INSTALL)), build(node("n1", 1, **INSTALL, flatcar_hostname="other")))
    assert list(found)[2:] == ["n1: Ignition config, only when it is installed again"]
    assert found.popitem()[1] == ['-        source: "n1\\n"', '+        source: "other\\n"']


def test_what_many_installed_systems_have_alike_is_shown_once():
    nodes = [(f"n{number}", number) for number in range(3)]
    before, after = (
        build(*(node(*own, **INSTALL, **more) for own in nodes)) for more in ({}, {"flatcar_time_zone": "UTC"})
    )
    (title, lines) = compare(before, after).popitem()
    assert title == "n0, n1, n2: Ignition config, only when it is installed again"
    assert "+      target: ../usr/share/zoneinfo/UTC" in lines


def test_a_machine_that_leaves_ram_is_shown_with_its_config():
    ram, disk = build(node("n1", 1)), build(node("n1", 1, flatcar_boot_mode="disk", flatcar_time_zone="UTC"))
    title, lines = compare(ram, disk).popitem()
    assert title == "n1: Ignition config, only when it is installed again"
    assert not any("hostname" in line for line in lines), "what stays is not shown"
    assert "+      target: ../usr/share/zoneinfo/UTC" in lines
    title, lines = compare(disk, ram).popitem()
    assert title == "n1: Ignition config, when it next boots into RAM"
    assert "-      target: ../usr/share/zoneinfo/UTC" in lines
    assert not any("hostname" in line for line in lines)


def test_secrets_are_neither_shown_nor_kept_for_showing():
    def built(secret, *known, mode="disk"):
        files = [{"path": "/etc/x", "contents": {"inline": f"user=a\npassword={secret}\n"}}]
        own = {"flatcar_boot_mode": mode, "flatcar_butane": {"storage": {"files": files}}}
        return build(node("n1", 1, **own, flatcar_password_hashes={"core": f"$6$salt${secret:h<86}"}), secrets=known)

    old, new = built("older33", "older33"), built("hunter22", "hunter22")
    kept = [text for side in (old, new) for path, text in side.files.items() if path.startswith("configs/")]
    assert len(kept) == 2
    assert not any(secret in text for text in kept for secret in ("older33", "hunter22"))
    changed = " ".join(compare(old, new, ["hunter22"]).popitem()[1])
    assert changed.count("(secret ") == 4
    assert "hunter22" not in changed
    # What was no secret when it was kept, and what a machine in RAM was given
    for before in (built("hunter22"), built("older33", mode="ram")):
        shown = json.dumps(compare(before, new, ["hunter22"]))
        assert "hunter22" not in shown
        assert "older33" not in shown


def test_a_token_that_changed_is_told():
    before = build(node("n1", 1))
    (token,) = tokens(before)
    files = {path.replace(token, "x" * 43): text.replace(token, "x" * 43) for path, text in before.files.items()}
    found = compare(before, before._replace(files=files))
    assert found["n1: iPXE script, at its next network boot"] == ["+(changed: its token)"]


def test_another_config_has_another_token_without_a_word():
    before, after = build(node("n1", 1)), build(node("n1", 1, flatcar_time_zone="UTC"))
    assert tokens(before) != tokens(after)
    assert list(compare(before, after)) == ["n1: Ignition config, when it next boots into RAM"]


def test_nodes_come_and_go():
    found = compare(build(node("n1", 1), node("n2", 2)), build(node("n1", 1), node("n3", 3)))
    assert found == {
        "n3: added; DHCP answers them at once": ["+n3: ram, a, 10.1.0.4"],
        "n2: removed; DHCP no longer answers them": ["-n2: ram, a, 10.1.0.3"],
    }


def test_files_of_all_machines_are_shown_too():
    before = build(node("n1", 1))
    after = before._replace(files=before.files | {"web/ipxe/unknown.ipxe": "#!ipxe\nexit\n"})
    found = compare(before, after)
    assert list(found) == ["web/ipxe/unknown.ipxe, for all machines at once"]


def test_what_many_nodes_have_alike_is_shown_once():
    nodes = [(f"n{number}", number) for number in range(120)]
    found = compare(
        build(*(node(*own) for own in nodes)),
        build(*(node(*own, flatcar_time_zone="UTC") for own in nodes), version="9999.3.0"),
    )
    first = "n0, n1, n10, n100, n101, n102, n103, n104, n105, n106"
    assert list(found) == [
        "n0, n1, n10, n100, n101, n102, n103, n104, n105, n106 and 110 more: iPXE script, at its next network boot",
        f"{first} and 110 more: Ignition config, when it next boots into RAM",
    ]


def test_many_different_changes_stay_readable():
    before = build(*(node(f"n{number}", number) for number in range(120)))
    after = build(*(node(f"n{number}", number, flatcar_kernel_arguments=[f"x={number}"]) for number in range(120)))
    old, new = (tree(manifest_of(side.files), side.files) for side in (before, after))
    found = Comparison(old, new, KEY).differences(before.files, after.configs, lambda _: ())
    assert len(found) == 21
    assert found[-1]["prepared"].endswith(" and 90 more: changed in yet other ways, not shown\n")
    assert len(json.dumps(found)) < 100_000


def told(before, after):
    """What is shown before the differences of files."""
    old, new = (tree(manifest_of(side.files), side.files) for side in (before, after))
    found = Comparison(old, new, KEY).differences(before.files, after.configs, lambda _: ())
    texts = [diff["prepared"] for diff in found if "prepared" in diff]
    assert found[: len(texts)] == [{"prepared": text} for text in texts]
    return texts


DATA = "/dev/disk/by-id/wwn-0x5000c500000000aa"
FORMATTED = {"flatcar_filesystems": [{"device": DATA, "format": "xfs"}], "flatcar_ram_disks": [DATA]}
WIPED = {"flatcar_filesystems": [{"device": DATA, "format": "xfs", "wipe": True}], "flatcar_ram_disks": [DATA]}


def test_a_disk_that_newly_loses_data_is_told_first_and_loudest():
    kept = (
        f"Disks lose data as before\nn2: {DATA}: it is formatted as xfs, where no file system is found, at each boot\n"
    )
    before = build(node("n1", 1), node("n2", 2, **FORMATTED))
    assert told(before, build(node("n1", 1, **WIPED), node("n2", 2, **FORMATTED))) == [
        "!!! DISKS LOSE DATA THAT DID NOT BEFORE !!!\n"
        f"n1: {DATA}: it is formatted as xfs, whatever is there, at each boot\n",
        kept,
    ]
    assert told(before, build(node("n1", 1, flatcar_time_zone="UTC"), node("n2", 2, **FORMATTED))) == [kept]


def test_what_was_lost_otherwise_or_not_at_each_boot_is_new():
    on_disk = build(node("n1", 1, **FORMATTED, flatcar_boot_mode="disk"))
    for after in (build(node("n1", 1, **FORMATTED)), build(node("n1", 1, **WIPED, flatcar_boot_mode="disk"))):
        new, gone = told(on_disk, after)
        assert new.startswith("!!! DISKS LOSE DATA THAT DID NOT BEFORE !!!\nn1: ")
        assert gone.startswith("Disks no longer lose data\nn1: ")


def test_a_machine_that_is_added_or_was_published_before_losses_were_told_is_new():
    after = build(node("n1", 1, **FORMATTED))
    old_index = json.loads(after.files["index.json"])
    del old_index["nodes"]["n1"]["losses"]
    old = after._replace(files=after.files | {"index.json": json.dumps(old_index)})
    for before in (build(node("n2", 2)), old):
        assert told(before, after)[0].startswith("!!! DISKS LOSE DATA THAT DID NOT BEFORE !!!\nn1: ")


def test_what_is_lost_with_no_arming_is_told_apart():
    def unasked(before, after):
        return newly_lost_unasked(*(tree(manifest_of(side.files), side.files) for side in (before, after)))

    installed = build(node("n1", 1, **INSTALL, flatcar_filesystems=WIPED["flatcar_filesystems"]))
    wiped = build(node("n1", 1, **WIPED))
    assert unasked(build(), installed) == []
    assert unasked(installed, wiped) == [f"n1: {DATA}: it is formatted as xfs, whatever is there, at each boot"]
    assert unasked(wiped, wiped) == []


def test_many_losses_stay_readable():
    after = build(
        *(
            node(f"n{n}", n, flatcar_boot_mode="install", flatcar_install_disk=f"/dev/disk/by-id/wwn-0x{n:016}")
            for n in range(300)
        )
    )
    (text,) = told(build(), after)
    assert len(text.splitlines()) == 202
    assert text.endswith("and 100 more: see validate.yml\n")
