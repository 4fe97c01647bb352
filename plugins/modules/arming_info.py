#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reports what a boot host has published, what is armed there, and what machines reported."""

from __future__ import annotations

DOCUMENTATION = r"""
module: arming_info
short_description: Report which machines are armed on a boot host, and what became of them
description:
  - Reports what a boot host publishes for each node, which machines are armed and what they reported, and what else their operator
    needs to know.
  - The action plugins M(kindling.flatcar.install) and M(kindling.flatcar.node_status_info) call this module; there is rarely a
    reason to call it directly.
version_added: 0.1.0
author:
  - Kindling developers (@kindling-flatcar)
extends_documentation_fragment:
  - kindling.flatcar.attributes.read_only
  - kindling.flatcar.places
options:
  fleet_dir:
    description: The directory of generations.
    type: path
    default: /srv/kindling/fleet
  images_dir:
    description: The directory of verified images.
    type: path
    default: /srv/kindling/images
  keyring:
    description: The file with the keys that images are signed with, which the role P(kindling.flatcar.flatcar_images#role) keeps.
    type: path
    default: /srv/kindling/images.partial/key.gpg
  channels:
    description: The file in which the role P(kindling.flatcar.flatcar_images#role) keeps the state of the followed channels.
    type: path
    default: /srv/kindling/images.partial/channels.json
  records:
    description: The directory in which the role P(kindling.flatcar.records#role) keeps the records of machines' boots.
    type: path
    default: /var/lib/kindling/records
  machines:
    description:
      - The machines to report on, each by its node's name, a MAC address or its IP address. All of them when not given.
    type: list
    elements: str
"""

EXAMPLES = r"""
- name: What is armed?
  kindling.flatcar.arming_info:
"""

RETURN = r"""
now:
  description: The boot host's time, in seconds since 1970.
  returned: always
  type: int
index:
  description: What is published for each node, or for those in O(machines) that are given by node name.
  returned: always
  type: dict
generation:
  description: The name of the served generation; null if there is none.
  returned: always
  type: str
published:
  description: When, by whom and from which commit it was published; null if that was not recorded.
  returned: always
  type: dict
armings:
  description: The armings, the latest first, with what the machines reported.
  returned: always
  type: list
  elements: dict
reports:
  description: What running nodes reported, by node.
  returned: always
  type: dict
images:
  description: The releases whose disk image is mirrored, as board and version, each with the bytes that an installation fetches.
  returned: always
  type: dict
initrds:
  description: The size of the releases' initrds in bytes, by board and version.
  returned: always
  type: dict
keyring:
  description: The keys that images are signed with, in base64; empty if there are none.
  returned: always
  type: str
put_aside:
  description: Addresses that dnsmasq gives nobody because a client declined them as in use, and until when, in seconds since 1970.
  returned: always
  type: dict
misplaced:
  description:
    - Nodes whose machines last requested their script from an address that is not theirs, with C(address) and C(when), in seconds
      since 1970, as recorded.
  returned: always
  type: dict
channels:
  description: The state of the channels that the boot host follows, as M(kindling.flatcar.flatcar_image) last found it.
  returned: always
  type: list
  elements: dict
"""

import base64
import json
import time
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.kindling.flatcar.plugins.module_utils._arming import arming
from ansible_collections.kindling.flatcar.plugins.module_utils._arming.gates import GateError
from ansible_collections.kindling.flatcar.plugins.module_utils._arming.places import OPTIONS, machine_words, places_of
from ansible_collections.kindling.flatcar.plugins.module_utils._dnsmasq.put_aside import put_aside
from ansible_collections.kindling.flatcar.plugins.module_utils._generation import publishings
from ansible_collections.kindling.flatcar.plugins.module_utils._generation.generation import served_name
from ansible_collections.kindling.flatcar.plugins.module_utils._ipxe.ipxe import INITRD, KERNEL
from ansible_collections.kindling.flatcar.plugins.module_utils._mirror.channels import read_channels
from ansible_collections.kindling.flatcar.plugins.module_utils._records.records import RecordsError, misplaced
from ansible_collections.kindling.flatcar.plugins.module_utils._routes import host_paths, routes

