"""Every fault of the issue's list, by a real server that misbehaves and the real curl and gpgv.

After each: what was served before is still served, nothing unverified is reachable, the message says what happened and
what to do, and the next good run completes.
"""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import resource
import signal
import subprocess
import threading
import time

import pytest
from ansible_collections.kindling.flatcar.plugins.module_utils._mirror.errors import ImageError, LockedError
from conftest import BOARD, DAY, NEW, OLD
from release_server import (
    DISK_IMAGE,
    KERNEL,
    PXE_IMAGE,
    Fault,
    digests_text,
    make_contents,
    make_kernel,
    make_pxe_image,
    make_release,
    make_usr,
    version_text,
)

pytestmark = pytest.mark.slow

PXE = [{"board": BOARD, "channel": "stable"}]
INSTALL = [{"board": BOARD, "channel": "stable", "install": True}]


def flip_bit(content: bytes) -> bytes:
    return content[:1000] + bytes([content[1000] ^ 1]) + content[1001:]


def resign(name):
    """A spoiler that replaces one file's signatures by those that ``sign`` makes."""

    def build(sign):
        def spoil(site, keys):
            files = site.server.files
            path = site.path(name)
            files[f"{path}.sig"] = sign(keys, files[path])

        return spoil

    return build


def replace(name, change):
    def spoil(site, _keys):
        site.server.files[site.path(name)] = change(site.server.files[site.path(name)])

    return spoil


def fault(name, kind, **options):
    def spoil(site, _keys):
        site.server.faults[site.path(name)] = Fault(kind, **options)

    return spoil


def fault_current(kind, **options):
    def spoil(site, _keys):
        site.server.faults[site.path("version.txt", "current")] = Fault(kind, **options)

    return spoil


def swap_names(site, _keys):
    """The kernel's address serves the PXE image, with the PXE image's good signature and digests."""
    for suffix in ("", ".sig", ".DIGESTS", ".DIGESTS.sig"):
        site.server.files[site.path(KERNEL + suffix)] = site.server.files[site.path(PXE_IMAGE + suffix)]


def other_digests(site, keys):
    """DIGESTS of the right name, and well signed, but of other content."""
    text = digests_text(KERNEL, b"something else")
    site.server.files[site.path(f"{KERNEL}.DIGESTS")] = text
    site.server.files[site.path(f"{KERNEL}.DIGESTS.sig")] = keys.ours.sign(text, keys.good)


def older_file(site, keys):
    """An old kernel with its own old signatures, which are good, in the new release's place."""
    content = os.urandom(200_000)

    def sign_long_ago(data):
        return keys.ours.sign(data, keys.good, at=time.time() - 150 * DAY)

    for name, data in make_release(NEW, sign_long_ago, {KERNEL: content}).items():
        if name.startswith(KERNEL):
            site.server.files[site.path(name)] = data


def other_content(contents):
    """The new release's place has other content, well signed today under the right names."""

    def spoil(site, keys):
        files = make_release(NEW, lambda data: keys.ours.sign(data, keys.good), contents())
        site.server.add_release("stable", BOARD, NEW, files)

    return spoil


def older_release(site, _keys):
    """All files of the release before, with the new one's version.txt."""
    for name, content in site.make(OLD).items():
        if not name.startswith("version.txt"):
            site.server.files[site.path(name)] = content


def other_board(site, _keys):
    for name, content in site.make(NEW, "arm64-usr").items():
        site.server.files[site.path(name)] = content


def pxe_of(usr):
    return {PXE_IMAGE: make_pxe_image(usr)}


def signed_four_days_before(name):
    def spoil(site, keys):
        content = site.server.files[site.path(name)]
        at = time.time() - 4 * DAY
        for path, data in make_release(
            NEW, lambda data: keys.ours.sign(data, keys.good, at=at), {name: content}
        ).items():
            if path.startswith(name):
                site.server.files[site.path(path)] = data

    return spoil


def point_to(version):
    def spoil(site, _keys):
        site.point(version)

    return spoil


def other_release_inside(site, _keys):
    for name, content in site.make(OLD).items():
        site.server.files[site.path(name)] = content


