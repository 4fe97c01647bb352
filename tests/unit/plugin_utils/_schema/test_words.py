"""Words that become configuration, scripts or lines on a screen: each has its form, and none has a control character."""

from __future__ import annotations

import base64
import functools
import json
import pathlib
import re
import shutil
import subprocess

import jinja2
import jinja2.nodes
import pytest
import yaml
from ansible_collections.kindling.flatcar.plugins.module_utils._ipxe import ipxe
from ansible_collections.kindling.flatcar.plugins.module_utils._netboot.script import follow
from ansible_collections.kindling.flatcar.plugins.module_utils._netboot.transfer import Fetched
from ansible_collections.kindling.flatcar.plugins.plugin_utils._network.networks import NETWORK, read_networks
from ansible_collections.kindling.flatcar.plugins.plugin_utils._node import NODE, read_node
from ansible_collections.kindling.flatcar.plugins.plugin_utils._node.access import named
from ansible_collections.kindling.flatcar.plugins.plugin_utils._publish.config import build_config
from ansible_collections.kindling.flatcar.plugins.plugin_utils._publish.config_words import mistakes
from ansible_collections.kindling.flatcar.plugins.plugin_utils._schema import words
from ansible_collections.kindling.flatcar.plugins.plugin_utils._schema.fields import (
    ListOf,
    MappingOf,
    WordOr,
    rows_of,
    text,
)
from ansible_collections.kindling.flatcar.plugins.plugin_utils._schema.problem import InventoryError
from ansible_collections.kindling.flatcar.plugins.plugin_utils._schema.role_words import (
    READ_ELSEWHERE,
    ROLE_WORDS,
    ROLES,
    Number,
    check,
)
from hypothesis import given
from hypothesis import strategies as st

ROOT = pathlib.Path(__file__).parents[4]
RIGHT = {"flatcar_rack": "a", "flatcar_mac": "52:54:00:aa:bb:01", "flatcar_address": "10.1.0.11"}

#: C0, DEL, C1, separators of lines and paragraphs, embeddings of direction, no width at all, half a pair.
CONTROLS = (
    "\n",
    "\r",
    "\0",
    "\t",
    "\x1b",
    "\x7f",
    "\x85",
    "\x9b",
    "\u2028",
    "\u2029",
    "\u202e",
    "\u2066",
    "\u200b",
    "\ud800",
)


# The table -------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", words.FORMS)
def test_a_form_takes_its_own_example_and_says_what_it_expects(kind):
    form = words.FORMS[kind]
    assert words.read(kind, form.example) == form.example
    with pytest.raises(ValueError, match=r"expected \S"):
        words.read(kind, 7)


@given(st.sampled_from(sorted(set(words.FORMS) - {"signing key"})), st.data())
def test_no_form_takes_a_control_character_anywhere(kind, data):
    word = data.draw(st.from_regex(words.FORMS[kind].pattern, fullmatch=True))
    place = data.draw(st.integers(0, len(word)))
    assert not words.has_control(word)
    with pytest.raises(ValueError, match="expected"):
        words.read(kind, word[:place] + data.draw(st.sampled_from(CONTROLS)) + word[place:])


#: What is read by shells, nginx, dnsmasq, systemd, GRUB or iPXE.
READ = " ;{}$`\"'\\|&<>%#,\n"


@pytest.mark.parametrize("character", READ)
def test_a_path_has_nothing_that_a_configuration_reads(character):
    with pytest.raises(ValueError, match="an absolute path"):
        words.read("path", f"/srv/a{character}b")


@pytest.mark.parametrize(
    "path", ["srv", "", "/", "//", "/srv//x", "/srv/..", "/srv/../etc", "/srv/./x", "~/x", "$HOME"]
)
def test_a_path_is_whole_and_goes_straight_there(path):
    with pytest.raises(ValueError, match="an absolute path"):
        words.read("path", path)


