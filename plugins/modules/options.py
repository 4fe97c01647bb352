# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documents the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: options
short_description: Check the options that a playbook was given with -e
description:
  - Checks, on the controller, what a playbook of this collection was given with C(-e), before it does anything. A former name is
    refused with the one of now, a name that looks like an option and is none with the nearest, and a value with what was expected.
    All that are wrong are told at once.
  - An option is given for one run. One that stands in the inventory is not obeyed. C(site.yml), C(check.yml), C(images.yml),
    C(install.yml) and C(rollback.yml) are refused then, unless C(-e) gives it, too; the others go on with a warning.
  - Variables of other names are never looked at.
version_added: 0.1.0
author:
  - Kindling developers (@kindling-flatcar)
extends_documentation_fragment:
  - kindling.flatcar.attributes.read_only
options:
  playbook:
    description: Whose options are checked. C(check.yml) and C(images.yml) have those of C(site.yml).
    type: str
    choices: [site, install, disarm, rollback, new, status, explain, validate, acceptance, dhcp_options]
    required: true
seealso:
  - plugin: kindling.flatcar.options
    plugin_type: lookup
    description: Returns them.
"""

EXAMPLES = r"""
- name: Check the options
  kindling.flatcar.options:
    playbook: status
  run_once: true
"""

RETURN = r"""
"""
