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
  - The Kindling developers
attributes:
  check_mode:
    support: full
    description: Tells what would change.
  diff_mode:
    support: none
    description: Every change is in the log on the boot host.
options:
  state:
    description:
      - V(read) tells what there is; V(armed) arms what is in O(src); V(disarmed) ends the armings of O(nodes); V(settled) takes
        what is over off the disk.
    type: str
    choices: [read, armed, disarmed, settled]
    default: read
  path:
    description: The directory of armings and reports, which the role P(kindling.flatcar.web#role) makes.
    type: path
    default: /srv/kindling/installs
  live:
    description: The directory in memory that says what is armed.
    type: path
    default: /run/kindling
  secret:
    description: The file with the secret that the web server includes.
    type: path
    default: /etc/kindling/secure-link.conf
  group:
    description: The web server's group.
    type: str
    default: www-data
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
  nodes:
    description: The names of the nodes to speak of. All of them when not given, but V(disarmed) needs them.
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
    description: How long machines are armed.
    type: int
    default: 7200
  clock:
    description:
      - What time the controller has, in seconds since 1970. With O(state=armed), a boot host that differs by more than five minutes
        is refused, because nobody could tell when an arming ends.
    type: float
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
  description: What is published for each node.
  returned: with O(state=read)
  type: dict
armings:
  description: The armings of each node, the latest first, with what was reported.
  returned: with O(state=read)
  type: dict
reports:
  description: What nodes in RAM reported.
  returned: with O(state=read)
  type: dict
images:
  description: The releases whose disk image is there, as board and version.
  returned: with O(state=read)
  type: list
keyring:
  description: The keys that images are signed with, in base64; empty where there are none.
  returned: with O(state=read)
  type: str
until:
  description: When the armings end, in seconds since 1970.
  returned: with O(state=armed)
  type: int
disarmed:
  description: The nodes of which there is something to say, and what.
  returned: with O(state=disarmed)
  type: dict
"""

import base64
import grp
import json
import time
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.kindling.flatcar.plugins.module_utils import arming

_DISK_IMAGE = "flatcar_production_image.bin.bz2"
_CLOCKS_DIFFER = 300  # seconds


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "state": {"type": "str", "choices": ["read", "armed", "disarmed", "settled"], "default": "read"},
            "path": {"type": "path", "default": "/srv/kindling/installs"},
            "live": {"type": "path", "default": "/run/kindling"},
            "secret": {"type": "path", "default": "/etc/kindling/secure-link.conf", "no_log": False},
            "group": {"type": "str", "default": "www-data"},
            "fleet_dir": {"type": "path", "default": "/srv/kindling/fleet"},
            "images_dir": {"type": "path", "default": "/srv/kindling/images"},
            "keyring": {"type": "path", "default": "/srv/kindling/images.partial/key.gpg", "no_log": False},
            "nodes": {"type": "list", "elements": "str"},
            "src": {"type": "path"},
            "who": {"type": "str", "default": ""},
            "seconds": {"type": "int", "default": 7200},
            "clock": {"type": "float"},
            "forget": {"type": "bool", "default": False},
        },
        required_if=[("state", "armed", ["src"]), ("state", "disarmed", ["nodes"])],
        supports_check_mode=True,
    )
    act = {"read": _read, "armed": _arm, "disarmed": _disarm, "settled": _settle}[module.params["state"]]
    try:
        module.exit_json(**act(_places(module.params), module.params, module.check_mode))
    except (arming.ArmingError, OSError) as error:
        module.fail_json(msg=f"{error}. No machine was armed.")


def _places(params: dict) -> arming.Places:
    installs = Path(params["path"])
    if not (installs / "armed").is_dir():
        raise arming.ArmingError(f"there is no {installs}: run site.yml first, whose role web makes it")
    try:
        gid = grp.getgrnam(params["group"]).gr_gid
    except KeyError:
        raise arming.ArmingError(f"the host has no group {params['group']}: run site.yml first") from None
    return arming.Places(installs, Path(params["live"]), gid)


def _read(places: arming.Places, params: dict, _check_mode: bool) -> dict:
    names = params["nodes"]
    index = _index(Path(params["fleet_dir"]))
    if names is not None:
        index = {name: index[name] for name in names if name in index}
    hashes = {entry["token"]: name for name, entry in index.items() if "token" in entry}
    return {
        "changed": False,
        "now": int(time.time()),
        "index": index,
        "armings": arming.read(places, names),
        "reports": arming.read_tokens(places, hashes),
        "images": sorted(str(path.parent) for path in _images(Path(params["images_dir"]))),
        "keyring": _keyring(Path(params["keyring"])),
    }


def _index(fleet_dir: Path) -> dict:
    try:
        return json.loads((fleet_dir / "current" / "index.json").read_text(encoding="utf-8"))["nodes"]
    except FileNotFoundError:
        return {}
    except (ValueError, KeyError):
        raise arming.ArmingError(f"{fleet_dir}/current/index.json is damaged: run site.yml") from None


def _images(images_dir: Path) -> list:
    return [path.relative_to(images_dir) for path in images_dir.glob(f"*/*/{_DISK_IMAGE}") if not path.is_symlink()]


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
    return {"changed": bool(orders), "until": arming.arm(places, orders, params["who"], secret, params["seconds"])}


def _disarm(places: arming.Places, params: dict, check_mode: bool) -> dict:
    changing = arming.would_disarm(places, params["nodes"], params["forget"])
    if check_mode:
        return {"changed": bool(changing), "disarmed": dict.fromkeys(changing, "disarmed")}
    told = arming.disarm(places, params["nodes"], params["who"], params["forget"])
    return {"changed": bool(changing), "disarmed": told}


def _settle(places: arming.Places, _params: dict, check_mode: bool) -> dict:
    if not check_mode:
        arming.settle(places)
    return {"changed": False}


if __name__ == "__main__":
    main()
