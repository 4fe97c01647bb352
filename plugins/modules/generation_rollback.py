#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Switches the boot host to one of its earlier generations."""

from __future__ import annotations

DOCUMENTATION = r"""
module: generation_rollback
short_description: Roll back to an earlier generation of boot files
description:
  - Switches a boot host to a generation that it served before, by one rename, and holds it, so that the next run of C(site.yml)
    does not undo the rollback by accident.
  - Before the switch, all files of that generation are checked against the digest in its name, and the releases that its scripts
    fetch have to be on the host.
  - Armings whose order the served generation lacks are ended for good, before the switch and after it.
version_added: 0.1.0
author:
  - Kindling developers (@kindling-flatcar)
extends_documentation_fragment:
  - kindling.flatcar.attributes
  - kindling.flatcar.places
attributes:
  check_mode:
    support: full
    details: Checks the generation all the same, and reports whether the host would switch to it.
  diff_mode:
    support: none
    details: RV(generations) shows what is served before and after.
options:
  path:
    description: The directory that holds the generations and the symlink C(current).
    type: path
    required: true
  state:
    description:
      - V(listed) lists the generations.
      - V(checked) lists them as well, and fails if the served one is held and O(hold) does not say what becomes of the hold.
      - V(switched) switches to O(generation) and holds it. If it is served already, it is only held.
      - V(released) ends the hold.
    type: str
    choices: [listed, checked, switched, released]
    default: listed
  generation:
    description:
      - The generation's name, or a prefix that is unique to it.
      - When not given, the one that was served when the served one was published. Rolling back twice goes back two generations;
        a generation that was rolled back can only be switched to by its name.
    type: str
  hold:
    description: With O(state=checked), whether what is served is going to be held, or the hold ended.
    type: bool
  describe:
    description: Also list in RV(generations) by whom and from which commit each was published, and what it changed.
    type: bool
    default: false
  images_dir:
    description: The directory of the releases that scripts fetch.
    type: path
    default: /srv/kindling/images
"""

EXAMPLES = r"""
- name: Roll back to the generation before the served one
  kindling.flatcar.generation_rollback:
    path: /srv/kindling/fleet
    state: switched
"""

RETURN = r"""
served:
  description: The name of the generation that is served now, or in check mode would be. Null if nothing is served.
  returned: success
  type: str
message:
  description: What was done, or in check mode would be.
  returned: success
  type: str
reservations:
  description: Whether dnsmasq's files differ from before.
  returned: success
  type: bool
nodes:
  description: The nodes that are published now.
  returned: success
  type: list
  elements: str
ended:
  description: The nodes whose armings were ended, or in check mode would be.
  returned: success
  type: list
  elements: str
published:
  description:
    - As V(served), where the served generation comes from, or null if that was not recorded; as V(numbers), the numbers of what
      was published, by the digest of its inventory.
  returned: success
  type: dict
generations:
  description: A line for each generation on the host, with the time of the last switch to it, the latest first.
  returned: success
  type: list
  elements: str
"""

import json
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.kindling.flatcar.plugins.module_utils._arming import arming
from ansible_collections.kindling.flatcar.plugins.module_utils._arming.gates import GateError
from ansible_collections.kindling.flatcar.plugins.module_utils._arming.places import OPTIONS, places_of
from ansible_collections.kindling.flatcar.plugins.module_utils._generation import generation, history
from ansible_collections.kindling.flatcar.plugins.module_utils._routes import host_paths, routes


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path", "required": True},
            "state": {"type": "str", "choices": ["listed", "checked", "switched", "released"], "default": "listed"},
            "generation": {"type": "str"},
            "hold": {"type": "bool"},
            "describe": {"type": "bool", "default": False},
            "images_dir": {"type": "path", "default": host_paths.IMAGES},
            **OPTIONS,
        },
        supports_check_mode=True,
    )
    root = Path(module.params["path"])
    try:
        before, _names = generation.served_history(root)
        places = places_of(module.params, str(root))
        settling = places if module.params["state"] == "switched" and not module.check_mode else None
        _settle(settling)
        armed = [found for found in arming.read(places) if found["armed"]] if places else []
        served, changed = change(root, module.params, before.current, module.check_mode)
        _settle(settling)
        after, names = generation.served_history(root)
        told = generation.told_of(root, after) if module.params["describe"] else {}
    except (generation.GenerationError, arming.ArmingError, GateError, OSError) as error:
        module.fail_json(msg=f"{root}: {error}. What was served before still is.")
    refusal = _refusal(after, module.params["hold"]) if module.params["state"] == "checked" else None
    if refusal:
        module.fail_json(msg=f"{refusal} Nothing was changed.")
    module.exit_json(
        changed=changed,
        served=served,
        message=_message(module.params["state"], before.current, served, changed, module.check_mode),
        reservations=_reservations(root, before.current) != _reservations(root, served),
        nodes=_nodes(root, served),
        ended=sorted(found["node"] for found in armed if not _is_ordered(root, served, found)),
        published=generation.published(root),
        generations=generation.listing(after, names, told),
    )


def change(root: Path, options: dict, served: str | None, check_mode: bool) -> tuple[str | None, bool]:
    """What is served afterwards, and whether anything changed."""
    if options["state"] == "switched":
        return generation.go_back(root, options["generation"], Path(options["images_dir"]), check_mode)
    return served, options["state"] == "released" and generation.end_hold(root, check_mode)


def _refusal(record: history.History, hold: bool | None) -> str | None:
    """Why a run that says this of the hold must not begin: a rollback is not undone by accident, and there is something to hold."""
    if hold is None and record.is_held:
        return generation.hold_message(record)
    if hold and record.current is None:
        return "This boot host serves nothing yet, so there is nothing to hold: leave fleet_hold out (site.yml: site_hold)."
    return None


def _settle(places: arming.Places | None) -> None:
    if places:
        arming.settle(places)


def _is_ordered(root: Path, name: str | None, found: dict) -> bool:
    orders = root / generation.GENERATIONS / (name or "") / routes.WEB / routes.ORDERS
    return (orders / found["address"] / arming.digest_of(found["about"])).is_file()


def _nodes(root: Path, name: str | None) -> list[str]:
    try:
        index = json.loads((root / generation.GENERATIONS / (name or "") / routes.INDEX).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return []
    return sorted(index["nodes"])


def _message(state: str, before: str | None, served: str | None, changed: bool, check_mode: bool) -> str:
    if not changed:
        return "changed nothing"
    what = f"switch from {before} to {served}, and hold it" if served != before else f"hold {served}"
    return f"{'would do' if check_mode else 'done'}: {what if state == 'switched' else 'end the hold'}"


def _reservations(root: Path, name: str | None) -> set[tuple[str, bytes]]:
    files = (root / generation.GENERATIONS / name / "dnsmasq").glob("*") if name else ()
    return {(file.name, file.read_bytes()) for file in files}


if __name__ == "__main__":
    main()
