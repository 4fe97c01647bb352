"""Where code lies says where it runs, and imports go one way: from a room to those that `docs/rooms.yml` names before it."""

from __future__ import annotations

import ast
import pathlib
import sys
from graphlib import CycleError, TopologicalSorter

import pytest
import yaml

ROOT = pathlib.Path(__file__).parents[2]
PLUGINS = ROOT / "plugins"
COLLECTION = "ansible_collections.kindling.flatcar.plugins"
ROOMS = [row["room"] for row in yaml.safe_load((ROOT / "docs" / "rooms.yml").read_text())]
#: Rooms of code that runs on boot hosts
HOST = {room for room in ROOMS if room.startswith("module")}


def room_of(module: str) -> str:
    parts = module.split(".")
    return "/".join(parts[: 2 if parts[0].endswith("_utils") else 1])


def modules() -> dict[str, pathlib.Path]:
    found = {}
    for path in PLUGINS.rglob("*.py"):
        parts = path.relative_to(PLUGINS).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


MODULES = modules()


def imported(module: str) -> set[str]:
    """All that *module* names in its imports; those for types alone count, too."""
    path = MODULES[module]
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    names = set()
    for statement in ast.walk(ast.parse(path.read_text())):
        if isinstance(statement, ast.Import):
            names |= {alias.name for alias in statement.names}
        elif isinstance(statement, ast.ImportFrom):
            base = statement.module or ""
            if statement.level:
                above = f"{COLLECTION}.{package}".split(".")
                base = ".".join([*above[: len(above) - statement.level + 1], *filter(None, [base])])
            for alias in statement.names:
                inner = f"{base}.{alias.name}"
                names.add(inner if inner.removeprefix(f"{COLLECTION}.") in MODULES else base)
    return names


IMPORTS = {module: imported(module) for module in MODULES}
OWN = {
    module: {name.removeprefix(f"{COLLECTION}.") for name in names if name.startswith(COLLECTION)}
    for module, names in IMPORTS.items()
}


def test_every_room_is_in_the_list():
    assert {room_of(module) for module in MODULES} == set(ROOMS)


def test_imports_go_down():
    against = [
        f"{module} imports {other}"
        for module, others in OWN.items()
        for other in others
        if ROOMS.index(room_of(other)) > ROOMS.index(room_of(module))
    ]
    assert against == []


def test_files_import_in_no_circle():
    try:
        tuple(TopologicalSorter(OWN).static_order())
    except CycleError as circle:
        pytest.fail(" -> ".join(circle.args[1]))


def test_what_runs_on_a_boot_host_needs_the_standard_library_alone():
    foreign = [
        f"{module} imports {name}"
        for module, names in IMPORTS.items()
        if room_of(module) in HOST
        for name in names
        if not name.startswith((f"{COLLECTION}.module_utils.", "ansible.module_utils."))
        and name.partition(".")[0] not in sys.stdlib_module_names
    ]
    assert foreign == []


def test_rooms_are_private():
    assert [room for room in ROOMS if "/" in room and not room.partition("/")[2].startswith("_")] == []
