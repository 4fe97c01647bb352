"""What the image promises, seen from outside: built the same twice, run by its compose file, booted from, killed, mistreated."""

from __future__ import annotations

import os
import re
import threading
import time

import pytest
import yaml

from .conftest import CONTAINER, IMAGE, PROJECT, build, podman, run, wait_for

CAPABILITIES = {10: "NET_BIND_SERVICE", 12: "NET_ADMIN", 13: "NET_RAW"}


def tell(capsys, text):
    with capsys.disabled():
        print(f"\n{text}")


def test_two_builds_give_the_same_digest(image):
    assert build("--no-cache") == image


def test_it_runs_with_what_the_compose_file_says_and_no_more(box):
    wanted = yaml.safe_load((PROJECT / "docker-compose.yml").read_text())["services"]["kindling"]
    form = "{{.HostConfig.ReadonlyRootfs}} {{.HostConfig.NetworkMode}} {{.HostConfig.SecurityOpt}} {{join .EffectiveCaps `,`}}"
    read_only, network, security, capabilities = podman("inspect", "--format", form, CONTAINER).stdout.split()
    assert (read_only, network) == ("true", "host")
    assert security == "[no-new-privileges]"
    assert sorted(capabilities.split(",")) == sorted(f"CAP_{name}" for name in wanted["cap_add"])
    refused = box.shell("touch /etc/new /usr/new /srv/kindling/new 2>&1 || true").splitlines()
    assert [line.rpartition(": ")[2] for line in refused] == ["Read-only file system"] * 3


def test_the_services_are_no_root_and_can_do_what_they_must_alone(box):
    status = "for p in /proc/[0-9]*; do grep -hE '^(Name|Uid|CapEff|CapBnd)' $p/status | tr '\\n' ' '; echo; done"
    seen = {}
    for line in box.shell(status).splitlines():
        found = re.search(r"Name:\s(\S+) Uid:\s(\d+).*CapEff:\s(\S+) CapBnd:\s(\S+)", line)
        if found and found[1] in ("nginx", "dnsmasq"):
            bits = {int(found[3], 16), int(found[4], 16)}
            seen[found[1]] = (
                found[2],
                [[CAPABILITIES[bit] for bit in range(64) if value >> bit & 1] for value in bits],
            )
    assert seen == {
        "nginx": (box.shell("id -u www-data").strip(), [["NET_BIND_SERVICE"]]),
        "dnsmasq": (box.shell("id -u dnsmasq").strip(), [["NET_BIND_SERVICE", "NET_ADMIN", "NET_RAW"]]),
    }


def test_its_size_and_what_it_takes_while_nobody_boots(box, capsys):
    size = int(podman("image", "inspect", "--format", "{{.Size}}", f"{IMAGE}:latest").stdout) / 1e6
    memory = sum(map(int, box.shell("awk '/^RssAnon/ { print $2 }' /proc/[0-9]*/status").split())) / 1000
    tell(capsys, f"The image has {size:.0f} MB; the idle container's processes have {memory:.0f} MB of memory.")
    assert size < 250
    assert memory < 30


@pytest.mark.parametrize("service", ["kindling-web", "kindling-dnsmasq"])
def test_the_health_check_tells_a_service_that_is_down(box, service):
    box.kindling("health")
    try:
        box.shell(f"s6-svc -wD -d /run/kindling/services/{service}")
        done = box.kindling("health", check=False)
        assert done.returncode != 0
        assert f"{service} does not run" in done.stdout + done.stderr
    finally:
        box.shell(f"s6-svc -wu -u /run/kindling/services/{service}")
    wait_for(lambda: box.kindling("health", check=False).returncode == 0, "the services' answers", 10)


def test_byte_code_is_used_as_it_lies_in_the_image(box):
    """Nothing can be written at run time: what is stale is compiled at every start of Ansible."""
    loaded = box.shell("python3 -v -m ansible --version 2>&1 | grep -cE 'code object from .*[.]py$' || true")
    assert int(loaded) == 0


