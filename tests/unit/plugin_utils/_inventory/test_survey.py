"""The whole inventory at once: every mistake is found, named, and placed in its file."""

from __future__ import annotations

import json
import os
import random
import re
import signal

import pytest
from ansible.errors import AnsibleError
from ansible_collections.kindling.flatcar.plugins.plugin_utils._inventory import node_readings, parallel, reader
from ansible_collections.kindling.flatcar.plugins.plugin_utils._inventory.boot_hosts import HostFacts
from ansible_collections.kindling.flatcar.plugins.plugin_utils._inventory.origin import origin_of
from ansible_collections.kindling.flatcar.plugins.plugin_utils._node import NODE
from ansible_collections.kindling.flatcar.plugins.plugin_utils._publish.tree import build_files
from repetition import repetitions

NODE_1 = """\
flatcar_nodes:
  vars:
    flatcar_rack: a
  hosts:
    n1:
      flatcar_mac: "52:54:00:00:00:01"
      flatcar_address: 10.1.0.11
"""


def test_a_right_inventory_has_no_problems(inventory):
    found = inventory({"hosts.yml": NODE_1}).read_inventory()
    assert found.problems == ()
    assert [node.name for node in found.fleets["boot-a"].nodes] == ["n1"]
    assert found.fleets["boot-a"].configs["n1"]["ignition"] == {"version": "3.4.0"}
    assert found.checked() is found


def test_the_roles_own_words_are_checked_where_they_are_written(inventory):
    said = "web_access_log: 'off; root /'\ndnsmasq_tftp_dir: \"/srv/x\\nenable-ra\"\nfleet_key: '{{ nowhere }}'\n"
    found = inventory({"hosts.yml": NODE_1, "host_vars/boot-a.yml": said}).read_inventory()
    assert [(problem.subject, problem.path) for problem in found.problems] == [
        ("boot-a", "dnsmasq_tftp_dir"),
        ("boot-a", "web_access_log"),
    ]
    assert [origin_of(problem.value)[1] for problem in found.problems] == [2, 1]


@pytest.mark.parametrize(
    ("lines", "line", "path", "message"),
    [
        ("flatcar_adress: 10.1.0.12", 8, "flatcar_adress", "unknown variable; did you mean flatcar_address?"),
        ("flatcar_adress: true", 8, "flatcar_adress", "unknown variable"),
        ("flatcar_adress: '{{ nowhere }}'", 8, "flatcar_adress", "unknown variable"),
        ("flatcar_boot_mode: true", 8, "flatcar_boot_mode", "expected disk or ram or install, got True"),
        ("flatcar_kernel_arguments: [quiet, 'a b']", 8, "flatcar_kernel_arguments[1]", "without blanks"),
        ("flatcar_hostname: '{{ nowhere }}'", 8, "flatcar_hostname", "its template fails: 'nowhere' is undefined"),
        (
            "flatcar_hostname: '{{ flatcar_rack | nofilter }}'",
            8,
            "flatcar_hostname",
            "its template fails: Syntax error",
        ),
        (
            "flatcar_units: [{name: a.service, contents: '{{ no.where }}'}]",
            8,
            "flatcar_units[0].contents",
            "its template fails: 'no' is undefined",
        ),
        (
            "flatcar_butane: {storage: {filez: []}}",
            8,
            "$.storage.filez",
            "unused key filez",
        ),
        ("flatcar_butane: {no: 1}", 6, "$.false", "unused key"),
        (
            "flatcar_butane:\n        storage:\n          files:\n            - path: relative",
            11,
            "flatcar_butane: $.storage.files.1.path",
            "absolute",
        ),
        (
            "flatcar_butane:\n        storage:\n          files:\n            - {path: /x, $delete: true}",
            11,
            "flatcar_butane: storage.files[/x]",
            "no such entry to delete",
        ),
        (
            "flatcar_slot: 1\n      flatcar_boot_mode: install",
            5,
            "flatcar_install_disk",
            "missing: flatcar_boot_mode is",
        ),
        ("flatcar_ntp: ['{{ flatcar_rack }} x']", 8, "flatcar_ntp[0]", "expected the name or the address of a host"),
    ],
)
def test_a_mistake_has_its_place(inventory, lines, line, path, message):
    ((place, host, found_path, found_message),) = inventory({"hosts.yml": f"{NODE_1}      {lines}\n"}).mistakes()
    assert (place, host, found_path) == (f"hosts.yml:{line}", "n1", path)
    assert message in found_message


