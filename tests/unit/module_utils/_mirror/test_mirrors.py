"""A list of mirrors of which some fail, lie, stand still or have half a release; and what is told of them."""

from __future__ import annotations

import json
import time

import pytest
from ansible_collections.kindling.flatcar.plugins.module_utils._mirror.channels import notes, read_channels
from ansible_collections.kindling.flatcar.plugins.module_utils._mirror.progress import describe_mirrors
from conftest import BOARD, DAY, NEW, OLD
from release_server import DISK_IMAGE, KERNEL, PXE_IMAGE, Fault, ReleaseServer, make_contents, make_kernel, make_release

pytestmark = pytest.mark.slow

STABLE = {"board": BOARD, "channel": "stable"}
INSTALL = [{**STABLE, "install": True}]


@pytest.fixture
def second(site):
    """Another mirror, on which a test may offer what it likes."""
    server = ReleaseServer()
    other = type(site)(site.root, server, site.key, site.make)
    other.good = site.good
    yield other
    server.close()


def mirrors(*sites) -> list[str]:
    return [f"{site.server.url}/{{channel}}/{{board}}" for site in sites]


def lie_older_release(site, _keys):
    for name, content in site.make(OLD).items():
        if not name.startswith("version.txt"):
            site.server.files[site.path(name)] = content


def lie_other_board(site, _keys):
    for name, content in site.make(NEW, "arm64-usr").items():
        site.server.files[site.path(name)] = content


def lie_signed_long_ago(site, keys):
    contents = {name: site.server.files[site.path(name)] for name in (KERNEL, PXE_IMAGE, DISK_IMAGE)}
    files = make_release(NEW, lambda data: keys.ours.sign(data, keys.good, at=time.time() - 20 * DAY), contents)
    for name in (DISK_IMAGE, f"{DISK_IMAGE}.sig"):
        site.server.files[site.path(name)] = files[name]


def lie_other_signature(site, _keys):
    site.server.files[site.path(f"{KERNEL}.sig")] = site.server.files[site.path(f"{PXE_IMAGE}.sig")]


def lie_stranger(site, keys):
    contents = make_contents(NEW, BOARD)
    site.server.add_release(
        "stable",
        BOARD,
        NEW,
        make_release(NEW, lambda data: keys.stranger.sign(data, keys.stranger_sub), contents),
    )


def fail_half(site, _keys):
    site.server.faults[site.path(PXE_IMAGE)] = Fault("reset", after=50_000)


def fail_missing(site, _keys):
    site.server.faults[site.path(KERNEL)] = Fault("status", status=404)


def fail_forbidden(site, _keys):
    for name in site.make(NEW):
        site.server.faults[site.path(name)] = Fault("status", status=403)


FAILS = {
    name.partition("_")[2]: function
    for name, function in globals().items()
    if name.startswith(("lie_", "fail_")) and callable(function)
}


@pytest.mark.parametrize("name", FAILS)
def test_where_a_mirror_fails_or_lies_the_next_is_tried(name, site, second, keys):
    site.serve_old()
    site.offer(NEW)
    second.offer(NEW)
    FAILS[name](site, keys)
    outcome = site.run(wanted=INSTALL, mirrors=mirrors(site, second))
    assert not outcome.problems
    assert outcome.images[0]["version"] == NEW
    assert outcome.images[0]["present"]
    site.assert_nothing_unverified()
    first, other = outcome.mirrors
    assert first["problems"]
    assert not other["problems"]
    assert f"{BOARD}/{NEW}/{PXE_IMAGE}" in other["gave"] or name == "other_signature"
    assert any(f"{site.server.url}/" in warning and "was skipped" in warning for warning in outcome.warnings)
    assert not site.run(wanted=INSTALL, mirrors=mirrors(site, second)).changed