@pytest.mark.parametrize("character", " $`\"'\\{}<>|^\n")
@pytest.mark.parametrize("kind", ["URL", "update server", "mirror"])
def test_a_url_has_nothing_that_a_script_reads(kind, character):
    with pytest.raises(ValueError, match="URL"):
        words.read(kind, f"http://10.0.0.1/a{character}b")


def test_a_mirror_has_places_that_are_filled_in():
    for url in (
        "https://{channel}.example.com/{board}",
        "file:///srv/{channel}/{board}",
        "http://u:p%40@[fd00::1]:80/x",
    ):
        assert words.read("mirror", url) == url


# The kernel's line -----------------------------------------------------------------------------------------------------------

KEPT = [
    "quiet",
    "console=ttyS0,115200n8",
    "a|b",
    "a=b&c",
    "mtdparts=nand:1M(a);nor:-",
    "x={y}",
    "x=#1",
    "memmap=4M@1G",
    "a=%!*?[^]~",
]


@pytest.mark.parametrize("word", KEPT)
def test_a_kernel_argument_is_kept_where_nobody_reads_it(word):
    assert words.kernel_argument(word) == word


@pytest.mark.parametrize(
    "word",
    [
        *("||", "&&", ";", "#x", "#", "a||b", "a&&b", "a b", "a\tb", "a\nb", "", "é", "x=$y", "x=${y}"),
        *('x="a', "x='a", "x=\\a", "x=`a`"),
    ],
)
def test_a_kernel_argument_is_refused_where_a_parser_on_the_way_would_read_it(word):
    with pytest.raises(ValueError, match="expected one kernel argument without blanks"):
        words.kernel_argument(word)


@pytest.mark.parametrize(
    "word",
    [
        *("initrd=x", "initrd", "INITRD=x", "flatcar.first_boot=1", "flatcar.first-boot", "coreos.first_boot=detected"),
        *(
            "flatcar.config.url=http://x",
            "coreos.config.url=http://x",
            "ignition.config.url=http://x",
            "ignition.platform.id=x",
        ),
        *("ignition.firstboot", "kindling.x=1"),
    ],
)
@pytest.mark.parametrize("removed", [False, True])
def test_the_words_that_kindling_sets_are_its_own(word, removed):
    with pytest.raises(ValueError, match=f"{word.partition('=')[0]} belongs to Kindling .*: leave it out"):
        words.kernel_argument(word, removed)


def test_all_that_a_script_says_to_the_kernel_is_refused_of_a_node():
    line = next(line for line in script("quiet").splitlines() if line.startswith("kernel"))
    own = line.partition(" || ")[0].split()[5:]
    assert [word.partition("=")[0] for word in own] == ["initrd", "flatcar.first_boot", "ignition.config.url", "quiet"]
    for word in own[:-1]:
        with pytest.raises(ValueError, match="belongs to Kindling"):
            words.kernel_argument(word)


def script(*arguments):
    return ipxe.ram_script("n1", "4593.2.5", "http://10.1.0.1/images", "http://10.1.0.1/n1.ign", arguments)


@given(st.lists(st.from_regex(words.FORMS["kernel argument"].pattern, fullmatch=True), min_size=1, max_size=3))
def test_ipxe_gives_the_kernel_what_the_inventory_says(arguments):
    def fetch(url, whole):
        return Fetched(1, script(*arguments).encode() if url.endswith(".ipxe") else b"")

    course = follow("http://10.1.0.1/n1.ipxe", {}, fetch)
    assert course.arguments[4:] == arguments
    assert course.end == f"starts {ipxe.KERNEL}"


def test_what_a_shell_has_between_its_quotes_is_what_the_inventory_says():
    """GRUB reads as a shell does between quotes, where Flatcar writes the arguments of an installed system."""
    taken = [f"x={chr(number)}" for number in range(33, 127)]
    taken = [word for word in taken if words.FORMS["kernel argument"].pattern.fullmatch(word)]
    assert len(taken) > 80
    text = "".join(f'printf "%s\\n" "{word}"\n' for word in taken)
    assert subprocess.run(["bash", "-c", text], capture_output=True, text=True, check=True).stdout.split() == taken


