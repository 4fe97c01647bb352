# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documents the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: install
short_description: Arm nodes for one installation each, and wait until they run
description:
  - The steps of the playbook C(install.yml). V(plan) reads and checks O(nodes), the boot hosts, and of all other nodes what they
    could have in common with these by mistake, such as a MAC address. The others are delegated to a boot host and act on those of
    O(nodes) that are armed there.
  - Nothing is armed unless the boot host serves what the inventory says now.
  - Tokens are generated for each arming and shipped in one archive; they appear in no output and no log.
version_added: 0.1.0
author:
  - Kindling developers (@kindling-flatcar)
extends_documentation_fragment:
  - kindling.flatcar.attributes
attributes:
  check_mode:
    support: full
    details: Checks everything, and reports what would be armed.
  diff_mode:
    support: none
    details: Every arming is in the log on the boot host.
options:
  command:
    description:
      - V(check_limit) fails unless the run is explicitly for these nodes.
      - V(plan) decides on which boot host each node is armed; V(check) checks that the boot host serves what the inventory says;
        V(show) shows what will happen to which disk; V(draw_seed) draws the seed that tokens are derived from.
      - V(witness) announces armings to the other boot host of a pair; V(arm) arms; V(wait) waits for the nodes' reports and
        shows them; V(disarm) ends armings.
    type: str
    choices: [check_limit, plan, check, show, draw_seed, witness, arm, wait, disarm]
    required: true
  nodes:
    description: The names of the nodes. With O(command=disarm), all that the boot host knows when not given.
    type: list
    elements: str
  limit:
    description:
      - With O(command=check_limit), the run's C(--limit). It selects all nodes of the inventory only if it names them one by one.
    type: str
    default: ""
  plan:
    description: What O(command=plan) returned. Needed for V(check), V(show), V(witness) and V(arm).
    type: dict
  checked:
    description:
      - The results of O(command=check), for V(show), V(witness) and V(arm). A node that was being installed then is waited for,
        and not armed again once its install has ended.
    type: list
    elements: dict
    default: []
  batches:
    description: With O(command=show), how many nodes are armed at a time, as C(serial) has it.
    type: list
    elements: raw
    default: []
  seed:
    description: What O(command=draw_seed) returned as RV(seed), a secret. Needed for V(witness) and V(arm).
    type: str
  expires:
    description: How many seconds the nodes are armed, from 60 to 86,400.
    type: int
    default: 7200
  again:
    description:
      - With O(command=witness) and V(arm), arm nodes even if they are being installed. Otherwise their installs are waited for.
    type: bool
    default: false
  new_disk:
    description:
      - With O(command=show) and V(arm), install even if a disk that is named by its slot has another serial number than the last
        installation found there.
    type: bool
    default: false
  without_peer:
    description: With O(command=plan), leave out the other boot host of a pair. It may then let machines boot half-written disks.
    type: bool
    default: false
  all_nodes:
    description: With O(command=wait), the nodes of all batches in order, to report which were not started.
    type: list
    elements: str
    default: []
  max_fail_percentage:
    description: With O(command=wait), the percentage of nodes that may fail before no further batch is started.
    type: float
    default: 0
  machines:
    description: With O(command=disarm), machines besides O(nodes), by name, MAC address or IP address.
    type: list
    elements: str
    default: []
  timeout:
    description: How many seconds to wait for the nodes' reports.
    type: int
    default: 2700
  armings:
    description: What O(command=arm) returned as RV(armings). Needed for V(wait).
    type: dict
  power:
    description: With O(command=plan), check that nodes with C(flatcar_bmc) can be powered on from here.
    type: bool
    default: true
  forget:
    description: With O(command=disarm), let machines boot their disks even if an install has left these half-written.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Read the inventory
  kindling.flatcar.install:
    command: plan
    nodes: [a01, a02]
  register: plan

- name: Arm nodes
  kindling.flatcar.install:
    command: arm
    nodes: [a01, a02]
    plan: "{{ plan }}"
  delegate_to: boot-a
"""

RETURN = r"""
boot_hosts:
  description: The boot hosts on which nodes are armed.
  returned: with O(command=plan)
  type: list
  elements: str
home:
  description: The boot host on which each node is armed.
  returned: with O(command=plan)
  type: dict
witnesses:
  description: The other boot hosts of pairs, to which armings are announced.
  returned: with O(command=plan)
  type: list
  elements: str
seed:
  description: What this run's tokens are derived from, a secret.
  returned: with O(command=draw_seed)
  type: str
armings:
  description: The number and the time of each node's arming, including those that are waited for.
  returned: with O(command=arm)
  type: dict
armed:
  description: The nodes that this run armed.
  returned: with O(command=arm)
  type: list
  elements: str
nodes:
  description:
    - What became of each node. C(state) is V(running) if all went well.
    - With O(command=check), what its boot host knows of it.
  returned: with O(command=wait) and O(command=check)
  type: dict
disarmed:
  description: What became of each node.
  returned: with O(command=disarm)
  type: dict
"""