def test_the_same_template_has_a_place_and_variables_of_its_own_in_each_host(inventory):
    def host(name, last, domain, zone):
        return (
            f"    {name}:\n      flatcar_mac: '52:54:00:00:00:0{last}'\n      flatcar_address: 10.1.0.1{last}\n"
            f"      flatcar_domain: '{{{{ flatcar_rack }}}}{last}.test'\n{domain}      flatcar_time_zone: '{zone}'\n"
        )

    start = "flatcar_nodes:\n  vars: {flatcar_rack: a, own: '{{ flatcar_address }}'}\n  hosts:\n"
    own = "      flatcar_kernel_arguments: ['x={{ own }}']\n"
    right = inventory({"hosts.yml": start + host("n1", 1, own, "UTC") + host("n2", 2, own, "UTC")})
    nodes = right.read_inventory().checked().nodes
    assert [(node.domain, node.kernel_arguments) for node in nodes] == [
        ("a1.test", ("x=10.1.0.11",)),
        ("a2.test", ("x=10.1.0.12",)),
    ]
    wrong = start + host("n1", 1, "", "{{ nowhere }}") + host("n2", 2, own, "{{ nowhere }}")
    assert [entry[:3] for entry in inventory({"hosts.yml": wrong}).mistakes()] == [
        ("hosts.yml:8", "n1", "flatcar_time_zone"),
        ("hosts.yml:14", "n2", "flatcar_time_zone"),
    ]


def test_what_a_node_lacks_is_placed_where_the_inventory_names_it(inventory):
    found = inventory({"hosts.yml": "flatcar_nodes:\n  hosts:\n    n0:\n    n1:\n      flatcar_rack: a\n"}).mistakes()
    assert [entry[:3] for entry in found] == [
        ("hosts.yml:3", "n0", "flatcar_address"),
        ("hosts.yml:3", "n0", "flatcar_mac"),
        ("hosts.yml:3", "n0", "flatcar_rack"),
        ("hosts.yml:4", "n1", "flatcar_address"),
        ("hosts.yml:4", "n1", "flatcar_mac"),
    ]


def test_every_template_that_fails_is_named(inventory):
    more = "      flatcar_authorized_keys: ['{{ one }}', '{{ two }}']\n      flatcar_hostname: '{{ three }}'\n"
    found = inventory({"hosts.yml": NODE_1 + more}).mistakes()
    assert all("{% raw %}" in message and "!unsafe" in message for _, _, _, message in found)
    assert [(path, message.partition(";")[0]) for _, _, path, message in found] == [
        ("flatcar_authorized_keys[0]", "its template fails: 'one' is undefined"),
        ("flatcar_authorized_keys[1]", "its template fails: 'two' is undefined"),
        ("flatcar_hostname", "its template fails: 'three' is undefined"),
    ]


def test_mistakes_of_all_kinds_come_at_once(inventory):
    hosts = """\
flatcar_nodes:
  vars: {flatcar_rack: a}
  hosts:
    n1: {flatcar_mac: "52:54:00:00:00:01", flatcar_address: 10.1.0.11, flatcar_typo: 1}
    n2: {flatcar_mac: "52:54:00:00:00:01", flatcar_address: 10.2.0.11}
    n3: {flatcar_mac: "52:54:00:00:00:03", flatcar_address: 10.1.0.13, flatcar_rack: z, flatcar_butane: {what: 1}}
    n4: {flatcar_mac: "52:54:00:00:00:04", flatcar_address: 10.1.0.14, flatcar_butane: {nothing: 1}}
"""
    assert [entry[:3] for entry in inventory({"hosts.yml": hosts}).mistakes()] == [
        ("hosts.yml:4", "n1", "flatcar_typo"),
        ("hosts.yml:5", "n2", "flatcar_mac"),
        ("hosts.yml:5", "n2", "flatcar_address"),
        ("hosts.yml:6", "n3", "flatcar_rack"),
        ("hosts.yml:6", "n3", "flatcar_butane: $.what"),
        ("hosts.yml:7", "n4", "flatcar_butane: $.nothing"),
    ]


def test_names_that_were_made_alike_are_placed_too(inventory):
    hosts = """\
flatcar_nodes:
  vars: {flatcar_rack: a, flatcar_hostname_pattern: "{rack}"}
  hosts:
    n1: {flatcar_mac: "52:54:00:00:00:01", flatcar_address: 10.1.0.11}
    n2: {flatcar_mac: "52:54:00:00:00:02", flatcar_address: 10.1.0.12}
"""
    assert inventory({"hosts.yml": hosts}).mistakes() == [
        ("hosts.yml:5", "n2", "flatcar_hostname", "a already belongs to n1")
    ]


