"""Which checkout is older than what is served: by git, by numbers, or as far as anybody can tell."""

from __future__ import annotations

import os
import shutil

import pytest
from ansible_collections.kindling.flatcar.plugins.module_utils._generation import publishings
from ansible_collections.kindling.flatcar.plugins.plugin_utils._checkout import checkout as module
from ansible_collections.kindling.flatcar.plugins.plugin_utils._checkout.checkout import judge, look


class BootHost:
    """What a boot host notes. An inventory's files are the generation: each that says something else is another one."""

    def __init__(self, root):
        self.root, self.served = root, None
        root.mkdir()

    @property
    def known(self):
        return {
            "served": publishings.publishing_of(self.root, self.served),
            "numbers": publishings.numbers(self.root),
        }

    def judge(self, inventory):
        return judge(look([str(inventory)]), self.known)

    def publish(self, inventory, older=False):
        found = look([str(inventory)])
        judgement = judge(found, self.known)
        assert older or not judgement.older, judgement.older
        if (inventory / "hosts.yml").read_text().split("#")[0] == self.served:
            if judgement.confirms or judgement.older:
                publishings.confirm(self.root, self.served, found.note(), "later")
        else:
            self.served = (inventory / "hosts.yml").read_text().split("#")[0]
            publishings.add(self.root, self.served, found.note(), "then")
        return judgement


@pytest.fixture
def boot_host(tmp_path):
    return BootHost(tmp_path / "fleet")


def at(inventory, when):
    for path in (inventory, *inventory.rglob("*")):
        os.utime(path, (when, when))


# By git -------------------------------------------------------------------------------------------------------------


def test_newer_commits_and_the_same_are_published(repository, boot_host):
    repository.commit("one")
    assert boot_host.publish(repository.inventory) == module.Judgement()
    assert boot_host.publish(repository.inventory) == module.Judgement()
    repository.commit("two")
    assert boot_host.publish(repository.inventory).note == ""


def test_an_older_commit_is_refused_with_all_that_is_known(repository, boot_host):
    first = repository.commit("one")
    boot_host.publish(repository.inventory)
    second = repository.commit("two")
    boot_host.publish(repository.inventory)
    repository.git("checkout", "--quiet", first)
    told = boot_host.judge(repository.inventory).older
    assert f"published at then by {module.who()}" in told
    assert f"from commit {second[:12]} (number 2)" in told
    assert f"This checkout is at commit {first[:12]}, which is older. Bring it up to date (git pull" in told
    assert "-e site_older=true" in told


def test_an_older_clone_does_not_even_know_the_newer_commit(repository, boot_host, tmp_path):
    repository.commit("one")
    clone = repository.clone(tmp_path / "clone")
    repository.commit("two")
    boot_host.publish(repository.inventory)
    assert "which does not come after that one" in boot_host.judge(clone.inventory).older
    clone.git("pull", "--quiet")
    assert boot_host.publish(clone.inventory) == module.Judgement()


def test_a_branch_that_lacks_what_is_served_is_refused(repository, boot_host):
    repository.commit("one")
    repository.git("checkout", "--quiet", "-b", "other")
    repository.commit("other")
    boot_host.publish(repository.inventory)
    repository.git("checkout", "--quiet", "main")
    repository.commit("two")
    assert "which does not come after that one" in boot_host.judge(repository.inventory).older
    repository.git("merge", "--quiet", "--strategy", "ours", "other")
    assert boot_host.judge(repository.inventory).older == ""


def test_an_older_one_that_was_meant_is_what_is_held_against_then(repository, boot_host):
    first = repository.commit("one")
    repository.commit("two")
    boot_host.publish(repository.inventory)
    repository.git("checkout", "--quiet", first)
    boot_host.publish(repository.inventory, older=True)
    assert boot_host.judge(repository.inventory).older == ""
    repository.git("checkout", "--quiet", "main")
    assert boot_host.judge(repository.inventory).older == ""


def test_a_newer_commit_that_changes_nothing_is_what_older_ones_are_held_against(repository, boot_host):
    """As when a change was taken back: who has only the change must not bring it again."""
    repository.commit("one")
    boot_host.publish(repository.inventory)
    changed = repository.commit("two")
    repository.commit("one#again")
    assert boot_host.publish(repository.inventory).confirms
    repository.git("checkout", "--quiet", changed)
    assert "which is older" in boot_host.judge(repository.inventory).older


