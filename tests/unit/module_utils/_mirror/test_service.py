"""Whole runs that go well: what is asked for, what is served, what is told."""

from __future__ import annotations

import os
import pathlib
import time

import pytest
from ansible_collections.kindling.flatcar.plugins.module_utils._mirror import service
from ansible_collections.kindling.flatcar.plugins.module_utils._mirror.errors import (
    ImageError,
    RequestError,
    StorageError,
)
from conftest import BOARD, DAY, NEW, OLD
from release_server import DISK_IMAGE, KERNEL, PXE_IMAGE, Fault, ReleaseServer, make_contents, make_release

pytestmark = pytest.mark.slow

STABLE = {"board": BOARD, "channel": "stable"}


def exact(version: str, **more) -> dict:
    return {**STABLE, "version": version, **more}


def test_first_run(site, keys):
    site.offer(NEW)
    outcome = site.run()
    assert outcome.changed
    assert not outcome.problems
    site.assert_nothing_unverified()
    image = outcome.images[0]
    assert {name: image[name] for name in ("board", "channel", "requested", "version", "install", "present")} == {
        "board": BOARD,
        "channel": "stable",
        "requested": "current",
        "version": NEW,
        "install": False,
        "present": True,
    }
    assert image["files"][KERNEL]["size"] == len(site.make(NEW)[KERNEL])
    assert len(image["files"][KERNEL]["sha512"]) == 128
    assert image["signing_key"] == keys.good
    assert image["age_days"] == 0
    assert outcome.downloaded == sum(len(site.make(NEW)[name]) for name in (KERNEL, PXE_IMAGE))
    assert outcome.links == [{"link": f"{BOARD}/current-stable", "before": "", "after": NEW}]


def test_nothing_to_do_downloads_only_what_tells_the_current_version(site):
    before = site.serve_old()
    outcome = site.run()
    assert not outcome.changed
    assert site.tree() == before
    paths = [path for _verb, path, _headers in site.server.requests]
    assert paths == [site.path("version.txt", "current"), site.path("version.txt.sig", "current")]


def test_an_exact_version_that_is_there_asks_nobody(site):
    site.serve_old()
    outcome = site.run(wanted=[exact(OLD)])
    assert not outcome.changed
    assert site.server.requests == []
    assert outcome.images[0]["version"] == OLD


def test_modes_do_not_depend_on_the_umask(site):
    site.offer(NEW)
    before = os.umask(0o077)
    try:
        site.run()
    finally:
        os.umask(before)
    modes = {path.stat().st_mode & 0o777 for path in site.images.rglob("*") if path.is_file()}
    assert modes == {0o644}
    assert {path.stat().st_mode & 0o777 for path in (site.images, *site.images.rglob("*")) if path.is_dir()} == {0o755}
    assert site.work.stat().st_mode & 0o777 == 0o700


def test_the_disk_image_joins_a_release_that_is_served(site):
    site.serve_old()
    kernel = (site.images / BOARD / OLD / KERNEL).stat()
    outcome = site.run(wanted=[{**STABLE, "install": True}])
    assert [item["files"] for item in outcome.fetched] == [{DISK_IMAGE: len(site.make(OLD)[DISK_IMAGE])}]
    assert (site.images / BOARD / OLD / f"{DISK_IMAGE}.sig").exists()
    assert (site.images / BOARD / OLD / KERNEL).stat() == kernel
    assert set(outcome.images[0]["files"]) == {KERNEL, PXE_IMAGE, DISK_IMAGE}
    site.assert_nothing_unverified()
    assert not site.run(wanted=[{**STABLE, "install": True}]).changed
    assert not site.run().changed


@pytest.mark.parametrize("damage", ["truncated", "no signature", "no record", "damaged record"])
def test_a_damaged_release_is_made_whole_again(site, damage):
    site.serve_old()
    release = site.images / BOARD / OLD
    if damage == "truncated":
        os.truncate(release / KERNEL, 1000)
    elif damage == "no signature":
        (release / f"{KERNEL}.sig").unlink()
    elif damage == "no record":
        (release / "release.json").unlink()
    else:
        (release / "release.json").write_text('{"files": {"flatcar_production_pxe.vmlinuz": 1}}')
        (site.work / "served.json").write_text('{"amd64-usr/4593.2.4": "yesterday"}')
    assert site.run().changed
    site.assert_nothing_unverified()
    assert not site.run().changed