def unofficial_build(site, keys):
    text = version_text(NEW).replace(b"FLATCAR_VERSION=4593.2.5", b"FLATCAR_VERSION=4593.2.5+dirty")
    site.server.files[site.path("version.txt", "current")] = text
    site.server.files[site.path("version.txt.sig", "current")] = keys.ours.sign(text, keys.good)


SPOILERS = {
    "truncated body": (fault(PXE_IMAGE, "truncate", after=100_000), ["closed the connection", PXE_IMAGE]),
    "truncated body without a length": (
        fault(PXE_IMAGE, "short", after=100_000),
        ["ended the file at 100000 of", "cannot resume a file"],
    ),
    "more than was told": (replace(f"{KERNEL}.DIGESTS", lambda text: text * 200_000), ["larger than expected"]),
    "flipped bit": (replace(PXE_IMAGE, flip_bit), ["does not match the file", "refused and removed", PXE_IMAGE]),
    "flipped bit in the disk image": (replace(DISK_IMAGE, flip_bit), ["does not match the file", DISK_IMAGE]),
    "flipped bit in version.txt": (replace("version.txt", lambda text: b"#" + text), ["does not match", "version.txt"]),
    "another file's signature": (
        resign(KERNEL)(lambda keys, _content: keys.ours.sign(b"another file", keys.good)),
        ["does not match the file", KERNEL],
    ),
    "another file under this name": (swap_names, ["expected one SHA512 line for", KERNEL]),
    "digests of other content": (other_digests, ["the signed DIGESTS say", KERNEL]),
    "an old file in a new release": (older_file, ["days apart", "another release", KERNEL]),
    "an older release under the new name": (
        older_release,
        [f"VERSION_ID='{OLD}', expected '{NEW}'", "another release", "refused and removed", "flatcar_images_mirrors"],
    ),
    "another board's release": (
        other_board,
        ["FLATCAR_BOARD='arm64-usr', expected 'amd64-usr'", "is a kernel for arm64-usr", "refused and removed"],
    ),
    "a kernel of another release": (
        other_content(lambda: {KERNEL: make_kernel(BOARD, "6.6.150-flatcar")}),
        ["is Linux 6.6.150-flatcar", "modules of 6.12.102-flatcar"],
    ),
    "an image of another release": (
        other_content(lambda: pxe_of(make_usr(NEW, BOARD, "6.6.150-flatcar"))),
        ["is Linux 6.12.102-flatcar", "modules of 6.6.150-flatcar"],
    ),
    "a kernel of another board": (
        other_content(lambda: {KERNEL: make_kernel("arm64-usr")}),
        ["is a kernel for arm64-usr, expected one for amd64-usr"],
    ),
    "something that is no kernel": (
        other_content(lambda: {KERNEL: os.urandom(100_000)}),
        ["neither an amd64 kernel", "flatcar_images_mirrors"],
    ),
    "something that is no image": (other_content(lambda: {PXE_IMAGE: b"x" * 100_000}), ["neither cpio nor gzip"]),
    "an image whose /usr is no squashfs": (other_content(lambda: pxe_of(b"x" * 100_000)), ["squashfs cannot be read"]),
    "a disk image that was signed days before": (
        signed_four_days_before(DISK_IMAGE),
        ["signed 4 days apart", "3 days are allowed", DISK_IMAGE],
    ),
    "signed by another key": (
        resign(KERNEL)(lambda keys, content: keys.stranger.sign(content, keys.stranger_sub)),
        ["which the key file does not have", "flatcar_images_key"],
    ),
    "signed by a revoked subkey": (
        resign(KERNEL)(lambda keys, content: keys.earlier.sign(content, keys.revoked)),
        ["revoked key"],
    ),
    "signed after the subkey's end": (
        resign(KERNEL)(lambda keys, content: keys.earlier.sign(content, keys.expired)),
        ["had expired"],
    ),
    "signed twice": (
        resign(KERNEL)(lambda keys, content: keys.ours.sign(content, keys.good) * 2),
        ["several signatures"],
    ),
    "signed by both": (
        resign(KERNEL)(
            lambda keys, content: keys.ours.sign(content, keys.good) + keys.stranger.sign(content, keys.stranger_sub)
        ),
        ["several signatures"],
    ),
    "no signature in the file": (resign(KERNEL)(lambda _keys, _content: b"nothing"), ["no OpenPGP signature"]),
    "an older release": (point_to("4593.2.3"), ["4593.2.3", f"was already at {OLD}", "stale", "exact version"]),
    "a release of another channel": (point_to("4790.0.0"), ["channel alpha, not of stable"]),
    "an unofficial build": (unofficial_build, ["4593.2.5+dirty", "not an official release"]),
    "another release in the directory": (other_release_inside, [f"is of release {OLD}, expected {NEW}"]),
    "web page instead of version.txt": (fault_current("html"), ["web page", "open the URL"]),
    "web page instead of the image": (fault(PXE_IMAGE, "html"), ["web page", "open the URL"]),
    "web page that looks like a file": (fault(PXE_IMAGE, "sneaky-html"), ["web page", "open the URL"]),
    "redirect loop": (fault(PXE_IMAGE, "loop", target=f"/stable/{BOARD}/{NEW}/{PXE_IMAGE}"), ["redirects more than"]),
    "server error": (fault(PXE_IMAGE, "status", status=503), ["503", PXE_IMAGE]),
    "Range ignored after a reset": (fault(PXE_IMAGE, "reset-whole", after=100_000), ["cannot resume a file"]),
    "a stall": (fault(PXE_IMAGE, "stall", after=50_000), ["stalled"]),
    "connection reset": (fault(PXE_IMAGE, "reset", after=50_000), ["connection", PXE_IMAGE]),
}

