"""The inventory of the benches is what it says: like people's, valid, and the same each time."""

from __future__ import annotations

import importlib.util
import pathlib

import pytest
from ansible.parsing.vault import VaultSecret, VaultSecretsContext

BENCH = pathlib.Path(__file__).parent.parent / "bench"


@pytest.fixture(scope="module")
def real():
    spec = importlib.util.spec_from_file_location("real_inventory", BENCH / "real_inventory.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def files(path):
    return {str(file.relative_to(path)): file.read_bytes() for file in path.rglob("*") if file.is_file()}


def test_the_same_seed_makes_the_same_files(real, tmp_path):
    for name, seed in (("one", 1), ("again", 1), ("other", 2)):
        real.make(tmp_path / name, 45, seed)
    assert files(tmp_path / "one") == files(tmp_path / "again")
    assert files(tmp_path / "one").keys() == files(tmp_path / "other").keys()
    assert files(tmp_path / "one") != files(tmp_path / "other")


def test_nodes_are_as_large_as_real_ones(real, tmp_path, monkeypatch):
    from ansible_collections.kindling.flatcar.plugins.plugin_utils._butane import dumps
    from ansible_collections.kindling.flatcar.plugins.plugin_utils._inventory.boot_hosts import HostFacts
    from ansible_collections.kindling.flatcar.plugins.plugin_utils._inventory.hostvars import Variables
    from ansible_collections.kindling.flatcar.plugins.plugin_utils._inventory.reader import read_inventory

    spec = importlib.util.spec_from_file_location("validate", BENCH / "validate.py")
    monkeypatch.syspath_prepend(str(BENCH))
    validate = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(validate)
    secrets = [("default", VaultSecret(real.PASSWORD.encode()))]
    monkeypatch.setattr(VaultSecretsContext, "_current", VaultSecretsContext(secrets))
    monkeypatch.setattr(VaultSecretsContext, "initialize", lambda _context: None)
    real.make(tmp_path / "made", 40)
    source = str(tmp_path / "made" / "inventory")
    loaded = validate.Loaded(source)
    task_vars = {"hostvars": loaded.hostvars, "groups": loaded.groups, "ansible_inventory_sources": [source]}
    facts = HostFacts({"lan0": {"device": "lan0", "ipv4": {"address": real.ADDRESS}}})
    found = read_inventory(Variables(task_vars, loaded.loader), {real.BOOT_HOST: facts}).publishable()
    configs = [found.fleets[real.BOOT_HOST].configs[node.name] for node in found.nodes]
    assert {node.boot_mode for node in found.nodes} == {"ram", "install", "disk"}
    assert len({dumps(config) for config in configs}) == len(configs) == 40
    sizes = [len(dumps(config)) for config in configs]
    assert 12_000 < sum(sizes) / len(sizes) < 22_000
    assert min(len(config["storage"]["files"]) for config in configs) >= 11
    assert min(len(config["systemd"]["units"]) for config in configs) == 10
