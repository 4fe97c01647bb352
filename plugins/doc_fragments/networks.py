# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A boot host's provisioning networks, as they are written and as they are read."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  networks:
    description: The boot host's provisioning networks, as C(kindling_networks) in the inventory.
    type: list
    elements: dict
"""

    READ = r"""
options:
  networks:
    description: The boot host's provisioning networks, as the filter P(kindling.flatcar.boot_networks#filter) returns them.
    type: list
    elements: dict
    required: true
"""