def test_a_mistake_of_a_group_is_one(inventory):
    hosts = "flatcar_nodes:\n  hosts:\n" + "".join(
        f'    n{n}: {{flatcar_mac: "52:54:00:00:00:0{n}", flatcar_address: 10.1.0.{n}}}\n' for n in range(1, 6)
    )
    group = "flatcar_rack: a\nflatcar_chanel: beta\n"
    assert inventory({"hosts.yml": hosts, "group_vars/flatcar_nodes.yml": group}).mistakes() == [
        (
            "flatcar_nodes.yml:2",
            "n1, n2, n3 and 2 more",
            "flatcar_chanel",
            "unknown variable; did you mean flatcar_channel?",
        )
    ]


def test_the_file_of_the_value_counts_not_that_of_the_first_that_had_the_name(inventory):
    files = {
        "hosts.yml": NODE_1,
        "group_vars/flatcar_nodes.yml": "flatcar_domain: a.test\n",
        "host_vars/n1.yml": "---\nflatcar_domain: A\n",
    }
    ((place, *_),) = inventory(files).mistakes()
    assert place == "n1.yml:2"


@pytest.mark.parametrize(
    ("networks", "path"),
    [
        ("[{interface: lan0, subnet: 10.1.0.0/16, racks: [a], gatway: 10.1.0.1}]", "kindling_networks[0].gatway"),
        ("'{{ nowhere }}'", "kindling_networks"),
        ("[{interface: lan0, subnet: 10.1.0.0/16, racks: [{a: b}]}]", "kindling_networks[0].racks[0]"),
        ("[]", "kindling_networks"),
    ],
)
def test_a_boot_hosts_networks_are_checked_and_its_nodes_are_not_called_homeless(inventory, networks, path):
    boot = f"boot_hosts:\n  hosts:\n    boot-a:\n      kindling_networks: {networks}\n"
    found = inventory({"boot.yml": boot, "hosts.yml": NODE_1}).mistakes()
    assert ("boot-a", path) in [(host, where) for _, host, where, _ in found]
    assert len(found) == (1 if "[a]" in networks or "{{" in networks else 2)


TWO_RACKS = """\
boot_hosts:
  hosts:
    boot-a: {kindling_networks: [{interface: lan0, subnet: 10.1.0.0/16, racks: [a], vrf: east}]}
    boot-b: {kindling_networks: [{interface: lan0, subnet: 10.1.0.0/16, racks: [b], vrf: west}]}
flatcar_nodes:
  hosts:
    n1: {flatcar_mac: "52:54:00:00:00:01", flatcar_address: 10.1.0.11, flatcar_rack: a}
    n2: {flatcar_mac: "52:54:00:00:00:02", flatcar_address: 10.1.0.11, flatcar_rack: b}
"""


def test_two_boot_hosts_may_have_the_same_addresses_behind_them(inventory):
    assert inventory({"hosts.yml": TWO_RACKS}).mistakes() == []


def test_two_boot_hosts_with_the_same_addresses_are_refused_with_the_lines_of_both(inventory, tmp_path):
    loaded = inventory({"hosts.yml": TWO_RACKS.replace(", vrf: west", "").replace(", vrf: east", "")})
    ((place, host, path, message),) = loaded.mistakes()
    assert (place, host, path) == ("hosts.yml:4", "boot-b", "kindling_networks[0].subnet")
    assert message.startswith("10.1.0.0/16 overlaps 10.1.0.0/16 of boot-a: both would answer the same machines")
    (shown,) = loaded.report()
    assert shown["other"] == {"file": str(tmp_path / "hosts.yml"), "line": 3, "column": 60}


def test_a_machine_stands_behind_one_boot_host(inventory):
    ((_, node, path, message),) = inventory({"hosts.yml": TWO_RACKS.replace("00:02", "00:01")}).mistakes()
    assert (node, path, message) == ("n2", "flatcar_mac", "52:54:00:00:00:01 already belongs to n1")


TAKEN = """\
boot_hosts:
  hosts:
    boot-a: {kindling_networks: [{interface: lan0, subnet: 10.1.0.0/16, racks: [a]}]}
flatcar_nodes:
  vars: {flatcar_rack: a}
  hosts:
    n1:
      flatcar_mac: "52:54:00:00:00:01"
      flatcar_address: 10.1.0.11
      flatcar_install_disk: /dev/disk/by-id/wwn-0x5000c500a1b2c3d4
    n2:
      flatcar_mac: "52:54:00:00:00:02"
      flatcar_address: 10.1.0.12
      %s
"""


