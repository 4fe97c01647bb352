#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Publishes a generation of boot files on the boot host."""

from __future__ import annotations

DOCUMENTATION = r"""
module: generation
short_description: Publish a generation of boot files
description:
  - Reports what a boot host serves, or writes a new generation of files beside it and switches to it with one rename.
  - A complete generation is served at all times, whenever a run is killed.
  - Removes what a killed run left behind.
  - An arming is an order for what is published. Armings whose order is no longer published are ended for good, before and after
    the switch.
  - Configs that the new generation lacks are put aside in C(former) in O(path), where the role P(kindling.flatcar.web#role) keeps
    serving them for a while.
  - Creates the boot host's key, from which the URLs of its nodes' configs are derived, when it is first requested.
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
    details: Reports the state and whether a generation would be published.
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
      - An archive on the boot host with what differs in the tree to serve from the served one. It has the contents of those files
        that are not served yet.
      - Without it the module only reports the state.
    type: path
  digest:
    description: The digest of the whole tree, checked before the switch.
    type: str
  private:
    description: Top-level directories and files of the tree that only root and O(group) can read.
    type: list
    elements: str
    default: []
  secret:
    description: Top-level directories and files of the tree that only root can read.
    type: list
    elements: str
    default: []
  group:
    description: The web server's group.
    type: str
    default: kindling-web
  keep:
    description: How many generations to keep on the host, including the served one.
    type: int
    default: 5
  manifest:
    description:
      - The parts of the manifest of what is served that are returned in RV(manifest), as RV(parts) names them. A caller that
        compares RV(parts) with its own fetches only what differs.
    type: list
    elements: str
    default: []
  read:
    description:
      - Paths of served files whose contents are returned in RV(texts), so that a diff can be shown.
      - Contents may hold secrets. The caller has to keep them out of Ansible's output, for example with C(no_log).
    type: list
    elements: str
    default: []
  checkout:
    description:
      - What is known of where the tree comes from. It is recorded beside the generation, under a number that rises with each one.
      - Without O(src), it is recorded that this checkout describes what is served, too. That changes nothing that is served, so
        RV(ignore:changed) stays false.
    type: dict
    suboptions:
      who:
        description: Who publishes, and from where.
        type: str
        default: ""
      commit:
        description: The commit of the inventory, if it is in git.
        type: str
      dirty:
        description: Whether the inventory has uncommitted changes.
        type: bool
        default: false
      says:
        description: A digest of the inventory's files.
        type: str
      newest:
        description: When the newest of the inventory's files was written, in seconds since 1970.
        type: float
  key:
    description:
      - Return the boot host's key, which is a secret, in RV(key).
      - The caller has to keep it out of Ansible's output, for example with C(no_log).
    type: bool
    default: false
  given_key:
    description: The key that the boot host is to have, 64 hexadecimal digits. It keeps its present key when not given.
    type: str
"""

EXAMPLES = r"""
- name: What is served?
  kindling.flatcar.generation:
    path: /srv/kindling/fleet
"""

RETURN = r"""
parts:
  description:
    - Digests of the manifest of what is served (the SHA-256 of every file, by path), part by part. Which part a path belongs to is
      known from the path alone.
  returned: when O(src) is not given
  type: dict
manifest:
  description: The SHA-256 of every served file in the parts in O(manifest), by path.
  returned: when O(src) is not given
  type: dict
texts:
  description: The contents of the files in O(read) that are served, by path.
  returned: success
  type: dict
key:
  description:
    - The boot host's key, 64 hexadecimal digits, from the file C(key) in O(path), which only root can read.
    - In check mode, a host that has no key yet returns one that is not kept.
  returned: when O(key) is true
  type: str
published:
  description:
    - As V(served), where what was served before this run comes from, or null if that was not recorded; as V(numbers), the numbers
      of what was published, by the digest of its inventory.
  returned: when O(src) is not given
  type: dict
armings:
  description: The open armings, as M(kindling.flatcar.arming_info) reports them.
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
            "manifest": {"type": "list", "elements": "str", "default": []},
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
    if places:  # what a killed run published ended them; a rollback to what was before must not revive them
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
        "parts": generation.parts_of(manifest),
        "manifest": {
            path: sha256 for path, sha256 in manifest.items() if generation.part_of(path) in params["manifest"]
        },
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
            "fleet_key is not a key: expected 64 hexadecimal digits, as `openssl rand -hex 32` prints"
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
        raise generation.GenerationError(f"the host has no group {group}: the role web creates it") from None


if __name__ == "__main__":
    main()
