"""Git is asked, and nothing that a repository names is run for that."""

from __future__ import annotations

import os

import pytest
from ansible_collections.kindling.flatcar.plugins.plugin_utils._checkout import git as module
from ansible_collections.kindling.flatcar.plugins.plugin_utils._checkout.git import Git, GitError


def everything(repository):
    git = Git(repository.path)
    paths = [str(repository.inventory)]
    git.tracks(paths), git.user(), git.is_shallow()
    return git.top(), git.commit(), git.is_dirty(paths), git.is_ancestor("0" * 40, git.commit())


def test_nothing_that_a_hostile_repository_names_is_run(repository, tmp_path):
    repository.commit("one")
    repository.git("submodule", "--quiet", "add", f"file://{repository.path}", "inventory/inner")
    commit = repository.commit("two")
    ran = tmp_path / "ran"
    program = tmp_path / "program"
    program.write_text(f"#!/bin/sh\ntouch {ran}\nexit 1\n")
    program.chmod(0o755)
    hooks = tmp_path / "hooks"
    hooks.mkdir()
    for name in ("post-index-change", "fsmonitor-watchman", "query-watchman", "post-checkout", "pre-auto-gc"):
        (hooks / name).write_text(program.read_text())
        (hooks / name).chmod(0o755)
        (repository.path / ".git/hooks" / name).write_text(program.read_text())
        (repository.path / ".git/hooks" / name).chmod(0o755)
    for key, value in {
        "core.fsmonitor": program,
        "core.hooksPath": hooks,
        "core.pager": program,
        "core.sshCommand": program,
        "core.editor": program,
        "core.askPass": program,
        "gpg.program": program,
        "log.showSignature": "true",
        "diff.external": program,
        "diff.evil.textconv": program,
        "credential.helper": program,
        "filter.evil.clean": program,
        "filter.evil.smudge": program,
        "filter.evil.required": "true",
        "filter.or.this.process": program,
        "core.repositoryFormatVersion": "1",
        "extensions.partialClone": "origin",
        "remote.origin.promisor": "true",
        "remote.origin.url": f"ext::{program}",
        "protocol.ext.allow": "always",
        "pager.status": "true",
    }.items():
        repository.git("config", key, str(value))
        repository.git("config", "--file", ".git/modules/inventory/inner/config", key, str(value))
    for place in (".git", ".git/modules/inventory/inner"):
        repository.write("* filter=evil diff=evil\nx* filter=or.this\n", f"{place}/info/attributes")
    repository.write("six", "inventory/inner/inventory/hosts.yml")
    os.utime(repository.inventory / "inner/inventory/hosts.yml", (1, 1))
    repository.write("six")
    os.utime(repository.inventory / "hosts.yml", (1, 1))
    top, found, dirty, ancestor = everything(repository)
    assert (top, found, dirty, ancestor) == (str(repository.path), commit, True, None)
    assert not ran.exists()


@pytest.mark.parametrize("way", ["replace", "graft file"])
def test_ancestry_is_that_of_what_was_committed(repository, way):
    """Also where the repository has been told otherwise, by hand or by who gave it."""
    first = repository.commit("one")
    newer = repository.commit("two")
    repository.git("checkout", "--quiet", first)
    older = repository.commit("another")
    if way == "replace":
        repository.git("replace", "--graft", older, newer)
    else:
        (repository.path / ".git/info").mkdir(exist_ok=True)
        (repository.path / ".git/info/grafts").write_text(f"{older} {newer}\n")
    assert Git(repository.path).is_ancestor(newer, older) is False


def test_a_filter_without_a_name_is_not_run_either(repository, tmp_path):
    ran, program = tmp_path / "ran", tmp_path / "program"
    program.write_text(f"#!/bin/sh\ntouch {ran}\ncat\n")
    program.chmod(0o755)
    repository.commit("one")
    for number, name in enumerate(("", "a.b", "A B", "clean", 'q"uote')):
        repository.git("config", f"filter.{name}.clean", str(program))
        repository.write(f"host{number}\n", f"inventory/{number}.yml")
    repository.commit("two")
    lines = [f"{number}.yml filter={name}" for number, name in enumerate(("", "a.b", "A B", "clean", 'q"uote'))]
    repository.write("\n".join(lines) + "\n", ".git/info/attributes")
    ran.unlink(missing_ok=True)
    for number in range(5):
        os.utime(repository.inventory / f"{number}.yml", (1, 1))
    everything(repository)
    assert not ran.exists()


def test_nothing_is_written_into_the_repository(repository):
    repository.commit("one")
    os.utime(repository.inventory / "hosts.yml", (1, 1))  # git would refresh its index
    before = {path: path.stat().st_mtime_ns for path in repository.path.rglob("*")}
    assert not everything(repository)[2]
    assert {path: path.stat().st_mtime_ns for path in repository.path.rglob("*")} == before


def test_within_a_hook_of_another_repository_it_is_that_of_the_inventory(repository, tmp_path, monkeypatch):
    commit = repository.commit("one")
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere.git"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(tmp_path / "index"))
    assert everything(repository)[:3] == (str(repository.path), commit, False)


def test_a_repository_of_another_user(repository, monkeypatch):
    repository.commit("one")
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    with pytest.raises(GitError, match=r"belongs to another user \(git's safe.directory\)"):
        Git(repository.path).top()


def test_no_git_and_no_answer(repository, tmp_path, monkeypatch):
    slow = tmp_path / "bin"
    slow.mkdir()
    monkeypatch.setenv("PATH", str(slow))
    with pytest.raises(GitError, match="git is not installed on this controller"):
        Git(repository.path).top()
    (slow / "git").write_text("#!/bin/sh\nkill -STOP $$\n")
    (slow / "git").chmod(0o755)
    monkeypatch.setattr(module, "_SECONDS", 0.2)
    with pytest.raises(GitError, match="git did not answer within"):
        Git(repository.path).top()


def test_a_folder_in_no_repository(tmp_path, repository):
    assert Git(tmp_path).top() is None
