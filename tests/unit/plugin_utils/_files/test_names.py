"""Names are compared at a cost that grows with their number, and not with its square."""

from __future__ import annotations

from pathlib import Path

from ansible_collections.kindling.flatcar.plugins.plugin_utils._butane import Origin
from ansible_collections.kindling.flatcar.plugins.plugin_utils._files import names
from ansible_collections.kindling.flatcar.plugins.plugin_utils._files.definitions import Files, Owner
from ansible_collections.kindling.flatcar.plugins.plugin_utils._files.layout import GROUP, HOST, Source


class Counted(str):
    """A name that counts how often it is compared."""

    compared = 0

    def __eq__(self, other):
        Counted.compared += 1
        return str.__eq__(self, other)

    __hash__ = str.__hash__


COUNT = 300
NAMES = [Counted(f"n{number}") for number in range(COUNT)]


def test_files_of_hosts_are_looked_up():
    files = Files(speaking=[Source(Path(f"{name}.yml"), HOST, str(name), 1) for name in NAMES])
    Counted.compared = 0
    assert list(names.of_nobody(files, NAMES, ())) == []
    assert Counted.compared <= 3 * COUNT


def test_hosts_with_the_name_of_a_group_are_looked_up():
    owners = [
        Owner(kind, Counted(name), Origin("hosts.yml", number, 1))
        for kind in (HOST, GROUP)
        for number, name in enumerate(NAMES, 1)
    ]
    Counted.compared = 0
    found = dict(names.both(Files(owners=owners), NAMES, NAMES))
    assert found["n7"] == [Origin("hosts.yml", 8, 1)] * 2
    assert Counted.compared <= 12 * COUNT
