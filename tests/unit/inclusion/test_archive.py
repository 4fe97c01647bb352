"""What is packed: the collection, and nothing of the workshop or of a user's."""

from __future__ import annotations

import fnmatch
import pathlib
import subprocess

import archive
import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

ROOT = pathlib.Path(__file__).parents[3]
GALAXY = yaml.safe_load((ROOT / "galaxy.yml").read_text())
PACKED = ("README.md", "example")


def is_left_out(path):
    """As ``ansible-galaxy collection build`` sees it, which looks at each folder on the way, too."""
    parts = pathlib.PurePath(path).parts
    places = ["/".join(parts[:length]) for length in range(1, len(parts) + 1)]
    return any(fnmatch.fnmatch(place, pattern) for place in places for pattern in GALAXY["build_ignore"])


_LETTERS = st.characters(exclude_characters="/\0", codec="utf-8")
_NEAR = st.sampled_from(PACKED).flatmap(
    lambda word: st.tuples(st.integers(0, len(word)), st.text(_LETTERS, max_size=4)).map(
        lambda cut: word[: cut[0]] + cut[1]
    )
)


@given(st.text(_LETTERS, min_size=1) | _NEAR.filter(bool))
@example("mine")
@example("demo")
@example("examples")
@example("exam")
@example("README")
@example("README.md.orig")
def test_no_inventory_but_the_example_is_packed(name):
    assert is_left_out(f"inventories/{name}/group_vars/all.yml") is (name not in PACKED)


@pytest.mark.parametrize(
    "path",
    [
        "inventories/example/group_vars/boot_hosts.yml",
        "inventories/README.md",
        "playbooks/site.yml",
        "meta/runtime.yml",
    ],
)
def test_the_collection_is_packed(path):
    assert (ROOT / path).is_file()
    assert not is_left_out(path)


@pytest.mark.parametrize(
    "path",
    [
        *(".venv/bin/python", ".ansible/x", ".cache/x", ".git", ".github/workflows/ci.yml", ".env", "tests/unit/x.py"),
        *(
            "plugins/.DS_Store",
            "plugins/filter/__pycache__",
            "roles/web/.vault",
            "site.retry",
            "a.tar.gz",
            "requirements.txt",
        ),
    ],
)
def test_the_workshop_is_not(path):
    assert is_left_out(path)


def test_only_what_git_has_is_shown_to_the_builder(tmp_path):
    checkout, target = tmp_path / "checkout", tmp_path / "target"
    names = ("plugins/a.py", "plugins/removed.py", "roles/added.yml")
    for name in (*names, "production.yml", "inventories/example/group_vars/secret.yml"):
        (checkout / name).parent.mkdir(parents=True, exist_ok=True)
        (checkout / name).write_text(name)
    subprocess.run(["git", "init", "--quiet", str(checkout)], check=True)
    subprocess.run(["git", "-C", str(checkout), "add", *names], check=True)
    (checkout / "plugins/removed.py").unlink()
    archive.copy(checkout, target)
    there = {str(path.relative_to(target)) for path in target.rglob("*") if path.is_file()}
    assert there == {"plugins/a.py", "roles/added.yml"}


def test_what_is_no_checkout_is_said_to_be_none(tmp_path):
    with pytest.raises(SystemExit, match="git cannot tell the files of"):
        archive.known_files(tmp_path)
