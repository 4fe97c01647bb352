"""What Flatcar cannot do is refused: a test for each row of the tables, in the node's own config and in one within it."""

from __future__ import annotations

import json

import pytest
from ansible_collections.kindling.flatcar.plugins.plugin_utils._flatcar import facts
from ansible_collections.kindling.flatcar.plugins.plugin_utils._flatcar.reboot_window import why_no_window
from hypothesis import given
from hypothesis import strategies as st

TEXT = {"contents": {"inline": "x"}}
UNIT = "[Unit]\nDescription=x\n\n[Service]\nExecStart=/opt/bin/x\n"
LINK = {"target": "/opt/x"}


def storage(**lists):
    return {"storage": lists}


def within(ignition, version="3.3.0"):
    """A fragment with a whole Ignition config in it."""
    inner = {"ignition": {"version": version}, **ignition}
    return {"ignition": {"config": {"merge": [{"source": f"data:;base64,{_base64(inner)}"}]}}}


def _base64(config):
    import base64

    return base64.b64encode(json.dumps(config).encode()).decode()


def only(found):
    ((path, message),) = found
    return path, message


def test_every_row_says_where_it_is_known_from():
    rows = [*facts.UNWRITABLE, *facts.IN_IMAGE, *facts.UNITS, *facts.ESSENTIAL.values()]
    assert all(row.source for row in rows)
    assert len({row.path for row in facts.IN_IMAGE}) == len(facts.IN_IMAGE)
    names = [name for row in facts.UNITS for name in row.names]
    assert len(set(names)) == len(names)
    assert facts.ESSENTIAL.keys() <= set(names)


# Places -----------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("row", facts.UNWRITABLE, ids=lambda row: row.path)
@pytest.mark.parametrize("mode", ["ram", "disk"])
@pytest.mark.parametrize(
    ("kind", "more"), [("files", TEXT), ("directories", {}), ("links", LINK)], ids=["file", "directory", "link"]
)
def test_nothing_is_written_where_nothing_can_be(wrong, row, mode, kind, more):
    path = f"{row.path}/local/x"
    found = wrong(storage(**{kind: [{"path": path, **more}]}), boot_mode=mode)
    if mode == "ram" and not row.in_ram:
        assert found == []
        return
    place, message = only(found)
    assert place.startswith("flatcar_butane: $.storage.")
    assert f"{path} cannot be written: on Flatcar, {row.path} {row.why}: " in message
    assert row.instead in message


@pytest.mark.parametrize(("link", "target"), facts.FOLDER_LINKS.items())
def test_the_images_links_lead_there_too(wrong, link, target):
    unwritable = any(f"{target}/".startswith(f"{row.path}/") for row in facts.UNWRITABLE)
    found = wrong(storage(files=[{"path": f"{link}/x", **TEXT}]))
    assert bool(found) == unwritable
    if unwritable:
        assert f"{link}/x cannot be written" in only(found)[1]


def test_what_the_config_mounts_it_may_write(wrong):
    oem = {"device": "/dev/disk/by-label/OEM", "format": "btrfs", "path": "/usr/share/oem"}
    files = [{"path": "/usr/share/oem/grub.cfg", **TEXT}]
    assert wrong(storage(filesystems=[oem], files=files)) == []
    own = {"device": "/dev/disk/by-partlabel/data", "format": "ext4", "path": "/usr/local"}
    assert wrong(storage(filesystems=[own], files=[{"path": "/usr/local/bin/x", **TEXT}])) == []
    assert (
        "/usr/localx cannot be written"
        in only(wrong(storage(filesystems=[own], files=[{"path": "/usr/localx", **TEXT}])))[1]
    )
    root = {"device": "/dev/md/x", "format": "ext4", "path": "/", "label": "ROOT"}
    assert len(wrong(storage(filesystems=[root], files=[{"path": "/usr/x", **TEXT}]))) == 1


@pytest.mark.parametrize(
    "path", ["/opt/bin/x", "/etc/usr/x", "/usrx", "/var/lib/x", "/oem/x", "/home/core/x", "/runs", "/srv/tmp/x"]
)
def test_all_other_places_are_free(wrong, path):
    assert wrong(storage(files=[{"path": path, **TEXT}])) == []


