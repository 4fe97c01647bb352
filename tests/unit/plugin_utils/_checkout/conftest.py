"""Inventories in repositories."""

from __future__ import annotations

import os
import pathlib
import subprocess

import pytest

_AUTHOR = {
    f"GIT_{who}_{what}": value
    for who in ("AUTHOR", "COMMITTER")
    for what, value in (("NAME", "Ada"), ("EMAIL", "ada@example.com"))
}


class Repository:
    def __init__(self, path: pathlib.Path) -> None:
        self.path = path

    def git(self, *arguments, check=True):
        words = ["git", "-c", "init.defaultBranch=main", "-c", "protocol.file.allow=always", *arguments]
        done = subprocess.run(
            words, cwd=self.path, env={**os.environ, **_AUTHOR}, capture_output=True, text=True, check=check
        )
        return done.stdout.strip()

    def write(self, text, name="inventory/hosts.yml"):
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def commit(self, text, name="inventory/hosts.yml"):
        self.write(text, name)
        self.git("add", ".")
        self.git("commit", "--quiet", "--message", text)
        return self.git("rev-parse", "HEAD")

    @property
    def inventory(self):
        return self.path / "inventory"

    def clone(self, path, *options):
        self.git("clone", "--quiet", *options, f"file://{self.path}", str(path))
        return Repository(path)


@pytest.fixture
def repository(tmp_path, monkeypatch):
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    made = Repository(tmp_path / "repository")
    made.path.mkdir()
    made.git("init", "--quiet")
    return made
