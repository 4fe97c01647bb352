"""Every shell script is one that shellcheck has nothing to say about, wherever it lies and whatever it is called."""

from __future__ import annotations

import pathlib
import re
import subprocess

import pytest
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template

ROOT = pathlib.Path(__file__).parents[2]
#: What git does not have, and the scripts in trees of files that are data of tests
ELSEWHERE = {".ansible", ".cache", ".git", ".venv", "cases"}
SHEBANG = re.compile(rb"#!\s*/\S*(?:sh|(?:env|busybox) +(?:-S +)?\S*sh)\b")


def files(directory=ROOT):
    for path in sorted(directory.iterdir()):
        if path.is_symlink() or path.name in ELSEWHERE:
            continue
        if path.is_dir():
            yield from files(path)
        elif path.is_file():
            yield path


def is_script(path):
    if path.suffix == ".sh":
        return True
    with path.open("rb") as file:
        return bool(SHEBANG.match(file.readline(128)))


SCRIPTS = [path for path in files() if is_script(path)]
WRITTEN = [path for path in SCRIPTS if path.suffix != ".j2"]
TEMPLATES = [
    path for path in files(ROOT / "roles") if path.suffix == ".j2" and (path in SCRIPTS or ".sh." in path.name)
]


def shellcheck(*arguments, text=None):
    command = ["shellcheck", "--external-sources", *map(str, arguments)]
    return subprocess.run(command, input=text, capture_output=True, text=True, check=False, cwd=ROOT)


def role_variables(path):
    """The variables of the role that has the template."""
    loader, variables = DataLoader(), {"ansible_managed": "test"}
    for part in ("defaults", "vars"):
        variables |= loader.load_from_file(str(path.parents[1] / part / "main.yml"), trusted_as_template=True)
    return loader, variables


def rendered(text, path):
    loader, variables = role_variables(path)
    loader.set_basedir(str(path.parent))
    return Templar(loader=loader, variables=variables).template(trust_as_template(text))


def test_scripts_are_found_by_what_they_begin_with():
    found = {str(path.relative_to(ROOT)) for path in SCRIPTS}
    assert {
        ".ci/run",
        "container/build.sh",
        "container/kindling",
        "container/publisher.run",
        "plugins/plugin_utils/_install/kindling-install.sh",
        "roles/web/templates/kindling-web.run.j2",
        "tests/lab/node_image/minimal-init",
    } <= found


@pytest.mark.parametrize("script", WRITTEN, ids=lambda path: str(path.relative_to(ROOT)))
def test_it_is_clean(script):
    done = shellcheck(script)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.name)
def test_what_a_template_makes_is_clean(template):
    done = shellcheck("--shell=sh", "-", text=rendered(template.read_text(), template))
    assert done.returncode == 0, done.stdout


def contents(entries):
    return {
        entry["path"]: entry["content"] for entry in entries if str(entry.get("content", "")).startswith("#!/bin/sh")
    }


@pytest.mark.parametrize("role", ["dnsmasq", "web"])
def test_what_s6_runs_is_clean(role):
    path = ROOT / "roles" / role / "templates" / "any"
    made = contents(rendered(f"{{{{ __{role}_service_files.s6 }}}}", path))
    assert made
    for name, text in made.items():
        done = shellcheck("--shell=sh", "-", text=text)
        assert done.returncode == 0, name + done.stdout
