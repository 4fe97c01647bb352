"""What a script does, command by command; our own scripts end where they say."""

from __future__ import annotations

import pytest
from ansible_collections.kindling.flatcar.plugins.module_utils._ipxe import ipxe
from ansible_collections.kindling.flatcar.plugins.module_utils._netboot.script import LOOP, NEXT_ENTRY, follow
from ansible_collections.kindling.flatcar.plugins.module_utils._netboot.transfer import Fetched, TransferError
from hypothesis import given
from hypothesis import strategies as st

BASE = "http://10.0.0.1"
UEFI = {"platform": "efi", "buildarch": "x86_64", "mac": "52:54:00:00:00:01", "ip": "10.0.0.11"}
BIOS = UEFI | {"platform": "pcbios", "buildarch": "i386"}


def course(script, variables=UEFI, **served):
    files = {f"{BASE}/start": f"#!ipxe\n{script}", **{f"{BASE}/{name}": text for name, text in served.items()}}

    def fetch(url, _whole):
        if url not in files:
            raise TransferError("404")
        return Fetched(len(files[url]), files[url].encode())

    return follow(f"{BASE}/start", variables, fetch)


@pytest.mark.parametrize(
    ("script", "end"),
    [
        ("", NEXT_ENTRY),
        ("exit", NEXT_ENTRY),
        ("exit 1", f"{NEXT_ENTRY}, with an error"),
        ("chain nowhere\nsanboot", f"{NEXT_ENTRY}, with an error"),
        ("chain nowhere ||\nsanboot", "its own disk"),
        ("chain nowhere || goto far\nshell\n:far\nsanboot", "its own disk"),
        ("iseq ${platform} efi && goto efi ||\nshell\n:efi\nsanboot", "its own disk"),
        ("iseq ${platform} bios && goto efi ||\nshell\n:efi\nsanboot", "iPXE's shell"),
        ("isset ${nothing} || sanboot", "its own disk"),
        ("isset ${ip} && sanboot", "its own disk"),
        ("set where :disk\ngoto disk\n:disk\nsanboot", "its own disk"),
        ("set n:int32 0\n:again\ninc n\niseq ${n} 3 && sanboot ||\ngoto again", "its own disk"),
        (":again\nsleep 60\ngoto again", LOOP),
        ("chain --replace start", LOOP),
        ("goto nowhere", f"{NEXT_ENTRY}, with an error"),
        ("prompt --timeout 3000 Press || sanboot", "its own disk"),
        ("boot", f"{NEXT_ENTRY}, with an error"),
        ("set a ${a}${a}\necho ${a}\nsanboot", "its own disk"),
        ("chain local.efi", f"starts {BASE}/local.efi"),
        ("chain --replace --timeout 60000 sub ||\nshell", "its own disk"),
        ("chain sub2 ||\nshell", "iPXE's shell"),
        ("chain --replace sub2 ||\nshell", f"{NEXT_ENTRY}, with an error"),
        ("chain sub3\nsanboot", "its own disk"),
    ],
)
def test_where_it_ends(script, end):
    served = {"local.efi": "MZ", "sub": "#!ipxe\nsanboot", "sub2": "#!ipxe\nexit 1", "sub3": "#!ipxe\nexit"}
    assert course(script, **served).end == end


def test_a_kernel_with_its_initrd():
    found = course("kernel --timeout 9 k a=b initrd=i\ninitrd --name i dir/x\nboot", k="", **{"dir/x": "12345"})
    assert (found.end, found.arguments, found.initrds) == ("starts k", ["a=b", "initrd=i"], ["i"])
    assert [(step.url, step.size) for step in found.steps][1:] == [(f"{BASE}/k", 0), (f"{BASE}/dir/x", 5)]
    assert found.missing_initrds() == []


def test_an_initrd_under_another_name():
    assert course("kernel k initrd=other\ninitrd x\nboot", k="", x="").missing_initrds() == ["other"]


def test_what_cannot_be_fetched_is_told_once():
    found = course("set n:int32 0\n:f\nkernel k || goto again\n:again\ninc n\niseq ${n} 5 && exit 1 ||\ngoto f")
    assert [(step.url, step.error) for step in found.steps if step.error] == [(f"{BASE}/k", "404")]


@pytest.mark.parametrize(
    ("script", "told"),
    [
        (ipxe.first_script(), "script/52-54-00-00-00-01/0x4c0a6012"),
        (ipxe.ram_script("a", "1", f"{BASE}/images", "c", []), "kernel/52-54-00-00-00-01/0x4c0a6012"),
    ],
)
def test_what_a_script_could_not_do_it_tells_its_boot_host_once(script, told):
    asked = []

    def fetch(url, _whole):
        asked.append(url)
        if url.endswith("/start"):
            return Fetched(len(script), script.encode())
        raise TransferError("no answer: timed out")

    found = follow(f"{BASE}/start", {**UEFI, "mac": "52:54:00:00:00:01"}, fetch)
    assert [url for url in asked if "/failures/" in url] == [f"{BASE}/failures/{told}"]
    assert found.end == "its own disk"
    assert not [step for step in found.steps if "/failures/" in step.url]


def test_unknown_commands_are_told():
    found = course("fly --high ||\nsanboot")
    assert (found.unknown, found.end) == (["fly"], "its own disk")


@pytest.mark.parametrize("variables", [UEFI, BIOS])
def test_our_own_scripts(variables):
    script = ipxe.ram_script("a", "1", f"{BASE}/images", f"{BASE}/a.ign", ["console=tty0"])
    images = {f"images/{name}": "" for name in (ipxe.KERNEL, ipxe.INITRD)}
    served = {"ipxe/52-54-00-00-00-01.ipxe": script, **images}
    found = course(ipxe.first_script(), variables, **served)
    assert (found.end, found.config_url) == (f"starts {ipxe.KERNEL}", f"{BASE}/a.ign")
    assert (found.missing_initrds(), found.unknown) == ([], [])
    del served[f"images/{ipxe.INITRD}"]
    assert course(ipxe.first_script(), variables, **served).end == "its own disk"
    for other in (ipxe.disk_script("a"), ipxe.unknown_script()):
        assert course(other, variables).end == "its own disk"
    assert course(ipxe.first_script(), variables).end == "its own disk"


words = st.sampled_from(
    [
        *("kernel", "initrd", "chain", "--replace", "start", "goto", ":a", "a", "set", "inc", "iseq", "isset"),
        *("${a}", "${${a}}", "||", "&&", "boot", "exit", "-n", "--name", "1"),
    ]
)


@given(st.lists(st.lists(words, max_size=6).map(" ".join), max_size=12).map("\n".join))
def test_whatever_a_script_says_it_ends(script):
    assert course(script).end


@given(st.binary(max_size=200))
def test_whatever_is_served_as_one(data):
    assert follow(f"{BASE}/start", {}, lambda _url, _whole: Fetched(1, b"#!ipxe\n" + data)).end
