"""Every shell script is one that shellcheck has nothing to say about."""

from __future__ import annotations

import pathlib
import subprocess

import pytest

ROOT = pathlib.Path(__file__).parents[2]
SCRIPTS = sorted(str(path.relative_to(ROOT)) for path in ROOT.glob("plugins/**/*.sh"))


def test_there_are_scripts():
    assert SCRIPTS


@pytest.mark.parametrize("script", SCRIPTS)
def test_it_is_clean(script):
    done = subprocess.run(
        ["shellcheck", "--external-sources", script], capture_output=True, text=True, check=False, cwd=ROOT
    )
    assert done.returncode == 0, done.stdout
