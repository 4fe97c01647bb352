"""Every variable becomes plain Butane, which the transpiler accepts without a word."""

from __future__ import annotations

import pytest
from ansible_collections.kindling.flatcar.plugins.plugin_utils._butane import translate
from ansible_collections.kindling.flatcar.plugins.plugin_utils._node import (
    NODE,
    check_butane,
    merge_layers,
    read_node,
    to_butane,
    warnings,
)

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEtpbmRsaW5nIHRlc3Qga2V5OiBvcGVucyBub3RoaW5n"
HASH = f"$6$salt${'h' * 86}"

RIGHT = {"flatcar_rack": "a", "flatcar_mac": "52-54-00-AA-BB-01", "flatcar_address": "10.1.0.11"}
SHA = "a" * 64
SYSEXT = {"name": "docker", "url": "https://e.example.com/docker-29.6.2-x86-64.raw", "sha256": SHA.upper()}
DEVICE = "/dev/disk/by-id/ata-1"


def butane(**variables):
    node, problems = read_node("n1", RIGHT | variables)
    assert problems == []
    made = to_butane(node)
    result = translate(made, strict=True)
    assert [str(entry) for entry in result.report] == []
    assert result.config is not None
    assert list(check_butane(node, made)) == []
    return made


def text(made, path):
    return next(file["contents"]["inline"] for file in made["storage"]["files"] if file["path"] == path)


def unit(made, name):
    return next(unit for unit in made["systemd"]["units"] if unit["name"] == name)


EVERYTHING = {
    "flatcar_slot": 1,
    "flatcar_hostname": "n1",
    "flatcar_hostname_pattern": "{rack}-{slot}",
    "flatcar_domain": "rack.test",
    "flatcar_boot_mode": "install",
    "flatcar_board": "arm64-usr",
    "flatcar_boot_program": "ipxe",
    "flatcar_channel": "beta",
    "flatcar_version": "current",
    "flatcar_install_disk": DEVICE,
    "flatcar_install_disk_serial": "S1",
    "flatcar_install_disk_min_gib": 100,
    "flatcar_wipe": "any",
    "flatcar_other_flatcar_disks": "allow",
    "flatcar_install_boot_entry": True,
    "flatcar_local_boot": "exit-error",
    "flatcar_console": "ttyS0,115200n8",
    "flatcar_kernel_arguments": ["quiet"],
    "flatcar_bmc": {"type": "ipmi", "address": "10.1.0.201", "user": "admin", "password": "hunter2"},
    "flatcar_users": [{"name": "ops", "groups": ["sudo"]}],
    "flatcar_authorized_keys": [KEY],
    "flatcar_password_hashes": {"core": "$y$j9T$SSSSSSSSSSSSSSSSSSSSSS$hhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhh"},
    "flatcar_serve_secrets": True,
    "flatcar_interfaces": [{"name": "uplink", "mac": "52:54:00:aa:bb:01", "dhcp": True}],
    "flatcar_disks": [{"device": DEVICE, "partitions": [{"number": 1, "label": "data"}]}],
    "flatcar_raid": [{"name": "md1", "level": "raid1", "devices": [DEVICE, f"{DEVICE}2"]}],
    "flatcar_luks": [{"name": "safe", "device": "/dev/md/md1", "key": "secret"}],
    "flatcar_filesystems": [{"device": "/dev/mapper/safe", "format": "ext4", "path": "/srv"}],
    "flatcar_swap": "/dev/disk/by-partlabel/swap",
    "flatcar_ram_disks": [DEVICE],
    "flatcar_time_zone": "Europe/Berlin",
    "flatcar_ntp": ["10.1.0.1", "ntp.example.com"],
    "flatcar_update_strategy": "reboot",
    "flatcar_update_window": "Thu 04:00",
    "flatcar_update_window_length": "1h30m",
    "flatcar_update_server": "http://nebraska.example.com/v1/update/",
    "flatcar_update_group": "stable",
    "flatcar_sysexts": [SYSEXT],
    "flatcar_containers": [{"name": "hello", "image": "ghcr.io/flatcar/hello"}],
    "flatcar_units": [{"name": "a.service", "mask": True}],
    "flatcar_replaced_units": ["docker.service"],
}