@pytest.mark.parametrize(
    ("line", "at"),
    [
        (
            "flatcar_filesystems: [{device: /dev/disk/by-id/scsi-35000c500a1b2c3d4-part9, format: ext4}]",
            "flatcar_filesystems: $.storage.filesystems.0.device",
        ),
        ("flatcar_swap: /dev/disk/by-id/wwn-0x5000c500a1b2c3d4", "flatcar_swap: $.storage.filesystems.0.device"),
        (
            "flatcar_butane: {storage: {disks: [{device: /dev/disk/by-id/wwn-0x5000c500a1b2c3d4, wipe_table: true}]}}",
            "flatcar_butane: $.storage.disks.0",
        ),
    ],
)
def test_the_disk_that_one_machine_is_installed_to_is_no_other_ones_data_disk(inventory, tmp_path, line, at):
    """On a SAN, it is a running system that is lost."""
    loaded = inventory({"hosts.yml": TAKEN % line})
    ((place, node, path, message),) = loaded.mistakes()
    assert (place, node) == ("hosts.yml:14", "n2")
    assert path == at
    assert "is the disk that n1 is installed to: " in message
    assert loaded.report()[0]["other"]["line"] == 10


def test_a_data_disk_of_a_machines_own_is_its_own(inventory):
    own = "flatcar_filesystems: [{device: /dev/disk/by-id/wwn-0x5000c500a1b2c3d5, format: ext4}]"
    assert inventory({"hosts.yml": TAKEN % own}).mistakes() == []


PAIR = """\
boot_hosts:
  hosts:
    boot-a:
      kindling_networks:
        - {interface: lan0, subnet: 10.1.0.0/24, racks: [a], address: 10.1.0.1, peer: boot-b}
    boot-b:
      kindling_networks:
        - {interface: lan0, subnet: 10.1.0.0/24, racks: [a], address: 10.1.0.2, peer: boot-a, standby: true}
flatcar_nodes:
  hosts:
    n1: {flatcar_mac: "52:54:00:00:00:01", flatcar_address: 10.1.0.11, flatcar_rack: a, flatcar_boot_mode: ram}
"""


def test_a_pair_serves_the_same_reservations_and_each_knows_the_other(inventory):
    found = inventory({"hosts.yml": PAIR}).read_inventory().checked()
    built = {
        host: build_files(
            fleet.nodes, fleet.networks, lambda image: image["version"], fleet.configs, host.encode(), lambda _: ()
        )
        for host, fleet in found.fleets.items()
    }
    of_a, of_b = built["boot-a"], built["boot-b"]
    assert of_a["dnsmasq/dhcp-hosts"] == "52:54:00:00:00:01,id:*,10.1.0.11,n1\n"
    assert {path: of_a[path] for path in of_a if path.startswith("dnsmasq/")} == {
        path: of_b[path] for path in of_b if path.startswith("dnsmasq/")
    }
    script = "web/ipxe/10.1.0.11/52-54-00-00-00-01.ipxe"
    for own, other, text in (("10.1.0.1", "10.1.0.2", of_a[script]), ("10.1.0.2", "10.1.0.1", of_b[script])):
        assert f"http://{own}/images/" in text
        assert re.findall(rf"http://{re.escape(other)}/\S*", text) == [f"http://{other}/boot.ipxe"] * 2


@pytest.mark.parametrize(
    ("right", "wrong", "place", "who", "path"),
    [
        (", standby: true", ", standby: false", "hosts.yml:8", "boot-b", "kindling_networks[0].standby"),
        (", peer: boot-a", ", peer: boot-z", "hosts.yml:8", "boot-b", "kindling_networks[0].peer"),
        ("10.1.0.11,", "10.1.0.2,", "hosts.yml:11", "n1", "flatcar_address"),
        (", peer: boot-b", "", "hosts.yml:8", "boot-b", "kindling_networks[0].peer"),
        (", address: 10.1.0.2", "", "hosts.yml:8", "boot-b", "kindling_networks[0].address"),
    ],
)
def test_a_pair_that_is_none_is_refused_where_it_is_written(inventory, right, wrong, place, who, path):
    assert right in PAIR
    found = inventory({"hosts.yml": PAIR.replace(right, wrong)}).mistakes()
    assert (place, who, path) in [entry[:3] for entry in found]


