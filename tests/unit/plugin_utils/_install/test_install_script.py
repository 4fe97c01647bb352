"""The install script, run for real: what it refuses, what it writes, and what it says."""

from __future__ import annotations

import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import threading
import time

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))

from machine import (
    GIB,
    SCRIPTS,
    USR_A,
    BootHost,
    ext4,
    luks,
    noise,
    partition_table,
    swap,
)
from test_build import TOKEN, build, node

pytestmark = pytest.mark.slow

WRITTEN = "flatcar-install -d"
HEALTHY = "switched off and on, this machine boots its own disk as before"


def stages(boot_host):
    """What happened, in its order; programs by their names."""
    return [event.split()[0] if not event.startswith("refused") else event for event in boot_host.events]


def failure(machine):
    """Runs the script, which has to refuse before it writes anything; the message that it reported."""
    before = machine.untouched()
    done = machine.run()
    assert done.returncode == 1, done.stdout + done.stderr
    assert stages(machine.boot_host) == ["failed"]
    assert machine.untouched() == before
    report = machine.boot_host.reports[TOKEN, "failed"]
    assert report["message"].endswith("; nothing has been written: " + HEALTHY)
    assert f"FAILED ({report['message'].split(': ')[0]})" in done.stdout
    assert "to try again: playbooks/install.yml --limit n1" in done.stdout
    return report["message"]


def test_an_empty_disk_is_installed_and_each_stage_is_reported_in_its_order(machine, boot_host):
    one = machine()
    done = one.run()
    assert done.returncode == 0, done.stdout + done.stderr
    assert stages(boot_host) == ["started", "flatcar-install", "installed", "systemctl"]
    (call,) = [event for event in boot_host.events if event.startswith(WRITTEN)]
    assert call == (
        f"flatcar-install -d {one.disk} -V 9999.2.0 -b {boot_host.url}/images/amd64-usr -o  "
        f"-k {one.install}/key.asc -i {one.install}/config.ign"
    )
    assert boot_host.events[-1] == "systemctl --no-block reboot"
    report = boot_host.reports[TOKEN, "installed"]
    assert (report["stage"], report["node"], report["version"]) == ("installed", "n1", "9999.2.0")
    assert (report["serial"], report["message"]) == (
        "S1",
        f"Flatcar 9999.2.0 is on {one.by_id}/ata-DISK_1 (serial number S1)",
    )
    assert report["config"] == build(node()).digest
    assert report["log"] == ""


def test_an_earlier_flatcar_is_no_foreign_data(machine, boot_host):
    one = machine()
    one.flatcar()
    assert one.run().returncode == 0
    assert stages(boot_host) == ["started", "flatcar-install", "installed", "systemctl"]


FOREIGN = {
    "a file system on the whole disk": (lambda m: ext4(m.disk), "sda has ext4"),
    "encryption on the whole disk": (lambda m: luks(m.disk), "sda has crypto_LUKS"),
    "swap on the whole disk": (lambda m: swap(m.disk), "sda has swap"),
    "another partition": (lambda m: (m.flatcar(), m.partition("DATA")), "is a partition called 'DATA'"),
    "a partition without a name": (lambda m: (partition_table(m.disk), m.partition("")), "is a partition called ''"),
    "a name that begins alike": (lambda m: (partition_table(m.disk), m.partition("ROOT2")), "called 'ROOT2'"),
    "an encrypted root": (lambda m: (partition_table(m.disk), m.partition("ROOT", luks)), "sda1 has crypto_LUKS"),
    "a volume group": (lambda m: m.partition("", kind="lvm"), "sda1 is in use (lvm)"),
    "a member of a RAID": (
        lambda m: (partition_table(m.disk), m.partition("ROOT"), m.partition("", kind="raid1")),
        "sda2 is in use (raid1)",
    ),
    "partitions that others call alike": (
        lambda m: (partition_table(m.disk), m.partition("EFI-SYSTEM"), m.partition("ROOT", ext4)),
        "ata-DISK_1 has partitions, and none that only Flatcar has",
    ),
    "an empty partition table": (lambda m: partition_table(m.disk), "a partition table that cannot be read"),
}