@pytest.mark.parametrize("variable", sorted(EVERYTHING))
def test_each_variable_alone_is_accepted(variable):
    if variable.startswith("flatcar_update_window"):
        window = ("flatcar_update_window", "flatcar_update_window_length")
        assert butane(**{name: EVERYTHING[name] for name in window})
    elif variable in ("flatcar_boot_mode", "flatcar_hostname_pattern"):
        assert butane(flatcar_install_disk=DEVICE, flatcar_slot=1, **{variable: EVERYTHING[variable]})
    else:
        assert butane(**{variable: EVERYTHING[variable]})


def test_all_variables_together_are_accepted_and_none_is_forgotten_here():
    nics = {"flatcar_mac": ["52-54-00-AA-BB-01", "52-54-00-AA-BB-11"], "flatcar_more_addresses": ["10.1.0.21"]}
    assert {field.name for field in NODE} == EVERYTHING.keys() | RIGHT.keys() | nics.keys()
    assert butane(**EVERYTHING, **nics)


def test_who_may_switch_the_machine_on_is_no_part_of_its_config():
    assert "hunter2" not in str(butane(**EVERYTHING))
    assert butane(flatcar_bmc=EVERYTHING["flatcar_bmc"]) == butane()


def test_an_installed_machine_has_its_kernel_arguments_from_ignition_and_one_in_ram_has_none():
    made = butane(flatcar_console=["tty0", "ttyS0,115200n8"], flatcar_kernel_arguments=["quiet"])
    assert made["kernel_arguments"] == {"should_exist": ["console=tty0", "console=ttyS0,115200n8", "quiet"]}
    assert "kernel_arguments" not in butane(flatcar_boot_mode="ram", flatcar_console="tty0")


def test_password_hashes_join_the_users():
    made = butane(
        flatcar_authorized_keys=[KEY],
        flatcar_users=[{"name": "ops", "groups": ["sudo"]}],
        flatcar_password_hashes={"ops": HASH, "core": "*"},
    )
    assert made["passwd"]["users"] == [
        {"name": "core", "ssh_authorized_keys": [KEY], "password_hash": "*"},
        {"name": "ops", "groups": ["sudo"], "password_hash": HASH},
    ]


def test_the_clock():
    made = butane(flatcar_time_zone="Europe/Berlin", flatcar_ntp=["10.1.0.1", "ntp.example.com"])
    assert made["storage"]["links"] == [
        {"path": "/etc/localtime", "target": "../usr/share/zoneinfo/Europe/Berlin", "overwrite": True}
    ]
    assert text(made, "/etc/systemd/timesyncd.conf.d/10-kindling.conf") == "[Time]\nNTP=10.1.0.1 ntp.example.com\n"


@pytest.mark.parametrize(
    ("variables", "conf"),
    [
        ({"flatcar_update_strategy": False}, "REBOOT_STRATEGY=off\n"),  # what YAML makes of off
        ({"flatcar_update_strategy": "disabled"}, "SERVER=disabled\nREBOOT_STRATEGY=off\n"),
        (
            {
                "flatcar_update_strategy": "reboot",
                "flatcar_update_window": "Thu 04:00",
                "flatcar_update_window_length": "1h",
            },
            'REBOOT_STRATEGY=reboot\nLOCKSMITHD_REBOOT_WINDOW_START="Thu 04:00"\nLOCKSMITHD_REBOOT_WINDOW_LENGTH=1h\n',
        ),
        (
            {"flatcar_update_server": "http://n:8000/v1/update/", "flatcar_update_group": "canary"},
            "GROUP=canary\nSERVER=http://n:8000/v1/update/\n",
        ),
        ({"flatcar_channel": "lts-2024"}, "GROUP=lts-2024\n"),
        ({"flatcar_channel": "lts-2024", "flatcar_version": "4081.3.1"}, "GROUP=lts-2024\n"),
        ({"flatcar_channel": "lts-2024", "flatcar_update_group": "lts"}, "GROUP=lts\n"),
    ],
)
def test_updates(variables, conf):
    assert text(butane(**variables), "/etc/flatcar/update.conf") == conf