@pytest.mark.parametrize("word", ["a|b", "a*", "a[b]", "^a", "x=$y", "a b"])
def test_a_kernel_argument_that_goes_is_no_pattern(word):
    with pytest.raises(ValueError, match="one kernel argument"):
        words.kernel_argument(word, removed=True)


# Keys -------------------------------------------------------------------------------------------------------------------------


def key_of(kind, *parts):
    blob = b"".join(len(part).to_bytes(4, "big") + part for part in (kind.encode(), *parts))
    return f"{kind} {base64.b64encode(blob).decode()}"


ED25519 = key_of("ssh-ed25519", b"k" * 32)
P256 = key_of("ecdsa-sha2-nistp256", b"nistp256", b"\4" + b"k" * 64)
RSA = key_of("ssh-rsa", b"\1\0\1", b"\0" + b"\xc3" * 256)


@pytest.mark.parametrize(
    "line",
    [
        f"{ED25519} admin@example.com",
        f"{RSA} a name, with blanks",
        f'from="10.0.0.0/8,!10.1.0.1",no-pty,command="echo \\"x\\"" {P256}',
        f"cert-authority {ED25519}",
        f" {ED25519}\tops ",
        key_of("ecdsa-sha2-nistp384", b"nistp384", b"\4" + b"k" * 96),
        key_of("ecdsa-sha2-nistp521", b"nistp521", b"\4" + b"k" * 132),
        key_of("sk-ssh-ed25519@openssh.com", b"k" * 32, b"ssh:"),
        key_of("sk-ecdsa-sha2-nistp256@openssh.com", b"nistp256", b"\4" + b"k" * 64, b"ssh:"),
    ],
)
def test_a_key_is_taken(line):
    assert words.authorized_key(line) == line


@pytest.mark.skipif(not shutil.which("ssh-keygen"), reason="ssh-keygen makes the keys")
@pytest.mark.parametrize("kind", ["ed25519", "rsa", "ecdsa"])
def test_a_key_that_ssh_keygen_makes_is_taken(kind, tmp_path):
    file = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", "", "-C", "ops", "-f", file], check=True)
    line = file.with_suffix(".pub").read_text().strip()
    assert words.authorized_key(line) == line
    with pytest.raises(ValueError, match="a private one"):
        words.authorized_key(file.read_text())


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("this is no key", "on one line"),
        ("", "on one line"),
        (" ", "on one line"),
        (7, "on one line"),
        ("ssh-ed25519", "on one line"),
        ("ssh-ed25519 AAAAthisisnokey", "the key after ssh-ed25519 is incomplete or corrupt"),
        (ED25519[:-4], "the key after ssh-ed25519 is incomplete or corrupt"),
        (f"{ED25519[:-8]}AAAAAAAA", None),
        (ED25519.replace("ssh-ed25519", "ssh-rsa"), "is a key of another type: 'ssh-ed25519'"),
        (key_of("ssh-ed25519", b"k" * 31), "does not have the length of such a key"),
        (key_of("ssh-ed25519", b"k" * 32, b"k"), "does not have the length of such a key"),
        (key_of("ssh-rsa", b"\1\0\1"), "does not have the length of such a key"),
        (key_of("ssh-rsa", b"\1\0\1", b"\0" + b"k" * 64), "fewer than 1,024 bits"),
        (key_of("ssh-dss", b"k", b"k", b"k", b"k"), "does not accept keys of the type ssh-dss"),
        (key_of("ssh-ed25519-cert-v01@openssh.com", b"k"), "this is a certificate"),
        (f"{ED25519}\n{RSA}", "one key in each entry"),
        (f"{ED25519}\n", "without a newline"),
        (f'"{ED25519}"', "without quotes of its own"),
        (f"{ED25519} \x1b[2J", "on one line"),
        ("~/.ssh/id_ed25519.pub", "not the name of its file"),
        ("keys/ops.pub", "not the name of its file"),
        ("/home/ops/.ssh/id_rsa", "not the name of its file"),
        ("https://example.com/me.keys", "not a URL"),
        (ED25519.split()[1], "the key's type before it"),
        ("-----BEGIN OPENSSH PRIVATE KEY-----", "a private one"),
        ("-----BEGIN RSA PRIVATE KEY-----\nabc\n-----END RSA PRIVATE KEY-----\n", "a private one"),
        ("PuTTY-User-Key-File-3: ssh-ed25519\nPrivate-Lines: 1\n", "a private one"),
        ("---- BEGIN SSH2 PUBLIC KEY ----\nAAAA\n", "ssh-keygen -i"),
        ("-----BEGIN PUBLIC KEY-----\nMFkw\n", "ssh-keygen -i"),
        ("ssh-ed25519 AAAA... you@example.com", "your own key"),
    ],
)
def test_what_is_no_key_is_told_what_it_is(line, said):
    if said is None:
        assert words.authorized_key(line) == line
        return
    with pytest.raises(ValueError, match=re.escape(said)):
        words.authorized_key(line)
    _, (problem,) = read_node("n1", {**RIGHT, "flatcar_authorized_keys": [line]})
    assert problem.path == "flatcar_authorized_keys[0]"
    assert "got" not in problem.message
    if isinstance(line, str) and line.strip():
        fragment = {"passwd": {"users": [{"name": "ops", "ssh_authorized_keys": [line]}]}}
        assert [place for place, _ in problems_of(**fragment)] == [
            "flatcar_butane: $.passwd.users.0.ssh_authorized_keys.0"
        ]


