"""What goes with the container image, as far as it can be told without one. `tests/container` builds and runs it."""

from __future__ import annotations

import importlib.util
import pathlib
import re
import subprocess

import pytest
import yaml
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar
from ansible_collections.kindling.flatcar.plugins.plugin_utils._options.playbook_options import OPTIONS

ROOT = pathlib.Path(__file__).parent.parent.parent
WEB = ROOT / "roles" / "web" / "vars" / "main.yml"


def make(*arguments):
    return subprocess.run(["make", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)


def pinned(path):
    return dict(re.findall(r"^([a-z-]+)==(\S+)", (ROOT / path).read_text(), re.MULTILINE))


def test_the_image_has_the_versions_that_are_tested():
    tested, image = pinned("requirements.txt"), pinned("container/requirements.txt")
    assert image == {name: tested[name] for name in ("ansible-core", "netaddr", "pyghmi")}


@pytest.mark.parametrize("target", ["push", "buildpush"])
def test_nothing_is_built_or_pushed_without_a_registry(target):
    done = make(target, "CONTAINER_ENGINE=false", "REGISTRY=")
    assert done.returncode != 0
    assert "Say where to: make push REGISTRY=registry.example.com/team" in done.stderr
    assert "false" not in done.stdout


def test_the_version_is_pushed_to_the_registry_that_is_given():
    done = make("push", "CONTAINER_ENGINE=echo", "REGISTRY=registry.example.com/team")
    version = re.search(r"^version: (\S+)", (ROOT / "galaxy.yml").read_text(), re.MULTILINE)[1]
    assert f"push registry.example.com/team/kindling:{version}" in done.stdout.splitlines()


@pytest.fixture
def ask(monkeypatch, tmp_path):
    """What the command in the container asks the code, of a boot host in a folder."""
    spec = importlib.util.spec_from_file_location("ask", ROOT / "container" / "ask.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert str(module.ADDRESSES) == yaml.safe_load(WEB.read_text())["__web_addresses"]
    monkeypatch.setattr(module, "FLEET", tmp_path)
    monkeypatch.setattr(module, "ADDRESSES", tmp_path / "addresses.json")
    return module


def test_what_is_held_is_what_the_code_says(ask, tmp_path):
    assert ask.held() == "false"
    generation = tmp_path / "generations" / "first"
    generation.mkdir(parents=True)
    (tmp_path / "current").symlink_to("generations/first")
    served = ask.generation.served_history(tmp_path)[0]
    ask.generation.history.write(tmp_path, served.hold("first", "now"))
    assert ask.held() == "true"
    ask.generation.history.write(tmp_path, served.hold("another", "now"))
    assert ask.held() == "false"


def test_the_addresses_are_those_that_the_web_server_was_given(ask):
    loader = DataLoader()
    role = loader.load_from_file(str(WEB), trusted_as_template=True)
    variables = role | {"__web_networks": [{"address": "10.0.0.1"}, {"address": "10.1.0.1"}, {"address": "10.0.0.1"}]}
    (entry,) = [entry for entry in role["__web_files"] if entry["path"] == "{{ __web_addresses }}"]
    ask.ADDRESSES.write_text(Templar(loader=loader, variables=variables).template(entry["content"]))
    assert ask.addresses().split() == ["10.0.0.1", "10.1.0.1"]


def test_how_publishing_stands_is_named_in_one_place():
    """Files in the container's memory: each once, in the table at the script's head."""
    script = (ROOT / "container" / "kindling").read_text()
    for name in ("attempted", "unfinished", "refusal.json", "publish.lock"):
        assert script.count(f"$run/{name}") == 1, name


@pytest.mark.parametrize(
    ("written", "services"),
    [
        (["dnsmasq.conf", "tftp.conf"], ["kindling-web", "kindling-tftp", "kindling-dnsmasq"]),
        # By an earlier version, whose dnsmasq does all three: it has the ports until the first publish of this one
        (["dnsmasq.conf"], ["kindling-web", "kindling-dnsmasq"]),
    ],
)
def test_dhcp_comes_up_last_and_what_an_earlier_version_wrote_is_served_as_it_is(tmp_path, written, services):
    script = (ROOT / "container" / "kindling").read_text()
    functions = re.search(r"^services\(\) \{\n.*?^bring_up\(\) \{\n.*?^\}\n", script, re.MULTILINE | re.DOTALL)[0]
    for name in written:
        (tmp_path / name).write_text("a line\n")
    (tmp_path / "s6-svc").write_text("#!/bin/sh\necho $2\n")
    (tmp_path / "s6-svc").chmod(0o755)
    done = subprocess.run(
        ["sh", "-ec", functions.replace("/etc/kindling", str(tmp_path)) + "bring_up"],
        env={"PATH": f"{tmp_path}:/usr/bin:/bin", "run": "/run/kindling"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == [f"/run/kindling/services/{name}" for name in services]


def test_nothing_that_is_mounted_is_too_old_for_the_container():
    """Nobody is there to say that it is meant."""
    variables = yaml.safe_load((ROOT / "container" / "vars.yml").read_text())
    assert variables["site_older"] is True
    given = {name for name in variables if name.startswith("site_")}
    assert given == {"site_older", "site_unasked"} < {option.name for option in OPTIONS["site"]}