def test_boards_channels_and_streams(site):
    site.offer(NEW)
    site.offer(NEW, board="arm64-usr")
    site.offer("4757.1.0", channel="beta", current="")
    site.offer("4081.3.10", channel="lts", current="current-2024")
    outcome = site.run(
        wanted=[
            STABLE,
            {**STABLE, "board": "arm64-usr"},
            {"board": BOARD, "channel": "beta", "version": "4757.1.0"},
            {"board": BOARD, "channel": "lts-2024"},
            exact(NEW),
        ],
        parallel=4,
    )
    assert not outcome.problems
    assert site.releases() == [
        "amd64-usr/4081.3.10",
        f"amd64-usr/{NEW}",
        "amd64-usr/4757.1.0",
        f"arm64-usr/{NEW}",
    ]
    links = {name: value for name, value in site.tree().items() if value.startswith("-> ")}
    assert links == {
        "amd64-usr/current-lts-2024": "-> 4081.3.10",
        "amd64-usr/current-stable": f"-> {NEW}",
        "arm64-usr/current-stable": f"-> {NEW}",
    }
    assert len(outcome.images) == 5
    assert site.server.asked().count(site.path("version.txt", "current")) == 1


def test_one_bad_release_does_not_keep_the_others_away(site):
    site.offer(NEW)
    site.offer(NEW, board="arm64-usr")
    site.server.faults[site.path(KERNEL)] = Fault("status", status=404)
    outcome = site.run(wanted=[STABLE, {**STABLE, "board": "arm64-usr"}])
    assert len(outcome.problems) == 1
    assert site.releases() == [f"arm64-usr/{NEW}"]


def test_check_mode_tells_and_touches_nothing(site):
    site.offer(NEW)
    outcome = site.run(check_mode=True)
    assert outcome.changed
    assert not site.images.exists()
    assert not site.work.exists()
    assert outcome.images[0]["version"] == NEW
    assert outcome.images[0]["present"] is False
    assert outcome.images[0]["files"][KERNEL]["size"] == len(site.make(NEW)[KERNEL])
    assert outcome.fetched[0]["files"] == {name: len(site.make(NEW)[name]) for name in (KERNEL, PXE_IMAGE)}
    assert outcome.downloaded == 0
    assert site.path(KERNEL) not in site.server.asked()
    done = site.run()
    assert (done.fetched, done.links, done.removed) == (outcome.fetched, outcome.links, outcome.removed)
    assert not site.run(check_mode=True).changed


def test_check_mode_tells_what_would_be_removed(site):
    site.serve_old()
    site.offer(NEW)
    settings = {"keep": 1, "keep_days": 0}
    told = site.run(check_mode=True, **settings)
    assert told.removed == [f"{BOARD}/{OLD}"]
    assert site.releases() == [f"{BOARD}/{OLD}"]
    done = site.run(**settings)
    assert done.removed == told.removed
    assert site.releases() == [f"{BOARD}/{NEW}"]
    site.assert_nothing_unverified()


# Mirrors -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def second():
    server = ReleaseServer()
    yield server
    server.close()


def test_a_transfer_moves_on_to_the_next_mirror(site, second):
    site.offer(NEW)
    second.files = dict(site.server.files)
    site.server.faults[site.path(PXE_IMAGE)] = Fault("reset", after=50_000)
    mirrors = [f"{server.url}/{{channel}}/{{board}}" for server in (site.server, second)]
    assert not site.run(mirrors=mirrors).problems
    assert second.asked() == [site.path(PXE_IMAGE)]
    assert second.requests[0][2]["Range"].startswith("bytes=")
    site.assert_nothing_unverified()


def test_a_stale_or_broken_mirror_is_passed_over(site, second):
    site.serve_old()
    site.point("4593.2.3")
    second_site = type(site)(site.root, second, site.key, site.make)
    second_site.offer(NEW)
    site.good |= second_site.good
    mirrors = ["http://127.0.0.1:1/", *(f"{server.url}/{{channel}}/{{board}}" for server in (site.server, second))]
    outcome = site.run(mirrors=mirrors)
    assert not outcome.problems
    assert outcome.images[0]["version"] == NEW