_DISK_IMAGE = "flatcar_production_image.bin.bz2"


def main() -> None:
    work_dir = f"{host_paths.IMAGES}{host_paths.WORK_SUFFIX}"
    module = AnsibleModule(
        argument_spec={
            "fleet_dir": {"type": "path", "default": host_paths.FLEET},
            "images_dir": {"type": "path", "default": host_paths.IMAGES},
            "keyring": {"type": "path", "default": f"{work_dir}/{host_paths.KEYRING}", "no_log": False},
            "channels": {"type": "path", "default": f"{work_dir}/{host_paths.CHANNELS}"},
            "records": {"type": "path", "default": host_paths.RECORDS},
            "machines": {"type": "list", "elements": "str"},
            **OPTIONS,
        },
        supports_check_mode=True,
    )
    try:
        places = places_of(module.params, module.params["fleet_dir"])
        if places is None:
            module.fail_json(
                f"there is no {module.params['installs_dir']}: run site.yml first, whose role web creates it"
            )
        module.exit_json(**_read(places, module.params))
    except (arming.ArmingError, GateError, OSError) as error:
        module.fail_json(msg=f"{error}. Nothing was changed.")


def _read(places: arming.Places, params: dict) -> dict:
    fleet_dir = Path(params["fleet_dir"])
    words, index, name = machine_words(params["machines"]), _index(fleet_dir), served_name(fleet_dir)
    if words is not None:
        index = {name: entry for name, entry in index.items() if name in words}
    hashes = {entry["token"]: name for name, entry in index.items() if "token" in entry}
    return {
        "changed": False,
        "now": int(time.time()),
        "index": index,
        "generation": name,
        "published": publishings.publishing_of(fleet_dir, name),
        "armings": arming.read(places, words),
        "reports": arming.read_tokens(places, hashes),
        "images": _images(Path(params["images_dir"])),
        "initrds": _initrds(Path(params["images_dir"])),
        "keyring": _keyring(Path(params["keyring"])),
        "put_aside": put_aside(),
        "misplaced": _misplaced(Path(params["records"]), index),
        "channels": read_channels(Path(params["channels"])),
    }


def _index(fleet_dir: Path) -> dict:
    try:
        return json.loads((fleet_dir / "current" / routes.INDEX).read_text(encoding="utf-8"))["nodes"]
    except FileNotFoundError:
        return {}
    except (ValueError, KeyError):
        raise arming.ArmingError(f"{fleet_dir}/current/{routes.INDEX} is damaged: run site.yml") from None


def _images(images_dir: Path) -> dict:
    """The kernel, the initrd and the disk image of each release are fetched."""
    found = {}
    for image in images_dir.glob(f"*/*/{_DISK_IMAGE}"):
        release = image.parent
        files = (path for name in (KERNEL, INITRD, _DISK_IMAGE) if (path := release / name).is_file())
        if not image.is_symlink():
            found[str(release.relative_to(images_dir))] = sum(path.stat().st_size for path in files)
    return found


def _initrds(images_dir: Path) -> dict:
    return {
        str(path.parent.relative_to(images_dir)): path.stat().st_size
        for path in images_dir.glob(f"*/*/{INITRD}")
        if not path.parent.is_symlink()
    }


def _misplaced(directory: Path, index: dict) -> dict:
    try:
        found = misplaced(directory)
    except (RecordsError, OSError):  # nothing is recorded, or it cannot be read
        return {}
    return {
        name: {"address": found[mac][0], "when": int(found[mac][1])}
        for name, entry in index.items()
        for mac in entry["macs"]
        if mac in found
    }


def _keyring(path: Path) -> str:
    try:
        return base64.b64encode(path.read_bytes()).decode()
    except FileNotFoundError:
        return ""


if __name__ == "__main__":
    main()
