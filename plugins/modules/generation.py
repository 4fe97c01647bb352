#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Publishes a generation on the boot host."""

from __future__ import annotations

DOCUMENTATION = r"""
module: generation
short_description: Publish a generation of boot files
description:
  - Tells what a boot host serves, or writes a new generation of files beside it and switches to it with one rename.
  - Whenever a run is killed, what is served is a complete generation.
  - Removes what a killed run left.
  - An arming is an order for what is published. Before and after the switch, those are ended for good whose order is not.
  - Configs that the new generation has not are put aside in C(former) in O(path), where the role P(kindling.flatcar.web#role) lets
    them answer for a while.
  - Makes the boot host's key, out of which the URLs of its nodes' configs are made, when it is first asked for.
  - The action plugin M(kindling.flatcar.publish) calls this module; there is rarely a reason to call it directly.
version_added: 0.1.0
author:
  - Kindling developers (@kindling-flatcar)
extends_documentation_fragment:
  - kindling.flatcar.attributes
  - kindling.flatcar.places
attributes:
  check_mode:
    support: full
    details: Tells the state and whether a generation would be published.
  diff_mode:
    support: none
    details: The action plugin that calls this module shows the difference.
options:
  path:
    description: The directory that holds the generations and the symlink C(current).
    type: path
    required: true
  src:
    description:
      - An archive on the boot host with the list of the files of the tree to serve, and those that are not served yet.
      - Without it the module only tells the state.
    type: path
  digest:
    description: The digest of the whole tree, checked before it is switched to.
    type: str
  private:
    description: Top directories and files of the tree that only root and O(group) can read.
    type: list
    elements: str
    default: []
  secret:
    description: Top directories and files of the tree that only root can read.
    type: list
    elements: str
    default: []
  group:
    description: The web server's group.
    type: str
    default: kindling-web
  keep:
    description: How many generations stay on the host, the served one among them.
    type: int
    default: 5
  read:
    description:
      - Paths of served files whose texts are returned in RV(texts), so that a difference can be shown.
      - Texts may hold secrets. Whoever asks for them has to keep them out of what Ansible prints, with C(no_log) for one.
    type: list
    elements: str
    default: []
  checkout:
    description:
      - What is known of where the tree comes from. It is noted beside the generation, under a number that each publishing raises.
      - Without O(src), it is noted that what is served is what this checkout says, too. Nothing that is served changes by that, so
        neither does RV(ignore:changed).
    type: dict
    suboptions:
      who:
        description: Who publishes, and where.
        type: str
        default: ""
      commit:
        description: The commit of the inventory, where it is in git.
        type: str
      dirty:
        description: Whether the inventory has changes that are in no commit.
        type: bool
        default: false
      says:
        description: A digest of the inventory's files.
        type: str
      newest:
        description: When the last of the inventory's files was written, in seconds since 1970.
        type: float
  key:
    description:
      - Return the boot host's key, which is a secret, in RV(key).
      - Whoever asks for it has to keep it out of what Ansible prints, with C(no_log) for one.
    type: bool
    default: false
  given_key:
    description: The key that the boot host is to have, 64 hexadecimal digits. It keeps the one that it has when not given.
    type: str
"""

EXAMPLES = r"""
- name: What is served?
  kindling.flatcar.generation:
    path: /srv/kindling/fleet
"""

RETURN = r"""
manifest:
  description: The SHA-256 of every file that was served before this run, by path.
  returned: success
  type: dict
texts:
  description: The texts of those files in O(read) that are served, by path.
  returned: success
  type: dict
key:
  description:
    - The boot host's key, 64 hexadecimal digits, as it is in the file C(key) in O(path), for root alone.
    - In check mode, a host that has none yet tells one that is not kept.
  returned: when O(key) is true
  type: str
published:
  description:
    - Where what was served before this run comes from, as V(served), or none where nobody noted it; and the numbers of what was
      published, by what its inventory said, as V(numbers).
  returned: when O(src) is not given
  type: dict
armings:
  description: The armings that are open, as M(kindling.flatcar.arming_info) tells them.
  returned: when O(src) is not given
  type: list
generation:
  description: The directory of the new generation.
  returned: when one was published
  type: str
"""