@given(st.sampled_from([ED25519, P256, RSA]), st.data())
def test_a_key_that_lost_a_part_is_none(line, data):
    kind, key = line.split()
    start = data.draw(st.integers(0, len(key) - 1))
    cut = key[:start] + key[start + data.draw(st.integers(1, len(key) - start)) :]
    with pytest.raises(ValueError, match="expected"):
        words.authorized_key(f"{kind} {cut}")


# Passwords and images -----------------------------------------------------------------------------------------------------------

HASHES = [
    "$6$sn3ZSJJJln5JkAZb$" + "h" * 86,
    "$6$rounds=4096$salt$" + "h" * 86,
    "$5$salt$" + "h" * 43,
    "$y$j9T$" + "S" * 22 + "$" + "h" * 43,
    "$gy$j9T$" + "S" * 22 + "$" + "h" * 43,
    "$7$CU..../...." + "S" * 22 + "$" + "h" * 43,
    "$2b$12$" + "h" * 53,
    "$1$salt$" + "h" * 22,
]


@pytest.mark.parametrize("text", [*HASHES, "*", "!", "!!", f"!{HASHES[0]}"])
def test_a_hash_that_flatcar_takes_is_taken(text):
    assert words.read("password hash", text) == text
    assert list(mistakes({"passwd": {"users": [{"name": "ops", "passwordHash": text}]}})) == []


@pytest.mark.parametrize(
    "text",
    [
        *("Sommer2026!", "hunter2", "$6$salt$hash", "$y$j9T$abc$def", "$9$x$y", "$apr1$salt$" + "h" * 22),
        *(text[:-1] for text in HASHES),
        *(text + "h" for text in HASHES),
        *("{SSHA}abcdef", "5f4dcc3b5aa765d61d8327deb882cf99", "$argon2id$v=19$m=65536,t=2,p=1$c2FsdA$aGFzaA"),
    ],
)
def test_what_nobody_can_log_in_with_is_no_hash(text):
    with pytest.raises(ValueError, match="not the password itself"):
        words.read("password hash", text)
    for section in ("users", "groups"):
        ((place, message),) = mistakes({"passwd": {section: [{"name": "ops", "passwordHash": text}]}})
        assert (place, text in message) == (f"passwd.{section}.0.password_hash", False)


@pytest.mark.parametrize(
    "image",
    [
        *(
            "nginx",
            "nginx:1.27",
            "library/nginx",
            "ghcr.io/flatcar/hello:1.0",
            "registry.example.com:5000/a/b_c/d-e.f:v1",
        ),
        *("localhost/x", "localhost:5000/x", "10.0.0.1:5000/x", "[fd00::1]:5000/x", "host:5000/x"),
        f"ghcr.io/flatcar/hello@sha256:{'0' * 64}",
        f"ghcr.io/flatcar/hello:1.0@sha256:{'0' * 64}",
    ],
)
def test_an_image_is_taken(image):
    assert words.read("container image", image) == image