@pytest.mark.parametrize("name", ["older_release", "other_board", "signed_long_ago"])
def test_what_all_mirrors_lie_of_is_refused_and_each_is_named(name, site, second, keys):
    before = site.serve_old()
    for one in (site, second):
        one.offer(NEW)
        FAILS[name](one, keys)
    outcome = site.run(wanted=[*INSTALL, {**STABLE, "version": OLD}], mirrors=mirrors(site, second))
    problem = " | ".join(outcome.problems)
    assert all(one.server.url in problem for one in (site, second))
    assert {path: value for path, value in site.tree().items() if path in before} == before
    assert f"{BOARD}/{NEW}" not in site.releases()
    assert not list(site.work.glob("unpacked-*"))
    site.assert_nothing_unverified()


def test_mirrors_may_be_text_with_commas(site, second, start_module):
    second.offer(NEW)
    text = f"{site.server.url}/{{channel}}/{{board}}, {second.server.url}/{{channel}}/{{board}},"
    result = json.loads(start_module(mirrors=text).communicate()[0])
    assert not result.get("failed"), result
    assert [mirror["mirror"] for mirror in result["mirrors"]] == mirrors(site, second)


def test_the_lines_at_the_end_say_which_mirror_gave_what():
    told = describe_mirrors(
        [{"mirror": "a", "gave": ["x", "y"], "problems": []}, {"mirror": "b", "gave": [], "problems": ["z"]}]
    )
    assert told == ["a gave x, y"]


def test_without_network_the_message_names_the_variables(site):
    outcome = site.run(mirrors=["http://127.0.0.1:1/a", "http://127.0.0.1:2/b"], proxy="")
    for words in ("No mirror can be reached", "flatcar_images_mirrors", "http://127.0.0.1:1/a", "flatcar_images_proxy"):
        assert words in outcome.problems[0]


def test_a_proxy_that_does_not_answer_is_named_without_its_password(site):
    site.offer(NEW)
    outcome = site.run(proxy="http://me:secret@127.0.0.1:1")
    assert "flatcar_images_proxy (now http://***@127.0.0.1:1)" in outcome.problems[0]
    assert "secret" not in outcome.problems[0]


def test_a_key_that_cannot_be_fetched_names_its_variables(site):
    site.offer(NEW)
    outcome = site.run(key="http://127.0.0.1:1/key.asc")
    for words in ("signing key cannot be fetched", "flatcar_images_key", "flatcar_images_proxy"):
        assert words in outcome.problems[0]
    assert "No mirror can be reached" not in outcome.problems[0]


# Standing still ----------------------------------------------------------------------------------------------------


def freeze(site, keys, version: str, days: int, channel: str = "stable") -> None:
    """The channel's newest release, and all its signatures, are so old."""
    contents = make_contents(version, BOARD)
    at = time.time() - days * DAY
    files = make_release(version, lambda data: keys.ours.sign(data, keys.good, at=at), contents)
    for directory in ("current", version):
        site.server.add_release(channel, BOARD, directory, files)


@pytest.mark.parametrize(
    ("channel", "version", "days", "changes", "variable"),
    [
        ("stable", NEW, 31, {}, "flatcar_images_stale_days (30)"),
        ("stable", NEW, 29, {}, None),
        ("stable", NEW, 150, {"stale_days": 0}, None),
        ("beta", "4757.1.0", 8, {"stale_days": 7}, "flatcar_images_stale_days (7)"),
        ("lts", "4081.3.10", 60, {}, None),
        ("lts", "4081.3.10", 91, {}, "flatcar_images_stale_days_lts (90)"),
    ],
)
def test_a_mirror_that_does_not_move_is_told(channel, version, days, changes, variable, site, keys):
    freeze(site, keys, version, days, channel)
    outcome = site.run(wanted=[{"board": BOARD, "channel": channel}], **changes)
    assert not outcome.problems
    assert outcome.channels[0]["age_days"] == days
    if variable is None:
        assert outcome.warnings == []
    else:
        assert len(outcome.warnings) == 1
        for words in (variable, f"{days} days ago", "may be frozen", site.server.url, "flatcar_images_mirrors"):
            assert words in outcome.warnings[0]