import grp
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.kindling.flatcar.plugins.module_utils._arming import arming
from ansible_collections.kindling.flatcar.plugins.module_utils._arming.gates import GateError
from ansible_collections.kindling.flatcar.plugins.module_utils._arming.places import OPTIONS, places_of
from ansible_collections.kindling.flatcar.plugins.module_utils._generation import generation, publishings
from ansible_collections.kindling.flatcar.plugins.module_utils._routes import host_paths


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path", "required": True},
            "src": {"type": "path"},
            "digest": {"type": "str"},
            "private": {"type": "list", "elements": "str", "default": []},
            "secret": {"type": "list", "elements": "str", "default": [], "no_log": False},  # names of directories
            "group": {"type": "str", "default": "kindling-web"},
            "keep": {"type": "int", "default": 5},
            "read": {"type": "list", "elements": "str", "default": []},
            "key": {"type": "bool", "default": False, "no_log": False},
            "given_key": {"type": "str", "no_log": True},
            "checkout": {"type": "dict", "options": publishings.CHECKOUT},
            **OPTIONS,
        },
        required_by={"src": "digest"},
        supports_check_mode=True,
    )
    try:
        module.exit_json(**run(module.params, module.check_mode))
    except (generation.GenerationError, arming.ArmingError, GateError, OSError) as error:
        module.fail_json(
            msg=f"Publishing below {module.params['path']} failed: {error}. What was served before still is."
        )


def run(params: dict, check_mode: bool) -> dict:
    root = Path(params["path"])
    if not params["src"]:
        if not check_mode:
            generation.tidy(root)
            if params["checkout"]:
                generation.confirm(root, params["checkout"])
        return {"changed": False, **_state(root, params, check_mode)}
    if check_mode:
        return {"changed": True}
    places = places_of(params, params["path"])
    if places:  # what a killed run has published ended them; going back to what was before must not bring them back
        arming.settle(places)
    access = generation.Access(
        private=frozenset(params["private"]), secret=frozenset(params["secret"]), gid=_gid(params["group"])
    )
    archive, checkout = Path(params["src"]), params["checkout"]
    published = generation.publish(root, archive, params["digest"], access, params["keep"], checkout)
    if places:
        arming.settle(places)
    return {"changed": True, "generation": str(published)}


def _state(root: Path, params: dict, check_mode: bool) -> dict:
    manifest = generation.read_manifest(root)
    state = {
        "manifest": manifest,
        "texts": _texts(root, manifest, params["read"]),
        "published": generation.published(root),
        "armings": _armings(params),
    }
    if params["key"]:
        given = _given(params["given_key"])
        there = given or generation.read_key(root) or generation.new_key()
        state["key"] = there if check_mode else generation.make_key(root, given)
    return state


def _given(key: str | None) -> str | None:
    if key and not generation.KEY_FORM.fullmatch(key):
        raise generation.GenerationError(
            "fleet_key is no key: expected 64 hexadecimal digits, as `openssl rand -hex 32` prints"
        )
    return key or None


def _armings(params: dict) -> list:
    places = places_of(params, params["path"])
    return [found for found in arming.read(places) if found["armed"]] if places else []


def _texts(root: Path, manifest: dict, wanted: list) -> dict:
    served = root / host_paths.CURRENT
    return {path: (served / path).read_text(encoding="utf-8") for path in wanted if path in manifest}


def _gid(group: str) -> int:
    try:
        return grp.getgrnam(group).gr_gid
    except KeyError:
        raise generation.GenerationError(f"the host has no group {group}: the role web makes it") from None


if __name__ == "__main__":
    main()
