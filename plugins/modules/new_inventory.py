# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documents the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: new_inventory
short_description: Write a new inventory out of a few answers
description:
  - Writes the files of an inventory with one boot host, one rack and its machines to the controller, with a comment at each part.
  - All answers are checked first, and all mistakes are reported at once.
  - A folder that has something in it is left as it is.
version_added: 0.1.0
author:
  - Kindling developers (@kindling-flatcar)
extends_documentation_fragment:
  - kindling.flatcar.attributes
attributes:
  check_mode:
    support: full
    details: Checks the answers and writes nothing.
  diff_mode:
    support: none
    details: All files are new.
options:
  path:
    description: The folder of the inventory.
    type: path
    required: true
  answers:
    description: The answers, by the names of the options of the playbook C(new.yml).
    type: dict
    required: true
  key_file:
    description: A file with the SSH public key that logs in to the machines, instead of C(new_key) in O(answers).
    type: path
  machines:
    description: The machines, as C(NAME,MAC[,ADDRESS[,INSTALL_DISK]]) in lines, or with blanks or semicolons between them.
    type: str
    default: ""
  machines_file:
    description: A CSV file with the machines, instead of O(machines). Its first line may name the columns.
    type: path
"""

EXAMPLES = r"""
- name: Write an inventory
  kindling.flatcar.new_inventory:
    path: inventories/mine
    answers: {new_reached_at: 192.0.2.10, new_interface: enp2s0, new_subnet: 10.10.0.0/24}
    key_file: ~/.ssh/id_ed25519.pub
    machines: a01,52:54:00:12:a0:01;a02,52:54:00:12:a0:02
"""

RETURN = r"""
files:
  description: The files of the inventory.
  returned: always
  type: list
  elements: str
"""
