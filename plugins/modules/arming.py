#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Arms and disarms machines on the boot host."""

from __future__ import annotations

DOCUMENTATION = r"""
module: arming
short_description: Arm machines on a boot host
description:
  - Lets the web server serve machines an installer for a limited time, or ends that. M(kindling.flatcar.arming_info) reports what
    is armed.
  - All machines in one archive are armed by one rename. A run that is killed has armed all of them or none.
  - The action plugins M(kindling.flatcar.install) and M(kindling.flatcar.publish) call this module; there is rarely a reason to
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
    details: Reports what would change.
  diff_mode:
    support: none
    details: Every change is in the log on the boot host.
options:
  state:
    description:
      - V(armed) arms what is in O(src); V(disarmed) ends the armings of O(machines); V(settled) removes
        armings that are over from the disk.
    type: str
    choices: [armed, disarmed, settled]
    required: true
  secret:
    description: The file with the web server's secret, which its configuration includes.
    type: path
    default: /etc/kindling/secure-link.conf
  fleet_dir:
    description: The directory of generations.
    type: path
    default: /srv/kindling/fleet
  machines:
    description:
      - The machines to act on, each by its node's name, a MAC address or its IP address. All of them when not given.
    type: list
    elements: str
  src:
    description: An archive on the boot host with the orders to arm.
    type: path
  who:
    description: Who arms or disarms, for the log.
    type: str
    default: ""
  seconds:
    description: How long machines are armed, from 60 to 86,400.
    type: int
    default: 7200
  clock:
    description:
      - The controller's time, in seconds since 1970. With O(state=armed), a boot host whose clock differs by more than five minutes
        is refused, because nobody could tell when an arming ends.
    type: float
  again:
    description: With O(state=armed), arm machines even if they are being installed.
    type: bool
    default: false
  forget:
    description: With O(state=disarmed), let machines boot their disks even if an install has left these half-written.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: End all armings
  kindling.flatcar.arming:
    state: disarmed
"""

RETURN = r"""
until:
  description: When the armings end, in seconds since 1970.
  returned: with O(state=armed)
  type: int
disarmed:
  description: What became of each node, by the name that it had when it was armed.
  returned: with O(state=disarmed)
  type: dict
"""

import time
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.kindling.flatcar.plugins.module_utils._arming import arming
from ansible_collections.kindling.flatcar.plugins.module_utils._arming.gates import GateError
from ansible_collections.kindling.flatcar.plugins.module_utils._arming.places import OPTIONS, machine_words, places_of
from ansible_collections.kindling.flatcar.plugins.module_utils._routes import host_paths

_CLOCKS_DIFFER = 300  # seconds


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "state": {"type": "str", "choices": ["armed", "disarmed", "settled"], "required": True},
            "secret": {"type": "path", "default": host_paths.SECRET, "no_log": False},
            "fleet_dir": {"type": "path", "default": host_paths.FLEET},
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
    act = {"armed": _arm, "disarmed": _disarm, "settled": _settle}[module.params["state"]]
    try:
        places = places_of(module.params, module.params["fleet_dir"])
        if places is None:
            module.exit_json(**_without_places(module.params))
        module.exit_json(**act(places, module.params, module.check_mode))
    except (arming.ArmingError, GateError, OSError) as error:
        module.fail_json(msg=f"{error}. No machine was armed.")


def _without_places(params: dict) -> dict:
    """Where nothing was ever armed, nothing has to be disarmed."""
    if params["state"] == "disarmed":
        return {"changed": False, "disarmed": {}}
    raise arming.ArmingError(f"there is no {params['installs_dir']}: run site.yml first, whose role web creates it")


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
    words = machine_words(params["machines"])
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