def test_a_node_with_two_boot_hosts_is_refused(inventory):
    hosts = TWO_RACKS.replace("racks: [b]", "racks: [b, a]").replace(
        "10.1.0.11, flatcar_rack: b", "10.1.0.12, flatcar_rack: b"
    )
    ((place, node, path, message),) = inventory({"hosts.yml": hosts}).mistakes()
    assert (place, node, path) == ("hosts.yml:7", "n1", "flatcar_rack")
    assert message.startswith("a is a rack of boot-a and of boot-b: take it out of")


def test_a_boot_host_without_nodes_is_told(inventory):
    ((place, host, path, message),) = inventory({"hosts.yml": "flatcar_nodes:\n"}).mistakes()
    assert (place, host, path) == ("boot.yml:5", "boot-a", "kindling_networks")
    assert "no machine in the group flatcar_nodes stands in a rack of this boot host (a)" in message


def test_what_is_known_of_a_boot_host_goes_before_its_variables(inventory, tmp_path):
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "x").write_text("x")
    lines = "      flatcar_butane: {storage: {files: [{path: /x, contents: {local: x}}]}}\n"
    loaded = inventory({"hosts.yml": NODE_1 + lines})
    facts = {"lan0": {"device": "lan0", "ipv4": {"address": "10.1.0.11"}}}
    assert len(loaded.read_inventory().problems) == 1
    known = HostFacts(facts, [{"interface": "lan0", "subnet": "10.1.0.0/24", "racks": "a"}], str(tmp_path / "files"))
    (problem,) = loaded.read_inventory(**{"boot-a": known}).problems
    assert problem.message == "10.1.0.11 is the boot host's address: choose another"


def test_a_boot_hosts_debian_tells_what_it_can_boot(inventory):
    loaded = inventory({"hosts.yml": NODE_1 + "      flatcar_board: arm64-usr\n      flatcar_boot_mode: ram\n"})
    for release, problems in (("12", ["flatcar_boot_program"]), ("13", [])):
        facts = {"lan0": {"device": "lan0", "ipv4": {"address": "10.1.0.1"}}, "distribution_major_version": release}
        found = loaded.read_inventory(**{"boot-a": HostFacts(facts)}).problems
        assert [problem.path for problem in found] == problems


@pytest.fixture(scope="module")
def big():
    """200 nodes, each with three variables of its own, in two racks of 100."""
    return {
        f"n{n:03}": {
            "flatcar_mac": f"52:54:00:00:00:{n:02x}",
            "flatcar_address": f"10.1.{n // 100}.{n % 100 + 1}",
            "flatcar_console": "ttyS0",
            "flatcar_time_zone": "UTC",
        }
        for n in range(200)
    }


@pytest.mark.parametrize("seed", range(repetitions(1, 20)))
def test_a_misspelt_key_anywhere_among_200_nodes_is_found_and_named(inventory, big, seed):
    """One node has a variable with a letter lost, doubled or swapped; nothing else is complained of."""
    source = random.Random(seed)
    victim = source.choice(list(big))
    right = source.choice(["flatcar_console", "flatcar_time_zone"])
    wrong = _misspelt(right, source)
    lines = ["flatcar_nodes:", "  vars: {flatcar_rack: a}", "  hosts:"]
    for name, variables in big.items():
        lines.append(f"    {name}:")
        for variable, value in variables.items():
            written = wrong if (name, variable) == (victim, right) else variable
            lines.append(f'      {written}: "{value}"')
    number = next(number for number, line in enumerate(lines, 1) if f" {wrong}:" in line)
    assert inventory({"hosts.yml": "\n".join(lines)}).mistakes() == [
        (f"hosts.yml:{number}", victim, wrong, f"unknown variable; did you mean {right}?")
    ]


def test_the_number_of_cores_makes_no_difference(inventory, big, monkeypatch):
    lines = "".join(f"    {name}: {json.dumps(variables)}\n" for name, variables in big.items())
    wrong = '    wrong: {flatcar_typo: 1, flatcar_hostname: "{{ nowhere }}"}\n'
    loaded = inventory({"hosts.yml": f"flatcar_nodes:\n  vars: {{flatcar_rack: a}}\n  hosts:\n{lines}{wrong}"})
    found = {}
    for number in (1, 2):
        monkeypatch.setattr(parallel, "_cores", lambda number=number: number)
        found[number] = loaded.read_inventory(), loaded.mistakes()
    assert found[1] == found[2]
    assert len(found[2][0].fleets["boot-a"].configs) == 200
    assert [entry[:3] for entry in found[2][1]] == [
        ("hosts.yml:204", "wrong", path)
        for path in ("flatcar_address", "flatcar_mac", "flatcar_typo", "flatcar_hostname")
    ]


