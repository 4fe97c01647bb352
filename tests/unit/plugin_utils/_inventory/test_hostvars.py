"""Host variables are read at a cost that grows with the number of hosts, and not faster."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible.parsing.vault import VaultLib, VaultSecret, VaultSecretsContext
from ansible_collections.kindling.flatcar.plugins.plugin_utils._inventory import hostvars

VAULT = [("default", VaultSecret(b"password"))]


def hosts(count):
    return "flatcar_nodes:\n  hosts:\n" + "".join(f"    n{number}: {{number: {number}}}\n" for number in range(count))


class Unsearched(list):
    """A list that nobody looks for something in."""

    def __contains__(self, item):
        raise AssertionError(f"all hosts were searched for {item}")


def test_whose_vault_a_file_is_needs_no_search_of_groups(inventory, monkeypatch):
    monkeypatch.setattr(VaultSecretsContext, "_current", VaultSecretsContext(VAULT))
    sealed = VaultLib(VAULT).encrypt("site_password: hunter2\n").decode()
    loaded = inventory({"hosts.yml": hosts(20), "group_vars/flatcar_nodes.yml": sealed})
    loaded.variables._loader.set_vault_secrets(VAULT)
    loaded.variables._groups = {name: Unsearched(members) for name, members in loaded.variables._groups.items()}
    assert [secret.text for secret in loaded.variables.secrets("n7")] == ["hunter2"]
    assert loaded.variables.secrets("boot-a") == []


def test_the_place_of_a_host_needs_no_search_of_lines(tmp_path, monkeypatch):
    (tmp_path / "hosts.yml").write_text(hosts(500))
    read = []
    text = Path.read_text
    monkeypatch.setattr(Path, "read_text", lambda path, **how: read.append(path.name) or text(path, **how))
    raw = {"inventory_file": str(tmp_path / "hosts.yml")}
    lines = [hostvars.home_of(f"n{number}", raw).line for number in range(500)]
    assert lines == list(range(3, 503))
    assert read == ["hosts.yml"]


@pytest.mark.parametrize(
    ("line", "host"),
    [
        ("    n1:", "n1"),
        ("  n1: {a: 1}", "n1"),
        ("    'n 1': {}", "n 1"),
        ('"n1":{"a": 1}', "n1"),
        ("    fe80::1:", "fe80::1"),
        ("n1 ansible_host=192.0.2.1", "n1"),
        ("n1", "n1"),
    ],
)
def test_how_a_line_names_a_host(tmp_path, line, host):
    (tmp_path / "hosts").write_text(f"# n0:\n\n{line}\n{line}\n")
    assert hostvars.home_of(host, {"inventory_file": str(tmp_path / "hosts")}).line == 3
    assert hostvars.home_of("another", {"inventory_file": str(tmp_path / "hosts")}).line == 1


def test_files_of_hosts_are_not_kept(inventory):
    """Their variables would take most of the memory of a large inventory."""
    files = {f"host_vars/n{number}.yml": f"own: {number}\n" for number in range(9)}
    loaded = inventory({"hosts.yml": hosts(9), "group_vars/flatcar_nodes.yml": "shared: 1\n", **files})
    values = [loaded.variables.read(f"n{number}", lambda _names: ["own", "shared"]).values for number in range(9)]
    assert values == [{"own": number, "shared": 1} for number in range(9)]
    kept = [Path(file).parent.name for file in loaded.variables._loader._FILE_CACHE]
    assert "group_vars" in kept
    assert "host_vars" not in kept


def test_files_as_they_are_written_are_not_kept(inventory):
    from ansible_collections.kindling.flatcar.plugins.plugin_utils._inventory import sources

    loaded = inventory({"hosts.yml": hosts(3)})
    loaded.variables.check_files(["n1"])
    assert not sources._READ.get(loaded.variables._loader)
