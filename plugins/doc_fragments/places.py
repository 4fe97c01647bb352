# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of the modules that deal with armings: see ``module_utils/_arming/places.py``."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  installs_dir:
    description: The directory of armings and reports, which the role P(kindling.flatcar.web#role) creates.
    type: path
    default: /srv/kindling/installs
  live:
    description: The directory in memory that records what is armed.
    type: path
    default: /run/kindling-armed
  supervised:
    description: The directory that s6-svscan watches, if s6 is the supervisor. Without it, systemd is.
    type: path
"""
