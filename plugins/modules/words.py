# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Documents the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: words
short_description: Check the words of a role's variables that become configuration
description:
  - Checks, on the controller, each variable of one of the collection's roles that becomes a line of dnsmasq's, nginx's or systemd's
    configuration, of a script, or of a screen, by the form that its reader needs. All that are wrong are told at once, with the
    places where they are written.
  - What C(kindling_networks) says is checked wherever it is read.
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
- name: Check the words that it is given
  kindling.flatcar.words:
    role: web
"""

RETURN = r"""
"""