@pytest.mark.parametrize(
    "image",
    [
        *(
            "https://ghcr.io/flatcar/hello",
            "docker://nginx",
            "Nginx",
            "ghcr.io/Flatcar/hello",
            "nginx:",
            "nginx@sha256:abc",
        ),
        *("a b", "-nginx", "nginx:1:2", "ghcr.io/flatcar/hello/", "", "/nginx", "nginx:-1", f"nginx@sha256:{'g' * 64}"),
    ],
)
def test_what_no_registry_has_is_no_image(image):
    with pytest.raises(ValueError, match=r"expected an image such as ghcr\.io/flatcar/hello:1\.0"):
        words.read("container image", image)


# All variables of nodes and networks -------------------------------------------------------------------------------------------


def leaves(reader, path):
    """The readers of single words below *reader*."""
    if isinstance(reader, ListOf):
        yield from leaves(reader.read_item, path)
    elif isinstance(reader, MappingOf):
        yield from leaves(reader.read_key, f"{path} (key)")
        yield from leaves(reader.read_value, path)
    elif rows_of(reader):
        for row in rows_of(reader):
            yield from leaves(row.read, f"{path}.{row.name}")
        if isinstance(reader, WordOr):
            yield path, reader
    else:
        yield path, reader


LEAVES = [leaf for row in (*NODE, *NETWORK) for leaf in leaves(row.read, row.name)]
WORDS = [
    *(form.example for form in words.FORMS.values()),
    "fe80::1%eth0",
    "fe80::1%eth0/64",
    "10.0.0.1",
    "10.0.0.0/24",
    "a-{slot}",
]


#: A key's own bytes.
CONTENTS = {"flatcar_luks.key"}


@pytest.mark.parametrize(("path", "reader"), LEAVES, ids=[path for path, _ in LEAVES])
def test_no_variable_takes_a_control_character(path, reader):
    if path in CONTENTS:
        assert reader is text
        return
    for word in WORDS:
        for character in ("\n", "\x1b", "\x85", "\u202e"):
            for wrong in (word + character, word[:2] + character + word[2:]):
                with pytest.raises(ValueError, match=r"."):
                    reader(wrong)


def test_the_interface_of_an_address_is_one():
    _, problems = read_node("n1", {**RIGHT, "flatcar_ntp": "fe80::1%eth0\nDNS=10.0.0.1"})
    assert [problem.path for problem in problems] == ["flatcar_ntp"]
    node, problems = read_node("n1", {**RIGHT, "flatcar_ntp": "fe80::1%eth0"})
    assert (problems, node.ntp) == ([], ("fe80::1%eth0",))


@pytest.mark.parametrize("name", ["n1\nenable-tftp", "n1;reboot", "n 1", "${x}", "n1\x1b[2J", "n1|x", "-n1", ""])
def test_a_hosts_own_name_is_a_word_too(name):
    _, problems = read_node(name, {**RIGHT, "flatcar_hostname": "n1"})
    assert ("its name", True) in [(problem.path, "such as a01.rack-a" in problem.message) for problem in problems]


@pytest.mark.parametrize("rack", ["a\nenable-ra", "a,b", "a#", "a${x}", " a", "a ", "a\u202eb", "a" * 65, "a;b", 'a"b'])
def test_a_racks_name_ends_no_line(rack):
    with pytest.raises(InventoryError) as refused:
        read_networks("boot", [{"interface": "lan0", "subnet": "10.1.0.0/24", "racks": [rack]}])
    ((problem),) = refused.value.problems
    assert problem.path == "kindling_networks[0].racks[0]"
    assert "such as room 2/r07" in problem.message


