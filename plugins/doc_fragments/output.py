# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of the actions that print what they found: see ``plugin_utils/_output/output.py``."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  format:
    description: Text for people, or one JSON document for programs.
    type: str
    choices: [text, json]
    default: text
  output:
    description: The file on the controller to write the output to. It is printed when not given.
    type: path
"""
