"""Which other hosts a template looks at is noted, by whatever way it does."""

from __future__ import annotations

import pytest
from ansible.errors import AnsibleError
from ansible.inventory.manager import InventoryManager
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template
from ansible.vars.hostvars import HostVars
from ansible.vars.manager import VariableManager
from ansible_collections.kindling.flatcar.plugins.plugin_utils._ansible.watched_hosts import WatchedHosts


@pytest.fixture
def room():
    loader = DataLoader()
    inventory = InventoryManager(loader=loader, sources=["a,b,c,"])
    manager = VariableManager(loader=loader, inventory=inventory)
    hostvars = HostVars(inventory, manager, loader)
    for host in "abc":
        manager.set_nonpersistent_facts(host, {"x": f"x of {host}", "y": trust_as_template("y and {{ x }}")})
    return loader, manager, hostvars


@pytest.mark.parametrize(
    ("template", "becomes", "seen"),
    [
        ("{{ x }}", "x of a", set()),
        ("{{ 'b' in hostvars }}", True, set()),
        ("{{ hostvars['b'].x }}", "x of b", {"b"}),
        ("{{ hostvars.b.y }}", "y and x of b", {"b"}),
        ("{{ hostvars.get('c').x }}", "x of c", {"c"}),
        ("{{ ['b', 'c'] | map('extract', hostvars, 'x') | join }}", "x of bx of c", {"b", "c"}),
        ("{{ hostvars | dictsort | length }}", 3, {"a", "b", "c"}),
        ("{% for host in hostvars %}{{ hostvars[host].x }}{% endfor %}", "x of ax of bx of c", {"a", "b", "c"}),
    ],
)
def test_whoever_is_looked_at_is_noted(room, template, becomes, seen):
    loader, _manager, hostvars = room
    watched = WatchedHosts(hostvars)
    variables = {**hostvars.raw_get("a"), "hostvars": watched.hostvars}
    assert Templar(loader=loader, variables=variables).template(trust_as_template(template)) == becomes
    assert watched.seen == seen


def test_who_is_looked_at_cannot_look_further(room):
    """Nobody would note the third host; if Ansible lets it, this has to."""
    loader, manager, hostvars = room
    manager.set_nonpersistent_facts("b", {"z": trust_as_template("{{ hostvars['c'].x }}")})
    watched = WatchedHosts(hostvars)
    variables = {**hostvars.raw_get("a"), "hostvars": watched.hostvars}
    with pytest.raises(AnsibleError, match="hostvars"):
        Templar(loader=loader, variables=variables).template(trust_as_template("{{ hostvars['b'].z }}"))


def test_ansibles_own_is_left_as_it_is(room):
    _loader, manager, hostvars = room
    watched = WatchedHosts(hostvars)
    assert type(watched.hostvars) is type(hostvars)
    assert hostvars["b"]["x"] == "x of b"
    assert watched.seen == set()
    assert manager._hostvars is hostvars