# Files ------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("row", facts.IN_IMAGE, ids=lambda row: row.path)
def test_what_the_image_has_is_replaced_on_purpose_only(wrong, row):
    entry = {"path": row.path, **TEXT}
    place, message = only(wrong(storage(files=[entry])))
    assert place.endswith("path")
    assert f"Flatcar's image already has {row.path} (" in message
    assert "overwrite: true" in message
    assert row.instead in message
    assert wrong(storage(files=[{**entry, "overwrite": True}])) == []
    assert len(wrong(storage(links=[{"path": row.path, **LINK}]))) == 1
    assert wrong(storage(links=[{"path": row.path, **LINK, "overwrite": True}])) == []
    assert len(wrong(storage(directories=[{"path": row.path}]))) == 1
    # What Ignition takes as it is
    added = wrong(storage(files=[{"path": row.path, "mode": 0o600, "append": [{"inline": "x"}]}]))
    assert bool(added) == bool(row.target)
    if row.target.startswith("."):
        assert wrong(storage(links=[{"path": row.path, "target": row.target}])) == []


def test_a_file_is_the_same_by_its_other_path(wrong):
    own = {**TEXT, "overwrite": True}
    one, two = {"path": "/etc/coreos/update.conf", **own}, {"path": "/etc/flatcar/update.conf", **own}
    assert (
        "/etc/flatcar/update.conf is the same file as /etc/coreos/update.conf"
        in only(wrong(storage(files=[one, two])))[1]
    )
    assert "image already has /etc/coreos/update.conf (" in only(wrong(storage(files=[{**one, "overwrite": False}])))[1]


# Configs in a config ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ignition", "message"),
    [
        ({"storage": {"files": [{"path": "/usr/x"}]}}, "/usr/x cannot be written"),
        ({"Storage": {"FILES": [{"Path": "/usr/x"}]}}, "/usr/x cannot be written"),
        (
            {"storage": {"files": [{"path": "/etc/hosts", "contents": {"source": "data:,x"}}]}},
            "image already has /etc/hosts (",
        ),
        (
            {"systemd": {"units": [{"name": "docker.service", "contents": UNIT}]}},
            "docker.service is a unit of Flatcar's image",
        ),
        ({"systemd": {"units": [{"name": "systemd-networkd.service", "mask": True}]}}, "has no network without it"),
        ({"systemd": {"units": [{"name": "a.service", "contents": "[Servise]\nA=b\n"}]}}, "did you mean [Service]?"),
        ({"passwd": {"users": [{"name": "ops", "passwordHash": "secret"}]}}, "not the password itself"),
        ({"passwd": {"users": [{"name": "ops", "sshAuthorizedKeys": ["~/.ssh/id.pub"]}]}}, "not the name of its file"),
        (
            {"storage": {"files": [{"path": "/etc/a", "contents": {"source": "data:,x", "compression": "gzip"}}]}},
            "the contents are not gzip, as compression says",
        ),
        (
            {"storage": {"filesystems": [{"device": "/dev/vdb", "format": "ext4", "label": "OEM"}]}},
            "choose another label",
        ),
    ],
)
def test_a_config_in_the_config_is_read_alike(wrong, ignition, message):
    place, said = only(wrong(within(ignition), boot_mode="disk"))
    assert place == "flatcar_butane: $.ignition.config.merge.0"
    assert message in said
    assert "(in the config there: " in said


def test_two_configs_do_not_write_one_file(wrong):
    files = [{"path": "/etc/a", "contents": {"source": "data:,one"}}]
    inner = within({"storage": {"files": files}})
    assert wrong(inner | storage(files=[{"path": "/etc/a", "contents": {"inline": "one"}}])) == []
    found = wrong(inner | storage(files=[{"path": "/etc/a", **TEXT}]))
    assert "/etc/a is in the node's own config too, with other contents" in only(found)[1]
    named = within(
        {"storage": {"files": [{"path": "/etc/hostname", "overwrite": True, "contents": {"source": "data:,x"}}]}}
    )
    assert "/etc/hostname is in the node's own config too" in only(wrong(named))[1]


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("data:,not%20json", "not an Ignition config: expected JSON"),
        ("data:;base64,//8=", "expected JSON"),
        ("data:,%5B1%5D", "not an Ignition config: json: cannot unmarshal"),
        ("data:,%7B%7D", "expected ignition.version to be 3.0.0 or newer"),
        ('data:,{"ignition":{"version":"2.3.0"}}', "such as 3.3.0, got '2.3.0'"),
        ('data:,{"ignition":{"version":"3.9.0"}}', "reads up to 3.5"),
        ('data:,{"ignition":{"version":"3.3.0"},"storage":{"files":[{"path":"a"}]}}', "path not absolute"),
        ('data:,{"ignition":{"version":"3.3.0"},"storage":{"files":{}}}', "cannot unmarshal"),
    ],
)
@pytest.mark.parametrize("mode", ["ram", "disk"])
def test_what_is_no_config_is_refused_in_each_mode(wrong, source, message, mode):
    source = source.replace('"', "%22").replace("{", "%7B").replace("}", "%7D").replace("[", "%5B").replace("]", "%5D")
    place, said = only(wrong({"ignition": {"config": {"replace": {"source": source}}}}, boot_mode=mode))
    assert place == "flatcar_butane: $.ignition.config.replace"
    assert message in said