@pytest.mark.parametrize("what", FOREIGN)
def test_foreign_data_is_refused(machine, what):
    put, message = FOREIGN[what]
    one = machine()
    put(one)
    assert message in failure(one)


@pytest.mark.parametrize("what", FOREIGN)
def test_foreign_data_is_lost_where_the_node_says_so(machine, boot_host, what):
    put, message = FOREIGN[what]
    one = machine(flatcar_wipe="any")
    put(one)
    done = one.run()
    assert done.returncode == 0, done.stdout + done.stderr
    assert message in done.stdout
    assert [event for event in stages(boot_host) if event in ("started", "flatcar-install")] == [
        "started",
        "flatcar-install",
    ]


def test_whatever_holds_the_disk_is_stopped_before_it_is_written_the_last_one_first(machine, boot_host):
    one = machine(flatcar_wipe="any")
    partition_table(one.disk)
    one.partition("a", MOUNTPOINT="/oem")
    array = one.partition("", kind="raid1")
    volume = one.partition("", kind="lvm")
    assert one.run().returncode == 0
    assert boot_host.events[:3] == ["umount /oem", f"dmsetup remove --retry {volume}", f"mdadm --stop {array}"]
    assert stages(boot_host)[3:5] == ["started", "flatcar-install"]


@pytest.mark.parametrize("program", ["umount", "mdadm", "dmsetup"])
def test_a_disk_that_stays_in_use_is_not_written(machine, boot_host, program):
    one = machine(flatcar_wipe="any")
    one.exits[program] = 1
    one.partition("a", MOUNTPOINT="/oem")
    one.partition("", kind="raid1")
    one.partition("", kind="crypt")
    assert one.run().returncode == 1
    assert "started" not in boot_host.events
    assert boot_host.reports[TOKEN, "failed"]["message"].startswith("release: ")


def _missing(machine):
    (machine.by_id / "ata-DISK_1").unlink()


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (_missing, "disk: .*/ata-DISK_1 is not there; this machine has: "),
        (lambda m: m.rows[0].update(TYPE="part"), "disk: .* is no whole disk but of type part"),
        (lambda m: m.rows[0].update(SERIAL="S10"), "disk: .* has the serial number 'S10', not 'S1'"),
        (lambda m: m.rows[0].update(SERIAL=""), "disk: .* has the serial number '', not 'S1'"),
        (lambda m: os.truncate(m.disk, 10 * GIB - 1), "disk: .* has 9 GiB, fewer than 10"),
        (lambda m: setattr(m, "sector", 4096), "disk: .* has sectors of 4096 bytes"),
        (lambda m: setattr(m, "read_only", 1), "disk: .* is read-only"),
        (lambda m: (m.install / "config.ign").write_text("{}"), "config: .* SHA-512 is another"),
        (lambda m: setattr(m, "broken", "lsblk"), "disk: line"),
    ],
)
def test_what_is_not_as_it_is_meant_is_refused(machine, spoil, message):
    one = machine(flatcar_install_disk_serial="S1")
    spoil(one)
    assert re.match(message, failure(one))


@pytest.mark.parametrize("program", ["blockdev", "wipefs"])
def test_a_check_that_cannot_be_made_is_a_refusal(machine, program):
    one = machine()
    (one.bin / program).write_text("#!/bin/sh\nexit 1\n")
    (one.bin / program).chmod(0o755)
    assert failure(one)


def test_partitions_of_the_disk_that_begin_alike_are_its_own(machine):
    one = machine()
    partition_table(one.disk)
    (one.by_id / "ata-DISK_1-part1").symlink_to(one.partition("USR-A", PARTUUID=USR_A))
    assert one.run().returncode == 0


