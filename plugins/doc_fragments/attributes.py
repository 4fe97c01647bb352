# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a module does with ``--check`` and ``--diff``. Modules say how far, and in what way, themselves."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options: {}
attributes:
  check_mode:
    description: Can be run with C(--check), and says then what would change without changing it.
  diff_mode:
    description: Shows with C(--diff) what changes, or in check mode would.
"""

    # Of modules that never change anything
    READ_ONLY = r"""
options: {}
attributes:
  check_mode:
    description: Can be run with C(--check), and says then what would change without changing it.
    support: full
    details: Never changes anything.
  diff_mode:
    description: Shows with C(--diff) what changes, or in check mode would.
    support: none
    details: There is nothing to differ.
"""