# Units ------------------------------------------------------------------------------------------------------------------------

NAMES = [name for row in facts.UNITS for name in row.names]


@pytest.mark.parametrize("name", NAMES)
def test_a_unit_of_the_image_is_replaced_on_purpose_only(wrong, name):
    text = {"service": UNIT, "socket": "[Socket]\nListenStream=1\n", "timer": "[Timer]\nOnBootSec=1\n"}
    text |= {"path": "[Path]\nPathExists=/x\n", "target": "[Unit]\nDescription=x\n"}
    unit = {"name": name, "contents": text[name.rpartition(".")[2]]}
    place, message = only(wrong({"systemd": {"units": [unit]}}))
    assert place == "flatcar_butane: $.systemd.units.0.contents"
    assert f"{name} is a unit of Flatcar's image" in message
    assert f"flatcar_replaced_units: [{name}]" in message
    assert wrong({"systemd": {"units": [unit]}}, replaced_units=[name]) == []
    assert (
        wrong({"systemd": {"units": [{"name": name, "dropins": [{"name": "a.conf", "contents": "[Unit]\nA=b\n"}]}]}})
        == []
    )


def test_a_unit_is_one_by_its_file_too(wrong):
    files = [{"path": "/etc/systemd/system/docker.service", "contents": {"inline": UNIT}}]
    assert "docker.service is a unit of Flatcar's image" in only(wrong(storage(files=files)))[1]
    links = [{"path": "/etc/systemd/system/systemd-udevd.service", "target": "/dev/null"}]
    assert "systemd-udevd.service is masked" in only(wrong(storage(links=links)))[1]
    dropin = [{"path": "/etc/systemd/system/docker.service.d/a.conf", "contents": {"inline": "[Service]\nA=b\n"}}]
    assert wrong(storage(files=dropin)) == []


@pytest.mark.parametrize(("name", "row"), facts.ESSENTIAL.items())
def test_an_essential_unit_is_not_masked(wrong, name, row):
    masked = {"name": name, "mask": True}
    place, message = only(wrong({"systemd": {"units": [masked]}}))
    assert place.startswith("flatcar_butane: $.systemd.units.0")
    assert f"{name} is masked, and {row.why}" in message
    assert wrong({"systemd": {"units": [masked]}}, replaced_units=[name]) == []
    if row.unless:
        assert wrong({"systemd": {"units": [masked, {"name": row.unless, "enabled": True}]}}) == []


def test_what_is_no_use_to_a_rack_may_be_masked(wrong):
    units = [
        {"name": name, "mask": True} for name in ("docker.service", "locksmithd.service", "systemd-timesyncd.service")
    ]
    assert wrong({"systemd": {"units": units}}) == []


# Names, lines, windows ----------------------------------------------------------------------------------------------------------


def test_a_name_is_as_long_as_linux_takes_it(wrong):
    domain = "rack-a.example.com"
    longest = "n" * (64 - len(domain) - 1)
    assert wrong(hostname=longest, domain=domain) == []
    place, message = only(wrong(hostname=f"{longest}n", domain=domain))
    assert place.startswith("flatcar_hostname: ")
    assert "at most 64 characters" in message
    assert "has 65" in message
    own = storage(files=[{"path": "/etc/hostname", "overwrite": True, "contents": {"inline": "n" * 65}}])
    assert "has 65" in only(wrong(own))[1]


def words(count):
    return [f"driver.option_{number:03}=value" for number in range(count)]


@pytest.mark.parametrize("mode", ["ram", "disk", "install"])
def test_a_kernels_line_is_counted_with_all_that_is_added(wrong, mode):
    disk = {"install_disk": "/dev/disk/by-id/wwn-0x5000c500a1b2c3d4"} if mode == "install" else {}
    assert wrong(boot_mode=mode, kernel_arguments=words(60), **disk) == []
    place, message = only(wrong(boot_mode=mode, kernel_arguments=words(84), **disk))
    assert place == "flatcar_kernel_arguments"
    assert "the kernel takes 2,047" in message


def test_a_kernels_line_out_of_fragments_is_counted(wrong):
    place, message = only(wrong({"kernel_arguments": {"should_exist": words(84)}}))
    assert place == "flatcar_butane: $.kernel_arguments.should_exist"
    assert "2,047" in message


