"""What `make` says before anything is started: each mistake of its user's in a sentence with the way out."""

from __future__ import annotations

import pathlib
import subprocess

import pytest

pytestmark = pytest.mark.slow

ROOT = pathlib.Path(__file__).parents[2]


def make(*arguments, folder=ROOT):
    done = subprocess.run(
        ["make", "--no-print-directory", "--file", str(ROOT / "Makefile"), *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("inventory",), "Say which inventory: make inventory INVENTORY=inventories/example"),
        (("inventory", "INVENTORY=nowhere"), "There is no inventory nowhere in "),
        (
            ("runnable", "INVENTORY=inventories/example", "CONTAINER_ENGINE=false"),
            "There is no image localhost/kindling:latest",
        ),
        (("runnable", "INVENTORY=inventories/example", "CONTAINER_ENGINE=true"), "has 2 boot hosts (boot-a boot-b)"),
        (
            ("runnable", "INVENTORY=inventories/example", "CONTAINER_ENGINE=true", "KINDLING_HOST=nobody"),
            "has 0 boot hosts",
        ),
    ],
)
def test_a_mistake_is_a_sentence_with_the_way_out(arguments, sentence):
    code, said = make(*arguments)
    assert code == 2
    assert sentence in said.splitlines()[0]


def test_what_is_right_goes_on():
    right = ("inventory", "runnable", "INVENTORY=inventories/example", "CONTAINER_ENGINE=true", "KINDLING_HOST=boot-a")
    assert make(*right) == (0, "")


def test_a_venv_whose_python_is_gone_is_told(tmp_path):
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    (tmp_path / ".venv" / "ready").touch()
    (tmp_path / ".venv" / "bin" / "python").symlink_to(tmp_path / "gone")
    code, said = make("python", folder=tmp_path)
    assert code == 2
    assert "rm -rf .venv && make setup" in said


def test_a_python_that_is_too_old_is_told(tmp_path):
    old = tmp_path / "bin" / "python3"
    old.parent.mkdir()
    old.write_text('#!/bin/sh\n[ "$1" = --version ] && echo Python 3.9.2\nexit 1\n')
    old.chmod(0o755)
    code, said = make("python", f"BIN={old.parent}", f"PATH={old.parent}:/usr/bin:/bin", folder=tmp_path)
    assert code == 2
    assert "needs Python 3.11 or newer" in said
    assert "Python 3.9.2" in said
