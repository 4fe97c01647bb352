"""Every script that a machine can get, read as iPXE reads it."""

from __future__ import annotations

import re

import pytest
from ansible_collections.kindling.flatcar.plugins.module_utils._ipxe import ipxe

SCRIPTS = {
    "first": ipxe.first_script(),
    "unknown": ipxe.unknown_script(),
    "disk": ipxe.disk_script("n1"),
    "ram": ipxe.ram_script(
        "n1", "9999.2.0", "http://b/images/amd64-usr/9999.2.0", "http://b/ignition/config.ign", ["quiet"]
    ),
    "pair": ipxe.ram_script(
        "n1",
        "9999.2.0",
        "http://b/images/amd64-usr/9999.2.0",
        "http://b/ignition/config.ign",
        ["quiet"],
        peer="http://c/boot.ipxe",
    ),
    "install": ipxe.install_script(
        "n1", "9999.2.0", "http://b/images/amd64-usr/9999.2.0", "http://b/a/install.ign", ["quiet"], ["http://b/u.ipxe"]
    ),
    "armed": ipxe.armed_script("n1", ["http://b/armed/install.ipxe", "http://c/u.ipxe"]),
    "over": ipxe.over_script(),
    "misplaced": ipxe.misplaced_script("n1", "10.1.0.11"),
    "misplaced_unfinished": ipxe.misplaced_unfinished_script(),
    "unfinished": ipxe.unfinished_script("n1", ["http://b/own.ipxe", "http://c/own.ipxe"]),
    "disk_exit": ipxe.disk_script("n1", ipxe.local_boot("exit")),
    "disk_exit_error": ipxe.disk_script("n1", ipxe.local_boot("exit-error")),
    "disk_sanboot": ipxe.disk_script("n1", ipxe.local_boot("sanboot")),
    "disk_chain": ipxe.disk_script("n1", ipxe.local_boot("chain", "http://10.1.0.1")),
    "disk_url": ipxe.disk_script("n1", ipxe.local_boot("http://b/own.efi")),
}

#: All that the iPXE of Debian 12, which is of 2019, knows of what these scripts could use.
COMMANDS = {
    "boot",
    "chain",
    "echo",
    "exit",
    "goto",
    "imgfetch",
    "imgfree",
    "inc",
    "initrd",
    "iseq",
    "isset",
    "kernel",
    "sanboot",
    "set",
    "sleep",
}

#: iPXE's commands that may be false or fail: where the script goes on then has to be said.
MAY_FAIL = ("chain", "boot", "imgfetch", "initrd", "iseq", "kernel", "sanboot")


@pytest.fixture(params=SCRIPTS)
def script(request):
    return SCRIPTS[request.param]


def test_it_is_a_script(script):
    assert script.startswith("#!ipxe\n")
    assert script.endswith("\n")


def test_every_goto_has_its_label(script):
    assert set(re.findall(r"goto (\w+)", script)) <= set(re.findall(r"^:(\w+)$", script, re.MULTILINE))


def test_a_command_that_fails_never_ends_the_script(script):
    for line in script.splitlines():
        if line.startswith(MAY_FAIL):
            assert "||" in line, line


def test_every_label_is_there_once(script):
    labels = re.findall(r"^:(\w+)$", script, re.MULTILINE)
    assert len(set(labels)) == len(labels)


def test_an_old_ipxe_knows_every_command(script):
    for line in script.splitlines()[1:]:
        for command in re.split(r" (?:\|\||&&) ?", line):
            assert not command or command.startswith(":") or command.split()[0] in COMMANDS, line


@pytest.mark.parametrize("name", ["first", "unknown", "disk", "ram", "pair", "over"])
def test_it_ends_at_the_machines_own_disk(name):
    assert SCRIPTS[name].endswith(ipxe.LOCAL_DISK)
    assert "\nexit\n" not in SCRIPTS[name], "a bare exit ends in the set-up screen of UEFI firmware"


def test_only_the_scripts_for_ram_and_the_installer_fetch_a_kernel():
    assert [name for name, script in SCRIPTS.items() if "kernel " in script] == ["ram", "pair", "install"]