@pytest.mark.parametrize(
    ("start", "length", "right"),
    [
        ("04:00", "1h", True),
        ("04:00", "23h59m", True),
        ("04:00", "24h", False),
        ("04:00", "1440m", False),
        ("Thu 04:00", "24h", True),
        ("Thu 04:00", "167h59m59s", True),
        ("Thu 04:00", "168h", False),
        ("Xyz 04:00", "1h", False),
        ("25:00", "1h", False),
        ("04:00", "1d", False),
        ("04:00", "-1h", False),
        ("04:00", "", False),
        ("", "1h", False),
        ("thu 4:5", "1.5h", True),
    ],
)
def test_a_window_is_one_that_locksmithd_survives(wrong, start, length, right):
    text = (
        f'REBOOT_STRATEGY=reboot\nLOCKSMITHD_REBOOT_WINDOW_START="{start}"\nLOCKSMITHD_REBOOT_WINDOW_LENGTH={length}\n'
    )
    files = [{"path": "/etc/flatcar/update.conf", "overwrite": True, "contents": {"inline": text}}]
    found = wrong(storage(files=files))
    assert (found == []) == right
    assert right or "locksmithd" in only(found)[1]


@pytest.mark.parametrize("strategy", [*facts.STRATEGIES, "best-effort", "Reboot"])
def test_a_strategy_is_one_that_locksmithd_knows(wrong, strategy):
    text = f'GROUP=stable\nREBOOT_STRATEGY="{strategy}"\n'
    found = wrong(
        storage(files=[{"path": "/etc/flatcar/update.conf", "overwrite": True, "contents": {"inline": text}}])
    )
    assert (found == []) == (strategy in facts.STRATEGIES)
    assert not found or "expected reboot, etcd-lock, off" in only(found)[1]


def test_a_window_of_variables_is_checked_where_it_stands():
    from ansible_collections.kindling.flatcar.plugins.plugin_utils._node import read_node

    own = {"flatcar_rack": "a", "flatcar_mac": "52:54:00:aa:bb:01", "flatcar_address": "10.1.0.11"}
    window = {"flatcar_update_window": "04:00", "flatcar_update_window_length": "24h"}
    _, (problem,) = read_node("n1", own | window)
    assert problem.path == "flatcar_update_window_length"
    assert "shorter than 24h" in problem.message


@given(st.integers(1, 400), st.booleans())
def test_a_window_is_shorter_than_its_period(hours, weekly):
    why = why_no_window("Thu 04:00" if weekly else "04:00", f"{hours}h")
    assert (why is None) == (hours < (168 if weekly else 24))


# Labels -----------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("label", facts.LABELS)
def test_flatcars_own_labels_are_flatcars(wrong, label):
    disk = {"device": "/dev/disk/by-id/wwn-0x2", "partitions": [{"number": 5, "label": label}]}
    place, message = only(wrong(storage(disks=[disk])))
    assert place == "flatcar_butane: $.storage.disks.0.partitions.0.label"
    assert f"Flatcar finds its own {label} by this label" in message
    filesystem = {"device": "/dev/disk/by-partlabel/data", "format": "ext4", "label": label}
    assert bool(wrong(storage(filesystems=[filesystem]))) == (label != "ROOT")


def test_a_root_file_system_may_be_elsewhere(wrong):
    """As Flatcar's documentation has it for RAID, for encryption, and for machines in RAM that keep their root."""
    filesystem = {"device": "/dev/md/root", "format": "ext4", "label": "ROOT"}
    raid = {
        "name": "root",
        "level": "raid1",
        "devices": ["/dev/disk/by-partlabel/root1", "/dev/disk/by-partlabel/root2"],
    }
    assert wrong(storage(raid=[raid], filesystems=[filesystem])) == []
    device = "/dev/disk/by-id/wwn-0x5000c500a1b2c3d4"
    kept = {"device": device, "partitions": [{"number": 1, "label": "ROOT"}]}
    assert wrong(storage(disks=[kept]), boot_mode="ram", ram_disks=[device]) == []


def test_the_images_mounts_may_be_said_anew(wrong):
    oem = {"device": "/dev/disk/by-label/OEM", "format": "btrfs", "path": "/oem", "with_mount_unit": True}
    data = {"device": "/dev/disk/by-partlabel/data", "format": "ext4", "path": "/media", "with_mount_unit": True}
    assert wrong(storage(filesystems=[oem, data])) == []


# Where it stands --------------------------------------------------------------------------------------------------------------


def test_what_a_tree_brings_is_told_of_the_tree(wrong, tmp_path):
    (tmp_path / "bin" / "local").mkdir(parents=True)
    (tmp_path / "bin" / "local" / "tool").write_text("#!/bin/sh\n")
    trees = [{"local": "bin", "path": "/usr"}]
    place, message = only(wrong(storage(trees=trees), files_dir=str(tmp_path)))
    assert place == "flatcar_butane: $.storage.trees.0"
    assert "/usr/local/tool cannot be written" in message