def test_racks_are_called_as_people_call_them():
    for rack in ("r07", "Rack 7 (left)", "room 2/r07", "Kühlraum-1", "7"):
        assert words.read("rack", rack) == rack


# The whole config, fragments and all --------------------------------------------------------------------------------------------


def problems_of(**fragment):
    node, problems = read_node(
        "n1", {**RIGHT, "flatcar_butane": {"variant": "flatcar", "version": "1.1.0", **fragment}}
    )
    assert problems == []
    _, problems = build_config(node)
    return [(problem.path, problem.message) for problem in problems]


FILE = {"contents": {"inline": "own\x1bcontents\n"}}


@pytest.mark.parametrize(
    ("fragment", "place", "message"),
    [
        ({"storage": {"files": [{"path": "/etc/a\x1b[2J", **FILE}]}}, "storage.files.1.path", "control characters"),
        ({"storage": {"files": [{"path": "/etc/a\u202e", **FILE}]}}, "storage.files.1.path", "control characters"),
        ({"storage": {"directories": [{"path": "/etc/a\nb"}]}}, "storage.directories.0.path", "control characters"),
        ({"storage": {"links": [{"path": "/a", "target": "/b\n"}]}}, "storage.links.0.target", "control characters"),
        (
            {"storage": {"disks": [{"device": "/dev/disk/by-id/x", "partitions": [{"label": "a|b", "number": 1}]}]}},
            "storage.disks.0.partitions.0.label",
            "without |",
        ),
        ({"passwd": {"users": [{"name": "ops\x7f"}]}}, "passwd.users.0.name", "a user's or group's name"),
        ({"passwd": {"users": [{"name": "a:b"}]}}, "passwd.users.0.name", "a user's or group's name"),
        ({"passwd": {"users": [{"name": "ops", "gecos": "a\nroot"}]}}, "passwd.users.0.gecos", "without colons"),
        ({"passwd": {"users": [{"name": "ops", "home_dir": "/x\x9b"}]}}, "passwd.users.0.home_dir", "an absolute path"),
        ({"passwd": {"users": [{"name": "ops", "groups": ["a\x85"]}]}}, "passwd.users.0.groups.0", "group's name"),
        (
            {"passwd": {"users": [{"name": "core", "ssh_authorized_keys": ["this is no key"]}]}},
            "passwd.users.0.ssh_authorized_keys.0",
            "a public key on one line",
        ),
        ({"kernel_arguments": {"should_exist": ["a && b"]}}, "kernel_arguments.should_exist.0", "one kernel argument"),
        (
            {"kernel_arguments": {"should_exist": ["coreos.first_boot=1"]}},
            "kernel_arguments.should_exist.0",
            "Kindling",
        ),
        ({"kernel_arguments": {"should_not_exist": ["a|b"]}}, "kernel_arguments.should_not_exist.0", "as a pattern"),
        ({"systemd": {"units": [{"name": "a b.service"}]}}, "systemd.units.0.name", "as systemd accepts it"),
    ],
)
def test_what_a_fragment_says_is_checked_alike(fragment, place, message):
    found = problems_of(**fragment)
    assert [path for path, _ in found] == [f"flatcar_butane: $.{place}"]
    assert message in found[0][1]


def test_files_and_units_say_what_they_like():
    unit = {
        "name": "a.service",
        "contents": "[Unit]\nDescription=\x1b\n\n[Service]\nExecStart=/opt/bin/a\n",
        "dropins": [{"name": "b.conf", "contents": "[Unit]\n"}],
    }
    keys = {"name": "core", "ssh_authorized_keys": ["# mine", ED25519]}
    assert (
        problems_of(
            storage={"files": [{"path": "/etc/a", **FILE}]}, systemd={"units": [unit]}, passwd={"users": [keys]}
        )
        == []
    )


def test_no_word_of_a_config_is_repeated():
    secret = {"passwd": {"users": [{"name": "core", "passwordHash": "secret\n"}]}}
    ((place, message),) = mistakes(secret)
    assert place == "passwd.users.0.password_hash"
    assert "secret" not in message


# The roles' variables -----------------------------------------------------------------------------------------------------------


