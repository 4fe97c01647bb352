"""What the roles have changed on a bare Debian is what is said of them, and no more."""

import json
from fnmatch import fnmatchcase
from pathlib import Path, PurePath

import pytest
import yaml

DECLARED = yaml.safe_load((Path(__file__).parents[3] / "docs" / "changes.yml").read_text())
UNITS = "/etc/systemd/system/"

#: What Debian writes itself when packages, users and units come, in no package's list of files.
DEBIANS = [
    *(
        "/etc/passwd*",
        "/etc/group*",
        "/etc/shadow*",
        "/etc/gshadow*",
        "/etc/subuid*",
        "/etc/subgid*",
        "/etc/ld.so.cache",
    ),
    *("/etc/nginx/*", "/etc/rc?.d/K??nginx", "/etc/rc?.d/S??nginx", "/var/www*"),
    *(f"{UNITS}*.target.wants", "/etc/systemd/user/sockets.target.wants/*"),
]
#: What changes while nobody changes anything, or with whoever logs in.
NOISE = [
    *("/root/.ansible*", "/home/operator/.ansible*"),
    # Debian's own timers, at midnight
    *("/var/backups/*", "/var/cache/man/*", "/var/lib/logrotate/*", "/var/lib/systemd/timers/*"),
]
#: Of the settings of the boot host's own network, what counts and what chance says. A lab's boot host has no others of its own.
UNSTEADY = ["*.nf_conntrack_count", "*.stable_secret", "*.tcp_fastopen_key"]


def declared(kind):
    return {value for row in DECLARED for value in row.get(kind, ())}


@pytest.fixture(scope="session")
def states(rack, state):
    """What was on the boot host before the roles were there, and after they have run twice."""
    return tuple(json.loads((state / rack.name / f"{when}.json").read_text()) for when in ("before", "after"))


@pytest.fixture(scope="session")
def added(states):
    before, after = states
    return lambda kind: set(after[kind]) - set(before[kind])


def test_packages_are_those_and_what_they_depend_on(states, added):
    _, after = states
    assert declared("packages") <= set(after["packages"])
    assert added("wanted") <= declared("packages")
    # Whatever else came was not asked for by name
    assert not (added("packages") - declared("packages")) & set(after["wanted"])


def test_users_are_those(added):
    assert added("users") == declared("users") | declared("package_users")
    assert declared("users") <= added("groups") <= declared("users") | declared("package_users")


def test_units_are_those_and_what_starts_with_the_host(states, added):
    before, after = states
    of_packages = {
        PurePath(path).name for name in added("packages") for path in after["owned"][name] if "/systemd/" in path
    }
    assert added("units") - of_packages == declared("units")
    enabled = {unit for unit in added("units") if after["units"][unit] == "enabled"}
    assert enabled == declared("enabled") | (declared("package_enabled") & after["units"].keys())
    assert {after["units"][unit] for unit in declared("disabled")} == {"disabled"}
    differing = {unit for unit in before["units"] if before["units"][unit] != after["units"].get(unit)}
    assert differing == set()


def test_files_are_those(states, added):
    before, after = states
    of_packages = {path for name in added("packages") for path in after["owned"][name]}
    of_packages |= {path.replace("/lib/", "/usr/lib/", 1) for path in of_packages if path.startswith("/lib/")}
    known = {PurePath(path) for path in declared("paths") | {UNITS + unit for unit in declared("units")}}
    links = {f"{UNITS}*.wants/{unit}" for unit in declared("enabled") | declared("package_enabled")}

    def is_known(path):
        pure = PurePath(path)
        return any(pure.is_relative_to(top) or top.is_relative_to(pure) for top in known) or any(
            fnmatchcase(path, pattern) for pattern in (*links, *DEBIANS, *NOISE)
        )

    changed = {path for path, told in after["files"].items() if before["files"].get(path) != told}
    gone = before["files"].keys() - after["files"].keys()
    assert sorted(path for path in (changed | gone) - of_packages if not is_known(path)) == []
    # There once somebody arms a machine, and once the timer has run
    later = {"/run/kindling-armed", "/var/lib/kindling/records"}
    assert {str(top) for top in known} - after["files"].keys() <= later


def test_the_packet_filter_and_the_kernel_have_nothing_else(states, added):
    before, after = states
    assert added("tables") == declared("tables")
    differing = {
        name
        for name, value in after["settings"].items()
        if name.startswith("net.")
        and before["settings"].get(name, value) != value
        and not any(fnmatchcase(name, part) for part in UNSTEADY)
    }
    # This boot host is no standby
    assert differing == set()
