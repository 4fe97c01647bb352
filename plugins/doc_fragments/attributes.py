# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a module does with ``--check`` and ``--diff``. Each module adds its level of support and the details."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options: {}
attributes:
  check_mode:
    description: Can run with C(--check), and then reports what would change without changing it.
  diff_mode:
    description: Shows with C(--diff) what changes, or would change in check mode.
"""

    # Of modules that never change anything
    READ_ONLY = r"""
options: {}
attributes:
  check_mode:
    description: Can run with C(--check), and then reports what would change without changing it.
    support: full
    details: Never changes anything.
  diff_mode:
    description: Shows with C(--diff) what changes, or would change in check mode.
    support: none
    details: There is nothing to compare.
"""