def test_without_a_boot_host_that_knows_of_it_nothing_is_written(machine, boot_host):
    one = machine()
    boot_host.refused.add("started")
    done = one.run()
    assert done.returncode == 1
    assert set(stages(boot_host)) == {"refused started", "failed"}
    message = boot_host.reports[TOKEN, "failed"]["message"]
    assert message.startswith(f"announce: {boot_host.url} has not taken the report that the installation begins")
    assert "is the machine still armed?; nothing has been written: " in message
    assert "install_without_peer" not in message


def test_an_installation_that_nobody_knows_of_does_not_restart_the_machine(machine, boot_host):
    one = machine()
    boot_host.refused.add("installed")
    done = one.run()
    assert done.returncode == 1
    assert "systemctl" not in stages(boot_host)
    assert stages(boot_host).count("refused installed") == 12
    assert "so it does not restart" in done.stdout


def test_a_failure_is_reported_with_the_end_of_its_log_and_nothing_is_tried_twice(machine, boot_host):
    one = machine()
    one.exits["flatcar-install"] = 1
    one.says["flatcar-install"] = 'gpg: "BAD"\tsignature \\ ü\n' * 500 + f"{TOKEN}\nthe end"
    done = one.run()
    assert done.returncode == 1
    assert stages(boot_host) == ["started", "flatcar-install", "failed"]
    report = boot_host.reports[TOKEN, "failed"]
    assert report["message"] == "write: flatcar-install has failed; the disk is half-written"
    assert 'gpg: "BAD"\tsignature \\ \n' in report["log"]
    assert "(token)\nthe end\n" in report["log"]
    assert TOKEN not in json.dumps(report)
    assert len((one.install / "report.json").read_bytes()) <= 16 * 1024
    assert len(report["log"]) <= 8 * 1024


def test_an_installation_that_hangs_is_a_failure(machine, boot_host):
    one = machine()
    one.set(timeout=1)
    (one.bin / "flatcar-install").write_text("#!/bin/sh\nexec sleep 30\n")
    assert one.run().returncode == 1
    assert stages(boot_host) == ["started", "failed"]


def test_both_boot_hosts_of_a_pair_know_of_it_before_the_first_byte_is_written(pair, boot_host):
    one, peer = pair
    assert one.run().returncode == 0
    assert stages(peer) == ["started", "installed"]
    assert stages(boot_host) == ["started", "flatcar-install", "installed", "systemctl"]


def test_where_one_of_a_pair_does_not_know_of_it_nothing_is_written_and_the_other_takes_nothing_for_half_written(
    pair, boot_host
):
    one, peer = pair
    peer.refused.add("started")
    message = failure(one)
    assert message.startswith(f"announce: {peer.url} has not taken the report")
    assert "-e install_without_peer=true" in message
    assert peer.events == ["refused started"] * 12 + ["failed"]


def test_one_of_a_pair_that_was_told_is_told_that_nothing_was_written_where_the_other_refuses(pair, boot_host):
    one, peer = pair
    boot_host.refused.add("started")
    assert one.run().returncode == 1
    assert stages(peer) == ["started", "failed", "untouched"]
    assert "nothing has been written" in peer.reports[TOKEN, "failed"]["message"]


@pytest.mark.parametrize(("silent", "restarts"), [("first", False), ("second", True)])
def test_the_boot_host_that_decides_has_to_know_that_it_is_installed(pair, boot_host, silent, restarts):
    one, peer = pair
    (boot_host if silent == "first" else peer).refused.add("installed")
    assert (one.run().returncode == 0) == restarts
    assert ("systemctl" in stages(boot_host)) == restarts


