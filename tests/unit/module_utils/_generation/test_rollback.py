"""Going back to what was served: in the order in which it was, checked before, and held after."""

from __future__ import annotations

import json
import os
import shutil
import time

import pytest
from ansible_collections.kindling.flatcar.plugins.module_utils._generation import history
from ansible_collections.kindling.flatcar.plugins.module_utils._generation.generation import GenerationError


def test_the_generation_before_is_gone_back_to(tree):
    first, second = tree.publish("a"), tree.publish("b")
    assert tree.served == second
    assert tree.back() == (first, True)
    assert (tree.served, tree.text) == (first, "a")
    assert tree.names == sorted([first, second])


def test_going_back_again_goes_back_further(tree):
    for text in "abc":
        tree.publish(text)
    tree.back()
    tree.back()
    assert tree.text == "a"
    with pytest.raises(GenerationError, match="no generation that was served before this one is left"):
        tree.back()
    assert tree.text == "a"


def test_what_was_gone_back_from_is_not_gone_back_to(tree):
    for text in "abc":
        tree.publish(text)
    tree.back()  # from the wrong c to b
    tree.generation.end_hold(tree.root)
    tree.publish("d")
    tree.back()
    assert tree.text == "b"


def test_a_name_or_its_beginning_leads_anywhere(tree):
    names = {text: tree.publish(text) for text in "abc"}
    tree.back(names["a"])
    assert tree.text == "a"
    tree.back(names["c"][:8])
    assert tree.text == "c"
    tree.back()
    assert tree.text == "b"


def test_the_same_fleet_may_come_again(tree):
    first, _, third = (tree.publish(text) for text in "aba")
    assert third == f"{first}.2"
    tree.back(first)
    assert tree.served == first
    with pytest.raises(GenerationError, match="2 generations have names that begin with"):
        tree.back(first[:8])


def test_one_that_was_removed_and_comes_again_follows_what_was_served_then(tree):
    for text in ("a", "b", "c", "a"):
        tree.publish(text, keep=2)
    tree.back()
    assert tree.text == "c"


@pytest.mark.parametrize("wanted", ["0", "z", "../../etc"])
def test_a_generation_that_is_not_there(tree, wanted):
    names = [tree.publish(text) for text in "ab"]
    wanted = "f" if wanted == "0" and names[0][0] == "0" else wanted
    if any(name.startswith(wanted) for name in names):
        pytest.skip("the digests happen to begin so")
    with pytest.raises(GenerationError, match=f"there is no generation whose name begins with {wanted}") as error:
        tree.back(wanted)
    assert all(name in str(error.value) for name in names)
    assert tree.text == "b"
    assert not tree.is_held


def test_nothing_to_go_back_to(tree):
    with pytest.raises(GenerationError, match="There is none"):
        tree.back()
    name = tree.publish("a")
    with pytest.raises(GenerationError, match=f"no generation that was served before.*{name}.*is served"):
        tree.back()


def test_a_damaged_generation_is_not_switched_to(tree):
    first, second = tree.publish("a"), tree.publish("b")
    (tree.root / "generations" / first / "web/boot.ipxe").write_text("gone bad")
    with pytest.raises(GenerationError, match=f"{first} is damaged: its files have the digest") as error:
        tree.back()
    assert second in str(error.value)
    assert (tree.served, tree.is_held) == (second, False)


def test_a_generation_without_its_release_is_not_switched_to(tree):
    tree.publish("a")
    tree.publish("b")
    shutil.rmtree(tree.images / "amd64-usr")
    with pytest.raises(GenerationError, match=r"amd64-usr 4593\.2\.5.*flatcar_images_extra"):
        tree.back()
    assert (tree.text, tree.is_held) == ("b", False)


def test_a_try_tells_the_same_and_changes_nothing(tree):
    first, second = tree.publish("a"), tree.publish("b")
    before = (tree.root / history.FILE).read_bytes()
    assert tree.back(dry=True) == (first, True)
    assert (tree.served, tree.is_held) == (second, False)
    assert (tree.root / history.FILE).read_bytes() == before
    with pytest.raises(GenerationError):
        tree.back("nosuch", dry=True)


# Held --------------------------------------------------------------------------------------------------------------


def test_nothing_is_published_over_a_rollback(tree):
    tree.publish("a")
    tree.publish("b")
    tree.back()
    with pytest.raises(GenerationError, match=r"has been held since .*site_hold=false.*site_hold=true"):
        tree.publish("c")
    assert tree.text == "a"
    assert tree.generation.end_hold(tree.root, dry=True)
    assert tree.is_held
    assert tree.generation.end_hold(tree.root)
    assert not tree.generation.end_hold(tree.root)
    tree.publish("c")
    assert tree.text == "c"


def test_what_is_served_can_be_held_by_its_name(tree):
    name = tree.publish("a")
    assert tree.back(name) == (name, True)
    assert tree.is_held
    assert tree.back(name) == (name, False)


def test_a_hold_is_none_while_another_generation_is_served(tree):
    """As after a run that was killed between noting and switching."""
    names = [tree.publish(text) for text in "ab"]
    history.write(tree.root, history.read(tree.root, names[1]).served(names[0]).hold(names[0], "then"))
    assert not tree.is_held
    assert tree.generation.served_history(tree.root)[0].current == names[1]


