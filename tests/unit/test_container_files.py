"""What goes with the container image, as far as it can be told without one. `tests/container` builds and runs it."""

from __future__ import annotations

import pathlib
import re
import subprocess

import pytest
import yaml
from ansible_collections.kindling.flatcar.plugins.plugin_utils._options.playbook_options import OPTIONS

ROOT = pathlib.Path(__file__).parent.parent.parent


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


@pytest.mark.parametrize("name", ["build.sh", "kindling", "publisher.run"])
def test_a_script_is_one_that_a_shell_reads(name):
    subprocess.run(["sh", "-n", str(ROOT / "container" / name)], check=True)


def test_nothing_that_is_mounted_is_too_old_for_the_container():
    """Nobody is there to say that it is meant."""
    variables = yaml.safe_load((ROOT / "container" / "vars.yml").read_text())
    assert variables["site_older"] is True
    given = {name for name in variables if name.startswith("site_")}
    assert given == {"site_older", "site_unasked"} < {option.name for option in OPTIONS["site"]}