def test_work_is_spread_over_processes_and_comes_back_in_order(monkeypatch):
    monkeypatch.setattr(parallel, "_cores", lambda: 2)
    done = parallel.parallel_map(lambda item: (item, os.getpid()), range(200))
    assert [item for item, _ in done] == list(range(200))
    assert os.getpid() not in {process for _, process in done}
    assert parallel.parallel_map(lambda _: os.getpid(), range(3)) == [os.getpid()] * 3


def test_a_process_that_is_killed_is_no_silent_loss(monkeypatch):
    monkeypatch.setattr(parallel, "_cores", lambda: 2)
    with pytest.raises(AnsibleError, match="was killed, perhaps for lack of memory"):
        parallel.parallel_map(lambda item: os.kill(os.getpid(), signal.SIGKILL) if item == 150 else item, range(200))


@pytest.mark.parametrize("field", NODE, ids=lambda field: field.name)
def test_every_variable_is_found_by_a_misspelling_of_it(inventory, field):
    source = random.Random(field.name)
    wrong = _misspelt(field.name, source)
    while any(wrong in _shortened(other.name) for other in NODE if other is not field):
        wrong = _misspelt(field.name, source)  # flatcar_mc is as near to flatcar_mac as to flatcar_bmc
    found = inventory({"hosts.yml": f"{NODE_1}      {wrong}: 1\n"}).mistakes()
    assert [(path, message) for _, _, path, message in found] == [
        (wrong, f"unknown variable; did you mean {field.name}?")
    ]


def _shortened(name: str) -> set[str]:
    return {name[:at] + name[at + 1 :] for at in range(len(name))}


def _misspelt(name: str, source: random.Random) -> str:
    """A letter after the prefix is lost, doubled, or swapped with a different one behind it."""
    places = [place for place in range(len("flatcar_"), len(name) - 1) if name[place] != name[place + 1]]
    at = source.choice(places)
    return source.choice(
        [
            name[:at] + name[at + 1 :],
            name[:at] + name[at] * 2 + name[at + 1 :],
            name[:at] + name[at + 1] + name[at] + name[at + 2 :],
        ]
    )


def test_a_variable_may_look_at_other_hosts(inventory):
    asking = (
        f"{NODE_1}      flatcar_domain: \"{{{{ hostvars['boot-a'].kindling_networks[0].racks[0] }}}}.example.com\"\n"
    )
    (node,) = inventory({"hosts.yml": asking}).read_inventory().checked().nodes
    assert node.domain == "a.example.com"


def test_a_string_is_rendered_once_however_many_others_have_it(inventory, tmp_path):
    """So a template that gives something else each time gives one value to a machine."""
    noted = f"{{{{ lookup('ansible.builtin.pipe', 'echo >> {tmp_path}/noted; echo n') ~ (10 ** 12) | random }}}}"
    n1 = {"flatcar_mac": "52:54:00:00:00:01", "flatcar_address": "10.1.0.11", "flatcar_rack": "a"}
    n1 |= {"flatcar_kernel_arguments": ["a={{ flatcar_hostname }}", "b={{ other }}"], "flatcar_hostname": noted}
    n1["other"] = "{{ flatcar_hostname }}"
    loaded = inventory({"hosts.yml": json.dumps({"flatcar_nodes": {"hosts": {"n1": n1}}})})
    (node,) = loaded.read_inventory().checked().nodes
    assert node.kernel_arguments == (f"a={node.hostname}", f"b={node.hostname}")
    assert (tmp_path / "noted").read_text() == "\n"


def test_what_a_template_gives_is_not_taken_for_a_template(inventory):
    given = {"a": "{% raw %}{{ nowhere }}{% endraw %}", "b": "<{{ a }}>", "c": ["{{ b }}"], "d": "{{ e }}", "e": 5}
    loaded = inventory({"hosts.yml": json.dumps({"flatcar_nodes": {"hosts": {"n1": given}}})})
    read = loaded.variables.read("n1", lambda names: [name for name in names if name in given])
    assert read.problems == []
    assert read.values == {"a": "{{ nowhere }}", "b": "<{{ nowhere }}>", "c": ["<{{ nowhere }}>"], "d": 5, "e": 5}


