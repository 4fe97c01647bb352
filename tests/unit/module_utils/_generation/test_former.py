"""A machine may hold the script of a generation that is served no more: what it names goes on answering, and not for ever."""

from __future__ import annotations

import os
import stat
import subprocess
from pathlib import Path

import pytest
import yaml
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template
from ansible_collections.kindling.flatcar.plugins.module_utils._generation import generation
from ansible_collections.kindling.flatcar.plugins.module_utils._routes import routes

ROLE = Path(__file__).parents[4] / "roles" / "web"
ACCESS = generation.Access(private=frozenset({"web"}), secret=frozenset(), gid=os.getgid())


def publish(root, token, text, keep=1, address="10.0.0.1", network="10.0.0.0-24"):
    files = {
        "web/boot.ipxe": "#!ipxe\n",
        f"web/ignition/{token}/{address}.ign": text,
        f"web/nearby/{token}/{network}": text,
        f"web/reporters/{token}/10.0.0.0-24/10.0.0.1": "",
        "index.json": '{"nodes": {}}',
    }
    archive = root.parent / "archive"
    archive.write_bytes(generation.pack(files))
    generation.publish(root, archive, generation.digest_of(generation.manifest_of(files)), ACCESS, keep)


def shelf(root, name="1"):
    there = root / routes.FORMER / name
    return {str(path.relative_to(there)): path.read_text() for path in there.rglob("*") if path.is_file()}


def put_aside(token, text):
    return {f"ignition/{token}/10.0.0.1.ign": text, f"nearby/{token}/10.0.0.0-24": text}


@pytest.fixture
def root(tmp_path):
    return tmp_path / "fleet"


@pytest.fixture
def end_round(root):
    """What the unit runs, out of the role."""
    round_of = yaml.safe_load((ROLE / "vars" / "main.yml").read_text())["__web_former_round"]
    values = {"web_former_dir": str(root / routes.FORMER)}
    command = Templar(loader=DataLoader(), variables=values).template(trust_as_template(round_of))
    return lambda: subprocess.run(["sh", "-c", command], check=True, timeout=60)


def test_the_first_generation_puts_nothing_aside(root):
    publish(root, "one", "1")
    assert not (root / routes.FORMER).exists()


def test_however_often_something_is_published_all_that_scripts_named_is_there(root):
    for number in range(10):
        publish(root, f"token{number}", str(number))
    assert len(list((root / "generations").iterdir())) == 1
    expected = {}
    for number in range(9):
        expected |= put_aside(f"token{number}", str(number))
    assert shelf(root) == expected


def test_a_machine_that_moves_has_its_config_at_its_former_address_too(root):
    """Its config says nothing of its address, and so has the name that it had."""
    publish(root, "one", "1")
    publish(root, "one", "1", address="10.0.0.2")
    assert shelf(root) == {"ignition/one/10.0.0.1.ign": "1"}
    publish(root, "one", "1", address="10.1.0.2", network="10.1.0.0-24")
    assert shelf(root) == put_aside("one", "1") | {"ignition/one/10.0.0.2.ign": "1"}


def test_it_can_be_read_by_as_few_as_before(root):
    publish(root, "one", "1")
    publish(root, "two", "2")
    modes = {stat.S_IMODE(path.stat().st_mode) for path in (root / routes.FORMER).rglob("*") if path.is_dir()}
    assert modes | {stat.S_IMODE((root / routes.FORMER).stat().st_mode)} == {0o750}
    assert {stat.S_IMODE(path.stat().st_mode) for path in (root / routes.FORMER).rglob("*.ign")} == {0o640}


def test_going_back_puts_aside_too(root):
    publish(root, "one", "1", keep=2)
    publish(root, "two", "2", keep=2)
    generation.go_back(root, None, root / "images")
    assert put_aside("two", "2").items() <= shelf(root).items()


def test_what_is_put_aside_lasts_for_one_to_two_rounds(root, end_round):
    publish(root, "one", "1")
    publish(root, "two", "2")
    end_round()
    assert (shelf(root, "1"), shelf(root, "2")) == ({}, put_aside("one", "1"))
    publish(root, "three", "3")
    end_round()
    assert (shelf(root, "1"), shelf(root, "2")) == ({}, put_aside("two", "2"))
    end_round()
    end_round()
    assert not list((root / routes.FORMER).rglob("*"))


def test_a_round_before_anything_was_put_aside_is_no_error(root, end_round):
    end_round()
    publish(root, "one", "1")
    end_round()


def test_what_a_killed_run_has_begun_is_ended(root):
    publish(root, "one", "1")
    begun = root / routes.FORMER / "1" / "ignition" / "one"
    begun.mkdir(parents=True)
    (begun / ".10.0.0.1.ign").write_text("half")
    publish(root, "two", "2")
    assert put_aside("one", "1").items() <= shelf(root).items()
    assert stat.S_IMODE(begun.stat().st_mode) == 0o750


@pytest.mark.skipif(os.geteuid() != 0, reason="gives files to another group")
def test_who_serves_now_may_read_what_was_published_for_another_group(root):
    publish(root, "one", "1")
    for path in (root / "current/").rglob("*"):
        os.chown(path, -1, 12345)
    publish(root, "two", "2")
    assert {path.stat().st_gid for path in (root / routes.FORMER).rglob("*")} == {os.getgid()}