# A release that nobody has whole is no lie: the one before it stays in use, and the run says why.
NOT_WHOLE = {
    "an absent release": (point_to("4700.2.0"), [f"stays at {OLD}", "4700.2.0", "not there", "another version"]),
    "404 on one file": (
        fault(PXE_IMAGE, "status", status=404),
        [f"stays at {OLD}", "incomplete", "404", PXE_IMAGE, "another version"],
    ),
    "404 on a signature": (fault(f"{PXE_IMAGE}.sig", "status", status=404), ["incomplete", f"{PXE_IMAGE}.sig"]),
    "404 on digests": (fault(f"{KERNEL}.DIGESTS", "status", status=404), ["incomplete", f"{KERNEL}.DIGESTS"]),
    "404 on the disk image": (fault(DISK_IMAGE, "status", status=404), [f"stays at {OLD}", "incomplete", DISK_IMAGE]),
}


@pytest.mark.parametrize("name", SPOILERS | NOT_WHOLE)
def test_fault(name, site, keys):
    spoil, words = (SPOILERS | NOT_WHOLE)[name]
    wanted = INSTALL if "disk image" in name else PXE
    before = site.serve_old()
    if wanted == INSTALL:
        assert not site.run(wanted=INSTALL).problems
        before = site.tree()
    site.offer(NEW)
    files = dict(site.server.files)
    spoil(site, keys)

    hasty = {"retries": 0, "stall_timeout": 1} if name == "a stall" else {}
    outcome = site.run(wanted=wanted, **hasty)

    problem = " | ".join(outcome.warnings if name in NOT_WHOLE else outcome.problems)
    assert bool(outcome.problems) is (name not in NOT_WHOLE)
    for word in words:
        assert word in problem
    assert site.tree() == before
    site.assert_nothing_unverified()

    site.server.faults.clear()
    site.server.files = files
    outcome = site.run(wanted=wanted)
    assert not outcome.problems
    assert (site.images / BOARD / "current-stable").readlink() == pathlib.Path(NEW)
    site.assert_nothing_unverified()
    assert not site.run(wanted=wanted).changed


PASSING = {
    "a stall once": Fault("stall", after=0, times=1),
    "a reset once": Fault("reset", after=50_000, times=1),
    "a truncated body once": Fault("truncate", after=50_000, times=1),
    "a server error once": Fault("status", status=503, times=1),
    "a reset, and Range ignored": Fault("reset-whole", after=50_000, times=2),
    "HEAD refused": Fault("no-head"),
}