ONE_PROCESSOR = """\
flatcar_nodes:
  vars:
    flatcar_rack: a
    flatcar_install_disk: /dev/disk/by-id/wwn-0x5000c500a1b2c3d4
  hosts:
    n1:
      flatcar_mac: "52:54:00:00:00:01"
      flatcar_address: 10.1.0.11
      flatcar_bmc: {type: ipmi, address: 10.9.0.1, user: a, password: b}
    n2:
      flatcar_mac: "52:54:00:00:00:02"
      flatcar_address: 10.1.0.12
      flatcar_bmc: {type: ipmi, address: 10.9.0.1, user: a, password: b}
      flatcar_typo: 1
"""


def test_what_two_machines_share_is_shown_with_both_lines_also_where_one_has_other_mistakes(inventory):
    loaded = inventory({"hosts.yml": ONE_PROCESSOR})
    found = [entry for entry in loaded.mistakes() if entry[2] != "flatcar_typo"]
    assert [entry[:3] for entry in found] == [
        ("hosts.yml:4", "n2", "flatcar_install_disk"),
        ("hosts.yml:13", "n2", "flatcar_bmc.address"),
    ]
    text = loaded.text()
    assert re.search(r"would switch n1 off and on\. Give it its own \(see \S*hosts\.yml:9:\d+\)\n", text)
    assert re.search(r"a disk is installed for one machine \(see \S*hosts\.yml:4:\d+\)\n", text)


def test_a_wrong_service_processor_hides_no_other_mistake(inventory):
    before, _, _ = ONE_PROCESSOR.rpartition("{type: ipmi")
    wrong = f"{before}{{type: ilo}}\n"
    assert [entry[:3] for entry in inventory({"hosts.yml": wrong}).mistakes()] == [
        ("hosts.yml:4", "n2", "flatcar_install_disk"),
        ("hosts.yml:13", "n2", "flatcar_bmc.type"),
    ]


RAM = """\
flatcar_nodes:
  vars: {flatcar_rack: a, flatcar_boot_mode: ram, in_group: [/dev/disk/by-id/wwn-0x5000c500000000aa], GROUP}
  hosts:
    n1:
      flatcar_mac: "52:54:00:00:00:01"
      flatcar_address: 10.1.0.11
      flatcar_filesystems: [{device: /dev/disk/by-id/wwn-0x5000c500000000aa, format: xfs}]
      own: 5000c500000000aa
      OWN
"""
_NAMED = "flatcar_ram_disks: [/dev/disk/by-id/wwn-0x5000c500000000aa]"


@pytest.mark.parametrize(
    ("own", "host_vars"),
    [
        (_NAMED, ""),
        ("flatcar_ram_disks: /dev/disk/by-id/wwn-0x5000c500000000aa", ""),
        ('flatcar_ram_disks: ["/dev/disk/by-id/wwn-0x{{ own }}"]', ""),
        ("", f"{_NAMED}\n"),
        ("", 'flatcar_ram_disks: ["/dev/disk/by-id/wwn-0x{{ own }}"]\n'),
        ("", 'disk: /dev/disk/by-id/wwn-0x5000c500000000aa\nflatcar_ram_disks: ["{{ disk }}"]\n'),
    ],
)
def test_in_ram_a_disk_is_named_in_the_hosts_own_lines(inventory, own, host_vars):
    files = {"hosts.yml": RAM.replace(", GROUP", "").replace("OWN", own), "host_vars/n1.yml": host_vars}
    assert inventory(files).mistakes() == []


@pytest.mark.parametrize(
    ("group", "own", "group_vars"),
    [
        (f", {_NAMED}", "", ""),
        ("", "", f"{_NAMED}\n"),
        ("", 'flatcar_ram_disks: "{{ in_group }}"', ""),
        ("", 'flatcar_ram_disks: ["{{ in_group[0] }}"]', ""),
    ],
)
def test_in_ram_a_disk_that_a_group_names_does_not_count(inventory, group, own, group_vars):
    hosts = RAM.replace(", GROUP", group).replace("OWN", own)
    ((place, name, path, message),) = inventory(
        {"hosts.yml": hosts, "group_vars/flatcar_nodes.yml": group_vars}
    ).mistakes()
    assert (place, name) == ("hosts.yml:7", "n1")
    assert path == "flatcar_filesystems: $.storage.filesystems.0.device"
    assert message.endswith(
        "flatcar_ram_disks: [/dev/disk/by-id/wwn-0x5000c500000000aa]; a group's value does not count"
    )