@pytest.mark.parametrize(
    "variables", [{"flatcar_channel": "lts"}, {"flatcar_channel": "lts-2024", "flatcar_boot_mode": "ram"}, {}]
)
def test_other_channels_are_the_images_own(variables):
    assert "/etc/flatcar/update.conf" not in str(butane(**variables))


INSTALLED = {"flatcar_boot_mode": "install", "flatcar_install_disk": DEVICE, "flatcar_version": "4593.2.5"}


def test_an_installed_node_updates_itself_away_from_its_release_and_that_is_said():
    node, _ = read_node("n1", RIGHT | INSTALLED)
    (said,) = warnings(node)
    assert (said.subject, said.path, said.value) == ("n1", "flatcar_version", "4593.2.5")
    assert "the node then updates itself" in said.message
    assert "flatcar_update_strategy: disabled" in said.message


@pytest.mark.parametrize(
    "more",
    [
        {"flatcar_update_strategy": "disabled"},
        {"flatcar_version": "current"},
        {"flatcar_boot_mode": "ram"},
    ],
)
def test_nothing_is_said_of_a_release_that_stays(more):
    node, _ = read_node("n1", RIGHT | INSTALLED | more)
    assert warnings(node) == []


CONTAINER = {"name": "web", "image": "nginx:1.29"}


def start_of(**options):
    lines = unit(butane(flatcar_containers=[CONTAINER | options]), "web.service")["contents"].splitlines()
    (start,) = [line for line in lines if line.startswith("ExecStart=")]
    return start.removeprefix("ExecStart=/usr/bin/docker run --rm --name=web ")


def test_a_containers_environment_volumes_and_ports():
    assert start_of(
        environment={"LEVEL": "debug", "PORT": 8080, "EMPTY": "", "GREETING": "it's 100% $HOME"},
        volumes=["/var/lib/data:/data:ro", "cache:/cache"],
        ports=["8080:80", "127.0.0.1:53:53/udp", "[::1]:9000-9001:90-91"],
        arguments=["--network=host"],
        command=["serve"],
    ) == (
        '--env=LEVEL=debug --env=PORT=8080 --env=EMPTY= "--env=GREETING=it\'s 100%% $$HOME" '
        "--volume=/var/lib/data:/data:ro --volume=cache:/cache "
        "--publish=8080:80 --publish=127.0.0.1:53:53/udp --publish=[::1]:9000-9001:90-91 --network=host nginx:1.29 serve"
    )


@pytest.mark.parametrize(
    ("options", "path", "message"),
    [
        (
            {"environment": {"A": True}},
            ".environment.A",
            "expected a string of one line, in quotes; longer text goes",
        ),
        ({"environment": {"A": "x\ny"}}, ".environment.A", "goes into a file by flatcar_butane"),
        ({"environment": {"A B": "x"}}, ".environment.A B", "expected the name of an environment variable"),
        ({"environment": ["A=x"]}, ".environment", "expected a mapping"),
        ({"volumes": ["data"]}, ".volumes[0]", "expected a volume in docker's form, in quotes"),
        ({"volumes": ["./data:/data"]}, ".volumes[0]", "expected a volume"),
        ({"volumes": ["/a:/b:ro\nUser=x"]}, ".volumes[0]", "expected a volume"),
        ({"ports": [1342]}, ".ports[0]", "in quotes, such as 8080:80"),  # what YAML makes of 22:22
        ({"ports": ["80"]}, ".ports[0]", "expected a port of the machine and one of the container"),
        ({"ports": ["0:80"]}, ".ports[0]", "expected ports from 1 to 65535"),
        ({"ports": ["80-82:80-81"]}, ".ports[0]", "equally many of the machine and of the container"),
        ({"user": "x"}, ".user", "Other options of docker go into arguments"),
    ],
)
def test_wrong_words_for_containers_are_refused(options, path, message):
    _, (problem,) = read_node("n1", RIGHT | {"flatcar_containers": [CONTAINER | options]})
    assert problem.path == f"flatcar_containers[0]{path}"
    assert message in problem.message
    assert ", got " not in problem.message or "environment" not in path