def test_a_bad_copy_on_one_mirror_is_replaced_by_the_next(site, second):
    site.offer(NEW)
    second.files = dict(site.server.files)
    site.server.files[site.path(PXE_IMAGE)] = b"x" * len(site.make(NEW)[PXE_IMAGE])
    mirrors = [f"{server.url}/{{channel}}/{{board}}" for server in (site.server, second)]
    assert not site.run(mirrors=mirrors).problems
    site.assert_nothing_unverified()


def test_a_directory_as_mirror(site, tmp_path):
    site.offer(NEW)
    for path, content in site.server.files.items():
        place = tmp_path / "usb" / path.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
    outcome = site.run(mirrors=[f"file://{tmp_path}/usb/{{channel}}/{{board}}"])
    assert not outcome.problems
    assert site.server.requests == []
    site.assert_nothing_unverified()


def test_redirects_to_another_host(site, second):
    site.offer(NEW)
    for path, content in list(site.server.files.items()):
        second.files[f"/cdn{path}"] = content
        site.server.faults[path] = Fault("redirect", target=f"http://localhost:{second.port}/cdn{path}")
    assert not site.run().problems
    site.assert_nothing_unverified()


def test_a_kernel_without_signature_of_its_own(site, keys):
    """Releases of spring 2024: the PXE kernel is signed as the disk image's kernel, which is the same bytes."""
    contents = make_contents(NEW, BOARD)
    twin = "flatcar_production_image.vmlinuz"
    contents[twin] = contents.pop(KERNEL)
    files = make_release(NEW, lambda data: keys.ours.sign(data, keys.good), contents)
    files[KERNEL] = contents[twin]
    site.server.add_release("stable", BOARD, NEW, files)
    outcome = site.run(wanted=[exact(NEW)])
    assert not outcome.problems
    assert (site.images / BOARD / NEW / f"{KERNEL}.sig").read_bytes() == files[f"{twin}.sig"]


# Channels that move ------------------------------------------------------------------------------------------------


def test_a_channel_may_go_back_if_the_operator_says_so(site):
    site.offer(NEW)
    site.run()
    site.offer(OLD)
    assert site.run().problems
    outcome = site.run(allow_older=True)
    assert not outcome.problems
    assert outcome.links == [{"link": f"{BOARD}/current-stable", "before": NEW, "after": OLD}]


def test_an_exact_older_version_can_always_be_had(site):
    site.offer(NEW)
    site.run()
    site.offer(OLD, current="")
    outcome = site.run(wanted=[exact(OLD)])
    assert not outcome.problems
    assert (site.images / BOARD / "current-stable").readlink() == pathlib.Path(NEW)


def test_the_link_is_flipped_after_the_release_is_there(site, monkeypatch):
    site.serve_old()
    site.offer(NEW)
    seen = []
    flip = service.Store.flip

    def watch(store, board, channel, version):
        seen.append(site.releases())
        flip(store, board, channel, version)

    monkeypatch.setattr(service.Store, "flip", watch)
    site.run()
    assert seen == [[f"{BOARD}/{OLD}", f"{BOARD}/{NEW}"]]


# Retention ---------------------------------------------------------------------------------------------------------


def test_what_was_served_lately_is_kept(site):
    site.serve_old()
    site.offer(NEW)
    site.run(keep=1, keep_days=14)
    assert site.releases() == [f"{BOARD}/{OLD}", f"{BOARD}/{NEW}"]
    assert site.run(keep=1, keep_days=14).removed == []


def test_what_a_node_uses_is_kept(site):
    site.serve_old()
    site.offer(NEW)
    outcome = site.run(wanted=[STABLE, exact(OLD)], keep=1, keep_days=0)
    assert outcome.removed == []
    assert site.run(wanted=[STABLE], keep=1, keep_days=0).removed == [f"{BOARD}/{OLD}"]


def test_nothing_is_removed_while_a_wish_is_unresolved(site):
    site.serve_old()
    site.offer(NEW)
    site.run()
    site.server.faults[site.path("version.txt", "current")] = Fault("status", status=404)
    outcome = site.run(keep=1, keep_days=0)
    assert outcome.problems
    assert outcome.removed == []
    assert site.releases() == [f"{BOARD}/{OLD}", f"{BOARD}/{NEW}"]