class Machine:
    """Runs a script as iPXE does: *answers* are the URLs and drives that work; the others fail. *known* are variables."""

    def __init__(self, script, platform="efi", answers=(), steps=400, known=()):
        self.lines = script.splitlines()
        self.known = set(known)
        self.platform, self.answers, self.tries, self.did = platform, answers, 0, []
        at = 1
        for _ in range(steps):
            if at is None or at >= len(self.lines):
                return
            at = self.step(self.lines[at], at)
        self.did.append("for ever")

    def step(self, line, at):
        command, _, otherwise = line.partition(" ||")
        command, _, then = command.partition(" && ")
        worked = self.run(command.split())
        if worked == "ended":
            return None
        follow = then.strip() if worked else otherwise.strip()
        if follow.startswith("goto ") or (worked and command.startswith("goto ")):
            label = (follow or command).split()[1]
            return self.lines.index(f":{label}")
        if follow:
            return None if self.run(follow.split()) == "ended" else at + 1
        return at + 1

    def run(self, words):
        if words[:1] in (["sanboot"], ["chain"], ["kernel"], ["initrd"], ["exit"], ["boot"]):
            target = (
                " ".join(words)
                if words[0] in ("exit", "boot")
                else next(
                    (word for word in reversed(words) if word.startswith(("http", "ipxe/", "/ipxe/", "0"))), words[-1]
                )
            )
            works = words[0] in ("exit",) or target in self.answers
            if works or not self.did or self.did[-1] != f"no {target}":
                self.did.append(target if works else f"no {target}")
            return "ended" if works and words[0] not in ("kernel", "initrd") else works
        if words[0] == "iseq":
            value = self.platform if words[1] == "${platform}" else str(self.tries)
            return value == words[2]
        if words[0] == "isset":
            return words[1] in self.known
        if words[0] == "inc":
            self.tries += 1
        elif words[0] == "set" and words[2].isdigit():
            self.tries = int(words[2])
        elif words[0] == "set":
            self.known.add(f"${{{words[1]}}}")
        return True


INSTALL, UNFINISHED, OTHER = "http://b/armed/install.ipxe", "http://b/u.ipxe", "http://c/u.ipxe"
PEER = "http://c/boot.ipxe"
KERNEL, INITRD = (f"http://b/images/amd64-usr/9999.2.0/{name}" for name in (ipxe.KERNEL, ipxe.INITRD))


@pytest.mark.parametrize(
    ("name", "answers", "did"),
    [
        ("armed", [INSTALL, OTHER], [INSTALL]),
        ("armed", [OTHER], [f"no {INSTALL}", OTHER]),
        ("install", [UNFINISHED], [f"no {KERNEL}", UNFINISHED]),
        ("unfinished", ["http://c/own.ipxe"], ["no http://b/own.ipxe", "http://c/own.ipxe"]),
    ],
)
def test_a_machine_that_may_have_a_half_written_disk_does_what_a_boot_host_says(name, answers, did):
    assert Machine(SCRIPTS[name], answers=[*answers, "0", "0x80"]).did == did


@pytest.mark.parametrize("name", ["armed", "install", "unfinished"])
@pytest.mark.parametrize("platform", ["efi", "pcbios"])
def test_where_nobody_answers_it_asks_for_ever_and_starts_nothing(name, platform):
    assert Machine(SCRIPTS[name], platform, answers=["0", "0x80"]).did[-1] == "for ever"
    assert not re.search("^(exit|sanboot)", SCRIPTS[name], re.MULTILINE)


def test_a_machine_whose_arming_is_over_goes_its_own_way():
    own = "/ipxe/own/${netX/mac:hexhyp}.ipxe"
    assert Machine(SCRIPTS["over"], answers=[own, "0"]).did == [own]
    assert Machine(SCRIPTS["over"], answers=["0"]).did == [f"no {own}", "0"]