def options_of(role):
    entry_points = yaml.safe_load((ROOT / "roles" / role / "meta" / "argument_specs.yml").read_text())["argument_specs"]
    return {name: option for entry in entry_points.values() for name, option in entry.get("options", {}).items()}


#: What it is given are other roles' own words
INTERNAL = {"common"}


@pytest.mark.parametrize("role", sorted({path.name for path in (ROOT / "roles").iterdir()} - INTERNAL))
def test_every_text_that_a_role_takes_has_a_form(role):
    texts = {
        name
        for name, option in options_of(role).items()
        if option["type"] not in ("int", "bool") and "choices" not in option
    }
    assert texts <= ROLE_WORDS.keys() | READ_ELSEWHERE
    assert all(name in options_of(role) for name in ROLE_WORDS if name.startswith(f"{role}_"))


def test_every_role_that_makes_a_boot_host_is_one():
    site = yaml.safe_load((ROOT / "playbooks" / "site.yml").read_text())
    named = {role["role"].removeprefix("kindling.flatcar.") for play in site for role in play.get("roles", ())}
    documented = yaml.safe_load((ROOT / "plugins/modules/words.py").read_text().split('r"""')[1].partition('"""')[0])
    assert named == set(ROLES) == set(documented["options"]["role"]["choices"])


@pytest.mark.parametrize("role", ROLES)
def test_a_role_checks_its_words_before_anything_else(role):
    first = yaml.safe_load((ROOT / "roles" / role / "tasks" / "main.yml").read_text())[0]
    assert first["kindling.flatcar.words"] == {"role": role}


def test_no_role_asks_in_vain():
    tasks = [task for path in (ROOT / "roles").glob("*/tasks/*.yml") for task in yaml.safe_load(path.read_text())]
    assert {task["kindling.flatcar.words"]["role"] for task in tasks if "kindling.flatcar.words" in task} == set(ROLES)


@pytest.mark.parametrize("template", sorted((ROOT / "roles").glob("*/templates/*")), ids=lambda path: path.name)
def test_a_template_prints_nothing_else(template):
    """What a role makes itself begins with two underscores."""
    found = list(jinja2.Environment(autoescape=True).parse(template.read_text()).find_all(jinja2.nodes.Name))
    names = {name.name for name in found} - {name.name for name in found if name.ctx == "store"}
    switches = {name for name, option in options_of(template.parts[-3]).items() if option["type"] == "bool"}
    rest = {name for name in names if not name.startswith("__")}
    assert rest <= ROLE_WORDS.keys() | switches | {"ansible_managed", "lookup"}
    assert set(re.findall(r"lookup\([^)]*\)", template.read_text())) <= {"lookup('kindling.flatcar.routes')"}


def test_what_a_site_says_of_its_files_stays_a_comment(dnsmasq_conf, boot_network):
    said = {"ansible_managed": "ours\nenable-ra\n"}
    for template in ("dnsmasq.conf.j2", "tftp.conf.j2", "kindling-dnsmasq.run.j2", "kindling-tftp.run.j2"):
        assert "\nenable-ra" not in dnsmasq_conf(boot_network(), template=template, **said), template


DEFAULTS = {
    name: value
    for role in ROLES
    for name, value in yaml.safe_load((ROOT / "roles" / role / "defaults" / "main.yml").read_text()).items()
    if "{{" not in str(value)
}


def test_the_defaults_are_right():
    assert check("boot", DEFAULTS) == []


RIGHT_VALUES = {
    "dnsmasq_boot_programs": {"bios": "undionly.kpxe", "efi-x64": "ours.efi"},
    "dnsmasq_program_choices": {"program-snponly": ["52:54:00:00:00:01"]},
    "dnsmasq_lease_time": 3600,
    "flatcar_images_extra": [{"board": "amd64-usr", "channel": "lts-2024"}],
    "flatcar_images_proxy": "",
    "ipxe_operator_programs": [{"path": "/srv/own.efi", "name": "0123456789abcdef.efi", "sha256": "0" * 64}],
    "fleet_unasked": "boot-b",
    "web_access_log": "/dev/stdout",
}


