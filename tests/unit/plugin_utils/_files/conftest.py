"""Inventories' files as they are written, looked at without Ansible."""

from __future__ import annotations

import pathlib
import re

import pytest

HOSTS = """\
boot_hosts: {hosts: {boot-a: }}
flatcar_nodes: {hosts: {n1: , n2: }}
"""


def expand(pattern):
    """As ``n[1:3]`` in an inventory."""
    found = re.fullmatch(r"(.*)\[(\d+):(\d+)\](.*)", pattern)
    return [f"{found[1]}{n}{found[4]}" for n in range(int(found[2]), int(found[3]) + 1)] if found else [pattern]


@pytest.fixture
def files_of(tmp_path):
    """What could be read of an inventory out of its files' texts (or bytes); a text may be the target of a link."""

    def read(files, inventories=(".",), playbook=None, open_vault=None):
        from ansible_collections.kindling.flatcar.plugins.plugin_utils._files.definitions import read_files
        from ansible_collections.kindling.flatcar.plugins.plugin_utils._files.layout import Rules, layout

        for name, content in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if isinstance(content, pathlib.Path):
                path.symlink_to(content)
            else:
                path.write_bytes(content if isinstance(content, bytes) else content.encode())
        rules = Rules()
        given = [str(tmp_path / name) for name in inventories]
        return read_files(layout(given, playbook and str(tmp_path / playbook), rules), rules, expand, open_vault)

    return read


@pytest.fixture
def checked(files_of, tmp_path):
    """What is wrong with the files: ``file:line:column: subject: path`` by the message, and ``warnings`` of the same kind.

    *groups* are each host's, by name, each with its depth, its ancestors and maybe its priority.
    """

    def check(files, groups=None, **given):
        from ansible_collections.kindling.flatcar.plugins.plugin_utils._files.check import People
        from ansible_collections.kindling.flatcar.plugins.plugin_utils._files.check import check as check_files
        from ansible_collections.kindling.flatcar.plugins.plugin_utils._files.names import Group

        named = {
            "n1": {"flatcar_nodes": (1, ["all"])},
            "n2": {"flatcar_nodes": (1, ["all"])},
            "boot-a": {"boot_hosts": (1, ["all"])},
        }
        people = {
            host: [
                Group("all"),
                *(
                    Group(name, depth, *priority or (1,), frozenset(above))
                    for name, (depth, above, *priority) in its.items()
                ),
            ]
            for host, its in (groups or named).items()
        }
        all_groups = {group.name for its in people.values() for group in its}
        found = check_files(files_of(files, **given), People(people, list(people), all_groups))

        def line(problem):
            file, *numbers = problem.origin
            place = ":".join([str(pathlib.Path(file).relative_to(tmp_path)), *map(str, numbers)])
            return f"{place}: {problem.subject}: {problem.path}"

        return Told({line(p): p.message for p in found.problems}, {line(p): p.message for p in found.warnings}, found)

    return check


class Told:
    """``problems`` and ``warnings`` are messages by place; ``found`` is as it came."""

    def __init__(self, problems, warnings, found):
        self.problems, self.warnings, self.found = problems, warnings, found