@pytest.mark.parametrize(
    ("first", "second", "collides"),
    [
        ("80:80", "80:8080", True),
        ("127.0.0.1:80:80", "80:8080", True),
        ("8000-8010:8000-8010", "8005:80", True),
        ("127.0.0.1:80:80", "127.0.0.2:80:80", False),
        ("53:53/udp", "53:53", False),
        ("80:80", "81:80", False),
    ],
)
def test_a_port_of_the_machine_is_one_containers(first, second, collides):
    two = [CONTAINER | {"ports": [first]}, CONTAINER | {"name": "api", "ports": [second]}]
    _, problems = read_node("n1", RIGHT | {"flatcar_containers": two})
    said = f"{second} uses a port of the machine that web already has"
    assert [(problem.path, problem.message) for problem in problems] == (
        [("flatcar_containers[1].ports[0]", said)] if collides else []
    )


def test_system_extensions_are_pinned():
    storage = butane(flatcar_sysexts=[SYSEXT])["storage"]
    assert storage["files"][1:] == [
        {
            "path": "/opt/extensions/docker/docker-29.6.2-x86-64.raw",
            "mode": 0o644,
            "contents": {"source": SYSEXT["url"], "verification": {"hash": f"sha256-{SHA}"}},
        }
    ]
    assert storage["links"] == [
        {"path": "/etc/extensions/docker.raw", "target": "/opt/extensions/docker/docker-29.6.2-x86-64.raw"}
    ]


def test_a_container_is_a_unit_and_systemd_expands_nothing_in_it():
    made = butane(
        flatcar_containers=[
            {
                "name": "web",
                "image": "docker.io/library/nginx:1.29",
                "arguments": ["--publish=80:80", "--env=GREETING=it's 100% $HOME"],
                "command": ["nginx", "-g", 'daemon off; error_log "a\\b";'],
            }
        ]
    )
    lines = unit(made, "web.service")["contents"].splitlines()
    (start,) = [line for line in lines if line.startswith("ExecStart=")]
    assert start == (
        'ExecStart=/usr/bin/docker run --rm --name=web --publish=80:80 "--env=GREETING=it\'s 100%% $$HOME" '
        'docker.io/library/nginx:1.29 nginx -g "daemon off; error_log \\"a\\\\b\\";"'
    )


def test_disks_are_never_wiped_unless_they_say_so():
    made = butane(
        flatcar_disks=[
            {
                "device": DEVICE,
                "partitions": [{"number": 1, "label": "swap", "size_mib": 4096}, {"number": 2, "label": "data"}],
            }
        ],
        flatcar_filesystems=[
            {"device": "/dev/disk/by-partlabel/data", "format": "xfs", "path": "/srv", "options": ["noatime"]},
            {"device": "/dev/md/fast", "format": "ext4", "wipe": True},
        ],
        flatcar_raid=[{"name": "fast", "level": "raid0", "devices": [f"{DEVICE}a", f"{DEVICE}b"]}],
        flatcar_luks=[{"name": "safe", "device": f"{DEVICE}c", "key": "k"}],
        flatcar_swap="/dev/disk/by-partlabel/swap",
    )
    storage = made["storage"]
    assert storage["disks"][0]["wipe_table"] is False
    assert storage["luks"][0]["wipe_volume"] is False
    assert [entry["wipe_filesystem"] for entry in storage["filesystems"]] == [False, True, False]
    assert storage["filesystems"][0]["with_mount_unit"] is True
    assert "with_mount_unit" not in storage["filesystems"][1]
    assert storage["filesystems"][2]["format"] == "swap"


