# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documents the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: options
short_description: Check the options that a playbook was given with -e
description:
  - Checks, on the controller, what a playbook of this collection was given with C(-e), before the playbook does anything. The
    message for a former name gives the current one, for an unknown option the nearest one, and for a value what was expected. All
    mistakes are reported at once.
  - An option is given for one run. One that is set in the inventory is ignored. C(site.yml), C(check.yml), C(images.yml),
    C(install.yml) and C(rollback.yml) refuse to run then, unless C(-e) gives it, too; the others continue with a warning.
  - Variables with other names are never checked.
version_added: 0.1.0
author:
  - Kindling developers (@kindling-flatcar)
extends_documentation_fragment:
  - kindling.flatcar.attributes.read_only
options:
  playbook:
    description: The playbook whose options are checked. C(check.yml) and C(images.yml) have those of C(site.yml).
    type: str
    choices: [site, install, disarm, rollback, new, status, journey, explain, validate, acceptance, dhcp_options]
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