def test_after_a_rollback_the_newest_checkout_is_published_and_what_was_gone_back_to_as_well(repository, boot_host):
    first = repository.commit("one")
    boot_host.publish(repository.inventory)
    repository.commit("two")
    boot_host.publish(repository.inventory)
    boot_host.served = "one"
    assert boot_host.judge(repository.inventory).older == ""
    repository.git("checkout", "--quiet", first)
    assert boot_host.judge(repository.inventory).older == ""


def test_changes_that_are_in_no_commit_are_said(repository, boot_host):
    repository.commit("one")
    repository.write("mine", "inventory/host_vars/new.yml")
    boot_host.publish(repository.inventory)
    assert "with uncommitted changes" in publishings.in_words(boot_host.known["served"])
    shutil.rmtree(repository.inventory / "host_vars")
    assert "those changes are lost unless this checkout has them" in boot_host.judge(repository.inventory).note


def test_changes_elsewhere_in_the_repository_are_none_of_the_inventorys(repository, boot_host):
    repository.commit("one")
    repository.write("x", "notes.txt")
    assert not look([str(repository.inventory)]).dirty


def test_an_inventory_that_the_repository_does_not_have_is_in_none(repository):
    repository.commit("readme", "README")
    repository.write("mine")
    found = look([str(repository.inventory)])
    assert (found.commit, found.unknown) == (None, "")
    assert found.says


def test_an_inventory_that_is_one_file_has_what_lies_beside_it(repository):
    commit = repository.commit("one")
    repository.commit("x", "inventory/group_vars/all.yml")
    source = str(repository.inventory / "hosts.yml")
    before = look([source])
    assert not before.dirty
    repository.write("y", "inventory/group_vars/all.yml")
    after = look([source])
    assert after.dirty
    assert after.says != before.says
    repository.git("checkout", "--quiet", "--force", commit)
    assert look([source]).commit == commit


def test_sources_outside_of_the_repository_are_none_of_gits(repository, tmp_path):
    commit = repository.commit("one")
    (tmp_path / "more.yml").write_text("x")
    found = look([str(repository.inventory), str(tmp_path / "more.yml")])
    assert (found.commit, found.dirty, found.unknown) == (commit, False, "")
    (tmp_path / "linked").symlink_to(repository.inventory)
    assert look([str(tmp_path / "linked" / "hosts.yml")]).commit == commit


def test_sources_in_two_repositories(repository, tmp_path):
    repository.commit("one")
    clone = repository.clone(tmp_path / "clone")
    found = look([str(repository.inventory), str(clone.inventory)])
    assert (found.commit, found.unknown) == (None, "the inventory's sources are in several repositories")


def test_a_repository_without_any_commit(repository):
    repository.write("one")
    repository.git("add", ".")
    found = look([str(repository.inventory)])
    assert (found.commit, found.dirty) == (None, True)


def test_the_name_that_git_has_is_told_without_what_a_terminal_obeys(repository):
    repository.commit("one")
    repository.git("config", "user.name", "Eve\x1b[2J")
    assert look([str(repository.inventory)]).who == f"{module.who()} (Eve?[2J)"


# Where git cannot tell ------------------------------------------------------------------------------------------------


def test_a_shallow_clone_goes_on_and_says_so(repository, boot_host, tmp_path):
    repository.commit("one")
    boot_host.publish(repository.inventory)
    for number in range(3):
        repository.commit(f"more {number}")
    shallow = repository.clone(tmp_path / "shallow", "--depth=1")
    judgement = boot_host.judge(shallow.inventory)
    assert judgement.older == ""
    assert "It cannot be determined whether this checkout is older: it is at commit" in judgement.note
    assert "shallow" in judgement.note
    assert not judgement.confirms


def test_a_shallow_clone_that_has_both_commits_can_tell(repository, boot_host, tmp_path):
    for number in range(4):
        repository.commit(f"{number}")
    shallow = repository.clone(tmp_path / "shallow", "--depth=2")
    boot_host.publish(shallow.inventory)
    shallow.git("checkout", "--quiet", "HEAD~1")
    assert "which is older" in boot_host.judge(shallow.inventory).older