def test_beside_a_mirror_that_stands_still_the_others_are_asked(site, second, keys):
    freeze(site, keys, OLD, 40)
    second.offer(NEW)
    outcome = site.run(mirrors=mirrors(site, second))
    assert outcome.images[0]["version"] == NEW
    assert f"names {OLD} as the current release" in " ".join(outcome.warnings)
    asked = len(second.server.requests)
    freeze(site, keys, "4593.2.6", 1)
    assert site.run(mirrors=mirrors(site, second)).images[0]["version"] == "4593.2.6"
    assert len(second.server.requests) == asked


def test_status_tells_what_became_old_since_the_last_run(site):
    site.offer(NEW)
    assert site.run().warnings == []
    entries = read_channels(site.work / "channels.json")
    assert notes(entries, time.time()) == []
    later = notes(entries, time.time() + 31 * DAY)
    assert len(later) == 1
    assert "flatcar_images_stale_days (30)" in later[0]


def test_status_tells_of_a_channel_that_went_back_and_forgets_it_afterwards(site):
    site.serve_old()
    site.point("4593.2.3")
    assert site.run().problems
    told = notes(read_channels(site.work / "channels.json"), time.time())
    assert len(told) == 1
    assert f"stays at {OLD}" in told[0]
    assert f"was already at {OLD} here" in told[0]
    site.offer(NEW)
    assert not site.run().problems
    assert notes(read_channels(site.work / "channels.json"), time.time()) == []


def test_a_stream_of_lts_is_not_given_for_another(site):
    """All of it is well signed, and newer than what is served."""
    stream = [{"board": BOARD, "channel": "lts-2023"}]
    site.offer("3510.3.8", channel="lts", current="current-2023")
    assert site.run(wanted=stream).images[0]["version"] == "3510.3.8"
    site.offer("4081.3.10", channel="lts", current="current-2023")
    outcome = site.run(wanted=stream)
    assert outcome.images == []
    assert "4081.3.10 is of another stream than lts-2023" in outcome.problems[0]
    assert "stays at 3510.3.8" in notes(read_channels(site.work / "channels.json"), time.time())[0]


# Whole -------------------------------------------------------------------------------------------------------------


def test_the_release_before_stays_in_use_while_the_newest_is_not_whole(site):
    before = site.serve_old()
    site.offer(NEW)
    files = dict(site.server.files)
    for name in site.make(NEW):
        if name.startswith((KERNEL, PXE_IMAGE)):
            del site.server.files[site.path(name)]
    outcome = site.run()
    assert not outcome.problems
    assert outcome.images[0]["version"] == OLD
    assert site.tree() == before
    entry = outcome.channels[0]
    assert (entry["version"], entry["newest"]) == (OLD, NEW)
    told = notes(read_channels(site.work / "channels.json"), time.time())
    assert f"{BOARD} stable stays at {OLD}, not {NEW}" in told[0]
    assert PXE_IMAGE in told[0]
    assert not site.run(check_mode=True).changed

    site.server.files = files
    assert site.run().images[0]["version"] == NEW
    assert notes(read_channels(site.work / "channels.json"), time.time()) == []


def test_a_release_that_was_named_and_was_not_whole_is_not_forgotten(site):
    site.serve_old()
    site.point(NEW)
    assert site.run().images[0]["version"] == OLD
    site.point(OLD)
    outcome = site.run()
    assert not outcome.problems
    assert f"name {OLD} now, after they named {NEW}" in outcome.warnings[0]
    assert f"name {OLD} now" in notes(read_channels(site.work / "channels.json"), time.time())[0]
    site.offer(NEW)
    assert site.run().warnings == []


def test_the_newest_is_had_from_the_mirror_that_has_it_whole(site, second):
    site.serve_old()
    site.offer(NEW)
    second.offer(NEW)
    del site.server.files[site.path(PXE_IMAGE)]
    assert site.run(mirrors=mirrors(site, second)).images[0]["version"] == NEW


def test_the_first_run_takes_the_newest_that_is_whole(site):
    site.offer("4593.2.3")
    site.offer(NEW)
    del site.server.files[site.path(KERNEL)]
    outcome = site.run()
    assert not outcome.problems
    assert outcome.images[0]["version"] == "4593.2.3"
    assert f"no mirror has all of {NEW}" in outcome.warnings[0]