def test_a_boot_host_that_is_away_for_a_while_is_asked_again(machine, boot_host):
    one = machine()
    boot_host.refused.add("installed")
    one.set(pause=0.2)

    def come_back():
        while "refused installed" not in boot_host.events:
            time.sleep(0.01)
        boot_host.refused.clear()

    thread = threading.Thread(target=come_back, daemon=True)
    thread.start()
    done = one.run()
    thread.join(timeout=10)
    assert done.returncode == 0
    assert boot_host.events[-2:] == ["installed", "systemctl --no-block reboot"]


@pytest.fixture
def reporter(tmp_path, boot_host):
    def run(*hosts, arguments=(), **values):
        release = tmp_path / "os-release"
        release.write_text('NAME="Flatcar"\nVERSION_ID=9999.2.0\n')
        (tmp_path / "cmdline").write_text("BOOT_IMAGE=/flatcar/vmlinuz-a console=ttyS0 quiet=1\n")
        conf = {"node": "n1", "digest": "d1", "token": TOKEN, "os_release": release, "pause": 0, "tries": 3}
        conf |= {"cmdline": tmp_path / "cmdline", "secure_boot": tmp_path / "SecureBoot"} | values
        lines = [*conf.items(), *(("argument", word) for word in arguments)]
        lines += [("boot_host", host) for host in hosts or [boot_host.url]]
        (tmp_path / "report.conf").write_text("".join(f"{key}={value}\n" for key, value in lines))
        command = [str(SCRIPTS / "kindling-report.sh"), str(tmp_path / "report.conf")]
        return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)

    return run


def test_a_running_system_reports_what_it_runs(reporter, boot_host):
    assert reporter().returncode == 0
    report = boot_host.reports[TOKEN, "running"]
    hostname = subprocess.run(["uname", "-n"], capture_output=True, text=True, check=True).stdout.strip()
    assert {key: value for key, value in report.items() if key != "time"} == {
        "stage": "running",
        "node": "n1",
        "hostname": hostname,
        "version": "9999.2.0",
        "config": "d1",
        "lost": "",
        "secure_boot": "off",
    }


@pytest.mark.parametrize(("variable", "told"), [(b"\6\0\0\0\1", "on"), (b"\6\0\0\0\0", "off"), (b"", "off")])
def test_a_running_system_says_what_kernel_arguments_it_lacks_and_why(reporter, boot_host, tmp_path, variable, told):
    (tmp_path / "SecureBoot").write_bytes(variable)
    reporter(arguments=["console=ttyS0", "quiet", 'a="b\\', "ttyS0"])
    report = boot_host.reports[TOKEN, "running"]
    assert (report["lost"], report["secure_boot"]) == ("quiet a=b ttyS0 ", told)


def test_the_boot_host_that_decides_is_told_until_it_knows(reporter, boot_host):
    boot_host.refused.add("running")
    other = BootHost()
    assert reporter(boot_host.url, other.url).returncode == 1
    assert other.events == ["running"]
    assert boot_host.events == ["refused running"] * 3
    other.close()


def test_the_other_boot_host_may_not_know_the_machine(reporter, boot_host):
    other = BootHost()
    other.refused.add("running")
    assert reporter(boot_host.url, other.url).returncode == 0
    assert other.events == ["refused running"]
    other.close()


