# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One run: resolve what is wanted, fetch what is missing, publish, clean up, and report the outcome."""

from __future__ import annotations

import concurrent.futures
import contextlib
import re
import shutil
import time
from collections.abc import Container, Iterable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from .channels import age_days, stale_warning
from .contents import check_contents
from .errors import ImageError, IncompleteError, RequestError, StorageError, VerificationError
from .keyfile import KeyFile
from .mirror import DAY, FilePlan, Mirrors, ReleasePlan
from .progress import Progress
from .receive import Received, Wanted, receive
from .release import KERNEL, PXE_IMAGE, VERSION_FILE, Channel, Request, Target, Version
from .retention import Present, removable
from .store import Store
from .transfer import Downloader, RateLimit, TransferSettings, without_password

#: Space to plan for if a mirror does not report a file's size.
_UNKNOWN_SIZE = 1 << 30  # bytes

_LEAST_BANDWIDTH = 65536  # bytes per second

#: The Debian package of each program that is needed.
TOOLS = {
    "curl": "curl",
    "gpg": "gpg",
    "gpgv": "gpgv",
    "prlimit": "util-linux",
    "unsquashfs": "squashfs-tools",
}

#: The format of a release's record since its version and board are read from its files.
_FORMAT = 2

#: How many earlier releases are tried if a boot host has nothing yet and the newest one is incomplete.
_EARLIER = 3


@dataclass(frozen=True)
class Settings:
    """What a run works with, by the names of the module's options. Times are seconds unless the name says days, sizes are bytes;
    ``reserve`` has to stay free on the file system after everything is fetched.
    """

    images_dir: Path
    work_dir: Path
    mirrors: tuple[str, ...]
    key: str
    key_fingerprint: str
    transfer: TransferSettings
    bandwidth: int
    parallel: int
    keep: int
    keep_days: int
    key_warning_days: int
    signature_spread_days: int
    stale_days: int
    stale_days_lts: int
    allow_older: bool
    lock_timeout: float
    reserve: int
    check_mode: bool
    progress_file: Path | None
    fetch: bool


@dataclass
class Outcome:
    """What a run did (in check mode: would do), in a form that a playbook can use."""

    images: list[dict[str, Any]] = field(default_factory=list)
    fetched: list[dict[str, Any]] = field(default_factory=list)
    links: list[dict[str, str]] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    confirmed: list[str] = field(default_factory=list)
    channels: list[dict[str, Any]] = field(default_factory=list)
    mirrors: list[dict[str, Any]] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    downloaded: int = 0
    pending: bool = False

    @property
    def changed(self) -> bool:
        """True if anything that is served has changed."""
        return bool(self.fetched or self.links or self.removed or self.confirmed)


def mirror_images(requests: Sequence[Request], settings: Settings, scratch: Path) -> Outcome:
    """Have everything that is wanted, verified; the only entry point. The caller removes *scratch*, a private directory.

    Raises ``ImageError`` if nothing could be done at all (lock, key, layout, tools). What went wrong with single releases is in
    ``problems``; the others were completed.
    """
    check_settings(settings)
    store = Store(settings.images_dir, settings.work_dir)
    if absent := [tool for tool in TOOLS if shutil.which(tool) is None]:
        packages = ", ".join(dict.fromkeys(TOOLS[tool] for tool in absent))
        problem = f"{', '.join(absent)} not installed on this host; install the Debian packages {packages}"
        if settings.check_mode:
            return unresolved(requests, problem)
        raise ImageError(problem)
    with contextlib.ExitStack() as stack:
        if not settings.check_mode:
            store.prepare()
            stack.enter_context(store.lock(settings.lock_timeout))
            if settings.progress_file:
                stack.callback(settings.progress_file.unlink, missing_ok=True)
        return _Run(requests, settings, store, scratch).run()


