"""How much memory is free is what the machine and each control group leave."""

from __future__ import annotations

import pytest
from ansible_collections.kindling.flatcar.plugins.plugin_utils._inventory.free_memory import free_memory, own_memory

MB = 1024 * 1024
MEMINFO = "MemTotal:       8388608 kB\nMemFree:         1024 kB\nMemAvailable:    4194304 kB\n"


@pytest.fixture
def system(tmp_path):
    """Writes files of a system, and returns what is free of it, in MB."""

    def write(files):
        for name, text in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        free = free_memory(tmp_path / "proc", tmp_path / "cgroup")
        return None if free is None else free // MB

    return write


def group(folder, most, used, inactive):
    return {
        f"cgroup/{folder}/memory.max": f"{most}\n",
        f"cgroup/{folder}/memory.current": f"{used}\n",
        f"cgroup/{folder}/memory.stat": f"anon 5\ninactive_file {inactive}\nslab 7\n",
    }


def test_a_machine(system):
    assert system({"proc/meminfo": MEMINFO}) == 4096


def test_a_group_without_a_limit(system):
    files = {"proc/meminfo": MEMINFO, "proc/self/cgroup": "0::/user/one\n"}
    assert system(files | group("user/one", "max", 50 * MB, 0)) == 4096


@pytest.mark.parametrize("folder", ["user/one", "user", "."])
def test_a_group_or_one_above_it(system, folder):
    files = {"proc/meminfo": MEMINFO, "proc/self/cgroup": "0::/user/one\n"}
    assert system(files | group(folder, 1000 * MB, 700 * MB, 100 * MB)) == 400


@pytest.mark.parametrize("told", ["", "\n", "no groups here\n", "0:\n", "0::\n"])
def test_a_system_that_tells_its_groups_in_another_way(system, told):
    assert system({"proc/meminfo": MEMINFO, "proc/self/cgroup": told}) == 4096


def test_a_group_that_is_full(system):
    files = {"proc/meminfo": MEMINFO, "proc/self/cgroup": "0::/\n"}
    assert system(files | group(".", 100 * MB, 150 * MB, 0)) == 0


def test_the_first_version_of_groups(system):
    files = {
        "proc/meminfo": MEMINFO,
        "proc/self/cgroup": "5:cpu,cpuacct:/c\n4:memory:/c\n",
        "cgroup/memory/c/memory.limit_in_bytes": f"{600 * MB}\n",
        "cgroup/memory/c/memory.usage_in_bytes": f"{500 * MB}\n",
        "cgroup/memory/c/memory.stat": f"total_inactive_file {50 * MB}\n",
        "cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
        "cgroup/memory/memory.usage_in_bytes": f"{900 * MB}\n",
    }
    assert system(files) == 150


def test_a_system_that_does_not_say(system, tmp_path):
    assert system({}) is None
    assert own_memory(tmp_path / "proc") == 0


def test_this_system_says():
    assert free_memory() > 0
    assert own_memory() > MB