@pytest.mark.parametrize(
    ("variables", "path", "message"),
    [
        ({"flatcar_disks": [{"device": "/dev/sda"}]}, "flatcar_disks[0].device", "expected a stable device name"),
        (
            {"flatcar_disks": [{"device": DEVICE, "partitions": [{"label": "x"}]}]},
            "flatcar_disks[0].partitions[0].number",
            "missing: its number in the partition table",
        ),
        (
            {"flatcar_disks": [{"device": DEVICE, "partitions": [{"number": 0, "label": "x"}]}]},
            "flatcar_disks[0].partitions[0].number",
            "expected a whole number from 1",
        ),
        (
            {"flatcar_disks": [{"device": DEVICE, "partitions": [{"number": 1, "label": n} for n in "xy"]}]},
            "flatcar_disks[0]",
            "expected every partition to have a number of its own",
        ),
        (
            {"flatcar_raid": [{"name": "x", "level": "raid7", "devices": DEVICE}]},
            "flatcar_raid[0].level",
            "expected raid0",
        ),
        (
            {"flatcar_filesystems": [{"device": DEVICE, "format": "ext4", "path": "srv"}]},
            "flatcar_filesystems[0].path",
            "expected an absolute path",
        ),
    ],
)
def test_wrong_disks_are_refused(variables, path, message):
    node, problems = read_node("n1", RIGHT | variables)
    assert node is None
    assert [problem.path for problem in problems] == [path]
    assert message in problems[0].message


def refused(**variables):
    node, problems = read_node("n1", RIGHT | variables)
    assert problems == []
    return list(check_butane(node, to_butane(node)))


def test_a_partition_in_a_fragment_has_a_number():
    for partition in ({"label": "x"}, {"label": "x", "number": 0}):
        fragment = {"storage": {"disks": [{"device": DEVICE, "partitions": [{"number": 1}, partition]}]}}
        ((path, message),) = refused(flatcar_butane=fragment)
        assert path == "storage.disks.0.partitions.1.number"
        assert "give it one" in message


def test_a_machine_in_ram_has_no_root_file_system_of_its_own():
    fragment = {"storage": {"filesystems": [{"device": DEVICE, "format": "ext4", "path": "/"}]}}
    ((path, message),) = refused(flatcar_boot_mode="ram", flatcar_butane=fragment)
    assert path == "storage.filesystems.0.path"
    assert "mount elsewhere" in message
    assert refused(flatcar_butane=fragment) == []


def test_a_machine_in_ram_has_no_kernel_arguments_from_ignition():
    fragment = {"kernel_arguments": {"should_exist": ["quiet"]}}
    ((path, message),) = refused(flatcar_boot_mode="ram", flatcar_butane=fragment)
    assert path == "kernel_arguments"
    assert "use flatcar_kernel_arguments" in message


@pytest.mark.parametrize("storage", [None, "x", [], {"disks": "x"}, {"disks": [1, {"partitions": {}}]}])
def test_what_is_no_storage_at_all_is_left_to_the_transpiler(storage):
    assert refused(flatcar_butane={"storage": storage}, flatcar_boot_mode="ram") == []


def test_a_release_has_to_know_the_spec():
    ((path, message),) = refused(flatcar_butane={"version": "1.2.0-experimental"}, flatcar_version="4593.2.5")
    assert path == "version"
    assert "but Ignition 2.24.0 of release 4593.2.5 reads up to 3.5" in message
    assert refused(flatcar_butane={"version": "1.2.0-experimental"}, flatcar_version="4820.0.0") == []


def hostname_from(**contents):
    return {"storage": {"files": [{"path": "/etc/hostname", "contents": contents}]}}


def test_contents_in_the_way_are_told_with_the_layer_that_gave_them():
    mine = hostname_from(source="data:,mine")
    node, _ = read_node("n1", RIGHT | {"flatcar_hostname": "n1", "flatcar_butane": mine})
    _, (problem,) = merge_layers(node)
    assert problem.path == "flatcar_butane: storage.files[/etc/hostname].contents.source"
    assert problem.message == (
        "inline is inherited, and cannot be combined with it: remove it with `inline: ~`. It is inherited from flatcar_hostname"
    )
    assert (problem.value, problem.other) == ("data:,mine", "n1")
    made = butane(flatcar_butane=hostname_from(source="data:,mine", inline=None))
    assert made["storage"]["files"][0]["contents"] == {"inline": None, "source": "data:,mine"}