def test_a_link_to_a_removed_release_goes_with_it(site):
    site.serve_old()
    site.offer("4757.1.0", channel="beta")
    site.run(wanted=[{"board": BOARD, "channel": "beta"}], keep=1, keep_days=0)
    assert f"{BOARD}/current-stable" in site.tree()
    site.offer(NEW, current="")
    site.run(wanted=[exact(NEW)], keep=1, keep_days=0)
    assert f"{BOARD}/current-stable" not in site.tree()
    site.assert_nothing_unverified()


def test_remains_of_unwanted_versions_are_cleared(site):
    site.serve_old()
    remains = site.work / "partial" / BOARD / "4000.2.0"
    remains.mkdir(parents=True)
    (remains / KERNEL).write_bytes(b"x")
    site.run()
    assert not remains.exists()


# The key -----------------------------------------------------------------------------------------------------------


def test_a_key_from_a_url_is_fetched_once_and_again_for_a_new_subkey(site, keys):
    url = f"{site.server.url}/key.asc"
    site.server.files["/key.asc"] = keys.ours.public()
    site.offer(OLD)
    assert not site.run(key=url).problems
    assert not site.run(key=url).problems
    assert site.server.asked().count("/key.asc") == 1

    rotated = keys.ours.copy()
    try:
        subkey = rotated.add_subkey(time.time() - 20 * DAY)
        contents = make_contents(NEW, BOARD)
        files = make_release(NEW, lambda data: rotated.sign(data, subkey), contents)
        for directory in ("current", NEW):
            site.server.add_release("stable", BOARD, directory, files)
        assert "newer key file" not in site.run(key=url).problems[0]
        site.server.files["/key.asc"] = rotated.public()
        outcome = site.run(key=url)
        assert not outcome.problems
        assert outcome.images[0]["signing_key"] == subkey
        assert site.server.asked().count("/key.asc") == 3
        assert not site.run(key=url).changed
        assert site.server.asked().count("/key.asc") == 3
    finally:
        rotated.close()


def test_an_older_key_file_does_not_undo_a_revocation(site, keys):
    """The kept key knows a revocation; the URL serves a file from before it when an unknown key makes us ask again."""
    url = f"{site.server.url}/key.asc"
    site.server.files["/key.asc"] = keys.ours.public()
    site.offer(OLD)
    assert not site.run(key=url).problems
    before = site.tree()
    site.server.files["/key.asc"] = keys.earlier.public()
    contents = make_contents(NEW, BOARD)
    files = make_release(NEW, lambda data: keys.stranger.sign(data, keys.stranger_sub), contents)
    for directory in ("current", NEW):
        site.server.add_release("stable", BOARD, directory, files)
    assert f"lacks the revocation of {keys.revoked}" in site.run(key=url).problems[0]
    assert site.tree() == before


def test_a_key_that_nears_its_end_is_announced(site, keys):
    site.serve_old()
    assert site.run().warnings == []
    warnings = site.run(key_warning_days=400).warnings
    assert len(warnings) == 1
    assert keys.good in warnings[0]
    assert "in 299 days" in warnings[0]


# Settings that make no sense ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"key_fingerprint": "E25D9AED0593B34A"}, "40 hexadecimal digits"),
        ({"mirrors": []}, "at least one mirror"),
        ({"keep": 0}, "at least 1"),
        ({"parallel": 0}, "at least 1"),
        ({"bandwidth": 1000}, "at least 65536"),
        ({"bandwidth": -1}, "at least 65536"),
    ],
)
def test_wrong_settings(site, changes, words):
    with pytest.raises(RequestError, match=words):
        site.run(**changes)


def test_a_work_directory_that_would_be_served_is_refused(site):
    site.offer(NEW)
    with pytest.raises(StorageError, match=r"web server would serve unverified files; set flatcar_images_work_dir"):
        site.run(work_dir=str(site.images / ".partial"))


@pytest.mark.parametrize(("tool", "package"), [("gpgv", "gpgv"), ("unsquashfs", "squashfs-tools")])
def test_a_missing_tool_is_named(tool, package, site, monkeypatch):
    monkeypatch.setattr(service.shutil, "which", lambda name: None if name == tool else f"/usr/bin/{name}")
    with pytest.raises(ImageError, match=rf"{tool} not installed.*install the Debian packages {package}"):
        site.run()
    outcome = site.run(check_mode=True)
    assert f"is not known: {tool} not installed" in outcome.warnings[0]
    assert outcome.images[0]["version"] == "current"
