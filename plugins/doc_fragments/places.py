# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of the modules that speak of armings: see ``module_utils/places.py``."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  installs_dir:
    description: The directory of armings and reports, which the role P(kindling.flatcar.web#role) makes.
    type: path
    default: /srv/kindling/installs
  live:
    description: The directory in memory that says what is armed.
    type: path
    default: /run/kindling-armed
  supervised:
    description: The directory that s6-svscan watches, where s6 keeps what is armed. It is systemd when not given.
    type: path
"""
