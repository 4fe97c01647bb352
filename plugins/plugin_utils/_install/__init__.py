# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Installing a node to its disk: the installer's config and script, and how an installed node reports.

    made = build(node, config, version="4593.2.5", hosts=["http://10.0.0.1"], token=token, key=key_text)
    made.config       # Ignition of the RAM system that installs
    made.final        # Ignition of the installed system: the node's own, and the report that it runs

The shell scripts beside this file get all their input from files of ``KEY=VALUE`` lines; nothing is templated into them.
"""

from __future__ import annotations

from .installer import Installer, build, script
from .reporting import check_config, config_digest, with_report, without_report

__all__ = ("Installer", "build", "check_config", "config_digest", "script", "with_report", "without_report")