@pytest.mark.parametrize(
    ("answers", "known", "did"),
    [
        ([KERNEL, INITRD, PEER, "boot"], [], [KERNEL, INITRD, "boot"]),
        ([KERNEL, PEER, "0"], [], [KERNEL, f"no {INITRD}", KERNEL, f"no {INITRD}", PEER]),
        ([PEER, "0"], [], [f"no {KERNEL}", PEER]),
        (["0"], [], [f"no {KERNEL}", f"no {PEER}", "0"]),
        ([PEER, "0"], ["${asked_peer}"], [f"no {KERNEL}", "0"]),
    ],
)
def test_a_machine_whose_boot_host_is_gone_asks_its_peer_once(answers, known, did):
    assert Machine(SCRIPTS["pair"], answers=answers, known=known).did == did


@pytest.mark.parametrize(
    ("name", "platform", "answers", "did"),
    [
        ("disk", "pcbios", ["0x80"], ["0x80"]),
        ("disk", "efi", [], ["no 0", "exit 1"]),
        ("disk_exit", "efi", ["0"], ["exit"]),
        ("disk_exit_error", "pcbios", ["0x80"], ["exit 1"]),
        ("disk_sanboot", "efi", ["0"], ["0"]),
        ("disk_sanboot", "efi", [], ["no 0", "exit"]),
        (
            "disk_chain",
            "efi",
            ["0", f"http://10.1.0.1/{ipxe.LOCAL_PROGRAM}"],
            [f"http://10.1.0.1/{ipxe.LOCAL_PROGRAM}"],
        ),
        ("disk_chain", "pcbios", ["0x80"], ["0x80"]),
        ("disk_url", "efi", [], ["no http://b/own.efi", "exit 1"]),
    ],
)
def test_a_machine_is_sent_to_its_disk_as_its_firmware_needs_it(name, platform, answers, did):
    assert Machine(SCRIPTS[name], platform, answers).did == did


def test_whatever_is_fetched_in_vain_the_boot_host_is_told(script):
    """By iPXE's number, which the next command that fails replaces: it is kept first of all."""
    lines = script.splitlines()
    kept = [line for line in lines if line.endswith("set why ${errno}")]
    for line in lines:
        if line.startswith("chain --replace"):
            assert line.endswith(" || set why ${errno}")
    for at, line in enumerate(lines):
        if line.startswith("imgfetch"):
            assert kept
            assert re.fullmatch(
                r"imgfetch --timeout 3000 /failures/(?:[a-z]+|\$\{step\})/\$\{netX/mac:hexhyp\}/\$\{why\} \|\|", line
            )
            assert lines[at + 1] == "imgfree", "nothing that was fetched for this stays as an initrd"
    failing = [line for line in lines if line.startswith(("chain --replace", "kernel", "sanboot"))]
    assert bool(failing) == any(line.startswith("imgfetch") for line in lines)


def test_a_step_that_fails_is_named(name="ram"):
    lines = SCRIPTS[name].splitlines()
    for command, step in (("kernel ", "kernel"), ("initrd ", "initrd"), ("boot ", "boot")):
        (at,) = (number for number, line in enumerate(lines) if line.startswith(command))
        assert lines[at - 1] == f"set step {step}"
    assert lines[lines.index(":again") + 1] == "set why ${errno}"


def test_the_kernels_line_names_the_initrd_as_the_initrd_is_named():
    (kernel,) = re.findall(r"^kernel .*$", SCRIPTS["ram"], re.MULTILINE)
    (initrd,) = re.findall(r"^initrd .*--name (\S+) ", SCRIPTS["ram"], re.MULTILINE)
    assert f" initrd={initrd} " in kernel
    assert " flatcar.first_boot=1 ignition.config.url=http://b/ignition/config.ign quiet " in kernel


def test_a_machine_with_another_address_is_told_its_own_and_goes_on_to_its_disk():
    script = ipxe.misplaced_script("n1", "10.1.0.11", ipxe.local_boot("exit"))
    assert "${netX/mac}, is n1, but has the address ${netX/ip} and not 10.1.0.11" in script
    assert "not in the inventory" not in script
    assert script.endswith(":disk\nexit\n")


def test_one_whose_disk_is_half_written_waits_wherever_it_is():
    script = ipxe.misplaced_unfinished_script()
    assert script.endswith("goto wait\n")
    assert "sanboot" not in script
    assert "exit" not in script