def _neighbours(**changes):
    """Two nodes; *changes* are the second one's."""
    bmc = {"type": "ipmi", "address": "10.9.0.1", "user": "a", "password": "b"}
    n1 = {"flatcar_mac": "52:54:00:00:00:01", "flatcar_address": "10.1.0.11", "flatcar_bmc": bmc}
    n1["flatcar_install_disk"] = "/dev/disk/by-id/wwn-0x5000c500a1b2c3d4"
    n2 = {"flatcar_mac": "52:54:00:00:00:02", "flatcar_address": "10.1.0.12", **changes}
    nodes = {"vars": {"flatcar_rack": "a"}, "hosts": {"n1": n1, "n2": n2}}
    return {"hosts.yml": json.dumps({"flatcar_nodes": nodes})}


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("flatcar_mac", "52:54:00:00:00:01"),
        ("flatcar_mac", ["52:54:00:00:00:02", "52:54:00:00:00:01"]),
        ("flatcar_interfaces", [{"name": "lan1", "mac": "52:54:00:00:00:01", "addresses": ["10.3.0.1/24"]}]),
        ("flatcar_interfaces", [{"name": "lan1", "addresses": ["10.1.0.11/24"]}]),
        ("flatcar_address", "10.1.0.11"),
        ("flatcar_address", "10.7.0.1"),
        ("flatcar_hostname", "n1"),
        ("flatcar_hostname_pattern", "n1"),
        ("flatcar_install_disk", "/dev/disk/by-id/scsi-35000c500a1b2c3d4"),
        ("flatcar_bmc", {"type": "ipmi", "address": "10.9.0.1", "user": "a", "password": "b"}),
        ("flatcar_bmc", {"type": "ipmi", "address": "10.1.0.11", "user": "a", "password": "b"}),
        ("flatcar_bmc", {"type": "wol", "mac": "52:54:00:00:00:01"}),
        ("flatcar_mac", "{{ nowhere }}"),
        ("flatcar_mac", "wrong"),
        ("flatcar_rack", "elsewhere"),
    ],
)
def test_what_another_node_could_take_from_a_named_one_is_refused_as_always(inventory, variable, value):
    loaded = inventory(_neighbours(**{variable: value}))
    everything = loaded.read_inventory().problems
    assert everything
    assert loaded.read_inventory(named={"n1"}).problems == everything


@pytest.mark.parametrize(
    ("variable", "value"),
    [("flatcar_typo", 1), ("flatcar_ntp", "{{ nowhere }}"), ("flatcar_butane", {"filez": 1})],
)
def test_other_mistakes_of_others_do_not_stop_a_command_about_one_node(inventory, variable, value):
    loaded = inventory(_neighbours(**{variable: value}))
    assert [problem.subject for problem in loaded.read_inventory().problems] == ["n2"]
    found = loaded.read_inventory(named={"n1"}).checked()
    assert [node.name for node in found.nodes] == ["n1"]
    assert [node.name for node in found.fleets["boot-a"].nodes] == list(found.fleets["boot-a"].configs) == ["n1"]
    assert [problem.subject for problem in loaded.read_inventory(named={"n2"}).problems] == ["n2"]


def test_a_named_node_does_not_take_the_disk_of_another(inventory):
    loaded = inventory({"hosts.yml": TAKEN % "flatcar_swap: /dev/disk/by-id/wwn-0x5000c500a1b2c3d4"})
    assert loaded.read_inventory(named={"n2"}).problems == loaded.read_inventory().problems != ()


@pytest.mark.parametrize("named", [set(), {"n007"}])
def test_only_named_nodes_are_built(inventory, big, monkeypatch, named):
    """Counted, and not timed."""
    built = []
    real = node_readings.build_config
    monkeypatch.setattr(node_readings, "build_config", lambda node, *rest: built.append(node.name) or real(node, *rest))
    monkeypatch.setattr(parallel, "_cores", lambda: 1)
    lines = "".join(f"    {name}: {json.dumps(variables)}\n" for name, variables in big.items())
    loaded = inventory({"hosts.yml": f"flatcar_nodes:\n  vars: {{flatcar_rack: a}}\n  hosts:\n{lines}"})
    read = []
    template = loaded.variables._templar.template
    monkeypatch.setattr(loaded.variables._templar, "template", lambda value: read.append(value) or template(value))
    loaded.read_inventory(named=named).checked()
    assert built == sorted(named)
    assert read.count("ttyS0") == len(named)
    read.clear()
    fleets = reader.read_nodes(named, loaded.variables)
    assert built == [*named, *named]
    assert [node.name for node in fleets["boot-a"].nodes] == list(named)
    assert read.count("ttyS0") == len(named)