def test_what_operators_say_is_taken():
    assert check("boot", RIGHT_VALUES) == []


@pytest.mark.parametrize("name", ROLE_WORDS)
def test_no_role_takes_a_control_character(name):
    def wrong(shape, character):
        if isinstance(shape, Number):
            return f"{shape.lowest}{character}"
        if isinstance(shape, str):
            return f"{words.FORMS[shape].example}{character}"
        if isinstance(shape, list):
            return [wrong(shape[0], character)]
        return {(key if "(" not in key else "efi-x64"): wrong(inner, character) for key, inner in shape.items()}

    for character in CONTROLS:
        problems = check("boot", {name: wrong(ROLE_WORDS[name], character)})
        assert problems
        assert all(problem.path.startswith(name) and not words.has_control(problem.message) for problem in problems)


NUMBERS = {name: shape for name, shape in ROLE_WORDS.items() if isinstance(shape, Number)}


@pytest.mark.parametrize("name", NUMBERS)
def test_a_number_is_one_that_works(name):
    """A packet filter that is not loaded, and a service that does not start, protect nobody."""
    lowest, highest = NUMBERS[name]
    assert check("boot", {name: lowest}) == check("boot", {name: str(highest)}) == []
    for wrong in (lowest - 1, highest + 1, -5, 0, "", "1 2", "1;", "0x10", "1e3", 2.5, True, "٣", [lowest], {}):
        (problem,) = check("boot", {name: wrong})
        assert problem.path == name
        assert f"expected a whole number from {lowest} to {highest}" in problem.message


@pytest.mark.slow
@pytest.mark.parametrize("number", NUMBERS["dnsmasq_strangers_per_second"])
def test_the_packet_filter_takes_every_limit(dnsmasq_conf, boot_network, tmp_path, number):
    (tmp_path / "known.nft").touch()
    values = {"dnsmasq_reservations_dir": str(tmp_path), "dnsmasq_strangers_per_second": number}
    text = dnsmasq_conf(boot_network(), template="strangers.nft.j2", **values)
    command = ["unshare", "--user", "--map-root-user", "--net", "nft", "--check", "--file", "-"]
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_all_problems_are_told_at_once_and_no_secret_is():
    values = {
        "web_root": "/srv;include",
        "web_access_log": "off; root /",
        "fleet_key": "secret",
        "flatcar_images_proxy": "http://u:secret word@p",
        "ipxe_operator_programs": [{"name": "../x", "sha256": '"; reboot; "'}],
        "dnsmasq_boot_programs": {"bios": "x,y", "mips": "z"},
    }
    problems = check("boot", values)
    assert [problem.path for problem in problems] == [
        "dnsmasq_boot_programs.bios",
        "dnsmasq_boot_programs",
        "fleet_key",
        "flatcar_images_proxy",
        "ipxe_operator_programs[0].name",
        "ipxe_operator_programs[0].sha256",
        "web_root",
        "web_access_log",
    ]
    assert not [problem for problem in problems if "secret" in problem.message]
    assert "got '/srv;include'" in problems[6].message


# Screens ------------------------------------------------------------------------------------------------------------------------


def test_what_is_shown_moves_no_cursor():
    assert words.visible("a\tb\nc ü") == "a\tb\nc ü"
    assert words.visible("a\x1b[2J\x9b\u202e\r") == r"a\x1b[2J\x9b\u202e\r"


def test_what_programs_read_has_no_control_character_either():
    from ansible_collections.kindling.flatcar.plugins.plugin_utils._output import output

    shown = functools.partial(output._as_json)
    assert shown({"a": "ü"}) == '{\n  "a": "ü"\n}'
    found = shown({"a": "\x9b\u202e"})
    assert not words.has_control(found.replace("\n", ""))
    assert json.loads(found) == {"a": "\x9b\u202e"}


def test_the_reader_of_users_takes_butane():
    with pytest.raises(ValueError, match="a mapping with a name"):
        named("passwd.users")("core\n")