@pytest.mark.parametrize("name", PASSING)
def test_what_passes_is_got_over(name, site):
    site.offer(NEW)
    site.server.faults[site.path(PXE_IMAGE)] = Fault(**vars(PASSING[name]))
    hasty = {"stall_timeout": 1, "retries": 5} if "stall" in name else {}
    assert not site.run(**hasty).problems
    site.assert_nothing_unverified()


def test_a_broken_transfer_is_continued_where_it_broke(site):
    site.offer(NEW)
    site.server.faults[site.path(PXE_IMAGE)] = Fault("reset", after=50_000, times=1)
    outcome = site.run()
    assert not outcome.problems
    ranges = [
        headers.get("Range")
        for verb, path, headers in site.server.requests
        if path == site.path(PXE_IMAGE) and verb == "GET"
    ]
    assert ranges[0] is None
    assert len(ranges) == 2
    assert ranges[1].startswith("bytes=")


def test_a_signature_within_the_life_of_an_expired_subkey_is_good(site, keys):
    version = "4081.3.1"
    contents = make_contents(version, BOARD)

    def sign_in_time(content):
        return keys.ours.sign(content, keys.expired, at=time.time() - 200 * DAY)

    site.server.add_release("lts", BOARD, version, make_release(version, sign_in_time, contents))
    outcome = site.run(wanted=[{"board": BOARD, "channel": "lts", "version": version}])
    assert not outcome.problems
    assert outcome.images[0]["signing_key"] == keys.expired
    assert outcome.images[0]["age_days"] in {199, 200}


# Disk full ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def small_disk(tmp_path):
    """A real file system of 3 MiB. Mounting takes root; elsewhere the limit on file sizes below stands in."""
    place = tmp_path / "disk"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(place)]
    if os.geteuid() != 0 or subprocess.run(command, check=False, capture_output=True).returncode != 0:
        pytest.skip("mounting a small file system needs root and CAP_SYS_ADMIN")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def test_disk_full(small_disk, site):
    site.images, site.work = small_disk / "images", small_disk / "images.partial"
    before = site.serve_old()
    site.offer(NEW)
    site.server.hold.set()
    fill = small_disk / "somebody-elses-file"

    def fill_when_it_runs():
        wait_for_partial(site)
        with contextlib.suppress(OSError), fill.open("wb", buffering=0) as file:
            while True:
                file.write(b"x" * 4096)
        site.server.hold.clear()

    filler = threading.Thread(target=fill_when_it_runs)
    filler.start()
    outcome = site.run()
    filler.join()

    assert "No space left on device" in outcome.problems[0]
    assert "Make room" in outcome.problems[0]
    assert site.tree() == before
    fill.unlink()
    assert not site.run().problems
    site.assert_nothing_unverified()


def test_free_space_is_checked_first(small_disk, site):
    site.images, site.work = small_disk / "images", small_disk / "images.partial"
    before = site.serve_old()
    site.offer(NEW)
    asked = len(site.server.requests)
    outcome = site.run(reserve=3 << 20)
    assert "3 MiB to spare are needed" in outcome.problems[0]
    assert "keep fewer releases" in outcome.problems[0]
    assert site.tree() == before
    assert not any(path == site.path(PXE_IMAGE) for path in site.server.asked()[asked:])
    assert not site.run().problems


def test_a_full_disk_gets_room_from_what_may_go(small_disk, site):
    """Two releases and somebody's file fill the disk; the older one may go, and only then the new one fits."""
    site.images, site.work = small_disk / "images", small_disk / "images.partial"
    site.offer("4593.2.3")
    assert not site.run().problems
    site.offer(OLD)
    assert not site.run().problems
    (small_disk / "file").write_bytes(b"x" * (os.statvfs(small_disk).f_bavail * 4096 - 500_000))
    site.offer(NEW)
    assert "keep fewer releases" in site.run(keep=2).problems[0]
    assert site.releases() == [f"{BOARD}/4593.2.3", f"{BOARD}/{OLD}"]
    outcome = site.run(keep=1, keep_days=0)
    assert not outcome.problems
    assert outcome.removed == [f"{BOARD}/4593.2.3", f"{BOARD}/{OLD}"]
    assert site.releases() == [f"{BOARD}/{NEW}"]
    site.assert_nothing_unverified()


