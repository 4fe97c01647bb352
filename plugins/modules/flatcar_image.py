#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: flatcar_image
short_description: Mirror verified Flatcar releases on a boot host
description:
  - Keeps the wanted releases in a directory that a web server serves. Downloads what is missing, verifies it while it
    arrives, and lets a release appear under its version only as a whole, by one rename.
  - A channel is resolved once to an exact version, by its signed C(version.txt). Nothing else is ever requested by a
    channel's name.
  - Everything must carry exactly one good signature by a key of the pinned primary key, and match its signed digest.
    C(gpgv) does the cryptography.
  - A release's contents are checked. Its version and board are read from the os-release in its verified PXE image, and its kernel
    has to be the one that this image has the modules of. The disk image is tied to them only by the day of its signature.
  - A channel stands at the newest release that a mirror has in full. Until then the one before it stays in use.
  - An action plugin of the same name runs the module in the background and shows its progress during the run.
version_added: 0.1.0
author:
  - Kindling developers (@kindling-flatcar)
extends_documentation_fragment:
  - kindling.flatcar.attributes
requirements:
  - curl, gpg, gpgv and unsquashfs on the managed host (Debian packages curl, gpg, gpgv and squashfs-tools)
options:
  images_dir:
    description: The served directory. Releases are at C(<board>/<version>/) below it.
    type: path
    required: true
  work_dir:
    description:
      - Where files are collected before they are verified. On the same file system as O(images_dir), and not below it.
      - Only its owner has access.
    type: path
    required: true
  wanted:
    description: The releases to mirror. Entries with the same board and version are merged.
    type: list
    elements: dict
    required: true
    suboptions:
      board:
        description: The board.
        type: str
        required: true
        choices: [amd64-usr, arm64-usr]
      channel:
        description: V(stable), V(beta), V(alpha), V(lts), or an LTS stream such as V(lts-2024).
        type: str
        required: true
      version:
        description: An exact version, or V(current) for the channel's current one.
        type: str
        default: current
      install:
        description: Whether the disk image is needed because a node installs it to its disk.
        type: bool
        default: false
  mirrors:
    description:
      - Where to download from, in the order to try; a list, or a comma-separated string. V({channel}) and V({board}) are filled in.
      - If a mirror fails, or its files are not what they claim to be, the next one is tried.
      - V(file://) URLs serve sites without access to the Internet.
    type: list
    elements: str
    required: true
  key:
    description:
      - The signing key, as a URL or as the key's text itself.
      - A key from a URL is fetched once and kept; it is fetched again when a signature needs a newer subkey.
    type: str
    required: true
  key_fingerprint:
    description: The fingerprint of the one primary key that is accepted.
    type: str
    required: true
  proxy:
    description: A proxy's URL. Without it, the proxy variables of the module's environment apply.
    type: str
    default: ""
  no_proxy:
    description: Hosts that are reached without the proxy, separated by commas.
    type: str
    default: ""
  bandwidth:
    description: The most bandwidth that all downloads together may use, in bytes per second; 0 for no limit.
    type: int
    default: 0
  parallel:
    description: How many files are downloaded at once.
    type: int
    default: 2
  connect_timeout:
    description: Seconds to wait for a connection.
    type: int
    default: 10
  stall_timeout:
    description: Seconds below 1 KiB/s after which a transfer counts as stalled, and a new one resumes it.
    type: int
    default: 30
  retries:
    description: How often a transfer without progress is retried before the next mirror is tried.
    type: int
    default: 4
  keep:
    description: How many releases to keep per board and channel, including the wanted ones.
    type: int
    default: 2
  keep_days:
    description: Keep every release that was wanted or current within this many days.
    type: int
    default: 14
  key_warning_days:
    description: Warn when the signing subkey expires within this many days.
    type: int
    default: 60
  signature_spread_days:
    description: How many days apart the signatures of one release's files may be.
    type: int
    default: 3
  stale_days:
    description:
      - Warn when the newest release that the mirrors name for a channel was signed more than this many days ago, and also ask the
        next mirrors for a newer one; 0 for never. Flatcar releases every two to three weeks.
    type: int
    default: 30
  stale_days_lts:
    description: The same for V(lts) and its streams.
    type: int
    default: 90
  allow_older:
    description: Follow a channel even if it goes back to an older release than it was at on this host.
    type: bool
    default: false
  lock_timeout:
    description: Seconds to wait for another run on this host to end.
    type: int
    default: 0
  reserve:
    description: Bytes that have to stay free on the file system after everything is fetched.
    type: int
    default: 268435456
  progress_interval:
    description: Seconds between two progress lines; 0 for none. Used by the action plugin.
    type: int
    default: 5
  time_limit:
    description: Seconds after which the whole run is aborted. Used by the action plugin.
    type: int
    default: 14400
  progress_file:
    description: A file, in a directory that only its owner can read, to write progress to. Set by the action plugin.
    type: path
  fetch:
    description: If false, a run that would have to fetch something ends before it changes anything. Set by the action plugin.
    type: bool
    default: true
attributes:
  check_mode:
    support: full
    details: Reports what it would fetch and remove. The releases' metadata is downloaded, to memory only.
  diff_mode:
    support: full
    details: Shows the served releases and links before and after.
"""

EXAMPLES = r"""
- name: Mirror the current stable release, and an exact one with its disk image
  kindling.flatcar.flatcar_image:
    images_dir: /srv/kindling/images
    work_dir: /srv/kindling/images.partial
    mirrors: ["https://{channel}.release.flatcar-linux.net/{board}"]
    key: https://www.flatcar.org/security/image-signing-key/Flatcar_Image_Signing_Key.asc
    key_fingerprint: F88CFEDEFF29A5B4D9523864E25D9AED0593B34A
    wanted:
      - {board: amd64-usr, channel: stable}
      - {board: arm64-usr, channel: lts-2024, version: 4081.3.10, install: true}
"""

RETURN = r"""
images:
  description: One entry for each distinct wanted release, with the exact version that it resolved to.
  returned: always
  type: list
  elements: dict
  sample:
    - board: amd64-usr
      channel: stable
      requested: current
      version: 4593.2.5
      install: false
      present: true
      path: /srv/kindling/images/amd64-usr/4593.2.5
      files:
        flatcar_production_pxe.vmlinuz: {size: 31457280, sha512: 9f86d0…}
      signing_key: 52F145DFD00BBDCD928CBB5A32DA80F91EF52974
      signed_at: 1786600000
      age_days: 12
fetched:
  description: Releases for which files were fetched (in check mode, would be), with their sizes in bytes and the source.
  returned: always
  type: list
  elements: dict
links:
  description: The channels' links that changed, with the version before and after.
  returned: always
  type: list
  elements: dict
removed:
  description: Releases that were removed, as board/version.
  returned: always
  type: list
  elements: str
confirmed:
  description:
    - Releases that were published before contents were checked, and were checked now (in check mode, would be), as
      board/version.
  returned: always
  type: list
  elements: str
channels:
  description:
    - The state of each followed channel. C(version) is in use, C(newest) is what the mirrors name, C(reason) says why
      these differ, C(age_days) how long ago the newest was signed.
  returned: always
  type: list
  elements: dict
mirrors:
  description: What every mirror delivered in this run, and why it did not deliver the rest.
  returned: always
  type: list
  elements: dict
  sample: [{mirror: "http://mirror.example/{channel}/{board}", gave: [], problems: ["…: nothing answers there …"]}]
downloaded:
  description: Bytes of images that were downloaded, not counting the releases' metadata.
  returned: always
  type: int
pending:
  description: Whether something has to be fetched and was not because O(fetch) is false.
  returned: always
  type: bool
"""

import tempfile
from dataclasses import fields
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.kindling.flatcar.plugins.module_utils._mirror.errors import ImageError
from ansible_collections.kindling.flatcar.plugins.module_utils._mirror.release import BOARDS
from ansible_collections.kindling.flatcar.plugins.module_utils._mirror.service import (
    Outcome,
    Settings,
    mirror_images,
    parse_requests,
)
from ansible_collections.kindling.flatcar.plugins.module_utils._mirror.transfer import TransferSettings

WANTED_SPEC = {
    "board": {"type": "str", "required": True, "choices": list(BOARDS)},
    "channel": {"type": "str", "required": True},
    "version": {"type": "str", "default": "current"},
    "install": {"type": "bool", "default": False},
}

ARGUMENT_SPEC = {
    "images_dir": {"type": "path", "required": True},
    "work_dir": {"type": "path", "required": True},
    "wanted": {"type": "list", "elements": "dict", "required": True, "options": WANTED_SPEC},
    "mirrors": {"type": "list", "elements": "str", "required": True},
    "key": {"type": "str", "required": True, "no_log": False},
    "key_fingerprint": {"type": "str", "required": True, "no_log": False},
    "proxy": {"type": "str", "default": "", "no_log": True},
    "no_proxy": {"type": "str", "default": ""},
    "bandwidth": {"type": "int", "default": 0},
    "parallel": {"type": "int", "default": 2},
    "connect_timeout": {"type": "int", "default": 10},
    "stall_timeout": {"type": "int", "default": 30},
    "retries": {"type": "int", "default": 4},
    "keep": {"type": "int", "default": 2},
    "keep_days": {"type": "int", "default": 14},
    "key_warning_days": {"type": "int", "default": 60, "no_log": False},
    "signature_spread_days": {"type": "int", "default": 3},
    "stale_days": {"type": "int", "default": 30},
    "stale_days_lts": {"type": "int", "default": 90},
    "allow_older": {"type": "bool", "default": False},
    "lock_timeout": {"type": "int", "default": 0},
    "reserve": {"type": "int", "default": 268435456},
    "progress_interval": {"type": "int", "default": 5},
    "time_limit": {"type": "int", "default": 14400},
    "progress_file": {"type": "path"},
    "fetch": {"type": "bool", "default": True},
}


def make_settings(params: dict[str, Any], check_mode: bool) -> Settings:
    """Turn the module's parameters, which are checked by then, into the service's settings, which have the same names."""
    given = params | {
        "mirrors": tuple(mirror for text in params["mirrors"] if (mirror := text.strip())),
        "key_fingerprint": params["key_fingerprint"].replace(" ", "").upper(),
        "transfer": TransferSettings(**_known(params, TransferSettings)),
        "check_mode": check_mode,
    }
    paths = {name: Path(params[name]) for name in ("images_dir", "work_dir", "progress_file") if params[name]}
    return Settings(**_known(given | paths, Settings))


def _known(params: dict[str, Any], settings: type) -> dict[str, Any]:
    return {field.name: params[field.name] for field in fields(settings) if field.name in params}


def make_diff(outcome: Outcome) -> dict[str, str]:
    """What is served before and after, limited to what changes."""
    before = [f"{change['link']} -> {change['before']}" for change in outcome.links if change["before"]]
    after = [f"{change['link']} -> {change['after']}" for change in outcome.links]
    before += outcome.removed
    after += [f"{label}: contents checked" for label in outcome.confirmed]
    after += [f"{item['board']}/{item['version']}/{name}" for item in outcome.fetched for name in item["files"]]
    return {"before": "".join(f"{line}\n" for line in before), "after": "".join(f"{line}\n" for line in after)}


def main() -> None:
    module = AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)
    try:
        requests = parse_requests(module.params["wanted"])
        with tempfile.TemporaryDirectory(prefix="images-", dir=module.tmpdir) as scratch:
            outcome = mirror_images(requests, make_settings(module.params, module.check_mode), Path(scratch))
    except ImageError as error:
        module.fail_json(msg=str(error))
    except OSError as error:
        module.fail_json(msg=f"{error.filename or module.params['work_dir']}: {error.strerror or error}")
    for warning in outcome.warnings:
        module.warn(warning)
    result = {name: value for name, value in vars(outcome).items() if name not in ("warnings", "problems")}
    result["changed"] = outcome.changed
    if module._diff:
        result["diff"] = make_diff(outcome)
    if outcome.problems:
        module.fail_json(msg="What was served before is still served. " + " | ".join(outcome.problems), **result)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