class _Run:
    """The steps of a run and what they share."""

    def __init__(self, requests: Sequence[Request], settings: Settings, store: Store, scratch: Path) -> None:
        self.requests = sorted(set(requests), key=lambda request: (request.board, request.channel, request.requested))
        self.settings = settings
        self.store = store
        self.scratch = scratch
        self.downloader = Downloader(settings.transfer, RateLimit(settings.bandwidth))
        kept = settings.work_dir / "key.gpg"
        self.key = KeyFile(settings.key, settings.key_fingerprint, kept, self.downloader, scratch)
        self.mirrors = Mirrors(settings.mirrors, self.downloader, self.key, scratch, settings.signature_spread_days)
        self.progress = Progress(settings.progress_file)
        self.outcome = Outcome()
        self.planned: dict[tuple[str, Version], ReleasePlan] = {}
        self.failures: dict[Target, list[str]] = {}
        self.refused: dict[Target, set[str]] = {}
        self.channels: dict[tuple[str, Channel], dict[str, Any]] = {}
        self.now = time.time()
        places = {(request.board, request.channel) for request in self.requests}
        self.links_before = {place: store.link(*place) for place in places}

    def run(self) -> Outcome:
        resolved = self.resolve()
        targets = merge_targets(resolved)
        plans = self.plan(targets)
        if plans and not (self.settings.fetch or self.settings.check_mode):
            return Outcome(pending=True)
        self.confirm(targets)
        if self.settings.check_mode:
            self.outcome.fetched = [self.describe_plan(plan) for plan in plans]
        elif plans and self.has_space(plans, resolved):
            self.fetch(plans)
        self.flip_links(resolved)
        self.tell_channels()
        self.tidy(resolved, targets)
        self.tell_mirrors()
        self.outcome.images = [self.describe(request, version) for request, version in resolved.items()]
        self.outcome.downloaded = self.progress.downloaded
        return self.outcome

    # Steps ---------------------------------------------------------------------------------------------------------

    def resolve(self) -> dict[Request, Version]:
        """Give every request its exact version; each channel is requested once."""
        answers: dict[tuple[str, Channel], Version | None] = {}
        following = [request for request in self.requests if request.version is None]
        installs = {(request.board, request.channel) for request in following if request.install}
        resolved: dict[Request, Version] = {}
        for request in self.requests:
            version = request.version
            if version is None:
                place = (request.board, request.channel)
                if place not in answers:
                    answers[place] = self.ask_current(*place, install=place in installs)
                version = answers[place]
            if version is not None:
                resolved[request] = version
        return resolved

    def ask_current(self, board: str, channel: Channel, *, install: bool) -> Version | None:
        """What a channel stands at: the newest release that a mirror has in full."""
        self.progress.step(f"asking for the current release of {board} {channel.name}")
        served = None if self.settings.allow_older else self.links_before[board, channel]
        try:
            current = self.mirrors.current(board, channel, served, self.stale_days(channel))
        except ImageError as error:
            self.outcome.problems.append(str(error))
            self.channels[board, channel] = {"reason": str(error)}
            return None
        self.warn_of_key(current.signature.key)
        self.channels[board, channel] = {
            "newest": str(current.version),
            "signed_at": current.signature.made_at,
            "mirror": without_password(current.mirror),
            "reason": "",
        }
        self.tell_going_back(board, channel, current.version)
        return self.newest_whole(board, channel, current.version, install=install)

    def tell_going_back(self, board: str, channel: Channel, version: Version) -> None:
        """A release that was named once, and was incomplete, is not forgotten when a mirror names an older one."""
        known = self.store.channels().get(f"{board} {channel.name}", {})
        named = known_version(known.get("newest"))
        if named is None or named <= version or self.settings.allow_older:
            return
        reason = (
            f"the mirrors name {version} now, after they named {named}: a mirror is stale, or {named} was withdrawn"
        )
        self.channels[board, channel] |= {"newest": str(named), "signed_at": known.get("signed_at"), "reason": reason}
        self.outcome.warnings.append(f"{board} {channel.name}: {reason}")

    def newest_whole(self, board: str, channel: Channel, newest: Version, *, install: bool) -> Version | None:
        """The newest release, or the one before it as long as no mirror has the newest one in full."""
        reasons: list[str] = []
        for version in self.candidates(board, channel, newest):
            try:
                self.look_for(Target(board, channel, version, install))
            except IncompleteError as error:
                reasons.append(str(error))
            except ImageError as error:
                reasons.insert(0, str(error))
                break
            else:
                if reasons:
                    self.channels[board, channel]["reason"] = reasons[0]
                    self.outcome.warnings.append(
                        f"{board} {channel.name} stays at {version}, since no mirror has all of {newest}: {reasons[0]}"
                    )
                return version
        self.outcome.problems.append(reasons[0])
        self.channels[board, channel]["reason"] = reasons[0]
        return None

    def candidates(self, board: str, channel: Channel, newest: Version) -> list[Version]:
        """The candidates for a channel, best first: the newest release, then the one in use, or some before the newest."""
        in_use = self.links_before[board, channel]
        if in_use is not None:
            return [newest, in_use] if in_use < newest else [newest]
        lowest = max(0, newest.revision - _EARLIER)
        return [replace(newest, revision=number) for number in range(newest.revision, lowest - 1, -1)]

    def stale_days(self, channel: Channel) -> int:
        return self.settings.stale_days_lts if channel.server == "lts" else self.settings.stale_days

    def look_for(self, target: Target) -> None:
        """Find out where to get what a target lacks, unless that is known; raises ``ImageError``."""
        missing = self.store.missing_files(target)
        known = self.planned.get((target.board, target.version))
        if not missing or (known and {file.name for file in known.files} >= set(missing)):
            return
        self.progress.step(f"looking for {target.label}")
        plan = self.mirrors.inspect(target, missing)
        self.planned[target.board, target.version] = plan
        self.warn_of_key(plan.signature.key)

    def plan(self, targets: list[Target]) -> list[ReleasePlan]:
        """Find out, for each incomplete target, where to get what it lacks."""
        for target in targets:
            try:
                self.look_for(target)
            except ImageError as error:
                self.outcome.problems.append(str(error))
        return list(self.planned.values())

    def confirm(self, targets: list[Target]) -> None:
        """Check the contents of releases that were published before contents were checked."""
        for target in targets:
            manifest = self.store.manifest(target.board, target.version)
            if self.store.missing_files(target) or manifest.get("format") == _FORMAT:
                continue
            if not self.settings.check_mode:
                self.progress.step(f"checking the contents of {target.label}")
                try:
                    self.store.record(target, manifest | self.read_contents(target))
                except ImageError as error:
                    self.outcome.problems.append(
                        f"{target.label}: {error}. It was published earlier, and is still served: remove"
                        f" {self.store.release_directory(target.board, target.version)} and run again"
                    )
                    continue
            self.outcome.confirmed.append(target.label)

    def read_contents(self, target: Target, coming: Container[str] = ()) -> dict[str, Any]:
        """What a release's record says of its files' contents, after they were confirmed to be of this release. The
        files *coming* are being assembled; the others are those that are served.
        """
        kernel, pxe_image = (
            self.store.prepared(target, name) if name in coming else self.store.served(target, name)
            for name in (KERNEL, PXE_IMAGE)
        )
        return {"format": _FORMAT, "kernel": check_contents(target, kernel, pxe_image, self.settings.work_dir)}

    def has_space(self, plans: list[ReleasePlan], resolved: dict[Request, Version]) -> bool:
        """Do not start what cannot finish. If room is short, what retention would drop in any case is removed first.

        Nothing is removed while a request is unresolved, nor what a channel's link points to.
        """
        need = sum(
            max(0, (file.size or _UNKNOWN_SIZE) - self.store.partial_size(plan.target, file.name))
            for plan in plans
            for file in plan.files
        )
        # One release at a time is unpacked for its check
        need += max(file.size or _UNKNOWN_SIZE for plan in plans for file in plan.files)
        if need + self.settings.reserve > self.store.free_bytes() and not self.outcome.problems:
            self.remove_old(self.wanted(resolved) | self.linked(), set())
        free = self.store.free_bytes()
        if need + self.settings.reserve <= free:
            return True
        self.outcome.problems.append(
            f"{self.settings.work_dir}: {_mib(need)} to fetch and {_mib(self.settings.reserve)} to spare are needed,"
            f" {_mib(free)} are free. Nothing was fetched; make room, keep fewer releases (flatcar_images_keep,"
            " flatcar_images_keep_days) or use a larger disk"
        )
        return False

    def fetch(self, plans: list[ReleasePlan]) -> None:
        """Download all files of all plans. What one mirror got wrong is fetched from the next."""
        try:
            while plans and not self.downloader.stop.is_set():
                plans = self.fetch_once(plans)
        finally:
            self.downloader.stop.set()

    def fetch_once(self, plans: list[ReleasePlan]) -> list[ReleasePlan]:
        """Download files, a few at once; publish each release when its last file is verified. Returns what to try
        next for the releases that were not completed.
        """
        for plan in plans:
            for file in plan.files:
                self.progress.expect(f"{plan.target.label}/{file.name}", file.size)
        self.progress.step("downloading")
        received: dict[Target, dict[str, Received]] = {plan.target: {} for plan in plans}
        failed: dict[Target, ReleasePlan] = {}
        with concurrent.futures.ThreadPoolExecutor(self.settings.parallel) as pool:
            jobs = {
                pool.submit(self.fetch_file, plan, file): (plan, file)
                for plan in plans
                for file in sorted(plan.files, key=lambda file: -(file.size or 0))
            }
            try:
                for job in concurrent.futures.as_completed(jobs):
                    plan, file = jobs[job]
                    try:
                        received[plan.target][file.name] = job.result()
                        if len(received[plan.target]) == len(plan.files):
                            self.publish(plan, received[plan.target])
                    except ImageError as error:
                        failed[plan.target] = plan
                        self.note_failure(plan, error)
            except BaseException:
                self.downloader.stop.set()
                pool.shutdown(cancel_futures=True)
                raise
        return [plan for plan in map(self.plan_elsewhere, failed.values()) if plan is not None]

    def note_failure(self, plan: ReleasePlan, problem: ImageError) -> None:
        """Keep what is to be reported. After a full disk the other downloads are stopped, and report nothing themselves."""
        place = without_password(self.mirrors.base(plan.mirror, plan.target))
        said = str(problem) if place in str(problem) else f"{problem} (as {place} has it)"
        if not self.downloader.stop.is_set():
            self.failures.setdefault(plan.target, []).append(said)
        if isinstance(problem, StorageError):
            self.downloader.stop.set()
        else:
            self.mirrors.note_problem(plan.mirror, f"{plan.target.label}: {problem}")

    def plan_elsewhere(self, plan: ReleasePlan) -> ReleasePlan | None:
        """How to get a release without the mirrors that delivered it wrong or not at all; None if there is no other way."""
        target = plan.target
        refused = self.refused.setdefault(target, set())
        refused.add(plan.mirror)
        if self.mirrors.others(refused) and not self.downloader.stop.is_set():
            try:
                return self.mirrors.inspect(target, [file.name for file in plan.files], refused)
            except ImageError as error:
                self.failures[target].append(str(error))
        if target in self.failures:
            self.outcome.problems.append(f"{target.label}: {'; '.join(self.failures[target])}")
        return None

    def fetch_file(self, plan: ReleasePlan, file: FilePlan) -> Received:
        name = f"{plan.target.label}/{file.name}"
        mirrors = self.mirrors.urls(plan, file.name)
        wanted = Wanted(
            name=name,
            urls=tuple(mirrors),
            partial=self.store.partial(plan.target, file.name),
            size=file.size,
            sha512=file.sha512,
            signature=file.signature,
        )
        result = receive(wanted, self.downloader, self.key.keyring(), self.scratch, self.progress)
        for url, problem in result.problems:
            self.mirrors.note_problem(mirrors[url], problem)
        self.mirrors.check_spread(result.signature, plan.signature, name)
        self.mirrors.note_given(mirrors[result.url], name)
        self.store.make_ready(plan.target, file.name)
        self.store.add_ready(plan.target, f"{file.name}.sig", file.signature)
        return result

    def publish(self, plan: ReleasePlan, received: dict[str, Received]) -> None:
        """Publish a release, or files that were added to it, with a record of what was verified."""
        target = plan.target
        manifest = self.store.manifest(target.board, target.version)
        if manifest.get("format") != _FORMAT or not {KERNEL, PXE_IMAGE}.isdisjoint(received):
            self.progress.step(f"reading what {target.label} is")
            try:
                contents = self.read_contents(target, received)
            except VerificationError as error:
                self.store.drop_ready(target)
                raise VerificationError(
                    f"{error}; refused and removed. Find out who serves them at"
                    f" {without_password(self.mirrors.base(plan.mirror, target))}, and use another mirror"
                    " (flatcar_images_mirrors)"
                ) from error
        else:
            contents = {"format": _FORMAT, "kernel": manifest["kernel"]}
        self.store.add_ready(target, VERSION_FILE, plan.version_file)
        self.store.add_ready(target, f"{VERSION_FILE}.sig", plan.version_signature)
        files = dict(manifest.get("files", {}))
        files.update({name: {"size": file.size, "sha512": file.sha512} for name, file in received.items()})
        manifest = {
            **contents,
            "board": target.board,
            "version": str(target.version),
            "files": files,
            "mirror": without_password(plan.mirror),
            "signing_key": plan.signature.key,
            "signed_at": plan.signature.made_at,
            "published_at": int(self.now),
        }
        self.store.publish(target, tuple(received), manifest)
        self.outcome.fetched.append(self.describe_plan(plan))

    def flip_links(self, resolved: dict[Request, Version]) -> None:
        """Point the links of the followed channels at what they resolved to, if that exists now."""
        followed = {
            (request.board, request.channel): version
            for request, version in resolved.items()
            if request.version is None
        }
        for (board, channel), version in followed.items():
            before = self.links_before[board, channel]
            there = not self.store.missing_files(Target(board, channel, version, install=False))
            coming = self.settings.check_mode and (board, version) in self.planned
            if before == version or not (there or coming):
                continue
            if not self.settings.check_mode:
                self.store.flip(board, channel, version)
            change = {"link": f"{board}/{channel.link}", "before": str(before or ""), "after": str(version)}
            self.outcome.links.append(change)

    def tidy(self, resolved: dict[Request, Version], targets: list[Target]) -> None:
        """Record what was in use; if all went well, remove what is old and the leftovers of earlier runs."""
        wanted = self.wanted(resolved)
        if not self.outcome.problems:
            self.remove_old(wanted, wanted)
        if self.settings.check_mode:
            return
        try:
            self.key.keep()
            self.store.note_channels({f"{entry['board']} {entry['channel']}": entry for entry in self.outcome.channels})
            self.store.note_served((f"{board}/{version}" for board, version in wanted | self.linked()), self.now)
            if not self.outcome.problems:
                self.store.clear_remains(targets)
        except (OSError, StorageError) as error:
            self.outcome.problems.append(str(error))

    def wanted(self, resolved: dict[Request, Version]) -> set[tuple[str, Version]]:
        return {(request.board, version) for request, version in resolved.items()}

    def linked(self) -> set[tuple[str, Version]]:
        """What the channels stood at when the run started; it was served until now."""
        return {(place[0], version) for place, version in self.links_before.items() if version is not None}

    def remove_old(self, needed: set[tuple[str, Version]], coming: set[tuple[str, Version]]) -> None:
        """Apply retention: what is *needed* stays, and what is *coming* counts as present, even in check mode, where it is not."""
        present = {(release.board, release.version): release for release in self.store.releases()}
        for place in coming | (self.linked() & present.keys()):
            present[place] = Present(*place, self.now)
        settings = self.settings
        gone = removable(present.values(), needed, keep=settings.keep, keep_days=settings.keep_days, now=self.now)
        for release in gone:
            label = f"{release.board}/{release.version}"
            if label in self.outcome.removed:
                continue
            self.outcome.removed.append(label)
            if not settings.check_mode:
                self.store.remove(release.board, release.version)

    def tell_channels(self) -> None:
        """Report the state of each followed channel, and warn of those that have not moved for long."""
        known = self.store.channels()
        for (board, channel), found in self.channels.items():
            entry = {
                **known.get(f"{board} {channel.name}", {}),
                **found,
                "board": board,
                "channel": channel.name,
                "version": str(self.store.link(board, channel) or ""),
                "stale_days": self.stale_days(channel),
                "asked_at": int(self.now),
            }
            for target, problems in self.failures.items():
                if (target.board, str(target.version)) == (board, entry.get("newest")):
                    entry["reason"] = entry["reason"] or (
                        "; ".join(problems) if self.store.missing_files(target) else ""
                    )
            self.outcome.channels.append(entry | {"age_days": age_days(entry, self.now)})
            if warning := stale_warning(entry, self.now):
                self.outcome.warnings.append(warning)

    def tell_mirrors(self) -> None:
        """Report what every mirror delivered, and why not more."""
        told = " ".join(self.outcome.problems + self.outcome.warnings)
        reports = self.mirrors.reports()
        for report in reports:
            if untold := [problem for problem in report.problems if problem not in told]:
                self.outcome.warnings.append(f"The mirror {report.mirror} was skipped: {'; '.join(untold)}")
        self.outcome.mirrors = [asdict(report) for report in reports]

    # Telling -------------------------------------------------------------------------------------------------------

    def describe_plan(self, plan: ReleasePlan) -> dict[str, Any]:
        return {
            "board": plan.target.board,
            "version": str(plan.target.version),
            "mirror": without_password(self.mirrors.base(plan.mirror, plan.target)),
            "files": {file.name: file.size for file in plan.files},
        }

    def describe(self, request: Request, version: Version) -> dict[str, Any]:
        """What is reported to the playbook about one request; in check mode the plan stands in for what does not exist yet."""
        manifest = self.store.manifest(request.board, version)
        files = dict(manifest.get("files", {}))
        signing_key, signed_at = manifest.get("signing_key"), manifest.get("signed_at")
        plan = self.planned.get((request.board, version))
        if plan is not None and self.settings.check_mode:
            files.update({file.name: {"size": file.size, "sha512": file.sha512} for file in plan.files})
            signing_key, signed_at = plan.signature.key, plan.signature.made_at
        target = Target(request.board, request.channel, version, request.install)
        return {
            "board": request.board,
            "channel": request.channel.name,
            "requested": request.requested,
            "version": str(version),
            "install": request.install,
            "present": not self.store.missing_files(target),
            "path": str(self.store.release_directory(request.board, version)),
            "files": files,
            "signing_key": signing_key,
            "signed_at": signed_at,
            "age_days": int((self.now - signed_at) // DAY) if signed_at else None,
        }

    def warn_of_key(self, fingerprint: str) -> None:
        """Warn if a key that signs current releases expires soon: a new key file will be needed."""
        key = self.key.keyring().key(fingerprint)
        if key is None or key.expires is None:
            return
        left = int((key.expires - self.now) // DAY)
        if 0 <= left < self.settings.key_warning_days:
            day = time.strftime("%F", time.gmtime(key.expires))
            warning = (
                f"The signing subkey {fingerprint} expires on {day}, in {left} days. Later releases are signed by a new"
                " subkey: have the current key file ready if flatcar_images_key is not a URL that this host can reach"
            )
            if warning not in self.outcome.warnings:
                self.outcome.warnings.append(warning)


def check_settings(settings: Settings) -> None:
    """Refuse settings that make no sense; raises ``RequestError``."""
    if not re.fullmatch(r"[0-9A-F]{40}|[0-9A-F]{64}", settings.key_fingerprint):
        raise RequestError(
            f"flatcar_images_key_fingerprint: {settings.key_fingerprint!r} is not a primary key's fingerprint (40 hexadecimal"
            " digits; a short key id does not identify a key)"
        )
    if not settings.mirrors:
        raise RequestError("flatcar_images_mirrors: give at least one mirror")
    if min(settings.signature_spread_days, settings.stale_days, settings.stale_days_lts) < 0:
        raise RequestError(
            "flatcar_images_signature_spread_days, flatcar_images_stale_days and flatcar_images_stale_days_lts must be at least 0"
        )
    if settings.keep < 1 or settings.parallel < 1 or settings.keep_days < 0:
        raise RequestError(
            "flatcar_images_keep and flatcar_images_parallel must be at least 1, flatcar_images_keep_days 0"
        )
    if settings.bandwidth and settings.bandwidth < _LEAST_BANDWIDTH:
        raise RequestError(
            f"flatcar_images_bandwidth: {settings.bandwidth} bytes per second; give 0 for no limit, or at least"
            f" {_LEAST_BANDWIDTH}: with less, every transfer would count as stalled"
        )


def unresolved(requests: Iterable[Request], reason: str) -> Outcome:
    """Check mode on a host that cannot ask a mirror yet: every request stands for itself."""
    images = [
        {
            "board": request.board,
            "channel": request.channel.name,
            "requested": request.requested,
            "version": request.requested,
            "install": request.install,
            "present": False,
            "files": {},
        }
        for request in requests
    ]
    return Outcome(images=images, warnings=[f"What would be fetched is not known: {reason}"])


def known_version(text: object) -> Version | None:
    """A version that we wrote ourselves; None if it is absent or damaged."""
    try:
        return Version.parse(str(text))
    except RequestError:
        return None


def merge_targets(resolved: dict[Request, Version]) -> list[Target]:
    """One target per board and version, with the disk image if any node installs it."""
    targets: dict[tuple[str, Version], Target] = {}
    for request, version in resolved.items():
        place = (request.board, version)
        install = request.install or (place in targets and targets[place].install)
        targets[place] = Target(request.board, request.channel, version, install)
    return list(targets.values())


def parse_requests(entries: Iterable[dict[str, Any]]) -> list[Request]:
    """Read all entries of ``wanted``; raises ``RequestError`` with everything that is wrong with them."""
    requests: list[Request] = []
    problems: list[str] = []
    for number, entry in enumerate(entries):
        try:
            requests.append(Request.parse(**entry))
        except RequestError as error:
            problems.append(f"wanted[{number}]: {error}")
    if problems:
        raise RequestError("; ".join(problems))
    return requests


def _mib(size: int) -> str:
    return f"{size / (1 << 20):.0f} MiB"
