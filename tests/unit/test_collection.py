"""The collection's archive, built from this checkout, works where nothing else of it is."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import tarfile

import pytest

pytestmark = pytest.mark.slow

ROOT = pathlib.Path(__file__).parent.parent.parent
NAME = "ansible_collections/kindling/flatcar"


def run(*command, cwd, **environment):
    return subprocess.run(
        command, cwd=cwd, env={**os.environ, **environment}, capture_output=True, text=True, check=True
    )


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    target = tmp_path_factory.mktemp("archive")
    run("python", str(ROOT / "tests" / "inclusion" / "archive.py"), str(target), cwd=target)
    (built,) = target.glob("kindling-flatcar-*.tar.gz")
    return built


def test_it_holds_the_collection_and_nothing_of_the_workshop(archive):
    with tarfile.open(archive) as packed:
        tops = {name.split("/")[0] for name in packed.getnames()}
    assert tops == {
        "CHANGELOG.md",
        "CODE_OF_CONDUCT.md",
        "CONTRIBUTING.md",
        "FILES.json",
        "LICENSE",
        "MAINTAINERS.md",
        "MANIFEST.json",
        "README.md",
        "SECURITY.md",
        "changelogs",
        "docs",
        "inventories",
        "meta",
        "playbooks",
        "plugins",
        "requirements.yml",
        "roles",
    }


def test_it_works_when_it_is_installed_elsewhere(archive, tmp_path):
    (tmp_path / "ansible.cfg").write_text("[defaults]\ncollections_path = collections\n")
    elsewhere = {"ANSIBLE_CONFIG": str(tmp_path / "ansible.cfg"), "ANSIBLE_HOME": str(tmp_path / "home")}
    run(
        "ansible-galaxy",
        "collection",
        "install",
        "--offline",
        "--no-deps",  # needed by the role power alone
        "-p",
        "collections",
        str(archive),
        cwd=tmp_path,
        **elsewhere,
    )
    assert (tmp_path / "collections" / NAME / "playbooks" / "site.yml").is_file()
    node = {"flatcar_rack": "a", "flatcar_mac": "52:54:00:00:00:01", "flatcar_address": "10.0.0.11"}
    template = "{{ node | kindling.flatcar.to_butane | kindling.flatcar.to_ignition | to_json }}"
    task = {"copy": {"content": template, "dest": str(tmp_path / "config.ign"), "mode": "0600"}}
    play = {"hosts": "localhost", "gather_facts": False, "vars": {"node": node}, "tasks": [task]}
    (tmp_path / "play.yml").write_text(json.dumps([play]))
    run("ansible-playbook", "play.yml", cwd=tmp_path, **elsewhere)
    assert json.loads((tmp_path / "config.ign").read_text())["ignition"]["version"] == "3.4.0"
    run("ansible-playbook", "--syntax-check", "kindling.flatcar.site", "-i", "localhost,", cwd=tmp_path, **elsewhere)
