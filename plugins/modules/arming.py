#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Arms machines on the boot host, and tells what became of them."""

from __future__ import annotations

DOCUMENTATION = r"""
module: arming
short_description: Arm machines on a boot host, and tell what became of them
description:
  - Lets the web server give an installer to machines for some time, ends that, or tells what machines are armed and what they
    reported.
  - All machines in one archive are armed by one rename. A run that is killed has armed all of them or none.
  - The action plugins M(kindling.flatcar.install) and M(kindling.flatcar.status) call this module; there is rarely a reason to
    call it directly.
version_added: 0.1.0
author:
  - Kindling developers (@kindling-flatcar)
extends_documentation_fragment:
  - kindling.flatcar.attributes
  - kindling.flatcar.places
attributes:
  check_mode:
    support: full
    details: Tells what would change.
  diff_mode:
    support: none
    details: Every change is in the log on the boot host.
options:
  state:
    description:
      - V(read) tells what there is; V(armed) arms what is in O(src); V(disarmed) ends the armings of O(machines); V(settled) takes
        what is over off the disk.
    type: str
    choices: [read, armed, disarmed, settled]
    default: read
  secret:
    description: The file with the secret that the web server includes.
    type: path
    default: /etc/kindling/secure-link.conf
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
    description: The file in which the role P(kindling.flatcar.flatcar_images#role) keeps how the followed channels stand.
    type: path
    default: /srv/kindling/images.partial/channels.json
  machines:
    description:
      - The machines to speak of, each by its node's name, a MAC address or its address. All of them when not given.
    type: list
    elements: str
  src:
    description: An archive on the boot host with what to arm.
    type: path
  who:
    description: Who does it, for the log.
    type: str
    default: ""
  seconds:
    description: How long machines are armed, from 60 to 86,400.
    type: int
    default: 7200
  clock:
    description:
      - What time the controller has, in seconds since 1970. With O(state=armed), a boot host that differs by more than five minutes
        is refused, because nobody could tell when an arming ends.
    type: float
  again:
    description: With O(state=armed), arm machines although an install of them is under way.
    type: bool
    default: false
  forget:
    description: With O(state=disarmed), send machines to their disks even if an install has left these half-written.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: What is armed?
  kindling.flatcar.arming:
"""

RETURN = r"""
now:
  description: What time the boot host has, in seconds since 1970.
  returned: with O(state=read)
  type: int
index:
  description: What is published for each node, or for those of O(machines) that are named by their nodes' names.
  returned: with O(state=read)
  type: dict
generation:
  description: The name of what is served; none where nothing is.
  returned: with O(state=read)
  type: str
published:
  description: When, by whom and from which commit that was published; none where nobody noted it.
  returned: with O(state=read)
  type: dict
armings:
  description: The armings, the latest first, with what was reported.
  returned: with O(state=read)
  type: list
  elements: dict
reports:
  description: What running nodes reported, by node.
  returned: with O(state=read)
  type: dict
images:
  description: The releases whose disk image is there, as board and version, each with the bytes that an installation fetches.
  returned: with O(state=read)
  type: dict
keyring:
  description: The keys that images are signed with, in base64; empty where there are none.
  returned: with O(state=read)
  type: str
put_aside:
  description: Addresses that dnsmasq gives nobody, as somebody said that they are taken, and until when, in seconds since 1970.
  returned: with O(state=read)
  type: dict
channels:
  description: How the channels stand that the boot host follows, as M(kindling.flatcar.flatcar_image) found out last.
  returned: with O(state=read)
  type: list
  elements: dict
until:
  description: When the armings end, in seconds since 1970.
  returned: with O(state=armed)
  type: int
disarmed:
  description: The nodes, as they were called when they were armed, of which there is something to say, and what.
  returned: with O(state=disarmed)
  type: dict
"""

import base64
import json
import time
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.kindling.flatcar.plugins.module_utils._arming import arming
from ansible_collections.kindling.flatcar.plugins.module_utils._arming.gates import GateError
from ansible_collections.kindling.flatcar.plugins.module_utils._arming.places import OPTIONS, places_of
from ansible_collections.kindling.flatcar.plugins.module_utils._dnsmasq.put_aside import put_aside
from ansible_collections.kindling.flatcar.plugins.module_utils._generation import publishings
from ansible_collections.kindling.flatcar.plugins.module_utils._generation.generation import served_name
from ansible_collections.kindling.flatcar.plugins.module_utils._ipxe.ipxe import INITRD, KERNEL
from ansible_collections.kindling.flatcar.plugins.module_utils._mirror.channels import read_channels
from ansible_collections.kindling.flatcar.plugins.module_utils._routes import routes

