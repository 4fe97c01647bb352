"""What is out of a vault is not served unless the node says so."""

from __future__ import annotations

import pytest
from ansible.parsing.vault import VaultLib, VaultSecret, VaultSecretsContext
from ansible_collections.kindling.flatcar.plugins.plugin_utils._inventory.origin import origin_of
from ansible_collections.kindling.flatcar.plugins.plugin_utils._inventory.reader import read_node_alone
from ansible_collections.kindling.flatcar.plugins.plugin_utils._node.provenance import traced_butane
from ansible_collections.kindling.flatcar.plugins.plugin_utils._publish.annotate import annotated, masked, without

VAULT = [("default", VaultSecret(b"password"))]
NODE = """\
flatcar_nodes:
  vars:
    flatcar_rack: a
  hosts:
    n1:
      flatcar_mac: "52:54:00:00:00:01"
      flatcar_address: 10.1.0.11
      flatcar_boot_mode: ram
"""
FILE = """\
      flatcar_butane:
        storage:
          files:
            - {path: /etc/app, contents: {inline: "password={{ site_password }}"}}
"""


def sealed(name, text, indent=6):
    lines = VaultLib(VAULT).encrypt(text).decode().splitlines()
    return f"{' ' * indent}{name}: !vault |\n" + "".join(f"{' ' * (indent + 2)}{line}\n" for line in lines)


@pytest.fixture
def opened(inventory, monkeypatch):
    """An inventory whose vaults can be opened."""

    def load(files):
        monkeypatch.setattr(VaultSecretsContext, "_current", VaultSecretsContext(VAULT))
        loaded = inventory(files)
        loaded.variables._loader.set_vault_secrets(VAULT)
        return loaded

    return load


@pytest.fixture
def mistakes(opened):
    return lambda files: opened(files).mistakes()


def test_a_value_out_of_a_vault_is_refused_at_its_place(mistakes):
    ((place, node, path, message),) = mistakes({"hosts.yml": NODE + FILE + sealed("site_password", "hunter2")})
    assert (place, node, path) == ("hosts.yml:13", "n1", "site_password")
    assert (
        "served to the network in storage.files[/etc/app].contents: bring it to the machine by another way" in message
    )
    assert "flatcar_serve_secrets: true" in message
    assert "hunter2" not in message


def test_a_file_that_is_a_vault_is_all_secret(mistakes, tmp_path):
    (tmp_path / "group_vars").mkdir()
    vault = tmp_path / "group_vars" / "flatcar_nodes.yml"
    vault.write_bytes(VaultLib(VAULT).encrypt("site: {password: hunter2}\nother: unused\nnumber: 12345\n"))
    hosts = NODE + FILE.replace("site_password", "site.password")
    assert [entry[:3] for entry in mistakes({"hosts.yml": hosts})] == [("flatcar_nodes.yml:1", "n1", "site")]
    (tmp_path / "group_vars" / "flatcar_nodes.yml").rename(tmp_path / "group_vars" / "others.yml")
    (tmp_path / "group_vars" / "flatcar_nodes.yml").write_text("site: {password: hunter2}\n")
    assert mistakes({"hosts.yml": f"{hosts}others: {{hosts: {{x: }}}}\n"}) == []


@pytest.mark.parametrize(
    "hosts",
    [
        NODE + FILE + sealed("site_password", "hunter2") + "      flatcar_serve_secrets: true\n",
        NODE + sealed("site_password", "hunter2"),
        NODE + FILE + sealed("site_password", "ssw"),
        NODE.replace("flatcar_boot_mode: ram", "flatcar_boot_mode: disk") + FILE + sealed("site_password", "hunter2"),
        NODE
        + "      flatcar_password_hashes:\n"
        + sealed("core", "$y$j9T$SSSSSSSSSSSSSSSSSSSSSS$hhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhh", 8),
        NODE
        + "      flatcar_bmc:\n        type: ipmi\n        address: 10.1.0.201\n        user: admin\n"
        + sealed("password", "hunter2", 8),
    ],
    ids=["served on purpose", "not served", "too short", "boots its own disk", "a hash", "of the service processor"],
)
def test_all_else_is_right(mistakes, hosts):
    assert mistakes({"hosts.yml": hosts}) == []


def test_a_node_to_be_installed_is_looked_at_too(mistakes):
    mode = "flatcar_boot_mode: install\n      flatcar_install_disk: /dev/disk/by-id/x"
    hosts = NODE.replace("flatcar_boot_mode: ram", mode) + FILE + sealed("site_password", "hunter2")
    assert [path for _, _, path, _ in mistakes({"hosts.yml": hosts})] == ["site_password"]


def test_explaining_shows_no_secret_that_is_served_on_purpose(opened):
    hosts = NODE + FILE + sealed("site_password", "hunter2") + "      flatcar_serve_secrets: true\n"
    variables = opened({"hosts.yml": hosts}).variables
    _, fleet = read_node_alone("n1", variables)
    secrets = [secret.text for secret in variables.secrets("n1")]
    assert secrets == ["hunter2"]
    traced = without(traced_butane(fleet.nodes[0], origin_of), secrets)
    assert masked(traced)["storage"]["files"][1] == {"path": "/etc/app", "contents": {"inline": "(secret)"}}
    assert "hunter2" not in annotated(traced, str)


def test_a_node_keeps_off_the_names_that_kindling_needs(mistakes):
    units = "      flatcar_units: [{name: kindling-report.service, mask: true}]\n"
    ((place, _, path, message),) = mistakes({"hosts.yml": NODE + units})
    assert (place, path) == ("hosts.yml:9", "flatcar_units: $.systemd.units.0.name")
    assert "belong to Kindling: choose another" in message