def test_the_disk_image_of_an_exact_version_is_not_wanted_of_the_channels(site):
    site.offer(OLD)
    site.offer(NEW)
    del site.server.files[site.path(DISK_IMAGE)]
    outcome = site.run(wanted=[STABLE, {**STABLE, "version": OLD, "install": True}])
    assert not outcome.problems
    assert outcome.warnings == []
    assert sorted(len(item["files"]) for item in outcome.fetched) == [2, 3]


def test_an_exact_version_that_is_not_whole_is_a_problem(site):
    site.serve_old()
    site.offer(NEW)
    del site.server.files[site.path(KERNEL)]
    outcome = site.run(wanted=[{**STABLE, "version": NEW}])
    assert "incomplete" in outcome.problems[0]


def test_a_refused_release_is_told_by_status(site, keys):
    site.serve_old()
    site.offer(NEW)
    lie_older_release(site, keys)
    assert site.run().problems
    told = notes(read_channels(site.work / "channels.json"), time.time())
    assert f"stays at {OLD}, not {NEW}" in told[0]
    assert "another release" in told[0]


@pytest.mark.parametrize("content", ["", "[]", '{"a": 1}', '{"a": {"board": "b"}}', "\x00"])
def test_a_damaged_record_of_channels_is_none(content, tmp_path):
    (tmp_path / "channels.json").write_text(content)
    assert read_channels(tmp_path / "channels.json") == []


# Published before it was read ----------------------------------------------------------------------------------------


def published_earlier(site) -> None:
    record = site.images / BOARD / OLD / "release.json"
    content = json.loads(record.read_text())
    del content["kernel"]
    record.write_text(json.dumps(content | {"format": 1}))


def test_what_was_published_earlier_is_read_once(site):
    site.serve_old()
    published_earlier(site)
    assert site.run(check_mode=True).confirmed == [f"{BOARD}/{OLD}"]
    outcome = site.run()
    assert not outcome.problems
    assert outcome.confirmed == [f"{BOARD}/{OLD}"]
    assert outcome.changed
    assert site.path(PXE_IMAGE, OLD) not in site.server.asked()
    site.assert_nothing_unverified()
    assert not site.run().changed


def test_what_was_published_earlier_and_is_something_else_is_told(site):
    site.serve_old()
    for name in (KERNEL, PXE_IMAGE):
        content = site.make(OLD, "arm64-usr")[name]
        (site.images / BOARD / OLD / name).write_bytes(content)
    published_earlier(site)
    record = site.images / BOARD / OLD / "release.json"
    text = json.loads(record.read_text())
    for name in (KERNEL, PXE_IMAGE):
        text["files"][name]["size"] = (site.images / BOARD / OLD / name).stat().st_size
    record.write_text(json.dumps(text))
    problem = site.run().problems[0]
    assert "expected 'amd64-usr'" in problem
    assert f"remove {site.images / BOARD / OLD} and run again" in problem


def test_a_kernel_that_joins_is_held_against_the_image_that_is_served(site, keys):
    """What a killed run left of another image is not looked at instead."""
    site.serve_old()
    (site.images / BOARD / OLD / KERNEL).unlink()
    left = site.work / "ready" / BOARD / OLD
    left.mkdir(parents=True)
    (left / PXE_IMAGE).write_bytes(make_contents(OLD, BOARD)[PXE_IMAGE])
    contents = {KERNEL: make_kernel(BOARD, "6.6.150-flatcar")}
    files = make_release(OLD, lambda data: keys.ours.sign(data, keys.good), contents)
    site.server.add_release("stable", BOARD, OLD, files)
    assert "is Linux 6.6.150-flatcar" in site.run().problems[0]
    assert not (site.images / BOARD / OLD / KERNEL).exists()
    site.offer(OLD)
    assert not site.run().problems
    site.assert_nothing_unverified()


def test_a_channel_that_nobody_follows_any_more_is_not_told_of(site):
    site.serve_old()
    site.point("4593.2.3")
    assert site.run().problems
    assert not site.run(wanted=[{**STABLE, "version": OLD}]).problems
    assert read_channels(site.work / "channels.json") == []
