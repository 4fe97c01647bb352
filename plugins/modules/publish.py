# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documents the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: publish
short_description: Check the nodes, and publish what a boot host's nodes boot
description:
  - Reads the variables of all nodes, in one pass on the controller, and checks them one by one and against each other. Every
    problem is reported, with the node, the variable and its place in the inventory. So are placeholders of the example inventory
    (its key, its digest, names in example.com), about which M(kindling.flatcar.validate) only warns.
  - Refuses a checkout of the inventory that is older than the one from which a boot host's generation was published. In a git
    repository the commit has to be that one or a descendant. If git cannot tell, an inventory is older if the same files were
    published under a lower number and none of them is as new as what is served; any other is published, with a warning that its age
    is unknown. Git only reads, on the controller.
  - With O(command=publish), builds iPXE scripts, Ignition configs and DHCP reservations, sends what the boot host lacks in
    one transfer, and switches to it with one rename. Publishing the same inventory again changes nothing.
version_added: 0.1.0
author:
  - Kindling developers (@kindling-flatcar)
extends_documentation_fragment:
  - kindling.flatcar.attributes
  - kindling.flatcar.networks
attributes:
  check_mode:
    support: full
    details: Reports what would be published.
  diff_mode:
    support: full
    details:
      - Shows for each node what changes in its reservation, script and decoded Ignition config, and when that takes effect. What
        many nodes have in common is shown once.
      - First lists which armings end, because what was ordered is not what the inventory says now.
      - Then lists which disks of which nodes newly lose data, compared with what is served, and which lose data as before.
      - Password hashes, keys, values of HTTP headers and vaulted strings are replaced by marks, different ones for different
        secrets.
      - For nodes that boot their own disk, the boot host keeps the configs as they are shown, readable by root only.
options:
  command:
    description:
      - V(check) reads and checks, for all O(hosts) at once, and changes nothing but the controller's memory.
      - V(publish) publishes on one boot host. It needs O(networks) and O(images).
      - V(hold) publishes nothing, and ends the armings there that are for anything other than what the inventory says now. It
        needs O(networks).
    type: str
    choices: [check, hold, publish]
    default: publish
  hosts:
    description:
      - With O(command=check), the boot hosts whose nodes are checked. Their own C(kindling_networks) decide which nodes those are.
      - The task's boot host when not given.
    type: list
    elements: str
  nodes:
    description:
      - With O(command=publish), the nodes of this boot host, as returned in RV(fleets) in this run. They are published as they were
        checked. Those whose variables have changed since, by facts or C(set_fact) for example, or whose templates look at a host
        whose variables have, are read again; all are checked against each other again.
      - What was checked is kept in the controller's memory until the run ends, if the play's C(hosts) come from the lookup
        P(kindling.flatcar.hosts#lookup) and the controller runs Linux. Otherwise these nodes are read again.
      - When not given, the whole inventory is read and checked.
    type: list
    elements: str
  images:
    description:
      - The releases that the boot host serves, as the role P(kindling.flatcar.flatcar_images#role) returns them. Their C(board),
        C(channel), C(requested) and C(version) are used.
    type: list
    elements: dict
    default: []
  path:
    description: The directory on the boot host that holds the generations.
    type: path
    default: /srv/kindling/fleet
  group:
    description: The web server's group, which may read scripts and configs.
    type: str
    default: kindling-web
  keep:
    description: How many generations to keep on the boot host.
    type: int
    default: 5
  files_dir:
    description: The directory on the controller that holds Butane's C(local) files.
    type: path
  refuse_losses:
    description:
      - With O(command=publish), publish nothing that makes further disks lose data without any arming, as disks of nodes in RAM
        do. Meant for unattended publishing.
    type: bool
    default: false
  refusal_file:
    description:
      - A file on the controller for what O(refuse_losses) refused, as JSON with a list C(losses). It is not written when
        nothing is refused.
    type: path
  known:
    description:
      - With O(command=check), what is known of where each boot host's generation comes from, by boot host, as
        M(kindling.flatcar.generation_rollback)
        returns it in RV(kindling.flatcar.generation_rollback#module:published).
    type: dict
    default: {}
  checkout:
    description:
      - With O(command=publish), the checkout of the inventory, as returned in RV(checkout) in this run. The boot host records it.
      - When not given, the checkout is examined.
    type: dict
  older:
    description: Publish from an older checkout, too, with a warning.
    type: bool
    default: false
  key:
    description:
      - The key from which the URLs of configs and the tokens of nodes' reports are derived, 64 hexadecimal digits. When not given,
        the boot host generates one and keeps it.
    type: str
"""

EXAMPLES = r"""
- name: Check the nodes of all boot hosts before anything changes
  kindling.flatcar.publish:
    command: check
    hosts: "{{ ansible_play_batch }}"
  register: checked
  run_once: true

- name: Publish what the nodes boot
  kindling.flatcar.publish:
    networks: "{{ kindling_networks }}"
    nodes: "{{ checked.fleets[inventory_hostname].nodes }}"
    images: "{{ flatcar_images_mirrored.images }}"
"""

RETURN = r"""
fleets:
  description: What the roles need to know of the nodes, by boot host.
  returned: when O(command=check)
  type: dict
  contains:
    nodes:
      description: The names of the nodes that this boot host serves.
      returned: always
      type: list
      elements: str
    known_as:
      description: How other boot hosts may know each of them, by name and MAC addresses; an IP address may be another node's there.
      returned: always
      type: dict
    images:
      description:
        - The releases that the nodes ask for, each with board, channel and version, and with C(install) if a node also needs the
          disk image.
      returned: always
      type: list
      elements: dict
    programs:
      description:
        - The operator's boot programs that nodes ask for, each with C(path) on the controller, C(sha256), the C(name) to serve it
          under, C(architecture), and the C(tag) that dnsmasq gives to its nodes.
      returned: always
      type: list
      elements: dict
    program_choices:
      description: The MAC addresses of the nodes that choose a boot program, by the tag that dnsmasq gives to them.
      returned: always
      type: dict
checkout:
  description: What is known of the checkout of the inventory, for O(checkout).
  returned: when O(command=check)
  type: dict
  contains:
    who:
      description: Who runs the playbook and where, with the user name that git is configured with.
      returned: always
      type: str
    commit:
      description: The commit; null if git cannot tell, or tracks no file of the inventory.
      returned: always
      type: str
    dirty:
      description: Whether the inventory has uncommitted changes.
      returned: always
      type: bool
    says:
      description: A digest of the inventory's files.
      returned: always
      type: str
    newest:
      description: When the newest of them was written, in seconds since 1970.
      returned: always
      type: float
    unknown:
      description: Why git cannot tell the commit; empty if it can, or if there is no repository.
      returned: always
      type: str
    folder:
      description: The repository's work tree.
      returned: always
      type: str
changes:
  description: The paths that were added, changed and removed.
  returned: when O(command=publish)
  type: dict
ended:
  description: The nodes whose armings ended, or in check mode would.
  returned: when O(command=publish) or V(hold)
  type: list
  elements: str
generation:
  description: The directory of the new generation on the boot host.
  returned: when one was published
  type: str
"""