def test_a_hash_of_other_contents_is_told_with_the_fragment_that_gave_it():
    digest = f"sha256-{SHA}"
    site = hostname_from(inline=None, source="http://a.test/x", verification={"hash": digest})
    role = hostname_from(source="http://b.test/y")
    node, _ = read_node("n1", RIGHT | {"flatcar_butane_10_site": site, "flatcar_butane_30_role": role})
    _, (problem,) = merge_layers(node)
    assert problem.path == "flatcar_butane_30_role: storage.files[/etc/hostname].contents.source"
    assert "remove it with `verification: {hash: ~}`. It is inherited from flatcar_butane_10_site" in problem.message
    assert (problem.value, problem.other) == ("http://b.test/y", digest)


@pytest.mark.parametrize(
    ("disk", "message"),
    [
        ("pci-0000:00:17.0-ata-1", None),
        ("pci-0000:41:00.0-nvme-1", None),
        ("pci-0000:03:00.0-sas-phy2-lun-0", None),
        ("pci-0000:00:17.0-ata-1-part1", "expected a whole disk"),
        ("ip-10.0.0.5:3260-iscsi-iqn.2001-04.com.example:disk1-lun-0", "this path leads to a storage server"),
        ("pci-0000:05:00.0-fc-0x50060e8012345678-lun-0", "this path leads to a storage server"),
    ],
)
def test_a_disk_may_be_named_by_its_slot_and_not_by_the_way_to_a_storage_server(disk, message):
    given = {"flatcar_boot_mode": "install", "flatcar_install_disk": f"/dev/disk/by-path/{disk}"}
    _, problems = read_node("n1", RIGHT | given)
    assert [problem.path for problem in problems] == (["flatcar_install_disk"] if message else [])
    assert message is None or message in problems[0].message


def test_data_may_be_on_a_disk_by_its_slot():
    slot = "/dev/disk/by-path/pci-0000:41:00.0-nvme-1"
    made = butane(flatcar_filesystems=[{"device": slot, "format": "xfs", "path": "/var/lib/data"}])
    assert made["storage"]["filesystems"][0]["device"] == slot


@pytest.mark.parametrize(
    ("variables", "path", "way"),
    [
        (
            {"flatcar_" + "q" * 30: 1},
            "flatcar_" + "q" * 30,
            "What has no variable goes into flatcar_butane, which is Butane itself",
        ),
        ({"flatcar_disks": [{"device": DEVICE, "zz": 1}]}, "flatcar_disks[0].zz", "as Butane's storage.disks;"),
        (
            {"flatcar_disks": [{"device": DEVICE, "partitions": [{"number": 1, "label": "a", "guid": "x"}]}]},
            "flatcar_disks[0].partitions[0].guid",
            "as Butane's storage.disks.partitions;",
        ),
        (
            {"flatcar_raid": [{"name": "a", "level": "raid1", "devices": [DEVICE, f"{DEVICE}2"], "zz": 1}]},
            "flatcar_raid[0].zz",
            "as Butane's storage.raid;",
        ),
        (
            {"flatcar_luks": [{"name": "a", "device": DEVICE, "key": "k", "tpm2": 1}]},
            "flatcar_luks[0].tpm2",
            "storage.luks;",
        ),
        (
            {"flatcar_filesystems": [{"device": DEVICE, "format": "xfs", "uuid": "x"}]},
            "flatcar_filesystems[0].uuid",
            "as Butane's storage.filesystems;",
        ),
        (
            {"flatcar_filesystems": [{"device": DEVICE, "format": "swap"}]},
            "flatcar_filesystems[0].format",
            "flatcar_swap",
        ),
    ],
)
def test_where_a_table_has_no_word_the_message_says_how_a_fragment_does_it(variables, path, way):
    _, problems = read_node("n1", RIGHT | variables)
    assert [(problem.path, way in problem.message) for problem in problems] == [(path, True)]