def test_a_system_that_was_installed_says_so_with_the_token_of_its_arming_too(reporter, boot_host):
    assert reporter(install="i" * 43).returncode == 0
    assert set(boot_host.reports) == {(TOKEN, "running"), ("i" * 43, "running")}


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="needs systemd")
def test_the_units_are_what_systemd_reads(tmp_path):
    made = json.loads(build(node()).config)["systemd"]["units"] + json.loads(build(node()).final)["systemd"]["units"]
    for unit in made:
        text = unit["contents"].replace("/opt/kindling/", f"{SCRIPTS}/")
        (tmp_path / unit["name"]).write_text(text)
    assert len(made) == 3
    command = ["systemd-analyze", "verify", "--man=no", *(str(tmp_path / unit["name"]) for unit in made)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert [line for line in done.stderr.splitlines() if "kindling" in line] == []


# Disks by their slots -----------------------------------------------------------------------------------------------------

SLOT = "pci-0000:00:17.0-ata-1"
BY_SLOT = {"flatcar_install_disk": f"/dev/disk/by-path/{SLOT}"}


def test_a_disk_by_its_slot_is_installed_and_its_serial_number_is_reported(machine, boot_host):
    one = machine(**BY_SLOT)
    slot = one.slot(SLOT)
    one.slot(f"{SLOT}.0")  # udev gives SATA's slots two names
    done = one.run()
    assert done.returncode == 0, done.stdout + done.stderr
    (call,) = [event for event in boot_host.events if event.startswith(WRITTEN)]
    assert f"-d {one.disk} " in call
    assert boot_host.reports[TOKEN, "started"]["message"] == f"writing Flatcar 9999.2.0 to {slot} (serial number S1)"
    assert [boot_host.reports[TOKEN, stage]["serial"] for stage in ("started", "installed")] == ["S1", "S1"]


def test_the_same_disk_in_the_slot_is_installed_again(machine, boot_host):
    one = machine(**BY_SLOT)
    one.slot(SLOT)
    one.set(former_serial="S1")
    assert one.run().returncode == 0
    assert "installed" in stages(boot_host)


def test_another_disk_in_the_slot_is_refused_with_both_serial_numbers(machine):
    one = machine(**BY_SLOT)
    slot = one.slot(SLOT)
    one.set(former_serial="S0")
    assert (
        f"{slot} is another disk than this machine was installed to: its serial number is 'S1', and was 'S0'. If it is meant, "
        "say flatcar_install_disk_serial, or once -e install_new_disk=true"
    ) in failure(one)


def test_a_disk_without_a_serial_number_is_not_the_one_that_had_one(machine):
    one = machine(**BY_SLOT)
    one.slot(SLOT)
    one.rows[0]["SERIAL"] = ""
    one.set(former_serial="S0")
    assert "its serial number is '', and was 'S0'" in failure(one)


@pytest.mark.parametrize("meant", [{"new_disk": "yes"}, {"serial": "S1"}])
def test_another_disk_in_the_slot_is_installed_where_it_is_meant(machine, boot_host, meant):
    one = machine(**BY_SLOT)
    one.slot(SLOT)
    one.set(former_serial="S0", **meant)
    done = one.run()
    assert done.returncode == 0, done.stdout + done.stderr
    assert "the last installation has found 'S0' there" in done.stdout


def test_another_disk_is_not_taken_for_the_one_that_was_half_written(machine):
    one = machine(**BY_SLOT)
    one.slot(SLOT)
    noise(one.disk)
    one.set(former_serial="S0", new_disk="yes", half_written="yes")
    assert "has no signature, but is not empty" in failure(one)


def test_a_slot_that_is_empty_is_told_with_those_that_are_not(machine):
    one = machine(**BY_SLOT)
    other = one.slot("pci-0000:00:17.0-ata-2")
    one.slot("pci-0000:00:17.0-ata-2-part1")
    told = failure(one)
    assert f"{SLOT} is not there" in told
    assert f"; by slot: {other} ({one.disk});" in told


# Memory -------------------------------------------------------------------------------------------------------------------


def test_a_machine_with_too_little_memory_is_refused(machine):
    one = machine()
    one.set(memory_mib=2244)
    (one.home / "meminfo").write_text("MemFree: 9999999 kB\nMemTotal:        2028112 kB\n")
    assert failure(one).startswith(
        "ram: this machine has 1980 MiB of RAM; to boot Flatcar from the network it has to have 3 GB (2244 MiB at the least, by "
        "the size of the release's image)"
    )


def test_a_machine_with_memory_enough_is_installed(machine):
    one = machine()
    one.set(memory_mib=2244)
    (one.home / "meminfo").write_text("MemTotal:        2900000 kB\n")
    assert one.run().returncode == 0