def test_file_size_limit_is_reported_like_a_full_disk(site):
    """What a full disk does to the writer, without root: the kernel refuses to let a file grow."""
    site.offer(NEW)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, limits[1]))
    try:
        outcome = site.run()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert "File too large" in outcome.problems[0]
    assert "Make room" in outcome.problems[0]
    assert site.tree() == {}
    assert not site.run().problems
    site.assert_nothing_unverified()


# Killed, and two at once -------------------------------------------------------------------------------------------


def wait_for_partial(site) -> None:
    deadline = time.monotonic() + 60
    while not any(path.stat().st_size for path in site.work.glob(f"partial/{BOARD}/{NEW}/*")):
        assert time.monotonic() < deadline, "the download never began"
        time.sleep(0.01)


def test_killed_in_the_middle(site, start_module):
    before = site.serve_old()
    site.offer(NEW)
    site.server.hold.set()
    process = start_module()
    wait_for_partial(site)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert site.tree() == before

    site.server.hold.clear()
    asked = len(site.server.requests)
    assert not site.run().problems
    site.assert_nothing_unverified()
    assert (site.images / BOARD / "current-stable").readlink() == pathlib.Path(NEW)
    continued = [headers.get("Range") for _verb, _path, headers in site.server.requests[asked:]]
    assert any(value and value != "bytes=0-0" for value in continued), "the second run did not continue the first"
    assert not list(site.work.glob("partial/*/*"))


def test_killed_while_publishing(site, start_module):
    """A release that was put together, but not renamed yet, is not trusted: it is verified again, not downloaded."""
    site.offer(NEW)
    assert not site.run().problems
    release = site.images / BOARD / NEW
    ready = site.work / "ready" / BOARD / NEW
    ready.parent.mkdir(parents=True, exist_ok=True)
    release.rename(ready)
    (ready / KERNEL).write_bytes(b"x" * (ready / KERNEL).stat().st_size)
    asked = len(site.server.requests)
    assert not site.run().problems
    site.assert_nothing_unverified()
    fetched = [path for verb, path, _headers in site.server.requests[asked:] if verb == "GET"]
    assert site.path(PXE_IMAGE) not in fetched
    assert site.path(KERNEL) in fetched


def test_two_at_once(site, start_module):
    site.offer(NEW)
    site.server.hold.set()
    first = start_module()
    wait_for_partial(site)
    with pytest.raises(LockedError, match=rf"process {first.pid} since .*wait for it to end"):
        site.run()
    second = start_module(lock_timeout=30)
    site.server.hold.clear()
    results = [json.loads(process.communicate()[0]) for process in (first, second)]
    assert [result["changed"] for result in results] == [True, False]
    assert [result.get("failed", False) for result in results] == [False, False]
    assert site.server.asked().count(site.path(PXE_IMAGE)) == 1
    site.assert_nothing_unverified()


# The key file ------------------------------------------------------------------------------------------------------


def key_faults(keys):
    secret = keys.stranger.gpg("--armor", "--export-secret-keys", keys.stranger.fingerprint)
    return {
        "another key": (keys.stranger.public(), "has the fingerprint"),
        "two keys": (keys.ours.public(armor=False) + keys.stranger.public(armor=False), "it holds 2"),
        "two armored keys": (keys.ours.public() + keys.stranger.public(), "it holds 2"),
        "no key": (b"hello\n", "it holds 0"),
        "a secret key": (secret, "secret key"),
        "a web page": (b"<html>login</html>", "web page"),
    }


@pytest.mark.parametrize(
    "name", ["another key", "two keys", "two armored keys", "no key", "a secret key", "a web page"]
)
def test_wrong_key_file(name, site, keys):
    content, words = key_faults(keys)[name]
    before = site.serve_old()
    site.offer(NEW)
    site.server.files["/key.asc"] = content
    try:
        problems = site.run(key=f"{site.server.url}/key.asc").problems
    except ImageError as problem:
        problems = [str(problem)]
    assert words in problems[0]
    assert site.tree() == before
    site.server.files["/key.asc"] = keys.ours.public()
    assert not site.run(key=f"{site.server.url}/key.asc").problems
    site.assert_nothing_unverified()