def test_machines_boot_from_it_by_bios_and_by_uefi(box):
    results = box.boot("box-bios", "box-uefi")
    assert {name: node["verdict"] for name, node in results.items()} == {"box-bios": "ok", "box-uefi": "ok"}


def test_a_boot_outlives_that_the_container_is_killed_and_started_again(box):
    before = box.log()
    results = {}
    boot = threading.Thread(target=lambda: results.update(box.boot("box-bios")))
    boot.start()
    # Its own script: kernel and initrd are what is fetched next
    script = '"GET /ipxe/52-54-00-77-00-11.ipxe HTTP/1.1" 200'
    box.await_log(script, since=before, seconds=120)
    podman("kill", "--signal", "KILL", CONTAINER)
    served = len(box.log())
    time.sleep(1)  # as long as it takes somebody to notice
    box.on_boot_host("podman", "start", CONTAINER)
    boot.join()
    assert results["box-bios"]["verdict"] == "ok"
    assert "flatcar_production_pxe_image.cpio.gz" in box.log()[served:]


def test_other_playbooks_run_inside_too(box):
    assert "box-uefi" in box.kindling("status").stdout
    explained = box.kindling("explain", "-e", "node=box-uefi").stdout
    assert "served by boot-box" in explained


def test_what_is_edited_is_published_by_itself_and_on_demand(box):
    before, log = box.served(), box.log()
    box.edit(lambda nodes: nodes["box-uefi"].update(flatcar_kernel_arguments=["edited=once"]))
    wait_for(lambda: box.served() != before, "the edit to be published", 60)
    box.await_published(since=log)
    box.edit(lambda nodes: nodes["box-uefi"].update(flatcar_kernel_arguments=["edited=twice"]))
    done = box.compose("exec", "-T", "kindling", "publish")
    assert done.stdout.rstrip().endswith("kindling: published")
    assert "edited=twice" in box.shell("cat /srv/kindling/fleet/current/web/ipxe/10.77.0.12/*.ipxe")


def problems(text):
    """The lines that name a line and a column of the inventory."""
    return re.findall(r"^ +[0-9]+:[0-9]+: .*$", text, re.MULTILINE)


def test_a_bad_edit_is_refused_as_validate_does_and_what_was_served_stays_over_a_restart(box):
    before, log = box.served(), box.log()
    good = (box.inventory / "hosts.yml").read_text()
    try:
        box.edit(lambda nodes: nodes["box-uefi"].update(flatcar_mac="52:54:00", flatcar_typo=1))
        box.await_log("the inventory is refused; what was served before still is", since=log)
        refused = problems(box.log()[len(log) :])
        environment = {**os.environ, "KINDLING_INTERFACE": "lan0", "ANSIBLE_NOCOLOR": "1"}
        said = run("make", "validate", f"INVENTORY={box.inventory}", check=False, env=environment)
        assert len(refused) == 2
        assert refused == problems(said.stdout)
        assert box.compose("exec", "-T", "kindling", "publish", check=False).returncode == 2
        assert box.served() == before

        asked = time.monotonic()
        podman("stop", CONTAINER)
        assert time.monotonic() - asked < 5
        assert podman("inspect", "--format", "{{.State.ExitCode}}", CONTAINER).stdout.strip() == "0"
        log = box.log()
        box.on_boot_host("podman", "start", CONTAINER)
        wait_for(lambda: box.kindling("health", check=False).returncode == 0, "the services' answers", 20)
        box.await_log("the inventory is refused", since=log)
        box.kindling("health")
        assert box.served() == before
        assert box.get("/boot.ipxe")[0] == 200
    finally:
        log = box.log()
        (box.inventory / "hosts.yml").write_text(good)
    box.await_published(since=log)


def test_a_boot_host_that_is_not_in_the_inventory_is_nobody(box):
    done = box.compose("exec", "-T", "-e", "KINDLING_HOST=boot-bax", "kindling", "kindling", "site", check=False)
    assert done.returncode != 0
    assert "the inventory has no boot host boot-bax (KINDLING_HOST)" in done.stdout + done.stderr