@pytest.mark.parametrize(
    ("why", "message"), [("another user", "another user"), ("no git", "git is not installed on this controller")]
)
def test_a_repository_that_cannot_be_read_goes_on_and_says_so(
    repository, boot_host, tmp_path, monkeypatch, why, message
):
    repository.commit("one")
    boot_host.publish(repository.inventory)
    if why == "another user":
        monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    else:
        monkeypatch.setenv("PATH", str(tmp_path))
    judgement = boot_host.judge(repository.inventory)
    assert judgement.older == ""
    assert message in judgement.note


def test_commits_that_nobody_can_compare_are_not_forgotten(repository, boot_host, tmp_path):
    commit = repository.commit("one")
    boot_host.publish(repository.inventory)
    copy = tmp_path / "copy"
    shutil.copytree(repository.inventory, copy)
    (copy / "more").write_text("x")
    boot_host.publish(copy)
    assert boot_host.known["served"]["commit"] == commit
    assert "again" not in boot_host.known["served"]


# By numbers -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def plain(tmp_path):
    """Writes an inventory that is in no repository, or changes it."""

    def write(text, when, name="plain"):
        inventory = tmp_path / name
        inventory.mkdir(exist_ok=True)
        (inventory / "hosts.yml").write_text(text)
        at(inventory, when)
        return inventory

    return write


def test_without_git_nothing_is_said_while_all_is_well(plain, boot_host):
    for when, text in enumerate(("one", "two", "two", "three"), 1000):
        assert boot_host.publish(plain(text, when)).note == ""


def test_a_copy_of_what_was_published_before_is_refused(plain, boot_host, tmp_path):
    first = plain("one", 1000)
    boot_host.publish(first)
    old = tmp_path / "old"
    shutil.copytree(first, old)
    boot_host.publish(plain("two", 2000))
    told = boot_host.judge(old).older
    assert "(number 2)" in told
    assert (
        "This checkout is, file by file, what was published under the number 1, and no file in it is as new as that"
        in told
    )
    boot_host.publish(old, older=True)
    assert boot_host.known["served"]["number"] == 3
    assert boot_host.judge(plain("two", 2000)).older == ""


def test_two_people_who_copy_an_inventory_back_and_forth_are_not_stopped(plain, boot_host):
    boot_host.publish(plain("one", 1000, "ada"))
    boot_host.publish(plain("two", 2000, "bob"))
    boot_host.publish(plain("three", 3000, "ada"))
    boot_host.publish(plain("four", 3000, "bob"))


def test_who_takes_a_change_back_is_not_stopped(plain, boot_host):
    for when, text in enumerate(("one", "two", "one", "two"), 1000):
        boot_host.publish(plain(text, when))


def test_who_removes_the_newest_file_is_not_stopped(plain, boot_host):
    inventory = plain("one", 1000)
    boot_host.publish(inventory)
    (inventory / "more.yml").write_text("x")
    at(inventory, 2000)
    boot_host.publish(plain("two", 2000))
    (inventory / "more.yml").unlink()
    (inventory / "hosts.yml").write_text("one")
    os.utime(inventory / "hosts.yml", (1000, 1000))
    assert boot_host.judge(inventory).older == ""


def test_after_a_rollback_what_was_gone_back_from_is_not_older(plain, boot_host):
    boot_host.publish(plain("one", 1000))
    boot_host.publish(plain("two", 2000))
    boot_host.served = "one"
    assert boot_host.judge(plain("two", 2000)).older == ""


def test_a_boot_host_that_noted_nothing_yet_is_published_to(plain, boot_host):
    assert judge(look([str(plain("one", 1000))]), {"served": None, "numbers": {}}) == module.Judgement()
    assert judge(look([str(plain("one", 1000))]), {}) == module.Judgement()


def test_from_no_repository_to_one(plain, repository, boot_host):
    boot_host.publish(plain("one", 1000))
    repository.commit("one")
    judgement = boot_host.publish(repository.inventory)
    assert "it is not known from which commit that was published" in judgement.note
    assert boot_host.publish(repository.inventory).note == ""


def test_what_is_no_part_of_an_inventory_is_none_of_what_it_says(plain):
    inventory = plain("one", 1000)
    before = look([str(inventory)]).says
    for name in (".hosts.yml.swp", "hosts.yml~"):
        (inventory / name).write_text("x")
    (inventory / ".git").mkdir()
    assert look([str(inventory)]).says == before
    (inventory / "loop").symlink_to(inventory)
    assert look([str(inventory)]).says


def test_sources_that_are_no_files():
    found = look(["a,b,", "/nowhere/at/all"])
    assert (found.commit, found.says, found.unknown) == (None, None, "")
