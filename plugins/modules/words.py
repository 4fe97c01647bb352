# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documents the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: words
short_description: Check the values of a role's variables that become configuration
description:
  - Checks, on the controller, the form of each variable of one of the collection's roles that ends up in a configuration of
    dnsmasq, nginx or systemd, in a script, or on a screen. All mistakes are reported at once, with the places where they are
    written.
  - C(kindling_networks) is checked wherever it is read.
version_added: 0.1.0
author:
  - Kindling developers (@kindling-flatcar)
extends_documentation_fragment:
  - kindling.flatcar.attributes.read_only
options:
  role:
    description: The role whose variables are checked.
    type: str
    choices: [dnsmasq, flatcar_images, fleet, ipxe, records, web]
    required: true
"""

EXAMPLES = r"""
- name: Check the values that the role is given
  kindling.flatcar.words:
    role: web
"""

RETURN = r"""
"""
