"""The module as Ansible sees it: parameters, results, failure; the action plugin; the role's variables."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys

import pytest
import yaml
from ansible_collections.kindling.flatcar.plugins.modules import flatcar_image
from conftest import BOARD, NEW, OLD
from release_server import KERNEL, PXE_IMAGE, Fault

pytestmark = pytest.mark.slow

ROLE = pathlib.Path(__file__).resolve().parents[4] / "roles/flatcar_images"


@pytest.fixture
def run_module(start_module):
    """Run the module to its end; its result."""

    def run(**arguments) -> dict:
        return json.loads(start_module(**arguments).communicate()[0])

    return run


def test_result_and_diff(site, run_module):
    site.serve_old()
    site.offer(NEW)
    result = run_module(_ansible_diff=True, keep=1, keep_days=0)
    assert result["changed"] is True
    assert result["diff"] == {
        "before": f"{BOARD}/current-stable -> {OLD}\n{BOARD}/{OLD}\n",
        "after": f"{BOARD}/current-stable -> {NEW}\n{BOARD}/{NEW}/{KERNEL}\n{BOARD}/{NEW}/{PXE_IMAGE}\n",
    }
    assert result["removed"] == [f"{BOARD}/{OLD}"]
    assert set(yaml.safe_load(flatcar_image.RETURN)) <= set(result)
    again = run_module(_ansible_diff=True)
    assert again["changed"] is False
    assert again["diff"] == {"before": "", "after": ""}


def test_check_mode(site, run_module):
    site.offer(NEW)
    result = run_module(_ansible_check_mode=True)
    assert result["changed"] is True
    assert result["images"][0]["version"] == NEW
    assert not site.images.exists()


def test_failure_tells_what_is_still_served(site, run_module):
    before = site.serve_old()
    site.offer(NEW)
    site.server.faults[site.path(f"{KERNEL}.sig")] = Fault("status", status=403)
    result = run_module()
    assert result["failed"] is True
    assert result["msg"].startswith(
        "What was served before is still served. The release amd64-usr/4593.2.5 is not available"
    )
    assert site.tree() == before


def test_a_directory_that_cannot_be_made_is_named(site, run_module):
    (site.root / "file").write_bytes(b"")
    result = run_module(images_dir=str(site.root / "file/images"))
    assert result["failed"] is True
    assert result["msg"].startswith(f"{site.root}/file")


def test_wrong_wish(run_module):
    result = run_module(wanted=[{"board": BOARD, "channel": "edge"}])
    assert result["failed"] is True
    assert "wanted[0]: 'edge' is not a channel" in result["msg"]


def options_of(spec: dict) -> dict:
    """The documented and the enforced options in one shape."""
    found = {}
    for name, option in spec.items():
        inner = option.get("suboptions") or option.get("options")
        found[name] = {
            "type": option.get("type", "str"),
            "required": option.get("required", False),
            "default": option.get("default"),
            "choices": option.get("choices"),
            "elements": option.get("elements"),
            "options": options_of(inner) if inner else None,
        }
    return found


def test_documentation_is_what_is_enforced():
    documented = yaml.safe_load(flatcar_image.DOCUMENTATION)["options"]
    assert options_of(documented) == options_of(flatcar_image.ARGUMENT_SPEC)


def test_role_defaults_are_what_is_documented():
    defaults = yaml.safe_load((ROLE / "defaults/main.yml").read_text())
    options = yaml.safe_load((ROLE / "meta/argument_specs.yml").read_text())["argument_specs"]["main"]["options"]
    assert {name: option["default"] for name, option in options.items()} == defaults


def test_role_passes_every_parameter():
    task = next(task for task in yaml.safe_load((ROLE / "tasks/mirror.yml").read_text()) if FQCN in task)
    assert set(flatcar_image.ARGUMENT_SPEC) - set(task[FQCN]) == {"progress_file", "fetch"}


FQCN = "kindling.flatcar.flatcar_image"


@pytest.fixture
def play(collections, tmp_path):
    """Start a play with one task list on this machine, with a configuration of its own."""
    (tmp_path / "ansible.cfg").write_text("[defaults]\n")
    environment = {
        "ANSIBLE_CONFIG": str(tmp_path / "ansible.cfg"),
        "ANSIBLE_COLLECTIONS_PATH": str(collections),
        "ANSIBLE_HOME": str(tmp_path / "home"),
        "ANSIBLE_ASYNC_DIR": str(tmp_path / "async"),
        "ANSIBLE_PYTHON_INTERPRETER": sys.executable,
    }

    def start(*tasks: dict) -> subprocess.Popen:
        playbook = tmp_path / "play.yml"
        content = {"hosts": "localhost", "connection": "local", "gather_facts": False, "tasks": tasks}
        playbook.write_text(json.dumps([content]))
        return subprocess.Popen(
            [sys.executable, "-m", "ansible", "playbook", str(playbook)],
            env={**os.environ, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    return start


def test_nothing_runs_in_the_background_for_nothing(site, play, tmp_path):
    site.serve_old()
    parameters = site.parameters(wanted=[{"board": BOARD, "channel": "stable", "version": OLD}])
    conditions = ["result is not changed", "result.images[0].present", "not result.pending"]
    process = play(
        {"name": "Mirror", FQCN: parameters, "register": "result"},
        {"name": "Look", "ansible.builtin.assert": {"that": conditions}},
    )
    output, _ = process.communicate()
    assert process.returncode == 0, output
    assert not (tmp_path / "async").exists()


def test_progress_is_shown_during_the_run(site, play, tmp_path):
    """The server holds the download back until a line of progress was seen."""
    site.offer(NEW)
    site.server.hold.set()
    parameters = {**site.parameters(retries=0), "progress_interval": 1}
    conditions = ["result is changed", "result.images | length == 1", "'ansible_job_id' not in result"]
    process = play(
        {"name": "Mirror", FQCN: parameters, "register": "result"},
        {"name": "Look", "ansible.builtin.assert": {"that": conditions}},
    )
    seen = []
    for line in process.stdout:
        seen.append(line)
        if line.startswith("localhost: downloading: "):
            site.server.hold.clear()
    assert process.wait() == 0, "".join(seen)
    progress = next(line for line in seen if line.startswith("localhost: downloading: "))
    assert "of 587 KiB (" in progress
    assert f"{BOARD}/{NEW}/{KERNEL} " in progress
    assert not list((tmp_path / "async").iterdir())
    assert not list(site.work.glob("progress-*"))
