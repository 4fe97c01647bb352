"""What the image promises, seen from outside: built the same twice, run by its compose file, booted from, killed, mistreated."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
import yaml

from .conftest import CONTAINER, IMAGE, PODMAN, PROJECT, RACK, build, podman, run, wait_for
from .registry import Registry, digest_of

CAPABILITIES = {10: "NET_BIND_SERVICE", 12: "NET_ADMIN", 13: "NET_RAW"}


def tell(capsys, text):
    with capsys.disabled():
        print(f"\n{text}")


def test_two_builds_give_the_same_digest(image):
    assert build("--no-cache") == image


@pytest.mark.parametrize("command", ["push", "buildpush"])
def test_nothing_is_pushed_without_a_registry(command):
    done = run("make", command, "CONTAINER_ENGINE=false", check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("Say where to: make push REGISTRY=")


def test_an_image_is_pushed_to_the_registry_that_is_named(tmp_path):
    """A small image stands for the built one: what is compressed is not what is tested."""
    version = yaml.safe_load((PROJECT / "galaxy.yml").read_text())["version"]
    (tmp_path / "Containerfile").write_text("FROM scratch\nCOPY Containerfile /\n")
    small = "localhost/kindling-test-push"
    podman("build", "--tag", f"{small}:{version}", tmp_path)
    with Registry() as registry:
        settings = tmp_path / "registries.conf"
        settings.write_text(f'[[registry]]\nlocation = "{registry.address}"\ninsecure = true\n')
        engine = [*PODMAN[:-1], f"CONTAINERS_REGISTRIES_CONF={settings}", PODMAN[-1]]
        try:
            run(
                "make",
                "push",
                f"CONTAINER_ENGINE={' '.join(engine)}",
                f"IMAGE={small}",
                f"REGISTRY={registry.address}/team",
            )
        finally:
            podman("rmi", "--force", f"{small}:{version}", f"{registry.address}/team/kindling:{version}", check=False)
        pushed = json.loads(registry.manifests["team/kindling", version])
        blobs = [pushed["config"]["digest"], *(layer["digest"] for layer in pushed["layers"])]
        assert [digest_of(registry.blobs[digest]) for digest in blobs] == blobs


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
            seen[found[1], found[2]] = [[CAPABILITIES[bit] for bit in range(64) if value >> bit & 1] for value in bits]
    web, dhcp, tftp = (box.shell(f"id -u kindling-{name}").strip() for name in ("web", "dhcp", "tftp"))
    assert seen == {
        ("nginx", web): [["NET_BIND_SERVICE"]],
        ("dnsmasq", dhcp): [["NET_BIND_SERVICE", "NET_ADMIN", "NET_RAW"]],
        ("dnsmasq", tftp): [["NET_BIND_SERVICE"]],
    }


def test_its_size_and_what_it_takes_while_nobody_boots(box, capsys):
    size = int(podman("image", "inspect", "--format", "{{.Size}}", f"{IMAGE}:latest").stdout) / 1e6
    memory = sum(map(int, box.shell("awk '/^RssAnon/ { print $2 }' /proc/[0-9]*/status").split())) / 1000
    tell(capsys, f"The image has {size:.0f} MB; the idle container's processes have {memory:.0f} MB of memory.")
    assert size < 250
    assert memory < 90


def test_configs_that_are_published_no_more_end_in_their_time(box):
    assert box.shell("s6-svstat -o up /run/kindling/services/kindling-former").strip() == "true"


@pytest.mark.parametrize("service", ["kindling-web", "kindling-tftp", "kindling-dnsmasq"])
def test_the_health_check_tells_a_service_that_is_down(box, service):
    box.kindling("health")
    try:
        box.shell(f"s6-svc -wD -d /run/kindling/services/{service}")
        done = box.kindling("health", check=False)
        assert done.returncode != 0
        assert f"{service} does not run" in done.stdout + done.stderr
    finally:
        box.shell(f"s6-svc -wu -u /run/kindling/services/{service}")
    box.await_health()


def test_byte_code_is_used_as_it_lies_in_the_image(box):
    """Nothing can be written at run time: what is stale is compiled at every start of Ansible."""
    loaded = box.shell("python3 -v -m ansible --version 2>&1 | grep -cE 'code object from .*[.]py$' || true")
    assert int(loaded) == 0


@pytest.mark.parametrize(
    ("module", "arguments"),
    [
        ("redfish_command", "category=Systems command=PowerOn baseuri=127.0.0.1:9 username=nobody password=none"),
        ("ipmi_power", "name=127.0.0.1 port=9 user=nobody password=none state=on timeout=1"),
        ("wakeonlan", "mac=52:54:00:00:00:00 broadcast=127.0.0.1"),
    ],
)
def test_what_switches_machines_on_is_in_the_image(box, module, arguments):
    """Nothing listens there: a module that gets as far as to say so has all that it needs."""
    said = box.shell(
        f"ANSIBLE_HOME=/tmp python3 -m ansible adhoc localhost -m community.general.{module} -a '{arguments}' 2>&1 || true"
    )
    assert re.search(r"refused|timed out|no response|CHANGED", said, re.IGNORECASE), said


def test_machines_boot_from_it_by_bios_and_by_uefi(box):
    results = box.boot("box-bios", "box-uefi")
    assert {name: node["verdict"] for name, node in results.items()} == {"box-bios": "ok", "box-uefi": "ok"}


def test_the_containers_own_log_shows_how_far_they_came(box):
    place = "/run/kindling/log-of-the-container"
    engine = " ".join(map(str, PODMAN))
    copied = f"{engine} logs --timestamps {CONTAINER} 2>&1 | {engine} exec -i {CONTAINER} sh -c 'cat > {place}'"
    run("sh", "-c", copied)
    options = (f"journey_log={place}", "journey_format=json", "journey_output=/run/kindling/journeys.json")
    box.kindling("journey", *(word for option in options for word in ("-e", option)))
    found = {one["node"]: one for one in json.loads(box.shell("cat /run/kindling/journeys.json"))["machines"]}
    for node in ("box-bios", "box-uefi"):
        assert (found[node]["state"], found[node]["hop"], found[node]["causes"]) == ("fine", "running", []), found[node]


def test_a_boot_outlives_that_the_container_is_killed_and_started_again(box):
    before = box.log()
    with ThreadPoolExecutor() as beside:
        boot = beside.submit(box.boot, "box-bios")
        # Its own script: kernel and initrd are what is fetched next
        script = '"GET /ipxe/52-54-00-77-00-11.ipxe HTTP/1.1" 200'
        box.await_log(script, since=before)
        podman("kill", "--signal", "KILL", CONTAINER)
        podman("wait", CONTAINER)
        log = box.log()
        box.start()
        assert boot.result()["box-bios"]["verdict"] == "ok"
    assert "flatcar_production_pxe_image.cpio.gz" in box.log()[len(log) :]
    box.await_published(since=log)


def test_a_machine_is_installed_by_it_and_a_restart_ends_what_is_armed(box):
    """The one that is armed before the restart is sent to its own disk after it; the one that is armed then is installed."""
    disk = {"flatcar_boot_mode": "install", "flatcar_install_disk": "/dev/disk/by-id/virtio-box", "lab_serial": "box"}
    good = (box.inventory / "hosts.yml").read_text()
    try:
        box.await_edit(lambda nodes: nodes["box-bios"].update(disk, lab_road="install"))
        arm = ("install", "--limit", "box-bios", "-e", "install_wait=false")
        script, address = "/ipxe/52-54-00-77-00-11.ipxe", "10.77.0.11"

        box.kindling(*arm)
        armed = re.search(r"http://10\.77\.0\.1(/armed/\S+install\.ipxe)", box.get(script, address)[1])[1]
        given = box.get(armed, address)[1]
        assert "will be installed" in given
        box.restart()
        box.await_health()
        assert "is no longer armed" in box.get(armed, address)[1]

        box.kindling(*arm)
        armed = re.search(r"http://10\.77\.0\.1(/armed/\S+install\.ipxe)", box.get(script, address)[1])[1]
        assert "will be installed" in box.get(armed, address)[1]
        box.shell("s6-svc -k /run/kindling/services/kindling-armed-*")
        wait_for(lambda: "is no longer armed" in box.get(armed, address)[1], "the arming to end with what keeps it", 60)

        box.kindling(*arm)
        assert box.boot("box-bios", until="installed")["box-bios"]["verdict"] == "ok"
        assert re.search(r"^box-bios .* (installed|running) ", box.kindling("status").stdout, re.MULTILINE)
    finally:
        log = box.log()
        (box.inventory / "hosts.yml").write_text(good)
    box.await_published(since=log)


def test_a_saved_file_wipes_no_disk_before_somebody_says_so(box):
    disk = "/dev/disk/by-id/virtio-data"
    wiping = {"flatcar_filesystems": [{"device": disk, "format": "ext4", "wipe": True}], "flatcar_ram_disks": [disk]}
    good, before, log = (box.inventory / "hosts.yml").read_text(), box.served(), box.log()
    try:
        box.edit(lambda nodes: nodes["box-uefi"].update(wiping))
        box.await_log("not published; what was served before still is", since=log)
        assert f"box-uefi: {disk}: it is formatted as ext4" in box.log()[len(log) :]
        assert box.served() == before
        box.kindling("publish")
        assert box.served() != before
    finally:
        log = box.log()
        (box.inventory / "hosts.yml").write_text(good)
    box.await_published(since=log)


def test_who_goes_back_stays_there_over_an_edit_and_a_restart_until_it_is_ended(box):
    first = box.served()
    box.await_edit(lambda nodes: nodes["box-uefi"].update(flatcar_kernel_arguments=["edited=before"]))
    box.kindling("rollback")
    assert box.served() == first

    stays = "not published; what was served before still is"
    log = box.log()
    box.edit(lambda nodes: nodes["box-uefi"].update(flatcar_kernel_arguments=["edited=after"]))
    box.await_log(stays, since=log)
    log = box.log()
    box.restart()
    box.await_log(stays, since=log)
    assert "site_hold=false" in box.log()[len(log) :]
    assert box.compose("exec", "-T", "kindling", "publish", check=False).returncode == 2
    assert box.served() == first

    box.compose("exec", "-T", "kindling", "publish", "-e", "site_hold=false")
    assert "edited=after" in box.shell("cat /srv/kindling/fleet/current/web/ipxe/10.77.0.12/*.ipxe")


def test_it_stops_by_itself_while_somebody_downloads_and_an_edit_is_published(box, tmp_path):
    log = box.log()
    image = re.search(
        r"http://10\.77\.0\.1/images/\S+cpio\.gz", box.shell("cat /srv/kindling/fleet/current/web/ipxe/10.77.0.12/*")
    )[0]
    got = tmp_path / "initrd"
    slowly = ("curl", "--silent", "--limit-rate", "100k", "--output", got, image)
    lab = [sys.executable, PROJECT / "tests" / "lab" / "lab.py", "exec", RACK, "--"]
    with subprocess.Popen([str(part) for part in (*lab, *slowly)]) as download:
        try:
            wait_for(lambda: got.exists() and got.stat().st_size, "the download to begin", 300)
            box.edit(lambda nodes: nodes["box-uefi"].update(flatcar_kernel_arguments=["edited=in-time"]))
            wait_for(box.publishes, "the publish to begin", 300)
            podman("stop", "--time", "10", CONTAINER)
            # One that had to be killed after its ten seconds would have ended with 137
            assert podman("inspect", "--format", "{{.State.ExitCode}}", CONTAINER).stdout.strip() == "0"
        finally:
            download.terminate()
            box.start()
    box.await_health()
    box.await_published(since=log)
    assert "edited=in-time" in box.shell("cat /srv/kindling/fleet/current/web/ipxe/10.77.0.12/*.ipxe")


def test_other_playbooks_run_inside_too(box):
    assert "box-uefi" in box.kindling("status").stdout
    explained = box.kindling("explain", "--limit", "box-uefi").stdout
    assert "served by boot-box" in explained


def test_what_is_edited_is_published_by_itself_and_on_demand(box):
    box.await_edit(lambda nodes: nodes["box-uefi"].update(flatcar_kernel_arguments=["edited=once"]))
    box.edit(lambda nodes: nodes["box-uefi"].update(flatcar_kernel_arguments=["edited=twice"]))
    done = box.compose("exec", "-T", "kindling", "publish")
    assert done.stdout.rstrip().endswith("kindling: published")
    assert "edited=twice" in box.shell("cat /srv/kindling/fleet/current/web/ipxe/10.77.0.12/*.ipxe")


def problems(text):
    """What is said of a line and a column of the inventory, each once. The file has another path in the container."""
    return list(dict.fromkeys(re.findall(r"hosts\.yml:([0-9]+:[0-9]+: .*)$", text, re.MULTILINE)))


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

        log = box.log()
        box.restart()
        box.await_health()
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


@pytest.mark.parametrize(
    ("setting", "problem"),
    [
        ("KINDLING_ADDRESS=10.99.0.1", "kindling_networks[0].address: outside 10.77.0.0/24"),
        ("KINDLING_INTERFACE=lan9", "lan9"),
    ],
)
def test_address_and_interface_may_come_from_the_environment(box, setting, problem):
    done = box.compose("exec", "-T", "-e", setting, "kindling", "kindling", "check", check=False)
    assert done.returncode != 0
    assert problem in done.stdout + done.stderr