_DISK_IMAGE = "flatcar_production_image.bin.bz2"
_CLOCKS_DIFFER = 300  # seconds


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "state": {"type": "str", "choices": ["read", "armed", "disarmed", "settled"], "default": "read"},
            "secret": {"type": "path", "default": "/etc/kindling/secure-link.conf", "no_log": False},
            "fleet_dir": {"type": "path", "default": "/srv/kindling/fleet"},
            "images_dir": {"type": "path", "default": "/srv/kindling/images"},
            "keyring": {"type": "path", "default": "/srv/kindling/images.partial/key.gpg", "no_log": False},
            "channels": {"type": "path", "default": "/srv/kindling/images.partial/channels.json"},
            "machines": {"type": "list", "elements": "str"},
            "src": {"type": "path"},
            "who": {"type": "str", "default": ""},
            "seconds": {"type": "int", "default": 7200},
            "clock": {"type": "float"},
            "again": {"type": "bool", "default": False},
            "forget": {"type": "bool", "default": False},
            **OPTIONS,
        },
        required_if=[("state", "armed", ["src"])],
        supports_check_mode=True,
    )
    act = {"read": _read, "armed": _arm, "disarmed": _disarm, "settled": _settle}[module.params["state"]]
    try:
        places = places_of(module.params, module.params["fleet_dir"])
        if places is None:
            module.exit_json(**_without_places(module.params))
        module.exit_json(**act(places, module.params, module.check_mode))
    except (arming.ArmingError, GateError, OSError) as error:
        module.fail_json(msg=f"{error}. No machine was armed.")


def _without_places(params: dict) -> dict:
    """Where nobody was ever armed, nobody has to be disarmed."""
    if params["state"] == "disarmed":
        return {"changed": False, "disarmed": {}}
    raise arming.ArmingError(f"there is no {params['installs_dir']}: run site.yml first, whose role web makes it")


def _words(params: dict) -> set | None:
    """MAC addresses are written with hyphens where armings are kept."""
    if params["machines"] is None:
        return None
    words = {word.strip() for word in params["machines"]}
    return words | {word.lower().replace(":", "-") for word in words}


def _read(places: arming.Places, params: dict, _check_mode: bool) -> dict:
    fleet_dir = Path(params["fleet_dir"])
    words, index, name = _words(params), _index(fleet_dir), served_name(fleet_dir)
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
        "keyring": _keyring(Path(params["keyring"])),
        "put_aside": put_aside(),
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
    """Of each release, the kernel, the initrd and the disk image are fetched."""
    found = {}
    for image in images_dir.glob(f"*/*/{_DISK_IMAGE}"):
        release = image.parent
        files = (path for name in (KERNEL, INITRD, _DISK_IMAGE) if (path := release / name).is_file())
        if not image.is_symlink():
            found[str(release.relative_to(images_dir))] = sum(path.stat().st_size for path in files)
    return found


def _keyring(path: Path) -> str:
    try:
        return base64.b64encode(path.read_bytes()).decode()
    except FileNotFoundError:
        return ""


def _arm(places: arming.Places, params: dict, check_mode: bool) -> dict:
    orders = arming.unpack(Path(params["src"]).read_bytes())
    secret = arming.read_secret(Path(params["secret"]))
    now = time.time()
    if params["clock"] is not None and abs(now - params["clock"]) > _CLOCKS_DIFFER:
        raise arming.ArmingError(
            f"this boot host's clock says {time.strftime('%Y-%m-%d %H:%M UTC', time.gmtime(now))}, and the controller's "
            f"{time.strftime('%Y-%m-%d %H:%M UTC', time.gmtime(params['clock']))}: set the one that is wrong"
        )
    if check_mode:
        return {"changed": bool(orders), "until": int(now) + params["seconds"]}
    until = arming.arm(places, orders, params["who"], secret, params["seconds"], params["again"])
    return {"changed": bool(orders), "until": until}


def _disarm(places: arming.Places, params: dict, check_mode: bool) -> dict:
    words = _words(params)
    changing = arming.would_disarm(places, words, params["forget"])
    if check_mode:
        return {"changed": bool(changing), "disarmed": dict.fromkeys(changing, "disarmed")}
    told = arming.disarm(places, words, params["who"], params["forget"])
    return {"changed": bool(changing), "disarmed": told}


def _settle(places: arming.Places, _params: dict, check_mode: bool) -> dict:
    if not check_mode:
        arming.settle(places)
    return {"changed": False}


if __name__ == "__main__":
    main()
