"""Values that are kept for thousands of nodes are packed, and are what they were when they are used."""

from __future__ import annotations

import pickle

import pytest
from ansible_collections.kindling.flatcar.plugins.plugin_utils._inventory import packed as module
from ansible_collections.kindling.flatcar.plugins.plugin_utils._inventory.origin import origin_of
from ansible_collections.kindling.flatcar.plugins.plugin_utils._inventory.packed import (
    Packed,
    PackedMapping,
    PackedValues,
)

CONFIG = {"storage": {"files": [{"path": f"/etc/{number}", "mode": 420} for number in range(100)]}, "b": None}


def sent(value):
    """As it comes out of another process."""
    return pickle.loads(pickle.dumps(value))  # noqa: S301 - our own


@pytest.mark.parametrize("value", [CONFIG, [1, "ä", b"\xff", None, True], "x" * 300_000, {}], ids=type)
def test_a_value_is_what_it_was(value):
    assert Packed(value).value() == sent(Packed(value)).value() == value


def test_it_takes_a_fraction():
    assert len(pickle.dumps(Packed(CONFIG))) < len(pickle.dumps(CONFIG)) / 4


def test_it_is_unpacked_once_while_it_is_looked_at(monkeypatch):
    loads = []
    inflate = module.zlib.decompress
    monkeypatch.setattr(module.zlib, "decompress", lambda data: loads.append(1) or inflate(data))
    packed = Packed(CONFIG)
    assert packed.value() is packed.value()
    assert loads == [1]


def test_a_large_string_is_one_for_all():
    large = "x" * 300_000
    ours, theirs = Packed({"a": large}), sent(Packed({"b": large}))
    assert ours.value()["a"] is large
    values = PackedValues({"n1": ours, "n2": theirs})
    assert values["n1"]["a"] is values["n2"]["b"]
    assert len(ours._bytes) + len(theirs._bytes) < 1000


def test_values_by_name():
    values = PackedValues({"n1": Packed(CONFIG), "n2": Packed({})})
    assert (list(values), len(values), "n1" in values, "n3" in values) == (["n1", "n2"], 2, True, False)
    assert dict(values) == {"n1": CONFIG, "n2": {}}


def test_a_mapping_has_those_entries_that_it_names():
    packed = Packed({"a": 1, "b": [2], "c": 3})
    mapping = sent(PackedMapping(("c", "a"), packed))
    assert list(mapping.items()) == [("c", 3), ("a", 1)]
    assert mapping == {"a": 1, "c": 3}
    assert mapping.get("b") is None


def test_what_it_has_not_is_known_without_unpacking(monkeypatch):
    monkeypatch.setattr(module, "_unpack", None)
    assert PackedMapping(("a",), Packed({"a": 1})).get("flatcar_ram_disks") is None


def test_keys_and_values_keep_their_places(inventory):
    loaded = inventory(
        {"hosts.yml": "flatcar_nodes:\n  hosts:\n    n1:\n      flatcar_rack: a\n      flatcar_serve_secrets: true\n"}
    )
    raw = {key: value for key, value in loaded.variables._raw("n1").items() if key.startswith("flatcar_")}
    mapping = sent(PackedMapping(tuple(raw), Packed(raw)))
    assert [origin_of(key).line for key in mapping] == [4, 5]
    assert origin_of(mapping["flatcar_rack"]).line == 4


def test_nodes_are_kept_packed(inventory):
    """What the inventory gave is looked at only where something is wrong."""
    loaded = inventory(
        {
            "hosts.yml": "flatcar_nodes:\n  hosts:\n    n1:\n      flatcar_rack: a\n      flatcar_mac: '52:54:00:00:00:01'\n"
            "      flatcar_address: 10.1.0.11\n      flatcar_butane: {storage: {files: [{path: /etc/x}]}}\n"
        }
    )
    found = loaded.read_inventory().checked()
    (node,) = found.nodes
    assert isinstance(node.given, PackedMapping)
    assert isinstance(found.fleets["boot-a"].configs, PackedValues)
    assert node.fragments == {"flatcar_butane": {"storage": {"files": [{"path": "/etc/x"}]}}}
    assert origin_of(node.given["flatcar_address"]).line == 6
