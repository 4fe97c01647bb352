"""What site.yml costs does not grow by a task for each node."""

from __future__ import annotations

import pathlib

import pytest
import yaml

ROOT = pathlib.Path(__file__).parents[2]
ROLES = ("dnsmasq", "flatcar_images", "fleet", "ipxe", "records", "web")

#: All that tasks loop over: the operator's programs that a boot host serves, however many nodes it has.
LOOPS = {"{{ __fleet_others if __fleet_taken_up else [] }}", "{{ ipxe_operator_programs }}"}

FILES = [
    *(ROOT / "playbooks" / name for name in ("site.yml", "check.yml")),
    *(
        file
        for role in (*ROLES, "common")
        for part in ("tasks", "handlers")
        for file in sorted((ROOT / "roles" / role / part).glob("*"))
    ),
]


def tasks_in(value):
    for entry in value or ():
        yield entry
        for inner in ("tasks", "pre_tasks", "post_tasks", "handlers", "block", "rescue", "always"):
            yield from tasks_in(entry.get(inner))


def test_all_of_it_is_looked_at():
    plays = [
        play for name in ("site.yml", "check.yml") for play in yaml.safe_load((ROOT / "playbooks" / name).read_text())
    ]
    roles = {role["role"] for play in plays for role in play.get("roles", ())}
    roles |= {
        task["ansible.builtin.import_role"]["name"] for task in tasks_in(plays) if "ansible.builtin.import_role" in task
    }
    assert roles == {f"kindling.flatcar.{role}" for role in ROLES}


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_no_task_loops_over_nodes(file):
    for task in tasks_in(yaml.safe_load(file.read_text())):
        assert not [key for key in task if key.startswith("with_")]
        loop = task.get("loop", [])
        assert isinstance(loop, list) or loop in LOOPS, task["name"]