# What is kept ------------------------------------------------------------------------------------------------------


def test_what_was_gone_back_to_is_not_the_next_to_go(tree):
    names = [tree.publish(text, keep=3) for text in "abc"]
    tree.back(names[0])
    tree.generation.end_hold(tree.root)
    fourth = tree.publish("d", keep=3)
    assert tree.names == sorted([names[0], names[2], fourth])
    tree.back()
    assert tree.text == "a"


def test_no_clock_decides_what_is_kept(tree, monkeypatch):
    times = iter([2_000_000_000, 1_000_000_000, 1_900_000_000, 3_000_000_000, 0])
    monkeypatch.setattr(time, "gmtime", lambda real=time.gmtime: real(next(times)))
    names = []
    for text in "abcde":
        names.append(tree.publish(text, keep=3))
        os.utime(tree.root / "generations" / names[-3:][0], (4e9, 4e9))  # its ctime becomes the newest, too
    assert tree.names == sorted(names[2:])
    record, there = tree.generation.served_history(tree.root)
    assert [entry.name for entry in record.entries if entry.name in there] == names[2:]
    assert record.before(names[4], there) == names[3]


def test_the_listing_says_what_each_is(tree, monkeypatch):
    times = iter(range(1_700_000_000, 1_800_000_000, 3600))
    monkeypatch.setattr(time, "gmtime", lambda real=time.gmtime: real(next(times)))
    names = [tree.publish(text) for text in "abc"]
    tree.back()
    shutil.copytree(tree.root / "generations" / names[0], tree.root / "generations" / f"{names[0]}.2")
    assert tree.generation.listing(*tree.generation.served_history(tree.root)) == [
        f"{names[1]} switched to at 2023-11-15T01:13:20Z, is served, is held",
        f"{names[2]} switched to at 2023-11-15T00:13:20Z",
        f"{names[0]} switched to at 2023-11-14T22:13:20Z, is the one before it",
        f"{names[0]}.2 never served, as far as is known",
    ]


def test_the_listing_says_who_published_what_and_what_it_changed(tree):
    checkout = {"who": "ada on desk", "commit": "a" * 40, "dirty": True, "says": "s", "newest": 1.0}
    nodes_of = {"a": {}, "b": {"n1": {"version": "1"}}, "c": {"n1": {"version": "2"}}}
    for text, nodes in nodes_of.items():
        name = tree.publish(text, checkout=checkout if nodes else None)
        (tree.root / "generations" / name / "index.json").write_text(json.dumps({"nodes": nodes}))
    record, names = tree.generation.served_history(tree.root)
    lines = tree.generation.listing(record, names, tree.generation.told_of(tree.root, record))
    by = "by ada on desk from commit aaaaaaaaaaaa, with uncommitted changes"
    assert lines[0].endswith(f"{by} (number 3): n1: release 1 -> 2")
    assert ", is served, published at 2" in lines[0]
    assert lines[1].endswith(f"{by} (number 2): n1 added")
    assert lines[2].endswith("by an unknown user from an unknown commit (number 1)")


def test_what_is_known_of_the_checkout_changes_nothing_of_what_is_served(tree):
    name = tree.publish("a", checkout={"who": "ada", "commit": "a" * 40, "says": "s"})
    other = tree.publish("a", checkout={"who": "bob", "commit": "b" * 40, "says": "t"})
    assert other == f"{name}.2"
    assert tree.served == other


def test_the_same_is_noted_of_what_is_served(tree):
    name = tree.publish("a", checkout={"who": "ada", "commit": "a" * 40, "says": "s"})
    tree.generation.confirm(tree.root, {"who": "bob", "commit": "b" * 40, "says": "t"})
    known = tree.generation.published(tree.root)
    assert (known["served"]["generation"], known["served"]["again"]["commit"]) == (name, "b" * 40)
    assert known["numbers"] == {"s": 1, "t": 1}
    assert (tree.served, tree.is_held) == (name, False)


def test_where_nothing_is_served_nothing_is_noted(tree):
    tree.generation.confirm(tree.root, {"who": "bob", "commit": "b" * 40, "says": "t"})
    assert tree.generation.published(tree.root) == {"served": None, "numbers": {}}


# The file ----------------------------------------------------------------------------------------------------------


def test_without_the_file_the_symlink_says_what_is_served(tree):
    names = [tree.publish(text) for text in "ab"]
    (tree.root / history.FILE).unlink()
    record, there = tree.generation.served_history(tree.root)
    assert (record.current, there) == (names[1], sorted(names))
    with pytest.raises(GenerationError, match="Name one"):
        tree.back()
    tree.back(names[0])
    assert tree.text == "a"


@pytest.mark.parametrize("text", ["", "{}", "[1", '{"generations": [{"x": 1}], "held": null, "held_since": null}'])
def test_a_file_that_we_did_not_write_is_named(tree, text):
    tree.publish("a")
    (tree.root / history.FILE).write_text(text)
    with pytest.raises(GenerationError, match=r"history\.json is damaged: remove it"):
        tree.publish("b")
    assert tree.text == "a"


def test_the_file_holds_what_is_there_and_no_more(tree):
    for number in range(12):
        tree.publish(str(number), keep=3)
    assert len(json.loads((tree.root / history.FILE).read_text())["generations"]) <= 4
